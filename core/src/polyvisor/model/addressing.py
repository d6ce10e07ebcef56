"""Addresses of the network as documents spell them: IPv4 and IPv6 in canonical form, MACs, prefixes, names of hosts.

Nothing is resolved and nothing is looked up: these are texts. Arithmetic on them is :mod:`ipaddress`'s.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from polyvisor.documents import datatypes as dt

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network


def canonical(address: str) -> str:
    """An IP address as ``inet_ntop(3)`` writes it: ``2001:DB8:0::1`` is ``2001:db8::1``."""
    if ":" not in address:
        return address
    from socket import AF_INET6, inet_ntop, inet_pton

    return inet_ntop(AF_INET6, inet_pton(AF_INET6, address))


def ip(text: str, version: int | None = None) -> IPv4Address | IPv6Address:
    """The address that a text is; IPv4 also as ``inet_aton(3)`` reads it, where ``127.1`` is ``127.0.0.1``.

    ``version`` (4 or 6) is the one it must have. Raises ValueError for a name, brackets, and all that is no address."""
    from ipaddress import IPv4Address, ip_address
    from socket import inet_aton

    if re.fullmatch(r"[0-9][0-9a-fA-FxX]*(\.[0-9][0-9a-fA-FxX]*){0,3}", text):
        try:
            found: IPv4Address | IPv6Address = IPv4Address(inet_aton(text))
        except OSError:
            raise ValueError(f"{text!r} is no IPv4 address") from None
    else:
        found = ip_address(text)
    if version not in (None, found.version):
        raise ValueError(f"{text!r} is an IPv{found.version} address")
    return found


def is_wildcard(text: str) -> bool:
    """Whether a text is the address that stands for all of a host's: ``0.0.0.0``, ``0`` or ``::``."""
    try:
        return ip(text).is_unspecified
    except ValueError:
        return False


def network(address: str, length: int | str) -> IPv4Network | IPv6Network:
    """The network that an address is in, by a prefix length or by a netmask of the same family.

    Raises ValueError for a length that the family does not have, and for a mask with holes."""
    from ipaddress import ip_network

    if isinstance(length, str) and ":" in length and ":" in address:
        ones = f"{int(ip(length, 6)):0128b}".rstrip("0")
        if "0" in ones:
            raise ValueError(f"the netmask {length} has holes")
        length = len(ones)
    return ip_network(f"{address}/{length}", strict=False)


def two_digits(mac: str) -> str:
    """A MAC address in lower case with two digits for each octet: ``1:2:3:a:b:C`` is ``01:02:03:0a:0b:0c``."""
    return ":".join(octet.zfill(2) for octet in mac.lower().split(":"))


IPV4 = dt.IPV4
IPV6 = dt.Datatype("IPv6 address", pattern=dt.IPV6.pattern, describe=dt.IPV6.describe, parse=canonical)
IP = dt.either(IPV4, IPV6, name="IP address")
PREFIX = dt.number("prefix length", 0, 128)
_UNICAST = "[0-9a-fA-F][02468aAcCeE](:[0-9a-fA-F]{2}){5}"
_UNICAST_WORDS = "the MAC address of an interface, not of a group, such as 52:54:00:12:34:56"
UNICAST_MAC = dt.Datatype("unicast MAC address", pattern=_UNICAST, parse=str.lower, describe=_UNICAST_WORDS)
UNICAST_MAC_AS_WRITTEN = dt.Datatype("unicast MAC address", pattern=_UNICAST, describe=_UNICAST_WORDS)
HOST_NAME = dt.Datatype(
    "DNS name", pattern=r"[a-zA-Z0-9.\-]+", describe="a DNS name: letters, digits, hyphens and dots"
)
DEVICE_NAME = dt.Datatype(
    "name of a network device",
    pattern=r"[a-zA-Z0-9_.\-\\:/]+",
    describe="the name of a network device: letters, digits and _ . - : / \\",
)
NEW_DEVICE_NAME = dt.Datatype(
    "name of a network device, or a pattern of one",
    pattern=r"[a-zA-Z0-9_.\-\\:/%]+",
    describe="the name of a network device such as virbr0, or virbr%d to have a number chosen",
)
MTU = dt.number("MTU", 0, 65535, base="unsignedShort")
