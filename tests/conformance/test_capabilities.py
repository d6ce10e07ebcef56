"""Subjects that only some drivers have: asked of those that claim them."""

from __future__ import annotations

import select

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    NoSuchSnapshot,
    NotFound,
)
from polyvisor.operations.domainjobs import JobType
from polyvisor.operations.snapshots import SnapshotExtent
from polyvisor.operations.statistics import StatsGroup
from polyvisor.spi import Affect, DomainState


def targets(domain, **options):
    return [disk.target.dev for disk in domain.config(**options).devices.disks]


@pytest.fixture
def disk(tmp_path):
    """The document of a disk, and the file behind it."""
    path = tmp_path / "data.img"
    path.write_bytes(bytes(1 << 20))
    return f"<disk type='file'><driver type='raw'/><source file='{path}'/><target dev='vdz' bus='virtio'/></disk>"


# -- devices ----------------------------------------------------------------------------------------------------


@pytest.mark.needs("device.attach", "device.detach")
def test_a_device_comes_and_goes_live(running, disk):
    running.attach_device(disk)
    assert "vdz" in targets(running) and "vdz" not in targets(running, inactive=True)
    with pytest.raises(AlreadyExists):
        running.attach_device(disk)
    assert targets(running).count("vdz") == 1


@pytest.mark.needs("device.attach", "device.detach")
def test_a_device_comes_and_goes_in_the_stored_configuration(domain, disk):
    domain.attach_device(disk)
    assert "vdz" in targets(domain)
    domain.detach_device(disk)
    assert "vdz" not in targets(domain)
    with pytest.raises(NoSuchDevice):
        domain.detach_device(disk)


@pytest.mark.needs("device.attach")
def test_an_off_guest_has_no_live_devices(domain, disk):
    with pytest.raises(InvalidState):
        domain.attach_device(disk, affect=Affect.LIVE)


# -- memory and vCPUs -------------------------------------------------------------------------------------------


@pytest.mark.needs("mem.balloon", "mem.max")
def test_memory_of_the_stored_configuration(domain):
    domain.set_memory(32768)
    assert (domain.config().current_memory_kib, domain.max_memory()) == (32768, 65536)
    with pytest.raises(InvalidArgument):
        domain.set_memory(65537)


@pytest.mark.needs("mem.max.set")
def test_the_maximum_takes_the_current_memory_along(domain):
    domain.set_max_memory(32768)
    config = domain.config()
    assert (config.memory_kib, config.current_memory_kib) == (32768, 32768)


@pytest.mark.needs("vcpu.count", "vcpu.count.set")
def test_vcpus_of_the_stored_configuration(domain):
    domain.set_vcpu_count(3, maximum=True, affect=Affect.CONFIG)
    domain.set_vcpu_count(2, affect=Affect.CONFIG)
    assert (domain.vcpu_count(), domain.vcpu_count(maximum=True)) == (2, 3)
    with pytest.raises(InvalidArgument):
        domain.set_vcpu_count(4)


@pytest.mark.needs("vcpu.pin", "vcpu.pin.set")
def test_pinning_is_stored(domain):
    domain.pin_vcpu(0, {0})
    assert domain.vcpu_pins() == {0: frozenset({0})}
    domain.pin_vcpu(0, None)
    assert len(domain.vcpu_pins()[0]) >= 1


# -- figures ----------------------------------------------------------------------------------------------------


@pytest.mark.needs("stats.bulk")
def test_bulk_figures_of_every_guest(connection, hypervisor, running):
    hypervisor.define("off")
    figures = {stats.ref.name: stats.values for stats in connection.domain_stats(groups=[StatsGroup.STATE])}
    assert figures["conformance"]["state.state"] == 1
    assert figures["off"]["state.state"] == 5
    active = [stats.ref.name for stats in connection.domain_stats(active=True)]
    assert "conformance" in active and "off" not in active


@pytest.mark.needs("stats.cpu")
def test_cpu_time_is_counted(running):
    assert running.cpu_stats().total.total_ns >= 0
    running.destroy()
    with pytest.raises(InvalidState):
        running.cpu_stats()


# -- consoles ---------------------------------------------------------------------------------------------------


@pytest.mark.needs("console.open")
def test_two_readers_of_a_console_both_read_everything(hypervisor, running):
    if not running.config().devices.serials:
        running.destroy()
        running.attach_device("<serial type='pty'/>")
        running.start()
    hypervisor.wait_until_up(running)
    with running.open_console() as first, running.open_console() as second:
        first.write(b"x")
        for console in (first, second):
            said = b""
            while b"x" not in said:
                assert select.select([console], [], [], 20)[0]
                said += console.read()


