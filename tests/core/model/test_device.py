"""Devices on their own."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain.devices import Disk, Interface


def test_the_root_element_tells_which_device_it_is():
    disk = model.parse("device", "<disk type='file'><source file='/a'/><target dev='vdb' bus='virtio'/></disk>")
    assert isinstance(disk, Disk)
    assert disk.target.dev == "vdb"
    nic = model.parse("device", "<interface type='user'><model type='virtio'/></interface>")
    assert isinstance(nic, Interface)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<dsk type='file'/>", "<dsk> is no device; did you mean 'disk'?"),
        ("<domain/>", "<domain> is no device"),
        ("<disk typ='file'><target dev='vda'/></disk>", "did you mean 'type'?"),
    ],
)
def test_what_is_no_valid_device_is_refused_by_name(xml, said):
    with pytest.raises(InvalidDocument) as caught:
        model.parse("device", xml)
    assert said in str(caught.value)


def completed(xml: str):
    return model.complete("device", model.parse("device", xml))


def test_a_device_on_its_own_is_filled_in_like_one_in_a_guest():
    drive = completed("<disk device='cdrom'><target dev='sda'/></disk>")
    assert (drive.target.bus, drive.readonly) == ("scsi", True)
    screen = completed("<graphics type='vnc'/>")
    assert (screen.port, screen.autoport, len(screen.listens)) == (-1, True, 1)


def test_what_identifies_a_device_is_left_to_whoever_plugs_it_in():
    assert completed("<interface type='user'/>").mac is None
    assert completed("<disk><source file='/a'/><target dev='sda'/></disk>").address is None


def test_a_device_that_contradicts_itself_is_refused_with_its_own_path():
    with pytest.raises(InvalidDocument) as caught:
        model.check("device", completed("<disk device='floppy'><target dev='fda' bus='sata'/></disk>"))
    assert caught.value.faults[0].path.startswith("/disk")


def test_a_device_to_take_out_need_not_say_what_is_behind_it():
    model.check("device", completed("<disk><target dev='vdb'/></disk>"))
