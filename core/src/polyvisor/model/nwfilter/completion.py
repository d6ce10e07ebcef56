"""What a network filter implies, and what contradicts itself in one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from polyvisor.documents import Element
from polyvisor.model.contradictions import Contradiction, refuse
from polyvisor.model.nwfilter import NetworkFilter
from polyvisor.model.nwfilter.protocols import Ipv4FilterProtocol, Ipv6FilterProtocol
from polyvisor.model.nwfilter.values import Variable

CHAIN_PRIORITIES = {
    "root": 0,
    "stp": 0,
    "mac": -800,
    "vlan": -750,
    "ipv4": -700,
    "ipv6": -600,
    "arp": -500,
    "rarp": -400,
}
"""The priority of a chain by the protocol that its name begins with; those of least priority come first."""

WITH_PORTS = frozenset({"tcp", "udp", "sctp", 6, 17, 33, 132})
"""Protocols of IP packets that have ports: TCP, UDP, SCTP, and DCCP (33), which has no name here."""
_PORTS = ("srcportstart", "srcportend", "dstportstart", "dstportend")
_MAC_MASKS = ("srcmacmask", "dstmacmask", "root_address_mask", "sender_address_mask")
_IP_MASKS = ("srcipmask", "dstipmask", "arpsrcipmask", "arpdstipmask")


def complete(filter: NetworkFilter) -> NetworkFilter:
    """Fill in, in place, what the document implies; returns ``filter``. Running it again changes nothing."""
    filter.uuid = filter.uuid or str(uuid.uuid4())
    if filter.chain is None:
        filter.chain, filter.priority = "root", None  # only a chain that is named has a priority of one's own
    elif filter.priority is None:
        filter.priority = chain_priority(filter.chain)
    filter.priority = filter.priority or None
    for reference in filter.references:
        reference.sort()
    return filter


def chain_priority(chain: str) -> int:
    """The priority that a chain has unless told otherwise: ``arp-mine`` that of ``arp``."""
    return next(priority for protocol, priority in CHAIN_PRIORITIES.items() if chain.startswith(protocol))


def check(filter: NetworkFilter) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(filter, f"network filter '{filter.name}'", _contradictions(filter))


def _contradictions(filter: NetworkFilter) -> Iterator[Contradiction]:
    for rule in filter.rules:
        protocol = rule.protocol
        if protocol is None:
            continue
        yield from _masks(protocol)
        if isinstance(protocol, Ipv4FilterProtocol | Ipv6FilterProtocol):
            yield from _of_protocol(protocol)


def _masks(protocol: Element) -> Iterator[Contradiction]:
    for name in (*_MAC_MASKS, *_IP_MASKS):
        mask = getattr(protocol, name, None)
        if mask is None or isinstance(mask, Variable | int) or (name in _MAC_MASKS and _is_mask(mask)):
            continue
        yield Contradiction(protocol, f"the mask {mask} has holes: after the first 0 come only zeros", _xml(name))


def _is_mask(mac: str) -> bool:
    return "01" not in f"{int(mac.replace(':', ''), 16):048b}"


def _of_protocol(packet: Ipv4FilterProtocol | Ipv6FilterProtocol) -> Iterator[Contradiction]:
    port = next((name for name in _PORTS if getattr(packet, name) is not None), None)
    if port is not None and packet.protocol not in WITH_PORTS:
        yield Contradiction(packet, "ports go with protocol tcp, udp or sctp (or 33, DCCP)", port)


def _xml(name: str) -> str:
    return name.replace("_", "-")
