"""What the interface of a guest on a network comes to: a port of its bridge, or a device on a card of the host.

An interface, the port group it asks for and the network each say a part. Of VLANs, trust in filters and isolation the
narrower one that speaks wins (https://libvirt.org/formatnetwork.html); limits on traffic are those of the interface or
of the port group, for the network has its own for all that crosses its bridge; parts of a virtual port are put together
and must not contradict one another.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal

from polyvisor.errors import Busy, InvalidDocument, UnsupportedConfiguration
from polyvisor.model.domain.devices import interface as domain
from polyvisor.model.network import Network, PortGroup
from polyvisor.model.network.forward import ForwardMode
from polyvisor.model.switching import Bandwidth, Vlan

_DIRECT: dict[ForwardMode, Literal["vepa", "bridge", "private", "passthrough"]] = {
    ForwardMode.BRIDGE: "bridge",
    ForwardMode.PRIVATE: "private",
    ForwardMode.VEPA: "vepa",
    ForwardMode.PASSTHROUGH: "passthrough",
}
"""Mode of a network -> mode of the macvtap or macvlan device that a guest gets on a card of it."""


def attached(
    interface: domain.Interface,
    network: Network,
    *,
    use: Mapping[str, int] | None = None,
    port: str | None = None,
) -> domain.Interface:
    """A copy of ``interface``, of type network, as what it is while the guest runs; ``network`` is completed.

    On a network that brings its bridge it stays of type network, and its source names the bridge. On a bridge of the
    host it is of type bridge, on a card of the host of type direct. Its source remembers the network in any case, so
    that the stored document has it as it was.

    :param use: how many running guests use each card of the network, by its name; the card least used is taken.
    :param port: UUID of the port; made up when left out.

    Raises UnsupportedConfiguration for a port group there is not and for a network that gives no interface,
    InvalidDocument for virtual ports that contradict one another, Busy when every card is taken."""
    asked = interface.source
    assert isinstance(asked, domain.NetworkAttachment)
    group = _group(network, asked.portgroup)
    made = interface.copy()
    made.virtualport = _virtual_port(interface, group, network)
    made.vlan = made.vlan or _vlan((group and group.vlan) or network.vlan)
    made.bandwidth = made.bandwidth or _bandwidth(group.bandwidth if group is not None else None)
    _require_floor(made, network)
    if made.trust_guest_rx_filters is None:
        trusted = group.trust_guest_rx_filters if group is not None else None
        made.trust_guest_rx_filters = network.trust_guest_rx_filters if trusted is None else trusted
    if made.mtu is None and network.mtu is not None:
        made.mtu = domain.Mtu(size=network.mtu.size)
    if made.port is None and network.port is not None and network.port.isolated is not None:
        made.port = domain.PortOptions(isolated=network.port.isolated)
    place = _place(made, network, use or {})
    place.portid = port or asked.portid or str(uuid.uuid4())
    place.network, place.portgroup = asked.network, asked.portgroup
    made.source = place
    return made


def _group(network: Network, name: str | None) -> PortGroup | None:
    """The port group asked for, or the default one if none is."""
    if name is None:
        return next((group for group in network.portgroups if group.default), None)
    found = next((group for group in network.portgroups if group.name == name), None)
    if found is None:
        there = ", ".join(group.name for group in network.portgroups) or "none"
        raise UnsupportedConfiguration(
            f"the network {network.name!r} has no port group {name!r}", hint=f"port groups it has: {there}"
        )
    return found


# -- where it is plugged in -----------------------------------------------------------------------------------


def _place(made: domain.Interface, network: Network, use: Mapping[str, int]) -> Any:
    """The source of the interface; its type is set to match."""
    bridge = network.bridge.name if network.bridge is not None else None
    if network.has_own_bridge:
        if bridge is None:
            raise _no_place(network, "its document names no bridge")
        return domain.NetworkAttachment(network=network.name, bridge=bridge)
    if network.mode == ForwardMode.BRIDGE and bridge is not None:
        made.type = domain.InterfaceType.BRIDGE
        return domain.BridgeAttachment(bridge=bridge)
    assert network.mode is not None and network.forward is not None
    if network.mode not in _DIRECT:
        raise _no_place(network, f"it hands out PCI functions (forward mode {network.mode})")
    cards = [each.dev for each in network.forward.interfaces]
    if not cards:
        raise _no_place(network, "its document names no interface of the host")
    made.type = domain.InterfaceType.DIRECT
    return domain.DirectAttachment(dev=_card(made, network, cards, use), mode=_DIRECT[network.mode])


def _card(made: domain.Interface, network: Network, cards: list[str], use: Mapping[str, int]) -> str:
    extended = made.virtualport is not None and made.virtualport.type == "802.1Qbh"
    alone = network.mode == ForwardMode.PASSTHROUGH or (network.mode == ForwardMode.PRIVATE and extended)
    free = min(cards, key=lambda card: use.get(card, 0))
    if alone and use.get(free, 0):
        raise Busy(
            f"every interface of the network {network.name!r} is in use: {', '.join(cards)}",
            hint=f"with forward mode {network.mode} each is for one guest; add another, or stop a guest",
        )
    return free


def _no_place(network: Network, why: str) -> UnsupportedConfiguration:
    return UnsupportedConfiguration(
        f"no interface can be plugged into the network {network.name!r}: {why}",
        hint="give the network a <bridge name=...> or a <forward> with interfaces, or use another network",
    )


# -- what goes with it ----------------------------------------------------------------------------------------


def _vlan(vlan: Vlan | None) -> domain.Vlan | None:
    if vlan is None:
        return None
    tags = [domain.VlanTag(id=tag.id, native_mode=tag.native_mode) for tag in vlan.tags]
    return domain.Vlan(trunk=vlan.trunk, tags=tags)


def _bandwidth(limits: Bandwidth | None) -> domain.InterfaceBandwidth | None:
    if limits is None:
        return None
    into, out = limits.inbound, limits.outbound
    return domain.InterfaceBandwidth(
        inbound=domain.InboundLimit(average=into.average, peak=into.peak, burst=into.burst, floor=into.floor)
        if into is not None
        else None,
        outbound=domain.BandwidthLimit(average=out.average, peak=out.peak, burst=out.burst)
        if out is not None
        else None,
    )


def _require_floor(made: domain.Interface, network: Network) -> None:
    """Bandwidth can be guaranteed where the network's own bridge has a limit to share out."""
    inbound = made.bandwidth.inbound if made.bandwidth is not None else None
    if inbound is None or not inbound.floor:
        return
    whole = network.bandwidth.inbound if network.bandwidth is not None else None
    if not network.has_own_bridge or whole is None or not whole.average:
        raise UnsupportedConfiguration(
            f"the network {network.name!r} cannot guarantee an interface {inbound.floor} KiB/s",
            hint="a floor needs a network with a bridge of its own and <bandwidth><inbound average=...>",
        )


