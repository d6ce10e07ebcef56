"""Ports of networks, filter bindings, interfaces of hosts, secrets."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument

UUID = "<uuid>7b1c6a3e-54fd-4c0b-9d41-0d2f64c6b001</uuid>"
OWNER = f"<owner><name>g</name>{UUID}</owner>"


def finished(kind: str, xml: str):
    document = model.complete(kind, model.parse(kind, xml))
    model.check(kind, document)
    return document


def port(inside: str):
    return finished(
        "networkport", f"<networkport>{UUID}{OWNER}<mac address='52:54:00:00:00:01'/>{inside}</networkport>"
    )


def test_a_function_given_to_a_guest_has_all_its_numbers():
    plug = port("<plug type='hostdev-pci'><address bus='1'/></plug>").plug
    assert (str(plug.address), plug.managed) == ("0000:01:00.0", None)


def test_a_port_may_be_guaranteed_bandwidth():
    assert port("<bandwidth><inbound floor='5'/></bandwidth>").bandwidth.inbound.floor == 5


def test_a_port_that_is_not_plugged_in_yet():
    assert port("").plug is None


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<plug type='bridge'/>", "'bridge' is missing"),
        ("<plug type='direct' dev='e'/>", "'mode' is missing"),
        ("<plug type='direct' bridge='b'/>", "bridge"),
        ("<plug type='hostdev-pci'/>", "<address> is missing"),
        ("<plug type='hub'/>", "'hub'"),
        ("<bandwidth><outbound peak='5'/></bandwidth>", "no average"),
        ("<vlan><tag id='1' nativeMode='tagged'/><tag id='2' nativeMode='tagged'/></vlan>", "native"),
    ],
)
def test_ports_are_refused_with_a_reason(inside, said):
    with pytest.raises(InvalidDocument, match=said):
        port(inside)


def test_a_binding_sorts_its_variables():
    binding = finished(
        "nwfilterbinding",
        f"<filterbinding>{OWNER}<portdev name='vnet0'/><mac address='52:54:00:00:00:01'/>"
        "<filterref filter='f'><parameter name='B' value='1'/><parameter name='A' value='1'/></filterref>"
        "</filterbinding>",
    )
    assert [parameter.name for parameter in binding.filterref.parameters] == ["A", "B"]


def interface(type: str, inside: str):
    return finished("interface", f"<interface type='{type}' name='i0'>{inside}</interface>")


MEMBER = "<interface type='ethernet' name='e'/>"


@pytest.mark.parametrize(
    ("type", "inside", "said"),
    [
        ("bond", "", "<bond> is missing"),
        ("bond", "<bond/>", "<interface> is missing"),
        ("bond", f"<bond><miimon freq='1'/><arpmon interval='1' target='192.0.2.1'/>{MEMBER}</bond>", "exclude"),
        ("bond", "<bond><interface type='bridge' name='b'/></bond>", "'bridge'"),
        ("bridge", "", "<bridge> is missing"),
        ("bridge", "<bridge><interface type='bridge' name='b'/></bridge>", "'bridge'"),
        ("vlan", "<vlan tag='4096'><interface name='e'/></vlan>", "4096"),
        ("vlan", "<vlan tag='5'/>", "<interface> is missing"),
        ("ethernet", f"<bridge>{MEMBER}</bridge>", "type='ethernet'"),
        ("vlan", "<mac address='52:54:00:00:00:01'/><vlan tag='5'><interface name='e'/></vlan>", "type='vlan'"),
        ("ethernet", "<protocol family='ipv4'><ip address='::1'/></protocol>", "IPv4 address"),
        ("ethernet", "<protocol family='ipv4'><autoconf/></protocol>", "autoconf"),
        ("ethernet", "<protocol family='ipv6'/><protocol family='ipv6'/>", "ipv6 is set up twice"),
    ],
)
def test_interfaces_are_refused_with_a_reason(type, inside, said):
    with pytest.raises(InvalidDocument, match=said):
        interface(type, inside)


def test_an_mtu_of_nothing_is_none():
    assert interface("ethernet", "<mtu size='0'/>").mtu is None


def test_a_secret_gets_an_identifier_and_is_found_by_its_name():
    secret = finished("secret", "<secret><usage type='ceph'><name>client.lab</name></usage></secret>")
    assert len(secret.uuid) == 36
    assert (secret.ephemeral, secret.private, secret.usage.identifier) == (False, False, "client.lab")


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        ("<usage type='volume'><volume>vault.luks</volume></usage>", "absolute path"),
        ("<usage type='tls'><name/></usage>", "empty"),
        ("<usage type='vtpm'><name> </name></usage>", "needs a name"),
        ("<usage type='iscsi'><name>n</name></usage>", "target"),
        ("<usage type='luks'/>", "'luks'"),
    ],
)
def test_secrets_are_refused_with_a_reason(usage, said):
    with pytest.raises(InvalidDocument, match=said):
        finished("secret", f"<secret>{usage}</secret>")


def test_no_document_holds_the_secret_itself():
    with pytest.raises(InvalidDocument, match="<value>"):
        model.parse("secret", "<secret><value>c2VjcmV0</value></secret>")
