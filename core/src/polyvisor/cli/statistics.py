"""Figures of domains and their devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.output import plain, settings, yes
from polyvisor.cli.parameters import affects, complete_domain, data, domain, flag, texts
from polyvisor.operations.records import Affect, DomainState
from polyvisor.operations.statistics import StatsGroup

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

_GROUPS = {
    "state": StatsGroup.STATE,
    "cpu_total": StatsGroup.CPU,
    "balloon": StatsGroup.BALLOON,
    "vcpu": StatsGroup.VCPU,
    "interface": StatsGroup.INTERFACE,
    "block": StatsGroup.BLOCK,
    "perf": StatsGroup.PERF,
    "iothread": StatsGroup.IOTHREAD,
    "memory": StatsGroup.MEMORY,
    "dirtyrate": StatsGroup.DIRTY_RATE,
    "vm": StatsGroup.VM,
}
"""Options of ``domstats`` and the groups they ask for."""

_LISTED = {
    "list_running": {DomainState.RUNNING},
    "list_paused": {DomainState.PAUSED},
    "list_shutoff": {DomainState.SHUT_OFF},
    "list_other": set(DomainState) - {DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUT_OFF},
}


@command("domstats")
@data("domain", rest=True, required=False, help="Domains; default: all.", shell_complete=complete_domain)
@flag("state", "State and reason.")
@flag("cpu-total", "CPU time.")
@flag("balloon", "Memory, as the balloon has it.")
@flag("vcpu", "Each vCPU.")
@flag("interface", "Each network device.")
@flag("block", "Each disk.")
@flag("perf", "Performance events.")
@flag("iothread", "Each IOThread.")
@flag("memory", "Memory bandwidth.")
@flag("dirtyrate", "How fast memory gets dirty.")
@flag("vm", "What only this hypervisor counts.")
@flag("list-active", "Only domains that run.")
@flag("list-inactive", "Only domains that do not run.")
@flag("list-persistent", "Only domains with a stored configuration.")
@flag("list-transient", "Only domains without.")
@flag("list-running", "Only running domains.")
@flag("list-paused", "Only paused domains.")
@flag("list-shutoff", "Only domains that are shut off.")
@flag("list-other", "Only domains in another state.")
@flag("raw", "For virsh's sake: figures are never beautified.")
@flag("enforce", "Fail if the hypervisor lacks a group that is asked for.")
@flag("backing", "Each image of a disk's chain, too.")
@flag("nowait", "Leave out what would have to wait for a busy domain.")
def domstats(shell: Shell, domain: tuple[str, ...], enforce: bool, backing: bool, nowait: bool, **chosen: bool) -> None:
    """Without options that choose, every figure there is. Names are libvirt's."""
    from polyvisor.cli.domains import either

    found = shell.connection.domain_stats(
        domains=[shell.domain(name).ref for name in domain],
        groups=[group for option, group in _GROUPS.items() if chosen[option]],
        active=either(chosen["list_active"], chosen["list_inactive"]),
        persistent=either(chosen["list_persistent"], chosen["list_transient"]),
        states=set().union(*(states for option, states in _LISTED.items() if chosen[option])) or None,
        enforce=enforce,
        backing=backing,
        nowait=nowait,
    )
    blocks = [
        "\n".join([f"Domain: '{stats.ref.name}'", *(f"  {key}={_raw(value)}" for key, value in stats.values.items())])
        for stats in found
    ]
    facts = [{"name": stats.ref.name, "uuid": stats.ref.uuid, "stats": stats.values} for stats in found]
    shell.data(facts, "\n\n".join(blocks))


def _raw(value: Any) -> Any:
    return yes(value) if isinstance(value, bool) else value


_BLOCK_NAMES = {
    "read_requests": ("rd_req", "number of read operations:"),
    "read_bytes": ("rd_bytes", "number of bytes read:"),
    "write_requests": ("wr_req", "number of write operations:"),
    "write_bytes": ("wr_bytes", "number of bytes written:"),
    "flush_requests": ("flush_operations", "number of flush operations:"),
    "read_ns": ("rd_total_times", "total duration of reads (ns):"),
    "write_ns": ("wr_total_times", "total duration of writes (ns):"),
    "flush_ns": ("flush_total_times", "total duration of flushes (ns):"),
    "errors": ("errs", "error count:"),
}


