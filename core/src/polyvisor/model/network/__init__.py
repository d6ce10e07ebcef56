"""The network document: a virtual network, and how it is connected to the outside.

:func:`complete` fills in what a document implies, :func:`check` tells what it contradicts, :func:`.update.update`
changes one section of it.
"""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import Element, Verbatim, attribute, child, children, element, extensions, raw, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.addressing import HOST_NAME, MTU, NEW_DEVICE_NAME, UNICAST_MAC
from polyvisor.model.network.dns import Dns, DnsForwarder, DnsHost, DnsService, DnsText
from polyvisor.model.network.forward import (
    Forward,
    ForwardAddress,
    ForwardDriver,
    ForwardInterface,
    ForwardMode,
    Nat,
    NatAddresses,
    NatPorts,
    PhysicalFunction,
)
from polyvisor.model.network.ip import Bootp, Dhcp, DhcpHost, DhcpRange, Lease, LeaseUnit, NetworkIp, Route, Tftp
from polyvisor.model.switching import Bandwidth, VirtualPort, Vlan

ZONE = dt.Datatype("firewalld zone", pattern=r"[a-zA-Z0-9_\-]+", describe="the name of a firewalld zone")
PORT_GROUP_NAME = dt.Datatype(
    "name of a port group", pattern=r"\S([^\n]*\S)?", describe="the name of a port group, such as lab or VM Network"
)


class MacTableManager(StrEnum):
    """Who keeps the table of hardware addresses of a bridge."""

    KERNEL = "kernel"
    LIBVIRT = "libvirt"


@element("bridge")
class Bridge(Element):
    """The bridge of the network; ``delay`` is in seconds, ``zone`` one of firewalld's."""

    name: str | None = attribute(NEW_DEVICE_NAME)
    zone: str | None = attribute(ZONE)
    stp: bool | None = attribute(dt.ONOFF)
    delay: int | None = attribute(dt.UINT)
    mac_table_manager: MacTableManager | None = attribute(name="macTableManager")


@element("mtu")
class NetworkMtu(Element):
    """The greatest packet, in bytes."""

    size: int = required(attribute(MTU))


@element("mac")
class NetworkMac(Element):
    """The hardware address of the bridge."""

    address: str = required(attribute(UNICAST_MAC))


@element("domain")
class DnsDomain(Element):
    """The DNS domain of the network; ``local_only``: questions about it never leave the network.

    ``register``: tell it to systemd-resolved(8) of the host."""

    name: str = required(attribute(HOST_NAME))
    local_only: bool | None = attribute(dt.BOOL, name="localOnly")
    register: bool | None = attribute(dt.BOOL)


@element("port")
class NetworkPortOptions(Element):
    """Whether guests are kept from one another."""

    isolated: bool | None = attribute(dt.BOOL)


@element("portgroup")
class PortGroup(Element):
    """Settings for some of the guests; the ``default`` group is for those that ask for none."""

    name: str = required(attribute(PORT_GROUP_NAME))
    default: bool = attribute(dt.BOOL, default=False, omit_default=True)
    trust_guest_rx_filters: bool | None = attribute(dt.BOOL, name="trustGuestRxFilters")
    vlan: Vlan | None = child()
    virtualport: VirtualPort | None = child()
    bandwidth: Bandwidth | None = child()


@element("network", kind="network")
class Network(Element):
    """A virtual network. ``connections``: how many interfaces of guests are plugged into it.

    ``ipv6``: guests may speak IPv6 to one another though the network has no IPv6 address."""

    connections: int | None = attribute(dt.UINT, volatile=True)
    ipv6: bool = attribute(dt.BOOL, default=False, omit_default=True)
    trust_guest_rx_filters: bool | None = attribute(dt.BOOL, name="trustGuestRxFilters")
    name: str = required(value(dt.STRING))
    uuid: str | None = value(dt.UUID)
    title: str | None = value(dt.STRING)
    description: str | None = value(dt.STRING)
    metadata: Verbatim | None = raw()
    forward: Forward | None = child()
    bridge: Bridge | None = child()
    mtu: NetworkMtu | None = child()
    mac: NetworkMac | None = child()
    domain: DnsDomain | None = child()
    dns: Dns | None = child()
    vlan: Vlan | None = child()
    bandwidth: Bandwidth | None = child()
    port: NetworkPortOptions | None = child()
    ips: list[NetworkIp] = children("ip")
    routes: list[Route] = children("route")
    virtualport: VirtualPort | None = child()
    portgroups: list[PortGroup] = children("portgroup")
    extensions: list[Element] = extensions()

    @property
    def mode(self) -> ForwardMode | None:
        """How it is connected to the outside; None for an isolated network."""
        return self.forward.mode if self.forward is not None else None

    @property
    def has_own_bridge(self) -> bool:
        """Whether the network brings its bridge with it, rather than using what the host has."""
        return self.mode in (None, ForwardMode.NAT, ForwardMode.ROUTE, ForwardMode.OPEN)


__all__ = [
    "Bandwidth",
    "Bootp",
    "Bridge",
    "Dhcp",
    "DhcpHost",
    "DhcpRange",
    "Dns",
    "DnsDomain",
    "DnsForwarder",
    "DnsHost",
    "DnsService",
    "DnsText",
    "Forward",
    "ForwardAddress",
    "ForwardDriver",
    "ForwardInterface",
    "ForwardMode",
    "Lease",
    "LeaseUnit",
    "MacTableManager",
    "Nat",
    "NatAddresses",
    "NatPorts",
    "Network",
    "NetworkIp",
    "NetworkMac",
    "NetworkMtu",
    "NetworkPortOptions",
    "PhysicalFunction",
    "PortGroup",
    "Route",
    "Tftp",
    "VirtualPort",
    "Vlan",
]
