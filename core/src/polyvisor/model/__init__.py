"""The documents: domain, capabilities and the rest, each a class declared once.

Importing this package imports none of them; :func:`root` loads the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from polyvisor.errors import InvalidArgument, InvalidDocument

if TYPE_CHECKING:
    from polyvisor.documents import Contribution, Element

Document = TypeVar("Document", bound="Element")

KINDS: dict[str, str] = {
    "domain": "polyvisor.model.domain:Domain",
    "capability": "polyvisor.model.capabilities:Capabilities",
    "cpu": "polyvisor.model.cpu:CpuDescription",
    "domaincaps": "polyvisor.model.domaincaps:DomainCapabilities",
    "domainbackup": "polyvisor.model.backup:DomainBackup",
    "domaincheckpoint": "polyvisor.model.checkpoint:DomainCheckpoint",
    "domainsnapshot": "polyvisor.model.snapshot:DomainSnapshot",
    "interface": "polyvisor.model.interface:HostInterface",
    "network": "polyvisor.model.network:Network",
    "networkport": "polyvisor.model.networkport:NetworkPort",
    "nodedev": "polyvisor.model.nodedev:NodeDevice",
    "nwfilter": "polyvisor.model.nwfilter:NetworkFilter",
    "nwfilterbinding": "polyvisor.model.nwfilterbinding:FilterBinding",
    "secret": "polyvisor.model.secret:Secret",
    "storagepool": "polyvisor.model.storagepool:StoragePool",
    "storagepoolcaps": "polyvisor.model.storagepoolcaps:StoragePoolCapabilities",
    "storagevol": "polyvisor.model.storagevol:StorageVolume",
}
"""Kind of document -> where its class is. A kind is also the name of its schema files."""


FINISHERS: dict[str, str] = {
    "device": "polyvisor.model.device",
    "domain": "polyvisor.model.domain.completion",
    "domainbackup": "polyvisor.model.backup",
    "domaincheckpoint": "polyvisor.model.checkpoint",
    "domainsnapshot": "polyvisor.model.snapshot",
    "interface": "polyvisor.model.interface",
    "network": "polyvisor.model.network.completion",
    "networkport": "polyvisor.model.networkport",
    "nodedev": "polyvisor.model.nodedev",
    "nwfilter": "polyvisor.model.nwfilter.completion",
    "nwfilterbinding": "polyvisor.model.nwfilterbinding",
    "secret": "polyvisor.model.secret",
    "storagepool": "polyvisor.model.storagepool.completion",
    "storagevol": "polyvisor.model.storagevol",
}
"""Kind of document -> the module whose ``complete`` and ``check`` (either may be missing) it goes through."""

FAMILIES: dict[str, str] = {
    "device": "polyvisor.model.device:classes",
    "cpu-baseline": "polyvisor.model.cpu:baseline_classes",
}
"""Kind of document that has several root elements -> the function that returns their classes."""


def kinds() -> tuple[str, ...]:
    """The kinds of document that have a class and schemas of their own."""
    return tuple(KINDS)


@cache
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


def parse(kind: str, xml: bytes | str, *, contributions: Iterable[Contribution] = ()) -> Element:
    """Read a document of a kind; raises InvalidDocument naming each fault.

    ``contributions`` are what drivers and others bring to it; see :mod:`polyvisor.documents.owners` for those of all
    installed packages."""
    from polyvisor.documents import read

    if kind not in FAMILIES:
        return read(xml, root(kind), contributions=contributions)
    from polyvisor.documents.parsing import parse as parse_tree

    tree = parse_tree(xml)
    classes = {cls.declaration.qualified: cls for cls in roots(kind)}
    if tree.tag not in classes:
        raise _no_such_root(kind, str(tree.tag), tree.sourceline, sorted(classes))
    return read(tree, classes[tree.tag], contributions=contributions)


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


def complete(kind: str, document: Document) -> Document:
    """Fill in, in place, what a document of a kind implies on every hypervisor; returns it."""
    _finisher(kind, "complete")(document)
    return document


def check(kind: str, document: Element) -> None:
    """Raise InvalidDocument for what no grammar can see: values of a (completed) document that contradict others."""
    _finisher(kind, "check")(document)


def _finisher(kind: str, name: str) -> Callable[[Any], object]:
    module = FINISHERS.get(kind)
    return getattr(import_module(module), name, _nothing_to_do) if module else _nothing_to_do


def _nothing_to_do(document: Element) -> None:
    """For kinds of document that imply nothing, or cannot contradict themselves."""
