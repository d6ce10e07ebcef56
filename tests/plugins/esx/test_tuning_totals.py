"""Totals out of samples: all of them, each once, and none where one is missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from lxml import etree
from pyVmomi import vim
from pyVmomi.SoapAdapter import Serialize

from polyvisor.errors import InvalidState, NoSuchDomain, UnsupportedConfiguration
from polyvisor.spi import DomainRef
from polyvisor_esx import replies, sampling, statistics, totals, usage
from polyvisor_esx.totals import PERCENT, USAGE, Asked, Stretch, added_up, busy, stretches

Manager = vim.PerformanceManager
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
USED = ("cpu.used.summation", "")
RECEIVED = ("net.received.average", "4000")
KEYS = {"cpu.used.summation": 1, "net.received.average": 2, USAGE: 3}
GUEST = vim.VirtualMachine("vm-1")
WEB = DomainRef("web", UUID(int=7), 1)
HISTORY = [(300, 86400), (1800, 604800)]


def counter(name: str, key: int) -> Any:
    group, _, rest = name.partition(".")
    what, _, rollup = rest.partition(".")

    def described(word: str) -> Any:
        return vim.ElementDescription(key=word, label=word, summary=word)

    return Manager.CounterInfo(
        key=key,
        groupInfo=described(group),
        nameInfo=described(what),
        unitInfo=described("number"),
        rollupType=rollup,
        statsType="delta",
    )


class Wire:
    """The way to a server for questions that are written as text."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def answer(self, manager: Any, method: Any, written: str) -> etree._Element:
        asked = etree.fromstring(f'<QueryPerf xmlns="urn:vim25">{written}</QueryPerf>')
        specs = [replies.value(each, None, Manager.QuerySpec) for each in asked]
        found = etree.fromstring('<QueryPerfResponse xmlns="urn:vim25"/>')
        for each in self.server.QueryPerf(specs):
            found.append(etree.fromstring(Serialize(each)))
            found[-1].tag = replies.tag("returnval")
        return found


class Server:
    """One whose hosts count ``value`` in each sample, for as long as they keep samples; and a clock."""

    def __init__(self, value: int = 10) -> None:
        self.now = NOON
        self.value = value
        self.asked: list[Any] = []
        self.gone: set[Any] = set()
        self.csv = True
        self.history: list[tuple[int, int]] = []
        self.content = type("Content", (), {"perfManager": self})()

        self.transport = Wire(self)

    def service_time(self) -> datetime:
        return self.now

    def properties(self, kind: Any, paths: Iterable[str], refs: Any) -> Any:
        intervals = [
            vim.PerfInterval(key=period, samplingPeriod=period, name=str(period), length=length, enabled=True)
            for period, length in self.history
        ]
        known = {
            "perfCounter": [counter(name, key) for name, key in KEYS.items()],
            "historicalInterval": intervals,
        }
        return {self: {path: known[path] for path in paths}}

    def QueryPerf(self, querySpec: list[Any]) -> list[Any]:
        if any(each.entity in self.gone for each in querySpec):
            raise NoSuchDomain("it has been deleted")
        self.asked += querySpec
        return [self.answer(each) for each in querySpec]

    def answer(self, asked: Any) -> Any:
        kept = {20: timedelta(hours=1), **{period: timedelta(seconds=length) for period, length in self.history}}
        length = timedelta(seconds=asked.intervalId)
        begin, ends = max(asked.startTime, self.now - kept[asked.intervalId]), []
        while (end := begin + (len(ends) + 1) * length) <= (asked.endTime or self.now):
            ends.append(end)
        ends = ends[-asked.maxSample :]
        if self.csv:
            info = ",".join(f"{asked.intervalId},{end:%Y-%m-%dT%H:%M:%SZ}" for end in ends)
            series = [
                Manager.MetricSeriesCSV(id=each, value=",".join([str(self.value)] * len(ends)))
                for each in asked.metricId
            ]
            return Manager.EntityMetricCSV(entity=asked.entity, sampleInfoCSV=info, value=series)
        return Manager.EntityMetric(
            entity=asked.entity,
            sampleInfo=[Manager.SampleInfo(timestamp=end, interval=asked.intervalId) for end in ends],
            value=[Manager.IntSeries(id=each, value=[self.value] * len(ends)) for each in asked.metricId],
        )


