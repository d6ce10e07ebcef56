"""The memory of a domain: how much it may have, has, and may take from the host. Amounts are KiB."""

from __future__ import annotations

from collections.abc import Mapping

from polyvisor.errors import (
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef, Parameters
from polyvisor.operations.session import Session

MEMORY_LIMITS = ("hard_limit", "soft_limit", "swap_hard_limit", "min_guarantee")
"""Names of the limits, those of ``<memtune>``, each in KiB; :data:`UNLIMITED` takes one away."""

UNLIMITED = 9007199254740991
"""The number of KiB that means "no limit", as in libvirt's API: 2**53 - 1."""


@operation(capability="mem.max", permission="domain:read", raises=(NoSuchDomain,))
def max_memory(session: Session, domain: DomainRef) -> int:
    """KiB of memory the domain may grow to: its ``<memory>``."""
    raise NotImplementedError


@operation(
    capability="mem.max.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument),
    extra_permissions=STORES,
)
def set_max_memory(session: Session, domain: DomainRef, kib: int, *, affect: Affect = Affect.CURRENT) -> None:
    """Set ``<memory>`` to ``kib`` KiB; what the guest has now shrinks with it.

    Raises InvalidState where the hypervisor cannot change it under a running guest."""
    raise NotImplementedError


@operation(
    capability="mem.balloon",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice),
    extra_permissions=STORES,
)
def set_memory(session: Session, domain: DomainRef, kib: int, *, affect: Affect = Affect.CURRENT) -> None:
    """Set ``<currentMemory>`` to ``kib`` KiB; a running guest's balloon is asked to get there.

    Returns when it was asked: the balloon-change event and ``memory_stats`` show how far it went. Raises
    InvalidArgument above the maximum, NoSuchDevice when a running guest has no balloon."""
    raise NotImplementedError


@operation(
    capability="mem.stats-period",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice),
    extra_permissions=STORES,
)
def set_memory_stats_period(
    session: Session, domain: DomainRef, seconds: int, *, affect: Affect = Affect.CURRENT
) -> None:
    """Let the guest's balloon driver report statistics every ``seconds``; 0 stops that."""
    raise NotImplementedError


@operation(capability="mem.limits", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def memory_limits(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> Parameters:
    """What the domain may take from the host, by :data:`MEMORY_LIMITS` in KiB; :data:`UNLIMITED` where unlimited."""
    raise NotImplementedError


@operation(
    capability="mem.limits.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def set_memory_limits(
    session: Session, domain: DomainRef, limits: Mapping[str, int], *, affect: Affect = Affect.CURRENT
) -> None:
    """Change some of :data:`MEMORY_LIMITS`; those not named stay.

    Raises InvalidArgument for an unknown name or limits that contradict each other; nothing is changed then."""
    raise NotImplementedError


@operation(
    capability="mem.peek",
    permission="domain:mem_read",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument),
)
def peek_memory(session: Session, domain: DomainRef, start: int, size: int, *, physical: bool = False) -> bytes:
    """Read ``size`` bytes of a running guest's memory from address ``start``.

    The address is virtual, as the first vCPU sees it, or ``physical``. Closed to read-only connections: it shows
    everything the guest knows."""
    raise NotImplementedError


@operation(
    capability="mem.dirty-rate",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument),
)
def start_dirty_rate(session: Session, domain: DomainRef, *, seconds: int = 1, mode: str = "page-sampling") -> None:
    """Measure for ``seconds`` (1 to 60) how fast the guest dirties memory; returns at once.

    The result is in ``domain_stats`` under ``dirtyrate.``. ``mode`` is one of QEMU's ``calc-dirty-rate`` modes:
    ``page-sampling``, ``dirty-bitmap``, ``dirty-ring``."""
    raise NotImplementedError
