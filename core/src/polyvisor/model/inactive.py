"""The configuration within a live document: the same object without what one run of it made up."""

from __future__ import annotations

from typing import TypeVar

from polyvisor.documents import Element

Document = TypeVar("Document", bound=Element)


def inactive(document: Document) -> Document:
    """A copy of ``document`` without volatile fields (a domain's id), runtime-only elements (its aliases) and ports.

    It is what writing with ``live=False`` writes, secrets included."""
    made = document.copy()
    for element in list(made.walk()):
        _forget(element)
    return made


def _forget(element: Element) -> None:
    if (resting := element.at_rest()) is not element:
        vars(element).update(vars(resting))
    for field in type(element).fields():
        held = getattr(element, field.attr)
        if field.volatile:
            setattr(element, field.attr, [] if isinstance(held, list) else field.default)
        elif isinstance(held, list):
            setattr(element, field.attr, [each for each in held if not _runtime_only(each)])
        elif _runtime_only(held):
            setattr(element, field.attr, field.default)


def _runtime_only(value: object) -> bool:
    return isinstance(value, Element) and value.runtime_only
