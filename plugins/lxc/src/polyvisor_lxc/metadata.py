"""Title, description and custom XML of a guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.records import Affect
from polyvisor.spi import DomainRef, Event, EventKind
from polyvisor.state import write_atomic
from polyvisor_lxc import bus, configuration, guests, live
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


def get(session: LxcSession, domain: DomainRef, kind: MetadataKind, uri: str | None, affect: Affect) -> str:
    """One piece of metadata. Raises NoSuchMetadata."""
    kind = MetadataKind(kind)
    live_one, _ = configuration.affected(session, domain, affect)
    config = (
        configuration.read_live(session, domain)
        if live_one
        else configuration.load(session, configuration.stored(session, domain))
    )
    found = _read(config, kind, uri)
    if found is None:
        what = f"metadata of namespace {uri}" if kind is MetadataKind.ELEMENT else kind.value
        raise NoSuchMetadata(f"{domain} has no {what}", target=str(domain), driver="lxc")
    return found


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
    kind = MetadataKind(kind)
    if kind is MetadataKind.TITLE and value is not None and "\n" in value:
        raise InvalidArgument("a title is one line", hint="use the description for more")
    with session.store.lock(domain.uuid):
        guests.settle(session, domain.uuid)
        live_one, stored_one = configuration.affected(session, domain, affect)

        def change(config: Domain) -> None:
            _write(config, kind, value, uri, key)

        update(session, domain, change, live_one=live_one, stored_one=stored_one)
    data = {"type": kind.value, "uri": uri}
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


def _read(config: Domain, kind: MetadataKind, uri: str | None) -> str | None:
    match kind:
        case MetadataKind.TITLE:
            return config.title
        case MetadataKind.DESCRIPTION:
            return config.description
    namespace = _namespace(uri)
    return config.metadata.get(namespace) if config.metadata is not None else None


def _write(config: Domain, kind: MetadataKind, value: str | None, uri: str | None, key: str | None) -> None:
    match kind:
        case MetadataKind.TITLE:
            config.title = value or None
        case MetadataKind.DESCRIPTION:
            config.description = value or None
        case MetadataKind.ELEMENT:
            _write_element(config, value, _namespace(uri), key)


def _write_element(config: Domain, value: str | None, namespace: str, key: str | None) -> None:
    from polyvisor.documents import Verbatim

    held = config.metadata or Verbatim()
    if value is None:
        held.remove(namespace)
    elif key:
        held.set(namespace, value, prefix=key)
    else:
        raise InvalidArgument("custom metadata is written with a prefix", hint="give key")
    config.metadata = held or None


def _namespace(uri: str | None) -> str:
    if not uri:
        raise InvalidArgument("custom metadata is found by its namespace", hint="give uri")
    return uri
