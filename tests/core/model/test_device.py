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
