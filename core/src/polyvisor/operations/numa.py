"""Which of the host's NUMA cells a domain's memory comes from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, NoSuchDomain
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef
from polyvisor.operations.session import Session


class NumaMode(StrEnum):
    """How memory is bound to cells, as in ``<numatune><memory mode=...>``."""

    STRICT = "strict"
    PREFERRED = "preferred"
    INTERLEAVE = "interleave"
    RESTRICTIVE = "restrictive"


@dataclass(frozen=True, slots=True)
class NumaParameters:
    """The domain's binding: mode and the numbers of host cells; no cells means any."""

    mode: NumaMode
    nodeset: frozenset[int] = frozenset()


@operation(capability="numa.params", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def numa_parameters(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> NumaParameters:
    """The cells that the domain's memory is bound to."""
    raise NotImplementedError


@operation(
    capability="numa.params.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def set_numa_parameters(
    session: Session,
    domain: DomainRef,
    *,
    mode: NumaMode | None = None,
    nodeset: Collection[int] | None = None,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Change the binding; None leaves a part as it is.

    A running guest's mode cannot change, and its memory can move only if the mode is strict or restrictive:
    InvalidState otherwise. Raises InvalidArgument for a cell that the host does not have, and for a mode that
    this hypervisor does not, naming it."""
    raise NotImplementedError
