"""The configuration of guests, as it is stored and as it is live: define, undefine, rename, flags, changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import AlreadyExists, Busy, InvalidState, NoSuchDomain
from polyvisor.local import bus, ended, guests
from polyvisor.operations.events import Lifecycle
from polyvisor.operations.records import Affect, DomainRef
from polyvisor.state import Entry, locked, write_atomic

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession
    from polyvisor.model.domain import Domain


# -- documents --------------------------------------------------------------------------------------------


def identity(config: Domain) -> UUID:
    """The guest's UUID; a completed document has one."""
    assert config.uuid is not None
    return UUID(config.uuid)


def load(session: LocalSession[Any], entry: Entry) -> Domain:
    """A guest's stored configuration."""
    return session.parse(session.store.load(entry))


def text(config: Domain) -> bytes:
    """The document as it is stored: inactive, with its secrets."""
    from polyvisor.documents import write

    return write(config, live=False, secure=True).encode()


def live_text(running: Domain) -> bytes:
    """The live document as it is kept while the guest runs."""
    from polyvisor.documents import write

    return write(running, live=True, secure=True).encode()


def summary(config: Domain) -> dict[str, Any]:
    """What tables show of a guest that does not run."""
    return {
        "memory_kib": config.current_memory_kib,
        "max_memory_kib": config.memory_kib,
        "vcpus": config.vcpu_count,
        "title": config.title,
        "os_type": str(config.os.type.value.value),
    }


# -- names ------------------------------------------------------------------------------------------------


@contextmanager
def names(session: LocalSession[Any]) -> Iterator[None]:
    """Hold the names of all guests: of those stored and of those that merely run."""
    with locked(f"{session.paths.run}/names.lock", subject="the names of the domains"):
        yield


def refuse_taken(session: LocalSession[Any], name: str, uuid: UUID) -> bool:
    """Whether the guest is stored already; the caller holds ``names``.

    Raises AlreadyExists when another guest has the name, or the UUID another name."""
    stored = session.store.find(uuid=uuid)
    if stored is not None and stored.name != name:
        raise AlreadyExists(
            f"the UUID {uuid} belongs to domain {stored.name!r}", hint="leave the UUID out for a new one"
        )
    namesake = stored or session.store.find(name=name)
    other = namesake.uuid if namesake is not None else None
    if other is None or other == uuid:
        other = _running_as(session, name)
    if other is not None and other != uuid:
        raise AlreadyExists(f"a domain {name!r} exists already, with UUID {other}", hint="choose another name")
    return stored is not None


def refuse_name(session: LocalSession[Any], name: str) -> None:
    """Raise AlreadyExists when any guest has the name. The caller holds ``names``."""
    entry = session.store.find(name=name)
    other = entry.uuid if entry is not None else _running_as(session, name)
    if other is not None:
        raise AlreadyExists(f"a domain {name!r} exists already, with UUID {other}", hint="choose another name")


def _running_as(session: LocalSession[Any], name: str) -> UUID | None:
    for uuid, status in session.store.statuses().items():
        if status["name"] != name:
            continue
        if session.examine(uuid, status).alive or _being_started(session, uuid, status):
            return uuid
    return None


def _being_started(session: LocalSession[Any], uuid: UUID, status: dict[str, Any]) -> bool:
    """Whether somebody is about to start a guest that has no process yet: he holds the guest's lock."""
    if status["phase"] != guests.STARTING:
        return False
    try:
        with session.store.lock(uuid, timeout=0):
            return False  # whoever began it is dead
    except Busy:
        return True


# -- storing ----------------------------------------------------------------------------------------------


def define(session: LocalSession[Any], config: Domain) -> DomainRef:
    """Store a guest, or replace its stored configuration. Raises AlreadyExists."""
    uuid = identity(config)
    with session.store.lock(uuid), names(session):
        found = session.settle(uuid)
        known = refuse_taken(session, config.name, uuid)
        if found.alive and found.status is not None and found.status["name"] != config.name:
            raise AlreadyExists(f"the UUID {uuid} belongs to the running domain {found.status['name']!r}")
        session.store.put(config.name, uuid, text(config), summary(config))
        domain: DomainRef = found.ref(config.name)
        bus.tell(session, domain, Lifecycle.DEFINED, "updated" if known else "added")
        return domain


@contextmanager
def startable(session: LocalSession[Any], domain: DomainRef) -> Iterator[Entry]:
    """Hold the lock of a stored guest that is off, so that it may be started. Raises NoSuchDomain, InvalidState."""
    guests.require(session, domain)  # so that a missing domain is told without making a lock file for it
    with session.store.lock(domain.uuid):
        found = session.settle(domain.uuid)
        entry = session.entry(domain)
        if found.alive:
            raise InvalidState(f"{domain} is already running", target=str(domain))
        if entry is None:
            raise NoSuchDomain(f"there is no {domain}", target=str(domain))
        yield entry


