"""Devices come into guests, change there, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidDocument,
    InvalidState,
    NoSuchDevice,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.operations.events import EventKind
from polyvisor.operations.records import Affect
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, disks, document, interfaces
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

KINDS = ("disk", "interface")


def aliases(domain: Domain) -> list[str]:
    """Names of the devices of a running guest; a console may be a serial port by another name."""
    devices = [device for device in document(domain).devices if device.tag != "console"]
    found: list[Any] = [getattr(device, "alias", None) for device in devices]
    return [alias.name for alias in found if alias is not None]


@pytest.fixture
def running(kit: Kit) -> Domain:
    """A guest whose devices come and go while it runs."""
    return kit.running()


# -- plugging in ----------------------------------------------------------------------------------------------


@needs("device.attach", "domain.xml")
@pytest.mark.parametrize("kind", KINDS)
def test_a_device_is_in_the_document_when_attach_returns(kit: Kit, running: Domain, kind: str) -> None:
    before = len(list(document(running).devices))
    running.attach_device(getattr(kit, kind)())
    found = disks(running) if kind == "disk" else interfaces(running)
    assert (kit.target() if kind == "disk" else kit.mac()) in found
    assert len(list(document(running).devices)) > before


@needs("device.attach", "domain.xml")
def test_a_model_object_is_as_good_as_text(kit: Kit, defined: Domain) -> None:
    from polyvisor.documents import read
    from polyvisor.model.domain import Interface

    defined.attach_device(read(kit.interface(), Interface))
    assert kit.mac() in interfaces(defined)


@needs("device.attach", "domain.xml", "event.any")
def test_an_attached_device_has_a_name_and_is_told(kit: Kit, running: Domain, events: Heard) -> None:
    known = set(aliases(running))
    running.attach_device(kit.interface())
    event = events.next(EventKind.DEVICE_ADDED, of=running)
    fresh = set(aliases(running)) - known
    assert fresh and event.data["alias"] in fresh


@needs("device.attach", "domain.xml")
def test_a_name_that_a_user_chose_is_kept(kit: Kit, running: Domain) -> None:
    running.attach_device(kit.interface(more="<alias name='ua-conformance'/>"), affect=Affect.BOTH)
    assert interfaces(running)[kit.mac()].alias.name == "ua-conformance"
    assert interfaces(running, stored=True)[kit.mac()].alias.name == "ua-conformance"


@needs("device.attach", "domain.xml")
@pytest.mark.parametrize("active", [False, True])
def test_a_target_is_taken_once(kit: Kit, bench: Bench, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    with pytest.raises(AlreadyExists, match=kit.target()):
        guest.attach_device(kit.disk())
    assert list(disks(guest)).count(kit.target()) == 1


@needs("device.attach", "domain.xml")
def test_an_address_of_a_card_is_taken_once(kit: Kit) -> None:
    guest = kit.guest("interface")
    with pytest.raises(AlreadyExists):
        guest.attach_device(kit.interface())
    assert len(interfaces(guest)) == len(document(guest).devices.interfaces)


@needs("device.attach", "domain.xml")
def test_a_name_is_taken_once(kit: Kit, defined: Domain) -> None:
    more = "<alias name='ua-conformance'/>"
    defined.attach_device(kit.interface(0, more))
    with pytest.raises(AlreadyExists):
        defined.attach_device(kit.interface(1, more))
    assert kit.mac(1) not in interfaces(defined)


@needs("device.attach", "domain.xml")
def test_both_have_a_device_afterwards_or_neither(kit: Kit, running: Domain) -> None:
    running.attach_device(kit.interface(), affect=Affect.CONFIG)
    with pytest.raises(AlreadyExists):
        running.attach_device(kit.interface(), affect=Affect.BOTH)
    assert kit.mac() not in interfaces(running)
    assert list(interfaces(running, stored=True)).count(kit.mac()) == 1


@needs("device.attach", "domain.xml")
def test_both_get_the_same_generated_address(kit: Kit, running: Domain) -> None:
    card = kit.interface().replace(f"<mac address='{kit.mac()}'/>", "")
    running.attach_device(card, affect=Affect.BOTH)
    assert list(interfaces(running))[-1] == list(interfaces(running, stored=True))[-1]


@needs("device.attach", "domain.xml")
@pytest.mark.parametrize(
    "text",
    [
        "<disk type='file'><taget dev='vdx'/></disk>",
        "<disk type='flie'><target dev='vdx'/></disk>",
        "<interface type='user'><mac address='nonsense'/></interface>",
        "<domain/>",
        "<disk",
        "",
    ],
)
def test_what_is_no_device_is_refused_before_the_guest_sees_it(defined: Domain, text: str) -> None:
    before = defined.xml()
    with pytest.raises(InvalidDocument):
        defined.attach_device(text)
    assert defined.xml() == before


@needs("device.attach", "domain.xml")
def test_names_of_devices_are_quoted_in_documents(kit: Kit, defined: Domain) -> None:
    path = kit.path("it's <&> \N{SNOWMAN}")
    escaped = path.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
    defined.attach_device(kit.disk().replace(kit.path(kit.target()), escaped))
    assert disks(defined)[kit.target()].source.file == path


# -- taking out -----------------------------------------------------------------------------------------------


@needs("device.detach", "domain.xml")
@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_device_is_gone_when_detach_returns(kit: Kit, bench: Bench, kind: str, active: bool) -> None:
    guest = kit.running(kind) if active else kit.guest(kind)
    if active:
        bench.wait_until_up(guest)
    guest.detach_device(getattr(kit, kind)())
    assert kit.target() not in disks(guest)
    assert kit.mac() not in interfaces(guest)


@needs("device.detach", "domain.xml")
def test_a_disk_is_found_by_its_target_alone(kit: Kit) -> None:
    guest = kit.guest("disk")
    guest.detach_device(f"<disk><target dev='{kit.target()}'/></disk>")
    assert kit.target() not in disks(guest)


@needs("device.detach", "domain.xml")
def test_a_card_is_found_by_its_address_in_any_case(kit: Kit) -> None:
    guest = kit.guest("interface")
    guest.detach_device(kit.interface().replace(kit.mac(), kit.mac().upper()))
    assert kit.mac() not in interfaces(guest)


@needs("device.attach", "device.detach", "domain.xml")
def test_taking_out_what_was_plugged_in_leaves_the_document_as_it_was(kit: Kit, defined: Domain) -> None:
    before = [disk.target.dev for disk in document(defined).devices.disks]
    for round_trip in (kit.disk(), kit.interface()):
        defined.attach_device(round_trip)
        defined.detach_device(round_trip)
    assert [disk.target.dev for disk in document(defined).devices.disks] == before
    assert kit.mac() not in interfaces(defined)


@needs("device.detach", "domain.xml")
@pytest.mark.parametrize("active", [False, True])
def test_what_is_not_there_cannot_go(kit: Kit, defined: Domain, active: bool) -> None:
    if active:
        kit.start(defined)
    before = defined.xml()
    for text in (kit.disk(), kit.interface()):
        with pytest.raises(NoSuchDevice):
            defined.detach_device(text)
    assert defined.xml() == before


@needs("device.detach", "domain.xml")
def test_a_device_goes_once(kit: Kit) -> None:
    guest = kit.guest("disk")
    guest.detach_device(kit.disk())
    with pytest.raises(NoSuchDevice, match=kit.target()):
        guest.detach_device(kit.disk())


@needs("device.detach", "domain.xml")
def test_only_the_device_meant_goes(kit: Kit) -> None:
    guest = kit.guest(devices=kit.disk(0) + kit.disk(1) + kit.interface(0) + kit.interface(1))
    guest.detach_device(kit.disk(0))
    guest.detach_device(kit.interface(1))
    assert kit.target(0) not in disks(guest) and kit.target(1) in disks(guest)
    assert kit.mac(0) in interfaces(guest) and kit.mac(1) not in interfaces(guest)


@needs("device.detach", "domain.xml", "event.any")
def test_a_device_that_went_is_told(kit: Kit, bench: Bench, events: Heard) -> None:
    guest = kit.running("interface")
    bench.wait_until_up(guest)
    alias = interfaces(guest)[kit.mac()].alias.name
    guest.detach_device(kit.interface())
    assert events.next(EventKind.DEVICE_REMOVED, of=guest).data["alias"] == alias


@needs("detach_device(timeout)", "domain.xml")
def test_a_guest_may_be_asked_to_let_go_without_waiting(kit: Kit, bench: Bench) -> None:
    guest = kit.running("interface")
    bench.wait_until_up(guest)
    guest.detach_device(kit.interface(), timeout=0)
    bench.until(lambda: kit.mac() not in interfaces(guest), "the device's going")


@needs("device.detach-alias", "domain.xml")
def test_a_device_goes_by_its_name(kit: Kit, bench: Bench) -> None:
    guest = kit.running("interface")
    bench.wait_until_up(guest)
    alias = interfaces(guest)[kit.mac()].alias.name
    guest.detach_device_alias(alias)
    assert kit.mac() not in interfaces(guest)
    with pytest.raises(NoSuchDevice, match=alias):
        guest.detach_device_alias(alias)


@needs("device.detach-alias", "domain.xml")
def test_a_stored_device_goes_by_the_name_its_user_gave(kit: Kit) -> None:
    guest = kit.guest(devices=kit.interface(more="<alias name='ua-conformance'/>"))
    guest.detach_device_alias("ua-conformance", affect=Affect.CONFIG)
    assert kit.mac() not in interfaces(guest)


@needs("device.detach-alias", "domain.xml")
def test_a_name_that_is_none_removes_nothing(defined: Domain) -> None:
    before = defined.xml()
    for name in ("ua-nothing", "", "../disk0", "ua-\N{SNOWMAN}"):
        with pytest.raises(NoSuchDevice):
            defined.detach_device_alias(name)
    assert defined.xml() == before


# -- changing -------------------------------------------------------------------------------------------------


@needs("device.update", "domain.xml")
@pytest.mark.parametrize("active", [False, True])
def test_a_link_goes_down_and_up(kit: Kit, active: bool) -> None:
    guest = kit.running("interface") if active else kit.guest("interface")
    for state in ("down", "up"):
        guest.update_device(kit.interface(more=f"<link state='{state}'/>"))
        assert interfaces(guest)[kit.mac()].link.state == state


@needs("device.update", "domain.xml")
def test_a_medium_is_changed_and_ejected(kit: Kit) -> None:
    first, second = kit.path("first"), kit.path("second")
    guest = kit.running(devices=kit.cdrom(first))
    drive = kit.target(2)
    guest.update_device(kit.cdrom(second))
    assert disks(guest)[drive].source.file == second
    guest.update_device(kit.cdrom())
    assert disks(guest)[drive].source is None
    guest.update_device(kit.cdrom(first))
    assert disks(guest)[drive].source.file == first
    assert disks(guest, stored=True)[drive].source.file == first


@needs("device.update", "domain.xml")
def test_an_update_of_a_running_guest_is_not_stored(kit: Kit) -> None:
    first, second = kit.path("first"), kit.path("second")
    guest = kit.running(devices=kit.cdrom(first))
    guest.update_device(kit.cdrom(second))
    assert disks(guest, stored=True)[kit.target(2)].source.file == first
    guest.update_device(kit.cdrom(second), affect=Affect.CONFIG)
    assert disks(guest, stored=True)[kit.target(2)].source.file == second


@needs("device.update", "event.any")
def test_another_medium_is_told(kit: Kit, events: Heard) -> None:
    guest = kit.running(devices=kit.cdrom(kit.path("first")))
    guest.update_device(kit.cdrom(kit.path("second")))
    assert events.next(EventKind.DISK_CHANGE, EventKind.TRAY_CHANGE, of=guest)


@needs("device.update", "domain.xml")
def test_what_cannot_change_in_place_is_named_and_stays(kit: Kit) -> None:
    guest = kit.running(devices=kit.interface(more="<model type='virtio'/>"))
    with pytest.raises(UnsupportedConfiguration, match="model"):
        guest.update_device(kit.interface(more="<model type='e1000'/>"))
    assert interfaces(guest)[kit.mac()].model.type == "virtio"


@needs("device.update", "domain.xml")
def test_a_device_that_is_not_there_cannot_change(kit: Kit, defined: Domain) -> None:
    before = defined.xml()
    with pytest.raises(NoSuchDevice):
        defined.update_device(kit.interface(more="<link state='down'/>"))
    assert defined.xml() == before


@needs("device.update", "domain.xml")
def test_the_address_of_a_device_outlasts_its_update(kit: Kit) -> None:
    guest = kit.running("interface")
    before = interfaces(guest)[kit.mac()]
    guest.update_device(kit.interface(more="<link state='down'/>"))
    after = interfaces(guest)[kit.mac()]
    assert (after.alias.name, after.address) == (before.alias.name, before.address)


# -- together -------------------------------------------------------------------------------------------------


@needs("device.attach", "device.detach", "domain.xml", "domain.destroy")
def test_devices_come_and_go_and_come_back(kit: Kit, bench: Bench, running: Domain) -> None:
    bench.wait_until_up(running)
    for _ in range(3):
        running.attach_device(kit.interface())
        running.detach_device(kit.interface())
    assert kit.mac() not in interfaces(running)
    running.destroy()
    assert kit.mac() not in interfaces(running)


@needs("device.attach", "domain.xml")
def test_addresses_in_the_guest_belong_to_one_device_each(kit: Kit, running: Domain) -> None:
    running.attach_device(kit.interface(0))
    running.attach_device(kit.interface(1))
    running.attach_device(kit.disk())
    assert len(aliases(running)) == len(set(aliases(running)))
    devices = [device for device in document(running).devices if device.tag != "console"]
    known = [address for device in devices if (address := getattr(device, "address", None)) is not None]
    assert all(known.count(address) == 1 for address in known)


@needs("device.attach", "domain.xml")
def test_a_controller_that_is_not_there_is_asked_for_in_vain_or_comes_along(kit: Kit, running: Domain) -> None:
    """The declaration has NoSuchDevice for a controller that cannot be had; one that can be made is made."""
    before = running.xml()
    address = "<address type='drive' controller='77' bus='0' target='0' unit='0'/>"
    disk = kit.disk(more=address).replace(f"dev='{kit.target()}'", "dev='sdx' bus='scsi'")
    try:
        running.attach_device(disk)
    except PolyvisorError as error:
        assert isinstance(error, NoSuchDevice | UnsupportedConfiguration | InvalidDocument)
        assert running.xml() == before
    else:
        assert 77 in [controller.index for controller in document(running).devices.controllers]


@needs("device.attach")
def test_a_guest_that_is_gone_takes_no_device(kit: Kit, defined: Domain) -> None:
    from polyvisor.errors import NoSuchDomain

    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.attach_device(kit.interface())


# -- graphics -------------------------------------------------------------------------------------------------


@needs("device.graphics-reload")
def test_certificates_are_read_again_by_running_servers_only(kit: Kit) -> None:
    guest = kit.guest("graphics")
    with pytest.raises(InvalidState):
        guest.reload_graphics()
    kit.start(guest)
    guest.reload_graphics()
    kind = document(guest).devices.graphics[0].type
    guest.reload_graphics(type=kind)
    with pytest.raises(NoSuchDevice):
        guest.reload_graphics(type="sdl" if kind != "sdl" else "spice")


@needs("device.graphics-reload", "domain.xml")
def test_without_a_server_no_certificate_is_read(kit: Kit, running: Domain) -> None:
    kit.bench.require(not document(running).devices.graphics, "the target's guest has a graphics server")
    with pytest.raises(NoSuchDevice):
        running.reload_graphics()
