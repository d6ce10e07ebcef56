"""What guests have used: from the kernel's accounts of their processes, and from QEMU's own counters.

The bulk table asks each running guest once, in one round trip (``query-balloon``, ``query-blockstats``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from polyvisor.errors import Busy, HypervisorError, InvalidState, NoSuchDevice, UnsupportedOption
from polyvisor.host.process import Process
from polyvisor.local import listing
from polyvisor.local.configuration import read_live
from polyvisor.operations.records import REASONS
from polyvisor.operations.statistics import BlockStats, CpuStats, CpuUse, DomainStats, MemoryUse, StatsGroup
from polyvisor.spi import DomainRef, DomainState
from polyvisor_qemu import guests
from polyvisor_qemu.qmp import Monitor
from polyvisor_qemu.session import QemuSession

_GROUPS = frozenset({StatsGroup.STATE, StatsGroup.CPU, StatsGroup.BALLOON, StatsGroup.VCPU, StatsGroup.BLOCK})
_ASKING = frozenset({StatsGroup.BALLOON, StatsGroup.BLOCK})

STATES = {state: number for number, state in enumerate(DomainState)}
"""libvirt's number of each state; that of a reason is its place in the state's row of ``REASONS``."""

_BLOCK_NAMES = {
    "read_requests": "rd.reqs",
    "read_bytes": "rd.bytes",
    "read_ns": "rd.times",
    "write_requests": "wr.reqs",
    "write_bytes": "wr.bytes",
    "write_ns": "wr.times",
    "flush_requests": "fl.reqs",
    "flush_ns": "fl.times",
}


def cpu_stats(session: QemuSession, domain: DomainRef) -> CpuStats:
    """CPU time of the guest's process."""
    return CpuStats(_cpu(_process(domain, guests.require_active(session, domain))))


def memory_stats(session: QemuSession, domain: DomainRef) -> MemoryUse:
    """The balloon's size and what the guest's process holds of the host's memory."""
    with guests.conversation(session, domain) as (found, monitor):
        balloon, _ = _ask(monitor)
        return MemoryUse(actual=_kib(balloon), rss=_process(domain, found).resident_kib)


def block_stats(session: QemuSession, domain: DomainRef, disk: str | None) -> BlockStats:
    """Requests of one disk, or of all together."""
    with guests.conversation(session, domain) as (_, monitor):
        answer = monitor.execute("query-blockstats")
        disks = _disks(session, domain, answer)
    found = {target: counted for target, path, counted in disks if disk in (None, target, path)}
    if disk is not None and not found:
        raise NoSuchDevice(f"{domain} has no disk {disk!r}", target=str(domain), driver="qemu")
    return BlockStats(**{name: sum(getattr(one, name) for one in found.values()) for name in _BLOCK_NAMES})


def domain_stats(
    session: QemuSession,
    *,
    domains: Sequence[DomainRef],
    groups: Collection[StatsGroup],
    active: bool | None,
    persistent: bool | None,
    states: Collection[DomainState] | None,
    nowait: bool,
    enforce: bool,
) -> list[DomainStats]:
    """Figures of many guests."""
    wanted = frozenset(map(StatsGroup, groups)) or _GROUPS
    if enforce and (missing := wanted - _GROUPS):
        raise UnsupportedOption(f"the qemu driver has no figures of {', '.join(sorted(missing))} yet", driver="qemu")
    rows = listing.rows(session, active=active, persistent=persistent, autostart=None, states=states, columns=())
    chosen = {domain.uuid for domain in domains}
    return [
        DomainStats(row.ref, _figures(session, row.ref, wanted, nowait=nowait))
        for row in rows
        if not chosen or row.ref.uuid in chosen
    ]


