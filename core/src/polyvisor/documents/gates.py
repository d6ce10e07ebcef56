"""The gate: the compiled RELAX NG grammar that accepts or refuses a document."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from polyvisor.documents.classes import Element

if TYPE_CHECKING:
    from lxml.etree import RelaxNG, XPath, _Element

MOST_ATTRIBUTES = 8
"""The most attributes of one element that libxml2 is asked about: each further one makes it take four times as long,
because it follows every choice of optional attributes that are there (15 take seconds)."""

_gates: dict[tuple[type[Element], frozenset[type[Element]]], RelaxNG] = {}
_lock = threading.Lock()


def gate(root: type[Element], contributions: Iterable[type[Element]] = ()) -> RelaxNG:
    """The validator of a root class's documents; compiled once for each set of contributions."""
    key = (root, frozenset(contributions))
    found = _gates.get(key)
    if found is None:
        with _lock:
            found = _gates.get(key)
            if found is None:
                found = _gates[key] = _compiled(root, sorted(key[1], key=lambda cls: cls.declaration.qualified))
    return found


def overwhelms(tree: _Element) -> bool:
    """Whether a document has an element with too many attributes for the grammar; the diagnosis judges it instead."""
    return bool(_attribute_count()(tree, most=MOST_ATTRIBUTES))


@cache
def _attribute_count() -> XPath:
    from lxml import etree

    return etree.XPath("boolean(descendant-or-self::*[count(@*) > $most])")


def _compiled(root: type[Element], contributions: list[type[Element]]) -> RelaxNG:
    from lxml import etree

    rules = committed(root)
    if rules is None or contributions:
        from polyvisor.documents import grammar

        rules = grammar.emit(root, contributions) if rules is None else grammar.merge(rules, root, contributions)
    return etree.RelaxNG(etree.fromstring(rules))


def committed(root: type[Element]) -> bytes | None:
    """The grammar that was generated for this kind of document and shipped; None when there is none."""
    kind = root.declaration.kind
    if kind is None:
        return None
    try:
        import polyvisor_schemas
    except ImportError:
        return None
    path = polyvisor_schemas.path(f"{kind}.rng")
    return path.read_bytes() if path.is_file() else None
