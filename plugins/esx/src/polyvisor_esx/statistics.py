"""Figures of guests: properties of all in one request, PerformanceManager's last samples of all in another.

VMware counts in samples of 20 seconds: rates and sums of a sample, never totals since the guest started. What libvirt's
names promise as totals (``cpu.time``, ``net.0.rx.bytes``) is told of guests that run for less than an hour, and of
those that this connection has asked for since (:mod:`polyvisor_esx.totals`); it is left out of others.

Samples as they are have VMware's own names in the group ``vm``: ``vm.cpu.usagemhz.average``,
``vm.net.4000.received.average`` (of the card with that device key), ``vm.virtualDisk.scsi0:0.read.average``. Their
units are those of VMware's counters: MHz, KiB, KB/s, milliseconds; hundredths of a per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidState, NoSuchDomain, UnsupportedOption
from polyvisor.operations.records import REASONS
from polyvisor.operations.statistics import DomainStats, MemoryUse, StatsGroup
from polyvisor.spi import DomainRef, DomainState, StateInfo
from polyvisor_esx import sampling
from polyvisor_esx.disks import capacity, stored
from polyvisor_esx.guests import STATE, read_marks, state_of
from polyvisor_esx.labels import cards_of, disks_of
from polyvisor_esx.session import IDENTITY, EsxSession, ref_of, uuid_of
from polyvisor_esx.totals import Total, added_up, counters
from polyvisor_esx.usage import BOOT, CARD, DISK, HARDWARE, account, asked_of, cpu_ns, instances

Figure = tuple[str, int | float | bool | str]
Row = dict[str, Any]
Manager = vim.PerformanceManager

WHOLE = (
    "cpu.usage.average",
    "cpu.usagemhz.average",
    "cpu.used.summation",
    "cpu.ready.summation",
    "mem.active.average",
    "mem.consumed.average",
    "mem.granted.average",
    "mem.vmmemctl.average",
    "mem.swapped.average",
    "disk.usage.average",
    "net.usage.average",
)
"""Counters that are asked for of a guest as a whole."""

SINGLE = (
    "net.received.average",
    "net.transmitted.average",
    "net.packetsRx.summation",
    "net.packetsTx.summation",
    "net.droppedRx.summation",
    "net.droppedTx.summation",
    "virtualDisk.read.average",
    "virtualDisk.write.average",
    "virtualDisk.numberReadAveraged.average",
    "virtualDisk.numberWriteAveraged.average",
    "virtualDisk.totalReadLatency.average",
    "virtualDisk.totalWriteLatency.average",
)
"""Counters that are asked for of each network card and disk."""

EVERY = "*"
"""The instance that stands for all of a counter's."""

USE = "summary.quickStats"
MEMORY = "config.hardware.memoryMB"
CPUS = "config.hardware.numCPU"
LAYOUT = "layoutEx"

# -- groups ---------------------------------------------------------------------------------------------------


def _state(row: Row, state: StateInfo) -> Iterator[Figure]:
    yield "state", list(DomainState).index(state.state)
    yield "reason", REASONS[state.state].index(state.reason)


def _balloon(row: Row, state: StateInfo) -> Iterator[Figure]:
    use = memory_of(row)
    if (size := row.get(MEMORY)) is not None:
        yield "maximum", size * 1024
    if state.state.active and use.actual is not None:
        yield "current", use.actual
    if state.state.active and use.rss is not None:
        yield "rss", use.rss


def _vcpu(row: Row, state: StateInfo) -> Iterator[Figure]:
    count = int(row.get(CPUS) or 0)
    yield "current", count
    yield "maximum", count
    if state.state is DomainState.RUNNING:
        for number in range(count):
            yield f"{number}.state", 1  # running: VMware does not tell when a vCPU waits


def _interfaces(row: Row, state: StateInfo) -> Iterator[Figure]:
    cards = cards_of(list(row.get(HARDWARE) or ()))
    yield "count", len(cards)
    for number, address in enumerate(cards):
        yield f"{number}.name", address