@command("domblkstat")
@domain()
@data("device", required=False, help="Target or source of the disk; default: all together.")
@flag("human", "In words.")
def domblkstat(shell: Shell, domain: str, device: str | None, human: bool) -> None:
    """Requests, bytes and nanoseconds."""
    stats = plain(shell.domain(domain).block_stats(disk=device))
    known = [(names, stats[key]) for key, names in _BLOCK_NAMES.items() if stats[key] is not None]
    if human:
        lines = [f"Device: {device or ''}", *(f" {words:<31} {value}" for (_, words), value in known)]
    else:
        lines = [f"{device or ''} {name} {value}" for (name, _), value in known]
    shell.data(stats, "\n".join(lines))


_INTERFACE_NAMES = {"errors": "errs", "dropped": "drop"}


@command("domifstat")
@domain()
@data("interface", help="MAC address or name on the host.")
def domifstat(shell: Shell, domain: str, interface: str) -> None:
    """As the guest sees it: rx is what it receives."""
    stats = plain(shell.domain(domain).interface_stats(interface))
    lines = []
    for key, value in stats.items():
        direction, _, what = key.partition("_")
        if value is not None:
            lines.append(f"{interface} {direction}_{_INTERFACE_NAMES.get(what, what)} {value}")
    shell.data(stats, "\n".join(lines))


@command("domblkinfo")
@domain()
@data("device", required=False, help="Target or source of the disk.")
@flag("human", "With units.")
@flag("all", "A table of all disks.")
def domblkinfo(shell: Shell, domain: str, device: str | None, human: bool, all: bool) -> None:
    """Capacity as the guest sees it, allocation in use, and the physical size of the image's container; bytes."""
    from polyvisor.cli.failure import UsageFault
    from polyvisor.cli.inventory import device_nodes, target_of
    from polyvisor.units import format_size

    if all == (device is not None):
        raise UsageFault("exactly one of <device> and --all")
    found = shell.domain(domain)

    def shown(size: int) -> str:
        return format_size(size) if human else str(size)

    if device is not None:
        info = found.block_info(device)
        facts = {"Capacity": info.capacity, "Allocation": info.allocation, "Physical": info.physical}
        shell.data(info, "\n".join(f"{name + ':':<15} {shown(size)}" for name, size in facts.items()))
        return
    targets = [target for node in device_nodes(found, "disk") if (target := target_of(node))]
    infos = {target: found.block_info(target) for target in targets}
    rows = [(name, shown(it.capacity), shown(it.allocation), shown(it.physical)) for name, it in infos.items()]
    shell.table(("Target", "Capacity", "Allocation", "Physical"), rows, infos)


@command("domblkerror")
@domain()
def domblkerror(shell: Shell, domain: str) -> None:
    """Disks that are stopped by an error."""
    errors = shell.domain(domain).disk_errors()
    shell.data(errors, "\n".join(f"{disk}: {error}" for disk, error in errors.items()) or "No errors found")


@command("cpu-stats")
@domain()
@flag("total", "Only all CPUs together.")
@click.option("--start", type=click.IntRange(min=0), metavar="N", help="From this CPU on; without the total.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="So many CPUs; without the total.")
def cpu_stats(shell: Shell, domain: str, total: bool, start: int | None, count: int | None) -> None:
    """CPU time the domain took, on each CPU of the host and in all."""
    stats = shell.domain(domain).cpu_stats()
    first = start or 0
    chosen = [cpu for cpu in sorted(stats.cpus) if cpu >= first and (count is None or cpu < first + count)]
    uses = [] if total else [(f"CPU{cpu}", stats.cpus[cpu]) for cpu in chosen]
    if total or (start is None and count is None):
        uses.append(("Total", stats.total))
    shell.data(stats, "\n".join(_use(name, use) for name, use in uses))


def _use(name: str, use: Any) -> str:
    times = {
        "cpu_time": use.total_ns,
        "vcpu_time": use.vcpu_ns,
        "user_time": use.user_ns,
        "system_time": use.system_ns,
    }
    lines = [f"\t{key:<12} {value / 1e9:>18.9f} seconds" for key, value in times.items() if value is not None]
    return "\n".join([f"{name}:", *lines])


@command("perf")
@domain()
@texts({"enable": "Events to count, separated by commas.", "disable": "Events to count no longer."})
@affects()
def perf(shell: Shell, domain: str, enable: str | None, disable: str | None, affect: Affect) -> None:
    """Without options, show which performance events are counted; domstats --perf has the counts."""
    found = shell.domain(domain)
    if enable or disable:
        wanted = dict.fromkeys((disable or "").split(","), False) | dict.fromkeys((enable or "").split(","), True)
        wanted.pop("", None)
        found.set_perf_events(wanted, affect=affect)
        shell.done("", **wanted)
        return
    events = found.perf_events(affect=affect)
    shell.data(events, settings({name: "enabled" if on else "disabled" for name, on in events.items()}))
