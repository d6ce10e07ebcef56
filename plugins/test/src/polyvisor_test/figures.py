"""The figures of ``domain_stats``, a function for each group, by libvirt's dotted names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, get_args

from polyvisor.operations.records import REASONS
from polyvisor.operations.statistics import StatsGroup
from polyvisor.spi import DomainState
from polyvisor_test.finding import devices_of, interface_name
from polyvisor_test.machine import Machine
from polyvisor_test.processors import iothreads, plugged
from polyvisor_test.vitals import VCPU_LOAD, Measured, block_stats, interface_stats, memory_use

if TYPE_CHECKING:
    from polyvisor.model.domain.events import PerfEventName

Figure = tuple[str, int | str | bool]

STATE_NUMBERS = {state: number for number, state in enumerate(DomainState)}
"""Numbers of states in libvirt's API, which is the order of the enumeration: 0 no state, 1 running, ..."""

DIRTY_RATE_MEASURED = 2
"""``dirtyrate.calc_status`` of a measurement that has ended."""

VCPU_RUNNING = 1
"""``vcpu.N.state`` of a plugged-in vCPU."""


def collect(machine: Machine, clock: int, groups: Iterable[StatsGroup]) -> dict[str, int | float | bool | str]:
    """The figures of ``groups`` at the node time ``clock``."""
    measured = Measured(machine.config, machine.vitals.seconds(clock))
    return {f"{group.value}.{name}": value for group in groups for name, value in GROUPS[group](machine, measured)}


def _state(machine: Machine, measured: Measured) -> Iterator[Figure]:
    yield "state", STATE_NUMBERS[machine.state.state]
    yield "reason", REASONS[machine.state.state].index(machine.state.reason)


def _cpu(machine: Machine, measured: Measured) -> Iterator[Figure]:
    if machine.active:
        total = measured.seconds * VCPU_LOAD * len(plugged(measured.config))
        yield "time", total
        yield "system", total // 5
        yield "user", total - total // 5


def _balloon(machine: Machine, measured: Measured) -> Iterator[Figure]:
    yield "maximum", measured.config.memory_kib
    if not machine.active:
        return
    use = memory_use(measured)
    yield "current", use.actual or 0
    for name in ("swap_in", "swap_out", "major_faults", "minor_faults", "unused", "available", "usable"):
        yield name.replace("_faults", "_fault"), getattr(use, name)
    yield "rss", use.rss or 0
    yield "disk_caches", use.disk_caches or 0


def _vcpu(machine: Machine, measured: Measured) -> Iterator[Figure]:
    numbers = plugged(measured.config)
    yield "current", len(numbers)
    yield "maximum", measured.config.max_vcpu_count
    if machine.active:
        for number in sorted(numbers):
            yield f"{number}.state", VCPU_RUNNING
            yield f"{number}.time", measured.seconds * VCPU_LOAD


def _interfaces(machine: Machine, measured: Measured) -> Iterator[Figure]:
    if not machine.active:
        return
    interfaces = devices_of(measured.config).interfaces
    yield "count", len(interfaces)
    stats = interface_stats(measured.seconds)
    for index, interface in enumerate(interfaces):
        yield f"{index}.name", interface_name(interface)
        for way in ("rx", "tx"):
            yield f"{index}.{way}.bytes", getattr(stats, f"{way}_bytes")
            yield f"{index}.{way}.pkts", getattr(stats, f"{way}_packets")
            yield f"{index}.{way}.errs", getattr(stats, f"{way}_errors")
            yield f"{index}.{way}.drop", getattr(stats, f"{way}_dropped")


BLOCK_FIGURES = {
    "rd.reqs": "read_requests",
    "rd.bytes": "read_bytes",
    "rd.times": "read_ns",
    "wr.reqs": "write_requests",
    "wr.bytes": "write_bytes",
    "wr.times": "write_ns",
    "fl.reqs": "flush_requests",
    "fl.times": "flush_ns",
}


def _blocks(machine: Machine, measured: Measured) -> Iterator[Figure]:
    disks = devices_of(measured.config).disks
    yield "count", len(disks)
    stats = block_stats(measured.seconds)
    for index, disk in enumerate(disks):
        yield f"{index}.name", disk.target.dev
        if machine.active:
            for name, field in BLOCK_FIGURES.items():
                yield f"{index}.{name}", getattr(stats, field)
        if disk.source is not None:
            capacity = machine.capacity(disk)
            yield f"{index}.capacity", capacity
            yield f"{index}.allocation", capacity // 4
            yield f"{index}.physical", capacity // 4


def _perf(machine: Machine, measured: Measured) -> Iterator[Figure]:
    if machine.active and measured.config.perf:
        for event in measured.config.perf.events:
            if event.enabled:
                yield event.name, measured.seconds * 1000


def _iothreads(machine: Machine, measured: Measured) -> Iterator[Figure]:
    if not machine.active:
        return
    threads = iothreads(measured.config)
    yield "count", len(threads)
    for thread in threads:
        poll = thread.poll
        yield f"{thread.id}.poll-max-ns", (poll and poll.max) or 0
        yield f"{thread.id}.poll-grow", (poll and poll.grow) or 0
        yield f"{thread.id}.poll-shrink", (poll and poll.shrink) or 0


def _dirty_rate(machine: Machine, measured: Measured) -> Iterator[Figure]:
    if machine.dirty_rate is not None:
        begun, seconds, mode = machine.dirty_rate
        yield "calc_status", DIRTY_RATE_MEASURED
        yield "calc_start_time", begun
        yield "calc_period", seconds
        yield "megabytes_per_second", len(plugged(measured.config))
        yield "calc_mode", mode


GROUPS: dict[StatsGroup, Callable[[Machine, Measured], Iterator[Figure]]] = {
    StatsGroup.STATE: _state,
    StatsGroup.CPU: _cpu,
    StatsGroup.BALLOON: _balloon,
    StatsGroup.VCPU: _vcpu,
    StatsGroup.INTERFACE: _interfaces,
    StatsGroup.BLOCK: _blocks,
    StatsGroup.PERF: _perf,
    StatsGroup.IOTHREAD: _iothreads,
    StatsGroup.DIRTY_RATE: _dirty_rate,
}
"""The groups this driver has figures of."""


def perf_event_names() -> tuple[PerfEventName, ...]:
    """Names of the performance events that documents know."""
    from polyvisor.model.domain.events import PerfEventName

    return get_args(PerfEventName)
