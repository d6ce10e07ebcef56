"""Finding domains and asking what they are doing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDomain
from polyvisor.operations.declaration import operation
from polyvisor.operations.records import Column, DomainRef, DomainRow, DomainState, StateInfo
from polyvisor.operations.session import Session


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """The facts of ``virsh dominfo``. Memory in KiB; ``cpu_time_ns`` is None when the domain is not running."""

    state: DomainState
    reason: str
    max_memory_kib: int
    memory_kib: int
    vcpus: int
    cpu_time_ns: int | None
    persistent: bool
    autostart: bool
    managed_save: bool
    os_type: str
    updated: bool = False


@dataclass(frozen=True, slots=True)
class ControlInfo:
    """Whether the hypervisor's control channel to a guest is free.

    ``state`` is ``ok``, ``job``, ``occupied`` or ``error``; ``for_ms`` how long it has been in it."""

    state: str
    details: str = ""
    for_ms: int = 0


@operation(capability="domain.list", permission="connect:search_domains")
def list_domains(
    session: Session,
    *,
    active: bool | None = None,
    persistent: bool | None = None,
    autostart: bool | None = None,
    states: Collection[DomainState] | None = None,
    columns: Collection[Column] = (),
) -> list[DomainRow]:
    """The table of domains, in one go: identity and state of each, and the ``columns`` asked for.

    ``active``, ``persistent`` and ``autostart`` keep only rows where the fact is as given; ``states`` only those
    states. Rows are sorted by id, then by name. One pass over the hypervisor, however many guests there are."""
    raise NotImplementedError


@operation(
    capability="domain.lookup",
    permission="domain:getattr",
    raises=(NoSuchDomain, InvalidArgument),
    one_of=("name", "uuid", "id"),
)
def lookup_domain(
    session: Session, *, name: str | None = None, uuid: UUID | None = None, id: int | None = None
) -> DomainRef:
    """Find one domain by name, UUID or id; InvalidArgument unless it is exactly one of them."""
    raise NotImplementedError


@operation(capability="domain.state", permission="domain:read", raises=(NoSuchDomain,))
def domain_state(session: Session, domain: DomainRef) -> StateInfo:
    """The state and its reason."""
    raise NotImplementedError


@operation(capability="domain.info", permission="domain:read", raises=(NoSuchDomain,))
def domain_info(session: Session, domain: DomainRef) -> DomainInfo:
    """State, memory, vCPUs, CPU time and the flags of one domain."""
    raise NotImplementedError


@operation(capability="domain.control-info", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def control_info(session: Session, domain: DomainRef) -> ControlInfo:
    """Whether the control channel to the running guest is free."""
    raise NotImplementedError


@operation(capability="domain.os-type", permission="domain:read", raises=(NoSuchDomain,))
def os_type(session: Session, domain: DomainRef) -> str:
    """The ``<os><type>`` of the domain (``hvm``, ``xen``, ``exe``, ...)."""
    raise NotImplementedError


@operation(capability="domain.messages", permission="domain:read", raises=(NoSuchDomain,))
def domain_messages(
    session: Session, domain: DomainRef, *, deprecation: bool = True, tainting: bool = True
) -> list[str]:
    """Warnings that stand against the domain: deprecated features it uses, ways in which it is tainted."""
    raise NotImplementedError
