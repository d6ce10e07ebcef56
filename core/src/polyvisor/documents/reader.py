"""XML tree in, Elements out.

Each class's reader is put together once, as a table from XML name to a small closure, the first time the class is
read. (Generated source would read a large document a little sooner, but compiling it for the thirty classes of an
ordinary domain costs more than reading a hundred of them.) The reader trusts what the gate has accepted; what it
cannot place all the same, it reports as :class:`Misfit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Spec, root_target, without_none
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.contributions import Contribution, classes
from polyvisor.documents.datatypes import Datatype
from polyvisor.documents.verbatim import Verbatim

if TYPE_CHECKING:
    from lxml.etree import _Element

State = dict[str, Any]
Extensions = Mapping[tuple[str, str], type[Element]]
"""(Tag of the element extended, tag of the contributed one) -> its class."""
Store = Callable[["_Element", State, "_Element", Extensions], None]


class Misfit(Exception):
    """The reader met something that the declarations do not have; the diagnosis can say what."""


class _Plan:
    __slots__ = ("attributes", "cls", "defaults", "elements", "extensions", "factories", "lists", "text", "text_parse")

    def __init__(self, spec: Spec) -> None:
        self.cls = spec.cls
        self.defaults = spec.defaults
        self.lists = spec.lists
        self.factories = spec.factories
        self.attributes = {name: (bound.attr, _parse_of(bound.datatype)) for name, bound in spec.attributes.items()}
        self.elements = {tag: _store(bound) for tag, bound in spec.elements.items()}
        self.text = spec.text.attr if spec.text else None
        self.text_parse = _parse_of(spec.text.datatype) if spec.text else None
        self.extensions = spec.extensions.attr if spec.extensions else None


def extension_table(contributions: Iterable[Contribution]) -> Extensions:
    """Where each contributed class may stand: in the element it extends."""
    return {(str(cls.declaration.extends), cls.declaration.qualified): cls for cls in classes(contributions)}


def read_root(tree: _Element, root: type[Element], contributions: Iterable[Contribution]) -> Element:
    """The Element of a whole document; raises Misfit."""
    target = root_target(root)
    cls = target.resolve(tree) if tree.tag == target.tag else None
    if cls is None:
        raise Misfit(tree.tag)
    return read_element(tree, cls, extension_table(contributions))


def read_element(node: _Element, cls: type[Element], extensions: Extensions) -> Element:
    """The Element of a class that stands at a node; raises Misfit."""
    spec = spec_of(cls)
    plan: _Plan = spec.plans.get("read") or spec.plan("read", _Plan)
    made: Element = cls.__new__(cls)
    state = plan.defaults.copy()
    state["line"] = node.sourceline
    for name in plan.lists:
        state[name] = []
    try:
        for name, raw in node.items():
            attr, parse = plan.attributes[name]
            state[attr] = raw if parse is None else parse(raw)
        for child in node:
            store = plan.elements.get(child.tag)
            if store is not None:
                store(child, state, node, extensions)
            elif plan.extensions is not None:
                state[plan.extensions].append(
                    read_element(child, extensions[spec.declaration.tag, child.tag], extensions)
                )
            else:
                raise Misfit(child.tag)
        if plan.text is not None:
            text = node.text or ""
            if plan.text_parse is None:
                state[plan.text] = text
            elif text.strip():
                state[plan.text] = plan.text_parse(text)
    except (KeyError, ValueError, StopIteration) as error:
        raise Misfit(f"{node.tag}: {error}") from error
    for name, factory in plan.factories:
        if state[name] is None:
            state[name] = factory()
    made.__dict__ = state
    return made


def _parse_of(datatype: Datatype | None) -> Callable[[str], Any] | None:
    """None for texts that are kept as they are."""
    return None if datatype is None or datatype.parse is str else datatype.parse


def _store(bound: Bound) -> Store:
    return _STORES[bound.kind](bound)


def _store_child(bound: Bound) -> Store:
    attr = bound.attr
    if bound.by:
        return _store_child_by(bound)
    targets = {target.tag: target for target in bound.targets}
    (single,) = bound.targets if len(bound.targets) == 1 else (None,)
    if single is not None and single.only is not None:
        only = single.only

        def store_only(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
            state[attr] = read_element(child, only, extensions)

        return store_only

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        cls = targets[child.tag].resolve(child)
        if cls is None:
            raise Misfit(child.tag)
        state[attr] = read_element(child, cls, extensions)

    return store


def _store_child_by(bound: Bound) -> Store:
    attr = bound.attr

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        key = tuple([on.of(parent) for on in bound.by])
        target = next((target for target in bound.cases[key] if target.tag == child.tag), None)
        cls = None if target is None else target.resolve(child)
        if cls is None:
            raise Misfit(child.tag)
        made = read_element(child, cls, extensions)
        if bound.kind == f.CHILDREN:
            state[attr].append(made)
        else:
            state[attr] = made

    return store


def _store_children(bound: Bound) -> Store:
    if bound.by:
        return _store_child_by(bound)
    attr = bound.attr
    targets = {target.tag: target for target in bound.targets}

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        target = targets[child.tag]
        cls = target.only or target.resolve(child)
        if cls is None:
            raise Misfit(child.tag)
        state[attr].append(read_element(child, cls, extensions))

    return store


def _store_value(bound: Bound) -> Store:
    attr, parse = bound.attr, _parse_of(bound.datatype)

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        text = child.text or ""
        state[attr] = text if parse is None else parse(text)

    return store


def _store_values(bound: Bound) -> Store:
    attr, parse = bound.attr, _parse_of(bound.datatype)

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        text = child.text or ""
        state[attr].append(text if parse is None else parse(text))

    return store


def _store_flag(bound: Bound) -> Store:
    attr = bound.attr

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        state[attr] = True

    return store


def _store_raw(bound: Bound) -> Store:
    attr, kept = bound.attr, raw_class(bound)

    def store(child: _Element, state: State, parent: _Element, extensions: Extensions) -> None:
        state[attr] = kept.of(child)

    return store


def raw_class(bound: Bound) -> type[Verbatim]:
    """The Verbatim class that a raw() field's annotation names."""
    found = [part for part in without_none(bound.annotation) if isinstance(part, type) and issubclass(part, Verbatim)]
    if not found:
        raise TypeError(f"{bound.attr}: raw() is annotated with Verbatim or a subclass of it")
    return found[0]


_STORES: dict[str, Callable[[Bound], Store]] = {
    f.CHILD: _store_child,
    f.CHILDREN: _store_children,
    f.VALUE: _store_value,
    f.VALUES: _store_values,
    f.FLAG: _store_flag,
    f.RAW: _store_raw,
}
