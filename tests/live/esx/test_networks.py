"""Virtual switches, cards and devices, on a simulated host and in a simulated vCenter.

The tests' own server keeps what the simulator forgets of switches it makes: cards, MTU, limits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from simulator import Simulator

import polyvisor
from polyvisor import model
from polyvisor.cli.root import polyvisor as program
from polyvisor.errors import AlreadyExists, Busy, NotFound, UnsupportedConfiguration
from polyvisor_esx import distributed, hostdevices, networkchanges, networks, nics

pytestmark = pytest.mark.live

LAB = """
<network>
  <name>lab</name>
  <forward mode='bridge'><interface dev='vmnic1'/></forward>
  <mtu size='9000'/>
  <bandwidth><outbound average='1000' peak='2000' burst='512'/></bandwidth>
  <portgroup name='Lab Guests'><vlan><tag id='7'/></vlan></portgroup>
  <portgroup name='all'><vlan trunk='yes'><tag id='4095'/></vlan></portgroup>
  <portgroup name='slow'><bandwidth><outbound average='10'/></bandwidth></portgroup>
</network>"""


@pytest.fixture
def session(connection: polyvisor.Connection) -> Any:
    return connection._invoker.session


@pytest.fixture
def define(session: Any) -> Iterator[Callable[[str], Any]]:
    """Makes networks that go when the test ends."""

    def make(text: str) -> Any:
        return networkchanges.define(session, model.parse("network", text))  # type: ignore[arg-type]

    before = {each.name for each in networks.switches(session)}
    yield make
    for each in networks.switches(session):
        if each.name not in before:
            networkchanges.undefine(session, each)


def counted(session: Any, work: Callable[[], Any]) -> int:
    before = session.transport.calls
    work()
    return int(session.transport.calls - before)


# -- standard switches ----------------------------------------------------------------------------------------


def test_the_switch_of_a_host_is_a_network(session: Any) -> None:
    switch = networks.find(session, name="vSwitch0")
    written = model.format(networks.document(switch))
    again: Any = model.parse("network", written)
    assert again.uuid == str(switch.uuid)
    assert (again.forward.mode, [card.dev for card in again.forward.interfaces]) == ("bridge", ["vmnic0"])
    assert "VM Network" in [group.name for group in again.portgroups]
    assert networks.find(session, uuid=switch.uuid).name == "vSwitch0"
    with pytest.raises(NotFound, match="vSwitch0"):
        networks.find(session, name="elsewhere")


def test_a_network_is_made_as_its_document_says(session: Any, define: Callable[[str], Any]) -> None:
    made = define(LAB)
    document = networks.document(networks.find(session, name="lab"))
    assert document.uuid == str(made.uuid)
    document.uuid = document.connections = None
    (slow,) = (group for group in document.portgroups if group.name == "slow")
    assert (slow.bandwidth.outbound.peak, slow.bandwidth.outbound.burst) == (10, 10)  # type: ignore[union-attr]
    slow.bandwidth.outbound.peak = slow.bandwidth.outbound.burst = None  # type: ignore[union-attr]
    assert model.format(document) == model.format(model.parse("network", LAB))


def test_a_network_goes_with_its_port_groups(session: Any, define: Callable[[str], Any]) -> None:
    networkchanges.undefine(session, define(LAB))
    left = networks.switches(session)
    assert "lab" not in [each.name for each in left]
    assert "Lab Guests" not in [group.spec.name for each in left for group in each.groups]
    define(LAB)


def test_a_network_that_guests_are_connected_to_stays(
    session: Any, define: Callable[[str], Any], connection: polyvisor.Connection
) -> None:
    made = define(LAB)
    guest = connection.define(
        "<domain type='vmware'><name>plugged</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os><devices><interface type='bridge'><source bridge='Lab Guests'/>"
        "</interface></devices></domain>"
    )
    try:
        with pytest.raises(Busy, match="plugged"):
            networkchanges.undefine(session, made)
        assert len(networks.find(session, name="lab").groups) == 3
    finally:
        guest.undefine()
    networkchanges.undefine(session, made)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (("vmnic1", "vmnic9"), NotFound, "vmnic0, vmnic1"),
        (("vmnic1", "vmnic0"), Busy, "vSwitch0"),
        (("<name>lab", "<name>vSwitch0"), AlreadyExists, "vSwitch0"),
        (("'all'", "'VM Network'"), AlreadyExists, "port group"),
        (("mode='bridge'", "mode='vepa'"), UnsupportedConfiguration, "bridge"),
    ],
)
def test_what_cannot_be_made_leaves_nothing(
    session: Any, define: Callable[[str], Any], change: tuple[str, str], error: type, words: str
) -> None:
    before = [model.format(networks.document(each)) for each in networks.switches(session)]
    with pytest.raises(error, match=words):
        define(LAB.replace(*change))
    assert [model.format(networks.document(each)) for each in networks.switches(session)] == before


def test_what_fails_half_way_is_undone(session: Any, define: Callable[[str], Any], monkeypatch: Any) -> None:
    made: list[str] = []

    def failing(switch: str, group: Any) -> Any:
        """The server takes the first group, and has no name for the second."""
        specification = original(switch, group)
        if made:
            specification.name = ""
        made.append(group.name)
        return specification

    original = networkchanges.group_of
    monkeypatch.setattr(networkchanges, "group_of", failing)
    with pytest.raises(polyvisor.errors.PolyvisorError):
        define(LAB)
    left = networks.switches(session)
    assert "lab" not in [each.name for each in left]
    assert "Lab Guests" not in [group.spec.name for each in left for group in each.groups]


# -- vCenter --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def center(start_simulator: Callable[[str], Simulator]) -> Simulator:
    return start_simulator("vpx")


@pytest.fixture(params=["", "DC0", "DC0/DC0_C0"])
def wide(center: Simulator, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A session on several hosts."""
    with polyvisor.open(center.uri(request.param), credentials=center.credentials) as opened:
        yield opened._invoker.session


