"""What domains have used and done.

``domain_stats`` answers for every domain in one call and is the one to poll; the others look at one thing of one
domain. Counters grow from the start of the guest; None is "the hypervisor does not count that".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from polyvisor.errors import (
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    UnsupportedOption,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef, DomainState
from polyvisor.operations.session import Session


@dataclass(frozen=True, slots=True)
class BlockStats:
    """Requests, bytes and nanoseconds spent, by kind of request."""

    read_requests: int | None = None
    read_bytes: int | None = None
    read_ns: int | None = None
    write_requests: int | None = None
    write_bytes: int | None = None
    write_ns: int | None = None
    flush_requests: int | None = None
    flush_ns: int | None = None
    errors: int | None = None


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """Bytes: ``capacity`` as the guest sees it, ``allocation`` in use, ``physical`` size of the image's container."""

    capacity: int
    allocation: int
    physical: int


@dataclass(frozen=True, slots=True)
class InterfaceStats:
    """Bytes, packets, errors and drops, seen from the guest: ``rx`` is what it receives."""

    rx_bytes: int | None = None
    rx_packets: int | None = None
    rx_errors: int | None = None
    rx_dropped: int | None = None
    tx_bytes: int | None = None
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_dropped: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """A guest's memory in KiB, most of it as its balloon driver reports it.

    ``actual`` is the balloon's size, ``available`` what the guest counts as its memory, ``unused`` what it left
    free, ``usable`` what it could free without swapping, ``rss`` what the guest's process holds on the host;
    ``swap_in`` and ``swap_out`` KiB moved, the faults a count. ``last_update`` is seconds since the epoch."""

    actual: int | None = None
    available: int | None = None
    unused: int | None = None
    usable: int | None = None
    disk_caches: int | None = None
    rss: int | None = None
    swap_in: int | None = None
    swap_out: int | None = None
    major_faults: int | None = None
    minor_faults: int | None = None
    hugetlb_allocations: int | None = None
    hugetlb_failures: int | None = None
    last_update: int | None = None


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Nanoseconds of host CPU time of a guest: in all, in the kernel for it, in user mode.

    ``vcpu_ns`` is the part that vCPUs ran. For a single CPU only some are known."""

    total_ns: int
    system_ns: int | None = None
    user_ns: int | None = None
    vcpu_ns: int | None = None


@dataclass(frozen=True, slots=True)
class CpuStats:
    """CPU time of a guest in all, and by number of the host CPU it ran on where that is counted."""

    total: CpuUse
    cpus: Mapping[int, CpuUse] = field(default_factory=dict)


class StatsGroup(StrEnum):
    """Groups of figures of ``domain_stats``; the value is the first part of their names."""

    STATE = "state"
    CPU = "cpu"
    BALLOON = "balloon"
    VCPU = "vcpu"
    INTERFACE = "net"
    BLOCK = "block"
    PERF = "perf"
    IOTHREAD = "iothread"
    MEMORY = "memory"
    DIRTY_RATE = "dirtyrate"
    VM = "vm"


@dataclass(frozen=True, slots=True)
class DomainStats:
    """Figures of one domain by libvirt's dotted names (``cpu.time``, ``vcpu.0.state``, ``block.1.rd.bytes``)."""

    ref: DomainRef
    values: Mapping[str, int | float | bool | str]


@operation(
    capability="stats.bulk",
    permission=("connect:search_domains", "domain:read"),
    raises=(NoSuchDomain, UnsupportedOption),
)
def domain_stats(
    session: Session,
    *,
    domains: Sequence[DomainRef] = (),
    groups: Collection[StatsGroup] = (),
    active: bool | None = None,
    persistent: bool | None = None,
    states: Collection[DomainState] | None = None,
    backing: bool = False,
    nowait: bool = False,
    enforce: bool = False,
) -> list[DomainStats]:
    """Figures of these domains, or of all that the filters of ``list_domains`` keep, in one go.

    No groups means every group. A domain that is gone is left out. ``backing`` counts each image of a disk's
    chain; ``nowait`` leaves out what would have to wait for a busy guest; ``enforce`` raises UnsupportedOption
    for a group the hypervisor lacks, which else is left out."""
    raise NotImplementedError


@operation(capability="stats.block", permission="domain:read", raises=(NoSuchDomain, InvalidState, NoSuchDevice))
def block_stats(session: Session, domain: DomainRef, *, disk: str | None = None) -> BlockStats:
    """Requests of one disk (its target or source path) of a running guest, or of all disks together."""
    raise NotImplementedError


@operation(capability="stats.block-info", permission="domain:read", raises=(NoSuchDomain, NoSuchDevice, InvalidState))
def block_info(session: Session, domain: DomainRef, disk: str) -> BlockInfo:
    """How large a disk is, to the guest and on the host. InvalidState for a drive without a medium."""
    raise NotImplementedError


@operation(capability="stats.disk-errors", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def disk_errors(session: Session, domain: DomainRef) -> dict[str, str]:
    """Disks of a running guest that are stopped by an error: target to ``unspecified error`` or ``no space``."""
    raise NotImplementedError


@operation(capability="stats.net", permission="domain:read", raises=(NoSuchDomain, InvalidState, NoSuchDevice))
def interface_stats(session: Session, domain: DomainRef, interface: str) -> InterfaceStats:
    """Traffic of one network device of a running guest, named by MAC address or target (``vnet0``)."""
    raise NotImplementedError


@operation(capability="stats.mem", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def memory_stats(session: Session, domain: DomainRef) -> MemoryUse:
    """What a running guest does with its memory."""
    raise NotImplementedError


@operation(capability="stats.cpu", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def cpu_stats(session: Session, domain: DomainRef) -> CpuStats:
    """CPU time that a running guest took from the host."""
    raise NotImplementedError


@operation(capability="stats.perf", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def perf_events(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> dict[str, bool]:
    """Which performance events are counted, by the names of ``<perf>`` (``cmt``, ``cache_misses``, ...)."""
    raise NotImplementedError


@operation(
    capability="stats.perf.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def set_perf_events(
    session: Session, domain: DomainRef, events: Mapping[str, bool], *, affect: Affect = Affect.CURRENT
) -> None:
    """Count these performance events, or stop; those not named stay. The counts are in ``domain_stats``."""
    raise NotImplementedError


@operation(
    capability="blk.peek",
    permission="domain:block_read",
    changes=True,
    raises=(NoSuchDomain, InvalidArgument, NoSuchDevice, HypervisorError),
)
def peek_block(session: Session, domain: DomainRef, disk: str, offset: int, size: int) -> bytes:
    """Read ``size`` bytes of a disk's image file from ``offset``: the file's bytes, whatever its format.

    Closed to read-only connections: it shows everything the guest stores."""
    raise NotImplementedError
