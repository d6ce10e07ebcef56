"""Documents become objects and objects documents, without loss and in one canonical form."""

from __future__ import annotations

import pytest
from catalogue import (
    FULL,
    AdultReader,
    Author,
    Binding,
    Catalogue,
    ChildReader,
    DrawerSpot,
    Item,
    Kind,
    Loan,
    Pages,
    Place,
    Pressed,
    Printed,
    Shape,
    ShelfSpot,
    Spot,
)
from lxml import etree
from puzzle import FULL as PUZZLE
from puzzle import Gear, InnerOne, InnerTwo, Left, Mode, PlainPiece, Puzzle, Right, XPiece

from polyvisor.documents import Element, Verbatim, read, write
from polyvisor.errors import InvalidArgument, InvalidDocument


@pytest.fixture
def catalogue() -> Catalogue:
    return read(FULL, Catalogue)


def minimal(**more: object) -> Catalogue:
    return Catalogue(name="n", items=[Item(title="t", **more)])


def test_the_canonical_form_survives_reading_and_writing(catalogue: Catalogue) -> None:
    assert write(catalogue) == FULL


def test_attributes_texts_flags_and_lists_have_python_values(catalogue: Catalogue) -> None:
    book, disc = catalogue.items
    assert catalogue.id == 7
    assert (book.kind, book.binding) == (Kind.BOOK, Binding.HARD)
    assert book.title == "Weights & Measures <2nd>"
    assert book.source == Printed(press="Ox", pages=Pages(count=312, unit="leaf"))
    assert book.authors == [Author(name="N. N.", born=1710, died=1790), Author(name="O. O.")]
    assert [loan.renewed for loan in book.loans] == [False, True]
    assert book.tags == ["old", "heavy"]
    assert (book.rare, disc.rare) == (True, False)
    assert book.inside[0].folds == 8
    assert isinstance(disc.source, Pressed)
    assert (disc.source.side, disc.source.rate) == (2, 44.1)


def test_the_class_of_a_child_follows_its_own_attribute(catalogue: Catalogue) -> None:
    assert catalogue.items[0].spot == ShelfSpot(room=10, row=3, note="it's dusty")
    assert catalogue.items[1].spot == DrawerSpot(drawer="d-1", labels=["one", "two"])
    assert type(catalogue.spots[0]) is Spot
    assert [type(reader) for reader in catalogue.readers] == [ChildReader, AdultReader, AdultReader]


def test_the_class_of_a_child_follows_its_parents_attributes(catalogue: Catalogue) -> None:
    assert isinstance(catalogue.items[0].source, Printed)
    assert isinstance(catalogue.items[1].source, Pressed)
    assert [shape.label and shape.label.colour for shape in catalogue.shapes] == ["red", "blue", None]


def test_families_by_two_attributes_and_children_of_several_tags() -> None:
    puzzle = read(PUZZLE, Puzzle)
    assert [type(piece) for piece in puzzle.pieces] == [XPiece, XPiece, PlainPiece, PlainPiece]
    assert puzzle.only_x == XPiece(mode=Mode.B, type="x", x="n")
    assert [type(hinge.side) for hinge in puzzle.hinges] == [Left, Right, Right]
    assert puzzle.hinges[0].inner == [InnerOne(one="n"), InnerOne(one="n")]
    assert puzzle.hinges[1].inner == [InnerTwo(two=4), InnerTwo(two=None)]
    assert (puzzle.even, puzzle.odd, puzzle.ratio) == ("auto", 3, 1.5)


def test_what_is_absent_reads_as_its_default() -> None:
    read_back = read("<catalogue><name>n</name><item><title>t</title></item></catalogue>", Catalogue)
    item = read_back.items[0]
    assert (item.kind, item.binding, item.tags, item.rare, item.spot) == (Kind.BOOK, None, [], False, None)
    assert read_back == minimal()


def test_order_of_elements_does_not_matter() -> None:
    xml = "<catalogue><item><tag>a</tag><title>t</title><tag>b</tag></item><name>n</name></catalogue>"
    assert read(xml, Catalogue) == minimal(tags=["a", "b"])


def test_each_element_knows_its_line(catalogue: Catalogue) -> None:
    assert (catalogue.line, catalogue.items[0].line, catalogue.items[1].line) == (1, 12, 35)
    assert minimal().line is None


def test_lines_take_no_part_in_equality() -> None:
    spread = "<catalogue>\n\n<name>n</name>\n<item>\n<title>t</title></item></catalogue>"
    assert read(spread, Catalogue) == minimal()


def test_an_element_tree_can_be_read_as_well() -> None:
    assert write(read(etree.fromstring(FULL), Catalogue)) == FULL
    commented = etree.fromstring(FULL.replace("<name>ma", "<!-- a --><name><?pi?>m<!-- b -->a"))
    assert write(read(commented, Catalogue)) == FULL
    assert len(list(commented.iter(etree.Comment))) == 2, "the caller's tree is left alone"


def test_a_fragment_of_a_family_reads_as_its_variant() -> None:
    assert read("<spot type='shelf' row='4'/>", Spot) == ShelfSpot(row=4)
    with pytest.raises(InvalidDocument, match="'row' is missing"):
        read("<spot type='shelf'/>", Spot)


def test_trusted_documents_are_read_without_the_gate_but_not_blindly() -> None:
    assert write(read(FULL, Catalogue, trusted=True)) == FULL
    with pytest.raises(InvalidDocument, match="did you mean 'title'"):
        read("<catalogue><name>n</name><item><titel>t</titel></item></catalogue>", Catalogue, trusted=True)
    with pytest.raises(InvalidDocument, match="'kind' cannot be 'bok'"):
        read("<catalogue><name>n</name><item kind='bok'><title>t</title></item></catalogue>", Catalogue, trusted=True)


