"""Title, description and custom XML: reading and changing them, wherever a driver keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from polyvisor.errors import InvalidArgument, InvalidDocument, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind

if TYPE_CHECKING:
    from polyvisor.documents import Verbatim
    from polyvisor.operations.records import DomainRef


class Described(Protocol):
    """What has metadata: a :class:`polyvisor.model.domain.Domain`, or whatever a driver keeps in its stead."""

    title: str | None
    description: str | None
    metadata: Verbatim | None


def read_metadata(domain: DomainRef, described: Described, kind: MetadataKind, uri: str | None) -> str:
    """One piece of what ``domain`` is described with; ``uri`` is the namespace of a custom element.

    Raises NoSuchMetadata where there is none, InvalidArgument for a custom element without its namespace."""
    kind = MetadataKind(kind)
    if kind is MetadataKind.ELEMENT:
        namespace = _namespace(uri)
        found = described.metadata.get(namespace) if described.metadata is not None else None
    else:
        found = described.title if kind is MetadataKind.TITLE else described.description
    if not found:
        what = f"metadata of namespace {uri}" if kind is MetadataKind.ELEMENT else kind.value
        raise NoSuchMetadata(f"{domain} has no {what}", target=str(domain))
    return found


def write_metadata(
    described: Described, kind: MetadataKind, value: str | None, *, uri: str | None, key: str | None
) -> None:
    """Set one piece, or with None remove it; a custom element is written with the prefix ``key``.

    Raises InvalidDocument for what cannot stand there, InvalidArgument for a custom element without its namespace."""
    kind = MetadataKind(kind)
    if kind is MetadataKind.ELEMENT:
        _write_element(described, _namespace(uri), value, key)
    elif kind is MetadataKind.DESCRIPTION:
        described.description = value or None
    else:
        if value and "\n" in value:
            raise InvalidDocument("a title is one line", hint="use the description for more")
        described.title = value or None


def _write_element(described: Described, namespace: str, value: str | None, key: str | None) -> None:
    from polyvisor.documents import Verbatim

    held = Verbatim(described.metadata.entries) if described.metadata is not None else Verbatim()
    if value is None:
        held.remove(namespace)
    else:
        held.set(namespace, value, prefix=key)
    described.metadata = held or None


def _namespace(uri: str | None) -> str:
    if not uri:
        raise InvalidArgument("custom metadata is found by its namespace", hint="give uri")
    return uri
