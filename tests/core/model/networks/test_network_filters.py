"""Network filters: values in one spelling, variables, chains, masks."""

from __future__ import annotations

import pytest
from lxml import etree

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.nwfilter import FilterReference, FilterRule, Hexadecimal, NetworkFilter, Variable
from polyvisor.model.nwfilter.completion import check, complete
from polyvisor.model.nwfilter.protocols import StpProtocol, TcpProtocol


def parse(inside: str, at: str = "name='f'") -> NetworkFilter:
    found = model.parse("nwfilter", f"<filter {at}>{inside}</filter>")
    assert isinstance(found, NetworkFilter)
    return found


def rule(protocol: str) -> str:
    return f"<rule action='drop' direction='in'>{protocol}</rule>"


def spelt(protocol: str) -> str:
    """The protocol's element as it is written."""
    written = model.format(parse(rule(protocol)))
    return next(line.strip() for line in written.splitlines() if line.startswith("    <"))


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("<tcp dstportstart='0X1F'/>", "<tcp dstportstart='0x1f'/>"),
        pytest.param(
            *("<tcp dstportstart='+22'/>", "<tcp dstportstart='22'/>"),
            marks=pytest.mark.skipif(etree.LIBXML_VERSION < (2, 14), reason="libxml2 2.14 first reads the sign"),
        ),
        ("<mac srcmacaddr='2:0:0:A:B:c'/>", "<mac srcmacaddr='02:00:00:0a:0b:0c'/>"),
        ("<mac protocolid='0x0800'/>", "<mac protocolid='ipv4'/>"),
        ("<mac protocolid='0x88CC'/>", "<mac protocolid='0x88cc'/>"),
        ("<arp opcode='9'/>", "<arp opcode='ARP_NAK'/>"),
        ("<arp opcode='reply'/>", "<arp opcode='Reply'/>"),
        ("<arp gratuitous='1'/>", "<arp gratuitous='true'/>"),
        ("<ip protocol='17'/>", "<ip protocol='udp'/>"),
        ("<ip srcipmask='255.255.240.0'/>", "<ip srcipmask='20'/>"),
        ("<ipv6 srcipmask='ffff:ff00::'/>", "<ipv6 srcipmask='24'/>"),
        ("<ipv6 srcipaddr='2001:DB8:0:0::1'/>", "<ipv6 srcipaddr='2001:db8::1'/>"),
        ("<tcp srcipaddr='$IP[ @0 ] '/>", "<tcp srcipaddr='$IP'/>"),
        ("<tcp srcipaddr='$IP[ @ 01 ]'/>", "<tcp srcipaddr='$IP[@1]'/>"),
        ("<tcp srcipaddr='$IP[00]'/>", "<tcp srcipaddr='$IP[0]'/>"),
        ("<tcp state='INVALID,NEW,NEW'/>", "<tcp state='NEW,INVALID'/>"),
        ("<tcp state='NEW,NONE'/>", "<tcp state='NONE'/>"),
        ("<tcp flags='URG,ACK,SYN/SYN'/>", "<tcp flags='SYN,ACK,URG/SYN'/>"),
        ("<tcp flags='FIN,SYN,RST,PSH,ACK,URG/NONE'/>", "<tcp flags='ALL/NONE'/>"),
        ("<all ipset='a' ipsetflags='SRC,dSt'/>", "<all ipset='a' ipsetflags='src,dst'/>"),
        ("<all match='yes'/>", "<all/>"),
    ],
)
def test_values_have_one_spelling(written, canonical):
    assert spelt(written) == canonical
    assert spelt(canonical) == canonical


def test_values_are_numbers_and_variables():
    (found,) = parse(rule("<tcp srcportstart='0x10' srcportend='20' dstportstart='$PORT' dscp='9'/>")).rules
    tcp = found.protocol
    assert isinstance(tcp, TcpProtocol)
    assert (tcp.srcportstart, tcp.srcportend, tcp.dscp) == (16, 20, 9)
    assert isinstance(tcp.srcportstart, Hexadecimal)
    assert not isinstance(tcp.srcportend, Hexadecimal)
    assert tcp.dstportstart == "$PORT"
    assert isinstance(tcp.dstportstart, Variable)


