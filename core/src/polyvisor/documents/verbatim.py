"""Foreign XML inside a document, kept as it came: what ``<metadata>`` holds."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Self

from polyvisor.errors import InvalidArgument, InvalidDocument

if TYPE_CHECKING:
    from lxml.etree import _Element


class Verbatim:
    """The child elements of an element that belongs to others, each as (namespace, XML text).

    Changing one leaves the text of the rest untouched."""

    __slots__ = ("entries",)

    def __init__(self, entries: dict[str, str] | list[tuple[str, str]] | None = None) -> None:
        self.entries: list[tuple[str, str]] = list(entries.items() if isinstance(entries, dict) else entries or ())

    @classmethod
    def of(cls, node: _Element) -> Self:
        """What stands inside a parsed element."""
        from lxml import etree

        return cls([(etree.QName(child).namespace or "", _text(child, node)) for child in node])

    def get(self, namespace: str) -> str | None:
        """The XML text of the first element of a namespace."""
        return next((xml for owner, xml in self.entries if owner == namespace), None)

    def set(self, namespace: str, xml: str, *, prefix: str | None = None) -> None:
        """Put an element into a namespace, in place of the one it had.

        Names in ``xml`` that have no namespace come to belong to ``namespace``, written with ``prefix``.
        Raises InvalidDocument when it is not well-formed or belongs to another namespace, InvalidArgument for a
        namespace or prefix that XML cannot have."""
        from lxml import etree

        from polyvisor.documents.parsing import parse

        root = parse(xml)
        try:
            for node in root.iter(etree.Element):
                name = etree.QName(node)
                if name.namespace is None:
                    node.tag = f"{{{namespace}}}{name.localname}"
            if (found := etree.QName(root).namespace) != namespace:
                message = f"<{etree.QName(root).localname}> belongs to namespace {found}, not to {namespace}"
                raise InvalidDocument(message)
            if prefix is not None:
                renamed = etree.Element(root.tag, root.attrib, nsmap={prefix: namespace})
                renamed.text = root.text
                renamed.extend(list(root))
                root = renamed
        except ValueError as error:
            raise InvalidArgument(
                f"prefix {prefix!r} with namespace {namespace!r} cannot be written: {error}"
            ) from None
        etree.cleanup_namespaces(root, keep_ns_prefixes=[prefix] if prefix else None)
        text = str(etree.tostring(root, encoding="unicode", with_tail=False))
        for index, (owner, _) in enumerate(self.entries):
            if owner == namespace:
                self.entries[index] = (namespace, text)
                return
        self.entries.append((namespace, text))

    def remove(self, namespace: str) -> bool:
        """Drop what belongs to a namespace; whether there was anything."""
        kept = [entry for entry in self.entries if entry[0] != namespace]
        found = len(kept) != len(self.entries)
        self.entries = kept
        return found

    def namespaces(self) -> Iterator[str]:
        return (namespace for namespace, _ in self.entries)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verbatim) and self.entries == other.entries

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.entries!r})"


def _text(child: _Element, parent: _Element) -> str:
    """The XML of an element without the namespaces that only its surroundings use."""
    from lxml import etree

    if parent.nsmap:
        outside = parent.nsmap.items()
        own = {prefix for node in child.iter() for prefix, name in node.nsmap.items() - outside if prefix}
        child = deepcopy(child)
        etree.cleanup_namespaces(child, keep_ns_prefixes=list(own))
    return str(etree.tostring(child, encoding="unicode", with_tail=False))
