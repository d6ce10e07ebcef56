"""What the kernel tells of this host, in the records of the operations."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from polyvisor.host import Host
from polyvisor.operations.host import CpuMap, CpuTimes, FreeMemory, HostInfo, MemoryStats

Record = TypeVar("Record")


def _as(record: type[Record], facts: Any) -> Record:
    """A record of the host floor as the operation's record, which has the same fields."""
    return record(**{field.name: getattr(facts, field.name) for field in fields(record)})  # type: ignore[arg-type]


def host_info() -> HostInfo:
    """CPU model, memory and topology."""
    return _as(HostInfo, Host().info())


def cpu_map() -> CpuMap:
    """Which CPUs exist and which are online."""
    return _as(CpuMap, Host().cpu_map())


def cpu_times(cpu: int | None) -> CpuTimes:
    """Time accounts of one CPU or of all."""
    return _as(CpuTimes, Host().cpu_times(cpu))


def memory_stats(cell: int | None) -> MemoryStats:
    """Memory of the host or of one NUMA cell."""
    return _as(MemoryStats, Host().memory_stats(cell))


def free_memory() -> FreeMemory:
    """Free memory in all and by cell."""
    return _as(FreeMemory, Host().free_memory())
