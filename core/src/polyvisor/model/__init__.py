"""The documents: domain, capabilities and the rest, each a class declared once.

Importing this package imports none of them; :func:`root` loads the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument

if TYPE_CHECKING:
    from polyvisor.documents import Element

KINDS: dict[str, str] = {
    "domain": "polyvisor.model.domain:Domain",
    "capability": "polyvisor.model.capabilities:Capabilities",
    "domaincaps": "polyvisor.model.domaincaps:DomainCapabilities",
}
"""Kind of document -> where its class is. A kind is also the name of its schema files."""


def kinds() -> tuple[str, ...]:
    """The kinds of document there are."""
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


def parse(kind: str, xml: bytes | str, *, contributions: Iterable[type[Element]] = ()) -> Element:
    """Read a document of a kind; raises InvalidDocument naming each fault."""
    from polyvisor.documents import read

    return read(xml, root(kind), contributions=tuple(contributions))


def format(document: Element, *, live: bool = True, secure: bool = False, pretty: bool = True) -> str:
    """Write a document. Without ``live`` what belongs to a running object only is left out; secrets want ``secure``."""
    from polyvisor.documents import write

    return write(document, live=live, secure=secure, pretty=pretty)