def _virtual_port(interface: domain.Interface, group: PortGroup | None, network: Network) -> domain.VirtualPort | None:
    """What the three say of the virtual port, put together."""
    said: list[tuple[str, Any]] = [("the interface", interface.virtualport)]
    if group is not None:
        said.append((f"port group {group.name!r}", group.virtualport))
    said.append((f"network {network.name!r}", network.virtualport))
    kind: tuple[str, str] | None = None
    parameters: dict[str, tuple[str, str]] = {}
    for where, port in said:
        if port is None:
            continue
        if port.type is not None:
            kind = _agreed("type", kind, (str(port.type), where))
        held: Any = getattr(port, "parameters", None)
        for field in type(held).fields() if held is not None else ():
            if (value := getattr(held, field.attr)) is not None:
                parameters[field.attr] = _agreed(field.attr, parameters.get(field.attr), (_decimal(str(value)), where))
    if kind is None and not parameters:
        return None
    values: dict[str, Any] = {name: value for name, (value, _) in parameters.items()}
    made: Any = kind[0] if kind is not None else None
    return domain.VirtualPort(type=made, parameters=domain.VirtualPortParameters(**values) if values else None)


def _decimal(text: str) -> str:
    """A number in one notation: interfaces have it as it was written, networks in decimal."""
    return str(int(text, 16)) if text.startswith(("0x", "0X")) else text


def _agreed(name: str, before: tuple[str, str] | None, said: tuple[str, str]) -> tuple[str, str]:
    if before is not None and before[0] != said[0]:
        raise InvalidDocument(
            f"the {name} of the virtual port is {before[0]!r} by {before[1]} and {said[0]!r} by {said[1]}",
            hint="say it in one place, or the same in all",
        )
    return before or said
