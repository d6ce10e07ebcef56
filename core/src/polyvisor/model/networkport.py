"""The network port document: where the interface of a guest is plugged into a network."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.addressing import DEVICE_NAME, UNICAST_MAC
from polyvisor.model.contradictions import Contradiction, refuse
from polyvisor.model.network import PORT_GROUP_NAME, MacTableManager
from polyvisor.model.pci import PciFunction
from polyvisor.model.switching import (
    PortBandwidth,
    VirtualPort,
    Vlan,
    bandwidth_contradictions,
    tidy_port,
    vlan_contradictions,
)


@element("owner")
class PortOwner(Element):
    """The guest that the port belongs to."""

    name: str = required(value(dt.NONEMPTY))
    uuid: str = required(value(dt.UUID))


@element("mac")
class PortMac(Element):
    """The hardware address that the guest has at the port."""

    address: str = required(attribute(UNICAST_MAC))


@element("rxfilters")
class ReceiveFilters(Element):
    """Whether the host follows the guest in which packets it wants to receive."""

    trust_guest: bool = required(attribute(dt.BOOL, name="trustGuest"))


@element("port")
class PortIsolation(Element):
    """Whether the port is kept from the other isolated ports of its bridge."""

    isolated: bool | None = attribute(dt.BOOL)


class PlugType(StrEnum):
    """What a port is plugged into."""

    NETWORK = "network"
    BRIDGE = "bridge"
    DIRECT = "direct"
    HOSTDEV = "hostdev-pci"


@element("plug", by="type")
class Plug(Element):
    """What the port is plugged into."""

    type: PlugType = attribute(required=True)


class _BridgePlug(Plug):
    bridge: str = required(attribute(DEVICE_NAME))
    mac_table_manager: MacTableManager | None = attribute(name="macTableManager")


@variant("network")
class NetworkPlug(_BridgePlug):
    """The bridge of a network that is managed together with its bridge."""


@variant("bridge")
class BridgePlug(_BridgePlug):
    """A bridge of the host."""


@variant("direct")
class DirectPlug(Plug):
    """A macvtap device on an interface of the host."""

    dev: str = required(attribute(DEVICE_NAME))
    mode: Literal["vepa", "bridge", "private", "passthrough"] = required(attribute())


@element("driver")
class PlugDriver(Element):
    """The driver that hands the function to the guest."""

    name: Literal["kvm", "vfio", "xen"] = required(attribute())


@variant("hostdev-pci")
class HostdevPlug(Plug):
    """A PCI function of the host; ``managed``: taken from its driver and given back by the hypervisor's driver."""

    managed: bool | None = attribute(dt.BOOL)
    driver: PlugDriver | None = child()
    address: PciFunction = required(child())


@element("networkport", kind="networkport")
class NetworkPort(Element):
    """A port of a network. Without ``plug`` the network has yet to choose one."""

    uuid: str = required(value(dt.UUID))
    owner: PortOwner = required(child())
    group: str | None = value(PORT_GROUP_NAME, doc="The port group of the network.")
    mac: PortMac = required(child())
    virtualport: VirtualPort | None = child()
    bandwidth: PortBandwidth | None = child()
    vlan: Vlan | None = child()
    port: PortIsolation | None = child()
    rxfilters: ReceiveFilters | None = child()
    plug: Plug | None = child()


def complete(port: NetworkPort) -> NetworkPort:
    """Fill in, in place, what the document implies; returns ``port``."""
    if port.vlan is not None:
        port.vlan.fill()
    tidy_port(port.virtualport)
    if isinstance(port.plug, HostdevPlug):
        port.plug.address.fill()
    return port


def check(port: NetworkPort) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(port, f"network port {port.uuid}", _contradictions(port))


def _contradictions(port: NetworkPort) -> Iterator[Contradiction]:
    yield from vlan_contradictions(port.vlan)
    yield from bandwidth_contradictions(port.bandwidth, floor=True)
