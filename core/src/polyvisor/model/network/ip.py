"""The addresses of a network: ``<ip>`` of the host in it and of the guests by DHCP, ``<route>`` of what lies behind."""

from __future__ import annotations

import enum
from typing import Literal

from polyvisor.documents import Element, OneOf, attribute, child, children, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model import addressing
from polyvisor.model.addressing import HOST_NAME, IP, IPV4, PREFIX, UNICAST_MAC_AS_WRITTEN

DUID = dt.Datatype(
    "DHCPv6 unique identifier",
    pattern="[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){1,129}",
    describe="a DHCPv6 unique identifier (RFC 8415), such as 0:3:0:1:0:16:3e:11:22:33",
)

Family = Literal["ipv4", "ipv6"]


class LeaseUnit(enum.StrEnum):
    """Units of lease times."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"

    @property
    def seconds(self) -> int:
        """How many seconds it is."""
        return {"seconds": 1, "minutes": 60, "hours": 3600}[self]


@element("lease")
class Lease(Element):
    """For how long an address is given out; 0 is for ever."""

    expiry: int = required(attribute(dt.UINT))
    unit: LeaseUnit | None = attribute()

    @property
    def seconds(self) -> int:
        """The time in seconds; minutes are meant when no unit is said."""
        return self.expiry * (self.unit or LeaseUnit.MINUTES).seconds


@element("range")
class DhcpRange(Element):
    """Addresses to give out, both ends included."""

    start: str = required(attribute(IP))
    end: str = required(attribute(IP))
    lease: Lease | None = child()

    @property
    def size(self) -> int:
        """How many addresses it has; less than 1 when it runs backwards."""
        return int(addressing.ip(self.end)) - int(addressing.ip(self.start)) + 1


@element("host", rules=(OneOf(("mac", "id", "name"), required=True),))
class DhcpHost(Element):
    """The address that one guest gets. It is known by its ``mac`` (IPv4), ``id`` (IPv6) or ``name``."""

    mac: str | None = attribute(UNICAST_MAC_AS_WRITTEN)
    id: str | None = attribute(DUID)
    name: str | None = attribute(dt.STRING)
    ip: str = required(attribute(IP))
    lease: Lease | None = child()


@element("bootp")
class Bootp(Element):
    """The file that guests boot from, and the server that has it, when it is not this one."""

    file: str = required(attribute(dt.NONEMPTY))
    server: str | None = attribute(HOST_NAME)


@element("dhcp")
class Dhcp(Element):
    """The DHCP server."""

    ranges: list[DhcpRange] = children("range")
    hosts: list[DhcpHost] = children("host")
    bootp: Bootp | None = child()


@element("tftp")
class Tftp(Element):
    """The directory that guests boot from over TFTP."""

    root: str = required(attribute(dt.STRING))


@element("ip", rules=(OneOf("netmask", "prefix"),))
class NetworkIp(Element):
    """An address of the host in the network. ``local_ptr``: do not ask others for names of the addresses around it."""

    family: Family | None = attribute(doc="ipv4 when left out.")
    address: str | None = attribute(IP)
    netmask: str | None = attribute(IPV4)
    prefix: int | None = attribute(PREFIX)
    local_ptr: bool | None = attribute(dt.BOOL, name="localPtr")
    tftp: Tftp | None = child()
    dhcp: Dhcp | None = child()

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if self.family == "ipv6" else 4


@element("route", rules=(OneOf("netmask", "prefix"),))
class Route(Element):
    """A network behind an address of this one."""

    family: Family | None = attribute(doc="ipv4 when left out.")
    address: str = required(attribute(IP))
    netmask: str | None = attribute(IPV4)
    prefix: int | None = attribute(PREFIX)
    gateway: str = required(attribute(IP))
    metric: int | None = attribute(dt.POSITIVE)

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if self.family == "ipv6" else 4
