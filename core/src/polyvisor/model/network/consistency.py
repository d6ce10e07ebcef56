"""Contradictions in a network document that no grammar can see, such as addresses outside of their network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from polyvisor.model import addressing
from polyvisor.model.contradictions import Contradiction, refuse, repeated
from polyvisor.model.network import Network, PortGroup
from polyvisor.model.network.forward import Forward, ForwardMode
from polyvisor.model.network.ip import DhcpHost, DhcpRange, Lease, NetworkIp, Route
from polyvisor.model.switching import bandwidth_contradictions, port_contradictions, vlan_contradictions

MOST_OF_A_RANGE = 65535
"""The most addresses a DHCP range may span."""
LEAST_LEASE = 120
"""The shortest lease, in seconds: dnsmasq(8) has no shorter ones."""

Subnet = IPv4Network | IPv6Network


def check(network: Network) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(network, f"network '{network.name}'", (found for rule in _RULES for found in rule(network)))


def subnet(ip: NetworkIp | Route) -> Subnet | None:
    """The network that an address is in; None when the document does not say, or says it wrongly.

    An IPv4 address without netmask is in the network that its class gives it, as it was before there were any."""
    if ip.address is None or ip_address(ip.address).version != ip.version:
        return None
    length: str | int | None = ip.netmask or ip.prefix
    if length is None and ip.version == 4:
        length = _classful(ip.address)
    try:
        return addressing.network(ip.address, 64 if length is None else length)
    except ValueError:
        return None


def _classful(address: str) -> int:
    first = int(address.partition(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


# -- the network itself ------------------------------------------------------------------------------------------


def _name(network: Network) -> Iterator[Contradiction]:
    if "/" in network.name:
        yield Contradiction(network, f"the name {network.name!r} contains '/', which no name may", child="name")
    if not network.name.strip():
        yield Contradiction(network, "the name is blank", child="name")


def _bridge(network: Network) -> Iterator[Contradiction]:
    mode, bridge = network.mode, network.bridge
    if network.has_own_bridge:
        if mode is not None and not network.ips:
            yield Contradiction(network, f"forward mode {mode} needs an <ip> address for the network")
        return
    if bridge is not None and bridge.name and mode != ForwardMode.BRIDGE:
        yield Contradiction(bridge, f"a network with forward mode {mode} has no bridge", "name")
    for option in ("stp", "delay", "zone"):
        if bridge is not None and getattr(bridge, option):
            message = f"'{option}' is for bridges that the network brings, not for forward mode {mode}"
            yield Contradiction(bridge, message, option)
    if network.mtu is not None:
        yield Contradiction(network.mtu, f"the MTU is the host's affair with forward mode {mode}")
    if bridge is not None and bridge.name and network.forward is not None and network.forward.interfaces:
        yield Contradiction(bridge, "there is a bridge or there are interfaces to forward to, not both", "name")


def _switching(network: Network) -> Iterator[Contradiction]:
    every: tuple[Network | PortGroup, ...] = (network, *network.portgroups)
    for settings in every:
        yield from vlan_contradictions(settings.vlan)
        yield from bandwidth_contradictions(settings.bandwidth)
    yield from port_contradictions(network.virtualport)


# -- the way out -----------------------------------------------------------------------------------------------------


def _forward(network: Network) -> Iterator[Contradiction]:
    forward = network.forward
    if forward is None:
        return
    for name, interface in repeated((interface.dev, interface) for interface in forward.interfaces):
        yield Contradiction(interface, f"the interface '{name}' is listed twice", "dev")
    for place, address in repeated((str(address), address) for address in forward.addresses):
        yield Contradiction(address, f"the PCI function {place} is listed twice")
    yield from _forward_device(forward)
    if forward.nat is not None and forward.mode != ForwardMode.NAT:
        yield Contradiction(forward.nat, f"address translation goes with forward mode nat, not {forward.mode}")


def _forward_device(forward: Forward) -> Iterator[Contradiction]:
    first = forward.interfaces[0].dev if forward.interfaces else None
    if forward.dev and (forward.pf is not None or forward.addresses):
        yield Contradiction(forward, "'dev' does not go with <pf> or <address>", "dev")
    elif forward.dev and first and forward.dev != first:
        yield Contradiction(forward, f"'dev' is '{forward.dev}' but the first <interface> is '{first}'", "dev")
    if (forward.dev or first) and forward.mode == ForwardMode.OPEN:
        yield Contradiction(forward, "forward mode open takes no interface: nothing is set up for it", "dev")
    elif len(forward.interfaces) > 1 and forward.mode in (ForwardMode.NAT, ForwardMode.ROUTE):
        yield Contradiction(forward.interfaces[1], f"forward mode {forward.mode} goes out by one interface only")


def _nat(network: Network) -> Iterator[Contradiction]:
    nat = network.forward.nat if network.forward is not None else None
    if nat is None:
        return
    if nat.port is not None and nat.port.start > nat.port.end:
        yield Contradiction(nat.port, f"the range {nat.port.start} to {nat.port.end} runs backwards", "end")
    if nat.address is not None and IPv4Address(nat.address.start) > IPv4Address(nat.address.end):
        message = f"the range {nat.address.start} to {nat.address.end} runs backwards"
        yield Contradiction(nat.address, message, "end")


# -- names -----------------------------------------------------------------------------------------------------------


def _dns(network: Network) -> Iterator[Contradiction]:
    dns = network.dns
    if dns is None:
        return
    if dns.enable is False and (dns.forwarders or dns.texts or dns.services or dns.hosts):
        yield Contradiction(dns, "the name server is disabled but told what to answer", "enable")
    for forwarder in dns.forwarders:
        if forwarder.domain is None and forwarder.addr is None:
            yield Contradiction(forwarder, "a forwarder has an addr, a domain or both")
    for service in dns.services:
        if not re.fullmatch(r"[A-Za-z0-9_+/\-]*", service.service):
            message = f"the service {service.service!r} may have letters, digits and _ + - / only"
            yield Contradiction(service, message, "service")
        if service.port == 0:
            yield Contradiction(service, "there is no port 0", "port")
        for attribute in ("port", "priority", "weight"):
            if getattr(service, attribute) and service.target is None:
                yield Contradiction(service, f"'{attribute}' is of the target, and there is no target", attribute)


# -- addresses ---------------------------------------------------------------------------------------------------------


def _ips(network: Network) -> Iterator[Contradiction]:
    for ip in network.ips:
        if ip.address is None:
            yield Contradiction(ip, "<ip> says no address", "address")
            continue
        found = list(_address(ip, ip.address))
        yield from found
        if ip.tftp is not None and ip.version == 6:
            yield Contradiction(ip.tftp, "booting over TFTP is for IPv4 only")
        if ip.dhcp is None or found:
            continue
        for given in ip.dhcp.ranges:
            yield from range_contradictions(given, subnet(ip))
            yield from _lease(given.lease)
        for host in ip.dhcp.hosts:
            yield from _host(host, ip.version)
            yield from _lease(host.lease)
        if ip.dhcp.bootp is not None and ip.dhcp.bootp.server and not _is_address(ip.dhcp.bootp.server):
            yield Contradiction(ip.dhcp.bootp, "the boot server is named by its IP address", "server")


def _address(ip: NetworkIp | Route, address: str) -> Iterator[Contradiction]:
    """The family that is said (IPv4 when it is not) and the length of the network fit the address."""
    version = ip_address(address).version
    if version != ip.version:
        said = f"family is {ip.family}" if ip.family else "an IPv6 address wants family='ipv6'"
        yield Contradiction(ip, f"{address} is an IPv{version} address: {said}", "family" if ip.family else "address")
    elif ip.version == 6 and ip.netmask:
        yield Contradiction(ip, "IPv6 has prefixes, no netmasks", "netmask")
    elif ip.version == 4 and (ip.prefix or 0) > 32:
        yield Contradiction(ip, f"IPv4 prefixes go to 32, not to {ip.prefix}", "prefix")


def range_contradictions(given: DhcpRange, within: Subnet | None) -> Iterator[Contradiction]:
    """What is wrong with a range of addresses to give out; ``within`` is the network it is to be in, if known."""
    start, end = ip_address(given.start), ip_address(given.end)
    span = f"{given.start} to {given.end}"
    if start.version != end.version or (within is not None and start.version != within.version):
        yield Contradiction(given, f"the range {span} mixes IPv4 and IPv6")
    elif int(start) > int(end):
        yield Contradiction(given, f"the range {span} runs backwards", "end")
    elif within is not None and not (start in within and end in within):
        yield Contradiction(given, f"the range {span} is not within the network {within}")
    elif within is not None and within.version == 4 and start == within.network_address:
        yield Contradiction(given, f"{start} is the address of the network itself", "start")
    elif within is not None and within.version == 4 and end == within.broadcast_address:
        yield Contradiction(given, f"{end} is the broadcast address of the network", "end")
    elif given.size > MOST_OF_A_RANGE:
        yield Contradiction(given, f"the range {span} has more than {MOST_OF_A_RANGE} addresses")


def _lease(lease: Lease | None) -> Iterator[Contradiction]:
    if lease is not None and 0 < lease.seconds < LEAST_LEASE:
        yield Contradiction(lease, "a lease is for two minutes at least, or for ever (0)", "expiry")


def _host(host: DhcpHost, version: int) -> Iterator[Contradiction]:
    if version == 4 and host.mac is None and host.name is None:
        yield Contradiction(host, "an IPv4 host is known by its mac or name; neither is said")
    if version == 6 and host.id is None and host.name is None:
        yield Contradiction(host, "an IPv6 host is known by its id or name; neither is said")
    if version == 6 and host.mac is not None:
        yield Contradiction(host, "an IPv6 host is known by its id, not by its mac", "mac")
    if host.name is not None and not host.name[:1].isalnum():
        yield Contradiction(host, f"the host name {host.name!r} does not begin with a letter or digit", "name")


def _routes(network: Network) -> Iterator[Contradiction]:
    reachable = [found for found in map(subnet, network.ips) if found is not None]
    for route in network.routes:
        found = list(_address(route, route.address))
        yield from found
        if found:
            continue
        gateway = ip_address(route.gateway)
        if gateway.version != route.version:
            yield Contradiction(route, f"the gateway {gateway} is an IPv{gateway.version} address", "gateway")
        elif not _is_network(route):
            yield Contradiction(route, f"{route.address} is not the address of a network of that length", "address")
        elif not any(gateway in ip for ip in reachable):
            yield Contradiction(route, f"the gateway {gateway} is in none of the network's subnets", "gateway")


def _is_network(route: Route) -> bool:
    """Whether a route's address has no bits beyond its length. Only everything (0.0.0.0, ::) needs no length."""
    length: str | int | None = route.netmask or route.prefix
    address: IPv4Address | IPv6Address = ip_address(route.address)
    if length is None:
        return int(address) == 0
    if route.netmask is not None:  # masks with holes are nobody's business but the kernel's
        return int(address) & ~int(IPv4Address(route.netmask)) == 0
    return int(address) & ((1 << (address.max_prefixlen - int(length))) - 1) == 0


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_RULES: tuple[Callable[[Network], Iterator[Contradiction]], ...] = (
    _name,
    _bridge,
    _forward,
    _nat,
    _dns,
    _ips,
    _routes,
    _switching,
)
