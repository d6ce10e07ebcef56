"""Connection URIs: read, written, refused."""

from __future__ import annotations

import pytest

from polyvisor.errors import InvalidURI
from polyvisor.uri import parse_uri


@pytest.mark.parametrize(
    "text",
    [
        "qemu:///system",
        "qemu+ssh://root@host.example/system?keyfile=/root/id&no_tty=1",
        "esx://admin%40lab@[2001:db8::1]:8443/?no_verify=1#here",
        "test:///a%20b/nodes.xml",
        "test:///?name=one&name=two",
    ],
)
def test_a_uri_is_written_as_it_was_read(text):
    assert str(parse_uri(text)) == text
    assert parse_uri(str(parse_uri(text))) == parse_uri(text)


def test_parts():
    uri = parse_uri("QEMU+tls://me@Host:99/system?a=1;b=2&a=3")
    assert (uri.scheme, uri.transport, uri.user, uri.host, uri.port, uri.path) == (
        "qemu", "tls", "me", "host", 99, "/system",
    )  # fmt: skip
    assert (uri.option("a"), uri.option("b"), uri.option("c", "none")) == ("3", "2", "none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("qemu", "not a connection URI.*scheme:///path"),
        ("qe mu:///x", "'qe mu' is not a URI scheme"),
        ("esx://root:secret@host/", "carries a password.*leave it out"),
        ("esx://host:port/", "cannot read the URI"),
    ],
)
def test_what_is_no_uri_is_refused_with_a_hint_and_without_the_password(text, said):
    with pytest.raises(InvalidURI, match=said) as caught:
        parse_uri(text)
    assert "secret" not in str(caught.value)


def test_unknown_parameters_are_refused_by_name():
    with pytest.raises(InvalidURI, match=r"unknown parameter 'rot'.*known parameters: root"):
        parse_uri("qemu:///embed?rot=/x").reject_unknown_options("root")