def _blocks(row: Row, state: StateInfo) -> Iterator[Figure]:
    disks = disks_of(list(row.get(HARDWARE) or ()))
    yield "count", len(disks)
    for number, (target, device) in enumerate(disks.items()):
        yield f"{number}.name", target
        if name := getattr(device.backing, "fileName", None):
            yield f"{number}.path", name
        if isinstance(device, vim.vm.device.VirtualDisk):
            taken = stored(device, row.get(LAYOUT))
            yield f"{number}.capacity", capacity(device)
            yield f"{number}.allocation", taken
            yield f"{number}.physical", taken


def _nothing(row: Row, state: StateInfo) -> Iterator[Figure]:
    """Properties tell nothing of this."""
    yield from ()


GROUPS: dict[StatsGroup, tuple[tuple[str, ...], Callable[[Row, StateInfo], Iterator[Figure]]]] = {
    StatsGroup.STATE: ((), _state),
    StatsGroup.CPU: ((), _nothing),
    StatsGroup.BALLOON: ((MEMORY, USE), _balloon),
    StatsGroup.VCPU: ((CPUS,), _vcpu),
    StatsGroup.INTERFACE: ((HARDWARE,), _interfaces),
    StatsGroup.BLOCK: ((HARDWARE, LAYOUT), _blocks),
}
"""Groups that properties tell of, and which; ``vm`` comes from samples."""


def _cpu_total(session: EsxSession, row: Row, total: Total) -> Iterator[Figure]:
    yield "cpu.time", cpu_ns(total)


def _card_totals(session: EsxSession, row: Row, total: Total) -> Iterator[Figure]:
    for number, card in enumerate(cards_of(list(row.get(HARDWARE) or ())).values()):
        for field, value in account(session, total, CARD, str(card.key)).items():
            if value is not None:
                yield f"net.{number}.{FIELDS[field]}", value


def _disk_totals(session: EsxSession, row: Row, total: Total) -> Iterator[Figure]:
    hardware = list(row.get(HARDWARE) or ())
    counted = instances(hardware)
    for number, device in enumerate(disks_of(hardware).values()):
        for field, value in account(session, total, DISK, counted.get(device.key, "")).items():
            if value is not None and device.key in counted:
                yield f"block.{number}.{FIELDS[field]}", value


FIELDS = {
    "read_requests": "rd.reqs",
    "read_bytes": "rd.bytes",
    "write_requests": "wr.reqs",
    "write_bytes": "wr.bytes",
    "rx_bytes": "rx.bytes",
    "rx_packets": "rx.pkts",
    "rx_errors": "rx.errs",
    "rx_dropped": "rx.drop",
    "tx_bytes": "tx.bytes",
    "tx_packets": "tx.pkts",
    "tx_errors": "tx.errs",
    "tx_dropped": "tx.drop",
}
"""Field of an account -> libvirt's name of the figure."""

TOTALS: dict[StatsGroup, Callable[[EsxSession, Row, Total], Iterator[Figure]]] = {
    StatsGroup.CPU: _cpu_total,
    StatsGroup.INTERFACE: _card_totals,
    StatsGroup.BLOCK: _disk_totals,
}
"""Groups that have totals out of samples, beside what properties tell."""

ONLY_CPU = frozenset({StatsGroup.CPU})
"""What history tells of a guest that was started before the samples begin."""


# -- all of them ----------------------------------------------------------------------------------------------


def collect(
    session: EsxSession,
    *,
    domains: Sequence[DomainRef],
    groups: Collection[StatsGroup],
    active: bool | None,
    persistent: bool | None,
    states: Collection[DomainState] | None,
    enforce: bool,
) -> list[DomainStats]:
    """Figures of these guests, or of all."""
    known = (*GROUPS, StatsGroup.VM)
    missing = [group for group in groups if group not in known]
    if missing and enforce:
        raise UnsupportedOption(f"VMware has no statistics of the group {missing[0].value!r}", driver="esx")
    wanted = [group for group in known if group in groups or not groups]
    if persistent is False:
        return []
    kept: dict[Any, tuple[Row, StateInfo]] = {}
    rows = _rows(session, domains, wanted)
    read_marks(session, rows)
    for machine, row in rows.items():
        state = state_of(session, machine, row)
        if active in (None, state.state.active) and (states is None or state.state in states):
            kept[machine] = row, state
    running = [machine for machine, (_, state) in kept.items() if state.state is DomainState.RUNNING]
    sampled = samples(session, running) if StatsGroup.VM in wanted else {}
    totals = _totals(session, kept, wanted)
    return [
        DomainStats(
            ref_of(machine, row),
            {**_figures(row, state, wanted), **totals.get(machine, {}), **sampled.get(machine, {})},
        )
        for machine, (row, state) in kept.items()
    ]


