"""Memory, NUMA, vCPUs, IOThreads and scheduling of simulated guests."""

from __future__ import annotations

import pytest

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.memory import UNLIMITED
from polyvisor.operations.numa import NumaMode
from polyvisor.operations.vcpus import VcpuState
from polyvisor.spi import Affect

# -- memory ---------------------------------------------------------------------------------------------------


def test_the_balloon_moves_and_tells(guest, connection):
    with connection.events() as events:
        guest.set_memory(1048576)
        assert events.get(timeout=0).data == {"actual_kib": 1048576}
    assert guest.info().memory_kib == guest.memory_stats().actual == 1048576
    assert guest.config(inactive=True).current_memory_kib == 2097152


def test_memory_stays_within_the_maximum(guest):
    with pytest.raises(InvalidArgument, match="8388608"):
        guest.set_memory(8388609)
    with pytest.raises(InvalidState, match="while it runs"):
        guest.set_max_memory(1024)
    guest.set_max_memory(1048576, affect=Affect.CONFIG)
    stored = guest.config(inactive=True)
    assert (stored.memory_kib, stored.current_memory_kib) == (1048576, 1048576)
    assert guest.max_memory() == 8388608


def test_without_a_balloon_memory_cannot_move(guest):
    guest.detach_device_alias("balloon0")
    with pytest.raises(NoSuchDevice, match="balloon"):
        guest.set_memory(1048576)


def test_the_balloon_reports_at_intervals(guest):
    guest.set_memory_stats_period(5)
    assert guest.config().devices.memballoon.stats.period == 5
    guest.set_memory_stats_period(0)
    assert guest.config().devices.memballoon.stats is None


def test_limits_are_those_of_memtune(guest):
    assert set(guest.memory_limits().values.values()) == {UNLIMITED}
    guest.set_memory_limits({"hard_limit": 4194304}, affect=Affect.BOTH)
    assert guest.config(inactive=True).memtune.hard_limit.kib == 4194304
    with pytest.raises(InvalidArgument, match="swap"):
        guest.set_memory_limits({"swap_hard_limit": 1})
    assert guest.memory_limits().values["swap_hard_limit"] == UNLIMITED
    with pytest.raises(InvalidArgument, match="hard_limit"):
        guest.set_memory_limits({"herd_limit": 1})
    guest.set_memory_limits({"hard_limit": UNLIMITED})
    assert guest.memory_limits().values["hard_limit"] == UNLIMITED


def test_memory_can_be_read(guest):
    assert guest.peek_memory(254, 4) == bytes((254, 255, 0, 1))
    with pytest.raises(InvalidArgument):
        guest.peek_memory(8388608 * 1024 - 1, 2)


# -- NUMA ------------------------------------------------------------------------------------------------------


def test_numa_binding(guest):
    assert guest.numa_parameters().nodeset == frozenset()
    guest.set_numa_parameters(nodeset={0, 1})
    assert guest.numa_parameters().nodeset == {0, 1}
    with pytest.raises(InvalidState, match="interleave"):
        guest.set_numa_parameters(mode=NumaMode.INTERLEAVE)
    guest.set_numa_parameters(mode=NumaMode.INTERLEAVE, affect=Affect.CONFIG)
    assert guest.numa_parameters(affect=Affect.CONFIG).mode is NumaMode.INTERLEAVE
    with pytest.raises(InvalidArgument, match="cell 7"):
        guest.set_numa_parameters(nodeset={7})


# -- vCPUs -----------------------------------------------------------------------------------------------------


def test_vcpus_come_and_go_up_to_the_maximum(guest):
    guest.set_vcpu_count(1)
    assert (guest.vcpu_count(), guest.vcpu_count(maximum=True)) == (1, 2)
    assert [vcpu.number for vcpu in guest.vcpu_info()] == [0]
    guest.set_vcpu_count(2)
    assert guest.vcpu_count() == 2
    with pytest.raises(InvalidArgument, match="maximum of 2"):
        guest.set_vcpu_count(3)
    with pytest.raises(InvalidArgument):
        guest.set_vcpu_count(0)


def test_the_maximum_is_stored(guest):
    with pytest.raises(InvalidState):
        guest.set_vcpu_count(4, maximum=True)
    guest.set_vcpu_count(4, maximum=True, affect=Affect.CONFIG)
    assert guest.vcpu_count(maximum=True, affect=Affect.CONFIG) == 4
    assert guest.vcpu_count(affect=Affect.CONFIG) == 2


