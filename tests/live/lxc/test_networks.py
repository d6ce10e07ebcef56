"""Containers on networks, bridges and cards of the host, as the kernel has them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import polyvisor
from polyvisor.errors import HypervisorError, NoSuchNetwork, PolyvisorError, UnsupportedConfiguration

from .conftest import ready, until
from .test_life import init_of

pytestmark = pytest.mark.live

MAC = "52:54:00:77:00:01"
NAT = """<network><name>lan</name><forward mode='nat'/><bridge name='{}'/>{}
<ip address='10.77.0.1' netmask='255.255.255.0'/></network>"""


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def bridge() -> Iterator[str]:
    """A bridge of the host."""
    name = f"pvb{os.getpid()}"
    ip("link", "add", name, "type", "bridge")
    try:
        ip("address", "add", "10.77.0.1/24", "dev", name)
        ip("link", "set", name, "up")
        yield name
    finally:
        ip("link", "del", name)


@pytest.fixture
def filtering(bridge: str) -> str:
    """A bridge that tells VLANs apart; skipped where the kernel has none that do."""
    path = Path(f"/sys/class/net/{bridge}/bridge/vlan_filtering")
    if not path.exists():
        pytest.skip("this kernel is made without CONFIG_BRIDGE_VLAN_FILTERING")
    path.write_text("1")
    return bridge


@pytest.fixture
def cards() -> Iterator[tuple[str, str]]:
    """Two cards of the host: ends of a cable."""
    names = (f"pvc{os.getpid()}", f"pvd{os.getpid()}")
    ip("link", "add", names[0], "type", "veth", "peer", "name", names[1])
    for name in names:
        ip("link", "set", name, "up")
    try:
        yield names
    finally:
        subprocess.run(["ip", "link", "del", names[0]], check=False, capture_output=True)


@pytest.fixture
def network(tmp_path: Path) -> Callable[[str], None]:
    """Keeps the document of the network ``lan``."""
    directory = tmp_path / "state/lxc/config/networks"

    def keep(text: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "lan.xml").write_text(text)

    return keep


@pytest.fixture
def start(connection, document) -> Callable[..., polyvisor.Domain]:
    """Starts a container with these devices."""

    def run(devices: str, name: str = "box") -> polyvisor.Domain:
        domain = connection.define(document(name, devices=devices)).start()
        ready(domain)
        return domain

    return run


def link(domain: polyvisor.Domain, name: str = "eth0") -> dict[str, Any]:
    """A network device of a container as the kernel has it."""
    words = ["nsenter", f"--net=/proc/{init_of(domain)}/ns/net", "ip", "-d", "-j", "address", "show", "dev", name]
    found: list[dict[str, Any]] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return found[0]


def routes(domain: polyvisor.Domain) -> set[tuple[str, str, int]]:
    """Where the routes by a gateway lead: address, gateway, metric."""
    words = ["nsenter", f"--net=/proc/{init_of(domain)}/ns/net", "ip", "-j", "route"]
    found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return {(row["dst"], row["gateway"], row.get("metric", 0)) for row in found if "gateway" in row}


def on_host(domain: polyvisor.Domain) -> dict[str, Any]:
    """The host's end of a container's interface."""
    end = domain.config().devices.interfaces[0].target.dev
    found: list[dict[str, Any]] = json.loads(ip("-d", "-j", "link", "show", "dev", end))
    return found[0]


def vlans(end: str) -> set[int]:
    """The VLANs of a port of a bridge."""
    words = ["bridge", "-j", "vlan", "show", "dev", end]
    found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return {row["vlan"] for port in found for row in port["vlans"]}


ON_LAN = f"<interface type='network'><mac address='{MAC}'/><source network='lan'{{}}/>{{}}</interface>"
ADDRESS = "<ip address='10.77.0.2' family='ipv4' prefix='24'/>"


# -- virtual networks -----------------------------------------------------------------------------------------


def test_a_container_on_a_network_is_on_its_bridge_and_says_so(start, network, bridge, inside) -> None:
    network(NAT.format(bridge, "<mtu size='1400'/><port isolated='yes'/>"))
    domain = start(ON_LAN.format("", ADDRESS))
    source = domain.config().devices.interfaces[0].source
    assert (source.network, source.bridge) == ("lan", bridge)
    assert source.portid
    assert f"bridge='{bridge}'" in domain.xml()
    assert "portid" not in domain.xml(inactive=True)
    assert on_host(domain)["master"] == bridge
    assert on_host(domain)["linkinfo"]["info_slave_data"]["isolated"] is True
    assert link(domain)["mtu"] == 1400
    inside(domain, "busybox", "ping", "-c", "1", "-W", "5", "10.77.0.1")


def test_a_port_group_says_limits(start, network, bridge) -> None:
    network(
        f"<network><name>lan</name><forward mode='bridge'/><bridge name='{bridge}'/><portgroup name='red'>"
        "<bandwidth><inbound average='1000'/></bandwidth></portgroup></network>"
    )
    domain = start(ON_LAN.format(" portgroup='red'", ""))
    assert f"<interface type='bridge'>\n      <mac address='{MAC}'/>\n      <source network='lan'" in domain.xml()
    assert "<source network='lan' portgroup='red'/>" in domain.xml(inactive=True)
    assert on_host(domain)["qdisc"] == "htb"


def test_cards_of_a_network_are_shared_out(start, network, cards) -> None:
    interfaces = "".join(f"<interface dev='{card}'/>" for card in cards)
    network(f"<network><name>lan</name><forward mode='bridge'>{interfaces}</forward></network>")
    first = start("<interface type='network'><source network='lan'/></interface>", "first")
    second = start("<interface type='network'><source network='lan'/></interface>", "second")
    taken = [domain.config().devices.interfaces[0].source.dev for domain in (first, second)]
    assert sorted(taken) == sorted(cards)
    assert link(second)["linkinfo"] == {"info_kind": "macvlan", "info_data": link(first)["linkinfo"]["info_data"]}
    assert "<interface type='network'>" in first.xml(inactive=True)


def test_interfaces_on_networks_are_plugged_in_and_changed_while_the_container_runs(
    box, network, bridge, inside
) -> None:
    network(NAT.format(bridge, "<port isolated='yes'/>"))
    box.attach_device(ON_LAN.format("", ADDRESS))
    assert on_host(box)["master"] == bridge
    assert on_host(box)["linkinfo"]["info_slave_data"]["isolated"] is True
    inside(box, "busybox", "ping", "-c", "1", "-W", "5", "10.77.0.1")
    box.update_device(ON_LAN.format("", f"{ADDRESS}<link state='down'/>"))
    assert on_host(box)["operstate"] == "DOWN"
    assert box.config().devices.interfaces[0].source.bridge == bridge
    box.detach_device(f"<interface type='network'><mac address='{MAC}'/><source network='lan'/></interface>")
    assert "eth0" not in inside(box, "ip", "address")


def test_a_network_that_is_not_active_is_told_with_its_bridge(connection, document, network) -> None:
    network(NAT.format("pvnone7", ""))
    domain = connection.define(document(devices=ON_LAN.format("", "")))
    with pytest.raises(UnsupportedConfiguration, match="'lan' is not active: its bridge 'pvnone7'"):
        domain.start()


def test_a_network_that_nobody_knows_is_told_with_those_there_are(connection, document, network) -> None:
    network(NAT.format("pvnone7", ""))
    domain = connection.define(document(devices="<interface type='network'><source network='wan'/></interface>"))
    with pytest.raises(NoSuchNetwork, match="networks there are: lan"):
        domain.start()


# -- bridges --------------------------------------------------------------------------------------------------


def test_addresses_routes_and_all_else_of_an_interface_reach_the_kernel(start, bridge) -> None:
    domain = start(f"""<interface type='bridge'><mac address='{MAC}'/><source bridge='{bridge}'/>
      {ADDRESS}
      <ip address='fd00:77::2' family='ipv6' prefix='64'/>
      <route family='ipv4' address='0.0.0.0' gateway='10.77.0.1'/>
      <route family='ipv4' address='10.99.0.0' prefix='16' gateway='10.77.0.1' metric='9'/>
      <target dev='pvt{os.getpid()}'/><guest dev='lan7'/><mtu size='1300'/>
      <bandwidth><outbound average='1000'/></bandwidth></interface>""")
    found = link(domain, "lan7")
    assert (found["address"], found["mtu"]) == (MAC, 1300)
    assert {"10.77.0.2", "fd00:77::2"} <= {one["local"] for one in found["addr_info"]}
    assert routes(domain) == {("default", "10.77.0.1", 0), ("10.99.0.0/16", "10.77.0.1", 9)}
    assert on_host(domain)["ifname"] == f"pvt{os.getpid()}"
    assert domain.interface_bandwidth(MAC).outbound.average == 1000


def test_a_route_that_cannot_be_is_told_in_the_words_of_who_knows(connection, document) -> None:
    card = f"""<interface type='ethernet'>{ADDRESS}
      <route family='ipv4' address='10.99.0.0' prefix='16' gateway='192.0.2.1'/></interface>"""
    with pytest.raises(HypervisorError, match="invalid gateway") as told:
        connection.define(document(devices=card)).start()
    assert "interfaces" in (told.value.hint or "")


def test_a_link_that_is_down_stays_down(start, bridge) -> None:
    domain = start(f"<interface type='bridge'><source bridge='{bridge}'/><link state='down'/></interface>")
    assert "UP" not in link(domain)["flags"]


TRUNK = "<vlan trunk='yes'><tag id='5' nativeMode='untagged'/><tag id='6'/></vlan>"


def test_vlans_need_a_bridge_that_tells_them_apart(connection, document, bridge) -> None:
    card = f"<interface type='bridge'><source bridge='{bridge}'/>{TRUNK}</interface>"
    with pytest.raises(UnsupportedConfiguration, match=r"vlan_filtering 1|CONFIG_BRIDGE_VLAN_FILTERING"):
        connection.define(document(devices=card)).start()


def test_interfaces_are_in_their_vlans(start, filtering) -> None:
    card = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='{filtering}'/>{TRUNK}</interface>"
    domain = start(card)
    assert vlans(on_host(domain)["ifname"]) == {5, 6}
    domain.detach_device(card)
    domain.attach_device(card)
    assert vlans(on_host(domain)["ifname"]) == {5, 6}


def test_interfaces_without_names_are_found_again(start, bridge, inside) -> None:
    card = f"<interface type='bridge'><mac address='52:54:00:77:00:0{{}}'/><source bridge='{bridge}'/></interface>"
    domain = start(card.format(1) + card.format(2))
    assert [one.guest.actual for one in domain.config().devices.interfaces] == ["eth0", "eth1"]
    assert link(domain, "eth1")["address"] == "52:54:00:77:00:02"
    domain.detach_device(card.format(1))
    assert "eth1" in inside(domain, "ip", "address")


# -- cards of the host ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kernels"),
    [("", "vepa"), ("vepa", "vepa"), ("bridge", "bridge"), ("private", "private"), ("passthrough", "passthru")],
)
def test_a_direct_interface_is_a_macvlan_device(start, cards, mode, kernels) -> None:
    written = f" mode='{mode}'" if mode else ""
    domain = start(f"<interface type='direct'><source dev='{cards[0]}'{written}/>{ADDRESS}</interface>")
    found = link(domain)
    assert (found["linkinfo"]["info_kind"], found["linkinfo"]["info_data"]["mode"]) == ("macvlan", kernels)
    assert "10.77.0.2" in {one["local"] for one in found["addr_info"]}


def test_a_direct_interface_comes_and_goes_while_the_container_runs(box, cards, inside) -> None:
    card = f"<interface type='direct'><mac address='{MAC}'/><source dev='{cards[0]}' mode='private'/></interface>"
    box.attach_device(card)
    assert link(box)["linkinfo"]["info_data"]["mode"] == "private"
    box.detach_device(card)
    assert "eth0" not in inside(box, "ip", "address")


def test_a_name_that_another_device_has_is_left_to_it(box, bridge, cards, inside) -> None:
    taken = f"<interface type='bridge'><source bridge='{bridge}'/><target dev='{cards[0]}'/></interface>"
    with pytest.raises(PolyvisorError):
        box.attach_device(taken)
    assert os.path.exists(f"/sys/class/net/{cards[0]}")
    named = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='{bridge}'/><guest dev='lan0'/></interface>"
    box.attach_device(named)
    with pytest.raises(PolyvisorError, match="lan0"):
        box.attach_device(named.replace(MAC, "52:54:00:77:00:02"))
    assert "lan0" in inside(box, "ip", "address")
    assert len(box.config().devices.interfaces) == 1


def test_what_of_a_card_cannot_be_set_up_leaves_none(box, bridge, cards, inside) -> None:
    route = "<route family='ipv4' address='10.99.0.0' prefix='16' gateway='10.98.0.1'/>"  # no way to that gateway
    for kind in (
        f"<interface type='direct'><source dev='{cards[0]}' mode='private'/>{route}</interface>",
        f"<interface type='bridge'><source bridge='{bridge}'/>{route}</interface>",
    ):
        before = set(os.listdir("/sys/class/net"))
        with pytest.raises(HypervisorError):
            box.attach_device(kind)
        assert "eth0" not in inside(box, "ip", "address")
        assert set(os.listdir("/sys/class/net")) == before


def test_interfaces_come_and_go_in_any_order(box, bridge, inside) -> None:
    cards = [
        f"<interface type='bridge'><mac address='52:54:00:77:00:0{number}'/><source bridge='{bridge}'/></interface>"
        for number in range(3)
    ]
    box.attach_device(cards[0])
    box.attach_device(cards[1])
    box.detach_device(cards[0])
    box.attach_device(cards[2])
    found = box.config().devices.interfaces
    assert len({one.target.dev for one in found}) == len(found) == 2
    said = inside(box, "ip", "address")
    assert [mac in said for mac in ("77:00:00", "77:00:01", "77:00:02")] == [False, True, True]


def test_a_card_that_is_passed_through_is_for_one_container(start, connection, document, cards) -> None:
    card = f"<interface type='direct'><source dev='{cards[0]}' mode='{{}}'/></interface>"
    start(card.format("bridge"))
    with pytest.raises(UnsupportedConfiguration, match="is for one device"):
        connection.define(document("other", devices=card.format("passthrough"))).start()


def test_a_kernel_without_ipvlan_says_so(connection, document, cards) -> None:
    name = f"pvi{os.getpid()}"
    words = ["ip", "link", "add", "link", cards[0], "name", name, "type", "ipvlan"]
    has = subprocess.run(words, capture_output=True, check=False).returncode == 0
    if has:
        ip("link", "del", name)
    card = f"<interface type='direct'><source dev='{cards[0]}' mode='bridge'/><model type='ipvlan'/></interface>"
    domain = connection.define(document(devices=card))
    if has:
        domain.start()
        assert link(domain)["linkinfo"]["info_kind"] == "ipvlan"
        return
    with pytest.raises(UnsupportedConfiguration, match="this kernel has no ipvlan devices"):
        domain.start()


def test_a_card_of_the_host_is_the_containers_until_it_ends(start, cards) -> None:
    domain = start(
        f"<hostdev mode='capabilities' type='net'><source><interface>{cards[0]}</interface></source>"
        "<ip address='10.77.0.2' family='ipv4' prefix='24'/>"
        "<route family='ipv4' address='10.99.0.0' prefix='16' gateway='10.77.0.1'/></hostdev>"
    )
    assert "10.77.0.2" in {one["local"] for one in link(domain, cards[0])["addr_info"]}
    assert routes(domain) == {("10.99.0.0/16", "10.77.0.1", 0)}
    assert not os.path.isdir(f"/sys/class/net/{cards[0]}")
    domain.destroy()
    assert until(lambda: os.path.isdir(f"/sys/class/net/{cards[0]}"))


def test_a_container_without_any_uses_the_hosts(connection, document, bridge, inside) -> None:
    domain = connection.define(document().replace("<features><privnet/></features>", "")).start()
    ready(domain)
    assert bridge in inside(domain, "ip", "address")
