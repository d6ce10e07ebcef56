"""Totals out of samples: what guests and hosts have used since they were started.

VMware keeps no such totals. It counts in samples of 20 seconds, which hosts keep for an hour. Here they are added up:
from the start on where it is within that hour, and then sample by sample for as long as the connection is asked at
least once an hour. Where samples are missing in between nothing is known, and nothing is told. Rates come in whole
numbers a second (KB/s, requests/s), so what is below one a second is lost in the sums.

Of CPUs more is kept: ``cpu.usage.average`` goes into the historical intervals, a day of it on a host and a year on a
vCenter, each coarser than the one before (:func:`busy`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from pyVmomi import vim

from polyvisor_esx import sampling
from polyvisor_esx.sampling import SAMPLE
from polyvisor_esx.session import EsxSession

Manager = vim.PerformanceManager
Series = tuple[str, str]
"""A counter by name, and the instance of it: a disk, a card, or empty for all together."""

FIRST = timedelta(minutes=2)
"""After which there are samples of what was started."""

KEPT = timedelta(hours=1)
MOST = int(KEPT / SAMPLE) + 3
"""Samples in one answer: an hour's, and what comes in while it is made."""

USAGE = "cpu.usage.average"
"""Hundredths of a per cent of all CPUs there are for it."""

PERCENT = 10_000


@dataclass(slots=True)
class Asked:
    """What is to be added up of a guest or host that was started at ``since``."""

    since: datetime
    series: Sequence[Series]


@dataclass(slots=True)
class Total:
    """What was added up. ``until`` is the end of the last sample.

    ``sums`` are those of values for counters of sums, and of values times seconds for those of rates."""

    since: datetime
    until: datetime
    sums: dict[Series, int] = field(default_factory=dict)
    before: float = 0.0
    """Seconds of all CPUs that were used before the first sample, where they are known from history."""

    whole: bool = True
    """Whether the samples go back to the start; else only what ``before`` says of CPUs is known of the time before."""

    def unheard(self, now: datetime) -> bool:
        """Whether there ought to be samples, and there are none."""
        return self.until == self.since and now - self.since > FIRST


class Ledger:
    """Totals of one connection."""

    def __init__(self) -> None:
        self.totals: dict[Any, Total] = {}
        self.lock = threading.Lock()


_ledgers: WeakKeyDictionary[EsxSession, Ledger] = WeakKeyDictionary()
_counters: WeakKeyDictionary[EsxSession, dict[str, int]] = WeakKeyDictionary()


def counters(session: EsxSession) -> dict[str, int]:
    """The server's counters by name (``cpu.usage.average``); asked for once."""
    if session not in _counters:
        manager = session.content.perfManager
        table = session.properties(Manager, ("perfCounter",), [manager])[manager].get("perfCounter", ())
        _counters[session] = {f"{each.groupInfo.key}.{each.nameInfo.key}.{each.rollupType}": each.key for each in table}
    return _counters[session]


def added_up(session: EsxSession, asked: Mapping[Any, Asked]) -> dict[Any, Total]:
    """Totals of these guests or hosts; left out where samples are missing. Two requests, and one for each CHUNK."""
    if not asked:
        return {}
    ledger = _ledgers.setdefault(session, Ledger())
    with ledger.lock:
        now = session.service_time()
        known = {entity: _begun(ledger.totals.get(entity), each, now) for entity, each in asked.items()}
        open_ones = {entity: total for entity, total in known.items() if total is not None}
        for entity, answer in _samples(session, {entity: (open_ones[entity], asked[entity]) for entity in open_ones}):
            _count(open_ones[entity], answer)
        open_ones = {entity: total for entity, total in open_ones.items() if not total.unheard(now)}
        ledger.totals.update(open_ones)
        ledger.totals = {entity: total for entity, total in ledger.totals.items() if now - total.until <= KEPT}
        return open_ones


def follow(session: EsxSession, entity: Any, since: datetime, before: float) -> Total:
    """Add up from now on what was started long ago, knowing what its CPUs have done until now."""
    ledger = _ledgers.setdefault(session, Ledger())
    with ledger.lock:
        ledger.totals[entity] = begun = Total(since, session.service_time(), before=before, whole=False)
    return begun


def _begun(total: Total | None, asked: Asked, now: datetime) -> Total | None:
    """The total to go on with, or a new one; None where samples that belong to it are gone already."""
    if total is None or total.since != asked.since:
        total = Total(asked.since, asked.since)
    return total if now - total.until <= KEPT else None


# -- samples ------------------------------------------------------------------------------------------------------


