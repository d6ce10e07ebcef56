"""The simulated measurements: fixed rules on a clock that ticks only when somebody looks.

There is no guest to measure, yet monitoring programs want numbers that move. The node has a clock that advances
one simulated second each time statistics are read, so equal calls give equal numbers on every run; a guest's
running time is what passed on that clock while it was running. Everything measured follows from that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyvisor.operations.statistics import BlockStats, InterfaceStats, MemoryUse

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

SECOND = 1_000_000_000
"""Nanoseconds."""

VCPU_LOAD = SECOND // 10
"""CPU time in nanoseconds that a vCPU uses in a simulated second."""

DISK_REQUEST = 4096
"""Bytes of every simulated disk request."""

REQUEST_TIME = 100_000
"""Nanoseconds of every simulated disk request."""

DISK_READS, DISK_WRITES = 20, 10
"""Requests a disk serves in a simulated second."""

PACKET = 1000
"""Bytes of every simulated network packet."""

PACKETS_IN, PACKETS_OUT = 30, 15
"""Packets an interface moves in a simulated second."""


@dataclass(slots=True)
class Vitals:
    """How long a guest has run since it was started, in simulated seconds."""

    before: int = 0
    since: int | None = None

    def seconds(self, clock: int) -> int:
        """Running time at the node time ``clock``."""
        return self.before + (clock - self.since if self.since is not None else 0)

    def run(self, clock: int) -> None:
        """The vCPUs begin to run."""
        if self.since is None:
            self.since = clock

    def halt(self, clock: int) -> None:
        """The vCPUs stop; the account stays."""
        self.before, self.since = self.seconds(clock), None

    def resume_at(self, seconds: int, clock: int, *, running: bool) -> None:
        """An instance that goes on where it was after ``seconds``."""
        self.before, self.since = seconds, clock if running else None

    def reset(self) -> None:
        """A new instance of the guest: nothing used yet."""
        self.before, self.since = 0, None


@dataclass(frozen=True, slots=True)
class Measured:
    """A running guest at the moment it is measured."""

    config: Domain
    seconds: int


def block_stats(seconds: int, disks: int = 1) -> BlockStats:
    """What ``disks`` disks did in ``seconds``; a request takes 100 microseconds."""
    reads, writes = seconds * DISK_READS * disks, seconds * DISK_WRITES * disks
    return BlockStats(
        read_requests=reads,
        read_bytes=reads * DISK_REQUEST,
        read_ns=reads * REQUEST_TIME,
        write_requests=writes,
        write_bytes=writes * DISK_REQUEST,
        write_ns=writes * REQUEST_TIME,
        flush_requests=seconds * disks,
        flush_ns=seconds * disks * REQUEST_TIME,
        errors=0,
    )


def interface_stats(seconds: int) -> InterfaceStats:
    """What an interface moved in ``seconds``: no packet is ever lost."""
    received, sent = seconds * PACKETS_IN, seconds * PACKETS_OUT
    return InterfaceStats(
        rx_bytes=received * PACKET,
        rx_packets=received,
        rx_errors=0,
        rx_dropped=0,
        tx_bytes=sent * PACKET,
        tx_packets=sent,
        tx_errors=0,
        tx_dropped=0,
    )


def memory_use(measured: Measured) -> MemoryUse:
    """Half of the balloon's memory is in use, an eighth holds caches of disks."""
    actual = measured.config.current_memory_kib
    return MemoryUse(
        actual=actual,
        available=actual,
        unused=actual // 2,
        usable=actual // 2 + actual // 8,
        disk_caches=actual // 8,
        rss=actual // 2,
        swap_in=0,
        swap_out=0,
        major_faults=measured.seconds,
        minor_faults=measured.seconds * 100,
        hugetlb_allocations=0,
        hugetlb_failures=0,
    )
