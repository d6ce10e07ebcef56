"""Refusing what a document asks and a driver does not do, so that nothing is ever dropped in silence."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration

if TYPE_CHECKING:
    from polyvisor.documents.classes import Element

_IDENTITY = ("alias", "address")


class Support:
    """Refusals in the name of one driver."""

    def __init__(self, driver: str) -> None:
        self._driver = driver

    def only(self, element: Element | None, *supported: str, inside: str = "") -> None:
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
            raise self.refusal(f"{what} of {described(element, inside)}", element)

    def refusal(self, what: str, element: Element | None = None, *, why: str = "") -> UnsupportedConfiguration:
        """The error for one thing that a document asks, which is not supported yet unless ``why`` says otherwise."""
        line = f"line {element.line}: " if element is not None and element.line else ""
        why = why or f"is not supported by the {self._driver} driver yet"
        return UnsupportedConfiguration(f"{line}{what} {why}", driver=self._driver)


@cache
def _others(cls: type[Element], supported: tuple[str, ...]) -> tuple[Any, ...]:
    """The fields of a class that are neither ``supported`` nor every device's."""
    known = {*supported, *_IDENTITY}
    return tuple(field for field in cls.fields() if field.attr not in known and not field.volatile)


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