def _samples(session: EsxSession, asked: Mapping[Any, tuple[Total, Asked]]) -> Iterator[tuple[Any, Any]]:
    """What the server has of each since it was last asked, with counters by name."""
    known = counters(session)
    names = {key: name for name, key in known.items()}
    keys = {
        entity: sampling.metrics((known[name], instance) for name, instance in each.series if name in known)
        for entity, (_total, each) in asked.items()
    }
    questions = [
        sampling.question(entity, keys[entity], most=MOST, since=total.until, csv=True)
        for entity, (total, _each) in asked.items()
    ]
    for answer in sampling.answers(session, questions):
        yield answer.entity, read_answer(answer, names)


@dataclass(frozen=True, slots=True)
class Answer:
    """Ends and lengths of samples, and values by series in the same order; below 0 is none."""

    ends: Sequence[datetime]
    seconds: Sequence[int]
    values: Mapping[Series, Sequence[int]]


def read_answer(answer: Any, names: Mapping[int, str]) -> Answer:
    """A PerfEntityMetricCSV, or a PerfEntityMetric of servers that know no other."""
    if isinstance(answer, Manager.EntityMetricCSV):
        parts = answer.sampleInfoCSV.split(",") if answer.sampleInfoCSV else []
        seconds = [int(part) for part in parts[::2]]
        ends = [_moment(part) for part in parts[1::2]]
    else:
        seconds = [int(each.interval) for each in answer.sampleInfo or ()]
        ends = [each.timestamp for each in answer.sampleInfo or ()]
    values = {
        (names[each.id.counterId], str(each.id.instance or "")): _numbers(each.value)
        for each in answer.value or ()
        if each.id.counterId in names
    }
    return Answer(ends, seconds, values)


def _numbers(written: Any) -> list[int]:
    if isinstance(written, str):
        return [int(part) for part in written.split(",") if part]
    return [int(each) for each in written or ()]


def _moment(written: str) -> datetime:
    found = datetime.fromisoformat(written.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _count(total: Total, answer: Answer) -> None:
    """Add the samples that are not counted yet."""
    fresh = [
        number
        for number, (end, seconds) in enumerate(zip(answer.ends, answer.seconds, strict=True))
        if end - total.until >= timedelta(seconds=seconds) / 2
    ]
    for series, values in answer.values.items():
        rate = not series[0].endswith(".summation")
        counted = (
            values[number] * (answer.seconds[number] if rate else 1)
            for number in fresh
            if number < len(values) and values[number] > 0
        )
        total.sums[series] = total.sums.get(series, 0) + sum(counted)
    if fresh:
        total.until = max(answer.ends[number] for number in fresh)


# -- history ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the past, and the interval of samples that covers it."""

    period: int
    begin: datetime
    end: datetime


def stretches(intervals: Iterable[Any], since: datetime, now: datetime) -> list[Stretch]:
    """Which of the intervals (PerfInterval) to ask for which part of the time since then, the finest first; none where
    they do not reach back that far."""
    known = [(int(SAMPLE.total_seconds()), KEPT)]
    known += sorted((each.samplingPeriod, timedelta(seconds=each.length)) for each in intervals if each.enabled)
    found: list[Stretch] = []
    edge = now
    for period, length in known:
        begin = max(since, now - length)
        if begin < edge:
            found.append(Stretch(period, begin, edge))
            edge = begin
    return found if edge <= since else []


def busy(session: EsxSession, entity: Any, since: datetime, cpus: int) -> float | None:
    """Seconds that CPUs, of which there are ``cpus``, were used by a guest or on a host since then; None if not known.

    One request for each interval, of which there are five at most."""
    manager = session.content.perfManager
    key = counters(session).get(USAGE)
    intervals = session.properties(Manager, ("historicalInterval",), [manager])[manager].get("historicalInterval", ())
    planned = stretches(intervals, since, session.service_time())
    if key is None or not planned:
        return None
    used = 0.0
    for stretch in planned:
        question = Manager.QuerySpec(
            entity=entity,
            metricId=[Manager.MetricId(counterId=key, instance="")],
            intervalId=stretch.period,
            startTime=stretch.begin,
            endTime=stretch.end,
            maxSample=int((stretch.end - stretch.begin).total_seconds() // stretch.period) + 2,
            format="csv",
        )
        answers = session.content.perfManager.QueryPerf(querySpec=[question])
        if not answers or not (answer := read_answer(answers[0], {key: USAGE})).ends:
            return None
        used += share_of(stretch, answer, (USAGE, ""))
    return used / PERCENT * cpus


def share_of(stretch: Stretch, answer: Answer, series: Series) -> float:
    """The sum of values times seconds, of samples as far as they are within the stretch."""
    total = 0.0
    for end, seconds, value in zip(answer.ends, answer.seconds, answer.values.get(series, ()), strict=False):
        inside = min(end, stretch.end) - max(end - timedelta(seconds=seconds), stretch.begin)
        total += max(inside.total_seconds(), 0) * max(value, 0)
    return total
