"""Networks on disk, and what interfaces on them come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from polyvisor import model
from polyvisor.documents import write
from polyvisor.errors import Busy, InvalidDocument, NoSuchNetwork, UnsupportedConfiguration
from polyvisor.state import Networks, Paths

PORT = "0d5a7a5e-5a4c-4c29-9d7b-f5e0f24f6a55"

NAT = """<network><name>net</name><forward mode='nat'/><bridge name='virbr7'/>{}
<ip address='10.7.0.1' netmask='255.255.255.0'/></network>"""
BRIDGED = "<network><name>net</name><forward mode='bridge'/><bridge name='br0'/>{}</network>"
CARDS = """<network><name>net</name><forward mode='{}'><interface dev='eth1'/><interface dev='eth2'/></forward>{}
</network>"""


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    (tmp_path / "lxc/config/networks").mkdir(parents=True)
    (tmp_path / "libvirt").mkdir()
    return Networks(Paths.embedded("lxc", tmp_path), others=(str(tmp_path / "libvirt"),))


@pytest.fixture
def attach(networks: Networks) -> Callable[..., str]:
    """The live document of an interface on a network with that document."""

    def run(network: str, inside: str = "", *, group: str = "", use: dict[str, int] | None = None):
        Path(networks.directories[0], "net.xml").write_text(network)
        portgroup = f" portgroup='{group}'" if group else ""
        text = f"<interface type='network'><source network='net'{portgroup}/>{inside}</interface>"
        return networks.attach(model.parse("device", text), use=lambda: use or {}, port=PORT)

    return run


def test_a_network_that_brings_its_bridge_is_named_with_it(attach) -> None:
    made = attach(NAT.format(""))
    assert f"type='network'>\n  <source network='net' portid='{PORT}' bridge='virbr7'/>" in write(made)


def test_a_bridge_of_the_host_makes_an_interface_of_type_bridge_that_remembers_its_network(attach) -> None:
    made = attach(BRIDGED.format("<portgroup name='some'/>"), group="some")
    attributes = f"network='net' portgroup='some' portid='{PORT}' bridge='br0'"
    assert f"<interface type='bridge'>\n  <source {attributes}/>" in write(made)
    assert "<interface type='network'>\n  <source network='net' portgroup='some'/>" in write(made, live=False)


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa", "passthrough"])
def test_cards_of_the_host_make_direct_interfaces_and_the_least_used_is_taken(attach, mode) -> None:
    made = attach(CARDS.format(mode, ""), use={"eth1": 1})
    assert (made.type, made.source.dev, made.source.mode) == ("direct", "eth2", mode)
    assert "type='network'" in write(made, live=False)


def test_a_card_that_is_passed_through_is_for_one_guest(attach) -> None:
    with pytest.raises(Busy, match="eth1, eth2"):
        attach(CARDS.format("passthrough", ""), use={"eth1": 1, "eth2": 1})
    assert attach(CARDS.format("bridge", ""), use={"eth1": 2, "eth2": 1}).source.dev == "eth2"


def vlan(number: int) -> str:
    return f"<vlan><tag id='{number}'/></vlan>"


def test_the_narrower_one_that_speaks_wins(attach) -> None:
    network = BRIDGED.format(vlan(3) + f"<portgroup name='some' default='yes'>{vlan(2)}</portgroup>")
    assert attach(network, vlan(1)).vlan.tags[0].id == 1
    assert attach(network).vlan.tags[0].id == 2
    assert attach(BRIDGED.format(vlan(3))).vlan.tags[0].id == 3


def test_limits_are_the_interfaces_or_its_groups_and_never_those_of_the_whole_network(attach) -> None:
    def limit(rate: int) -> str:
        return f"<bandwidth><outbound average='{rate}'/></bandwidth>"

    network = NAT.format(limit(3) + f"<portgroup name='some'>{limit(2)}</portgroup>")
    assert attach(network, limit(1), group="some").bandwidth.outbound.average == 1
    assert attach(network, group="some").bandwidth.outbound.average == 2
    assert attach(network).bandwidth is None


def test_the_mtu_and_isolation_of_the_network_are_for_interfaces_that_say_none(attach) -> None:
    network = NAT.format("<mtu size='1400'/><port isolated='yes'/>")
    made = attach(network)
    assert (made.mtu.size, made.port.isolated) == (1400, True)
    assert attach(network, "<mtu size='1300'/><port isolated='no'/>").port.isolated is False


def test_a_virtual_port_is_put_together_from_all_three(attach) -> None:
    network = BRIDGED.format(
        "<virtualport type='openvswitch'/>"
        "<portgroup name='some'><virtualport><parameters profileid='fast'/></virtualport></portgroup>"
    )
    inside = f"<virtualport><parameters interfaceid='{PORT}'/></virtualport>"
    port = attach(network, inside, group="some").virtualport
    assert (port.type, port.parameters.profileid, port.parameters.interfaceid) == ("openvswitch", "fast", PORT)


def test_numbers_of_virtual_ports_agree_in_any_notation(attach) -> None:
    parameters = "<virtualport type='802.1Qbg'><parameters managerid='{}'/></virtualport>"
    made = attach(BRIDGED.format(parameters.format("11")), parameters.format("0x0b"))
    assert made.virtualport.parameters.managerid == "11"


def test_virtual_ports_that_contradict_one_another_are_told_with_both_sides(attach) -> None:
    with pytest.raises(InvalidDocument, match=r"'openvswitch' by network 'net'|'802.1Qbh' by the interface"):
        attach(BRIDGED.format("<virtualport type='openvswitch'/>"), "<virtualport type='802.1Qbh'/>")


def test_bandwidth_is_guaranteed_where_the_bridge_has_some_to_share_out(attach) -> None:
    floor = "<bandwidth><inbound average='20' floor='10'/></bandwidth>"
    with pytest.raises(UnsupportedConfiguration, match="guarantee"):
        attach(NAT.format(""), floor)
    shared = NAT.format("<bandwidth><inbound average='100'/></bandwidth>")
    assert attach(shared, floor).bandwidth.inbound.floor == 10


def test_a_port_group_there_is_not_is_told_with_those_there_are(attach) -> None:
    with pytest.raises(UnsupportedConfiguration, match="port groups it has: some"):
        attach(BRIDGED.format("<portgroup name='some'/>"), group="other")


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("<network><name>net</name><forward mode='hostdev'><pf dev='eth1'/></forward></network>", "PCI functions"),
        ("<network><name>net</name><forward mode='vepa'/></network>", "no interface of the host"),
        ("<network><name>net</name></network>", "names no bridge"),
    ],
)
def test_networks_that_give_no_interface_are_told_why(attach, network, why) -> None:
    with pytest.raises(UnsupportedConfiguration, match=why):
        attach(network)


def test_own_documents_come_before_those_of_libvirt(networks) -> None:
    own, libvirts = (Path(directory) for directory in networks.directories)
    (libvirts / "net.xml").write_text(NAT.format(""))
    (libvirts / "other.xml").write_text(BRIDGED.format("").replace("net<", "other<"))
    (own / "net.xml").write_text(BRIDGED.format(""))
    assert networks.names() == ["net", "other"]
    assert networks.get("net").mode == "bridge"
    assert networks.get("other").bridge.name == "br0"


@pytest.mark.parametrize("name", ["none", "../lxc", "", ".net", "a/b"])
def test_a_network_there_is_not_is_told_with_those_there_are_and_where_to_put_it(networks, name) -> None:
    Path(networks.directories[0], "net.xml").write_text(BRIDGED.format(""))
    with pytest.raises(NoSuchNetwork, match="networks there are: net") as refusal:
        networks.get(name)
    assert networks.directories[0] in str(refusal.value)


def test_only_connections_of_the_whole_host_read_what_libvirt_has(tmp_path) -> None:
    assert Networks(Paths.system("lxc")).directories == ("/etc/polyvisor/lxc/networks", "/etc/libvirt/qemu/networks")
    assert len(Networks(Paths.embedded("lxc", tmp_path)).directories) == 1


def test_what_other_packages_bring_to_networks_is_understood(networks) -> None:
    pytest.importorskip("polyvisor_network")
    options = (
        "<dnsmasq:options xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>"
        "<dnsmasq:option value='log-dhcp'/></dnsmasq:options>"
    )
    Path(networks.directories[1], "net.xml").write_text(NAT.format("").replace("</network>", f"{options}</network>"))
    assert networks.get("net").bridge.name == "virbr7"


@pytest.mark.parametrize(
    ("text", "words"),
    [("<network><name>net</name><bridge nam='x'/></network>", "nam"), (BRIDGED.replace("net<", "x<"), "'x'")],
)
def test_a_file_that_is_wrong_is_told_by_its_path(networks, text, words) -> None:
    path = Path(networks.directories[0], "net.xml")
    path.write_text(text.format("") if "{}" in text else text)
    with pytest.raises(InvalidDocument, match=words) as refusal:
        networks.get("net")
    assert str(path) in str(refusal.value)
