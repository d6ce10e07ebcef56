"""RELAX NG patterns as values: built, simplified, shared, and only at the end turned into XML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lxml import etree

from polyvisor.documents.datatypes import Datatype

NAMESPACE = "http://relaxng.org/ns/structure/1.0"
DATATYPES = "http://www.w3.org/2001/XMLSchema-datatypes"


class Pattern(NamedTuple):
    """A pattern; immutable, so one may stand in many places."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Pattern, ...] = ()
    text: str | None = None

    def tree(self) -> etree._Element:
        """The pattern as XML."""
        node = etree.Element(f"{{{NAMESPACE}}}{self.tag}", dict(self.attributes), nsmap={None: NAMESPACE})
        node.text = self.text
        node.extend(child.tree() for child in self.children)
        return node


EMPTY = Pattern("empty")
TEXT = Pattern("text")
NOTHING = Pattern("notAllowed")


def ref(name: str) -> Pattern:
    return Pattern("ref", (("name", name),))


def element(tag: str, content: Pattern) -> Pattern:
    return _named("element", tag, content)


def attribute(name: str, content: Pattern) -> Pattern:
    return _named("attribute", name, content)


def _named(pattern: str, qualified: str, content: Pattern) -> Pattern:
    namespace, _, name = qualified.rpartition("}")
    names = (("name", name), ("ns", namespace[1:])) if namespace else (("name", name),)
    children = content.children if content.tag == "group" else (content,)
    return Pattern(pattern, names, () if pattern == "attribute" and content == TEXT else children)


def optional(content: Pattern) -> Pattern:
    return content if content.tag in ("optional", "zeroOrMore", "empty") else Pattern("optional", (), (content,))


def is_optional_attribute(pattern: Pattern) -> bool:
    return pattern.tag == "optional" and len(pattern.children) == 1 and pattern.children[0].tag == "attribute"


def greedy(optional: Pattern) -> Pattern:
    """An optional pattern as a choice between it and nothing: the same to the specification.

    As a branch of an ``interleave``, libxml2 goes on with the first choice that fits, and with that alone. After an
    ``optional`` it goes on with and without what is there, so that twenty optional attributes are a million ways."""
    return Pattern("choice", (), (*optional.children, EMPTY))


def repeated(content: Pattern, least: int, most: int | None) -> Pattern:
    """A pattern between ``least`` and ``most`` times (None: any number), as a single branch of an interleave."""
    if most is None:
        several = Pattern("oneOrMore" if least else "zeroOrMore", (), (content,))
        return group((*(content for _ in range(least - 1)), several))
    beyond = EMPTY
    for _ in range(most - least):
        beyond = optional(group((content, beyond)))
    return group((*(content for _ in range(least)), beyond))


def group(parts: Iterable[Pattern]) -> Pattern:
    return _several("group", [inner for part in parts for inner in (part.children if part.tag == "group" else (part,))])


def interleave(parts: Iterable[Pattern]) -> Pattern:
    return _several("interleave", parts)


def choice(parts: Iterable[Pattern]) -> Pattern:
    """One of several; ``empty`` among them makes the rest optional."""
    every = [inner for part in parts for inner in (part.children if part.tag == "choice" else (part,))]
    unique = list(dict.fromkeys(every))
    if not unique:
        return NOTHING
    if EMPTY in unique and len(unique) > 1:
        rest = [part for part in unique if part != EMPTY]
        return optional(rest[0] if len(rest) == 1 else Pattern("choice", (), tuple(rest)))
    return unique[0] if len(unique) == 1 else Pattern("choice", (), tuple(unique))


def _several(tag: str, parts: Iterable[Pattern]) -> Pattern:
    kept = [part for part in parts if part != EMPTY]
    if not kept:
        return EMPTY
    return kept[0] if len(kept) == 1 else Pattern(tag, (), tuple(kept))


def value(text: str) -> Pattern:
    return Pattern("value", (("type", "string"),), text=text)


def data(datatype: Datatype, excluded: Sequence[str] = ()) -> Pattern:
    """A datatype, less some texts."""
    if datatype.members:
        return choice(data(member, excluded) for member in datatype.members)
    if datatype.enumeration:
        return choice(value(text) for text in datatype.enumeration if text not in excluded)
    facets = {"pattern": datatype.pattern} | (_bounds(datatype) if datatype.numeric else _lengths(datatype))
    params = [Pattern("param", (("name", name),), text=text) for name, text in facets.items() if text is not None]
    if excluded:
        params.append(Pattern("except", (), (choice(value(text) for text in excluded),)))
    return Pattern("data", (("type", datatype.base),), tuple(params))


def _bounds(datatype: Datatype) -> dict[str, str | None]:
    least, most = datatype.implied_range
    return {
        "minInclusive": str(datatype.minimum) if datatype.minimum != least else None,
        "maxInclusive": str(datatype.maximum) if datatype.maximum != most else None,
    }


def _lengths(datatype: Datatype) -> dict[str, str | None]:
    return {
        "minLength": str(datatype.minimum) if datatype.minimum else None,
        "maxLength": str(datatype.maximum) if datatype.maximum is not None else None,
    }
