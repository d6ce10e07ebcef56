"""What containers have used, from the kernel's accounts of their control groups and network devices.

The table of N containers reads files only: no process is started and none is asked. Files are those of
Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from polyvisor.errors import NoSuchDevice, UnsupportedOption
from polyvisor.local import configuration, listing
from polyvisor.operations.records import REASONS
from polyvisor.operations.statistics import (
    BlockStats,
    CpuStats,
    CpuUse,
    DomainStats,
    InterfaceStats,
    MemoryUse,
    StatsGroup,
)
from polyvisor.spi import DomainRef, DomainState
from polyvisor_lxc import finding, guests, sections
from polyvisor_lxc.cgroups import Group
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

_GROUPS = frozenset(
    {StatsGroup.STATE, StatsGroup.CPU, StatsGroup.BALLOON, StatsGroup.VCPU, StatsGroup.INTERFACE, StatsGroup.BLOCK}
)

STATES = {state: number for number, state in enumerate(DomainState)}
"""libvirt's number of each state; that of a reason is its place in the state's row of ``REASONS``."""

_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_NET = "/sys/class/net"

Values = dict[str, int | float | bool | str]


def cpu_stats(session: LxcSession, domain: DomainRef) -> CpuStats:
    """CPU time of all processes, and by host CPU where it is counted (version 1)."""
    group = guests.require_active(session, domain).group
    each = (group.read("cpuacct", "cpuacct.usage_percpu") or "").split() if "cpuacct" in group.paths else []
    return CpuStats(cpu_use(group), {number: CpuUse(int(used)) for number, used in enumerate(each)})


def cpu_use(group: Group) -> CpuUse:
    """Total, system and user time."""
    total = group.cpu_time_ns() or 0
    if "cpuacct" in group.paths:
        split = group.table("cpuacct", "cpuacct.stat")
        user, system = split.get("user", 0) * _TICK, split.get("system", 0) * _TICK
    else:
        split = group.table("cpu", "cpu.stat")
        user, system = split.get("user_usec", 0) * 1000, split.get("system_usec", 0) * 1000
    return CpuUse(total_ns=total, system_ns=system, user_ns=user)


def memory_stats(session: LxcSession, domain: DomainRef) -> MemoryUse:
    """What the control group counts."""
    found = guests.require_active(session, domain)
    assert found.status is not None
    return memory_use(found.group, found.status["memory_kib"])


def memory_use(group: Group, current_kib: int) -> MemoryUse:
    """Memory of all processes, their caches, and their faults."""
    version = group.version("memory")
    counted = group.table("memory", "memory.stat")
    names = _MEMORY[version]
    used = group.number("memory", names["used"])
    caches = counted.get(names["caches"])
    limit = group.number("memory", names["limit"])
    ceiling = current_kib * 1024 if limit is None or limit >= 1 << 60 else limit
    return MemoryUse(
        actual=current_kib,
        available=ceiling // 1024,
        unused=max(0, ceiling - used) // 1024 if used is not None else None,
        usable=max(0, ceiling - used + (caches or 0)) // 1024 if used is not None else None,
        disk_caches=caches // 1024 if caches is not None else None,
        rss=counted[names["rss"]] // 1024 if names["rss"] in counted else None,
        major_faults=counted.get(names["major"]),
        minor_faults=max(0, counted[names["faults"]] - counted.get(names["major"], 0))
        if names["faults"] in counted
        else None,
    )


_MEMORY = {
    1: {
        "used": "memory.usage_in_bytes",
        "limit": "memory.limit_in_bytes",
        "caches": "total_cache",
        "rss": "total_rss",
        "faults": "total_pgfault",
        "major": "total_pgmajfault",
    },
    2: {
        "used": "memory.current",
        "limit": "memory.max",
        "caches": "file",
        "rss": "anon",
        "faults": "pgfault",
        "major": "pgmajfault",
    },
}
"""Files, and names in ``memory.stat``, of each version."""


# -- block devices ----------------------------------------------------------------------------------------


def block_stats(session: LxcSession, domain: DomainRef, disk: str | None) -> BlockStats:
    """Requests to one block device of the host (``/dev/sda``, ``sda``), or to all together."""
    found = block_use(guests.require_active(session, domain).group)
    if disk is None:
        return BlockStats(**{name: sum(one[name] for one in found.values()) for name in _NO_REQUESTS})
    name = os.path.basename(os.path.realpath(disk)) if disk.startswith("/") else disk
    if not name or not os.path.isdir(f"/sys/class/block/{name}"):
        raise NoSuchDevice(f"the host has no block device {disk!r}", target=str(domain), driver="lxc")
    return BlockStats(**found.get(name, _NO_REQUESTS))


_NO_REQUESTS = {"read_requests": 0, "read_bytes": 0, "write_requests": 0, "write_bytes": 0}
_BLOCK_NAMES = {
    "read_requests": "rd.reqs",
    "read_bytes": "rd.bytes",
    "write_requests": "wr.reqs",
    "write_bytes": "wr.bytes",
}
_V1_FILES = {
    "blkio.throttle.io_serviced_recursive": {"Read": "read_requests", "Write": "write_requests"},
    "blkio.throttle.io_service_bytes_recursive": {"Read": "read_bytes", "Write": "write_bytes"},
}
_V2_KEYS = {"rios": "read_requests", "rbytes": "read_bytes", "wios": "write_requests", "wbytes": "write_bytes"}


def block_use(group: Group) -> dict[str, dict[str, int]]:
    """Requests and bytes by block device of the host."""
    if not group.has("blkio"):
        return {}
    made: dict[str, dict[str, int]] = {}
    counters = _v1_blocks(group) if "blkio" in group.paths else _v2_blocks(group)
    for number, name, count in counters:
        made.setdefault(_device_name(number), dict(_NO_REQUESTS))[name] = count
    return made


def _v1_blocks(group: Group) -> Iterator[tuple[str, str, int]]:
    for file, names in _V1_FILES.items():
        for line in (group.read("blkio", file) or "").splitlines():
            words = line.split()
            if len(words) == 3 and words[1] in names:
                yield words[0], names[words[1]], int(words[2])


def _v2_blocks(group: Group) -> Iterator[tuple[str, str, int]]:
    for line in (group.read("blkio", "io.stat") or "").splitlines():
        number, *pairs = line.split()
        for pair in pairs:
            key, _, count = pair.partition("=")
            if key in _V2_KEYS and count.isdigit():
                yield number, _V2_KEYS[key], int(count)


def _device_name(number: str) -> str:
    try:
        return os.path.basename(os.readlink(f"/sys/dev/block/{number}"))
    except OSError:
        return number


# -- network devices --------------------------------------------------------------------------------------


def interface_stats(session: LxcSession, domain: DomainRef, name: str) -> InterfaceStats:
    """Traffic of one interface of a running container."""
    found = guests.require_active(session, domain)
    device = finding.interface(configuration.read_live(session, domain), name)
    return InterfaceStats(**interface_use(device, found.init))


_COUNTERS = ("bytes", "packets", "errors", "dropped")


def interface_use(device: Any, init: int | None) -> dict[str, int | None]:
    """Counters as the container sees them: what it receives is what the host's end sends."""
    end = device.target.dev if device.target is not None else None
    if end and os.path.isdir(f"{_NET}/{end}"):
        crossed = (("rx", "tx"), ("tx", "rx"))
        return {
            f"{inside}_{name}": _number(f"{_NET}/{end}/statistics/{outside}_{name}")
            for inside, outside in crossed
            for name in _COUNTERS
        }
    return _inside(init).get(sections.inner_name(device) or "eth0", {}) if init is not None else {}