def test_switches_of_several_hosts_are_told_apart(wide: Any) -> None:
    found = networks.switches(wide)
    assert len(found) > 1
    assert len({each.name for each in found}) == len({each.uuid for each in found}) == len(found)
    assert all(each.name == f"{each.host.name}/vSwitch0" for each in found)
    assert networks.find(wide, name=found[-1].name).uuid == found[-1].uuid
    assert counted(wide, lambda: networks.switches(wide)) == 2


def test_where_to_make_a_network_is_not_guessed(wide: Any) -> None:
    with pytest.raises(UnsupportedConfiguration, match="hosts to choose from"):
        networkchanges.define(wide, model.parse("network", LAB))  # type: ignore[arg-type]


def test_distributed_switches_are_networks(wide: Any) -> None:
    (switch,) = distributed.switches(wide)
    document: Any = model.parse("network", model.format(distributed.document(switch)))
    assert (document.name, document.uuid) == ("DVS0", str(switch.uuid))
    assert [group.name for group in document.portgroups] == ["DC0_DVPG0"]
    assert distributed.find(wide, uuid=switch.uuid).name == "DVS0"
    assert counted(wide, lambda: distributed.switches(wide)) <= 3


def test_a_guest_is_connected_to_a_distributed_port_group_by_name(center: Simulator) -> None:
    path = "DC0/DC0_C0/DC0_C0_H0"
    with polyvisor.open(center.uri(path), credentials=center.credentials) as connection:
        session: Any = connection._invoker.session
        (switch,) = distributed.switches(session)
        guest = connection.define(
            "<domain type='vmware'><name>far</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64'>hvm</type></os><devices><interface type='bridge'><source bridge='DC0_DVPG0'/>"
            "</interface></devices></domain>"
        )
        try:
            (card,) = guest.config().devices.interfaces  # type: ignore[union-attr]
            source: Any = card.source
            assert (card.type, source.switchid) == ("vds", str(switch.uuid))
            assert source.portgroupid == next(group["key"] for group in switch.groups if group["name"] == "DC0_DVPG0")
            before = model.format(guest.config())
            connection.define(before)
            assert model.format(guest.config()) == before
        finally:
            guest.undefine()


def test_a_single_host_has_no_distributed_switches(session: Any, server: Simulator) -> None:
    assert [each.name for each in distributed.switches(session)] == ([] if server.mode == "esx" else ["DVS0"])


# -- cards and devices ----------------------------------------------------------------------------------------


def test_cards_are_interfaces(session: Any) -> None:
    found = {each.name: each for each in nics.nics(session)}
    assert list(found) == ["vmnic0", "vmnic1", "vmk0"]
    assert (found["vmnic0"].switch, found["vmk0"].switch) == ("vSwitch0", "Management Network")
    for each in found.values():
        again: Any = model.parse("interface", model.format(nics.document(each)))
        assert (again.name, again.mac.address, again.link.state) == (each.name, each.mac, "up")
    assert nics.find(session, mac=found["vmnic1"].mac.upper()).name == "vmnic1"
    assert counted(session, lambda: nics.nics(session)) == 1


def test_devices_are_a_tree(session: Any) -> None:
    found = hostdevices.devices(session)
    seen: set[str] = set()
    for each in found:
        model.parse("nodedev", model.format(each))
        assert each.parent is None or each.parent.name in seen
        seen.add(each.name)
    assert len(seen) == len(found)
    kinds = {ability.type for each in found for ability in each.capabilities}
    assert kinds == {"system", "pci", "net", "scsi_host", "storage"}
    disk = next(each for each in found if each.name.startswith("block_mpx_vmhba0"))
    assert disk.parent is not None
    assert disk.parent.name == "scsi_host_vmhba0"
    assert counted(session, lambda: hostdevices.devices(session)) == 1
    with pytest.raises(NotFound):
        hostdevices.find(session, "pci_ffff_00_00_0")


# -- commands -------------------------------------------------------------------------------------------------


@pytest.fixture
def run(server: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", server.password)

    def invoke(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(program, ["-c", server.uri(path), *arguments])
        assert result.exit_code == status, result.output
        return result.output

    return invoke


def test_commands_make_and_remove_networks(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "lab.xml"
    file.write_text(LAB)
    run("esx", "net-define", str(file))
    listed = {each["name"]: each for each in json.loads(run("--json", "esx", "networks"))}
    assert listed["lab"]["port_groups"] == ["Lab Guests", "all", "slow"]
    shown: Any = model.parse("network", run("esx", "networks", "lab"))
    assert shown.mtu.size == 9000
    run("esx", "net-undefine", "lab")
    assert "networks: vSwitch0" in run("esx", "networks", "lab", status=5)
    file.write_text("<network><name>lab</name><ip address='192.0.2.1' prefix='24'/></network>")
    assert "no ips" in run("esx", "net-define", str(file), status=4)


def test_commands_show_cards_and_devices(run: Callable[..., Any]) -> None:
    assert "vmk0" in run("esx", "nics")
    shown: Any = model.parse("interface", run("esx", "nics", "vmnic0"))
    assert shown.link.speed == 10000
    assert run("esx", "devices").startswith("computer\n  pci_0000_00_00_0")
    device: Any = model.parse("nodedev", run("esx", "devices", "scsi_host_vmhba0"))
    assert device.parent.name == "pci_0000_03_00_0"
