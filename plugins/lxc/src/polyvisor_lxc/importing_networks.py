"""Network sections of a liblxc configuration as interfaces and host devices of a domain."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Literal

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain.devices.hostdev import Hostdev, NetCapability
from polyvisor.model.domain.devices.interface import (
    BridgeAttachment,
    DirectAttachment,
    GuestEnd,
    Interface,
    InterfaceModel,
    InterfaceTarget,
    InterfaceType,
    IpAddress,
    Link,
    Mac,
    Mtu,
    Route,
    Vlan,
    VlanTag,
)
from polyvisor_lxc.configfile import Configuration, Network
from polyvisor_lxc.sections import IPVLAN_MODELS, MACVLAN_MODES, DirectMode

log = logging.getLogger(__name__)

ISOLATION: dict[str, DirectMode] = {"bridge": "bridge", "private": "private", "vepa": "vepa"}
"""Isolation of an ipvlan interface -> mode of a direct attachment."""

_EVERYWHERE: dict[Literal["ipv4", "ipv6"], str] = {"ipv4": "0.0.0.0", "ipv6": "::"}


@dataclass(slots=True)
class Networking:
    """What the sections come to. ``private`` is whether the container's network is its own and has nothing but
    loopback."""

    private: bool
    interfaces: list[Interface] = field(default_factory=list)
    hostdevs: list[Hostdev] = field(default_factory=list)


def read(settings: Configuration) -> Networking:
    """Raises InvalidArgument for a section that lacks what its type needs, UnsupportedConfiguration for one that a
    document has no words for."""
    sections = [each for _, each in sorted(settings.networks.items())]
    elsewhere = bool(settings.get("lxc.namespace.share.net")) or any(
        "net" in each.value.split() for each in settings.every("lxc.namespace.keep")
    )
    found = Networking(private=not sections and not elsewhere)
    for section in sections:
        kind = section.get("type")
        match kind:
            case "none":
                continue
            case "empty":
                found.private = True
            case "phys" | "vlan":
                found.hostdevs.append(_handed_over(section, kind))
            case "veth" | "macvlan" | "ipvlan":
                found.interfaces.append(_interface(section, kind))
            case None:
                raise InvalidArgument(f"network section {section.number} (line {section.line}) has no type")
            case _:
                raise InvalidArgument(
                    f"network section {section.number} (line {section.line}): {kind!r} is no type of network",
                    hint="known: none, empty, veth, vlan, macvlan, ipvlan, phys",
                )
    return found


def _needed(section: Network, key: str, kind: str) -> str:
    value = section.get(key)
    if value is None:
        raise InvalidArgument(f"network section {section.number} (line {section.line}): type {kind} needs a {key}")
    return value


def _handed_over(section: Network, kind: str) -> Hostdev:
    name = _needed(section, "link", kind)
    if kind == "vlan":
        name += "." + _needed(section, "vlan.id", kind)
    return Hostdev(
        mode="capabilities",
        type="net",
        source=NetCapability(interface=name),
        ips=_addresses(section),
        routes=_routes(section),
    )


def _interface(section: Network, kind: str) -> Interface:
    link, model = section.get("link"), None
    if kind == "veth":
        if section.get("veth.mode") == "router":
            raise UnsupportedConfiguration("a veth interface in router mode has no place in a domain document")
        made = Interface(type=InterfaceType.BRIDGE, source=BridgeAttachment(bridge=link)) if link else None
        interface = made or Interface(type=InterfaceType.ETHERNET)
    else:
        mode, model = _direct(section, kind)
        source = DirectAttachment(dev=_needed(section, "link", kind), mode=mode)
        interface = Interface(type=InterfaceType.DIRECT, source=source)
    interface.ips, interface.routes = _addresses(section), _routes(section)
    interface.link = Link(state="up" if section.get("flags") == "up" else "down")
    if model:
        interface.model = InterfaceModel(type=model)
    _naming(section, interface)
    if mtu := section.get("mtu"):
        interface.mtu = Mtu(size=_whole(section, "mtu", mtu))
    tagged = [VlanTag(id=_whole(section, "vlan", each)) for each in section.every("veth.vlan.tagged.id")]
    untagged = section.get("veth.vlan.id")
    if untagged and untagged != "none":
        native: Literal["untagged"] | None = "untagged" if tagged else None
        tagged.insert(0, VlanTag(id=_whole(section, "vlan", untagged), native_mode=native))
    if tagged:
        interface.vlan = Vlan(tags=tagged)
    return interface


def _direct(section: Network, kind: str) -> tuple[DirectMode, str | None]:
    """The mode and, for ipvlan, the model."""
    if kind == "macvlan":
        mode = section.get("macvlan.mode") or "private"
        if mode not in MACVLAN_MODES:
            raise InvalidArgument(
                f"network section {section.number}: {mode!r} is no mode of macvlan", hint=", ".join(MACVLAN_MODES)
            )
        return MACVLAN_MODES[mode], None
    mode, isolation = section.get("ipvlan.mode") or "l3", section.get("ipvlan.isolation") or "bridge"
    if mode not in IPVLAN_MODELS or isolation not in ISOLATION:
        raise InvalidArgument(f"network section {section.number}: no ipvlan is of mode {mode}, isolation {isolation}")
    return ISOLATION[isolation], IPVLAN_MODELS[mode]


def _naming(section: Network, interface: Interface) -> None:
    if address := section.get("hwaddr"):
        if "x" in address.lower():
            log.warning("network section %d: %s is a template; an address is made instead", section.number, address)
        else:
            interface.mac = Mac(address=address.lower())
    if pair := section.get("veth.pair"):
        interface.target = InterfaceTarget(dev=pair)
    if name := section.get("name"):
        interface.guest = GuestEnd(dev=name)


def _whole(section: Network, what: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InvalidArgument(
            f"network section {section.number}: {what} = {value}: a whole number is expected"
        ) from None


def _addresses(section: Network) -> list[IpAddress]:
    found = []
    for family in _EVERYWHERE:
        for value in section.every(family + ".address"):
            written = value.split()[0]  # a broadcast address may follow
            try:
                interface = ip_interface(written)
            except ValueError:
                raise InvalidArgument(f"network section {section.number}: {value} is no {family} address") from None
            prefix = interface.network.prefixlen if "/" in written else None
            found.append(IpAddress(address=written.partition("/")[0], family=family, prefix=prefix))
    return found


def _routes(section: Network) -> list[Route]:
    routes = []
    for family, everywhere in _EVERYWHERE.items():
        gateway = section.get(family + ".gateway")
        if gateway in ("auto", "dev"):
            raise UnsupportedConfiguration(
                f"network section {section.number}: {family}.gateway = {gateway} has no place in a domain document",
                hint="name the gateway's address",
            )
        if gateway:
            routes.append(Route(family=family, address=everywhere, gateway=gateway))
    return routes
