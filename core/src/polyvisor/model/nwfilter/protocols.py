"""What a rule looks at in a packet: an element for each protocol, from Ethernet up.

Those with ``-ipv6`` are the same protocols over IPv6. Addresses and ports may be variables (:mod:`.values`)."""

from __future__ import annotations

from polyvisor.documents import Element, Together, attribute, element
from polyvisor.documents import datatypes as dt
from polyvisor.model.nwfilter import values as nv

Number = int | str
"""A number, or a :class:`~polyvisor.model.nwfilter.values.Variable`."""


class Protocol(Element):
    """A protocol; without ``match`` the rule is about all packets of it but those described."""

    match: bool = attribute(dt.BOOL, default=True, omit_default=True)
    comment: str | None = attribute(dt.STRING, last=True)


class _Source(Protocol):
    srcmacaddr: str | None = attribute(nv.MAC)


class _MaskedSource(_Source):
    srcmacmask: str | None = attribute(nv.MAC)


class _Ethernet(_MaskedSource):
    dstmacaddr: str | None = attribute(nv.MAC)
    dstmacmask: str | None = attribute(nv.MAC)


# -- on Ethernet ----------------------------------------------------------------------------------------------------


@element("mac")
class MacProtocol(_Ethernet):
    """Any Ethernet frame."""

    protocolid: Number | None = attribute(nv.ETHERTYPE)


@element("vlan")
class VlanProtocol(_Ethernet):
    """A frame of a VLAN (IEEE 802.1Q)."""

    vlanid: Number | None = attribute(nv.UINT12)
    encap_protocol: Number | None = attribute(nv.ETHERTYPE, name="encap-protocol")


@element("stp")
class StpProtocol(_MaskedSource):
    """A frame of the spanning tree protocol (IEEE 802.1D); ``_hi`` fields make ranges."""

    type: Number | None = attribute(nv.UINT8)
    flags: Number | None = attribute(nv.UINT8)
    root_priority: Number | None = attribute(nv.UINT16, name="root-priority")
    root_priority_hi: Number | None = attribute(nv.UINT16, name="root-priority-hi")
    root_address: str | None = attribute(nv.MAC, name="root-address")
    root_address_mask: str | None = attribute(nv.MAC, name="root-address-mask")
    root_cost: Number | None = attribute(nv.UINT32, name="root-cost")
    root_cost_hi: Number | None = attribute(nv.UINT32, name="root-cost-hi")
    sender_priority: Number | None = attribute(nv.UINT16, name="sender-priority")
    sender_priority_hi: Number | None = attribute(nv.UINT16, name="sender-priority-hi")
    sender_address: str | None = attribute(nv.MAC, name="sender-address")
    sender_address_mask: str | None = attribute(nv.MAC, name="sender-address-mask")
    port: Number | None = attribute(nv.UINT16)
    port_hi: Number | None = attribute(nv.UINT16, name="port-hi")
    age: Number | None = attribute(nv.UINT16)
    age_hi: Number | None = attribute(nv.UINT16, name="age-hi")
    max_age: Number | None = attribute(nv.UINT16, name="max-age")
    max_age_hi: Number | None = attribute(nv.UINT16, name="max-age-hi")
    hello_time: Number | None = attribute(nv.UINT16, name="hello-time")
    hello_time_hi: Number | None = attribute(nv.UINT16, name="hello-time-hi")
    forward_delay: Number | None = attribute(nv.UINT16, name="forward-delay")
    forward_delay_hi: Number | None = attribute(nv.UINT16, name="forward-delay-hi")


class _AddressResolution(_Ethernet):
    hwtype: Number | None = attribute(nv.UINT16)
    protocoltype: Number | None = attribute(nv.UINT16)
    opcode: Number | None = attribute(nv.ARP_OPERATION)
    arpsrcmacaddr: str | None = attribute(nv.MAC)
    arpdstmacaddr: str | None = attribute(nv.MAC)
    arpsrcipaddr: str | None = attribute(nv.IPV4)
    arpsrcipmask: Number | None = attribute(nv.IPV4_MASK)
    arpdstipaddr: str | None = attribute(nv.IPV4)
    arpdstipmask: Number | None = attribute(nv.IPV4_MASK)
    gratuitous: bool | None = attribute(nv.GRATUITOUS)


@element("arp")
class ArpProtocol(_AddressResolution):
    """A packet of the address resolution protocol (RFC 826)."""


@element("rarp")
class RarpProtocol(_AddressResolution):
    """A packet of the reverse address resolution protocol (RFC 903)."""


class _Ports(Element):
    srcportstart: Number | None = attribute(nv.UINT16)
    srcportend: Number | None = attribute(nv.UINT16)
    dstportstart: Number | None = attribute(nv.UINT16)
    dstportend: Number | None = attribute(nv.UINT16)


class _Ipv4Addresses(Element):
    srcipaddr: str | None = attribute(nv.IPV4)
    srcipmask: Number | None = attribute(nv.IPV4_MASK)
    dstipaddr: str | None = attribute(nv.IPV4)
    dstipmask: Number | None = attribute(nv.IPV4_MASK)


class _Ipv6Addresses(Element):
    srcipaddr: str | None = attribute(nv.IPV6)
    srcipmask: Number | None = attribute(nv.IPV6_MASK)
    dstipaddr: str | None = attribute(nv.IPV6)
    dstipmask: Number | None = attribute(nv.IPV6_MASK)


