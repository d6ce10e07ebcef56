"""Title, description and custom XML of a guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.metadata import read_metadata, write_metadata
from polyvisor.operations.records import Affect
from polyvisor.spi import DomainRef, Event, EventKind
from polyvisor.state import write_atomic
from polyvisor_lxc import bus, configuration, guests, live
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


def get(session: LxcSession, domain: DomainRef, kind: MetadataKind, uri: str | None, affect: Affect) -> str:
    """One piece of metadata. Raises NoSuchMetadata."""
    live_one, _ = configuration.affected(session, domain, affect)
    config = (
        configuration.read_live(session, domain)
        if live_one
        else configuration.load(session, configuration.stored(session, domain))
    )
    return read_metadata(domain, config, kind, uri)


def put(
    session: LxcSession,
    domain: DomainRef,
    kind: MetadataKind,
    value: str | None,
    uri: str | None,
    key: str | None,
    affect: Affect,
) -> None:
    """Set or remove one piece of metadata."""
    with session.store.lock(domain.uuid):
        guests.settle(session, domain.uuid)
        live_one, stored_one = configuration.affected(session, domain, affect)

        def change(config: Domain) -> None:
            write_metadata(config, kind, value, uri=uri, key=key)

        update(session, domain, change, live_one=live_one, stored_one=stored_one)
    data = {"type": MetadataKind(kind).value, "uri": uri}
    bus.publish(session, Event(EventKind.METADATA_CHANGE, domain, data=data))


def update(
    session: LxcSession, domain: DomainRef, change: Callable[[Domain], None], *, live_one: bool, stored_one: bool
) -> None:
    """Apply ``change`` to the live document, the stored one, or both; the caller holds the guest's lock."""
    changed: list[Callable[[], object]] = []
    if live_one:
        running = configuration.read_live(session, domain)
        change(running)
        changed.append(lambda: _keep_live(session, domain, running))
    if stored_one:
        entry = configuration.stored(session, domain)
        config = configuration.load(session, entry)
        change(config)
        text, summary = configuration.text(config), configuration.summary(config)
        changed.append(lambda: session.store.put(entry.name, entry.uuid, text, summary))
    for keep in changed:
        keep()


def _keep_live(session: LxcSession, domain: DomainRef, running: Domain) -> None:
    write_atomic(session.files(domain.uuid).live, live.document(running), durable=False)
    status = session.store.read_status(domain.uuid)
    if status is not None:
        session.store.write_status(domain.uuid, {**status, **configuration.summary(running)})
