"""What is told about a host: small frozen records. Sizes are in KiB or bytes, as each says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HostInfo:
    """The facts of ``virsh nodeinfo``: ``memory_kib`` in KiB, ``mhz`` 0 when unknown, ``cells`` NUMA cells.

    ``sockets`` are per cell, ``cores`` per socket, ``threads`` per core; where the host is not regular
    libvirt's convention holds: one cell, one socket, ``cores`` = all CPUs, one thread."""

    model: str
    memory_kib: int
    cpus: int
    mhz: int
    cells: int
    sockets: int
    cores: int
    threads: int


@dataclass(frozen=True, slots=True)
class CpuMap:
    """CPUs present on the host and which of them are online, by number."""

    present: int
    online: frozenset[int]


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Nanoseconds since boot spent by the host's CPUs in each kind of work."""

    kernel: int
    user: int
    idle: int
    iowait: int = 0
    interrupt: int = 0


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """Host memory in KiB. ``buffers`` and ``cached`` are None for a single NUMA cell, which has no such count."""

    total: int
    free: int
    buffers: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Free bytes on the host, and by NUMA cell."""

    total: int
    cells: Mapping[int, int] = field(default_factory=dict)
