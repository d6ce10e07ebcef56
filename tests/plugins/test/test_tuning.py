"""Limits on disks and networks, and figures about them."""

from __future__ import annotations

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice, UnsupportedOption
from polyvisor.operations.statistics import StatsGroup
from polyvisor.operations.tuning import Bandwidth
from polyvisor.spi import Affect, DomainState


def test_block_weights_by_device(guest):
    guest.set_blkio_parameters({"weight": 500, "device_weight": "/dev/sda,300,/dev/sdb,200"})
    guest.set_blkio_parameters({"device_weight": "/dev/sdb,0", "device_read_iops_sec": "/dev/sda,1000"})
    values = guest.blkio_parameters().values
    assert values["weight"] == 500
    assert (values["device_weight"], values["device_read_iops_sec"]) == ("/dev/sda,300", "/dev/sda,1000")
    assert guest.config().blkiotune.devices[0].path == "/dev/sda"


@pytest.mark.parametrize("bad", [{"weight": 5}, {"wait": 5}, {"device_weight": "sda"}, {"device_weight": "/dev/sda,9"}])
def test_bad_block_parameters_change_nothing(guest, bad):
    with pytest.raises(InvalidArgument):
        guest.set_blkio_parameters({"weight": 100, **bad} if "weight" not in bad else bad)
    assert guest.config().blkiotune is None


def test_limits_of_a_disk(guest):
    guest.set_block_io_tune("vda", {"total_bytes_sec": 1000000, "size_iops_sec": 4096})
    guest.set_block_io_tune("/guest/diskimage1", {"read_bytes_sec": 500000})
    values = guest.block_io_tune("vda").values
    assert (values["total_bytes_sec"], values["read_bytes_sec"], values["size_iops_sec"]) == (0, 500000, 4096)
    with pytest.raises(InvalidArgument, match="excludes"):
        guest.set_block_io_tune("vda", {"total_iops_sec": 1, "read_iops_sec": 1})
    with pytest.raises(NoSuchDevice, match="vdz"):
        guest.block_io_tune("vdz")


def test_a_group_shares_its_limits(guest):
    guest.attach_device("<disk><source file='/d'/><target dev='vdb'/></disk>")
    guest.set_block_io_tune("vda", {"group_name": "shared", "total_iops_sec": 100})
    guest.set_block_io_tune("vdb", {"group_name": "shared", "total_iops_sec": 200})
    assert guest.block_io_tune("vda").values["total_iops_sec"] == 200


def test_throttle_groups(guest):
    guest.set_throttle_group("slow", {"total_iops_sec": 10}, affect=Affect.BOTH)
    guest.set_throttle_group("slow", {"total_iops_sec": 20})
    assert [group.total_iops_sec for group in guest.config().throttlegroups.groups] == [20]
    filters = "<throttlefilters><throttlefilter group='slow'/></throttlefilters>"
    guest.attach_device(f"<disk><source file='/d'/><target dev='vdb'/>{filters}</disk>")
    with pytest.raises(InvalidState, match="vdb"):
        guest.remove_throttle_group("slow")
    guest.remove_throttle_group("slow", affect=Affect.CONFIG)
    with pytest.raises(NoSuchDevice):
        guest.remove_throttle_group("slow", affect=Affect.CONFIG)


def test_disks_are_resized_and_keep_it(guest):
    guest.resize_block("vda", 1 << 30)
    assert guest.block_info("vda").capacity == 1 << 30
    with pytest.raises(InvalidArgument, match="shrink"):
        guest.resize_block("vda", 1 << 20, extend=True)
    with pytest.raises(InvalidArgument, match="512"):
        guest.resize_block("vda", 1000)
    guest.destroy()
    guest.start()
    assert guest.block_info("vda").capacity == 1 << 30


def test_a_threshold_that_is_passed_is_told(guest, connection):
    guest.block_stats()
    with connection.events() as events:
        guest.set_block_threshold("vda", 1 << 40)
        guest.set_block_threshold("vda", 1)
        event = events.get(timeout=0)
    assert (event.kind, event.data["threshold"]) == ("block-threshold", 1)


def test_bandwidth_of_an_interface(guest):
    mac = "AA:BB:CC:DD:EE:FF"
    guest.set_interface_bandwidth(mac, inbound=Bandwidth(average=1000, floor=10), outbound=Bandwidth(average=500))
    guest.set_interface_bandwidth(mac, outbound=Bandwidth())
    found = guest.interface_bandwidth(mac)
    assert found.inbound == Bandwidth(average=1000, floor=10) and found.outbound is None
    with pytest.raises(InvalidArgument, match="floor"):
        guest.set_interface_bandwidth(mac, outbound=Bandwidth(floor=1))
    with pytest.raises(NoSuchDevice):
        guest.interface_bandwidth("vnet9")


# -- figures ---------------------------------------------------------------------------------------------------


def test_figures_are_the_same_on_every_run(connect):
    def series(connection):
        guest = connection.domain("test")
        measures = (guest.cpu_stats, guest.block_stats, guest.memory_stats)
        return [*(measure() for measure in measures), guest.interface_stats("aa:bb:cc:dd:ee:ff")]

    assert series(connect()) == series(connect())


def test_figures_grow_while_the_guest_runs_and_stand_still_while_it_is_paused(guest):
    first, second = guest.cpu_stats().total.total_ns, guest.cpu_stats().total.total_ns
    assert 0 < first < second
    guest.suspend()
    assert guest.cpu_stats().total.total_ns == guest.cpu_stats().total.total_ns


def test_figures_begin_anew_with_every_start(guest):
    for _ in range(5):
        used = guest.info().cpu_time_ns
    guest.destroy()
    assert guest.info().cpu_time_ns is None
    guest.start()
    assert guest.info().cpu_time_ns < used


def test_bulk_figures_carry_libvirts_names(connection, guest):
    groups = [StatsGroup.STATE, StatsGroup.VCPU, StatsGroup.BLOCK, StatsGroup.INTERFACE]
    (stats,) = connection.domain_stats(groups=groups)
    values = stats.values
    assert (values["state.state"], values["state.reason"]) == (1, 1)
    assert (values["vcpu.current"], values["vcpu.1.state"]) == (2, 1)
    assert (values["block.0.name"], values["net.0.name"]) == ("vda", "testnet0")
    assert not any(name.startswith("cpu.") for name in values)


def test_bulk_figures_of_chosen_domains(connection, guest):
    guest.destroy()
    assert connection.domain_stats(active=True) == []
    assert connection.domain_stats(states=[DomainState.SHUT_OFF])[0].values["state.state"] == 5
    assert connection.domain_stats(domains=[guest.ref])[0].ref.name == "test"
    with pytest.raises(UnsupportedOption, match="vm"):
        connection.domain_stats(groups=[StatsGroup.VM], enforce=True)


def test_performance_events(guest):
    assert guest.perf_events()["cpu_cycles"] is False
    guest.set_perf_events({"cpu_cycles": True}, affect=Affect.BOTH)
    assert guest.perf_events(affect=Affect.CONFIG)["cpu_cycles"] is True
    assert guest.connection.domain_stats()[0].values["perf.cpu_cycles"] > 0
    with pytest.raises(InvalidArgument, match="cpu_bicycles"):
        guest.set_perf_events({"cpu_bicycles": True})


def test_an_untouched_disk_reads_as_zeros(guest):
    assert guest.peek_block("vda", 512, 4) == bytes(4)
    assert guest.disk_errors() == {}
    with pytest.raises(InvalidArgument):
        guest.peek_block("vda", -1, 4)
