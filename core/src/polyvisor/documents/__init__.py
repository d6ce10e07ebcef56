"""Documents: classes bound to XML elements, and everything that follows from the binding.

A model module declares what an element is, once::

    @element("disk")
    class Disk(Element):
        type: DiskType = attribute(default=DiskType.FILE)
        target: DiskTarget = required(child())
        readonly: bool = flag()

From that come the reader (:func:`read`), the writer (:func:`write`), the RELAX NG grammar (:func:`relaxng`), the
XSD 1.1 schema (:func:`xsd`), validation (:func:`check`) and an explanation of what is wrong (:func:`diagnose`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from polyvisor.documents import datatypes
from polyvisor.documents.classes import Element, element, variant
from polyvisor.documents.faults import Fault
from polyvisor.documents.fields import (
    OneOf,
    Takes,
    Together,
    attribute,
    child,
    children,
    extensions,
    flag,
    raw,
    required,
    text,
    value,
    values,
)
from polyvisor.documents.verbatim import Verbatim
from polyvisor.errors import InvalidDocument

if TYPE_CHECKING:
    from lxml.etree import RelaxNG, _Element

    from polyvisor.documents.contributions import Contribution, Word

Root = TypeVar("Root", bound=Element)


def __getattr__(name: str) -> object:
    if name not in ("Contribution", "Word"):
        raise AttributeError(f"module 'polyvisor.documents' has no attribute {name!r}")
    from polyvisor.documents import contributions

    return getattr(contributions, name)


def read(
    xml: bytes | str | _Element, root: type[Root], *, contributions: Iterable[Contribution] = (), trusted: bool = False
) -> Root:
    """The document as an Element of class ``root``.

    ``contributions`` are what drivers and others bring to it; they are looked at only if the document has something
    in it that ``root`` alone does not. ``trusted`` skips the gate, for what Polyvisor itself wrote. Raises
    InvalidDocument, with every fault, for a document that is not valid."""
    from polyvisor.documents.reader import Misfit, read_root

    tree = _tree(xml)
    needed = tuple(contributions) if trusted else _check(tree, root, contributions)
    try:
        made = read_root(tree, root, needed)
    except Misfit as misfit:
        raise _invalid(root, _explained(tree, root, needed, str(misfit))) from misfit
    assert isinstance(made, root)
    return made


def write(root: Element, *, live: bool = True, secure: bool = False, pretty: bool = True) -> str:
    """The canonical document of an Element: declaration order, two spaces a level, single quotes.

    ``live``: with the fields that only running objects have; ``secure``: with passwords and keys; ``pretty``: an
    element a line. Raises InvalidArgument for a value that its field cannot have."""
    from polyvisor.documents.writer import write as written

    return written(root, live=live, secure=secure, pretty=pretty)


def check(xml: bytes | str | _Element, root: type[Element], *, contributions: Iterable[Contribution] = ()) -> None:
    """Raise InvalidDocument, with every fault, unless the document is valid."""
    _check(_tree(xml), root, contributions)


def diagnose(
    xml: bytes | str | _Element, root: type[Element], *, contributions: Iterable[Contribution] = ()
) -> list[Fault]:
    """Every fault of a document, in the order in which to mend them; empty when it is valid."""
    try:
        tree = _tree(xml)
    except InvalidDocument as error:
        return [fault for fault in error.faults if isinstance(fault, Fault)]
    return _faults(tree, root, contributions)[0]


def relaxng(root: type[Element], contributions: Iterable[Contribution] = (), *others: type[Element]) -> bytes:
    """The RELAX NG grammar of a root class's documents; those of ``others`` may be the root as well."""
    from polyvisor.documents.grammar import emit

    return emit(root, tuple(contributions), *others)


def xsd(root: type[Element], contributions: Iterable[Contribution] = (), *others: type[Element]) -> bytes:
    """The XSD 1.1 schema of a root class's documents; those of ``others`` may be the root as well."""
    from polyvisor.documents.schema import emit

    return emit(root, tuple(contributions), *others)


def gate(root: type[Element], contributions: Iterable[Contribution] = ()) -> RelaxNG:
    """The compiled grammar: the committed one where there is one."""
    from polyvisor.documents.gates import gate as compiled

    return compiled(root, contributions)


def _tree(xml: bytes | str | _Element) -> _Element:
    from polyvisor.documents.parsing import parse, without_comments

    return parse(xml) if isinstance(xml, bytes | str) else without_comments(xml)


def _check(tree: _Element, root: type[Element], contributions: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """The contributions that the document needs; raises InvalidDocument unless it is valid."""
    faults, needed = _faults(tree, root, contributions)
    if faults:
        raise _invalid(root, faults)
    return needed


def _faults(
    tree: _Element, root: type[Element], contributions: Iterable[Contribution]
) -> tuple[list[Fault], tuple[Contribution, ...]]:
    """What the gate refuses, explained; and the contributions that made it valid."""
    validator = gate(root)
    if validator.validate(tree):
        return [], ()
    from polyvisor.documents.diagnosis import explain
    from polyvisor.documents.gates import namespaces, relevant

    if isinstance(contributions, Iterator):  # it may be looked at more than once
        contributions = tuple(contributions)
    found = [] if namespaces(tree) else explain(tree, root, contributions)
    if not found and (wanted := relevant(tree, contributions)):
        validator = gate(root, wanted)
        if validator.validate(tree):
            return [], wanted
    last = validator.error_log.last_error
    reason = last.message if last is not None else "the grammar refuses it"
    return found or _explained(tree, root, contributions, reason), ()


def _explained(tree: _Element, root: type[Element], contributions: Iterable[Contribution], reason: str) -> list[Fault]:
    from polyvisor.documents.diagnosis import explain

    return explain(tree, root, contributions) or [Fault(f"/{root.tag}", tree.sourceline, f"not valid: {reason}")]


def _invalid(root: type[Element], faults: list[Fault]) -> InvalidDocument:
    return InvalidDocument(f"the <{root.tag}> document is not valid", faults=faults)


__all__ = [
    "Contribution",
    "Element",
    "Fault",
    "OneOf",
    "Takes",
    "Together",
    "Verbatim",
    "Word",
    "attribute",
    "check",
    "child",
    "children",
    "datatypes",
    "diagnose",
    "element",
    "extensions",
    "flag",
    "gate",
    "raw",
    "read",
    "relaxng",
    "required",
    "text",
    "value",
    "values",
    "variant",
    "write",
    "xsd",
]
