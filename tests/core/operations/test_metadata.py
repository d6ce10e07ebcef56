"""Titles, descriptions and custom elements, on whatever has them."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest

from polyvisor.documents import Verbatim
from polyvisor.errors import InvalidArgument, InvalidDocument, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.metadata import read_metadata, write_metadata
from polyvisor.spi import DomainRef

WEB = DomainRef("web", UUID(int=7))
TITLE, DESCRIPTION, ELEMENT = MetadataKind.TITLE, MetadataKind.DESCRIPTION, MetadataKind.ELEMENT
NOTES, OTHERS = "urn:example:notes", "urn:example:others"


@pytest.fixture
def described() -> SimpleNamespace:
    return SimpleNamespace(title=None, description=None, metadata=None)


def put(described, kind, value, uri=None, key=None):
    write_metadata(described, kind, value, uri=uri, key=key)


@pytest.mark.parametrize(("kind", "uri"), [(TITLE, None), (DESCRIPTION, None), (ELEMENT, NOTES)])
def test_what_is_written_is_read_until_it_is_removed(described, kind, uri):
    value = "<note/>" if kind is ELEMENT else "web server"
    put(described, kind, value, uri, "n")
    assert value.strip("</>") in read_metadata(WEB, described, kind, uri)
    put(described, kind, None, uri)
    assert described == SimpleNamespace(title=None, description=None, metadata=None)


@pytest.mark.parametrize(
    ("kind", "uri", "said"), [(TITLE, None, "has no title"), (ELEMENT, NOTES, f"of namespace {NOTES}")]
)
def test_what_is_not_there_is_missed_by_name(described, kind, uri, said):
    with pytest.raises(NoSuchMetadata, match=said) as caught:
        read_metadata(WEB, described, kind, uri)
    assert caught.value.target == str(WEB)


def test_an_element_is_written_with_its_prefix_beside_those_of_others(described):
    described.metadata = before = Verbatim({OTHERS: f"<o:x xmlns:o='{OTHERS}'/>"})
    put(described, ELEMENT, "<note>kept</note>", NOTES, "n")
    assert read_metadata(WEB, described, ELEMENT, NOTES) == f'<n:note xmlns:n="{NOTES}">kept</n:note>'
    assert list(described.metadata.namespaces()) == [OTHERS, NOTES]
    assert list(before.namespaces()) == [OTHERS], "what somebody else holds is not changed under him"


@pytest.mark.parametrize("value", [None, "<note/>"])
def test_an_element_without_a_namespace_is_no_metadata(described, value):
    with pytest.raises(InvalidArgument, match="namespace"):
        put(described, ELEMENT, value)
    with pytest.raises(InvalidArgument, match="namespace"):
        read_metadata(WEB, described, ELEMENT, None)


def test_a_title_has_one_line_and_a_description_many(described):
    put(described, DESCRIPTION, "one\ntwo")
    with pytest.raises(InvalidDocument, match="one line"):
        put(described, TITLE, "one\ntwo")
    assert (described.title, described.description) == (None, "one\ntwo")
