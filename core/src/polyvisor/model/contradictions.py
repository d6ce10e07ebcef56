"""Contradictions: what no grammar can see in a document, such as two things of one name, told as faults."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from polyvisor.documents import Element, Fault
from polyvisor.errors import InvalidDocument

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found", bound=Element)


class Contradiction(NamedTuple):
    """What is wrong, and the element that says so; ``attribute`` or ``child`` (one that is text only) narrows it."""

    element: Element
    message: str
    attribute: str = ""
    child: str = ""


def refuse(document: Element, what: str, found: Iterable[Contradiction]) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, when there is one.

    ``what`` names the document as a person would: ``network 'lab'``."""
    if faults := faults_of(document, found):
        raise InvalidDocument(f"the document of {what} contradicts itself", faults=faults)


def faults_of(document: Element, found: Iterable[Contradiction]) -> list[Fault]:
    """Contradictions as faults, each at its place in the document."""
    return [_fault(document, contradiction) for contradiction in found]


def misplaced(within: Element, extensions: Iterable[Element]) -> Iterator[Contradiction]:
    """The contributed elements that say they do not go with the element they stand in."""
    for extension in extensions:
        if message := extension.contradiction(within):
            yield Contradiction(extension, message)


def repeated(items: Iterable[tuple[Key, Found]]) -> Iterator[tuple[Key, Found]]:
    """The items whose key an earlier one has."""
    seen: set[Hashable] = set()
    for key, element in items:
        if key in seen:
            yield key, element
        seen.add(key)


def _fault(document: Element, contradiction: Contradiction) -> Fault:
    top = f"/{document.tag}"
    path = next((path for element, path in _paths(document, top) if element is contradiction.element), top)
    if contradiction.attribute:
        path += f"/@{contradiction.attribute}"
    if contradiction.child:  # whose line is not known
        return Fault(f"{path}/{contradiction.child}", None, contradiction.message)
    return Fault(path, contradiction.element.line, contradiction.message)


def _paths(element: Element, path: str) -> Iterator[tuple[Element, str]]:
    """Every element and where it stands, with an index where siblings share a tag."""
    yield element, path
    below = [
        each
        for field in type(element).fields()
        for each in _as_list(getattr(element, field.attr))
        if isinstance(each, Element)
    ]
    tags = [field_tag(element, each) for each in below]
    seen: dict[str, int] = {}
    for each, tag in zip(below, tags, strict=True):
        seen[tag] = seen.get(tag, 0) + 1
        index = f"[{seen[tag]}]" if tags.count(tag) > 1 else ""
        yield from _paths(each, f"{path}/{tag}{index}")


def field_tag(parent: Element, element: Element) -> str:
    """The tag under which ``element`` stands in ``parent``, which may not be that of its class."""
    for field in type(parent).fields():
        if any(each is element for each in _as_list(getattr(parent, field.attr))):
            return field.field.name or element.tag
    return element.tag


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
