"""Where a guest is, in VMware's words."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents.owners import Owners
from polyvisor.errors import InvalidDocument

pytest.importorskip("polyvisor_esx", reason="polyvisor-esx is not installed")

DOMAIN = """<domain xmlns:vmware='http://libvirt.org/schemas/domain/vmware/1.0' type='vmware'>
  <name>guest</name>
  <os>
    <type>hvm</type>
  </os>
  <vmware:datacenterpath>folder/dc1</vmware:datacenterpath>
  <vmware:moref>vm-42</vmware:moref>
</domain>
"""


def test_the_data_centre_and_the_object_are_told():
    domain = model.parse("domain", DOMAIN, contributions=Owners())
    place, managed = domain.extensions
    assert (place.path, managed.reference) == ("folder/dc1", "vm-42")
    assert model.parse("domain", model.format(domain), contributions=Owners()) == domain


def test_neither_is_empty():
    with pytest.raises(InvalidDocument) as caught:
        model.parse("domain", DOMAIN.replace("vm-42", ""), contributions=Owners())
    assert "<moref> is empty" in str(caught.value)
