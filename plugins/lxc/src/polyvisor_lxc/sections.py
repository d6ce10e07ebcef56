"""Network interfaces as liblxc's sections (``lxc.net.N``): alike for what is run and for files that people keep.

The keys are those of lxc.container.conf(5). What liblxc has no key for is :mod:`polyvisor_lxc.links`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain.devices.interface import BridgeAttachment, DirectAttachment, NetworkAttachment
from polyvisor_lxc.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.hostdev import Hostdev
    from polyvisor.model.domain.devices.interface import Interface, IpAddress, Route

Lines = list[tuple[str, str]]
"""Keys without the number of their section, and their values."""

DirectMode = Literal["vepa", "bridge", "private", "passthrough"]

MACVLAN_MODES: dict[str, DirectMode] = {
    "private": "private",
    "vepa": "vepa",
    "bridge": "bridge",
    "passthru": "passthrough",
}
"""Mode of a macvlan interface -> mode of a direct attachment."""

IPVLAN_MODELS = {"l2": "ipvlan-l2", "l3": "ipvlan", "l3s": "ipvlan-l3s"}
"""Mode of an ipvlan interface -> model of the interface, whose attachment's mode is the isolation."""

IPVLAN_MODES = {model: mode for mode, model in IPVLAN_MODELS.items()} | {"ipvlan-l3": "l3"}
"""Model of a direct interface that is an ipvlan one -> its mode; any other model is a macvlan one."""

DEFAULT_MODE = "vepa"
"""Mode of a direct interface that says none (https://libvirt.org/formatdomain.html)."""

_MACVLAN: dict[str, str] = {document: own for own, document in MACVLAN_MODES.items()}
_EVERYWHERE = ("0.0.0.0", "::")

_UNDERSTOOD = (
    *("type", "mac", "source", "vlan", "ips", "routes", "target", "guest", "link", "mtu", "port", "bandwidth"),
    # a container sees no card: what kind it is, and what a firmware would do with it, is nothing to it
    *("model", "boot", "rom", "acpi", "trust_guest_rx_filters"),
)


