"""Network cards of hosts as interfaces: physical ones (``vmnic0``) and those the host itself uses (``vmk0``).

A physical card (PhysicalNic) has a link; a VMkernel card (HostVirtualNic) has addresses, and hangs on a port group.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidState, NotFound
from polyvisor.model.interface import (
    DhcpClient,
    HostInterface,
    HostInterfaceType,
    InterfaceLink,
    InterfaceMac,
    InterfaceMtu,
    InterfaceStart,
    Ipv4Address,
    Ipv4Gateway,
    Ipv4Protocol,
    Ipv6Address,
    Ipv6Protocol,
    LinkState,
    Protocol,
)
from polyvisor_esx import networks
from polyvisor_esx.inventory import Place
from polyvisor_esx.session import EsxSession

PATHS = ("config.network.pnic", "config.network.vnic", "config.network.vswitch", "config.network.proxySwitch")


@dataclass(frozen=True, slots=True)
class Nic:
    """A card as it was when it was read. ``physical`` tells a PhysicalNic from a HostVirtualNic; ``switch`` is the
    virtual switch it is an uplink of, or the port group that it is plugged into."""

    name: str
    host: Place
    data: Any
    physical: bool
    switch: str = ""

    def __str__(self) -> str:
        return f"interface '{self.name}'"

    @property
    def mac(self) -> str:
        """The hardware address."""
        return str((self.data.mac if self.physical else self.data.spec.mac) or "")

    @property
    def speed(self) -> int | None:
        """Megabits a second of a physical card whose link is up."""
        return self.data.linkSpeed.speedMb if self.physical and self.data.linkSpeed else None

    @property
    def up(self) -> bool:
        """Whether it has a link; a card of the host's own always has."""
        return not self.physical or self.data.linkSpeed is not None

    @property
    def addresses(self) -> list[str]:
        """Its addresses with the lengths of their prefixes: ``192.0.2.7/24``."""
        ip = self.data.spec.ip if self.data.spec else None
        found = [f"{ip.ipAddress}/{prefix(ip.subnetMask)}"] if ip is not None and ip.ipAddress else []
        return found + [f"{each.ipAddress}/{each.prefixLength}" for each in six(ip)]


def prefix(mask: str | None) -> int:
    """The length of the prefix that a netmask stands for; 32 for none. Raises ValueError."""
    return ipaddress.IPv4Network(f"0.0.0.0/{mask or '255.255.255.255'}").prefixlen


def six(ip: Any) -> list[Any]:
    """The IPv6 addresses of a HostIpConfig."""
    config = getattr(ip, "ipV6Config", None)
    return list(getattr(config, "ipV6Address", None) or ())


def nics(session: EsxSession) -> list[Nic]:
    """The cards of all hosts of this connection, by host and name; one request."""
    found = []
    for ref, row in session.properties(vim.HostSystem, PATHS).items():
        found += nics_of(networks.place(session, ref), row)
    return sorted(found, key=lambda nic: (nic.host.name, nic.physical is False, nic.name))


def nics_of(host: Place, row: dict[str, Any]) -> list[Nic]:
    """The cards of one host from its properties :data:`PATHS`."""
    uplinks = {}
    for switch in row.get("config.network.vswitch") or ():
        uplinks.update(dict.fromkeys(switch.pnic or (), switch.name))
    for switch in row.get("config.network.proxySwitch") or ():
        uplinks.update(dict.fromkeys(switch.pnic or (), switch.dvsName))
    physical = [
        Nic(each.device, host, each, True, uplinks.get(each.key) or "") for each in row.get("config.network.pnic") or ()
    ]
    virtual = [
        Nic(each.device, host, each, False, each.portgroup or "") for each in row.get("config.network.vnic") or ()
    ]
    return physical + virtual


def find(session: EsxSession, *, name: str | None = None, mac: str | None = None) -> Nic:
    """One card, by name or hardware address. Raises NotFound; InvalidState when several hosts have it."""
    known = nics(session)
    found = [nic for nic in known if (nic.name == name if name is not None else nic.mac.lower() == str(mac).lower())]
    said = f"named {name!r}" if name is not None else f"with the address {mac}"
    if not found:
        raise NotFound(f"there is no interface {said}", driver="esx")
    if len(found) > 1:
        hosts = ", ".join(nic.host.name for nic in found)
        raise InvalidState(
            f"several interfaces are {said}: on {hosts}", driver="esx", hint="connect to one of the hosts"
        )
    return found[0]


def document(nic: Nic) -> HostInterface:
    """The document of a card."""
    spec = nic.data.spec
    mtu = None if nic.physical else spec.mtu
    state = LinkState.UP if nic.up else LinkState.DOWN
    return HostInterface(
        type=HostInterfaceType.ETHERNET,
        name=nic.name,
        start=InterfaceStart(mode="onboot"),
        mac=InterfaceMac(address=nic.mac) if nic.mac else None,
        mtu=InterfaceMtu(size=mtu) if mtu else None,
        link=InterfaceLink(state=state, speed=nic.speed),
        protocols=protocols(spec),
    )


def protocols(spec: Any) -> list[Protocol]:
    """What a card speaks, from its specification."""
    ip = getattr(spec, "ip", None)
    if ip is None:
        return []
    found: list[Protocol] = []
    if ip.dhcp or ip.ipAddress:
        addresses = [Ipv4Address(address=ip.ipAddress, prefix=prefix(ip.subnetMask))] if ip.ipAddress else []
        found.append(Ipv4Protocol(dhcp=DhcpClient() if ip.dhcp else None, ips=addresses, route=_gateway(spec)))
    config = ip.ipV6Config
    if config is not None and (six(ip) or config.dhcpV6Enabled or config.autoConfigurationEnabled):
        # "zone" is how a host writes which link a link-local address is of
        addresses6 = [
            Ipv6Address(address=each.ipAddress.partition("%")[0], prefix=each.prefixLength) for each in six(ip)
        ]
        found.append(
            Ipv6Protocol(
                autoconf=bool(config.autoConfigurationEnabled),
                dhcp=DhcpClient() if config.dhcpV6Enabled else None,
                ips=addresses6,
            )
        )
    return found


def _gateway(spec: Any) -> Ipv4Gateway | None:
    """The way out of a card that has one of its own."""
    config = getattr(getattr(spec, "ipRouteSpec", None), "ipRouteConfig", None)
    gateway = getattr(config, "defaultGateway", None)
    return Ipv4Gateway(gateway=gateway) if gateway else None
