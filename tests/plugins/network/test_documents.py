"""Options for dnsmasq in the documents of networks."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents.owners import Owners
from polyvisor.errors import InvalidDocument

pytest.importorskip("polyvisor_network", reason="polyvisor-network is not installed")

NETWORK = """<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>lab</name>
  <dnsmasq:options>
    <dnsmasq:option value='cname=www,printer'/>
    <dnsmasq:option value='bogus-priv'/>
  </dnsmasq:options>
</network>
"""


def test_lines_are_kept_in_order_and_as_they_are():
    network = model.parse("network", NETWORK, contributions=Owners())
    (options,) = network.extensions
    assert [option.value for option in options.options] == ["cname=www,printer", "bogus-priv"]
    assert model.format(network) == NETWORK


def test_a_line_is_an_attribute():
    with pytest.raises(InvalidDocument) as caught:
        model.parse("network", NETWORK.replace("option value", "option line"), contributions=Owners())
    assert "unknown attribute 'line'" in str(caught.value)
