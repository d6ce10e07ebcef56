"""Refusing what a document asks and we do not do, so that nothing is ever dropped in silence."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration

if TYPE_CHECKING:
    from polyvisor.documents import Element

_IDENTITY = ("alias", "address")


def only(element: Element | None, *supported: str, inside: str = "") -> None:
    """Raise UnsupportedConfiguration if ``element`` sets any field that is not ``supported``, naming it.

    ``alias`` and ``address`` are every device's. ``inside`` says where the element stands, for the message."""
    if element is None:
        return
    cls: Any = type(element)
    for field in _others(cls, supported):
        value = getattr(element, field.attr)
        if value is None or value is False or value == [] or value == field.default:
            continue
        name = field.xml.rpartition("}")[2]
        what = f"<{name}>" if field.is_element else f"{name}={field.text(value)!r}"
        raise refusal(f"{what} of {described(element, inside)}", element)


@cache
def _others(cls: type[Element], supported: tuple[str, ...]) -> tuple[Any, ...]:
    """The fields of a class that are neither ``supported`` nor every device's."""
    known = {*supported, *_IDENTITY}
    return tuple(field for field in cls.fields() if field.attr not in known and not field.volatile)


def refusal(
    what: str, element: Element | None = None, *, why: str = "is not supported by the qemu driver yet"
) -> UnsupportedConfiguration:
    """The error for one thing that a document asks."""
    line = f"line {element.line}: " if element is not None and element.line else ""
    return UnsupportedConfiguration(f"{line}{what} {why}", driver="qemu")


def described(element: Element, inside: str = "") -> str:
    """An element as a person finds it again in the document."""
    tag = type(element).tag
    name = f"<{tag}>"
    target: Any = getattr(element, "target", None)
    if (device := getattr(target, "dev", None)) is not None:
        name = f"<{tag}> {device}"
    elif (kind := getattr(element, "type", None)) is not None:
        name = f"<{tag} type={str(kind)!r}>"
    return f"{name} in {inside}" if inside else name
