"""The interface document: how an interface of the host is set up, with the interfaces it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, OneOf, attribute, child, children, element, flag, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.addressing import DEVICE_NAME, IPV4, IPV6
from polyvisor.model.contradictions import Contradiction, refuse, repeated
from polyvisor.model.switching import VLAN_ID

SECONDS = dt.Datatype("seconds", pattern=r"[0-9]+(\.[0-9]*)?|\.[0-9]+", describe="seconds, such as 0 or 0.01")


class HostInterfaceType(StrEnum):
    """What an interface of the host is."""

    ETHERNET = "ethernet"
    BOND = "bond"
    BRIDGE = "bridge"
    VLAN = "vlan"


class LinkState(StrEnum):
    """The operational states of ``/sys/class/net/*/operstate`` (RFC 2863)."""

    UNKNOWN = "unknown"
    NOT_PRESENT = "notpresent"
    DOWN = "down"
    LOWER_LAYER_DOWN = "lowerlayerdown"
    TESTING = "testing"
    DORMANT = "dormant"
    UP = "up"


@element("start")
class InterfaceStart(Element):
    """When the interface is brought up."""

    mode: Literal["onboot", "none", "hotplug"] = required(attribute())


@element("mac")
class InterfaceMac(Element):
    """The hardware address."""

    address: str = required(attribute(dt.MAC))


@element("link")
class InterfaceLink(Element):
    """The state of the link, and its speed in Mb/s; reported, not configured."""

    speed: int | None = attribute(dt.UINT)
    state: LinkState | None = attribute()


@element("mtu")
class InterfaceMtu(Element):
    """The greatest packet, in bytes."""

    size: int = required(attribute(dt.UINT32))


# -- addresses ----------------------------------------------------------------------------------------------------


@element("dhcp")
class DhcpClient(Element):
    """Addresses come from a DHCP server; ``peerdns``: name servers too."""

    peerdns: bool | None = attribute(dt.BOOL)


@element("ip")
class Ipv4Address(Element):
    """An address and the length of its network part."""

    address: str = required(attribute(IPV4))
    prefix: int | None = attribute(dt.number("prefix length", 0, 32))


@element("ip")
class Ipv6Address(Element):
    """An address and the length of its network part."""

    address: str = required(attribute(IPV6))
    prefix: int | None = attribute(dt.number("prefix length", 0, 128))


@element("route")
class Ipv4Gateway(Element):
    """The way to everywhere else."""

    gateway: str = required(attribute(IPV4))


@element("route")
class Ipv6Gateway(Element):
    """The way to everywhere else."""

    gateway: str = required(attribute(IPV6))


@element("protocol", by="family")
class Protocol(Element):
    """How the interface speaks a protocol."""

    family: Literal["ipv4", "ipv6"] = attribute(required=True)


@variant("ipv4")
class Ipv4Protocol(Protocol):
    """IPv4 on the interface."""

    dhcp: DhcpClient | None = child()
    ips: list[Ipv4Address] = children("ip")
    route: Ipv4Gateway | None = child()


@variant("ipv6")
class Ipv6Protocol(Protocol):
    """IPv6 on the interface; ``autoconf``: addresses follow from router advertisements."""

    autoconf: bool = flag()
    dhcp: DhcpClient | None = child()
    ips: list[Ipv6Address] = children("ip")
    route: Ipv6Gateway | None = child()


# -- what an interface is made of -----------------------------------------------------------------------------------


@element("interface")
class EthernetPart(Element):
    """An Ethernet card as part of a bond or bridge."""

    type: Literal["ethernet"] = required(attribute())
    name: str = required(attribute(DEVICE_NAME))
    mac: InterfaceMac | None = child()
    link: InterfaceLink | None = child()


@element("miimon")
class MiiMonitor(Element):
    """Watch the carrier: every ``freq`` ms, believing a change after ``updelay`` or ``downdelay`` ms."""

    freq: int = required(attribute(dt.UINT))
    downdelay: int | None = attribute(dt.UINT)
    updelay: int | None = attribute(dt.UINT)
    carrier: Literal["ioctl", "netif"] | None = attribute()


@element("arpmon")
class ArpMonitor(Element):
    """Ask for the address ``target`` every ``interval`` ms; ``validate`` says on which members answers count."""

    interval: int = required(attribute(dt.UINT))
    target: str = required(attribute(IPV4))
    validate: Literal["none", "active", "backup", "all"] | None = attribute()


class BondMode(StrEnum):
    """How a bond shares its members (the kernel's bonding driver)."""

    BALANCE_RR = "balance-rr"
    ACTIVE_BACKUP = "active-backup"
    BALANCE_XOR = "balance-xor"
    BROADCAST = "broadcast"
    LACP = "802.3ad"
    BALANCE_TLB = "balance-tlb"
    BALANCE_ALB = "balance-alb"


@element("bond", rules=(OneOf("miimon", "arpmon"),))
class Bond(Element):
    """Ethernet cards that work as one."""

    mode: BondMode | None = attribute()
    miimon: MiiMonitor | None = child()
    arpmon: ArpMonitor | None = child()
    interfaces: list[EthernetPart] = children("interface", min=1)


@element("interface")
class VlanBase(Element):
    """The interface that a VLAN's frames travel on."""

    name: str = required(attribute(DEVICE_NAME))


@element("vlan")
class VlanDefinition(Element):
    """A VLAN of another interface."""

    id: int = required(attribute(VLAN_ID, name="tag"))
    interface: VlanBase = required(child())


@element("interface", by="type")
class BridgePart(Element):
    """A member of a bridge."""

    type: HostInterfaceType = attribute(required=True)
    name: str = required(attribute(DEVICE_NAME))


@variant("ethernet")
class BridgedEthernet(BridgePart):
    """An Ethernet card in a bridge."""

    mac: InterfaceMac | None = child()
    link: InterfaceLink | None = child()


@variant("bond")
class BridgedBond(BridgePart):
    """A bond in a bridge."""

    link: InterfaceLink | None = child()
    bond: Bond = required(child())


@variant("vlan")
class BridgedVlan(BridgePart):
    """A VLAN in a bridge."""

    link: InterfaceLink | None = child()
    vlan: VlanDefinition = required(child())


@element("bridge")
class BridgeDefinition(Element):
    """A bridge: ``delay`` in seconds before a new port forwards."""

    stp: bool | None = attribute(dt.ONOFF)
    delay: str | None = attribute(SECONDS)
    interfaces: list[BridgedEthernet | BridgedBond | BridgedVlan] = children("interface")


# -- the interface ------------------------------------------------------------------------------------------------


@element("interface", kind="interface")
class HostInterface(Element):
    """An interface of the host; ``bond``, ``bridge`` and ``vlan`` say what one of that type is made of."""

    type: HostInterfaceType = required(attribute())
    name: str = required(attribute(DEVICE_NAME))
    start: InterfaceStart | None = child()
    mac: InterfaceMac | None = child(when={"type": HostInterfaceType.ETHERNET})
    mtu: InterfaceMtu | None = child()
    link: InterfaceLink | None = child(
        when={"type": (HostInterfaceType.ETHERNET, HostInterfaceType.BOND, HostInterfaceType.VLAN)}
    )
    protocols: list[Protocol] = children("protocol", max=2)
    bond: Bond | None = child(required=True, when={"type": HostInterfaceType.BOND})
    bridge: BridgeDefinition | None = child(required=True, when={"type": HostInterfaceType.BRIDGE})
    vlan: VlanDefinition | None = child(required=True, when={"type": HostInterfaceType.VLAN})


def complete(interface: HostInterface) -> HostInterface:
    """Drop, in place, what says nothing: an MTU of 0. Returns ``interface``."""
    if interface.mtu is not None and not interface.mtu.size:
        interface.mtu = None
    return interface


def check(interface: HostInterface) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(interface, f"interface '{interface.name}'", _contradictions(interface))


def _contradictions(interface: HostInterface) -> Iterator[Contradiction]:
    for family, protocol in repeated((protocol.family, protocol) for protocol in interface.protocols):
        yield Contradiction(protocol, f"{family} is set up twice", "family")
