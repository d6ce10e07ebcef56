"""The documents: domain, capabilities and the rest, each a class declared once.

Importing this package imports none of them; :func:`root` loads the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, InvalidDocument

if TYPE_CHECKING:
    from polyvisor.documents import Element

KINDS: dict[str, str] = {
    "domain": "polyvisor.model.domain:Domain",
    "capability": "polyvisor.model.capabilities:Capabilities",
    "domaincaps": "polyvisor.model.domaincaps:DomainCapabilities",
}
"""Kind of document -> where its class is. A kind is also the name of its schema files."""


FAMILIES: dict[str, str] = {
    "device": "polyvisor.model.device:classes",
}
"""Kind of document that has several root elements -> the function that returns their classes."""


def kinds() -> tuple[str, ...]:
    """The kinds of document that have a class and schemas of their own."""
    return tuple(KINDS)


def root(kind: str) -> type[Element]:
    """The class of a kind of document; InvalidArgument for a kind there is not."""
    try:
        module, _, name = KINDS[kind].partition(":")
    except KeyError:
        raise InvalidArgument(
            f"there is no kind of document called {kind!r}", hint=f"known: {', '.join(KINDS)}"
        ) from None
    found: type[Element] = getattr(import_module(module), name)
    return found


def roots(kind: str) -> tuple[type[Element], ...]:
    """The classes a document of that kind may be: one, or for ``device`` that of each device.

    Raises InvalidArgument for a kind there is not."""
    if kind not in FAMILIES:
        return (root(kind),)
    module, _, name = FAMILIES[kind].partition(":")
    found: tuple[type[Element], ...] = getattr(import_module(module), name)()
    return found


def parse(kind: str, xml: bytes | str, *, contributions: Iterable[type[Element]] = ()) -> Element:
    """Read a document of a kind; raises InvalidDocument naming each fault."""
    from polyvisor.documents import read

    if kind not in FAMILIES:
        return read(xml, root(kind), contributions=tuple(contributions))
    from polyvisor.documents.parsing import parse as parse_tree

    tree = parse_tree(xml)
    classes = {cls.declaration.qualified: cls for cls in roots(kind)}
    if tree.tag not in classes:
        raise _no_such_root(kind, str(tree.tag), tree.sourceline, sorted(classes))
    return read(tree, classes[tree.tag], contributions=tuple(contributions))


def _no_such_root(kind: str, tag: str, line: int | None, known: list[str]) -> InvalidDocument:
    from polyvisor.documents import Fault
    from polyvisor.documents.nearest import nearest

    near = nearest(tag, known)
    message = f"<{tag}> is no {kind}"
    fault = Fault(f"/{tag}", line, message, found=tag, expected=() if near else tuple(known), nearest=near)
    return InvalidDocument(f"the <{tag}> document is not valid", faults=[fault])


def format(document: Element, *, live: bool = True, secure: bool = False, pretty: bool = True) -> str:
    """Write a document. Without ``live`` what belongs to a running object only is left out; secrets want ``secure``."""
    from polyvisor.documents import write

    return write(document, live=live, secure=secure, pretty=pretty)
