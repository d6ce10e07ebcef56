"""Networks: what a document implies, what it contradicts, what bridges cannot give."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument, UnsupportedConfiguration
from polyvisor.model.network import ForwardMode, LeaseUnit, Network
from polyvisor.model.network.completion import check, complete
from polyvisor.model.network.support import check_supported

IP = "<ip address='198.51.100.1' prefix='24'/>"


def parse(inside: str) -> Network:
    found = model.parse("network", f"<network><name>lab</name>{inside}</network>")
    assert isinstance(found, Network)
    return found


def finished(inside: str) -> Network:
    network = complete(parse(inside))
    check(network)
    return network


def faults(inside: str) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        finished(inside)
    return [f"{fault.path.removeprefix('/network')} {fault.message}" for fault in caught.value.faults]


def ip(inside: str, at: str = "address='198.51.100.1' prefix='24'") -> str:
    return f"<ip {at}>{inside}</ip>"


def dhcp(inside: str, at: str = "address='198.51.100.1' prefix='24'") -> str:
    return ip(f"<dhcp>{inside}</dhcp>", at)


V6 = "family='ipv6' address='2001:db8::1' prefix='64'"


# -- what is implied -----------------------------------------------------------------------------------------------


def test_a_network_brings_its_bridge():
    network = finished("")
    assert (network.bridge.stp, network.bridge.delay, network.mode) == (True, 0, None)
    assert len(network.uuid) == 36


def test_a_bridge_of_the_host_stays_as_it_is():
    assert finished("<forward mode='bridge'/><bridge name='br0'/>").bridge.stp is None
    assert finished("<forward mode='bridge'/><bridge/>").bridge is None


def test_forwarding_is_by_translation_unless_told_otherwise():
    assert finished(f"<forward/>{IP}").mode is ForwardMode.NAT


def test_the_device_and_the_first_interface_are_one():
    by_device = finished(f"<forward dev='eno1'/>{IP}")
    by_interface = finished(f"<forward><interface dev='eno1'/></forward>{IP}")
    assert by_device.forward == by_interface.forward
    assert by_device.forward.interfaces[0].dev == by_device.forward.dev == "eno1"


def test_functions_of_cards_have_all_their_numbers():
    network = finished("<forward mode='hostdev'><address type='pci' bus='0x3b'/></forward>")
    assert str(network.forward.addresses[0]) == "0000:3b:00.0"
    assert network.forward.managed is False


def test_leases_are_in_minutes_and_those_without_end_in_nothing():
    network = finished(
        dhcp(
            "<range start='198.51.100.5' end='198.51.100.9'><lease expiry='3'/></range>"
            "<host name='a' ip='198.51.100.3'><lease expiry='0' unit='hours'/></host>"
        )
    )
    served = network.ips[0].dhcp
    assert (served.ranges[0].lease.unit, served.ranges[0].lease.seconds) == (LeaseUnit.MINUTES, 180)
    assert (served.hosts[0].lease.unit, served.hosts[0].lease.seconds) == (None, 0)


def test_several_vlans_are_a_trunk():
    assert finished("<vlan><tag id='3'/><tag id='4'/></vlan>").vlan.trunk == "yes"
    assert finished("<vlan><tag id='3'/></vlan>").vlan.trunk is None


@pytest.mark.parametrize(
    "empty",
    [
        "<dns/>",
        "<title/>",
        "<description/>",
        "<bandwidth/>",
        "<mtu size='0'/>",
        ip("<dhcp/>"),
        ip("<tftp root=''/>"),
        "<forward/>" + IP,
    ],
)
def test_what_says_nothing_is_dropped(empty):
    written = model.format(finished(empty))
    for tag in ("dns", "title", "description", "bandwidth", "mtu", "dhcp", "tftp", "nat>"):
        assert f"<{tag}" not in written


def test_addresses_are_written_in_one_way():
    network = finished(ip("", "family='ipv6' address='2001:DB8:0:0::00A' prefix='64'"))
    assert network.ips[0].address == "2001:db8::a"


def test_what_is_live_is_not_kept():
    network = model.parse(
        "network",
        "<network connections='3'><name>n</name>"
        "<forward mode='bridge'><interface dev='e' connections='3'/></forward></network>",
    )
    assert "connections" in model.format(network)
    assert "connections" not in model.format(network, live=False)


# -- what contradicts itself -----------------------------------------------------------------------------------------

RANGE = "<range start='198.51.100.{}' end='198.51.100.{}'/>"
CONTRADICTIONS = {
    "nat without addresses": ("<forward mode='nat'/>", " forward mode nat needs an <ip> address for the network"),
    "a bridge for cards": (
        "<forward mode='hostdev'/><bridge name='br0'/>",
        "/bridge/@name a network with forward mode hostdev has no bridge",
    ),
    "spanning tree of the host": (
        "<forward mode='bridge'/><bridge name='br0' stp='on'/>",
        "/bridge/@stp 'stp' is for bridges that the network brings, not for forward mode bridge",
    ),
    "MTU of the host": (
        "<forward mode='bridge'/><mtu size='9000'/>",
        "/mtu the MTU is the host's affair with forward mode bridge",
    ),
    "bridge and interfaces": (
        "<forward mode='bridge'><interface dev='e'/></forward><bridge name='br0'/>",
        "/bridge/@name there is a bridge or there are interfaces to forward to, not both",
    ),
    "one interface twice": (
        "<forward mode='private'><interface dev='e'/><interface dev='f'/><interface dev='e'/></forward>",
        "/forward/interface[3]/@dev the interface 'e' is listed twice",
    ),
    "one function twice": (
        "<forward mode='hostdev'><address type='pci' bus='1'/><address type='pci' bus='0x01' slot='0'/></forward>",
        "/forward/address[2] the PCI function 0000:01:00.0 is listed twice",
    ),
    "two ways out": (
        f"<forward mode='route'><interface dev='e'/><interface dev='f'/></forward>{IP}",
        "/forward/interface[2] forward mode route goes out by one interface only",
    ),
    "another first interface": (
        "<forward mode='vepa' dev='e'><interface dev='f'/></forward>",
        "/forward/@dev 'dev' is 'e' but the first <interface> is 'f'",
    ),
    "a device beside a card": (
        "<forward mode='vepa' dev='e'><pf dev='f'/></forward>",
        "/forward/@dev 'dev' does not go with <pf> or <address>",
    ),
    "open, but not to all": (
        f"<forward mode='open' dev='e'/>{IP}",
        "/forward/@dev forward mode open takes no interface: nothing is set up for it",
    ),
    "translation of what is routed": (
        f"<forward mode='route'><nat/></forward>{IP}",
        "/forward/nat address translation goes with forward mode nat, not route",
    ),
    "ports backwards": (
        f"<forward><nat><port start='9' end='8'/></nat></forward>{IP}",
        "/forward/nat/port/@end the range 9 to 8 runs backwards",
    ),
    "addresses backwards": (
        f"<forward><nat><address start='192.0.2.10' end='192.0.2.9'/></nat></forward>{IP}",
        "/forward/nat/address/@end the range 192.0.2.10 to 192.0.2.9 runs backwards",
    ),
    "answers of nobody": (
        "<dns enable='no'><txt name='a' value='b'/></dns>",
        "/dns/@enable the name server is disabled but told what to answer",
    ),
    "a forwarder to nowhere": ("<dns><forwarder/></dns>", "/dns/forwarder a forwarder has an addr, a domain or both"),
    "a port of nothing": (
        "<dns><srv service='s' protocol='tcp' port='1'/></dns>",
        "/dns/srv/@port 'port' is of the target, and there is no target",
    ),
    "no address": ("<ip prefix='24'/>", "/ip/@address <ip> says no address"),
    "family of another": (
        ip("", "family='ipv6' address='198.51.100.1' prefix='24'"),
        "/ip/@family 198.51.100.1 is an IPv4 address: family is ipv6",
    ),
    "family not said": (
        ip("", "address='2001:db8::1' prefix='64'"),
        "/ip/@address 2001:db8::1 is an IPv6 address: an IPv6 address wants family='ipv6'",
    ),
    "prefix too long": (ip("", "address='198.51.100.1' prefix='33'"), "/ip/@prefix IPv4 prefixes go to 32, not to 33"),
    "TFTP over IPv6": (ip("<tftp root='/t'/>", V6), "/ip/tftp booting over TFTP is for IPv4 only"),
    "range backwards": (
        dhcp(RANGE.format(9, 5)),
        "/ip/dhcp/range/@end the range 198.51.100.9 to 198.51.100.5 runs backwards",
    ),
    "range elsewhere": (
        dhcp("<range start='192.0.2.1' end='192.0.2.9'/>"),
        "/ip/dhcp/range the range 192.0.2.1 to 192.0.2.9 is not within the network 198.51.100.0/24",
    ),
    "range from the network": (
        dhcp(RANGE.format(0, 9)),
        "/ip/dhcp/range/@start 198.51.100.0 is the address of the network itself",
    ),
    "range to everybody": (
        dhcp(RANGE.format(9, 255)),
        "/ip/dhcp/range/@end 198.51.100.255 is the broadcast address of the network",
    ),
    "range of two worlds": (
        dhcp("<range start='198.51.100.4' end='::9'/>"),
        "/ip/dhcp/range the range 198.51.100.4 to ::9 mixes IPv4 and IPv6",
    ),
    "range without end": (
        dhcp("<range start='2001:db8::1' end='2001:db8::1:0'/>", V6),
        "/ip/dhcp/range the range 2001:db8::1 to 2001:db8::1:0 has more than 65535 addresses",
    ),
    "lease of a minute": (
        dhcp("<host name='a' ip='198.51.100.3'><lease expiry='1'/></host>"),
        "/ip/dhcp/host/lease/@expiry a lease is for two minutes at least, or for ever (0)",
    ),
    "host without mac": (
        dhcp("<host id='0:1' ip='198.51.100.3'/>"),
        "/ip/dhcp/host an IPv4 host is known by its mac or name; neither is said",
    ),
    "IPv6 host by mac": (
        dhcp("<host mac='52:54:00:00:00:01' name='a' ip='2001:db8::3'/>", V6),
        "/ip/dhcp/host/@mac an IPv6 host is known by its id, not by its mac",
    ),
    "route to a host": (
        f"{IP}<route address='192.0.2.1' prefix='24' gateway='198.51.100.9'/>",
        "/route/@address 192.0.2.1 is not the address of a network of that length",
    ),
    "route by nowhere": (
        f"{IP}<route address='192.0.2.0' prefix='24' gateway='203.0.113.9'/>",
        "/route/@gateway the gateway 203.0.113.9 is in none of the network's subnets",
    ),
    "route by another world": (
        f"{IP}<route family='ipv6' address='2001:db8::' prefix='64' gateway='198.51.100.9'/>",
        "/route/@gateway the gateway 198.51.100.9 is an IPv4 address",
    ),
    "two native VLANs": (
        "<vlan><tag id='3' nativeMode='tagged'/><tag id='4' nativeMode='untagged'/></vlan>",
        "/vlan/tag[2]/@nativeMode VLAN 3 is the native one already",
    ),
    "limits without average": (
        "<bandwidth><inbound peak='3'/></bandwidth>",
        "/bandwidth/inbound/@average <inbound> says no average",
    ),
    "guarantee to all": (
        "<bandwidth><inbound floor='3'/></bandwidth>",
        "/bandwidth/inbound/@floor only a port can be guaranteed bandwidth, not a whole network",
    ),
    "port of no type": (
        "<virtualport><parameters profileid='p'/></virtualport>",
        "/virtualport/@type the virtual port does not say its type",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_told_at_its_place(name):
    inside, told = CONTRADICTIONS[name]
    assert faults(inside) == [told]


def test_every_contradiction_is_told_in_one_go():
    assert len(faults(f"<forward mode='hostdev'/><bridge name='b'/><mtu size='9'/><vlan><tag id='1'/></vlan>{IP}")) == 2


@pytest.mark.parametrize("name", ["a/b", "  "])
def test_names_are_file_names(name):
    with pytest.raises(InvalidDocument, match="name"):
        check(complete(Network(name=name)))


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<mac address='53:54:00:00:00:01'/>", "not of a group"),
        (dhcp("<host ip='198.51.100.3'/>"), "needs 'mac'"),
        (ip("", "address='198.51.100.1' prefix='24' netmask='255.255.255.0'"), "exclude one another"),
        ("<vlan/>", "<tag> is missing"),
        ("<dns><srv service='s' protocol='sctp'/></dns>", "'sctp'"),
    ],
)
def test_the_grammar_refuses(inside, said):
    with pytest.raises(InvalidDocument, match=said):
        parse(inside)


# -- what bridges cannot give -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (f"<forward mode='bridge'/><bridge name='b'/>{IP}", "<ip> goes with a bridge that the network brings"),
        ("<portgroup name='a'/><portgroup name='a'/>", "two port groups are called 'a'"),
        ("<portgroup name='a' default='yes'/><portgroup name='b' default='yes'/>", "'a' is the default one already"),
        ("<vlan><tag id='1'/></vlan>", "VLANs are for bridges of Open vSwitch"),
        ("<forward mode='hostdev'/><bandwidth><inbound average='1'/></bandwidth>", "does not pass the host"),
        (
            dhcp(RANGE.format(5, 6)) + dhcp("<host name='a' ip='192.0.2.3'/>", "address='192.0.2.1' prefix='24'"),
            "DHCP serves one IPv4 address",
        ),
    ],
)
def test_a_valid_network_that_no_bridge_can_be(inside, said):
    network = finished(inside)
    with pytest.raises(UnsupportedConfiguration, match=said) as caught:
        check_supported(network)
    assert len(caught.value.details["faults"]) == 1


def test_samples_can_be_defined(documents):
    for sample in documents:
        if sample.kind == "network":
            network = model.parse("network", sample.xml)
            assert isinstance(network, Network)
            check_supported(network)


# -- options for dnsmasq ---------------------------------------------------------------------------------------------

WITH_OPTIONS = """<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>lab</name>
  <dnsmasq:options>
    <dnsmasq:option value='cname=www,printer'/>
  </dnsmasq:options>
</network>
"""


def test_options_for_dnsmasq_are_for_those_who_run_it():
    with pytest.raises(InvalidDocument, match="pip install polyvisor-network brings it"):
        model.parse("network", WITH_OPTIONS)
    dnsmasq = pytest.importorskip("polyvisor_network.model", reason="polyvisor-network is not installed")
    network = model.parse("network", WITH_OPTIONS, contributions=dnsmasq.CLASSES)
    assert isinstance(network, Network)
    (options,) = network.extensions
    assert isinstance(options, dnsmasq.DnsmasqOptions)
    assert [option.value for option in options.options] == ["cname=www,printer"]
    assert model.format(network) == WITH_OPTIONS


@pytest.mark.parametrize("name", ["lab", "VM Network", "dvs/7: (web)"])
def test_port_groups_have_the_names_that_switches_give_them(name):
    assert finished(f"<portgroup name='{name}'/>").portgroups[0].name == name


@pytest.mark.parametrize("name", ["", " ", " lab", "lab "])
def test_what_is_no_name_of_a_port_group(name):
    with pytest.raises(InvalidDocument):
        parse(f"<portgroup name='{name}'/>")
