"""Mistakes in a model are told to its author, at first use, by class and field."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from catalogue import Author, Catalogue, Item

from polyvisor import documents
from polyvisor.documents import (
    Element,
    OneOf,
    Takes,
    attribute,
    child,
    children,
    element,
    extensions,
    required,
    text,
    value,
    variant,
)
from polyvisor.documents import datatypes as dt


def test_an_unknown_keyword_names_the_nearest_field() -> None:
    with pytest.raises(TypeError, match="Item has no field 'titel'; did you mean 'title'"):
        Item(titel="t")
    with pytest.raises(TypeError, match="did you mean 'name'"):
        Author(name="n").replace(nam="m")


def test_missing_fields_are_named() -> None:
    with pytest.raises(TypeError, match=r"Item\(\) needs title"):
        Item()


def test_fields_can_be_listed_for_a_reference_page() -> None:
    found = {field.attr: field for field in Item.fields()}
    assert (found["kind"].kind, found["kind"].xml, found["kind"].datatype is not None) == ("attribute", "kind", True)
    assert found["tags"].xml == "tag"
    assert found["authors"].maximum == 3
    assert found["loans"].unbounded
    assert Catalogue.tag == "catalogue"


@element("plain")
class Plain(Element):
    a: str | None = attribute(dt.STRING)


@element("broken")
class NoAnnotation(Element):
    a = attribute(dt.STRING)


@element("broken")
class NoSuchName(Element):
    a: Nowhere | None = child()  # type: ignore[name-defined]  # noqa: F821


@element("broken")
class NoList(Element):
    a: Plain | None = children()


@element("broken")
class NoDatatype(Element):
    a: bytes | None = attribute()


@element("broken")
class NoElement(Element):
    a: str | None = child()


@element("broken")
class NoSibling(Element):
    a: str | None = attribute(dt.STRING, when={"b": "x"})


@element("broken")
class NoCases(Element):
    a: str | None = attribute(dt.STRING)
    b: Plain | None = child(by="a")


@element("broken")
class TwiceTheTag(Element):
    a: Plain | None = child()
    b: str | None = value(dt.STRING, tag="plain")


@element("broken", rules=(OneOf("a", "c"),))
class NoRuleField(Element):
    a: str | None = attribute(dt.STRING)


@element("broken", rules=(OneOf("a", "b"), OneOf("b", "a")))
class TwoRules(Element):
    a: str | None = attribute(dt.STRING)
    b: str | None = attribute(dt.STRING)


@element("broken", rules=(OneOf("a", "b"),))
class RuleOverText(Element):
    a: str | None = attribute(dt.STRING)
    b: str | None = text(dt.STRING)


class Undeclared(Element):
    a: str | None = attribute(dt.STRING)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (NoAnnotation, "NoAnnotation.a has no annotation"),
        (NoSuchName, "NoSuchName.a: Nowhere"),
        (NoList, r"NoList.a: .* annotated list\[...\]"),
        (NoDatatype, "NoDatatype.a: no datatype goes with"),
        (NoElement, "NoElement.a: .* is no Element class"),
        (NoSibling, "NoSibling.a depends on 'b'"),
        (NoCases, "NoCases.b: by= needs cases="),
        (TwiceTheTag, "both a and b are <plain>"),
        (NoRuleField, "NoRuleField: .* names 'c', which is no field"),
        (TwoRules, "TwoRules: . cannot be in"),
        (RuleOverText, "RuleOverText: b cannot be in"),
        (Undeclared, "Undeclared is not declared with @element"),
    ],
)
def test_a_wrong_declaration_is_refused_at_first_use(cls: type[Element], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        cls()


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: variant("x")(Plain), "variant of nothing"),
        (lambda: element("x", namespace="urn:x"), None),
        (lambda: element("x", namespace="urn:x")(Plain), "needs the prefix"),
        (lambda: dt.Datatype("x", base="nonsense"), "no base 'nonsense'"),
        (lambda: dt.Datatype("x", base="int", pattern="1"), "pattern goes with base 'string'"),
    ],
)
def test_wrong_decorators_and_datatypes_are_refused_at_once(declare: Callable[[], object], said: str | None) -> None:
    if said is None:
        assert callable(declare())
    else:
        with pytest.raises(TypeError, match=said):
            declare()


def test_extension_points_are_lists() -> None:
    assert Catalogue(name="n").extra == []
    assert extensions().kind == "extensions"


def test_a_field_may_take_another_value_and_make_its_element_of_it() -> None:
    @element("weight")
    class Weight(Element):
        grams: int = required(text(dt.UINT))

        @classmethod
        def of(cls, grams: int) -> Weight:
            return cls(grams=grams)

    @element("parcel")
    class Parcel(Element):
        weight: Takes[Weight | None, int] = child("weight", convert=Weight.of)

    globals()["Weight"] = Weight  # where annotations are looked up
    parcel = Parcel(weight=5)
    assert parcel.weight == Weight(grams=5)
    parcel.weight = 7
    assert parcel.replace(weight=9).weight == Weight(grams=9)
    assert documents.write(parcel) == "<parcel>\n  <weight>7</weight>\n</parcel>\n"
    assert documents.read("<parcel><weight>7</weight></parcel>", Parcel) == parcel
    parcel.weight = None
    assert parcel == Parcel()


def test_what_is_required_must_be_given() -> None:
    @element("box")
    class Box(Element):
        size: int = required(attribute(dt.UINT))
        colour: str | None = attribute(dt.NAME, required=True, when={"kind": "painted"})
        kind: str | None = attribute(dt.NAME)

    with pytest.raises(TypeError, match=r"Box\(\) needs size"):
        Box(colour="red")
    assert documents.diagnose("<box colour='red' kind='painted'/>", Box)[0].message == "attribute 'size' is missing"