def settings(config: Domain, bridge_of: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """The sections, numbered from 0. A container without interfaces has a network of its own only when its document
    asks for that with ``<privnet/>``, as in libvirt; without, it uses the host's.

    :param bridge_of: the bridge of a network; None leaves it out.

    Raises UnsupportedConfiguration for an interface liblxc cannot make."""
    interfaces = config.devices.interfaces if config.devices else []
    handed_over = [each for each in (config.devices.hostdevs if config.devices else []) if each.type == "net"]
    if shares_network(config):
        if interfaces or handed_over:
            raise UnsupportedConfiguration(
                "a container that shares another's network has no interfaces of its own",
                driver="lxc",
                hint="leave out <lxc:sharenet> or the interfaces",
            )
        return
    sections = [
        *(section(each, bridge_of) for each in interfaces),
        *(_physical(each) for each in handed_over),
    ]
    if not sections:
        sections.append([("type", "empty" if own_network(config) else "none")])
    for number, lines in enumerate(sections):
        yield from ((f"lxc.net.{number}.{name}", value) for name, value in lines)


def shares_network(config: Domain) -> bool:
    """Whether the container uses the network of somebody else, by name."""
    extensions: Any = config.extensions
    return any(type(each).tag == "namespace" and each.sharenet is not None for each in extensions)


def own_network(config: Domain) -> bool:
    """Whether the container has a network of its own."""
    if shares_network(config):
        return False
    held: Any = config.devices
    devices = held is not None and (held.interfaces or any(each.type == "net" for each in held.hostdevs))
    return bool(devices or (config.features is not None and config.features.privnet))


def section(interface: Interface, bridge_of: Callable[[str], str | None]) -> Lines:
    """The lines of one interface."""
    lines = _attachment(interface, bridge_of)
    veth = lines[0] == ("type", "veth")
    _check(interface, veth=veth)
    if interface.mac and not is_ipvlan(interface):
        lines.append(("hwaddr", interface.mac.address))
    if name := inner_name(interface):
        lines.append(("name", name))
    if interface.target and interface.target.dev and veth:
        lines.append(("veth.pair", interface.target.dev))
    if interface.mtu:
        lines.append(("mtu", str(interface.mtu.size)))
    if interface.link is None or interface.link.state == "up":
        lines.append(("flags", "up"))
    for tag in interface.vlan.tags if interface.vlan else []:
        tagged = interface.vlan is not None and (len(interface.vlan.tags) > 1 or interface.vlan.trunk == "yes")
        own = not tagged or tag.native_mode == "untagged"
        lines.append(("veth.vlan.id" if own else "veth.vlan.tagged.id", str(tag.id)))
    return [*lines, *_addresses(interface.ips), *_gateways(interface.routes)]


def _check(interface: Any, *, veth: bool) -> None:
    """Raise UnsupportedConfiguration for what no container's interface has, or none of its type."""
    where = described(interface)
    only(interface, *_UNDERSTOOD)
    only(interface.target, "dev", inside=where)
    if interface.type == "ethernet":
        only(interface.source, inside=where)
    for address in interface.ips:
        only(address, "address", "family", "prefix", inside=where)
    if interface.vlan is not None and not veth:
        raise refusal(f"<vlan> of {where}", interface, why="needs an interface on a bridge")
    if interface.port is not None and interface.port.isolated and not veth:
        raise refusal(f"<port isolated='yes'> of {where}", interface, why="needs an interface on a bridge")
    limits = interface.bandwidth
    if limits is not None and not veth:
        raise refusal(f"<bandwidth> of {where}", interface, why="needs an end on the host, which it has none of")
    if limits is not None and limits.inbound is not None and limits.inbound.floor:
        raise refusal(f"floor of <bandwidth> of {where}", interface, why="is guaranteed by nobody: use an average")


def inner_name(interface: Any) -> str | None:
    """The name of an interface in its container: the one asked for, or the one that it got; None for any."""
    guest = interface.guest
    return (guest.dev or guest.actual) if guest is not None else None


def is_ipvlan(interface: Any) -> bool:
    """Whether it shares the hardware address of the card of the host that it is on."""
    return interface.type == "direct" and interface.model is not None and interface.model.type in IPVLAN_MODES


def _attachment(interface: Interface, bridge_of: Callable[[str], str | None]) -> Lines:
    source = interface.source
    match interface.type:
        case "bridge" if isinstance(source, BridgeAttachment):
            return [("type", "veth"), ("link", source.bridge)]
        case "network" if isinstance(source, NetworkAttachment):
            bridge = source.bridge or bridge_of(source.network)
            return [("type", "veth"), *([("link", bridge)] if bridge is not None else [])]
        case "ethernet":
            return [("type", "veth")]
        case "direct" if isinstance(source, DirectAttachment):
            return _direct(interface, source)
    raise UnsupportedConfiguration(
        f"a container cannot have an interface of type {interface.type}",
        driver="lxc",
        hint="it can have bridge, network, ethernet and direct ones, and interfaces of the host by <hostdev>",
    )


def _direct(interface: Interface, source: DirectAttachment) -> Lines:
    if interface.model is not None and is_ipvlan(interface):
        if source.mode == "passthrough":
            raise refusal("<source mode='passthrough'>", interface, why="an ipvlan interface cannot have")
        lines = [("type", "ipvlan"), ("link", source.dev), ("ipvlan.mode", IPVLAN_MODES[interface.model.type])]
        return [*lines, ("ipvlan.isolation", source.mode or "bridge")]
    return [("type", "macvlan"), ("link", source.dev), ("macvlan.mode", macvlan_mode(source))]


def macvlan_mode(source: Any) -> str:
    """The kernel's name for the mode of a direct interface."""
    return _MACVLAN[source.mode or DEFAULT_MODE]


def _physical(device: Hostdev) -> Lines:
    name = getattr(device.source, "interface", "")
    lines = [("type", "phys"), ("link", str(name)), ("flags", "up")]
    return [*lines, *_addresses(device.ips), *_gateways(device.routes)]


# -- addresses and routes -------------------------------------------------------------------------------------


def _addresses(ips: list[IpAddress]) -> Lines:
    return [(f"ipv{version(ip.address)}.address", f"{ip.address}/{prefix_of(ip)}") for ip in ips]


def prefix_of(ip: IpAddress) -> int:
    """The length of an address's network. One that says none has that of its class, or 64 (formatdomain.html)."""
    if ip.prefix is not None:
        return ip.prefix
    if version(ip.address) == 6:
        return 64
    first = int(ip.address.partition(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


def version(address: str) -> int:
    """Of the Internet Protocol."""
    return 6 if ":" in address else 4


def is_default(route: Route) -> bool:
    """Whether a route leads everywhere, by the gateway alone: the only kind that liblxc has a key for."""
    return route.address in _EVERYWHERE and not route.prefix and not route.metric


def _gateways(routes: list[Route]) -> Lines:
    """The first default route of each version; the others are told by :func:`further_routes`."""
    found: dict[str, str] = {}
    for route in routes:
        if is_default(route):
            found.setdefault(f"ipv{version(route.gateway)}.gateway", route.gateway)
    return list(found.items())


def further_routes(device: Any) -> list[Route]:
    """The routes of an interface that liblxc has no key for."""
    told = {gateway for _, gateway in _gateways(device.routes)}
    return [route for route in device.routes if not (is_default(route) and route.gateway in told)]
