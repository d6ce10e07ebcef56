"""The gate: the compiled RELAX NG grammar that accepts or refuses a document."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from polyvisor.documents.classes import Element

if TYPE_CHECKING:
    from lxml.etree import RelaxNG

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
