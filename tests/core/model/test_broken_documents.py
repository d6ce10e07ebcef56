"""Documents with one thing wrong: refused at the right line, with words a person can act on.

``docs`` shows the same files and messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain.completion import check, complete

HERE = Path(__file__).parent / "broken"

BROKEN = {
    "misspelt-element": (8, "unknown element <interfaces>; did you mean 'interface'?"),
    "misspelt-attribute": (8, "unknown attribute 'devise'; did you mean 'device'?"),
    "unknown-type": (1, "attribute 'type' cannot be 'kwm'; did you mean 'kvm'?"),
    "wrong-bus": (10, "attribute 'bus' cannot be 'virtoi'; did you mean 'virtio'?"),
    "no-name": (1, "<name> is missing from <domain>"),
    "no-type": (1, "attribute 'type' is missing; expected 'qemu', 'kvm'"),
    "no-target": (8, "<target> is missing from <disk>"),
    "stray-text": (8, "text 'the disks follow' is not allowed in <devices>"),
    "wrong-nesting": (8, "<vcpu> belongs in <domain>, not in <devices>"),
    "not-closed": (6, "not well-formed XML: Opening and ending tag mismatch: os line 4 and domain"),
    "entity-bomb": (1, "a document type declaration (<!DOCTYPE ...>) is not allowed"),
    "external-entity": (1, "a document type declaration (<!DOCTYPE ...>) is not allowed"),
    "memory-in-words": (3, "<memory> cannot be 'two'; expected a whole number"),
    "unknown-unit": (3, "attribute 'unit' cannot be 'gigs'; expected a unit such as"),
    "two-names": (7, "duplicate <name>: it may stand only once"),
    "pci-slot-too-high": (9, "attribute 'slot' cannot be '0x20'; expected a number from 0x00 to 0x1f"),
    "source-of-another-type": (9, "unknown attribute 'dev'; expected"),
    "foreign-namespace": (7, "namespace 'http://acme.example/domain/1.0' of <turbo> belongs to no installed driver"),
    "wrong-root": (1, "the document is a <network>; expected <domain>"),
    "bad-uuid": (3, "<uuid> cannot be 'not-a-uuid'; expected a UUID such as"),
    "two-disks-of-one-name": (12, "two disks are called 'vda'"),
    "more-than-all-memory": (4, "currentMemory is 3145728 KiB, more than the 2097152 KiB the guest has"),
    "slash-in-name": (None, "the name 'shop/web' contains '/', which no name may"),
    "cell-without-cpu": (11, "CPU 2 is in a NUMA cell, but the guest has 2, numbered from 0"),
}
"""File -> line of the first fault, and what is said about it."""


def refuse(xml: bytes) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        check(complete(model.parse("domain", xml)))
    return caught.value


def test_every_broken_document_has_its_fault_told():
    assert sorted(BROKEN) == sorted(path.stem for path in HERE.glob("*.xml"))


@pytest.mark.parametrize("name", BROKEN)
def test_the_fault_is_named_at_its_line(name):
    line, said = BROKEN[name]
    error = refuse((HERE / f"{name}.xml").read_bytes())
    assert error.faults[0].line == line
    assert said in str(error.faults[0])
    assert str(error.faults[0]) in str(error)


def test_ten_megabytes_of_nesting_are_refused_at_once():
    error = refuse(b"<domain type='kvm'>" + b"<devices>" * 1_200_000)
    assert "nest" in str(error)


def test_a_hundred_faults_are_all_told():
    disks = "".join(f"<disk typ='file'>\n<target dev='vd{n}'/></disk>\n" for n in range(100))
    error = refuse(
        f"<domain type='kvm'><name>d</name><os><type>hvm</type></os><devices>{disks}</devices></domain>".encode()
    )
    assert len(error.faults) == 100
    assert error.faults[99].path == "/domain/devices/disk[100]/@typ"


def test_an_element_astray_is_one_fault():
    xml = b"<domain type='kvm'>\n<memory>1024</memory>\n<os>\n<type>hvm</type><name>web</name></os></domain>"
    (fault,) = refuse(xml).faults
    assert str(fault) == (
        "line 4: /domain: <name> is missing from <domain>; it stands in <os>, where it is not allowed"
    )