@pytest.fixture
def server() -> Any:
    return Server()


def total(server: Any, since: datetime) -> Any:
    return added_up(server, {GUEST: Asked(since, [USED, RECEIVED])}).get(GUEST)


@pytest.mark.parametrize("csv", [True, False])
def test_samples_since_the_start_are_added_up(server: Any, csv: bool) -> None:
    server.csv = csv
    found = total(server, NOON - timedelta(minutes=10))
    assert found.sums == {USED: 30 * 10, RECEIVED: 30 * 10 * 20}, "rates count for each of their seconds"


def test_each_sample_counts_once(server: Any) -> None:
    since = NOON - timedelta(minutes=10)
    for minutes in (0, 0, 1, 1, 30, 89):
        server.now = NOON + timedelta(minutes=minutes)
        found = total(server, since)
    assert found.sums[USED] == 3 * (10 + 89) * 10
    assert server.asked[-1].startTime == NOON + timedelta(minutes=30)


def test_what_runs_for_longer_than_samples_are_kept_is_not_known(server: Any) -> None:
    assert total(server, NOON - timedelta(minutes=61)) is None
    assert server.asked == [], "and is not asked for"


def test_a_total_that_was_not_asked_for_in_time_is_lost(server: Any) -> None:
    since = NOON - timedelta(minutes=10)
    assert total(server, since) is not None
    server.now = NOON + timedelta(minutes=61)
    assert total(server, since) is None


def test_a_guest_that_was_started_again_begins_at_nothing(server: Any) -> None:
    total(server, NOON - timedelta(minutes=10))
    server.now = NOON + timedelta(minutes=2)
    assert total(server, NOON + timedelta(minutes=1)).sums[USED] == 3 * 10


def test_samples_without_a_value_are_none(server: Any) -> None:
    server.value = -1
    assert total(server, NOON - timedelta(minutes=1)).sums[USED] == 0


def test_guests_are_asked_for_together(server: Any) -> None:
    guests = {vim.VirtualMachine(f"vm-{number}"): Asked(NOON, [USED]) for number in range(sampling.CHUNK + 1)}
    assert len(added_up(server, guests)) == sampling.CHUNK + 1


def test_a_guest_that_goes_meanwhile_takes_none_with_it(server: Any) -> None:
    guests = [vim.VirtualMachine(f"vm-{number}") for number in range(9)]
    server.gone = {guests[3], guests[8]}
    found = added_up(server, {guest: Asked(NOON - timedelta(minutes=5), [USED]) for guest in guests})
    assert found.keys() == set(guests) - server.gone


def test_a_server_without_samples_knows_no_totals(server: Any) -> None:
    server.gone = {GUEST}
    assert total(server, NOON - timedelta(minutes=5)) is None
    assert total(server, NOON - timedelta(seconds=15)).sums == {}, "there was no time for one yet"


# -- history ------------------------------------------------------------------------------------------------------


def interval(period: int, length: int, enabled: bool = True) -> Any:
    return vim.PerfInterval(key=1, samplingPeriod=period, name="x", length=length, enabled=enabled)


def test_the_past_is_covered_by_the_finest_samples_there_are() -> None:
    since = NOON - timedelta(days=3)
    known = [interval(1800, 7 * 86400), interval(300, 86400), interval(60, 86400, enabled=False)]
    hour, day = NOON - timedelta(hours=1), NOON - timedelta(days=1)
    assert stretches(known, since, NOON) == [
        Stretch(20, hour, NOON),
        Stretch(300, day, hour),
        Stretch(1800, since, day),
    ]


def test_a_past_that_nobody_kept_is_not_known() -> None:
    assert stretches([interval(300, 86400)], NOON - timedelta(days=2), NOON) == []


def test_cpus_are_busy_for_their_part_of_the_time(server: Any) -> None:
    server.history, server.value = HISTORY, PERCENT // 4
    assert busy(server, GUEST, NOON - timedelta(days=2), 8) == pytest.approx(2 * 86400 / 4 * 8)
    assert [each.intervalId for each in server.asked] == [20, 300, 1800]