@element("ip")
class Ipv4FilterProtocol(_Ports, _Ipv4Addresses, _Ethernet):
    """An IPv4 packet, seen on the bridge; ports go with a ``protocol`` that has some."""

    protocol: Number | None = attribute(nv.IP_PROTOCOL)
    dscp: Number | None = attribute(nv.UINT6)


@element("ipv6")
class Ipv6FilterProtocol(_Ports, _Ipv6Addresses, _Ethernet):
    """An IPv6 packet, seen on the bridge; ports go with a ``protocol`` that has some, types and codes with ICMPv6."""

    protocol: Number | None = attribute(nv.IP_PROTOCOL)
    type: Number | None = attribute(nv.UINT8)
    typeend: Number | None = attribute(nv.UINT8)
    code: Number | None = attribute(nv.UINT8)
    codeend: Number | None = attribute(nv.UINT8)


# -- on IP: connections are tracked ---------------------------------------------------------------------------------


class _Tracked(_Source):
    """What all protocols on IP have; ``connlimit_above`` is about connections beyond that many."""

    dscp: Number | None = attribute(nv.UINT6)
    state: str | None = attribute(nv.STATE)
    connlimit_above: Number | None = attribute(nv.UINT16, name="connlimit-above")
    ipset: str | None = attribute(nv.IPSET)
    ipsetflags: str | None = attribute(nv.IPSET_FLAGS)


class _OnIpv4(_Ipv4Addresses, _Tracked):
    srcipfrom: str | None = attribute(nv.IPV4)
    srcipto: str | None = attribute(nv.IPV4)
    dstipfrom: str | None = attribute(nv.IPV4)
    dstipto: str | None = attribute(nv.IPV4)


class _OnIpv6(_Ipv6Addresses, _Tracked):
    srcipfrom: str | None = attribute(nv.IPV6)
    srcipto: str | None = attribute(nv.IPV6)
    dstipfrom: str | None = attribute(nv.IPV6)
    dstipto: str | None = attribute(nv.IPV6)


class _Tcp(_Ports):
    flags: str | None = attribute(nv.TCP_FLAGS)
    option: Number | None = attribute(nv.UINT8)


class _Icmp(Element):
    type: Number | None = attribute(nv.UINT8)
    code: Number | None = attribute(nv.UINT8)


_IPSET = (Together("ipset", "ipsetflags"),)


@element("tcp", rules=_IPSET)
class TcpProtocol(_Tcp, _OnIpv4):
    """TCP over IPv4."""


@element("udp", rules=_IPSET)
class UdpProtocol(_Ports, _OnIpv4):
    """UDP over IPv4."""


@element("sctp", rules=_IPSET)
class SctpProtocol(_Ports, _OnIpv4):
    """SCTP over IPv4."""


@element("icmp", rules=_IPSET)
class IcmpProtocol(_Icmp, _OnIpv4):
    """ICMP."""


@element("igmp", rules=_IPSET)
class IgmpProtocol(_OnIpv4):
    """IGMP."""


@element("esp", rules=_IPSET)
class EspProtocol(_OnIpv4):
    """Encrypted IPsec payload over IPv4."""


@element("ah", rules=_IPSET)
class AhProtocol(_OnIpv4):
    """Authenticated IPsec over IPv4."""


@element("udplite", rules=_IPSET)
class UdpliteProtocol(_OnIpv4):
    """UDP-Lite over IPv4."""


@element("all", rules=_IPSET)
class AllProtocol(_OnIpv4):
    """Everything over IPv4."""


@element("tcp-ipv6", rules=_IPSET)
class TcpIpv6Protocol(_Tcp, _OnIpv6):
    """TCP over IPv6."""


@element("udp-ipv6", rules=_IPSET)
class UdpIpv6Protocol(_Ports, _OnIpv6):
    """UDP over IPv6."""


@element("sctp-ipv6", rules=_IPSET)
class SctpIpv6Protocol(_Ports, _OnIpv6):
    """SCTP over IPv6."""


@element("icmpv6", rules=_IPSET)
class Icmpv6Protocol(_Icmp, _OnIpv6):
    """ICMPv6."""


@element("esp-ipv6", rules=_IPSET)
class EspIpv6Protocol(_OnIpv6):
    """Encrypted IPsec payload over IPv6."""


@element("ah-ipv6", rules=_IPSET)
class AhIpv6Protocol(_OnIpv6):
    """Authenticated IPsec over IPv6."""


@element("udplite-ipv6", rules=_IPSET)
class UdpliteIpv6Protocol(_OnIpv6):
    """UDP-Lite over IPv6."""


@element("all-ipv6", rules=_IPSET)
class AllIpv6Protocol(_OnIpv6):
    """Everything over IPv6."""


AnyProtocol = (
    MacProtocol
    | VlanProtocol
    | StpProtocol
    | ArpProtocol
    | RarpProtocol
    | Ipv4FilterProtocol
    | Ipv6FilterProtocol
    | TcpProtocol
    | UdpProtocol
    | SctpProtocol
    | IcmpProtocol
    | IgmpProtocol
    | EspProtocol
    | AhProtocol
    | UdpliteProtocol
    | AllProtocol
    | TcpIpv6Protocol
    | UdpIpv6Protocol
    | SctpIpv6Protocol
    | Icmpv6Protocol
    | EspIpv6Protocol
    | AhIpv6Protocol
    | UdpliteIpv6Protocol
    | AllIpv6Protocol
)