@pytest.mark.parametrize(
    "wrong",
    [
        "<tcp dstportstart='65536'/>",
        "<tcp dstportstart='0x10000'/>",
        "<tcp dscp='64'/>",
        "<vlan vlanid='4096'/>",
        "<mac protocolid='1535'/>",
        "<mac srcmacaddr='1:2:3'/>",
        "<ip srcipaddr='10.0.0.256'/>",
        "<tcp srcipaddr='$A[1,2]'/>",
        "<tcp srcipaddr='$a-b'/>",
        "<tcp flags='SYN'/>",
        "<tcp ipset='a'/>",
        "<tcp ipsetflags='src'/>",
        "<udp/><tcp/>",
        "<dccp/>",
    ],
)
def test_the_grammar_refuses(wrong):
    with pytest.raises(InvalidDocument):
        parse(rule(wrong))


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        ("<mac srcmacmask='ff:00:ff:00:00:00'/>", "/@srcmacmask: the mask ff:00:ff:00:00:00 has holes"),
        ("<stp root-address-mask='00:ff:ff:ff:ff:ff'/>", "/@root-address-mask: the mask 00:ff:ff:ff:ff:ff has holes"),
        ("<tcp srcipmask='255.0.255.0'/>", "/@srcipmask: the mask 255.0.255.0 has holes"),
        ("<ip srcportstart='1'/>", "/@srcportstart: ports go with protocol tcp, udp or sctp"),
        ("<ip protocol='icmp' dstportend='1'/>", "/@dstportend: ports go with"),
        ("<ipv6 protocol='$P' dstportend='1'/>", "/@dstportend: ports go with"),
    ],
)
def test_a_contradiction_is_told_at_its_place(protocol, told):
    with pytest.raises(InvalidDocument) as caught:
        check(parse(rule(protocol)))
    (fault,) = caught.value.faults
    assert told in f"{fault.path}: {fault.message}"


@pytest.mark.parametrize("protocol", ["tcp", "6", "0x11", "33", "132"])
def test_protocols_with_ports_have_ports(protocol):
    check(parse(rule(f"<ip protocol='{protocol}' dstportstart='1'/>")))


@pytest.mark.parametrize(
    ("at", "chain", "priority"),
    [
        ("name='f'", "root", None),
        ("name='f' priority='7'", "root", None),
        ("name='f' chain='root' priority='7'", "root", 7),
        ("name='f' chain='arp'", "arp", -500),
        ("name='f' chain='rarp-mine'", "rarp-mine", -400),
        ("name='f' chain='ipv6-x' priority='-1'", "ipv6-x", -1),
        ("name='f' chain='stp-x'", "stp-x", None),
    ],
)
def test_chains_have_priorities(at, chain, priority):
    found = complete(parse("", at))
    assert (found.chain, found.priority) == (chain, priority)


@pytest.mark.parametrize("chain", ["", "ip", "tcp", "root-x", "arp-far-too-long", "arp x"])
def test_chains_are_named_for_what_they_see(chain):
    with pytest.raises(InvalidDocument, match="chain"):
        parse("", f"name='f' chain='{chain}'")


@pytest.mark.parametrize("name", ["300", "-f", "a b", ""])
def test_names_begin_with_a_letter(name):
    with pytest.raises(InvalidDocument, match="name"):
        parse("", f"name='{name}'")


def test_rules_and_references_keep_their_order():
    found = parse(f"<filterref filter='a'/>{rule('')}<filterref filter='b'/>")
    assert [type(entry) for entry in found.entries] == [FilterReference, FilterRule, FilterReference]
    assert [reference.filter for reference in found.references] == ["a", "b"]
    assert parse(model.format(found).partition(">")[2].rpartition("</")[0]).entries == found.entries


def test_variables_are_sorted_and_their_values_are_not():
    given = "".join(f"<parameter name='{name}' value='{value}'/>" for name, value in ("B2", "A9", "B1", "A3"))
    found = complete(parse(f"<filterref filter='a'>{given}</filterref>"))
    assert [(each.name, each.value) for each in found.references[0].parameters] == [
        ("A", "9"),
        ("A", "3"),
        ("B", "2"),
        ("B", "1"),
    ]


def test_a_rule_may_look_at_everything_at_once():
    """libxml2 alone would take years over so many optional attributes."""
    fields = [field for field in StpProtocol.fields() if field.attr not in ("match", "comment", "srcmacmask")]
    macs = ("srcmacaddr", "root_address", "sender_address", "root_address_mask", "sender_address_mask")
    values = {field.attr: "02:00:00:00:00:01" if field.attr in macs else 1 for field in fields}
    text = model.format(NetworkFilter(name="f", entries=[FilterRule(action="drop", direction="in")])).replace(
        "priority='500'/>", "priority='500'>" + model.format(StpProtocol(**values)).strip() + "</rule>"
    )
    (found,) = [each.protocol for each in model.parse("nwfilter", text).rules]
    assert found == StpProtocol(**values)
    with pytest.raises(InvalidDocument, match="agee"):
        model.parse("nwfilter", text.replace(" age=", " agee="))