def _inside(init: int) -> dict[str, dict[str, int | None]]:
    """``/proc/<pid>/net/dev``: eight counters received, eight sent, of which the first four are told."""
    made: dict[str, dict[str, int | None]] = {}
    try:
        with open(f"/proc/{init}/net/dev", encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()[2:]
    except OSError:
        return made
    for line in lines:
        name, _, rest = line.partition(":")
        counts = [int(count) for count in rest.split()]
        received = {f"rx_{label}": counts[place] for place, label in enumerate(_COUNTERS)}
        sent = {f"tx_{label}": counts[place + 8] for place, label in enumerate(_COUNTERS)}
        made[name.strip()] = {**received, **sent}
    return made


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


# -- all figures of many ----------------------------------------------------------------------------------


def domain_stats(
    session: LxcSession,
    *,
    domains: Sequence[DomainRef],
    groups: Collection[StatsGroup],
    active: bool | None,
    persistent: bool | None,
    states: Collection[DomainState] | None,
    enforce: bool,
) -> list[DomainStats]:
    """Figures of many containers."""
    wanted = frozenset(map(StatsGroup, groups)) or _GROUPS
    if enforce and (missing := wanted - _GROUPS):
        raise UnsupportedOption(f"containers have no figures of {', '.join(sorted(missing))}", driver="lxc")
    rows = listing.rows(session, active=active, persistent=persistent, autostart=None, states=states, columns=())
    chosen = {domain.uuid for domain in domains}
    return [
        DomainStats(row.ref, _figures(session, row.ref, wanted)) for row in rows if not chosen or row.ref.uuid in chosen
    ]


def _figures(session: LxcSession, domain: DomainRef, groups: frozenset[StatsGroup]) -> Values:
    found = guests.look(session, domain.uuid)
    values: Values = {}
    if StatsGroup.STATE in groups:
        values["state.state"] = STATES[found.state.state]
        values["state.reason"] = REASONS[found.state.state].index(found.state.reason)
    if not found.alive or found.status is None:
        return values
    group = found.group
    if StatsGroup.CPU in groups:
        use = cpu_use(group)
        values |= {"cpu.time": use.total_ns, "cpu.user": use.user_ns or 0, "cpu.system": use.system_ns or 0}
    if StatsGroup.VCPU in groups:
        values["vcpu.current"] = found.status["vcpus"]
    if StatsGroup.BALLOON in groups and group.has("memory"):
        values |= _balloon(group, found.status)
    if StatsGroup.BLOCK in groups:
        values |= _blocks(group)
    if StatsGroup.INTERFACE in groups:
        values |= _interfaces(session, found)
    return values


def _balloon(group: Group, status: dict[str, Any]) -> Values:
    use = memory_use(group, status["memory_kib"])
    told = {
        "current": use.actual,
        "maximum": status["max_memory_kib"],
        "rss": use.rss,
        "available": use.available,
        "unused": use.unused,
        "usable": use.usable,
        "disk_caches": use.disk_caches,
        "major_fault": use.major_faults,
        "minor_fault": use.minor_faults,
    }
    return {f"balloon.{name}": value for name, value in told.items() if value is not None}


def _blocks(group: Group) -> Values:
    found = block_use(group)
    values: Values = {"block.count": len(found)}
    for number, (name, counted) in enumerate(found.items()):
        values[f"block.{number}.name"] = name
        values |= {f"block.{number}.{label}": counted[field] for field, label in _BLOCK_NAMES.items()}
    return values


_NET_LABELS = {"bytes": "bytes", "packets": "pkts", "errors": "errs", "dropped": "drop"}


def _interfaces(session: LxcSession, found: guests.Look) -> Values:
    devices = _network_devices(session, found)
    values: Values = {"net.count": len(devices)}
    for number, device in enumerate(devices):
        if device.target is not None and device.target.dev:
            values[f"net.{number}.name"] = device.target.dev
        for name, count in interface_use(device, found.init).items():
            way, _, label = name.partition("_")
            if count is not None:
                values[f"net.{number}.{way}.{_NET_LABELS[label]}"] = count
    return values


def _network_devices(session: LxcSession, found: guests.Look) -> list[Any]:
    """The interfaces of a running container; none when it has just ended.

    Reading a document costs more than all else that is counted, so one without interfaces is not read."""
    from polyvisor.errors import InvalidState

    assert found.status is not None
    try:
        with open(session.files(found.uuid).live, "rb") as file:
            if b"<interface " not in file.read():
                return []
    except FileNotFoundError:
        return []
    try:
        config: Domain = configuration.read_live(session, found.ref(found.status["name"]))
    except InvalidState:
        return []
    held: Any = config.devices
    return list(held.interfaces)