def _rows(session: EsxSession, domains: Sequence[DomainRef], groups: Iterable[StatsGroup]) -> dict[Any, Row]:
    """Properties of the guests asked for, by VirtualMachine; one request."""
    more = (path for group in groups if group in GROUPS for path in GROUPS[group][0])
    paths = tuple(dict.fromkeys((*IDENTITY, *STATE, *more, *((BOOT, HARDWARE) if TOTALS.keys() & set(groups) else ()))))
    if len(domains) == 1:
        try:
            return dict([session.read(domains[0], paths)])
        except NoSuchDomain:
            return {}
    asked = {ref.uuid for ref in domains}
    rows = session.properties(vim.VirtualMachine, paths)
    return {machine: row for machine, row in rows.items() if (uuid := uuid_of(row)) and (not asked or uuid in asked)}


def _figures(row: Row, state: StateInfo, groups: Iterable[StatsGroup]) -> dict[str, int | float | bool | str]:
    tables = ((group.value, GROUPS[group][1]) for group in groups if group in GROUPS)
    return {f"{group}.{name}": value for group, tell in tables for name, value in tell(row, state)}


def _totals(
    session: EsxSession, kept: dict[Any, tuple[Row, StateInfo]], groups: Collection[StatsGroup]
) -> dict[Any, dict[str, int | float | bool | str]]:
    """Totals of the running guests of which there are any."""
    wanted = [group for group in groups if group in TOTALS]
    asked = {
        machine: each
        for machine, (row, state) in kept.items()
        if wanted and state.state.active and (each := asked_of(row)) is not None
    }
    return {
        machine: {
            name: value
            for group in wanted
            if total.whole or group in ONLY_CPU
            for name, value in TOTALS[group](session, kept[machine][0], total)
        }
        for machine, total in added_up(session, asked).items()
    }


def samples(session: EsxSession, machines: Sequence[Any]) -> dict[Any, dict[str, int | float | bool | str]]:
    """The last sample of each running guest; one request for each CHUNK of them."""
    known = counters(session)
    names = {known[name]: name for name in (*WHOLE, *SINGLE) if name in known}
    asked = sampling.metrics((key, EVERY if name in SINGLE else "") for key, name in names.items())
    questions = [sampling.question(machine, asked, most=1) for machine in machines]
    return {answer.entity: dict(sample_of(answer, names)) for answer in sampling.answers(session, questions)}


def sample_of(answer: Any, names: dict[int, str]) -> Iterator[Figure]:
    """The figures in one guest's answer; a value below 0 says that there was none."""
    for series in answer.value or ():
        name = names.get(series.id.counterId)
        if name is None or not series.value or series.value[-1] < 0:
            continue
        instance = series.id.instance or ""
        if name in WHOLE and not instance:
            yield f"vm.{name}", int(series.value[-1])
        elif name in SINGLE and instance not in ("", EVERY):
            group, _, counter = name.partition(".")
            yield f"vm.{group}.{instance}.{counter}", int(series.value[-1])


# -- memory ---------------------------------------------------------------------------------------------------


def memory_of(row: Row) -> MemoryUse:
    """What is known of a guest's memory from its properties; quickStats counts MiB."""
    size, use = row.get(MEMORY), row.get(USE)
    ballooned, held = getattr(use, "balloonedMemory", None), getattr(use, "hostMemoryUsage", None)
    return MemoryUse(
        actual=None if size is None else (size - (ballooned or 0)) * 1024,
        rss=None if held is None else held * 1024,
    )


def memory(session: EsxSession, domain: DomainRef) -> MemoryUse:
    """What a running guest does with its memory."""
    machine, row = session.read(domain, (*STATE, MEMORY, USE))
    if not state_of(session, machine, row).state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    return memory_of(row)
