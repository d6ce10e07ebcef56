"""Changing one section of a network by itself."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidDocument, NotFound
from polyvisor.model.network import DhcpHost, ForwardInterface, Network, PortGroup
from polyvisor.model.network.update import NetworkSection, UpdateCommand, update

BASE = """<network>
  <name>lab</name>
  <forward mode='nat'/>
  <dns>
    <txt name='motd' value='hello'/>
    <srv service='ldap' protocol='tcp' domain='lab.example' target='dir' port='389'/>
    <srv service='ntp' protocol='udp'/>
    <host ip='198.51.100.3'><hostname>printer</hostname><hostname>lp</hostname></host>
  </dns>
  <ip address='192.0.2.1' prefix='24'/>
  <ip address='198.51.100.1' prefix='24'>
    <dhcp>
      <range start='198.51.100.100' end='198.51.100.150'/>
      <host mac='52:54:00:00:00:01' name='one' ip='198.51.100.11'/>
      <host mac='52:54:00:00:00:02' name='two' ip='198.51.100.12'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='2001:db8::1' prefix='64'/>
  <portgroup name='loud' default='yes'/>
  <portgroup name='quiet'/>
</network>"""


@pytest.fixture
def network() -> Network:
    found = model.parse("network", BASE)
    assert isinstance(found, Network)
    return found


def hosts(network: Network, index: int = 1) -> list[str | None]:
    served = network.ips[index].dhcp
    return [host.name for host in served.hosts] if served else []


NEW = "<host mac='52:54:00:00:00:03' name='three' ip='198.51.100.13'/>"


def test_entries_are_added_at_either_end(network):
    assert hosts(update(network, "add-last", "ip-dhcp-host", NEW)) == ["one", "two", "three"]
    assert hosts(update(network, "add-first", "ip-dhcp-host", NEW)) == ["three", "one", "two"]


def test_the_network_given_is_left_as_it_was(network):
    before = network.copy()
    update(network, "delete", "ip-dhcp-host", "<host name='one'/>")
    assert network == before


def test_entries_may_be_objects(network):
    host = DhcpHost(name="three", ip="198.51.100.13")
    assert hosts(update(network, UpdateCommand.ADD_LAST, NetworkSection.IP_DHCP_HOST, host))[-1] == "three"


@pytest.mark.parametrize("known", ["mac='52:54:00:00:00:01'", "name='ONE'", "ip='198.51.100.11'"])
def test_hosts_are_removed_by_what_is_known_of_them(network, known):
    assert hosts(update(network, "delete", "ip-dhcp-host", f"<host {known}/>")) == ["two"]


def test_everything_that_is_said_of_a_host_to_remove_must_fit(network):
    with pytest.raises(NotFound, match="fits <host"):
        update(network, "delete", "ip-dhcp-host", "<host mac='52:54:00:00:00:01' name='two'/>")


@pytest.mark.parametrize(
    "clash",
    [
        "<host mac='52:54:00:00:00:01' name='three' ip='198.51.100.13'/>",
        "<host mac='52:54:00:00:00:03' name='two' ip='198.51.100.13'/>",
        "<host mac='52:54:00:00:00:03' name='three' ip='198.51.100.11'/>",
    ],
)
def test_two_hosts_share_nothing(network, clash):
    with pytest.raises(AlreadyExists, match="already"):
        update(network, "add-last", "ip-dhcp-host", clash)


def test_a_host_is_modified_by_what_it_keeps(network):
    changed = update(network, "modify", "ip-dhcp-host", "<host name='two' ip='198.51.100.99'/>")
    assert [(host.mac, host.ip) for host in changed.ips[1].dhcp.hosts] == [
        ("52:54:00:00:00:01", "198.51.100.11"),
        (None, "198.51.100.99"),
    ]
    with pytest.raises(NotFound):
        update(network, "modify", "ip-dhcp-host", NEW)


def test_the_address_is_found_that_serves_the_family(network):
    six = update(network, "add-last", "ip-dhcp-host", "<host name='three' ip='2001:db8::13'/>")
    assert hosts(six, 2) == ["three"]


@pytest.mark.parametrize(
    ("index", "said"),
    [(0, "has DHCP at another of its IPv4 addresses"), (2, "is an IPv4 address"), (3, "no <ip> of index 3")],
)
def test_an_index_is_taken_at_its_word(network, index, said):
    with pytest.raises(InvalidArgument, match=said):
        update(network, "add-last", "ip-dhcp-host", NEW, parent_index=index)


def test_the_last_host_takes_dhcp_with_it(network):
    for name in ("one", "two"):
        network = update(network, "delete", "ip-dhcp-host", f"<host name='{name}'/>")
    network = update(network, "delete", "ip-dhcp-range", "<range start='198.51.100.100' end='198.51.100.150'/>")
    assert network.ips[1].dhcp is None


def test_ranges_are_added_within_the_network_only(network):
    changed = update(network, "add-last", "ip-dhcp-range", "<range start='198.51.100.200' end='198.51.100.210'/>")
    assert len(changed.ips[1].dhcp.ranges) == 2
    with pytest.raises(InvalidDocument, match="not within the network"):
        update(network, "add-last", "ip-dhcp-range", "<range start='203.0.113.1' end='203.0.113.2'/>")
    with pytest.raises(AlreadyExists):
        update(network, "add-last", "ip-dhcp-range", "<range start='198.51.100.100' end='198.51.100.150'/>")


def test_port_groups_are_replaced_whole(network):
    changed = update(network, "modify", "portgroup", PortGroup(name="quiet", trust_guest_rx_filters=True))
    assert [group.trust_guest_rx_filters for group in changed.portgroups] == [None, True]
    with pytest.raises(AlreadyExists, match="two default port groups: loud, quiet"):
        update(network, "modify", "portgroup", "<portgroup name='quiet' default='yes'/>")


def test_the_way_out_follows_its_first_interface(network):
    there = update(network, "add-last", "forward-interface", ForwardInterface(dev="eno1"))
    assert there.forward.dev == "eno1"
    assert update(there, "delete", "forward-interface", "<interface dev='eno1'/>").forward.dev is None
    with pytest.raises(InvalidDocument, match="one interface only"):
        update(there, "add-first", "forward-interface", "<interface dev='eno2'/>")


def test_an_isolated_network_has_no_way_out():
    with pytest.raises(InvalidArgument, match="isolated"):
        update(Network(name="n"), "add-last", "forward-interface", "<interface dev='e'/>")


@pytest.mark.parametrize(
    ("section", "entry", "left"),
    [
        ("dns-txt", "<txt name='motd'/>", "texts"),
        ("dns-host", "<host><hostname>lp</hostname></host>", "hosts"),
        ("dns-host", "<host ip='198.51.100.3'/>", "hosts"),
    ],
)
def test_records_are_removed_by_name(network, section, entry, left):
    assert getattr(update(network, "delete", section, entry).dns, left) == []


def test_services_are_removed_when_there_is_no_doubt(network):
    changed = update(network, "delete", "dns-srv", "<srv target='dir'/>")
    assert [service.service for service in changed.dns.services] == ["ntp"]
    with pytest.raises(InvalidArgument, match="2 entries"):
        twin = "<srv service='ntp' protocol='tcp'/>"
        update(update(network, "add-last", "dns-srv", twin), "delete", "dns-srv", "<srv service='ntp'/>")


def test_the_first_record_makes_the_name_server():
    changed = update(Network(name="n"), "add-last", "dns-txt", "<txt name='a' value='b'/>")
    assert changed.dns.texts[0].value == "b"


@pytest.mark.parametrize(
    ("command", "section", "entry", "said"),
    [
        ("add", "dns-txt", "<txt name='a' value='b'/>", "no command 'add'"),
        ("add-last", "bridge", "<bridge/>", "no section 'bridge'"),
        ("modify", "dns-txt", "<txt name='a' value='b'/>", "cannot be modified"),
    ],
)
def test_what_cannot_be_asked(network, command, section, entry, said):
    with pytest.raises(InvalidArgument, match=said):
        update(network, command, section, entry)


@pytest.mark.parametrize("entry", ["<txt name='a'/>", "<host/>", "<txt", ""])
def test_entries_to_add_are_whole(network, entry):
    with pytest.raises(InvalidDocument):
        update(network, "add-last", "dns-txt", entry)
