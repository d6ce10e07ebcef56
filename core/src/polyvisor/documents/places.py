"""Where each element of a document may stand: for saying where a misplaced one belongs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from polyvisor.documents.binding import Spec, Target, members_of
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.contributions import Contribution, classes

if TYPE_CHECKING:
    from lxml.etree import _Element

_known: dict[tuple[type[Element], tuple[type[Element], ...]], dict[str, list[str]]] = {}
_FEW = 3
_MANY = 1000


class Places:
    """The parents of every tag that a root class's documents know."""

    def __init__(self, root: type[Element], contributions: Iterable[Contribution] = ()) -> None:
        key = (root, classes(contributions))
        if key not in _known:
            _known[key] = _collect(*key)
        self.parents = _known[key]

    def belongs(self, node: _Element) -> list[str]:
        """The tags of the elements that a misplaced one may have been meant for: few, nearest first.

        Those that stand around it come first; when it may stand in many others, those are not worth naming."""
        parents = [parent for parent in self.parents.get(node.tag, ()) if parent != _parent(node)]
        around: dict[str, None] = {}
        above = node.getparent()
        while above is not None:
            around.setdefault(above.tag.rpartition("}")[2])
            around.update(dict.fromkeys(str(child.tag).rpartition("}")[2] for child in islice(above, _MANY)))
            above = above.getparent()
        near = [tag for tag in around if tag in parents]
        return near[:_FEW] or (parents if len(parents) <= _FEW else [])


def _parent(node: _Element) -> str:
    parent = node.getparent()
    return "" if parent is None else parent.tag


def _collect(root: type[Element], contributions: tuple[type[Element], ...]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    seen: set[type[Element]] = set()
    waiting: list[type[Element]] = [*members_of(root), *contributions]
    for cls in contributions:
        parents.setdefault(cls.declaration.qualified, []).append(str(cls.declaration.extends))
    while waiting:
        cls = waiting.pop(0)
        if cls in seen:
            continue
        seen.add(cls)
        spec = spec_of(cls)
        for tag, targets in _children(spec):
            homes = parents.setdefault(tag, [])
            if spec.declaration.tag not in homes:
                homes.append(spec.declaration.tag)
            waiting.extend(found for target in targets for found in target.classes)
    return parents


def _children(spec: Spec) -> list[tuple[str, tuple[Target, ...]]]:
    found = []
    for bound in spec.fields:
        if bound.is_element:
            every = (*bound.targets, *(target for targets in bound.cases.values() for target in targets))
            found += [(tag, tuple(target for target in every if target.tag == tag)) for tag in bound.tags]
    return found
