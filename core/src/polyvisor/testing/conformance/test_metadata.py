"""Titles, descriptions and the elements that programs leave with a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidArgument, InvalidDocument, InvalidState, NoSuchDomain, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.records import Affect
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

TITLE, DESCRIPTION, ELEMENT = MetadataKind.TITLE, MetadataKind.DESCRIPTION, MetadataKind.ELEMENT
URI = "http://example.org/conformance"
VALUES = {
    "letters": "web",
    "unicode": "Größe 数据 🚀",
    "markup": "a <b> & \"c\" 'd'",
    "blanks": "  in  between  ",
    "long": "lang " * 500,
}
reads, writes = needs("domain.metadata"), needs("domain.metadata", "domain.metadata.set")


@writes
@pytest.mark.parametrize("kind", [TITLE, DESCRIPTION], ids=str)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_text_is_kept_as_it_was_written(defined: Domain, kind: MetadataKind, value: str) -> None:
    defined.set_metadata(kind, value)
    assert defined.metadata(kind) == value


@writes
def test_a_description_has_lines(defined: Domain) -> None:
    defined.set_metadata(DESCRIPTION, "one\ntwo\n\nfour")
    assert defined.metadata(DESCRIPTION) == "one\ntwo\n\nfour"


@writes
def test_a_title_has_one_line(defined: Domain) -> None:
    with pytest.raises((InvalidDocument, InvalidArgument)):
        defined.set_metadata(TITLE, "one\ntwo")
    with pytest.raises(NoSuchMetadata):
        defined.metadata(TITLE)


@needs("domain.metadata")
@pytest.mark.parametrize("kind", [TITLE, DESCRIPTION], ids=str)
def test_there_is_none_until_there_is_one(defined: Domain, kind: MetadataKind) -> None:
    with pytest.raises(NoSuchMetadata):
        defined.metadata(kind)


@needs("metadata(uri)")
def test_there_is_no_element_until_there_is_one(defined: Domain) -> None:
    with pytest.raises(NoSuchMetadata):
        defined.metadata(ELEMENT, uri=URI)


@reads
def test_what_the_document_says_is_told(bench: Bench) -> None:
    domain = bench.define(extra="<title>said</title><description>told</description>")
    assert (domain.metadata(TITLE), domain.metadata(DESCRIPTION)) == ("said", "told")


@needs("domain.metadata.set", "domain.xml")
def test_what_is_set_is_in_the_document(defined: Domain) -> None:
    defined.set_metadata(TITLE, "said")
    defined.set_metadata(DESCRIPTION, "told")
    found: Any = defined.config()
    assert (found.title, found.description) == ("said", "told")


@writes
@pytest.mark.parametrize("kind", [TITLE, DESCRIPTION], ids=str)
def test_none_removes(defined: Domain, kind: MetadataKind) -> None:
    defined.set_metadata(kind, "gone soon")
    defined.set_metadata(kind, None)
    with pytest.raises(NoSuchMetadata):
        defined.metadata(kind)


@writes
def test_one_kind_leaves_the_others_alone(defined: Domain) -> None:
    defined.set_metadata(TITLE, "title")
    defined.set_metadata(DESCRIPTION, "description")
    defined.set_metadata(TITLE, None)
    assert defined.metadata(DESCRIPTION) == "description"


@writes
def test_setting_twice_is_setting_once(defined: Domain) -> None:
    for _ in range(2):
        defined.set_metadata(TITLE, "same")
    assert defined.metadata(TITLE) == "same"


@needs("metadata(uri)", "set_metadata(uri, key)")
def test_an_element_is_kept(defined: Domain) -> None:
    defined.set_metadata(ELEMENT, "<note kind='a'>&lt;kept&gt; größe<more/></note>", uri=URI, key="n")
    found = defined.metadata(ELEMENT, uri=URI)
    assert "&lt;kept&gt; größe" in found and "more" in found and "kind" in found


@needs("metadata(uri)", "set_metadata(uri, key)")
def test_an_element_is_replaced(defined: Domain) -> None:
    for text in ("one", "two"):
        defined.set_metadata(ELEMENT, f"<note>{text}</note>", uri=URI, key="n")
    found = defined.metadata(ELEMENT, uri=URI)
    assert "two" in found and "one" not in found


@needs("metadata(uri)", "set_metadata(uri, key)")
def test_elements_of_two_programs_live_side_by_side(defined: Domain) -> None:
    defined.set_metadata(ELEMENT, "<a>mine</a>", uri=URI, key="a")
    defined.set_metadata(ELEMENT, "<b>yours</b>", uri=URI + "/other", key="b")
    assert "mine" in defined.metadata(ELEMENT, uri=URI)
    defined.set_metadata(ELEMENT, None, uri=URI)
    with pytest.raises(NoSuchMetadata):
        defined.metadata(ELEMENT, uri=URI)
    assert "yours" in defined.metadata(ELEMENT, uri=URI + "/other")


@needs("metadata(uri)", "set_metadata(uri, key)")
@pytest.mark.parametrize("text", ["no element", "<open>", "<a/><b/>", "", "<!DOCTYPE a><a/>"])
def test_what_is_no_element_is_refused(defined: Domain, text: str) -> None:
    with pytest.raises((InvalidDocument, InvalidArgument)):
        defined.set_metadata(ELEMENT, text, uri=URI, key="n")
    with pytest.raises(NoSuchMetadata):
        defined.metadata(ELEMENT, uri=URI)


@needs("metadata(affect)", "set_metadata(affect)", "domain.destroy")
def test_what_is_set_live_goes_with_the_instance(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    running.set_metadata(TITLE, "now", affect=Affect.LIVE)
    assert running.metadata(TITLE) == running.metadata(TITLE, affect=Affect.LIVE) == "now"
    with pytest.raises(NoSuchMetadata):
        running.metadata(TITLE, affect=Affect.CONFIG)
    running.destroy()
    with pytest.raises(NoSuchMetadata):
        running.metadata(TITLE)


@needs("metadata(affect)", "set_metadata(affect)", "domain.destroy")
def test_what_is_set_in_the_store_is_not_live(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    running.set_metadata(TITLE, "later", affect=Affect.CONFIG)
    with pytest.raises(NoSuchMetadata):
        running.metadata(TITLE)
    assert running.metadata(TITLE, affect=Affect.CONFIG) == "later"
    running.destroy()
    assert running.metadata(TITLE) == "later"


@needs("metadata(affect)", "set_metadata(affect)")
def test_both_are_set_together(running: Domain) -> None:
    running.set_metadata(TITLE, "both", affect=Affect.BOTH)
    assert running.metadata(TITLE, affect=Affect.LIVE) == running.metadata(TITLE, affect=Affect.CONFIG) == "both"


@needs("metadata(affect)", "set_metadata(affect)")
@pytest.mark.parametrize("affect", [Affect.LIVE, Affect.BOTH], ids=str)
def test_a_guest_that_is_off_has_nothing_live(defined: Domain, affect: Affect) -> None:
    with pytest.raises(InvalidState):
        defined.set_metadata(TITLE, "live", affect=affect)
    with pytest.raises(NoSuchMetadata):
        defined.metadata(TITLE)


@writes
def test_metadata_survives_a_life(bench: Bench, defined: Domain) -> None:
    defined.set_metadata(TITLE, "kept")
    bench.start(defined)
    assert defined.metadata(TITLE) == "kept"
    defined.destroy()
    assert defined.metadata(TITLE) == "kept"


@writes
def test_metadata_is_there_for_others(second_connection: Connection, defined: Domain) -> None:
    defined.set_metadata(TITLE, "seen")
    assert second_connection.domain(uuid=defined.uuid).metadata(TITLE) == "seen"


@reads
def test_metadata_of_the_gone_says_so(defined: Domain) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.metadata(TITLE)


@needs("domain.metadata.set")
def test_metadata_of_the_gone_is_not_set(defined: Domain) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.set_metadata(TITLE, "late")
