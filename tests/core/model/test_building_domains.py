"""Domains built in Python."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.model.domain import (
    Channel,
    Devices,
    Disk,
    DiskBus,
    DiskDevice,
    Domain,
    DomainType,
    Interface,
    Memory,
    OsType,
    Vcpu,
)
from polyvisor.units import GiB, MiB


def test_a_guest_in_a_few_words():
    built = Domain(
        type=DomainType.KVM,
        name="web",
        memory=GiB(2),
        current_memory=MiB(512),
        vcpu=2,
        devices=[Disk.file("/srv/web.qcow2", target="vda", format="qcow2"), Interface.user()],
    )
    assert built.memory == Memory(value=2 * 1024 * 1024, unit="KiB")
    assert built.vcpu == Vcpu(count=2)
    assert built.os.type.value == OsType.HVM
    assert built.current_memory_kib == 512 * 1024
    assert model.parse("domain", model.format(built)) == built


def test_devices_find_the_list_of_their_kind():
    disk, nic, other = Disk.cdrom(target="sda"), Interface.bridge("br0"), Disk.block("/dev/sdb", target="vdb")
    devices = Devices.of([disk, nic, other], emulator="/usr/bin/qemu")
    assert devices.disks == [disk, other]
    assert devices.interfaces == [nic]
    assert list(devices) == [disk, other, nic]
    assert len(devices) == 3


def test_what_is_no_device_is_refused():
    with pytest.raises(TypeError, match="Memory is no device"):
        Devices.of([Memory(value=1)])


def test_a_device_is_removed_by_identity_not_by_its_looks():
    first, second = Interface.user(), Interface.user()
    devices = Devices.of([first, second])
    assert first == second
    devices.remove(second)
    assert devices.interfaces[0] is first
    with pytest.raises(ValueError, match="no such <interface>"):
        devices.remove(second)


def test_devices_are_found_by_alias(server):
    found = model.parse("domain", server).devices.find("ua-front")
    assert isinstance(found, Interface)


@pytest.mark.parametrize(
    ("disk", "bus", "device", "readonly"),
    [
        (Disk.file("/a", target="vda"), DiskBus.VIRTIO, DiskDevice.DISK, False),
        (Disk.file("/a", target="hdc", readonly=True), DiskBus.IDE, DiskDevice.DISK, True),
        (Disk.block("/dev/a", target="sda", bus="sata"), DiskBus.SATA, DiskDevice.DISK, False),
        (Disk.cdrom("/a.iso", target="sda", bus="sata"), DiskBus.SATA, DiskDevice.CDROM, True),
        (Disk.file("/a", target="xvda"), DiskBus.XEN, DiskDevice.DISK, False),
    ],
)
def test_disks_in_one_line(disk, bus, device, readonly):
    assert (disk.target.bus, disk.device, disk.readonly) == (bus, device, readonly)


def test_interfaces_in_one_line():
    nic = Interface.network("lab", mac="52:54:00:00:00:01", model="e1000")
    assert (nic.type, nic.source.network, nic.mac.address, nic.model.type) == (
        "network",
        "lab",
        "52:54:00:00:00:01",
        "e1000",
    )
    assert Interface.user(model=None).model is None


def test_a_wrong_keyword_names_the_right_one():
    with pytest.raises(TypeError, match="did you mean 'target'"):
        Disk(traget=None)


def test_what_must_be_there_must_be_given():
    with pytest.raises(TypeError, match="needs target"):
        Channel(type="pty")
