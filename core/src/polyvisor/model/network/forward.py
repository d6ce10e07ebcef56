"""How a network is connected to the outside: ``<forward>``."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.addressing import DEVICE_NAME, IPV4
from polyvisor.model.pci import TypedPciFunction

NAT_PORT = dt.number("port", 1, 65535, base="unsignedShort")


class ForwardMode(StrEnum):
    """How guests reach what is outside the network. A network without ``<forward>`` is isolated."""

    NAT = "nat"
    ROUTE = "route"
    OPEN = "open"
    BRIDGE = "bridge"
    PRIVATE = "private"
    VEPA = "vepa"
    PASSTHROUGH = "passthrough"
    HOSTDEV = "hostdev"


@element("address")
class NatAddresses(Element):
    """The addresses that connections of guests come from."""

    start: str = required(attribute(IPV4))
    end: str = required(attribute(IPV4))


@element("port")
class NatPorts(Element):
    """The ports that connections of guests come from."""

    start: int = required(attribute(NAT_PORT))
    end: int = required(attribute(NAT_PORT))


@element("nat")
class Nat(Element):
    """Details of address translation; ``ipv6``: translate IPv6 too, which is routed otherwise."""

    ipv6: bool | None = attribute(dt.BOOL)
    address: NatAddresses | None = child()
    port: NatPorts | None = child()


@element("interface")
class ForwardInterface(Element):
    """An interface of the host that the network uses; ``connections``: by how many guests it is in use."""

    dev: str = required(attribute(DEVICE_NAME))
    connections: int | None = attribute(dt.UINT, volatile=True)


@element("pf")
class PhysicalFunction(Element):
    """The SR-IOV card whose virtual functions the network hands out."""

    dev: str = required(attribute(DEVICE_NAME))


@element("address")
class ForwardAddress(TypedPciFunction):
    """A PCI function that the network hands out; ``connections``: by how many guests it is in use."""

    connections: int | None = attribute(dt.UINT, volatile=True, last=True)


@element("driver")
class ForwardDriver(Element):
    """The driver that hands functions to guests; ``model``: a variant of the kernel's VFIO driver."""

    name: Literal["kvm", "vfio", "xen"] | None = attribute()
    model: str | None = attribute(dt.NONEMPTY)


@element("forward")
class Forward(Element):
    """How the network is connected to the outside."""

    dev: str | None = attribute(DEVICE_NAME)
    mode: ForwardMode = attribute(default=ForwardMode.NAT)
    managed: bool | None = attribute(dt.BOOL)
    driver: ForwardDriver | None = child()
    nat: Nat | None = child()
    pf: PhysicalFunction | None = child()
    interfaces: list[ForwardInterface] = children("interface")
    addresses: list[ForwardAddress] = children("address")
