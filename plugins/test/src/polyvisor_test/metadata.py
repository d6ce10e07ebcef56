"""Title, description and custom elements of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, InvalidDocument, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


def read_metadata(config: Domain, kind: MetadataKind, uri: str | None) -> str:
    """The piece asked for; raises NoSuchMetadata."""
    if kind is MetadataKind.ELEMENT:
        namespace = _namespace(uri)
        found = config.metadata.get(namespace) if config.metadata is not None else None
    else:
        found = config.title if kind is MetadataKind.TITLE else config.description
    if not found:
        what = f"metadata of the namespace {uri}" if kind is MetadataKind.ELEMENT else kind.value
        raise NoSuchMetadata(f"domain {config.name!r} has no {what}")
    return found


def write_metadata(config: Domain, kind: MetadataKind, value: str | None, uri: str | None, key: str | None) -> None:
    """Set a piece, or with None remove it. Raises InvalidDocument for what cannot stand there."""
    if kind is MetadataKind.DESCRIPTION:
        config.description = value or None
    elif kind is MetadataKind.TITLE:
        if value and "\n" in value:
            raise InvalidDocument("a title is one line", hint="longer texts belong into the description")
        config.title = value or None
    else:
        _write_element(config, _namespace(uri), value, key)


def _write_element(config: Domain, uri: str, value: str | None, key: str | None) -> None:
    from polyvisor.documents.verbatim import Verbatim

    metadata = config.metadata if config.metadata is not None else Verbatim()
    if value is None:
        metadata.remove(uri)
    else:
        metadata.set(uri, value, prefix=key)
    config.metadata = metadata or None


def _namespace(uri: str | None) -> str:
    if not uri:
        raise InvalidArgument("custom metadata needs the URI of its namespace")
    return uri
