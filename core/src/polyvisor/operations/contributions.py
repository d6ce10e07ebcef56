"""What a driver may add beside operations: documents of its own, defaults and checks of its hypervisor.

These hooks are called by the core around operations; they are no calls of a user's, so they need no permission
and appear in no support matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.documents import Contribution
    from polyvisor.model.domain import Domain

Function = TypeVar("Function", bound=Callable[..., Any])

CONTRIBUTIONS: dict[str, Callable[..., Any]] = {}
"""Every contribution hook by name."""


def contribution(function: Function) -> Function:
    """Declare the decorated function as a hook that is not an operation."""
    CONTRIBUTIONS[function.__name__] = function
    return function


@contribution
def document_classes() -> Iterable[Contribution]:
    """Element classes in the driver's own XML namespaces, each saying which element it ``extends``; and words.

    Grammar, reading, writing and diagnosis follow from the classes. A driver of domains of a new type brings the
    word (``polyvisor.model.domaintype.DOMAIN_TYPE.word("acme")``). An entry point of the group
    ``polyvisor.documents`` that names the same sequence lets documents be read without a connection, too."""
    raise NotImplementedError


@contribution
def prepare_domain(session: Session, config: Domain) -> None:
    """Fill into ``config``, in place, what has to stand there before the defaults that hold for every hypervisor.

    For hypervisors where such a default would be wrong: the places of disks on buses of another width. What can wait
    belongs into ``complete_domain``."""
    raise NotImplementedError


@contribution
def complete_domain(session: Session, config: Domain) -> None:
    """Fill into ``config``, in place, what this hypervisor implies (emulator, machine, controllers, ...).

    Called after the defaults that hold for every hypervisor and before ``check_domain`` and ``define``,
    ``create`` or ``to_native``."""
    raise NotImplementedError


@contribution
def check_domain(session: Session, config: Domain) -> None:
    """Raise UnsupportedConfiguration for what the completed ``config`` asks and this hypervisor cannot do."""
    raise NotImplementedError
