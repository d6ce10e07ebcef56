"""Where devices are plugged in: kept when the document says, the same at every start when it does not."""

from __future__ import annotations

import pytest

from polyvisor.errors import UnsupportedConfiguration

DISK = "<disk type='file'><source file='/{0}.img'/><target dev='{0}' bus='virtio'/>{1}</disk>"


def places(config) -> dict[str, str]:
    """``tag (model or target): bus:slot.function`` of every PCI device."""
    found = {}
    for device in config.devices:
        address = getattr(device, "address", None)
        if address is not None and address.type == "pci":
            tag = type(device).tag
            target = getattr(getattr(device, "target", None), "dev", None)
            index = getattr(device, "index", None)
            name = target or (f"{device.type}{index}" if index is not None else tag)
            found[name] = f"{address.bus:02x}:{address.slot:02x}.{address.function}"
    return found


def test_on_i440fx_devices_fill_the_bus_in_order(completed):
    config = completed(DISK.format("vda", "") + "<interface type='user'/><video/>")
    assert places(config) == {
        "usb0": "00:01.2",
        "video": "00:02.0",
        "interface": "00:03.0",
        "vda": "00:04.0",
        "memballoon": "00:05.0",
    }


def test_on_q35_each_device_has_a_port_and_one_is_left(completed):
    config = completed(
        DISK.format("vda", "") + "<interface type='user'><model type='virtio'/></interface>", machine="q35"
    )
    assert places(config) == {
        "pci1": "00:01.0",
        "pci2": "00:01.1",
        "pci3": "00:01.2",
        "pci4": "00:01.3",
        "pci5": "00:01.4",
        "sata0": "00:1f.2",
        "interface": "01:00.0",
        "usb0": "02:00.0",
        "vda": "03:00.0",
        "memballoon": "04:00.0",
    }
    first = next(
        controller for controller in config.devices.controllers if controller.index == 1 and controller.type == "pci"
    )
    assert first.address.multifunction is True and first.target.chassis == 1 and first.target.port == 8


def test_on_q35_conventional_devices_go_behind_a_bridge(completed):
    config = completed("<interface type='user'><model type='rtl8139'/></interface>", machine="q35")
    bridge = next(
        controller
        for controller in config.devices.controllers
        if controller.type == "pci" and controller.model == "pcie-to-pci-bridge"
    )
    assert config.devices.interfaces[0].address.bus == bridge.index
    assert bridge.address.bus != 0


def test_on_q35_the_graphics_card_is_part_of_the_root(completed):
    config = completed("<video><model type='vga'/></video>", machine="q35")
    assert places(config)["video"] == "00:01.0" and places(config)["pci1"] == "00:02.0"


def test_addresses_of_the_document_are_kept_and_worked_around(completed):
    address = "<address type='pci' domain='0' bus='0' slot='3' function='0'/>"
    config = completed(DISK.format("vda", "") + DISK.format("vdb", address) + DISK.format("vdc", ""))
    assert [places(config)[name] for name in ("vda", "vdb", "vdc")] == ["00:02.0", "00:03.0", "00:04.0"]


def test_two_devices_cannot_have_one_place(completed):
    address = "<address type='pci' domain='0' bus='0' slot='3' function='0'/>"
    with pytest.raises(UnsupportedConfiguration, match="taken by <disk>"):
        completed(DISK.format("vda", address) + DISK.format("vdb", address))


def test_the_chipset_keeps_its_places(completed):
    with pytest.raises(UnsupportedConfiguration, match="taken by the chipset"):
        completed(DISK.format("vda", "<address type='pci' domain='0' bus='0' slot='1' function='0'/>"))


def test_a_full_bus_says_so(completed):
    disks = "".join(DISK.format(f"vd{chr(97 + number // 26)}{chr(97 + number % 26)}", "") for number in range(31))
    with pytest.raises(UnsupportedConfiguration, match="no free slot"):
        completed(disks)


def test_completing_again_changes_nothing(completed, answers, tmp_path):
    from uuid import UUID

    from polyvisor.documents import write
    from polyvisor.model.domain.completion import complete
    from polyvisor.state import Paths
    from polyvisor_qemu import completion
    from polyvisor_qemu.session import GuestFiles

    devices = (
        DISK.format("vda", "")
        + "<interface type='user'/><serial type='pty'/><graphics type='vnc'/><sound model='ich6'/>"
    )
    for machine in ("pc", "q35"):
        config = completed(devices, machine=machine)
        once = write(config, live=False)
        complete(config)
        completion.complete(config, answers, GuestFiles(Paths.embedded("qemu", tmp_path), UUID(int=1)))
        assert write(config, live=False) == once


def test_ports_of_a_serial_bus_are_numbered_from_one_and_consoles_from_zero(completed):
    channel = "<channel type='unix'><target type='virtio' name='{}'/></channel>"
    config = completed(
        channel.format("a") + channel.format("b") + "<console type='pty'><target type='virtio'/></console>"
    )
    assert [each.address.port for each in config.devices.channels] == [1, 2]
    assert config.devices.consoles[0].address.port == 0


def test_usb_devices_share_a_controller(completed):
    config = completed("<input type='tablet' bus='usb'/><input type='mouse' bus='usb'/>")
    usb = [device.address.port for device in config.devices.inputs if device.bus == "usb"]
    assert usb == ["1", "2"]
