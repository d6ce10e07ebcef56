"""Configurations in the hypervisor's own format, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidArgument, InvalidDocument, ReadOnly, UnsupportedConfiguration
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection

FORMATS = ("qemu-argv", "xen-xl", "xen-xm", "xen-sxpr", "vmware-vmx", "lxc-tools", "bhyve-argv")
"""Names of formats that libvirt knows."""


def written(connection: Connection, document: str) -> dict[str, str]:
    """The document in each format that the driver writes."""
    found = {}
    for name in FORMATS:
        try:
            found[name] = connection.to_native(name, document)
        except InvalidArgument:
            continue
    return found


@needs("native.export")
def test_a_document_is_written_in_some_format(bench: Bench, connection: Connection) -> None:
    found = written(connection, bench.document("conformance-native"))
    assert found
    assert all("conformance-native" in text for text in found.values())


@needs("native.export")
def test_equal_documents_are_written_equally(bench: Bench, connection: Connection) -> None:
    text = bench.document("twice")
    assert written(connection, text) == written(connection, text)


@needs("native.export")
@pytest.mark.parametrize("name", ["clay-tablet", "", "QEMU-ARGV "])
def test_a_format_that_nobody_writes(bench: Bench, connection: Connection, name: str) -> None:
    with pytest.raises(InvalidArgument):
        connection.to_native(name, bench.document())


@needs("native.export")
def test_what_is_no_domain_is_not_written(bench: Bench, connection: Connection) -> None:
    name = next(iter(written(connection, bench.document())))
    for text in ("<domian/>", "", "<domain type='test'><nam>x</nam></domain>"):
        with pytest.raises(InvalidDocument):
            connection.to_native(name, text)


@needs("native.export", "domain.list")
def test_writing_defines_nothing(bench: Bench, connection: Connection) -> None:
    before = bench.present()
    written(connection, bench.document())
    assert bench.present() == before


@needs("native.export")
def test_names_cannot_break_out_of_the_format(bench: Bench, connection: Connection) -> None:
    """What is between the quotes of a document stays between those of the format."""
    hostile = 'a b\'; touch "x" $(y) `z`'
    try:
        found = written(connection, bench.document(hostile))
    except (InvalidDocument, UnsupportedConfiguration):
        return
    import shlex

    if "qemu-argv" in found:
        words = shlex.split(found["qemu-argv"])
        assert "touch" not in words and "x" not in words


@needs("native.export", "native.import")
def test_what_was_written_can_be_read(bench: Bench, connection: Connection) -> None:
    for name, text in written(connection, bench.document("there-and-back")).items():
        try:
            found = connection.from_native(name, text)
        except InvalidArgument:
            continue  # a format that is written only
        assert found.name == "there-and-back"
        assert found.memory_kib == connection.define(bench.document("there-and-back")).max_memory()


@needs("native.import")
@pytest.mark.parametrize("name", ["clay-tablet", ""])
def test_a_format_that_nobody_reads(connection: Connection, name: str) -> None:
    with pytest.raises(InvalidArgument):
        connection.from_native(name, "name = 'x'")


@needs("native.import")
@pytest.mark.parametrize("text", ["", "\0\0\0", "{[<"])
def test_nonsense_is_read_in_no_format(connection: Connection, text: str) -> None:
    for name in FORMATS:
        with pytest.raises((InvalidArgument, UnsupportedConfiguration)):
            connection.from_native(name, text)


@needs("native.export")
def test_readers_have_nothing_written(bench: Bench) -> None:
    with pytest.raises(ReadOnly):
        bench.open(readonly=True).to_native(FORMATS[0], bench.document())
