"""What is made of switches, cards and devices without a server: documents, limits, VLANs, trees."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pyVmomi import vim

from polyvisor import model
from polyvisor.errors import InvalidDocument, UnsupportedConfiguration
from polyvisor_esx import distributed, hostdevices, networkchanges, networks, nics, reach
from polyvisor_esx.inventory import Place

HOST = Place(vim.HostSystem("host-9"), "esx1", None)
Shaping = vim.host.NetworkPolicy.TrafficShapingPolicy
NOTHING = vim.host.NetworkPolicy()
Dvs = vim.dvs.VmwareDistributedVirtualSwitch


def group(name: str, switch: str = "vSwitch0", vlan: int = 0, policy: Any = None, ports: Any = ()) -> Any:
    spec = vim.host.PortGroup.Specification(name=name, vlanId=vlan, vswitchName=switch, policy=policy or NOTHING)
    return vim.host.PortGroup(spec=spec, port=list(ports))


def switch(name: str = "vSwitch0", *cards: str, **more: Any) -> Any:
    keys = [f"key-vim.host.PhysicalNic-{card}" for card in cards]
    return vim.host.VirtualSwitch(name=name, key=f"key-vim.host.VirtualSwitch-{name}", pnic=keys, **more)


def made(*switches: Any, groups: Any = (), alone: bool = True) -> list[networks.Switch]:
    row = {"networkInfo.vswitch": list(switches), "networkInfo.portgroup": list(groups)}
    return list(networks.switches_of(HOST, row, alone=alone))


def written(document: Any) -> Any:
    """A document that has gone through text and the grammar."""
    return model.parse("network", model.format(document))


# -- standard switches ----------------------------------------------------------------------------------------


def test_a_switch_with_cards_is_a_bridge_and_one_without_is_isolated() -> None:
    bridge, isolated = (written(networks.document(each)) for each in made(switch("a", "vmnic0", "vmnic3"), switch("b")))
    assert [card.dev for card in bridge.forward.interfaces] == ["vmnic0", "vmnic3"]
    assert (bridge.forward.mode, isolated.forward) == ("bridge", None)


def test_the_uuid_comes_from_the_key() -> None:
    (found,) = made(switch("a"))
    assert found.uuid == reach.derived_uuid("key-vim.host.VirtualSwitch-a")


def test_switches_of_several_hosts_are_named_after_those() -> None:
    (found,) = made(switch("a"), alone=False)
    assert found.name == "esx1/a"
    assert found.uuid != made(switch("a"))[0].uuid


def test_port_groups_go_with_their_switch() -> None:
    groups = [group("VM Network", "a", 12), group("all", "a", 4095), group("other", "b")]
    found = written(networks.document(made(switch("a"), groups=groups)[0]))
    assert [(each.name, each.vlan.trunk, each.vlan.tags[0].id) for each in found.portgroups] == [
        ("VM Network", None, 12),
        ("all", "yes", 4095),
    ]


def test_cards_of_running_guests_are_connections() -> None:
    ports = [
        vim.host.PortGroup.Port(mac=["00:50:56:00:00:01"], type="virtualMachine"),
        vim.host.PortGroup.Port(mac=["00:50:56:00:00:02"], type="host"),
    ]
    (found,) = made(switch("a"), groups=[group("g", "a", ports=ports)])
    assert networks.document(found).connections == 1
    assert found.users("host") == ["00:50:56:00:00:02"]


def test_limits_are_counted_in_kib() -> None:
    shaping = Shaping(enabled=True, averageBandwidth=100_000_000, peakBandwidth=8192 * 3, burstSize=102400)
    found = networks.shaped(vim.host.NetworkPolicy(shapingPolicy=shaping))
    assert found is not None
    assert found.inbound is None
    assert found.outbound is not None
    assert (found.outbound.average, found.outbound.peak, found.outbound.burst) == (12207, 3, 100)


@pytest.mark.parametrize("policy", [None, vim.host.NetworkPolicy(), vim.host.NetworkPolicy(shapingPolicy=Shaping())])
def test_what_is_not_limited(policy: Any) -> None:
    assert networks.shaped(policy) is None


def network(inner: str = "", name: str = "lab") -> Any:
    return model.parse("network", f"<network><name>{name}</name>{inner}</network>")


def test_what_is_asked_of_a_switch() -> None:
    found = networkchanges.switch_of(
        network(
            "<forward mode='bridge'><interface dev='vmnic1'/></forward><mtu size='9000'/>"
            "<bandwidth><outbound average='1000' peak='2000' burst='512'/></bandwidth>"
        )
    )
    limits = found.policy.shapingPolicy
    assert (found.mtu, found.bridge.nicDevice) == (9000, ["vmnic1"])
    assert (limits.averageBandwidth, limits.peakBandwidth, limits.burstSize) == (8_192_000, 16_384_000, 524_288)


@pytest.mark.parametrize(
    "inner",
    [
        "<forward mode='nat'/>",
        "<forward mode='bridge'/><bridge name='br0'/><virtualport type='openvswitch'/>",
        "<ip address='192.0.2.1' prefix='24'/>",
        "<domain name='lab.example'/>",
        "<vlan><tag id='3'/></vlan>",
        "<bandwidth><inbound average='10'/></bandwidth>",
        "<title>no place</title>",
        "<bridge name='virbr7' stp='on' delay='3'/>",
    ],
)
def test_what_a_switch_has_no_place_for_is_refused(inner: str) -> None:
    with pytest.raises(UnsupportedConfiguration):
        networkchanges.switch_of(network(inner))


@pytest.mark.parametrize("name", ["a/b", "x" * 32])
def test_what_is_no_name_of_a_switch(name: str) -> None:
    with pytest.raises(InvalidDocument):
        networkchanges.switch_of(network(name=name))


def portgroup(inner: str, attributes: str = "") -> Any:
    return network(f"<portgroup name='g' {attributes}>{inner}</portgroup>").portgroups[0]


@pytest.mark.parametrize(
    ("inner", "number"),
    [("", 0), ("<vlan><tag id='7'/></vlan>", 7), ("<vlan trunk='yes'><tag id='4095'/></vlan>", 4095)],
)
def test_the_vlan_of_a_port_group(inner: str, number: int) -> None:
    found = networkchanges.group_of("lab", portgroup(inner))
    assert (found.name, found.vswitchName, found.vlanId) == ("g", "lab", number)


@pytest.mark.parametrize(
    ("inner", "attributes"),
    [
        ("<vlan><tag id='7'/><tag id='8'/></vlan>", ""),
        ("<vlan trunk='yes'><tag id='7'/></vlan>", ""),
        ("<vlan><tag id='7' nativeMode='untagged'/></vlan>", ""),
        ("<virtualport type='openvswitch'/>", ""),
        ("", "default='yes'"),
    ],
)
def test_what_a_port_group_has_no_place_for_is_refused(inner: str, attributes: str) -> None:
    with pytest.raises(UnsupportedConfiguration):
        networkchanges.group_of("lab", portgroup(inner, attributes))


# -- distributed switches -------------------------------------------------------------------------------------

SWITCH = vim.DistributedVirtualSwitch("dvs-7")


def port_group(name: str, **setting: Any) -> dict[str, Any]:
    config = vim.dvs.DistributedVirtualPortgroup.ConfigInfo(
        name=name, distributedVirtualSwitch=SWITCH, defaultPortConfig=Dvs.VmwarePortConfigPolicy(**setting)
    )
    return {"name": name, "key": name, "config": config, "vm": [vim.VirtualMachine("vm-1")]}


def test_a_distributed_switch_is_a_network() -> None:
    row = {
        "name": "dv%2fs",
        "uuid": "50 3f 5a 21 6c 0e 4d 1b-9a 8b 7c 6d 5e 4f 3a 2b",
        "config": Dvs.ConfigInfo(maxMtu=9000, description="lab"),
    }
    groups = [port_group("web"), port_group("dvs-DVUplinks-7"), port_group("db")]
    found = distributed.switch_of(SWITCH, row, groups, {row["uuid"]: ["vmnic5", "vmnic2", "vmnic5"]})
    document = written(distributed.document(found))
    assert (document.name, document.mtu.size, document.description) == ("dv/s", 9000, "lab")
    assert UUID(document.uuid) == UUID("503f5a21-6c0e-4d1b-9a8b-7c6d5e4f3a2b")
    assert [each.name for each in document.portgroups] == ["db", "web"]
    assert [card.dev for card in document.forward.interfaces] == ["vmnic2", "vmnic5"]
    assert document.connections == 1


def trunk(*ranges: tuple[int, int]) -> Any:
    return Dvs.TrunkVlanSpec(vlanId=[vim.NumericRange(start=start, end=end) for start, end in ranges])


@pytest.mark.parametrize(
    ("vlan", "numbers", "is_trunk"),
    [
        (Dvs.VlanIdSpec(vlanId=30), [30], None),
        (trunk((10, 12), (20, 20)), [10, 11, 12, 20], "yes"),
        (trunk((0, 4094)), [4095], "yes"),
        (Dvs.PvlanSpec(pvlanId=101), [101], None),
    ],
)
def test_vlans_of_distributed_port_groups(vlan: Any, numbers: list[int], is_trunk: str | None) -> None:
    found = distributed.tagged(vlan)
    assert found is not None
    assert ([tag.id for tag in found.tags], found.trunk) == (numbers, is_trunk)


def test_a_port_group_without_vlan() -> None:
    assert distributed.tagged(Dvs.VlanIdSpec(vlanId=0)) is None


def test_what_comes_into_a_switch_comes_out_of_guests() -> None:
    def policy(kib: int, *, enabled: bool = True) -> Any:
        rate = vim.LongPolicy(value=kib * 8192)
        return vim.dvs.DistributedVirtualPort.TrafficShapingPolicy(
            enabled=vim.BoolPolicy(value=enabled),
            averageBandwidth=rate,
            peakBandwidth=rate,
            burstSize=vim.LongPolicy(value=kib * 1024),
        )

    both = distributed.shaped(Dvs.VmwarePortConfigPolicy(inShapingPolicy=policy(5), outShapingPolicy=policy(9)))
    assert both is not None
    assert both.outbound is not None
    assert both.inbound is not None
    assert (both.outbound.average, both.inbound.average) == (5, 9)
    assert distributed.shaped(Dvs.VmwarePortConfigPolicy(inShapingPolicy=policy(5, enabled=False))) is None


# -- cards ----------------------------------------------------------------------------------------------------


def test_the_addresses_of_a_card_of_the_host() -> None:
    six = vim.host.IpConfig.IpV6AddressConfiguration(
        autoConfigurationEnabled=True,
        ipV6Address=[vim.host.IpConfig.IpV6Address(ipAddress="fe80::1%vmk0", prefixLength=64)],
    )
    ip = vim.host.IpConfig(dhcp=False, ipAddress="192.0.2.7", subnetMask="255.255.255.128", ipV6Config=six)
    route = vim.host.VirtualNic.IpRouteSpec(ipRouteConfig=vim.host.IpRouteConfig(defaultGateway="192.0.2.1"))
    spec = vim.host.VirtualNic.Specification(ip=ip, mac="00:50:56:00:00:09", mtu=9000, ipRouteSpec=route)
    row = {"config.network.vnic": [vim.host.VirtualNic(device="vmk1", portgroup="vMotion", spec=spec)]}
    (found,) = nics.nics_of(HOST, row)
    document: Any = model.parse("interface", model.format(nics.document(found)))
    four, other = document.protocols
    assert (four.ips[0].address, four.ips[0].prefix, four.route.gateway) == ("192.0.2.7", 25, "192.0.2.1")
    assert (other.autoconf, other.ips[0].address) == (True, "fe80::1")
    assert (document.mtu.size, found.switch) == (9000, "vMotion")


def test_a_card_without_a_link() -> None:
    card = vim.host.PhysicalNic(key="k", device="vmnic4", mac="00:50:56:00:00:04")
    proxy = vim.host.HostProxySwitch(dvsName="dvs", pnic=["k"])
    (found,) = nics.nics_of(HOST, {"config.network.pnic": [card], "config.network.proxySwitch": [proxy]})
    document = nics.document(found)
    assert document.link is not None
    assert (document.link.state, document.link.speed, found.switch) == ("down", None, "dvs")


# -- devices --------------------------------------------------------------------------------------------------


def function(address: str, parent: str | None = None, **more: Any) -> Any:
    facts = {"classId": 0x0200, "vendorId": -32634, "deviceId": 0x10FB, "vendorName": "Intel", "deviceName": "X"}
    return vim.host.PciDevice(id=address, parentBridge=parent, **{**facts, **more})


def test_numbers_with_a_sign_are_numbers_without() -> None:
    (found,) = hostdevices.tree({"hardware.pciDevice": [function("0000:3b:00.1", classId=-1)]})
    document: Any = model.parse("nodedev", model.format(found))
    (capability,) = document.capabilities
    assert (capability.vendor.id, capability.product.id, capability.pci_class) == (0x8086, 0x10FB, 0xFFFF00)
    assert (capability.bus, capability.slot, capability.function) == (0x3B, 0, 1)


def test_bridges_come_before_what_is_behind_them() -> None:
    functions = [function("0000:01:00.0", "0000:02:00.0"), function("0000:02:00.0", "0000:09:00.0")]
    functions.append(function("0000:09:00.0", "0000:ff:00.0"))
    found = hostdevices.tree({"hardware.pciDevice": functions})
    assert [(each.name, each.parent.name if each.parent else None) for each in found] == [
        ("pci_0000_09_00_0", "computer"),
        ("pci_0000_02_00_0", "pci_0000_09_00_0"),
        ("pci_0000_01_00_0", "pci_0000_02_00_0"),
    ]


def test_a_circle_of_bridges_ends() -> None:
    functions = [function("0000:01:00.0", "0000:02:00.0"), function("0000:02:00.0", "0000:01:00.0")]
    assert len(hostdevices.tree({"hardware.pciDevice": functions})) == 2


def test_cards_that_can_be_divided_say_so() -> None:
    row = {
        "hardware.pciDevice": [function("0000:3b:00.0")],
        "config.pciPassthruInfo": [
            vim.host.SriovInfo(id="0000:3b:00.0", sriovCapable=True, maxVirtualFunctionSupported=63)
        ],
    }
    (found,) = hostdevices.tree(row)
    assert "maxCount='63'" in model.format(found)


def test_adapters_of_a_fabric_have_names_there() -> None:
    adapter = vim.host.FibreChannelHba(
        key="k", device="vmhba2", pci="0000:3b:00.0", nodeWorldWideName=-1, portWorldWideName=0x2000000000C9831B
    )
    (found,) = hostdevices.tree({"config.storageDevice.hostBusAdapter": [adapter]})
    document: Any = model.parse("nodedev", model.format(found))
    (fabric,) = document.capabilities[0].abilities
    assert (fabric.wwnn, fabric.wwpn) == ("ffffffffffffffff", "2000000000c9831b")
    assert document.parent.name == "computer"  # its PCI function is not among those that the host tells


def test_disks_hang_on_the_first_adapter_that_reaches_them() -> None:
    disk = vim.host.ScsiDisk(
        key="d",
        uuid="u",
        canonicalName="naa.6005",
        deviceName="/vmfs/devices/disks/naa.6005",
        devicePath="/vmfs/devices/disks/naa.6005",
        lunType="disk",
        vendor="HP      ",
        model="LOGICAL VOLUME  ",
        serialNumber="unavailable",
        capacity=vim.host.DiskDimensions.Lba(block=2048, blockSize=512),
    )
    Topology = vim.host.ScsiTopology
    paths = Topology.Interface(adapter="k", target=[Topology.Target(lun=[Topology.Lun(scsiLun="d")])])
    row = {
        "config.storageDevice.hostBusAdapter": [vim.host.BlockHba(key="k", device="vmhba1")],
        "config.storageDevice.scsiLun": [disk],
        "config.storageDevice.scsiTopology": Topology(adapter=[paths]),
    }
    adapter, found = hostdevices.tree(row)
    document: Any = model.parse("nodedev", model.format(found))
    (capability,) = document.capabilities
    assert document.parent.name == adapter.name == "scsi_host_vmhba1"
    assert (capability.vendor, capability.model, capability.serial) == ("HP", "LOGICAL VOLUME", None)
    assert (capability.size, capability.num_blocks) == (1 << 20, 2048)
