"""Virtual CPUs and IOThreads: how many, where they run, how they are scheduled.

Host CPUs are numbers. Where a set of them is asked for, None takes the pinning away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from polyvisor.errors import (
    AlreadyExists,
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    OperationTimeout,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef, Parameters
from polyvisor.operations.session import Session


class VcpuState(StrEnum):
    """What a vCPU is doing, spelt as ``virsh vcpuinfo`` prints it."""

    OFFLINE = "offline"
    RUNNING = "running"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class VcpuInfo:
    """One vCPU. ``cpu`` is the host CPU it last ran on and ``cpu_time_ns`` nanoseconds it ran; None when unknown.

    ``affinity`` are the host CPUs it may run on."""

    number: int
    state: VcpuState
    cpu_time_ns: int | None
    cpu: int | None
    affinity: frozenset[int]


@dataclass(frozen=True, slots=True)
class IOThreadInfo:
    """One IOThread and the host CPUs it may run on."""

    number: int
    affinity: frozenset[int]


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The hypervisor's scheduler (``posix``, ``credit``, ``credit2``, ``allocation``) and a domain's share of it."""

    name: str
    parameters: Parameters = field(default_factory=Parameters)


SCHEDULER_PARAMETERS = (
    "cpu_shares",
    "vcpu_period",
    "vcpu_quota",
    "emulator_period",
    "emulator_quota",
    "global_period",
    "global_quota",
    "iothread_period",
    "iothread_quota",
    "weight",
    "cap",
    "reservation",
    "limit",
    "shares",
)
"""Names of scheduler tunables: periods and quotas in microseconds (quota -1 is none), weights without a unit.

``weight`` and ``cap`` are Xen's (per cent of one CPU); ``reservation`` and ``limit`` are VMware's, in MHz."""

IOTHREAD_PARAMETERS = ("poll_max_ns", "poll_grow", "poll_shrink", "thread_pool_min", "thread_pool_max")
"""Names of IOThread tunables, those of QEMU's ``iothread`` object; ``poll_max_ns`` in nanoseconds."""


@operation(
    capability="vcpu.count",
    permission="domain:read",
    raises=(NoSuchDomain, InvalidState, OperationTimeout),
    extra_permissions={"guest": "domain:write"},
)
def vcpu_count(
    session: Session,
    domain: DomainRef,
    *,
    maximum: bool = False,
    guest: bool = False,
    affect: Affect = Affect.CURRENT,
) -> int:
    """How many vCPUs the domain has, or with ``maximum`` may have; with ``guest`` how many its system has online.

    ``guest`` asks the guest agent."""
    raise NotImplementedError


@operation(
    capability="vcpu.count.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, OperationTimeout, HypervisorError),
    extra_permissions=STORES,
)
def set_vcpu_count(
    session: Session,
    domain: DomainRef,
    count: int,
    *,
    maximum: bool = False,
    guest: bool = False,
    hotpluggable: bool = False,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Plug vCPUs in or out until there are ``count``; returns when the guest has them.

    ``maximum`` changes the stored maximum instead; ``guest`` lets the agent take CPUs on- or offline and plugs
    nothing; ``hotpluggable`` stores added vCPUs as ones that can be taken out later."""
    raise NotImplementedError


@operation(
    capability="vcpu.individual",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, OperationTimeout, HypervisorError),
    extra_permissions=STORES,
)
def set_vcpus(
    session: Session, domain: DomainRef, vcpus: Collection[int], enabled: bool, *, affect: Affect = Affect.CURRENT
) -> None:
    """Plug these very vCPUs in (``enabled``) or out, all or none."""
    raise NotImplementedError


@operation(capability="vcpu.info", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def vcpu_info(session: Session, domain: DomainRef) -> list[VcpuInfo]:
    """What each vCPU of a running domain is doing, by number."""
    raise NotImplementedError


@operation(capability="vcpu.pin", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def vcpu_pins(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> dict[int, frozenset[int]]:
    """The host CPUs each vCPU may run on, by number of the vCPU; all host CPUs for one that is not pinned."""
    raise NotImplementedError


@operation(
    capability="vcpu.pin.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def pin_vcpu(
    session: Session,
    domain: DomainRef,
    vcpu: int,
    cpus: Collection[int] | None,
    *,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Let a vCPU run on these host CPUs only."""
    raise NotImplementedError


@operation(capability="emulator.pin", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def emulator_pin(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> frozenset[int]:
    """The host CPUs that the emulator's own threads may run on."""
    raise NotImplementedError


@operation(
    capability="emulator.pin.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def pin_emulator(
    session: Session, domain: DomainRef, cpus: Collection[int] | None, *, affect: Affect = Affect.CURRENT
) -> None:
    """Let the emulator's own threads run on these host CPUs only."""
    raise NotImplementedError


@operation(capability="iothread.info-pin", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def iothreads(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> list[IOThreadInfo]:
    """The domain's IOThreads, by number."""
    raise NotImplementedError


@operation(
    capability="iothread.info-pin.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, HypervisorError),
    extra_permissions=STORES,
)
def pin_iothread(
    session: Session,
    domain: DomainRef,
    iothread: int,
    cpus: Collection[int] | None,
    *,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Let an IOThread run on these host CPUs only."""
    raise NotImplementedError


@operation(
    capability="iothread.hotplug",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, AlreadyExists, HypervisorError),
    extra_permissions=STORES,
)
def add_iothread(session: Session, domain: DomainRef, iothread: int, *, affect: Affect = Affect.CURRENT) -> None:
    """Add the IOThread of that number (1 or more)."""
    raise NotImplementedError


@operation(
    capability="iothread.hotplug.remove",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, HypervisorError),
    extra_permissions=STORES,
)
def remove_iothread(session: Session, domain: DomainRef, iothread: int, *, affect: Affect = Affect.CURRENT) -> None:
    """Remove an IOThread. Raises InvalidState, naming it, while a device uses it."""
    raise NotImplementedError


@operation(
    capability="iothread.params",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, HypervisorError),
    extra_permissions=STORES,
)
def set_iothread_parameters(
    session: Session,
    domain: DomainRef,
    iothread: int,
    parameters: Mapping[str, int],
    *,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Change some of :data:`IOTHREAD_PARAMETERS` of one IOThread; their values are in ``domain_stats``."""
    raise NotImplementedError


@operation(capability="vcpu.scheduler", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def scheduler(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> Scheduler:
    """Which scheduler serves the domain, and the domain's values of those :data:`SCHEDULER_PARAMETERS` it has."""
    raise NotImplementedError


@operation(
    capability="vcpu.scheduler.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def set_scheduler_parameters(
    session: Session, domain: DomainRef, parameters: Mapping[str, int], *, affect: Affect = Affect.CURRENT
) -> None:
    """Change some of :data:`SCHEDULER_PARAMETERS`; those not named stay.

    Raises InvalidArgument, changing nothing, for a name this scheduler does not have or a value out of range."""
    raise NotImplementedError