def test_samples_count_as_far_as_they_are_within() -> None:
    stretch = Stretch(300, NOON, NOON + timedelta(seconds=450))
    ends = [NOON + timedelta(seconds=after) for after in (0, 300, 600)]
    answer = totals.Answer(ends, [300] * 3, {(USAGE, ""): [7, 2, 4]})
    assert totals.share_of(stretch, answer, (USAGE, "")) == 2 * 300 + 4 * 150


def test_a_server_without_history_knows_nothing(server: Any) -> None:
    assert busy(server, GUEST, NOON - timedelta(days=2), 8) is None


# -- what is told -------------------------------------------------------------------------------------------------


@pytest.fixture
def guest(server: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Properties of the guest that the server has, for tests to change."""
    card = vim.vm.device.VirtualVmxnet3(key=4000, macAddress="00:50:56:00:00:01", backing=None)
    row = {
        "runtime.powerState": "poweredOn",
        usage.BOOT: NOON - timedelta(minutes=10),
        usage.HARDWARE: [card],
        usage.CPUS: 2,
    }
    server.read = lambda domain, paths: (GUEST, row)
    server.remembered = server.heard = {}
    server.marks = {}
    return row


def test_cpu_time_is_nanoseconds(server: Any, guest: Any) -> None:
    assert usage.cpu(server, WEB).total.total_ns == 30 * 10 * 1_000_000


def test_traffic_is_bytes_and_what_is_not_counted_is_none(server: Any, guest: Any) -> None:
    found = usage.interface(server, WEB, "00:50:56:00:00:01")
    assert (found.rx_bytes, found.tx_bytes, found.rx_packets) == (30 * 10 * 20 * 1024, None, None)


def test_what_is_missing_is_said_and_not_guessed(server: Any, guest: Any) -> None:
    guest[usage.BOOT] = NOON - timedelta(days=2)
    for ask in (
        lambda: usage.cpu(server, WEB),
        lambda: usage.block(server, WEB, None),
        lambda: usage.interface(server, WEB, "00:50:56:00:00:01"),
    ):
        with pytest.raises(InvalidState, match=r"2026-04-29 at 12:00 UTC.*last hour only"):
            ask()


def test_cpu_time_of_long_ago_is_history_that_goes_on(server: Any, guest: Any) -> None:
    guest[usage.BOOT] = NOON - timedelta(days=2)
    server.history, server.value = HISTORY, PERCENT // 2
    before = usage.cpu(server, WEB).total.total_ns
    assert before == pytest.approx(2 * 86400 * 10**9)
    server.now, server.value = NOON + timedelta(seconds=40), 7
    assert usage.cpu(server, WEB).total.total_ns == before + 2 * 7 * 1_000_000
    with pytest.raises(InvalidState, match="not known"):
        usage.interface(server, WEB, "00:50:56:00:00:01")


def test_a_guest_that_is_off_uses_nothing(server: Any, guest: Any) -> None:
    guest["runtime.powerState"] = "poweredOff"
    with pytest.raises(InvalidState, match="not running"):
        usage.cpu(server, WEB)


def test_the_table_tells_totals_by_libvirts_names(server: Any, guest: Any) -> None:
    asked = usage.asked_of(guest)
    assert asked is not None
    found = added_up(server, {GUEST: asked})[GUEST]
    told = dict(statistics.TOTALS[statistics.StatsGroup.INTERFACE](server, guest, found))
    assert told == {"net.0.rx.bytes": 30 * 10 * 20 * 1024}


def test_a_hosts_cpus_work_or_do_not(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server.value = PERCENT // 4
    known = {
        "runtime.bootTime": NOON - timedelta(minutes=10),
        "summary.hardware": type("Hardware", (), {"numCpuThreads": 8})(),
    }
    monkeypatch.setattr(usage, "facts", lambda session, *paths: known)
    monkeypatch.setattr(usage, "host", lambda session: vim.HostSystem("host-1"))
    found = usage.host_times(server)
    assert (found.user, found.idle, found.kernel) == (1200 * 10**9, 3600 * 10**9, 0)
    known["runtime.bootTime"] = NOON - timedelta(days=2)
    with pytest.raises(UnsupportedConfiguration, match="not known"):
        usage.host_times(server)
