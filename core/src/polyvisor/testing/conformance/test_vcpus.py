"""Virtual CPUs and IOThreads: how many, where they run, and by which rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.records import Affect
from polyvisor.operations.statistics import StatsGroup
from polyvisor.operations.vcpus import IOTHREAD_PARAMETERS, SCHEDULER_PARAMETERS, VcpuState
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, disks, document
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

NO_CPU = 100_000
"""A host CPU that no host has."""


# -- how many -------------------------------------------------------------------------------------------------


@needs("vcpu_count(maximum)")
@pytest.mark.parametrize("active", [False, True])
def test_counts_are_the_documents(kit: Kit, active: bool) -> None:
    guest = kit.running("vcpus") if active else kit.guest("vcpus")
    assert (guest.vcpu_count(), guest.vcpu_count(maximum=True)) == (1, 4)


@needs("vcpu.count", "vcpu.count.set", "domain.info")
def test_vcpus_come_up_to_the_maximum(kit: Kit) -> None:
    guest = kit.guest("vcpus")
    for count in (4, 1, 3):
        guest.set_vcpu_count(count)
        assert guest.vcpu_count() == guest.info().vcpus == count


@needs("vcpu.count", "vcpu.count.set")
@pytest.mark.parametrize("count", [0, -1, 5])
@pytest.mark.parametrize("active", [False, True])
def test_counts_that_cannot_be_change_nothing(kit: Kit, count: int, active: bool) -> None:
    guest = kit.running("vcpus") if active else kit.guest("vcpus")
    with pytest.raises(InvalidArgument):
        guest.set_vcpu_count(count)
    assert guest.vcpu_count() == 1


@needs("vcpu_count(maximum)", "set_vcpu_count(maximum)")
def test_plugged_vcpus_shrink_with_the_maximum(kit: Kit) -> None:
    guest = kit.guest("vcpus")
    guest.set_vcpu_count(4)
    guest.set_vcpu_count(2, maximum=True)
    assert (guest.vcpu_count(), guest.vcpu_count(maximum=True)) == (2, 2)


@needs("vcpu_count(maximum)", "set_vcpu_count(maximum)")
def test_plugged_vcpus_stay_when_the_maximum_grows(kit: Kit) -> None:
    guest = kit.guest("vcpus")
    guest.set_vcpu_count(8, maximum=True)
    assert (guest.vcpu_count(), guest.vcpu_count(maximum=True)) == (1, 8)


@needs("vcpu.count", "vcpu.count.set")
def test_setting_the_count_there_is_changes_nothing(kit: Kit) -> None:
    guest = kit.running("vcpus")
    guest.set_vcpu_count(1)
    assert guest.vcpu_count() == 1


@needs("vcpu.individual", "vcpu.count", "domain.xml")
def test_chosen_vcpus_are_plugged_in_and_out(kit: Kit) -> None:
    guest = kit.guest("vcpus")
    guest.set_vcpus([3], True)
    assert guest.vcpu_count() == 2
    states = {vcpu.id: vcpu.enabled for vcpu in document(guest).vcpus.vcpus}
    assert states == {0: True, 1: False, 2: False, 3: True}
    guest.set_vcpus([3], False)
    assert guest.vcpu_count() == 1


@needs("vcpu.individual", "vcpu.count")
@pytest.mark.parametrize("vcpus", [[1, 9], [-1], [4]])
def test_all_chosen_vcpus_or_none(kit: Kit, vcpus: list[int]) -> None:
    guest = kit.guest("vcpus")
    with pytest.raises(InvalidArgument):
        guest.set_vcpus(vcpus, True)
    assert guest.vcpu_count() == 1


@needs("vcpu.individual", "vcpu.count")
def test_a_guest_keeps_the_vcpu_it_boots_on(kit: Kit) -> None:
    guest = kit.guest("vcpus")
    with pytest.raises((InvalidArgument, InvalidState)):
        guest.set_vcpus([0], False)
    assert guest.vcpu_count() == 1


@needs("vcpu_count(guest)", "set_vcpu_count(guest)")
def test_the_system_takes_vcpus_offline_itself(kit: Kit) -> None:
    guest = kit.running("agent", extra="<vcpu>2</vcpu>")
    kit.bench.wait_until_up(guest)
    guest.set_vcpu_count(1, guest=True)
    assert (guest.vcpu_count(guest=True), guest.vcpu_count()) == (1, 2)
    guest.set_vcpu_count(2, guest=True)
    assert guest.vcpu_count(guest=True) == 2


# -- what they do ---------------------------------------------------------------------------------------------


@needs("vcpu.info")
def test_each_plugged_vcpu_is_told_of_once_in_order(kit: Kit) -> None:
    guest = kit.running(extra="<vcpu>3</vcpu>")
    found = guest.vcpu_info()
    assert [vcpu.number for vcpu in found if vcpu.state is not VcpuState.OFFLINE] == [0, 1, 2]
    for vcpu in found:
        assert vcpu.affinity
        assert vcpu.cpu is None or vcpu.cpu in vcpu.affinity
        assert vcpu.cpu_time_ns is None or vcpu.cpu_time_ns >= 0


@needs("vcpu.info")
def test_time_does_not_run_backwards(running: Domain) -> None:
    first = [vcpu.cpu_time_ns for vcpu in running.vcpu_info()]
    second = [vcpu.cpu_time_ns for vcpu in running.vcpu_info()]
    assert all(a is None or (b is not None and b >= a) for a, b in zip(first, second, strict=True))


@needs("vcpu.info", "domain.suspend")
def test_vcpus_of_a_paused_guest_do_not_run(running: Domain) -> None:
    running.suspend()
    assert VcpuState.RUNNING not in [vcpu.state for vcpu in running.vcpu_info()]


@needs("vcpu.info", "vcpu.pin.set")
def test_a_pinned_vcpu_is_told_where_it_may_run(running: Domain) -> None:
    running.pin_vcpu(0, {0})
    assert running.vcpu_info()[0].affinity == {0}


# -- where they run -------------------------------------------------------------------------------------------


@needs("vcpu.pin", "host.cpu-map")
def test_vcpus_run_anywhere_unless_told(kit: Kit, connection: Connection) -> None:
    guest = kit.guest(extra="<vcpu>2</vcpu>")
    pins = guest.vcpu_pins()
    assert sorted(pins) == [0, 1]
    assert all(cpus >= connection.cpu_map().online for cpus in pins.values())


@needs("vcpu.pin", "vcpu.pin.set", "domain.xml")
def test_a_pin_is_taken_away(defined: Domain) -> None:
    before, said = defined.vcpu_pins(), defined.xml()
    defined.pin_vcpu(0, {0})
    defined.pin_vcpu(0, None)
    assert defined.vcpu_pins() == before
    assert "vcpupin" not in defined.xml() or "vcpupin" in said


@needs("vcpu.pin", "vcpu.pin.set")
def test_a_pin_takes_the_place_of_the_last(kit: Kit, connection: Connection, defined: Domain) -> None:
    kit.bench.need("host.cpu-map")
    online = sorted(connection.cpu_map().online)
    kit.bench.require(len(online) > 1, "the host has one CPU")
    defined.pin_vcpu(0, set(online[:2]))
    defined.pin_vcpu(0, {online[1]})
    assert defined.vcpu_pins()[0] == {online[1]}
    tune = document(defined).cputune
    assert tune is None or len(tune.vcpu_pins) <= 1, "some hypervisors bind guests as a whole: <vcpu cpuset>"


@needs("vcpu.pin", "vcpu.pin.set")
@pytest.mark.parametrize(("vcpu", "cpus"), [(0, {NO_CPU}), (0, {0, NO_CPU}), (0, set()), (9, {0}), (-1, {0})])
@pytest.mark.parametrize("active", [False, True])
def test_pins_that_cannot_be_change_nothing(kit: Kit, defined: Domain, vcpu: int, cpus: set[int], active: bool) -> None:
    if active:
        kit.start(defined)
    before = defined.vcpu_pins()
    with pytest.raises(InvalidArgument):
        defined.pin_vcpu(vcpu, cpus)
    assert defined.vcpu_pins() == before


@needs("emulator.pin", "emulator.pin.set")
def test_the_emulators_pin_is_taken_away(defined: Domain) -> None:
    before = defined.emulator_pin()
    defined.pin_emulator({0})
    assert defined.emulator_pin() == {0}
    defined.pin_emulator(None)
    assert defined.emulator_pin() == before


@needs("emulator.pin", "emulator.pin.set")
@pytest.mark.parametrize("cpus", [{NO_CPU}, set()])
def test_the_emulator_does_not_run_nowhere(defined: Domain, cpus: set[int]) -> None:
    before = defined.emulator_pin()
    with pytest.raises(InvalidArgument):
        defined.pin_emulator(cpus)
    assert defined.emulator_pin() == before


# -- IOThreads ------------------------------------------------------------------------------------------------


@needs("iothread.info-pin")
def test_iothreads_are_the_documents(bench: Bench, defined: Domain) -> None:
    assert defined.iothreads() == []
    guest = bench.define(extra="<iothreads>2</iothreads>")
    assert [thread.number for thread in guest.iothreads()] == [1, 2]
    assert all(thread.affinity for thread in guest.iothreads())


@needs("iothread.info-pin", "iothread.hotplug", "iothread.hotplug.remove")
@pytest.mark.parametrize("active", [False, True])
def test_iothreads_come_and_go(kit: Kit, defined: Domain, active: bool) -> None:
    if active:
        kit.start(defined)
    defined.add_iothread(5)
    defined.add_iothread(2)
    assert [thread.number for thread in defined.iothreads()] == [2, 5]
    defined.remove_iothread(5)
    assert [thread.number for thread in defined.iothreads()] == [2]


@needs("iothread.info-pin", "iothread.hotplug")
def test_the_number_of_an_iothread_is_taken_once(kit: Kit) -> None:
    guest = kit.guest("iothread")
    with pytest.raises(AlreadyExists):
        guest.add_iothread(1)
    assert len(guest.iothreads()) == 1


@needs("iothread.info-pin", "iothread.hotplug")
@pytest.mark.parametrize("number", [0, -1])
def test_iothreads_are_numbered_from_one(defined: Domain, number: int) -> None:
    with pytest.raises(InvalidArgument):
        defined.add_iothread(number)
    assert defined.iothreads() == []


@needs("iothread.hotplug.remove", "iothread.info-pin")
def test_an_iothread_that_is_not_there_cannot_go(kit: Kit) -> None:
    guest = kit.guest("iothread")
    with pytest.raises(NoSuchDevice):
        guest.remove_iothread(9)
    assert len(guest.iothreads()) == 1


@needs("iothread.hotplug.remove", "iothread.info-pin")
def test_an_iothread_in_use_stays_and_its_user_is_named(kit: Kit) -> None:
    disk = kit.disk().replace("<driver ", "<driver iothread='1' ")
    kit.bench.require("iothread='1'" in disk, "the target's disks have no driver")
    guest = kit.guest("iothread", devices=disk)
    with pytest.raises(InvalidState, match=kit.target()):
        guest.remove_iothread(1)
    assert len(guest.iothreads()) == 1
    assert disks(guest)[kit.target()].driver.iothread == 1


@needs("iothread.info-pin", "iothread.info-pin.set")
def test_an_iothreads_pin_is_taken_away(kit: Kit) -> None:
    guest = kit.guest("iothread")
    before = guest.iothreads()
    guest.pin_iothread(1, {0})
    assert guest.iothreads()[0].affinity == {0}
    guest.pin_iothread(1, None)
    assert guest.iothreads() == before


@needs("iothread.info-pin", "iothread.info-pin.set")
def test_pins_of_iothreads_that_cannot_be_change_nothing(kit: Kit) -> None:
    guest = kit.guest("iothread")
    before = guest.iothreads()
    for cpus in ({NO_CPU}, set()):
        with pytest.raises(InvalidArgument):
            guest.pin_iothread(1, cpus)
    with pytest.raises(NoSuchDevice):
        guest.pin_iothread(9, {0})
    assert guest.iothreads() == before


@needs("iothread.params", "stats.bulk")
def test_what_an_iothread_is_told_is_in_the_figures(kit: Kit, connection: Connection) -> None:
    guest = kit.running("iothread")
    guest.set_iothread_parameters(1, {"poll_max_ns": 12000})
    (stats,) = connection.domain_stats(domains=[guest.ref], groups=[StatsGroup.IOTHREAD])
    assert stats.values["iothread.count"] == 1
    assert stats.values["iothread.1.poll-max-ns"] == 12000


@needs("iothread.params", "domain.xml")
@pytest.mark.parametrize("parameters", [{"pull_max_ns": 1}, {"poll_max_ns": -1}, {"poll_grow": 2, "": 1}])
def test_parameters_of_iothreads_that_cannot_be_change_nothing(kit: Kit, parameters: dict[str, int]) -> None:
    guest = kit.guest("iothread")
    before = guest.xml()
    with pytest.raises(InvalidArgument):
        guest.set_iothread_parameters(1, parameters)
    with pytest.raises(NoSuchDevice):
        guest.set_iothread_parameters(9, {IOTHREAD_PARAMETERS[0]: 1})
    assert guest.xml() == before


# -- scheduling -----------------------------------------------------------------------------------------------

CHANGES = {
    "cpu_shares": 512,
    "vcpu_period": 50000,
    "vcpu_quota": 25000,
    "emulator_period": 50000,
    "global_period": 50000,
    "weight": 512,
    "cap": 50,
    "shares": 2000,
}
"""Legal values of tunables, of which every scheduler has some."""


@needs("vcpu.scheduler")
def test_a_scheduler_has_a_name_and_known_tunables(defined: Domain) -> None:
    found = defined.scheduler()
    assert found.name
    assert found.parameters.values
    assert set(found.parameters.values) <= set(SCHEDULER_PARAMETERS)


@needs("vcpu.scheduler", "vcpu.scheduler.set")
@pytest.mark.parametrize("active", [False, True])
def test_each_tunable_of_a_scheduler_changes_alone(kit: Kit, defined: Domain, active: bool) -> None:
    if active:
        kit.start(defined)
    for name in CHANGES.keys() & defined.scheduler().parameters.values.keys():
        before = defined.scheduler().parameters.values
        defined.set_scheduler_parameters({name: CHANGES[name]})
        assert defined.scheduler().parameters.values == {**before, name: CHANGES[name]}


@needs("vcpu.scheduler", "vcpu.scheduler.set")
@pytest.mark.parametrize("bad", [{"swiftness": 9}, {"": 1}])
def test_a_tunable_that_no_scheduler_has_changes_nothing(defined: Domain, bad: dict[str, int]) -> None:
    before = defined.scheduler()
    good = next(name for name in CHANGES if name in before.parameters.values)
    with pytest.raises(InvalidArgument):
        defined.set_scheduler_parameters({good: CHANGES[good], **bad})
    assert defined.scheduler() == before


@needs("vcpu.scheduler", "vcpu.scheduler.set")
def test_a_value_out_of_range_changes_nothing(defined: Domain) -> None:
    before = defined.scheduler()
    good = next(name for name in CHANGES if name in before.parameters.values)
    with pytest.raises(InvalidArgument):
        defined.set_scheduler_parameters({good: -77})
    assert defined.scheduler() == before


@needs("vcpu.scheduler", "vcpu.scheduler.set")
def test_changing_no_tunable_changes_nothing(defined: Domain) -> None:
    before = defined.scheduler()
    defined.set_scheduler_parameters({})
    assert defined.scheduler() == before


@needs("vcpu.scheduler", "vcpu.scheduler.set")
def test_both_are_scheduled_anew_or_neither(defined: Domain) -> None:
    defined.start()
    before = (defined.scheduler(affect=Affect.LIVE), defined.scheduler(affect=Affect.CONFIG))
    with pytest.raises(InvalidArgument):
        defined.set_scheduler_parameters({"swiftness": 9}, affect=Affect.BOTH)
    assert (defined.scheduler(affect=Affect.LIVE), defined.scheduler(affect=Affect.CONFIG)) == before
