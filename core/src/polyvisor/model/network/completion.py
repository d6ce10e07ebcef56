"""What a network document implies: identifiers, the bridge, the interface that is first in use, units.

What only a host can know (a free bridge name, a hardware address for the bridge) is for the one who sets it up.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from polyvisor.model.network import Bridge, Forward, ForwardInterface, ForwardMode, Lease, LeaseUnit, Network, PortGroup
from polyvisor.model.network.consistency import check
from polyvisor.model.switching import Bandwidth, tidy_port

__all__ = ["check", "complete"]


def complete(network: Network) -> Network:
    """Fill in, in place, what the document implies, and drop what says nothing; returns ``network``.

    Running it again changes nothing."""
    for step in _STEPS:
        step(network)
    return network


def _identity(network: Network) -> None:
    network.uuid = network.uuid or str(uuid.uuid4())
    network.title = network.title or None
    network.description = network.description or None


def _forward(network: Network) -> None:
    forward = network.forward
    if forward is None:
        return
    _devices(forward)
    for address in forward.addresses:
        address.fill()
    forward.managed = bool(forward.managed) if forward.mode == ForwardMode.HOSTDEV else None
    if forward.nat is not None and forward.mode == ForwardMode.NAT and not _says_something(forward.nat):
        forward.nat = None
    if forward.driver is not None and not _says_something(forward.driver):
        forward.driver = None


def _devices(forward: Forward) -> None:
    """``dev`` and the first interface are the same thing said twice; interfaces that are listed win over a card."""
    if forward.dev and not forward.interfaces and forward.pf is None and not forward.addresses:
        forward.interfaces = [ForwardInterface(dev=forward.dev)]
    if forward.interfaces:
        forward.dev = forward.dev or forward.interfaces[0].dev
    if forward.interfaces or forward.addresses:
        forward.pf = None


def _bridge(network: Network) -> None:
    if network.has_own_bridge:
        bridge = network.bridge = network.bridge or Bridge()
        bridge.stp = True if bridge.stp is None else bridge.stp
        bridge.delay = bridge.delay or 0
    elif network.bridge is not None and not _says_something(network.bridge):
        network.bridge = None
    if network.mtu is not None and not network.mtu.size:
        network.mtu = None


def _addresses(network: Network) -> None:
    for ip in network.ips:
        ip.prefix = ip.prefix or None
        if ip.tftp is not None and not ip.tftp.root:
            ip.tftp = None
        if ip.dhcp is None:
            continue
        for lease in (*(given.lease for given in ip.dhcp.ranges), *(host.lease for host in ip.dhcp.hosts)):
            _unit(lease)
        if not (ip.dhcp.ranges or ip.dhcp.hosts or ip.dhcp.bootp):
            ip.dhcp = None


def _unit(lease: Lease | None) -> None:
    if lease is not None:
        lease.unit = (lease.unit or LeaseUnit.MINUTES) if lease.expiry else None


def _names(network: Network) -> None:
    if network.dns is None:
        return
    for service in network.dns.services:
        service.priority = service.priority or None
        service.weight = service.weight or None
    if not _says_something(network.dns):
        network.dns = None


def _switching(network: Network) -> None:
    every: tuple[Network | PortGroup, ...] = (network, *network.portgroups)
    for settings in every:
        if settings.vlan is not None:
            settings.vlan.fill()
        settings.bandwidth = _limits(settings.bandwidth)
        tidy_port(settings.virtualport)
    if network.port is not None and network.port.isolated is None:
        network.port = None


def _limits(bandwidth: Bandwidth | None) -> Bandwidth | None:
    return bandwidth if bandwidth is not None and _says_something(bandwidth) else None


def _says_something(element: object) -> bool:
    """Whether any field of an element has a value."""
    return any(value not in (None, []) for name, value in vars(element).items() if name != "line")


_STEPS: tuple[Callable[[Network], None], ...] = (_identity, _forward, _bridge, _addresses, _names, _switching)
