"""Interfaces and network host devices of a domain as ``lxc.net`` sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain.devices.interface import BridgeAttachment, DirectAttachment, NetworkAttachment
from polyvisor_lxc.importing_networks import MACVLAN_MODES
from polyvisor_lxc.model import Namespaces
from polyvisor_lxc.translation import IPVLAN_MODES

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.hostdev import Hostdev
    from polyvisor.model.domain.devices.interface import Interface, IpAddress, Route

_MACVLAN = {document: own for own, document in MACVLAN_MODES.items()}
_EVERYWHERE = ("0.0.0.0", "::")


def settings(config: Domain, bridge_of: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """The sections, numbered from 0. A container without interfaces has a network of its own only when its document
    asks for that with ``<privnet/>``, as in libvirt; without, it uses the host's.

    Raises UnsupportedConfiguration for an interface liblxc cannot make."""
    interfaces = config.devices.interfaces if config.devices else []
    handed_over = [each for each in (config.devices.hostdevs if config.devices else []) if each.type == "net"]
    if any(isinstance(each, Namespaces) and each.sharenet for each in config.extensions):
        if interfaces or handed_over:
            raise UnsupportedConfiguration("a container that shares another's network has no interfaces of its own")
        return
    sections = [
        *(section(each, bridge_of) for each in interfaces),
        *(_physical(each) for each in handed_over),
    ]
    if not sections:
        private = config.features is not None and config.features.privnet
        sections.append([("type", "empty" if private else "none")])
    for number, lines in enumerate(sections):
        yield from ((f"lxc.net.{number}.{name}", value) for name, value in lines)


def section(interface: Interface, bridge_of: Callable[[str], str]) -> list[tuple[str, str]]:
    """The lines of one interface, without the prefix of their keys."""
    lines = _attachment(interface, bridge_of)
    if interface.mac:
        lines.append(("hwaddr", interface.mac.address))
    if interface.guest and interface.guest.dev:
        lines.append(("name", interface.guest.dev))
    if interface.target and interface.target.dev and lines[0] == ("type", "veth"):
        lines.append(("veth.pair", interface.target.dev))
    if interface.mtu:
        lines.append(("mtu", str(interface.mtu.size)))
    if interface.link is None or interface.link.state == "up":
        lines.append(("flags", "up"))
    for tag in interface.vlan.tags if interface.vlan else []:
        tagged = interface.vlan is not None and (len(interface.vlan.tags) > 1 or interface.vlan.trunk == "yes")
        own = not tagged or tag.native_mode == "untagged"
        lines.append(("veth.vlan.id" if own else "veth.vlan.tagged.id", str(tag.id)))
    return [*lines, *_addresses(interface.ips, interface.routes)]


def _attachment(interface: Interface, bridge_of: Callable[[str], str]) -> list[tuple[str, str]]:
    source = interface.source
    match interface.type:
        case "bridge" if isinstance(source, BridgeAttachment):
            return [("type", "veth"), ("link", source.bridge)]
        case "network" if isinstance(source, NetworkAttachment):
            return [("type", "veth"), ("link", source.bridge or bridge_of(source.network))]
        case "ethernet":
            return [("type", "veth")]
        case "direct" if isinstance(source, DirectAttachment):
            return _direct(interface, source)
    raise UnsupportedConfiguration(
        f"a container cannot have an interface of type {interface.type}",
        hint="it can have bridge, network, ethernet and direct ones, and interfaces of the host by <hostdev>",
    )


def _direct(interface: Interface, source: DirectAttachment) -> list[tuple[str, str]]:
    model = interface.model.type if interface.model else None
    if model in IPVLAN_MODES:
        if source.mode == "passthrough":
            raise UnsupportedConfiguration("an ipvlan interface has no mode passthrough")
        lines = [("type", "ipvlan"), ("link", source.dev), ("ipvlan.mode", IPVLAN_MODES[model])]
        return [*lines, ("ipvlan.isolation", source.mode or "bridge")]
    return [("type", "macvlan"), ("link", source.dev), ("macvlan.mode", _MACVLAN[source.mode or "vepa"])]


def _physical(device: Hostdev) -> list[tuple[str, str]]:
    name = getattr(device.source, "interface", "")
    return [("type", "phys"), ("link", str(name)), ("flags", "up"), *_addresses(device.ips, device.routes)]


def _addresses(ips: list[IpAddress], routes: list[Route]) -> list[tuple[str, str]]:
    lines = []
    for ip in ips:
        family = ip.family or ("ipv6" if ":" in ip.address else "ipv4")
        prefix = ip.prefix if ip.prefix is not None else (64 if family == "ipv6" else 24)
        lines.append((f"{family}.address", f"{ip.address}/{prefix}"))
    for route in routes:
        family = route.family or ("ipv6" if ":" in route.address else "ipv4")
        if route.address not in _EVERYWHERE or route.prefix:
            raise UnsupportedConfiguration(
                f"liblxc sets no route but the default one; the document has one to {route.address}"
            )
        lines.append((f"{family}.gateway", route.gateway))
    return lines
