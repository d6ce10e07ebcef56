"""Title, description and custom XML of guests of this host: part of their documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.local import bus, configuration
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.events import Event, EventKind
from polyvisor.operations.metadata import read_metadata, write_metadata
from polyvisor.operations.records import Affect, DomainRef

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession
    from polyvisor.model.domain import Domain


def get(session: LocalSession[Any], domain: DomainRef, kind: MetadataKind, uri: str | None, affect: Affect) -> str:
    """One piece of metadata. Raises NoSuchMetadata."""
    return read_metadata(domain, configuration.affected_one(session, domain, affect), kind, uri)


def put(
    session: LocalSession[Any],
    domain: DomainRef,
    kind: MetadataKind,
    value: str | None,
    uri: str | None,
    key: str | None,
    affect: Affect,
) -> None:
    """Set or remove one piece of metadata, and tell all managers."""

    def change(config: Domain) -> None:
        write_metadata(config, kind, value, uri=uri, key=key)

    with session.store.lock(domain.uuid):
        session.settle(domain.uuid)
        live_one, stored_one = configuration.affected(session, domain, affect)
        configuration.update(session, domain, change, live_one=live_one, stored_one=stored_one)
    bus.publish(session, Event(EventKind.METADATA_CHANGE, domain, data={"type": MetadataKind(kind).value, "uri": uri}))