@contextmanager
def undefining(session: LocalSession[Any], domain: DomainRef) -> Iterator[Entry]:
    """Hold the lock of a stored guest, and forget its configuration when the block ends well.

    The block refuses what must not be forgotten, and removes what goes with it. A running guest becomes transient.
    Raises NoSuchDomain, InvalidState for a transient guest."""
    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        found = session.settle(domain.uuid)
        entry = stored(session, domain)
        yield entry
        session.store.remove(entry)
        if not found.alive:
            ended.forget(session, domain.uuid)
        bus.tell(session, found.ref(entry.name), Lifecycle.UNDEFINED, "removed")


def rename(session: LocalSession[Any], domain: DomainRef, name: str) -> DomainRef:
    """Give an inactive guest another name. Raises AlreadyExists, InvalidState, NoSuchDomain."""
    guests.require(session, domain)
    with session.store.lock(domain.uuid), names(session):
        if session.settle(domain.uuid).alive:
            raise InvalidState(f"{domain} is running and cannot be renamed", target=str(domain))
        entry = stored(session, domain)
        if name == entry.name:
            raise AlreadyExists(f"{domain} has that name already", target=str(domain))
        refuse_name(session, name)
        config = load(session, entry)
        config.name = name
        session.store.rename(entry, name, text(config), summary(config))
        bus.tell(session, DomainRef(entry.name, domain.uuid), Lifecycle.UNDEFINED, "renamed")
        bus.tell(session, DomainRef(name, domain.uuid), Lifecycle.DEFINED, "renamed")
        return DomainRef(name, domain.uuid)


def flag(session: LocalSession[Any], domain: DomainRef, name: str) -> bool:
    """One of the flags of a guest; a transient one has none."""
    guests.require(session, domain)
    return session.store.get_flag(domain.uuid, name)


def set_flag(session: LocalSession[Any], domain: DomainRef, name: str, enabled: bool) -> None:
    """Set or clear a flag of a stored guest."""
    stored(session, domain)
    session.store.set_flag(domain.uuid, name, enabled)


# -- which configuration ----------------------------------------------------------------------------------


def stored(session: LocalSession[Any], domain: DomainRef) -> Entry:
    """The entry of a stored guest. Raises InvalidState for a transient one, NoSuchDomain for none."""
    entry = session.entry(domain)
    if entry is not None:
        return entry
    if session.look(domain.uuid).alive:
        raise InvalidState(f"{domain} is transient: it has no stored configuration", target=str(domain))
    raise NoSuchDomain(f"there is no {domain}", target=str(domain))


def affected(session: LocalSession[Any], domain: DomainRef, affect: Affect) -> tuple[bool, bool]:
    """Whether a change applies to the live and to the stored configuration.

    Raises InvalidState when one that was asked for does not exist."""
    affect = Affect(affect)
    found = guests.require(session, domain)
    live = affect in (Affect.LIVE, Affect.BOTH) or (affect is Affect.CURRENT and found.alive)
    config = affect in (Affect.CONFIG, Affect.BOTH) or (affect is Affect.CURRENT and not found.alive)
    if live and not found.alive:
        raise InvalidState(f"{domain} is not running", target=str(domain))
    if config:
        stored(session, domain)
    return live, config


def current(session: LocalSession[Any], domain: DomainRef, *, inactive: bool = False) -> Domain:
    """The live configuration of a running guest, else, or with ``inactive``, the stored one."""
    found = guests.require(session, domain)
    entry = session.entry(domain)
    if found.alive and (not inactive or entry is None):
        config = read_live(session, domain)
        return session.parse(text(config)) if inactive else config
    if entry is None:
        raise NoSuchDomain(f"there is no {domain}", target=str(domain))
    return load(session, entry)


def affected_one(session: LocalSession[Any], domain: DomainRef, affect: Affect) -> Domain:
    """The configuration that a question with this ``affect`` is about; the live one of both."""
    live, _ = affected(session, domain, affect)
    return read_live(session, domain) if live else load(session, stored(session, domain))


def read_live(session: LocalSession[Any], domain: DomainRef) -> Domain:
    """The document of a running guest. Raises InvalidState."""
    try:
        with open(session.live(domain.uuid), "rb") as file:
            return session.parse(file.read())
    except FileNotFoundError:
        raise InvalidState(f"{domain} is not running", target=str(domain)) from None


# -- changing ---------------------------------------------------------------------------------------------


def update(
    session: LocalSession[Any], domain: DomainRef, change: Callable[[Domain], None], *, live_one: bool, stored_one: bool
) -> None:
    """Apply ``change`` to the live document, the stored one, or both; the caller holds the guest's lock.

    What it refuses for one of them is done to neither."""
    changed: list[Callable[[], object]] = []
    if live_one:
        running = read_live(session, domain)
        change(running)
        changed.append(lambda: keep_live(session, domain, running))
    if stored_one:
        entry = stored(session, domain)
        config = load(session, entry)
        change(config)
        written, shown = text(config), summary(config)
        changed.append(lambda: session.store.put(entry.name, entry.uuid, written, shown))
    for keep in changed:
        keep()


def keep_live(session: LocalSession[Any], domain: DomainRef, running: Domain) -> None:
    """Replace the live document of a guest that runs, and what tables show of it."""
    write_atomic(session.live(domain.uuid), live_text(running), durable=False)
    status = session.store.read_status(domain.uuid)
    if status is not None:
        session.store.write_status(domain.uuid, {**status, **summary(running)})
