"""What a network asks that Linux bridges, dnsmasq(8) and the cards of a host cannot give together.

Such a document is valid and can be kept; it cannot be defined on a host that provides networks in these ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from polyvisor.documents import Element
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.contradictions import Contradiction, faults_of, repeated
from polyvisor.model.network import ForwardMode, Network, PortGroup, VirtualPort
from polyvisor.model.switching import VirtualPortType


def check_supported(network: Network) -> None:
    """Raise UnsupportedConfiguration for what no such host can do; ``details["faults"]`` has all of it."""
    faults = faults_of(network, (found for rule in _RULES for found in rule(network)))
    if faults:
        raise UnsupportedConfiguration(
            f"network '{network.name}' asks what it cannot have: {faults[0].message}",
            target=f"network '{network.name}'",
            details={"faults": [fault.as_dict() for fault in faults]},
        )


def _of_the_host(network: Network) -> Iterator[Contradiction]:
    """What belongs to the host's own bridge or card is not for the network to set."""
    if network.has_own_bridge:
        return
    asked: tuple[Element | None, ...] = (network.mac, network.domain, network.dns, *network.ips)
    for element in asked:
        if element is not None:
            message = (
                f"<{element.tag}> goes with a bridge that the network brings, not with forward mode {network.mode}"
            )
            yield Contradiction(element, message)


def _groups(network: Network) -> Iterator[Contradiction]:
    for name, group in repeated((group.name, group) for group in network.portgroups):
        yield Contradiction(group, f"two port groups are called '{name}'", "name")
    defaults = [group for group in network.portgroups if group.default]
    for group in defaults[1:]:
        yield Contradiction(group, f"the port group '{defaults[0].name}' is the default one already", "default")


def _vlans(network: Network) -> Iterator[Contradiction]:
    everyone = network.mode in (ForwardMode.HOSTDEV, ForwardMode.PASSTHROUGH)
    every: tuple[Network | PortGroup, ...] = (network, *network.portgroups)
    for settings in every:
        if settings.vlan is not None and not everyone and not _tags(network, settings.virtualport):
            message = "VLANs are for bridges of Open vSwitch and for functions of network cards"
            yield Contradiction(settings.vlan, message)


def _tags(network: Network, port: VirtualPort | None) -> bool:
    """Whether the switch puts tags on the frames of guests; a port that does not say its type has the network's."""
    types = [each.type for each in (port, network.virtualport) if each is not None and each.type is not None]
    return network.mode == ForwardMode.BRIDGE and types[:1] == [VirtualPortType.OPENVSWITCH]


def _bandwidth(network: Network) -> Iterator[Contradiction]:
    if network.bandwidth is not None and network.mode == ForwardMode.HOSTDEV:
        yield Contradiction(network.bandwidth, "the traffic of cards given to guests does not pass the host")


def _dhcp(network: Network) -> Iterator[Contradiction]:
    serving = [ip for ip in network.ips if ip.dhcp is not None]
    for version, ip in repeated((ip.version, ip) for ip in serving):
        yield Contradiction(ip, f"DHCP serves one IPv{version} address of a network, and another has it")


_RULES: tuple[Callable[[Network], Iterator[Contradiction]], ...] = (_of_the_host, _groups, _vlans, _bandwidth, _dhcp)
