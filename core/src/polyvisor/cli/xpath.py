"""Picking parts out of a document for ``--xpath``."""

from __future__ import annotations

from typing import Any

from polyvisor.errors import InvalidArgument


def select(document: str, expression: str, *, wrap: bool = False) -> str:
    """What the XPath ``expression`` selects in ``document``, a line each: elements as XML, attributes as
    ``name="value"``, text as text; empty when it selects nothing. What it computes (``count(//disk)``) as text.

    ``wrap`` puts selected elements into one element ``<nodes>``. Raises InvalidArgument for a wrong expression."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(document.encode(), parser)
    try:
        found: Any = root.getroottree().xpath(expression)
    except etree.XPathError as error:
        raise InvalidArgument(f"{expression!r} is no XPath expression: {error}") from error
    if not isinstance(found, list):
        return _value(found)
    if not wrap:
        return "\n".join(_text(node) for node in found)
    nodes = etree.Element("nodes")
    for node in found:
        if not isinstance(node, str):
            nodes.append(node)
    etree.indent(nodes)
    return _text(nodes)


def _text(node: Any) -> str:
    from lxml import etree

    if not isinstance(node, str):
        etree.indent(node)
        return str(etree.tostring(node, encoding="unicode", with_tail=False))
    if getattr(node, "is_attribute", False):
        from xml.sax.saxutils import quoteattr

        return f" {node.attrname}={quoteattr(node)}"  # type: ignore[attr-defined]
    return node


def _value(found: bool | float | str) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    return f"{found:.15g}" if isinstance(found, float) else found