def test_chosen_vcpus_are_plugged(guest):
    guest.set_vcpu_count(4, maximum=True, affect=Affect.CONFIG)
    guest.set_vcpus([3], True, affect=Affect.CONFIG)
    stored = guest.config(inactive=True).vcpus.vcpus
    assert [vcpu.enabled for vcpu in stored] == [True, True, False, True]
    with pytest.raises(InvalidArgument, match="boots"):
        guest.set_vcpus([0], False)
    with pytest.raises(InvalidArgument, match="no vCPU 9"):
        guest.set_vcpus([9], True)


def test_pinning(guest, connection):
    everywhere = frozenset(range(16))
    assert guest.vcpu_pins() == {0: everywhere, 1: everywhere}
    with connection.events() as events:
        guest.pin_vcpu(1, {2, 3, 8}, affect=Affect.BOTH)
        assert events.get(timeout=0).data == {"cputune.vcpupin1": "2-3,8"}
    assert guest.vcpu_pins(affect=Affect.CONFIG)[1] == {2, 3, 8}
    assert guest.vcpu_info()[1].cpu in {2, 3, 8}
    guest.pin_vcpu(1, None)
    assert guest.vcpu_pins()[1] == everywhere
    guest.pin_emulator({0})
    assert guest.emulator_pin() == {0}
    with pytest.raises(InvalidArgument, match="no CPU 99"):
        guest.pin_vcpu(0, {99})
    with pytest.raises(InvalidArgument):
        guest.pin_vcpu(0, set())


def test_vcpu_states_follow_the_guest(guest):
    assert {vcpu.state for vcpu in guest.vcpu_info()} == {VcpuState.RUNNING}
    guest.suspend()
    assert {vcpu.state for vcpu in guest.vcpu_info()} == {VcpuState.BLOCKED}


def test_the_guest_takes_cpus_offline_itself(guest):
    guest.set_vcpu_count(1, guest=True)
    assert (guest.vcpu_count(guest=True), guest.vcpu_count()) == (1, 2)
    guest.set_guest_vcpus([1], True)
    assert guest.guest_vcpus().online == {0, 1}
    with pytest.raises(InvalidArgument, match="CPU 0"):
        guest.set_guest_vcpus([0], False)


# -- IOThreads and scheduling ----------------------------------------------------------------------------------


def test_iothreads_come_and_go(guest):
    guest.add_iothread(2, affect=Affect.BOTH)
    guest.pin_iothread(2, {5})
    guest.set_iothread_parameters(2, {"poll_max_ns": 1000, "thread_pool_max": 8})
    (thread,) = guest.iothreads()
    assert (thread.number, thread.affinity) == (2, {5})
    stats = guest.connection.domain_stats()[0].values
    assert (stats["iothread.count"], stats["iothread.2.poll-max-ns"]) == (1, 1000)
    with pytest.raises(AlreadyExists):
        guest.add_iothread(2)
    guest.remove_iothread(2)
    assert guest.iothreads() == [] and len(guest.iothreads(affect=Affect.CONFIG)) == 1
    with pytest.raises(NoSuchDevice, match="IOThread 2"):
        guest.remove_iothread(2)


def test_an_iothread_in_use_stays(guest):
    guest.add_iothread(1)
    guest.attach_device("<disk><driver iothread='1'/><source file='/d'/><target dev='vdb'/></disk>")
    with pytest.raises(InvalidState, match="vdb"):
        guest.remove_iothread(1)


def test_scheduler_parameters_are_those_of_cputune(guest):
    assert guest.scheduler().parameters.values["cpu_shares"] == 1024
    guest.set_scheduler_parameters({"cpu_shares": 2048, "vcpu_quota": -1}, affect=Affect.BOTH)
    assert guest.scheduler(affect=Affect.CONFIG).parameters.values["cpu_shares"] == 2048
    assert guest.config().cputune.shares == 2048
    with pytest.raises(InvalidArgument, match="weight"):
        guest.set_scheduler_parameters({"weight": 1})
    with pytest.raises(InvalidArgument, match="1000 to 1000000"):
        guest.set_scheduler_parameters({"vcpu_period": 1, "cpu_shares": 3})
    assert guest.config().cputune.shares == 2048


def test_the_dirty_rate_is_measured(guest):
    guest.start_dirty_rate(seconds=2)
    values = guest.connection.domain_stats()[0].values
    assert (values["dirtyrate.calc_period"], values["dirtyrate.megabytes_per_second"]) == (2, 2)
    with pytest.raises(InvalidArgument):
        guest.start_dirty_rate(seconds=61)
    with pytest.raises(InvalidArgument, match="dirty-ring"):
        guest.start_dirty_rate(mode="guess")
