"""Addresses, networks and ranges as documents and command lines spell them."""

from __future__ import annotations

import pytest

from polyvisor.model import addressing
from polyvisor.model.network.ip import DhcpRange


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.168.1.2", "192.168.1.2"),
        ("127.1", "127.0.0.1"),
        ("10.1.515", "10.1.2.3"),
        ("0", "0.0.0.0"),
        ("FE80::1", "fe80::1"),
    ],
)
def test_an_address_is_read_as_the_c_library_reads_it(text, found):
    assert addressing.ip(text) == addressing.ip(found)
    assert addressing.canonical(str(addressing.ip(text))) == found


@pytest.mark.parametrize(
    "text", ["", "localhost", "[::1]", "1.2.3.256", "1.2.3.4.5", "127.0.0.1 ", "127.0.0.1 or so", "1::2::3"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError):
        addressing.ip(text)
    assert not addressing.is_wildcard(text)


def test_the_version_may_be_asked_for():
    assert addressing.ip("::1", 6).is_loopback
    with pytest.raises(ValueError, match="IPv6"):
        addressing.ip("::1", 4)


@pytest.mark.parametrize(
    ("text", "wild"),
    [("0.0.0.0", True), ("0", True), ("::", True), ("0:0::0", True), ("::1", False), ("127.0.0.1", False)],
)
def test_wildcards(text, wild):
    assert addressing.is_wildcard(text) is wild


@pytest.mark.parametrize(
    ("address", "length", "found"),
    [
        ("192.168.122.9", 24, "192.168.122.0/24"),
        ("192.168.122.9", "255.255.255.248", "192.168.122.8/29"),
        ("2001:db8::1:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0", "2001:db8::1:0/112"),
        ("2001:db8::1", 0, "::/0"),
    ],
)
def test_the_network_of_an_address(address, length, found):
    assert str(addressing.network(address, length)) == found


@pytest.mark.parametrize(
    ("address", "length"),
    [("10.0.0.1", 33), ("10.0.0.1", "255.0.255.0"), ("::1", "ffff::ffff"), ("10.0.0.1", "ffff::")],
)
def test_lengths_and_masks_that_make_no_network(address, length):
    with pytest.raises(ValueError):
        addressing.network(address, length)


def test_the_size_of_a_range():
    assert DhcpRange(start="10.0.0.1", end="10.0.1.0").size == 256
    assert DhcpRange(start="fd00::1", end="fd00::1").size == 1
    assert DhcpRange(start="10.0.0.2", end="10.0.0.1").size < 1
