"""Whatever a document says, it is read or refused; nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain import Domain
from polyvisor.model.domain.completion import check, complete

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.xml"))]


def judge(xml: bytes) -> None:
    """Read, complete, check and write; only InvalidDocument may come of it."""
    try:
        domain = model.parse("domain", xml)
        assert isinstance(domain, Domain)
        check(complete(domain))
    except InvalidDocument as error:
        assert error.faults
        assert all(fault.message for fault in error.faults)
        return
    written = model.format(domain, secure=True)
    assert model.format(complete(model.parse("domain", written)), secure=True) == written


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sample with a few pieces cut out, put in or copied elsewhere."""
    xml = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(xml)))
        start = draw(st.integers(0, len(xml)))
        piece = draw(st.one_of(st.binary(max_size=8), st.just(xml[start : start + draw(st.integers(0, 60))])))
        xml = xml[:at] + piece + xml[at + draw(st.integers(0, 30)) :]
    return xml


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_damaged_documents_are_read_or_refused(xml):
    judge(xml)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused(xml):
    judge(xml)


@settings(max_examples=60, deadline=None)
@given(name=st.text(min_size=1, max_size=40), title=st.text(max_size=40), path=st.text(min_size=1, max_size=40))
def test_texts_of_any_kind_come_back_or_are_refused(name, title, path):
    from xml.sax.saxutils import escape, quoteattr

    judge(
        f"<domain type='kvm'><name>{escape(name)}</name><title>{escape(title)}</title><memory>1024</memory>"
        f"<os><type>hvm</type></os><devices><disk type='file'><source file={quoteattr(path)}/><target dev='vda'/>"
        "</disk></devices></domain>".encode("utf-8", "surrogatepass")
    )


@pytest.mark.parametrize(
    ("inside", "devices"),
    [
        ("<vcpu cpuset='0-18446744073709551615'>1</vcpu>", ""),
        ("<iothreads>18446744073709551615</iothreads><iothreadids><iothread id='1'/></iothreadids>", ""),
        ("<iothreads>65536</iothreads>", ""),
        ("", "<disk type='file'><source file='/a'/><target dev='hdzzzzzzzzzzzzzzzzzz'/></disk>"),
        (
            "",
            "<disk type='file'><source file='/a'/><target dev='sda'/>"
            "<address type='drive' controller='4294967295' unit='0'/></disk>",
        ),
        (
            "",
            "<channel type='pty'><target type='virtio' name='x'/>"
            "<address type='virtio-serial' controller='4294967295' port='1'/></channel>",
        ),
    ],
)
def test_huge_numbers_cost_nothing(inside, devices):
    with pytest.raises(InvalidDocument):
        check(
            complete(
                model.parse(
                    "domain",
                    f"<domain type='kvm'><name>d</name><memory>1024</memory><os><type>hvm</type></os>{inside}"
                    f"<devices>{devices}</devices></domain>",
                )
            )
        )


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<",
        b"\x00",
        b"\xff\xfe<\x00d\x00",
        b"<domain/>",
        b"<domain xmlns='urn:x'/>",
        b"<?xml version='1.0' encoding='utf-7'?><domain/>",
        b"<domain type='kvm'>" + b"<name>x</name>" * 1000 + b"</domain>",
        b"<domain type='" + b"k" * 1_000_000 + b"'/>",
        b"<domain " + b" ".join(b"a%d='1'" % n for n in range(5000)) + b"/>",
    ],
    ids=["empty", "stub", "nul", "utf-16", "bare", "namespace", "utf-7", "names", "long-value", "many-attributes"],
)
def test_hostile_documents_are_refused(xml):
    with pytest.raises(InvalidDocument):
        model.parse("domain", xml)