def test_volatile_fields_are_for_live_documents_only(catalogue: Catalogue) -> None:
    inactive = write(catalogue, live=False)
    assert "id='7'" not in inactive
    assert "<borrowed>" not in inactive
    assert "<borrowed>3</borrowed>" in write(catalogue)


def test_secrets_are_written_only_when_asked_for() -> None:
    made = minimal(secret="shh")
    assert "shh" not in write(made)
    assert "<secret>shh</secret>" in write(made, secure=True)


def test_defaults_are_written_unless_declared_otherwise() -> None:
    assert "kind='book'" in write(minimal())
    assert "renewed" not in write(minimal(loans=[Loan(guest="g")]))
    assert "renewed='yes'" in write(minimal(loans=[Loan(guest="g", renewed=True)]))


def test_a_conditional_default_is_not_written_where_it_may_not_stand() -> None:
    assert write(Gear()) == "<gear/>\n"
    assert "speed='slow'" in write(Gear(drive="motor"))


def test_fields_declared_last_follow_those_of_derived_classes() -> None:
    assert write(ShelfSpot(note="n", row=1)) == "<spot type='shelf' row='1' note='n'/>\n"


def test_plain_texts_do_for_enumerations() -> None:
    assert write(minimal(kind="disc")) == write(minimal(kind=Kind.DISC))


@pytest.mark.parametrize("text", ["&amp; & < > ' \"", "a\tb\nc\rd", "  spaces  ", "ünï😀", "]]>"])
def test_any_text_survives(text: str) -> None:
    made = Catalogue(name="n", items=[Item(title="t", source=Printed(press=text), spot=ShelfSpot(row=1, note=text))])
    made.items[0].title = text
    made.items[0].secret = text
    assert read(write(made, secure=True), Catalogue) == made


def test_without_pretty_there_is_no_space_between_elements() -> None:
    flat = write(minimal(), pretty=False)
    assert flat == "<catalogue><name>n</name><item kind='book'><title>t</title></item></catalogue>"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (minimal(kind="nonsense"), "kind of <item> cannot be 'nonsense'"),
        (Catalogue(name="n", items=[Item(title="a\0b")]), "cannot stand"),
        (minimal(folds="many"), "folds of <folds> cannot be 'many'"),
        (minimal(spot=ShelfSpot(row=1, room=1 << 20)), "room of <spot>"),
        (minimal(loans=[Loan(guest="g", renewed="maybe")]), "expected 'yes' or 'no'"),
    ],
)
def test_a_value_that_has_no_text_is_refused_by_name(made: Catalogue, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        write(made)


def test_metadata_is_kept_as_it_came() -> None:
    inside = '<m:a xmlns:m="urn:m" xmlns:unused="urn:u" x="&lt;"> text <m:b/>\n\ttail</m:a>'
    metadata = f"<metadata>{inside}<plain/></metadata>"
    xml = f"<catalogue xmlns:out='urn:o'><name>n</name>{metadata}<item><title>t</title></item></catalogue>"
    made = read(xml, Catalogue)
    assert made.metadata is not None
    assert made.metadata.get("urn:m") == inside
    assert list(made.metadata.namespaces()) == ["urn:m", ""]
    assert read(write(made), Catalogue) == made


def test_metadata_is_changed_one_namespace_at_a_time() -> None:
    kept = Verbatim({"urn:a": '<a xmlns="urn:a"/>'})
    kept.set("urn:b", "<thing><part n='1'/></thing>", prefix="b")
    assert kept.get("urn:b") == '<b:thing xmlns:b="urn:b"><b:part n="1"/></b:thing>'
    kept.set("urn:b", "<x:other xmlns:x='urn:b'/>")
    assert list(kept.namespaces()) == ["urn:a", "urn:b"]
    assert "other" in (kept.get("urn:b") or "")
    assert kept.get("urn:a") == '<a xmlns="urn:a"/>'
    assert kept.remove("urn:b")
    assert not kept.remove("urn:b")
    with pytest.raises(InvalidDocument, match="belongs to namespace urn:c"):
        kept.set("urn:b", "<x xmlns='urn:c'/>")
    with pytest.raises(InvalidDocument, match="not well-formed"):
        kept.set("urn:b", "<x>")
    with pytest.raises(InvalidArgument, match="cannot be written"):
        kept.set("urn:b", "<x/>", prefix="a b")


def test_replace_and_copy_leave_the_original_alone(catalogue: Catalogue) -> None:
    other = catalogue.replace(name="other")
    deep = catalogue.copy()
    deep.items[0].tags.append("new")
    assert (catalogue.name, other.name) == ("main", "other")
    assert catalogue.items[0].tags == ["old", "heavy"]
    assert deep != catalogue


def test_walking_visits_every_element_in_order(catalogue: Catalogue) -> None:
    titles = [element.title for element in catalogue.walk() if isinstance(element, Item)]
    assert titles == ["Weights & Measures <2nd>", "Folded in", "Noise"]
    assert all(isinstance(element, Element) for element in catalogue.walk())


def test_repr_says_what_differs_from_the_defaults() -> None:
    assert repr(ShelfSpot(row=3)) == "ShelfSpot(row=3)"
    assert repr(Shape(mode="round")) == "Shape(mode='round')"


def test_a_variant_knows_the_value_that_chooses_it() -> None:
    assert ShelfSpot(row=1).type is Place.SHELF
    assert str(DrawerSpot(drawer="d")) == "<spot type='drawer' drawer='d'/>\n"
