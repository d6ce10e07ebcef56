"""Values of network filters: numbers that stay hexadecimal, addresses, names of protocols; variables for any of them.

A variable such as ``$IP`` or ``$PORTS[@1]`` stands for values that are filled in when a filter is put to work.
"""

from __future__ import annotations

from collections.abc import Mapping

from polyvisor.documents import datatypes as dt
from polyvisor.model.addressing import canonical, two_digits


class Variable(str):
    """A variable: ``$NAME``, with an index ``$NAME[0]`` or an iterator ``$NAME[@1]`` to choose among its values."""

    __slots__ = ()


class Hexadecimal(int):
    """A number that was written in hexadecimal, and will be."""

    def __str__(self) -> str:
        return hex(self)


def _variable(text: str) -> Variable:
    """The variable in its shortest form: ``$A[ @0 ]`` is ``$A``, for the first iterator is the one meant anyway."""
    name, bracket, index = text.replace(" ", "").rstrip("]").partition("[")
    if not bracket or (index.lstrip("@0") == "" and index[0] == "@"):
        return Variable(name)
    at = "@" if index[0] == "@" else ""
    return Variable(f"{name}[{at}{int(index.lstrip('@'))}]")


VARIABLE = dt.Datatype(
    "variable",
    pattern=r"[$][a-zA-Z0-9_]+(\[ *@? *[0-9]+ *\] *)?",
    parse=_variable,
    describe="a variable such as $IP or $PORTS[@1]",
)


def _number(text: str) -> int:
    return Hexadecimal(text, 16) if text[:2] in ("0x", "0X") else int(text)


def number(name: str, hexadecimal: str, greatest: int, *, least: int = 0) -> dt.Datatype:
    """Numbers in decimal or hexadecimal (whose digits match ``hexadecimal``), and variables."""
    described = f"a number from {least} to {greatest}"
    plain = dt.Datatype(
        name,
        members=(
            dt.Datatype(f"hexadecimal {name}", pattern=f"0[xX]({hexadecimal})"),
            dt.Datatype(f"decimal {name}", base="unsignedInt", minimum=least, maximum=greatest),
        ),
        parse=_number,
        format=lambda value: str(value) if isinstance(value, Hexadecimal) else str(int(value)),
        describe=described,
    )
    return dt.either(plain, VARIABLE, name=name)


def named(name: str, names: Mapping[int, str], other: dt.Datatype, *, any_case: bool = False) -> dt.Datatype:
    """Words that stand for numbers, other numbers, and variables; a number that has a word is read as the word."""
    words = {word.lower() if any_case else word: word for word in names.values()}
    pattern = "|".join(_any_case(word) if any_case else word for word in words.values())
    described = ", ".join(words.values())
    known = dt.Datatype(name, pattern=pattern, parse=lambda text: words[text.lower() if any_case else text])

    def parse(text: str) -> int | str:
        if known.accepts(text):
            return str(known.parse(text))
        found: int | str = other.parse(text)
        return names.get(found, found) if isinstance(found, int) else found

    return dt.Datatype(
        name,
        members=(known, other),
        parse=parse,
        format=lambda value: value if isinstance(value, str) else other.format(value),
        describe=f"one of {described}, or {other.describe}",
    )


