"""A guest's memory: its maximum, its balloon, its limits, and what can be read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.events import EventKind
from polyvisor.operations.memory import MEMORY_LIMITS, UNLIMITED
from polyvisor.operations.records import Affect
from polyvisor.operations.statistics import StatsGroup
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, document
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

SIZES = "<memory unit='KiB'>131072</memory><currentMemory unit='KiB'>65536</currentMemory>"
BAD_SIZES = (0, -1, 1 << 62)


# -- maximum and balloon --------------------------------------------------------------------------------------


@needs("mem.max", "domain.xml")
def test_the_maximum_is_the_documents(bench: Bench) -> None:
    guest = bench.define(extra=SIZES)
    assert guest.max_memory() == document(guest).memory_kib == 131072


@needs("mem.max", "mem.max.set", "domain.xml")
def test_what_a_guest_has_shrinks_with_its_maximum(bench: Bench) -> None:
    guest = bench.define(extra="<memory unit='KiB'>131072</memory><currentMemory unit='KiB'>131072</currentMemory>")
    guest.set_max_memory(65536)
    assert guest.max_memory() == 65536
    assert document(guest).current_memory_kib <= 65536


@needs("mem.max", "mem.max.set", "domain.xml")
def test_what_a_guest_has_does_not_grow_with_its_maximum(bench: Bench) -> None:
    guest = bench.define(extra=SIZES)
    guest.set_max_memory(262144)
    assert (guest.max_memory(), document(guest).current_memory_kib) == (262144, 65536)


@needs("mem.max", "mem.max.set", "domain.info")
def test_the_maximum_is_in_the_facts(bench: Bench) -> None:
    guest = bench.define(extra=SIZES)
    guest.set_max_memory(262144)
    info = guest.info()
    assert (info.max_memory_kib, info.memory_kib) == (262144, 65536)


@needs("mem.max.set", "mem.max")
@pytest.mark.parametrize("kib", BAD_SIZES[:2])
def test_no_memory_is_no_maximum(defined: Domain, kib: int) -> None:
    before = defined.max_memory()
    with pytest.raises(InvalidArgument):
        defined.set_max_memory(kib)
    assert defined.max_memory() == before


@needs("mem.balloon", "domain.xml")
@pytest.mark.parametrize("kib", BAD_SIZES)
@pytest.mark.parametrize("active", [False, True])
def test_a_balloon_stays_between_nothing_and_the_maximum(kit: Kit, kib: int, active: bool) -> None:
    guest = kit.running("balloon", extra=SIZES) if active else kit.guest("balloon", extra=SIZES)
    with pytest.raises(InvalidArgument):
        guest.set_memory(kib)
    assert document(guest).current_memory_kib == 65536


@needs("mem.balloon", "domain.xml")
def test_a_balloon_may_reach_the_maximum(kit: Kit) -> None:
    guest = kit.guest("balloon", extra=SIZES)
    guest.set_memory(131072)
    assert document(guest).current_memory_kib == 131072


@needs("mem.balloon", "domain.xml")
def test_both_balloons_move_or_neither(kit: Kit, bench: Bench) -> None:
    bench.require(bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    guest = kit.running("balloon", extra=SIZES)
    guest.set_memory(98304, affect=Affect.CONFIG)
    with pytest.raises(InvalidArgument):
        guest.set_memory(262144, affect=Affect.BOTH)
    assert document(guest).current_memory_kib == 65536
    assert document(guest, stored=True).current_memory_kib == 98304


@needs("mem.balloon", "event.any")
def test_a_balloon_that_moves_is_told(kit: Kit, bench: Bench, events: Heard) -> None:
    guest = kit.running("balloon", extra=SIZES)
    bench.wait_until_up(guest)
    bench.require(bench.target.balloons, "the system inside does not give memory back")
    guest.set_memory(49152)
    assert events.next(EventKind.BALLOON_CHANGE, of=guest).domain == guest.ref


@needs("mem.balloon")
def test_without_a_balloon_no_memory_moves(bench: Bench) -> None:
    bench.require(bench.target.parts.balloon, "memory moves without a balloon here")
    guest = bench.define(devices="<memballoon model='none'/>", extra=SIZES)
    bench.start(guest)
    before = guest.info().memory_kib
    with pytest.raises(NoSuchDevice):
        guest.set_memory(49152, affect=Affect.LIVE)
    assert guest.info().memory_kib == before


@needs("mem.stats-period", "domain.xml")
def test_reports_are_turned_off_again(kit: Kit) -> None:
    guest = kit.guest("balloon")
    guest.set_memory_stats_period(5)
    guest.set_memory_stats_period(0)
    balloon = document(guest).devices.memballoon
    assert balloon.stats is None or not balloon.stats.period


@needs("mem.stats-period", "domain.xml")
def test_a_period_is_no_negative_number(kit: Kit) -> None:
    guest = kit.guest("balloon")
    before = guest.xml()
    with pytest.raises(InvalidArgument):
        guest.set_memory_stats_period(-1)
    assert guest.xml() == before


# -- limits ---------------------------------------------------------------------------------------------------


def offered(guest: Domain) -> list[str]:
    """The limits that this hypervisor has."""
    return [name for name in MEMORY_LIMITS if name in guest.memory_limits().values]


@needs("mem.limits")
def test_nothing_limits_a_guest_of_which_nothing_is_said(defined: Domain) -> None:
    assert offered(defined)
    assert set(defined.memory_limits().values) <= set(MEMORY_LIMITS)
    hard = defined.memory_limits().values.get("hard_limit", UNLIMITED)
    assert hard == UNLIMITED


@needs("mem.limits", "mem.limits.set")
def test_limits_not_named_stay(bench: Bench, defined: Domain) -> None:
    names = [name for name in offered(defined) if name in ("hard_limit", "soft_limit")]
    bench.require(len(names) == 2, "the hypervisor has no two independent limits")
    defined.set_memory_limits({"hard_limit": 1048576})
    defined.set_memory_limits({"soft_limit": 524288})
    values = defined.memory_limits().values
    assert (values["hard_limit"], values["soft_limit"]) == (1048576, 524288)


@needs("mem.limits", "mem.limits.set", "domain.xml")
def test_unlimited_takes_a_limit_away(defined: Domain) -> None:
    name = offered(defined)[0]
    defined.set_memory_limits({name: 1048576})
    defined.set_memory_limits({name: UNLIMITED})
    assert defined.memory_limits().values[name] == UNLIMITED
    assert str(UNLIMITED) not in defined.xml()


@needs("mem.limits", "mem.limits.set")
@pytest.mark.parametrize("limits", [{"herd_limit": 1048576}, {"hard_limit": -1}, {"": 1}])
def test_limits_that_cannot_be_change_nothing(defined: Domain, limits: dict[str, int]) -> None:
    before = defined.memory_limits()
    name = offered(defined)[0]
    with pytest.raises(InvalidArgument):
        defined.set_memory_limits({name: 2097152, **limits})
    assert defined.memory_limits() == before


@needs("mem.limits", "mem.limits.set")
def test_limits_that_contradict_each_other_change_nothing(bench: Bench, defined: Domain) -> None:
    bench.require({"hard_limit", "swap_hard_limit"} <= set(offered(defined)), "the hypervisor has not both limits")
    with pytest.raises(InvalidArgument):
        defined.set_memory_limits({"hard_limit": 2097152, "swap_hard_limit": 1048576})
    assert set(defined.memory_limits().values.values()) <= {UNLIMITED, 0}


@needs("mem.limits", "mem.limits.set")
def test_the_order_of_limits_does_not_matter(bench: Bench, defined: Domain) -> None:
    bench.require({"hard_limit", "swap_hard_limit"} <= set(offered(defined)), "the hypervisor has not both limits")
    defined.set_memory_limits({"swap_hard_limit": 1048576, "hard_limit": 1048576})
    defined.set_memory_limits({"hard_limit": 2097152, "swap_hard_limit": 2097152})
    defined.set_memory_limits({"hard_limit": 1048576, "swap_hard_limit": 1048576})
    assert defined.memory_limits().values["swap_hard_limit"] == 1048576


# -- reading memory -------------------------------------------------------------------------------------------


@needs("mem.peek")
@pytest.mark.parametrize("size", [1, 16, 4096])
def test_as_many_bytes_are_read_as_were_asked_for(running: Domain, size: int) -> None:
    found = running.peek_memory(0, size, physical=True) if takes_physical(running) else running.peek_memory(0, size)
    assert isinstance(found, bytes) and len(found) == size


def takes_physical(domain: Domain) -> bool:
    """Whether memory can be read by physical address, which needs nothing of the system inside."""
    invoker = domain.connection._invoker
    from polyvisor.operations.catalogue import every

    return "physical" in invoker.plugins.options_taken(invoker.driver, every()["peek_memory"])


@needs("peek_memory(physical)")
@pytest.mark.parametrize(("start", "size"), [(-1, 4), (0, -4), (1 << 62, 4)])
def test_what_is_no_memory_is_not_read(running: Domain, start: int, size: int) -> None:
    with pytest.raises(InvalidArgument):
        running.peek_memory(start, size, physical=True)


@needs("peek_memory(physical)")
def test_equal_addresses_hold_equal_bytes(running: Domain, bench: Bench) -> None:
    bench.need("domain.suspend")
    running.suspend()
    whole = running.peek_memory(0x1000, 64, physical=True)
    halves = running.peek_memory(0x1000, 32, physical=True) + running.peek_memory(0x1020, 32, physical=True)
    assert whole == halves == running.peek_memory(0x1000, 64, physical=True)


# -- dirtying memory ------------------------------------------------------------------------------------------


@needs("mem.dirty-rate", "stats.bulk")
def test_a_measured_rate_is_in_the_figures(bench: Bench, connection: Connection, running: Domain) -> None:
    running.start_dirty_rate(seconds=1)

    def measured() -> bool:
        (stats,) = connection.domain_stats(domains=[running.ref], groups=[StatsGroup.DIRTY_RATE])
        return "dirtyrate.megabytes_per_second" in stats.values

    bench.until(measured, "the measurement")
    (stats,) = connection.domain_stats(domains=[running.ref], groups=[StatsGroup.DIRTY_RATE])
    assert stats.values["dirtyrate.calc_period"] == 1
    rate = stats.values["dirtyrate.megabytes_per_second"]
    assert isinstance(rate, int) and rate >= 0


@needs("mem.dirty-rate")
@pytest.mark.parametrize("seconds", [0, -1, 61])
def test_a_measurement_takes_one_to_sixty_seconds(running: Domain, seconds: int) -> None:
    with pytest.raises(InvalidArgument):
        running.start_dirty_rate(seconds=seconds)


@needs("start_dirty_rate(mode)")
def test_a_way_to_measure_that_nobody_knows(running: Domain) -> None:
    with pytest.raises(InvalidArgument, match="guesswork"):
        running.start_dirty_rate(mode="guesswork")


@needs("mem.dirty-rate")
def test_an_off_guest_dirties_nothing(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.start_dirty_rate()
