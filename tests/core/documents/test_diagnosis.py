# ruff: noqa: E501  (each message on one line, as it is seen)
"""Each fault is named once, at its place, with what was found, what was expected and what was probably meant."""

from __future__ import annotations

import pytest
from catalogue import Catalogue, Item
from puzzle import Puzzle

from polyvisor.documents import Element, Fault, diagnose, read
from polyvisor.errors import InvalidDocument

ITEM = "<item>\n<title>t</title>\n{}</item>"


def catalogue(inside: str) -> str:
    return f"<catalogue>\n<name>n</name>\n<item><title>t</title></item>\n{inside}\n</catalogue>"


def faults(inside: str, root: type[Element] = Catalogue) -> list[str]:
    xml = catalogue(inside) if root is Catalogue else f"<puzzle>\n{inside}</puzzle>"
    return [str(fault) for fault in diagnose(xml, root)]


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<item knd='book'><title>t</title></item>", "line 4: /catalogue/item[2]: unknown attribute 'knd'; did you mean 'kind'?"),
        ("<item Kind='book'><title>t</title></item>", "line 4: /catalogue/item[2]: unknown attribute 'Kind'; did you mean 'kind'?"),
        ("<reader q='1'/>", "line 4: /catalogue/reader: unknown attribute 'q'; expected 'role' or 'name'"),
        ("<item kind='bok'><title>t</title></item>", "line 4: /catalogue/item[2]: attribute 'kind' cannot be 'bok'; did you mean 'book'?"),
        ("<item kind='zzz'><title>t</title></item>",
         "line 4: /catalogue/item[2]: attribute 'kind' cannot be 'zzz'; expected 'book', 'disc', 'map' or 'scroll'"),
        ("<item kind=''><title>t</title></item>",
         "line 4: /catalogue/item[2]: attribute 'kind' is empty; expected 'book', 'disc', 'map' or 'scroll'"),
        ("<item><titel>t</titel></item>", "line 4: /catalogue/item[2]/titel: unknown element <titel>; did you mean 'title'?"),
        ("<item/>", "line 4: /catalogue/item[2]: <title> is missing from <item>"),
        ("<item><title/></item>", "line 4: /catalogue/item[2]/title: <title> is empty; expected a text that is not empty"),
        (ITEM.format("<title>u</title>"), "line 6: /catalogue/item[2]/title[2]: duplicate <title>: it may stand only once"),
        (ITEM.format("<author>a</author>" * 4), "line 6: /catalogue/item[2]/author[4]: duplicate <author>: it may stand only 3 times"),
        (ITEM.format("<rare>very</rare>"), "line 6: /catalogue/item[2]/rare: text 'very' is not allowed in <rare>"),
        (ITEM.format("<rare how='very'/>"), "line 6: /catalogue/item[2]/rare: unknown attribute 'how'; <rare> takes none"),
        (ITEM.format("<rare><tag>x</tag></rare>"), "line 6: /catalogue/item[2]/rare/tag: <tag> is not allowed in <rare>; it belongs in <item>"),
        (ITEM.format("<rare/>\n\n stray\n"), "line 8: /catalogue/item[2]: text 'stray' is not allowed in <item>"),
        ("\nstray", "line 5: /catalogue: text 'stray' is not allowed in <catalogue>"),
        ("<title>t</title>",
         "line 4: /catalogue/title: <title> belongs in <item>, not in <catalogue>; expected <uuid>, <metadata>, <reader>, <item>, <shape> or <spot>"),
        (ITEM.format("<shape/>"),
         "line 6: /catalogue/item[2]/shape: <shape> belongs in <catalogue>, not in <item>; "
         "expected <source>, <author>, <loan>, <tag>, <rare>, <secret>, <borrowed>, <spot> or <item>"),
        (ITEM.format("<author born='x' died='1'>a</author>"),
         "line 6: /catalogue/item[2]/author: attribute 'born' cannot be 'x'; expected a whole number from -2147483648 to 2147483647"),
        (ITEM.format("<author born='1'>a</author>"), "line 6: /catalogue/item[2]/author: 'died' is missing: 'born' needs it beside it"),
        (ITEM.format("<loan/>"), "line 6: /catalogue/item[2]/loan: <loan> needs <member> or 'guest'"),
        (ITEM.format("<loan guest='g'><member>6695eb01-f6a4-8304-79aa-97f2502e193f</member></loan>"),
         "line 6: /catalogue/item[2]/loan: <member> and 'guest' exclude one another"),
        (ITEM.format("<spot row='1'/>"), "line 6: /catalogue/item[2]/spot: attribute 'type' is missing; expected 'shelf' or 'drawer'"),
        (ITEM.format("<spot type='cellar'/>"),
         "line 6: /catalogue/item[2]/spot: attribute 'type' cannot be 'cellar' here; expected 'shelf' or 'drawer'"),
        (ITEM.format("<spot type='shelv' row='x'/>"),
         "line 6: /catalogue/item[2]/spot: attribute 'type' cannot be 'shelv'; did you mean 'shelf'?"),
        (ITEM.format("<spot type='shelf' drawer='d' row='1'/>"),
         "line 6: /catalogue/item[2]/spot: unknown attribute 'drawer'; expected 'room' or 'note'"),
        (ITEM.format("<folds>3</folds>"), "line 6: /catalogue/item[2]/folds: <folds> is not allowed with kind='book'; expected kind='map'"),
        ("<item kind='disc' binding='hard'><title>t</title></item>",
         "line 4: /catalogue/item[2]: attribute 'binding' is not allowed with kind='disc'; expected kind='book' or kind='map'"),
        ("<item kind='map'><title>t</title><source/></item>",
         "line 4: /catalogue/item[2]/source: <source> is not allowed with kind='map'; expected kind='book', kind='scroll' or kind='disc'"),
        ("<shape size='big'/>", "line 4: /catalogue/shape: attribute 'size' is not allowed with no 'mode'; expected mode='round' or mode='square'"),
        ("<x:y xmlns:x='urn:x'/>", "line 4: /catalogue/x:y: namespace 'urn:x' of <y> belongs to no installed driver"),
        ("<metadata>words</metadata>", "line 4: /catalogue/metadata: text 'words' is not allowed in <metadata>"),
        ("<reader role='child' age='99'/>", "line 4: /catalogue/reader: attribute 'age' cannot be '99'; expected a whole number from 0 to 17"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_fault_said_in_one_line(inside: str, said: str) -> None:
    assert faults(inside) == [said]


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<piece mode='b' type='y'/>", "line 2: /puzzle/piece: attribute 'type' cannot be 'y' with mode='b'; expected 'x'"),
        ("<piece mode='b'/>", "line 2: /puzzle/piece: attribute 'type' is missing with mode='b'; expected 'x'"),
        ("<lock/>", "line 2: /puzzle/lock: <lock> needs <key> or 'code'"),
        ("<lock code='1'><key>k</key></lock>", "line 2: /puzzle/lock: <key> and 'code' exclude one another"),
        ("<gear drive='motor' speed='fast'/>", "line 2: /puzzle/gear: <brake> is missing from <gear>"),
        ("<gear drive='hand' speed='fast'/>",
         "line 2: /puzzle/gear: attribute 'speed' is not allowed with drive='hand'; expected drive='motor'"),
        ("<hinge/>", "line 2: /puzzle/hinge: <left> or <right> is missing from <hinge>"),
        ("<hinge><left/><right b='b'/></hinge>", "line 2: /puzzle/hinge/right: duplicate <right>: it may stand only once"),
        ("<hinge make='two'><left/><inner one='1'/></hinge>",
         "line 2: /puzzle/hinge/inner: unknown attribute 'one'; <inner> takes no other"),
    ],
)  # fmt: skip
def test_conditions_upon_conditions_are_explained(inside: str, said: str) -> None:
    assert faults(inside, Puzzle) == [said]


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<catalog/>", "line 1: the document is a <catalog>; did you mean 'catalogue'?"),
        ("<domain/>", "line 1: the document is a <domain>; expected <catalogue>"),
        ("<catalogue xmlns='urn:y'/>", "line 1: <catalogue> is in namespace 'urn:y'; expected no namespace"),
    ],
)
def test_a_wrong_root_is_the_only_fault(xml: str, said: str) -> None:
    assert [str(fault) for fault in diagnose(xml, Catalogue)] == [said]


