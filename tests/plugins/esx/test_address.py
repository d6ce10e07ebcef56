"""What URIs of VMware say, and what is refused."""

from __future__ import annotations

import pytest

from polyvisor.errors import InvalidURI
from polyvisor.uri import parse_uri
from polyvisor_esx.address import Address, parse_address


def address(uri: str) -> Address:
    return parse_address(parse_uri(uri))


def test_a_host_is_spoken_to_by_tls() -> None:
    found = address("esx://root@host.example/")
    assert (found.host, found.port, found.tls, found.user, found.verify) == ("host.example", 443, True, "root", True)
    assert not found.center


def test_a_vcenter_has_a_path() -> None:
    found = address("vpx://vc.example:8443/folder/DC/Cluster/host.example")
    assert found.path == ("folder", "DC", "Cluster", "host.example") and found.port == 8443 and found.center
    assert address("vpx://vc.example/").path == ()


def test_parameters() -> None:
    found = address("esx://h/?transport=http&no_verify=1&auto_answer=1&proxy=http://[::1]:3128&vcenter=*")
    assert (found.tls, found.port, found.verify, found.auto_answer) == (False, 80, False, True)
    assert found.proxy == ("::1", 3128) and found.vcenter == "*"
    assert address("esx://h/?proxy=cache").proxy == ("cache", 1080)


def test_a_thumbprint_may_have_colons() -> None:
    digits = "ab" * 32
    colons = ":".join(["AB"] * 32)
    assert (
        address(f"esx://h/?thumbprint={colons}").thumbprint
        == digits
        == address(f"esx://h/?thumbprint={digits}").thumbprint
    )


@pytest.mark.parametrize(
    "uri, words",
    [
        ("esx:///", "names no server"),
        ("esx+ssh://h/", "transport"),
        ("esx://h/DC/Cluster", "path"),
        ("esx://h/?colour=blue", "unknown parameter 'colour'"),
        ("esx://h/?transport=ftp", "neither http nor https"),
        ("esx://h/?no_verify=yes", "neither 0 nor 1"),
        ("esx://h/?thumbprint=abc", "no thumbprint"),
        ("esx://h/?proxy=socks5://p:1080", "no proxy"),
        ("esx://h/?cacert=/does/not/exist.pem", "no such file"),
        ("vpx://h/?vcenter=other", "esx:// only"),
    ],
)
def test_what_makes_no_sense_is_refused(uri: str, words: str) -> None:
    with pytest.raises(InvalidURI, match=words):
        address(uri)
