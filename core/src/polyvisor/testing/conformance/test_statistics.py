"""What guests have used: one fact of one guest, and all figures of all guests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidArgument, NoSuchDevice, UnsupportedOption
from polyvisor.operations.records import REASONS, DomainState
from polyvisor.operations.statistics import StatsGroup
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, interfaces
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain


def figures(guest: Domain, *groups: StatsGroup) -> dict[str, Any]:
    """What ``domain_stats`` tells of one guest."""
    (found,) = guest.connection.domain_stats(domains=[guest.ref], groups=groups)
    assert found.ref.uuid == guest.uuid
    return dict(found.values)


# -- one fact -------------------------------------------------------------------------------------------------


@needs("stats.cpu")
def test_the_parts_of_cpu_time_are_no_more_than_the_whole(running: Domain) -> None:
    total = running.cpu_stats().total
    assert total.total_ns >= 0
    assert (total.user_ns or 0) + (total.system_ns or 0) <= total.total_ns
    for use in running.cpu_stats().cpus.values():
        assert use.total_ns >= 0


MONOTONOUS: dict[str, tuple[str, Callable[[Domain], dict[str, Any]]]] = {
    "CPU time": ("stats.cpu", lambda guest: asdict(guest.cpu_stats().total)),
    "disk requests": ("stats.block", lambda guest: asdict(guest.block_stats())),
}


@pytest.mark.parametrize("what", list(MONOTONOUS))
def test_counters_do_not_go_back(bench: Bench, what: str) -> None:
    capability, measure = MONOTONOUS[what]
    bench.need(capability)
    guest = bench.start(bench.define())
    first, second = measure(guest), measure(guest)
    assert {name for name, value in first.items() if value is not None and second[name] < value} == set()


@needs("stats.block")
def test_requests_of_a_disk_are_counted(kit: Kit) -> None:
    guest = kit.running(devices=kit.disk(0) + kit.disk(1))
    for number in (0, 1):
        counted = asdict(guest.block_stats(disk=kit.target(number)))
        assert all(value is None or value >= 0 for value in counted.values())
        assert counted["read_requests"] is not None or counted["read_bytes"] is not None


@needs("stats.block")
def test_all_disks_together_have_what_each_has(kit: Kit) -> None:
    guest = kit.running("disk")
    one = asdict(guest.block_stats(disk=kit.target()))
    everything = asdict(guest.block_stats())
    assert {name for name, value in one.items() if value is not None and everything[name] < value} == set()


@needs("stats.block")
@pytest.mark.parametrize("name", ["vdnone", "", "/no/such/image"])
def test_a_disk_that_is_not_there_counts_nothing(kit: Kit, name: str) -> None:
    guest = kit.running("disk")
    with pytest.raises(NoSuchDevice):
        guest.block_stats(disk=name)


@needs("stats.net", "domain.xml")
def test_traffic_of_a_card_is_counted_by_any_name(kit: Kit) -> None:
    guest = kit.running("interface")
    for name in (kit.mac(), kit.mac().upper()):
        assert all(value is None or value >= 0 for value in asdict(guest.interface_stats(name)).values())
    target = interfaces(guest)[kit.mac()].target
    if target is not None and target.dev:
        assert guest.interface_stats(target.dev).rx_bytes is not None


@needs("stats.net")
@pytest.mark.parametrize("name", ["52:54:00:00:00:00", "nonesuch0", ""])
def test_a_card_that_is_not_there_counts_nothing(kit: Kit, name: str) -> None:
    guest = kit.running("interface")
    with pytest.raises(NoSuchDevice):
        guest.interface_stats(name)


@needs("stats.mem")
def test_memory_is_told_in_kib(running: Domain) -> None:
    found = asdict(running.memory_stats())
    assert any(value is not None for value in found.values())
    assert all(value is None or value >= 0 for value in found.values())
    actual, maximum = found["actual"], running.info().max_memory_kib
    assert actual is None or actual <= maximum


@needs("stats.mem", "mem.balloon")
def test_the_balloon_is_in_the_account(kit: Kit, bench: Bench) -> None:
    bench.require(bench.target.balloons, "the system inside does not give memory back")
    guest = kit.running("balloon")
    bench.wait_until_up(guest)
    half = guest.info().max_memory_kib // 2
    guest.set_memory(half)
    bench.until(lambda: guest.memory_stats().actual == half, "the balloon's getting there")


# -- performance events ---------------------------------------------------------------------------------------


@needs("stats.perf")
def test_no_performance_event_is_counted_unless_told(defined: Domain) -> None:
    found = defined.perf_events()
    assert found
    assert not any(found.values())


@needs("stats.perf", "stats.perf.set")
def test_events_not_named_stay(bench: Bench, defined: Domain) -> None:
    names = list(defined.perf_events())
    bench.require(len(names) > 1, "the hypervisor counts one event")
    defined.set_perf_events({names[0]: True})
    defined.set_perf_events({names[1]: True})
    defined.set_perf_events({names[0]: False})
    assert {name for name, counted in defined.perf_events().items() if counted} == {names[1]}


@needs("stats.perf", "stats.perf.set")
def test_an_event_that_nobody_knows_changes_nothing(defined: Domain) -> None:
    before = defined.perf_events()
    with pytest.raises(InvalidArgument):
        defined.set_perf_events({**dict.fromkeys(before, True), "cpu_bicycles": True})
    assert defined.perf_events() == before


@needs("stats.perf", "stats.perf.set", "stats.bulk")
def test_counts_are_in_the_figures(defined: Domain) -> None:
    name = next(iter(defined.perf_events()))
    defined.set_perf_events({name: True})
    defined.start()
    assert f"perf.{name}" in figures(defined, StatsGroup.PERF)


# -- all figures ----------------------------------------------------------------------------------------------


@needs("stats.bulk")
def test_the_state_and_its_reason_are_numbers(running: Domain) -> None:
    states, state = list(DomainState), running.state()
    found = figures(running, StatsGroup.STATE)
    assert found["state.state"] == states.index(state.state)
    assert found["state.reason"] == REASONS[state.state].index(state.reason)


@needs("stats.bulk")
def test_an_off_guest_has_a_state_and_no_time(defined: Domain) -> None:
    found = figures(defined)
    assert found["state.state"] == list(DomainState).index(DomainState.SHUT_OFF)
    assert "cpu.time" not in found


@needs("stats.bulk")
@pytest.mark.parametrize("group", list(StatsGroup))
def test_a_group_has_its_own_names_only(running: Domain, group: StatsGroup) -> None:
    found = figures(running, group)
    assert all(name.startswith(f"{group.value}.") for name in found)


@needs("domain_stats(enforce)")
@pytest.mark.parametrize("group", list(StatsGroup))
def test_a_group_is_there_or_is_refused_by_name(running: Domain, group: StatsGroup) -> None:
    connection = running.connection
    try:
        (enforced,) = connection.domain_stats(domains=[running.ref], groups=[group], enforce=True)
    except UnsupportedOption as refusal:
        assert group.value in refusal.message
        assert figures(running, group) == {}
    else:
        assert enforced.values.keys() == figures(running, group).keys()


@needs("stats.bulk")
def test_no_groups_are_every_group(running: Domain) -> None:
    one_by_one = {name for group in StatsGroup for name in figures(running, group)}
    assert set(figures(running)) == one_by_one


@needs("stats.bulk")
def test_figures_are_plain_values(running: Domain) -> None:
    assert all(type(value) in (int, float, bool, str) for value in figures(running).values())


@needs("stats.bulk")
def test_lists_have_as_many_items_as_they_count(kit: Kit) -> None:
    guest = kit.running(devices=kit.disk(0) + kit.disk(1))
    found = figures(guest, StatsGroup.BLOCK, StatsGroup.INTERFACE)
    for group in ("block", "net"):
        if f"{group}.count" in found:
            numbers = {name.split(".")[1] for name in found if name.startswith(f"{group}.")} - {"count"}
            assert numbers == {str(number) for number in range(found[f"{group}.count"])}
    names = [value for name, value in found.items() if name.startswith("block.") and name.endswith(".name")]
    assert not names or {kit.target(0), kit.target(1)} <= set(names)


@needs("stats.bulk", "stats.block")
def test_the_table_agrees_with_the_single_questions(kit: Kit) -> None:
    guest = kit.running("disk")
    guest.suspend()
    found = figures(guest, StatsGroup.BLOCK)
    kit.bench.require("block.count" in found, "the table has no figures of disks")
    number = next(name.split(".")[1] for name, value in found.items() if value == kit.target())
    assert found[f"block.{number}.rd.reqs"] == guest.block_stats(disk=kit.target()).read_requests


@needs("stats.bulk")
def test_many_guests_are_told_of_at_once(bench: Bench, connection: Connection) -> None:
    guests = [bench.define() for _ in range(3)]
    found = connection.domain_stats(groups=[StatsGroup.STATE])
    uuids = [stats.ref.uuid for stats in found]
    assert len(uuids) == len(set(uuids))
    assert {guest.uuid for guest in guests} <= set(uuids)


@needs("stats.bulk")
def test_only_those_asked_for_are_told_of(bench: Bench, connection: Connection) -> None:
    first, second, _ = (bench.define() for _ in range(3))
    found = connection.domain_stats(domains=[first.ref, second.ref], groups=[StatsGroup.STATE])
    assert {stats.ref.uuid for stats in found} == {first.uuid, second.uuid}


@needs("stats.bulk")
def test_a_guest_that_is_gone_is_left_out(bench: Bench, connection: Connection) -> None:
    gone, there = bench.define(), bench.define()
    gone.undefine()
    found = connection.domain_stats(domains=[gone.ref, there.ref], groups=[StatsGroup.STATE])
    assert [stats.ref.uuid for stats in found] == [there.uuid]
    assert connection.domain_stats(domains=[gone.ref], groups=[StatsGroup.STATE]) == []


@needs("domain_stats(active)")
def test_figures_of_the_running_or_of_the_others(bench: Bench, connection: Connection) -> None:
    off, on = bench.define(), bench.start(bench.define())
    for active, there, absent in ((True, on, off), (False, off, on)):
        uuids = {stats.ref.uuid for stats in connection.domain_stats(active=active, groups=[StatsGroup.STATE])}
        assert there.uuid in uuids and absent.uuid not in uuids


@needs("domain_stats(states)", "domain.suspend")
def test_figures_of_guests_in_some_state(bench: Bench, connection: Connection) -> None:
    paused, on = bench.start(bench.define()), bench.start(bench.define())
    paused.suspend()
    found = connection.domain_stats(states=[DomainState.PAUSED], groups=[StatsGroup.STATE])
    uuids = {stats.ref.uuid for stats in found}
    assert paused.uuid in uuids and on.uuid not in uuids


@needs("domain_stats(persistent)")
def test_figures_of_the_transient(bench: Bench, connection: Connection) -> None:
    bench.require(bench.target.undefines_running, "the hypervisor forgets no guest that runs")
    kept, brief = bench.start(bench.define()), bench.start(bench.define())
    brief.undefine()
    found = connection.domain_stats(persistent=False, groups=[StatsGroup.STATE])
    uuids = {stats.ref.uuid for stats in found}
    assert brief.uuid in uuids and kept.uuid not in uuids


@needs("domain_stats(nowait)")
def test_not_waiting_leaves_out_figures_but_no_guest(running: Domain) -> None:
    (found,) = running.connection.domain_stats(domains=[running.ref], nowait=True)
    assert found.values.keys() <= figures(running).keys()
    assert "state.state" in found.values


@needs("domain_stats(backing)")
def test_each_image_of_a_chain_is_counted_if_asked_for(kit: Kit) -> None:
    guest = kit.running("disk")
    (found,) = guest.connection.domain_stats(domains=[guest.ref], groups=[StatsGroup.BLOCK], backing=True)
    assert found.values["block.count"] >= figures(guest, StatsGroup.BLOCK)["block.count"]