@pytest.mark.needs("console.open")
def test_a_console_needs_a_running_guest(domain):
    with pytest.raises(InvalidState):
        domain.open_console()


# -- saving -----------------------------------------------------------------------------------------------------


@pytest.mark.needs("save.to-file", "save.restore")
def test_a_saved_guest_is_restored(connection, running, tmp_path):
    path = tmp_path / "saved"
    running.save(str(path))
    assert (running.state().state, running.state().reason) == (DomainState.SHUT_OFF, "saved")
    assert path.stat().st_mode & 0o077 == 0
    restored = connection.restore(str(path))
    assert restored == running
    assert (running.state().state, running.state().reason) == (DomainState.RUNNING, "restored")


@pytest.mark.needs("save.restore")
def test_what_was_never_saved_is_not_restored(connection, tmp_path):
    with pytest.raises(NotFound):
        connection.restore(str(tmp_path / "nothing"))


@pytest.mark.needs("managedsave.save", "managedsave.has", "managedsave.remove")
def test_a_managed_save_is_taken_up_by_the_next_start(running):
    assert not running.has_managed_save()
    running.managed_save()
    assert running.has_managed_save()
    with pytest.raises(InvalidState):
        running.undefine()
    running.start()
    assert running.state().reason == "restored"
    assert not running.has_managed_save()
    running.managed_save()
    running.remove_managed_save()
    running.start()
    assert running.state().reason == "booted"


@pytest.mark.needs("job.info")
def test_there_is_no_job_unless_there_is_one(running):
    assert running.job().type is JobType.NONE


# -- snapshots --------------------------------------------------------------------------------------------------


def snapshot(domain, name):
    return domain.create_snapshot(f"<domainsnapshot><name>{name}</name></domainsnapshot>")


@pytest.mark.needs("snapshot.create", "snapshot.list", "snapshot.revert", "snapshot.delete")
def test_snapshots_of_an_off_guest_grow_a_tree(domain):
    snapshot(domain, "a")
    snapshot(domain, "b")
    domain.snapshot("a").revert()
    snapshot(domain, "c")
    assert {row.name: row.parent for row in domain.list_snapshots()} == {"a": None, "b": "a", "c": "a"}
    assert domain.current_snapshot().name == "c"
    domain.snapshot("a").delete(extent=SnapshotExtent.CHILDREN)
    assert [row.name for row in domain.list_snapshots()] == ["a"]
    with pytest.raises(NoSuchSnapshot):
        domain.snapshot("b")
    with pytest.raises(AlreadyExists):
        snapshot(domain, "a")
    with pytest.raises(InvalidState):
        domain.undefine()
    domain.undefine(snapshots_metadata=True)


@pytest.mark.needs("snapshot.create", "snapshot.revert")
def test_a_snapshot_of_a_running_guest_brings_it_back(running):
    taken = snapshot(running, "alive")
    running.destroy()
    taken.revert()
    assert (running.state().state, running.state().reason) == (DomainState.RUNNING, "from snapshot")


# -- the guest's own doing --------------------------------------------------------------------------------------


@pytest.mark.needs("domain.lifecycle-action")
def test_what_follows_a_poweroff_can_be_changed(domain):
    domain.set_lifecycle_action("poweroff", "restart")
    assert domain.config().on_poweroff == "restart"
    with pytest.raises(InvalidArgument):
        domain.set_lifecycle_action("poweroff", "dance")


@pytest.mark.needs("input.send-key", "input.nmi")
def test_keys_and_interrupts_need_a_running_guest(domain):
    for press in (lambda: domain.send_key([30]), domain.inject_nmi):
        with pytest.raises(InvalidState):
            press()
    domain.start()
    domain.send_key([30])
    assert domain.is_active


@pytest.mark.needs("save.screenshot")
def test_a_picture_says_what_it_is(hypervisor):
    running = hypervisor.define(devices="<video><model type='vga'/></video>").start()
    picture = running.screenshot()
    assert picture.media_type.startswith("image/") and picture.data
    running.destroy()
    with pytest.raises(InvalidState):
        running.screenshot()


@pytest.mark.needs("domain.undefine", "domain.define")
def test_a_domain_comes_back_as_another_of_its_name(hypervisor, domain):
    domain.undefine()
    again = hypervisor.define("conformance")
    assert again.uuid != domain.uuid
    with pytest.raises(NoSuchDomain):
        domain.state()