def test_a_fault_carries_its_facts_for_programs() -> None:
    (fault,) = diagnose(catalogue("<item kind='bok'><title>t</title></item>"), Catalogue)
    assert fault.as_dict() == {
        "path": "/catalogue/item[2]/@kind",
        "line": 4,
        "message": "attribute 'kind' cannot be 'bok'",
        "found": "bok",
        "expected": ["'book'", "'disc'", "'map'", "'scroll'"],
        "nearest": "book",
    }
    assert fault == Fault(
        "/catalogue/item[2]/@kind", 4, fault.message, found="bok", expected=fault.expected, nearest="book"
    )


def test_every_mistake_is_found_in_one_go() -> None:
    said = faults("<item knd='map'><titel>t</titel></item><reader nam='x'/><shapes/>stray")
    assert len(said) == 5
    assert all("line 4" in line for line in said)


def test_of_duplicates_the_one_that_does_not_fit_is_named() -> None:
    # the shelf was meant to be something else: the second, sound one is not to blame
    said = faults(ITEM.format("<spot>?</spot><spot type='shelf' row='1'/>"))
    assert said == ["line 6: /catalogue/item[2]/spot[1]: duplicate <spot>: it may stand only once"]


def test_reading_raises_with_all_faults() -> None:
    with pytest.raises(InvalidDocument) as caught:
        read("<item knd='x'/>", Item)
    assert [fault.path for fault in caught.value.faults] == ["/item/@knd", "/item"]
    assert caught.value.as_dict()["faults"][0]["nearest"] == "kind"
    assert "the <item> document is not valid" in str(caught.value)
