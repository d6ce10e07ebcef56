"""The gate: the compiled RELAX NG grammar that accepts or refuses a document."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from polyvisor.documents.classes import Element
from polyvisor.documents.contributions import Contribution, Unavailable, Word

if TYPE_CHECKING:
    from lxml.etree import RelaxNG, _Element

_gates: dict[tuple[type[Element], frozenset[Contribution]], RelaxNG] = {}
_lock = threading.Lock()


def gate(root: type[Element], contributions: Iterable[Contribution] = ()) -> RelaxNG:
    """The validator of a root class's documents; compiled once for each set of contributions."""
    key = (root, frozenset(each for each in contributions if not isinstance(each, Unavailable)))
    found = _gates.get(key)
    if found is None:
        with _lock:
            found = _gates.get(key)
            if found is None:
                found = _gates[key] = _compiled(root, sorted(key[1], key=_order))
    return found


def namespaces(tree: _Element) -> set[str]:
    """The namespaces of the elements of a document."""
    tags = {str(node.tag) for node in tree.iter()}
    return {tag[1:].partition("}")[0] for tag in tags if tag.startswith("{")}


def relevant(tree: _Element, contributions: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """The contributions that can make a difference to a document: those of the namespaces in it, and all words."""
    spaces = namespaces(tree)
    return tuple(
        each
        for each in contributions
        if isinstance(each, Word)
        or (isinstance(each, type) and each.declaration.namespace and each.declaration.namespace in spaces)
    )


def _order(contribution: Contribution) -> tuple[str, str]:
    if isinstance(contribution, Word):
        return (contribution.datatype, contribution.text)
    return ("", contribution.declaration.qualified) if isinstance(contribution, type) else ("", "")


def _compiled(root: type[Element], contributions: list[Contribution]) -> RelaxNG:
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