def _any_case(word: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


UINT6 = number("6-bit number", "[0-3]?[0-9a-fA-F]", 2**6 - 1)
UINT8 = number("8-bit number", "[0-9a-fA-F]{1,2}", 2**8 - 1)
UINT12 = number("12-bit number", "0?[0-9a-fA-F]{1,3}", 2**12 - 1)
UINT16 = number("16-bit number", "[0-9a-fA-F]{1,4}", 2**16 - 1)
UINT32 = number("32-bit number", "[0-9a-fA-F]{1,8}", 2**32 - 1)
_ETHERTYPE = number("EtherType", "0?[6-9a-fA-F][0-9a-fA-F]{2}|[1-9a-fA-F][0-9a-fA-F]{3}", 2**16 - 1, least=0x600)

ETHERTYPE = named(
    "EtherType", {0x800: "ipv4", 0x806: "arp", 0x8035: "rarp", 0x8100: "vlan", 0x86DD: "ipv6"}, _ETHERTYPE
)
"""The protocol in an Ethernet frame (IEEE 802 numbers of IANA)."""

IP_PROTOCOL = named(
    "IP protocol",
    {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 50: "esp", 51: "ah", 58: "icmpv6", 132: "sctp", 136: "udplite"},
    UINT8,
)
"""The protocol in an IP packet (protocol numbers of IANA)."""

ARP_OPERATION = named(
    "ARP operation",
    {
        1: "Request",
        2: "Reply",
        3: "Request_Reverse",
        4: "Reply_Reverse",
        5: "DRARP_Request",
        6: "DRARP_Reply",
        7: "DRARP_Error",
        8: "InARP_Request",
        9: "ARP_NAK",
    },
    dt.either(dt.UINT16, VARIABLE, name="ARP operation code"),
    any_case=True,
)
"""What an ARP packet says (ARP parameters of IANA)."""

MAC = dt.either(
    dt.Datatype(
        "MAC address",
        pattern="[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}",
        parse=two_digits,
        describe="a MAC address such as 52:54:00:12:34:56",
    ),
    VARIABLE,
)


IPV4 = dt.either(dt.IPV4, VARIABLE)
IPV6 = dt.either(
    dt.Datatype("IPv6 address", pattern=dt.IPV6.pattern, parse=canonical, describe=dt.IPV6.describe), VARIABLE
)


def _prefix(mask: str) -> int | str:
    """The length of a network mask in dots or colons; a mask with holes stays as it is, for the check to refuse."""
    from ipaddress import ip_address

    address = ip_address(mask)
    bits = f"{int(address):0{address.max_prefixlen}b}"
    return mask if "01" in bits else bits.count("1")


def _mask(name: str, dotted: dt.Datatype, longest: int) -> dt.Datatype:
    lengths = dt.number(f"{name} prefix length", 0, longest, base="unsignedByte")
    masks = dt.Datatype(f"{name} mask", pattern=dotted.pattern, parse=_prefix, describe="a network mask")
    return dt.either(lengths, masks, VARIABLE, name=f"{name} mask")


IPV4_MASK = _mask("IPv4", dt.IPV4, 32)
IPV6_MASK = _mask("IPv6", dt.IPV6, 128)

GRATUITOUS = dt.Datatype(
    "truth value",
    enumeration=("true", "false", "yes", "no", "1", "0"),
    parse={"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.__getitem__,
    format={True: "true", False: "false"}.__getitem__,
)
STATEMATCH = dt.Datatype(
    "state match",
    enumeration=("true", "1", "false", "0", "FALSE"),
    parse={"true": True, "1": True, "false": False, "0": False, "FALSE": False}.__getitem__,
    format={True: "true", False: "false"}.__getitem__,
    describe="true or false",
)

_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "NONE")
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")


def _states(text: str) -> str:
    """States in order, each once; none of them with NONE."""
    said = text.split(",")
    return "NONE" if "NONE" in said else ",".join(state for state in _STATES if state in said)


def _flags(text: str) -> str:
    """Flags in order, each once; ALL for all of them, NONE only by itself."""
    return "/".join(_flag_list(part.split(",")) for part in text.split("/"))


def _flag_list(said: list[str]) -> str:
    chosen = [flag for flag in _FLAGS if flag in said or "ALL" in said]
    return "ALL" if len(chosen) == len(_FLAGS) else ",".join(chosen) or "NONE"


_STATE = "|".join(_STATES)
STATE = dt.either(
    dt.Datatype(
        "connection states",
        pattern=f"({_STATE})(,({_STATE}))*",
        parse=_states,
        describe="connection states such as NEW,ESTABLISHED",
    ),
    VARIABLE,
)
_FLAG = f"({'|'.join(_FLAGS)}|ALL|NONE)"
_FLAG_LIST = f"{_FLAG}(,{_FLAG})*"
TCP_FLAGS = dt.either(
    dt.Datatype(
        "TCP flags",
        pattern=f"{_FLAG_LIST}/{_FLAG_LIST}",
        parse=_flags,
        describe="the flags looked at and those that are set, such as SYN,ACK/SYN",
    ),
    VARIABLE,
)
IPSET = dt.either(
    VARIABLE,
    dt.Datatype("IP set", pattern=r"[a-zA-Z0-9_.:\-+ ]{1,31}", describe="the name of an IP set, up to 31 characters"),
)
_SIDE = "([sS][rR][cC]|[dD][sS][tT])"
IPSET_FLAGS = dt.either(
    dt.Datatype(
        "sides for an IP set",
        pattern=f"{_SIDE}(,{_SIDE}){{0,5}}",
        parse=str.lower,
        describe="up to six of src and dst, such as src,dst",
    ),
    VARIABLE,
)

_NAME_START = "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
_NAME_START += "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
_NAME_MORE = f"{_NAME_START}0-9.\u00b7\u0300-\u036f\u203f-\u2040\\-"
FILTER_NAME = dt.Datatype(
    "filter name",
    pattern=f"[{_NAME_START}][{_NAME_MORE}]*",
    describe="a name that begins with a letter and has letters, digits and _ - . only",
)
"""XML's own kind of name without a colon (NCName of Namespaces in XML 1.0)."""
CHAIN = dt.Datatype(
    "chain",
    pattern=r"root|(mac|stp|vlan|arp|rarp|ipv4|ipv6)[a-zA-Z0-9_.:\-]*",
    maximum=12,
    describe="root, or a protocol (mac, stp, vlan, arp, rarp, ipv4, ipv6) with any suffix, 12 characters at most",
)
PRIORITY = dt.number("priority", -1000, 1000)
PARAMETER_NAME = dt.Datatype("name of a variable", pattern="[a-zA-Z0-9_]+", describe="letters, digits and underscores")
PARAMETER_VALUE = dt.Datatype(
    "value of a variable",
    pattern=r"[a-zA-Z0-9_.:+\-]+",
    describe="letters, digits and . : + - _",
)
