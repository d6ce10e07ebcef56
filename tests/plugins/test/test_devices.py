"""Plugging devices into simulated guests and out of them."""

from __future__ import annotations

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDevice,
    UnsupportedConfiguration,
)
from polyvisor.model.domain import Disk, Interface
from polyvisor.spi import Affect

DISK = "<disk type='file'><source file='/data.img'/><target dev='{}'/></disk>"
CDROM = "<disk type='file' device='cdrom'>{}<target dev='hdc' bus='ide'/><readonly/></disk>"


def targets(domain, **options):
    return [disk.target.dev for disk in domain.config(**options).devices.disks]


def test_attach_gives_the_device_an_alias_and_tells(guest, connection):
    with connection.events() as events:
        guest.attach_device(DISK.format("vdb"))
        assert events.get(timeout=0).data == {"alias": "disk1"}
    assert targets(guest) == ["vda", "vdb"]
    assert targets(guest, inactive=True) == ["vda"]


def test_attach_to_the_stored_configuration_shows_at_the_next_start(guest):
    guest.attach_device(DISK.format("vdb"), affect=Affect.CONFIG)
    assert targets(guest) == ["vda"]
    guest.destroy()
    guest.start()
    assert targets(guest) == ["vda", "vdb"]


def test_both_means_both_or_neither(guest):
    guest.attach_device(DISK.format("vdb"), affect=Affect.CONFIG)
    with pytest.raises(AlreadyExists, match="vdb"):
        guest.attach_device(DISK.format("vdb"), affect=Affect.BOTH)
    assert targets(guest) == ["vda"]


def test_an_attached_interface_gets_one_mac_for_both(guest):
    guest.attach_device("<interface type='user'/>", affect=Affect.BOTH)
    live, stored = (guest.config(inactive=which).devices.interfaces[-1].mac.address for which in (False, True))
    assert live == stored


def test_model_objects_are_taken_too(guest):
    guest.attach_device(Disk.file("/data.img", target="sda"))
    guest.attach_device(Interface.network(mac="52:54:00:00:00:07"))
    assert targets(guest) == ["vda", "sda"]
    assert guest.interface_stats("52:54:00:00:00:07").rx_packets


@pytest.mark.parametrize(
    "device",
    [
        DISK.format("vda"),
        "<interface type='user'><mac address='AA:BB:CC:DD:EE:FF'/></interface>",
        "<memballoon model='virtio'/>",
        "<rng model='virtio'><backend model='random'>/dev/random</backend><alias name='disk0'/></rng>",
    ],
)
def test_taken_places_are_refused(guest, device):
    with pytest.raises(AlreadyExists):
        guest.attach_device(device)


def test_broken_devices_are_refused_by_name(guest):
    with pytest.raises(InvalidDocument, match="taget"):
        guest.attach_device("<disk type='file'><taget dev='vdb'/></disk>")


def test_detach_by_what_identifies_the_device(guest, connection):
    guest.attach_device(DISK.format("vdb"))
    with connection.events() as events:
        guest.detach_device("<disk type='block'><target dev='vdb'/></disk>")
        assert events.get(timeout=0).data == {"alias": "disk1"}
    guest.detach_device("<interface type='user'><mac address='aa:bb:cc:dd:ee:ff'/></interface>")
    assert targets(guest) == ["vda"]
    assert guest.config().devices.interfaces == []


def test_detach_by_alias(guest):
    guest.detach_device_alias("net0")
    assert guest.config().devices.interfaces == []
    with pytest.raises(NoSuchDevice, match="net0"):
        guest.detach_device_alias("net0")


def test_detach_of_what_is_not_there(guest):
    with pytest.raises(NoSuchDevice, match="vdz"):
        guest.detach_device(DISK.format("vdz"))


def test_one_of_several_that_look_alike_must_be_named(guest):
    watchdog = "<watchdog model='itco'/>"
    guest.attach_device(watchdog)
    guest.attach_device(watchdog)
    with pytest.raises(NoSuchDevice, match="alias"):
        guest.detach_device(watchdog)
    guest.detach_device("<watchdog model='itco'><alias name='watchdog1'/></watchdog>")
    guest.detach_device(watchdog)
    assert guest.config().devices.watchdogs == []


def test_a_live_change_needs_a_running_guest(off):
    with pytest.raises(InvalidState):
        off.attach_device(DISK.format("vdb"), affect=Affect.LIVE)
    off.attach_device(DISK.format("vdb"))
    assert targets(off) == ["vda", "vdb"]


def test_a_medium_can_change(guest, connection):
    guest.attach_device(CDROM.format("<source file='/one.iso'/>"))
    with connection.events() as events:
        guest.update_device(CDROM.format("<source file='/two.iso'/>"))
        change = events.get(timeout=0)
    assert (change.kind, change.data["old"], change.data["new"]) == ("disk-change", "/one.iso", "/two.iso")
    guest.update_device(CDROM.format(""))
    assert guest.config().devices.disks[-1].source is None
    with pytest.raises(InvalidState, match="medium"):
        guest.block_info("hdc")


def test_a_link_can_change_and_a_card_cannot(guest):
    card = "<interface type='network'><mac address='aa:bb:cc:dd:ee:ff'/><source network='default'/>{}</interface>"
    guest.update_device(card.format("<link state='down'/>"))
    assert guest.config().devices.interfaces[0].link.state == "down"
    with pytest.raises(UnsupportedConfiguration, match="model"):
        guest.update_device(card.format("<model type='e1000'/>"))
    guest.update_device(card.format("<model type='e1000'/>"), affect=Affect.CONFIG)
    assert guest.config(inactive=True).devices.interfaces[0].model.type == "e1000"


def test_graphics_servers_reload_if_there_are_any(guest):
    with pytest.raises(NoSuchDevice):
        guest.reload_graphics()
    guest.attach_device("<graphics type='vnc'/>", affect=Affect.LIVE)
    guest.reload_graphics(type="vnc")
    with pytest.raises(NoSuchDevice, match="spice"):
        guest.reload_graphics(type="spice")


def test_interfaces_of_running_guests_have_names_of_their_own_on_the_host(guest, connection):
    def taps(domain, **options):
        return [nic.target and nic.target.dev for nic in domain.config(**options).devices.interfaces]

    guest.attach_device("<interface type='user'/>")
    assert taps(guest) == ["testnet0", "testnet1"]
    assert taps(guest, inactive=True) == [None]
    other = connection.create(
        "<domain type='test'><name>other</name><memory>65536</memory><os><type>hvm</type></os>"
        "<devices><interface type='user'/></devices></domain>"
    )
    assert (taps(other), taps(other, inactive=True)) == (["testnet2"], [None])
    assert other.interface_stats("testnet2").rx_errors == 0


def test_a_disk_of_descriptors_needs_them(connection, tmp_path):
    domain = connection.define(
        "<domain type='test'><name>handed</name><memory>65536</memory><os><type>hvm</type></os>"
        "<devices><disk><source file='/d' fdgroup='mine'/><target dev='vda'/></disk></devices></domain>"
    )
    with pytest.raises(UnsupportedConfiguration, match="mine"):
        domain.start()
    assert not domain.is_active
    with (tmp_path / "d").open("w") as file:
        domain.associate_fds("mine", [file.fileno()])
    assert domain.start().is_active
    with pytest.raises(InvalidArgument):
        domain.associate_fds("mine", [999])
