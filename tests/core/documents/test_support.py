"""What a driver does not do is refused in words that lead to the place."""

from __future__ import annotations

import pytest

from polyvisor.documents import read
from polyvisor.documents.support import Support, described
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain import Domain

DOCUMENT = """<domain type='test'>
  <name>web</name><memory>1024</memory><os><type>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <source file='/a'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
      <alias name='ua-1'/>
    </disk>
    <input type='tablet' bus='usb'/>
  </devices>
</domain>"""


@pytest.fixture
def devices():
    return read(DOCUMENT, Domain).devices


def test_what_is_supported_passes_and_so_does_what_every_device_has(devices):
    Support("acme").only(devices.disks[0], "type", "device", "source", "target", "readonly")
    Support("acme").only(None)


def test_what_is_not_supported_is_named_with_its_place_and_the_driver(devices):
    with pytest.raises(UnsupportedConfiguration) as caught:
        Support("acme").only(devices.disks[0], "type", "device", "source", "target", inside="<devices>")
    said = caught.value.message
    assert said == "line 4: <readonly> of <disk> vda in <devices> is not supported by the acme driver yet"
    assert caught.value.driver == "acme"


def test_an_attribute_is_told_with_its_value_and_a_reason_may_be_given(devices):
    with pytest.raises(UnsupportedConfiguration, match="bus='usb' of <input type='tablet'>"):
        Support("acme").only(devices.inputs[0], "type")
    refused = Support("acme").refusal(described(devices.inputs[0]), why="is for guests with a screen")
    assert refused.message == "<input type='tablet'> is for guests with a screen"
