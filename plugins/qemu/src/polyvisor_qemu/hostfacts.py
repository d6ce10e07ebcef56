"""What the driver says of QEMU and the host."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any, TypeVar

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.host import Host
from polyvisor.operations.connection import Version
from polyvisor.operations.host import CpuMap, CpuTimes, FreeMemory, HostInfo, MemoryStats
from polyvisor_qemu import arches
from polyvisor_qemu.probe import Emulator
from polyvisor_qemu.session import QemuSession


def native_emulator(session: QemuSession) -> Emulator:
    """The emulator of the host's own architecture, else any. Raises UnsupportedConfiguration when there is none."""
    found = arches.find_emulator(arches.host_arch()) or next(iter(arches.installed().values()), None)
    if found is None:
        raise UnsupportedConfiguration(
            "no QEMU is installed: there is no qemu-system-* in PATH",
            driver="qemu",
            hint="install it (Debian: apt install qemu-system-x86)",
        )
    return session.answers.emulator(found)


def version(session: QemuSession) -> Version:
    """QEMU's version."""
    emulator = native_emulator(session)
    return Version(*emulator.version, text=emulator.package)


def alive(session: QemuSession) -> bool:
    """Whether guests could be managed now: the directories can be read and an emulator can be run."""
    readable = not session.paths.config.exists() or os.access(session.paths.config, os.R_OK | os.X_OK)
    return readable and bool(arches.installed())


# -- the host, as the kernel tells ------------------------------------------------------------------------

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