def _figures(
    session: QemuSession, domain: DomainRef, groups: frozenset[StatsGroup], *, nowait: bool
) -> dict[str, int | float | bool | str]:
    found = guests.look(session, domain.uuid)
    values: dict[str, int | float | bool | str] = {}
    if StatsGroup.STATE in groups:
        values["state.state"] = STATES[found.state.state]
        values["state.reason"] = REASONS[found.state.state].index(found.state.reason)
    if not found.alive or found.status is None or found.process is None:
        return values
    if StatsGroup.CPU in groups:
        use = _cpu(found.process)
        values |= {"cpu.time": use.total_ns, "cpu.user": use.user_ns or 0, "cpu.system": use.system_ns or 0}
    if StatsGroup.VCPU in groups:
        values["vcpu.current"] = found.status["vcpus"]
    if groups & _ASKING:
        values |= _asked(session, domain, found, groups, nowait=nowait)
    return values


def _asked(
    session: QemuSession, domain: DomainRef, found: guests.Look, groups: frozenset[StatsGroup], *, nowait: bool
) -> dict[str, int | float | bool | str]:
    """The figures only QEMU has; a guest that has just ended has none."""
    assert found.status is not None
    values: dict[str, int | float | bool | str] = {}
    try:
        with (
            session.store.lock(domain.uuid, timeout=0 if nowait else None),
            Monitor.connect(session.files(domain.uuid).monitor) as monitor,
        ):
            balloon, blocks = _ask(monitor)
            disks = _disks(session, domain, blocks)
    except Busy:
        if nowait:
            return values
        raise
    except (HypervisorError, InvalidState):
        return values
    if StatsGroup.BALLOON in groups:
        current = _kib(balloon)
        values["balloon.current"] = found.status["memory_kib"] if current is None else current
        values["balloon.maximum"] = found.status["max_memory_kib"]
        if found.process is not None and (resident := found.process.resident_kib) is not None:
            values["balloon.rss"] = resident
    if StatsGroup.BLOCK in groups:
        values["block.count"] = len(disks)
        for number, (target, path, counted) in enumerate(disks):
            values[f"block.{number}.name"] = target
            if path:
                values[f"block.{number}.path"] = path
            values |= {f"block.{number}.{name}": getattr(counted, field) for field, name in _BLOCK_NAMES.items()}
    return values


def _ask(monitor: Monitor) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The balloon (an error where there is none) and the counters of the disks, in one round trip."""
    balloon, blocks = monitor.exchange(("query-balloon", None), ("query-blockstats", None))
    return balloon, blocks.get("return", [])


def _kib(balloon: dict[str, Any]) -> int | None:
    return int(balloon["return"]["actual"]) // 1024 if "return" in balloon else None


def _disks(
    session: QemuSession, domain: DomainRef, answer: list[dict[str, Any]]
) -> list[tuple[str, str | None, BlockStats]]:
    """Target, source and counters of each disk: QEMU names the device, the live document says which disk it is."""
    counters = {part: entry["stats"] for entry in answer for part in entry.get("qdev", "").split("/")}
    config = read_live(session, domain)
    disks = config.devices.disks if config.devices is not None else []
    return [
        (disk.target.dev, getattr(disk.source, "file", None) or getattr(disk.source, "dev", None), _counted(counted))
        for disk in disks
        if disk.alias is not None and (counted := counters.get(disk.alias.name)) is not None
    ]


def _counted(stats: dict[str, Any]) -> BlockStats:
    return BlockStats(
        read_requests=stats["rd_operations"],
        read_bytes=stats["rd_bytes"],
        read_ns=stats["rd_total_time_ns"],
        write_requests=stats["wr_operations"],
        write_bytes=stats["wr_bytes"],
        write_ns=stats["wr_total_time_ns"],
        flush_requests=stats["flush_operations"],
        flush_ns=stats["flush_total_time_ns"],
    )


def _process(domain: DomainRef, found: guests.Look) -> Process:
    if found.process is None:
        raise InvalidState(f"{domain} is still starting", target=str(domain), driver="qemu")
    return found.process


def _cpu(process: Process) -> CpuUse:
    """User and system time from ``/proc/<pid>/stat``; zero for a process that has just gone."""
    user, system = process.cpu_times_ns or (0, 0)
    return CpuUse(total_ns=user + system, system_ns=system, user_ns=user)
