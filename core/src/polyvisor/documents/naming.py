"""Keys of plain data: what an attribute or a child element of a class is called in JSON and YAML.

A key is the XML name; names of a driver's namespace have their prefix before them (``qemu:commandline``). Three things
need more, and the declarations say where: an attribute that shares its name with a child element, or is called
``text`` beside text, is written ``@name`` (which is read everywhere); text beside attributes is ``text``; a list
whose entries have several tags, in an order that counts, goes by the name that the field has in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Spec, Target
from polyvisor.documents.classes import Declaration
from polyvisor.documents.datatypes import Datatype

TEXT = "text"
"""The key of an element's own text."""

_TRUTHS = (("yes", "no"), ("on", "off"), ("true", "false"))
"""Pairs of words that are true and false where nothing else may stand."""


class Keys:
    """The keys of one class.

    ``attributes`` and ``elements`` have the key of an XML name, ``places`` the field and tag (empty for attributes,
    text, and lists of several tags) of a key."""

    __slots__ = ("attributes", "elements", "places")

    def __init__(self, spec: Spec) -> None:
        self.attributes: dict[str, str] = {}
        self.elements: dict[str, str] = {}
        self.places: dict[str, tuple[Bound, str]] = {}
        for bound in spec.fields:
            for tag, key in _elements(spec, bound):
                self.elements[tag] = key
                self.places[key] = (bound, "" if mixed(bound) else tag)
        if spec.text is not None:
            self.places[TEXT] = (spec.text, "")
        for name, bound in spec.attributes.items():
            self.attributes[name] = key = f"@{name}" if name in self.places else name
            self.places[key] = (bound, "")

    def place(self, key: str) -> tuple[Bound, str] | None:
        """The field and tag of a key, an attribute's with ``@`` before its name too; None for an unknown key."""
        found = self.places.get(key)
        if found is None and key.startswith("@"):
            found = self.places.get(key[1:])
            return found if found is not None and found[0].kind == f.ATTRIBUTE else None
        return found


def keys_of(spec: Spec) -> Keys:
    """The keys of a class, worked out once."""
    keys: Keys = spec.plan("keys", Keys)
    return keys


def mixed(bound: Bound) -> bool:
    """Whether a field is a list whose entries have several tags."""
    return bound.kind in f.LISTS and len(bound.tags) > 1


def every_target(bound: Bound) -> Iterator[Target]:
    """All that a child field may be, whatever stands beside it."""
    yield from bound.targets
    for targets in bound.cases.values():
        yield from targets


def prefixed(declaration: Declaration, tag: str) -> str:
    """The key of a tag that belongs to the namespace of a declaration, or to none."""
    namespace, _, local = tag.rpartition("}")
    return f"{declaration.prefix}:{local}" if namespace else local


def _elements(spec: Spec, bound: Bound) -> Iterator[tuple[str, str]]:
    """Each tag of a field with its key."""
    if not bound.is_element:
        return
    if mixed(bound):
        yield from ((tag, bound.attr) for tag in bound.tags)
        return
    targets = list(every_target(bound))
    for target in targets:
        yield target.tag, prefixed(target.classes[0].declaration, target.tag)
    if not targets:
        yield bound.xml, prefixed(spec.declaration, bound.xml)


# -- scalars --------------------------------------------------------------------------------------------------


def truths(datatype: Datatype) -> tuple[str, str] | None:
    """The words for true and false, for a datatype that has no others."""
    return next((pair for pair in _TRUTHS if datatype.listed and set(datatype.values()) == {*pair}), None)


def plain(datatype: Datatype | None, text: str) -> str | int | bool:
    """The text of a datatype as plain data: a truth, a whole number in plain decimal digits, or the text itself."""
    if datatype is None:
        return text
    if pair := truths(datatype):
        return text == pair[0] if text in pair else text
    if _whole(datatype) and len(text) <= 20 and text.removeprefix("-").isdecimal() and str(int(text)) == text:
        return int(text)
    return text


def _whole(datatype: Datatype) -> bool:
    """Whether whole numbers are among the values."""
    return (datatype.numeric and datatype.base != "decimal") or any(map(_whole, datatype.members))


def text_of(datatype: Datatype | None, value: object) -> str:
    """The XML text of a scalar; ValueError for what is none, or stands for nothing in this datatype."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return _truth(datatype, value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float) and value - value == 0:
        from decimal import Decimal

        return f"{Decimal(repr(value)):f}"
    raise ValueError(f"{shown(value)} cannot stand here; expected {described(datatype)}")


def _truth(datatype: Datatype | None, value: bool) -> str:
    words = () if datatype is None else datatype.values()
    for pair in _TRUTHS:
        if pair[0] in words or pair[1] in words:
            return pair[not value]
    word = _TRUTHS[-1][not value]
    if datatype is None or datatype.accepts(word):
        return word
    raise ValueError(f"{word} cannot stand here; expected {described(datatype)}")


def described(datatype: Datatype | None) -> str:
    """What may stand, to follow "expected"."""
    if datatype is None:
        return "text"
    return "true or false" if truths(datatype) else datatype.describe


def shown(value: object) -> str:
    """A value as a message names it."""
    if value is None:
        return "null"
    return _KINDS[type(value)](value) if type(value) in _KINDS else f"a {type(value).__name__}"


_KINDS: Mapping[type, Callable[[Any], str]] = {
    dict: lambda value: "an object",
    list: lambda value: "a list",
    bool: lambda value: str(value).lower(),
    int: lambda value: f"{value:.6g}" if abs(value) > 10**20 else str(value),
    float: str,
    str: lambda value: repr(value if len(value) <= 60 else value[:57] + "..."),
}
