"""The stored configuration of guests: define, undefine, rename, metadata, autostart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import AlreadyExists, Busy, InvalidArgument, InvalidState, NoSuchDomain
from polyvisor.operations.records import Affect
from polyvisor.spi import DomainRef, Lifecycle
from polyvisor.state import Entry, locked
from polyvisor_lxc import bus, ended, guests
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


# -- documents --------------------------------------------------------------------------------------------


def parse(document: bytes) -> Domain:
    """The model of a document that was checked when it was stored."""
    from polyvisor.documents import read
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.model import CLASSES

    return read(document, Domain, contributions=CLASSES, trusted=True)


def identity(config: Domain) -> UUID:
    """The guest's UUID; a completed document has one."""
    assert config.uuid is not None
    return UUID(config.uuid)


def load(session: LxcSession, entry: Entry) -> Domain:
    """A guest's stored configuration."""
    return parse(session.store.load(entry))


def text(config: Domain) -> bytes:
    """The document as it is stored: inactive, with its secrets."""
    from polyvisor.documents import write

    return write(config, live=False, secure=True).encode()


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
def names(session: LxcSession) -> Iterator[None]:
    """Hold the names of all guests: of those stored and of those that merely run."""
    with locked(f"{session.paths.run}/names.lock", subject="the names of the domains"):
        yield


def refuse_taken(session: LxcSession, name: str, uuid: UUID) -> None:
    """Raise AlreadyExists when another guest has the name, or the UUID another name. The caller holds ``names``."""
    stored = session.store.find(uuid=uuid)
    if stored is not None and stored.name != name:
        raise AlreadyExists(
            f"the UUID {uuid} belongs to domain {stored.name!r}", driver="lxc", hint="leave the UUID out for a new one"
        )
    stored = session.store.find(name=name)
    other = stored.uuid if stored is not None else None
    if other is None or other == uuid:
        other = _running_as(session, name)
    if other is not None and other != uuid:
        raise AlreadyExists(
            f"a domain {name!r} exists already, with UUID {other}", driver="lxc", hint="choose another name"
        )


def _running_as(session: LxcSession, name: str) -> UUID | None:
    for uuid, status in session.store.statuses().items():
        if status["name"] == name and (
            guests.examine(session.files(uuid), status).alive or _being_started(session, uuid, status)
        ):
            return uuid
    return None


def _being_started(session: LxcSession, uuid: UUID, status: dict[str, Any]) -> bool:
    """Whether somebody is about to start a container of which no process is there yet: then its lock is held."""
    if status["phase"] != guests.STARTING:
        return False
    try:
        with session.store.lock(uuid, timeout=0):
            return False
    except Busy:
        return True


# -- changing ---------------------------------------------------------------------------------------------


def define(session: LxcSession, config: Domain) -> DomainRef:
    """Store a guest, or replace its stored configuration."""
    uuid = identity(config)
    with session.store.lock(uuid), names(session):
        found = guests.settle(session, uuid)
        refuse_taken(session, config.name, uuid)
        if found.alive and found.status is not None and found.status["name"] != config.name:
            raise AlreadyExists(f"the UUID {uuid} belongs to the running domain {found.status['name']!r}", driver="lxc")
        known = session.store.find(uuid=uuid) is not None
        session.store.put(config.name, uuid, text(config), summary(config))
        domain = found.ref(config.name)
        bus.tell(session, domain, Lifecycle.DEFINED, "updated" if known else "added")
        return domain


def undefine(session: LxcSession, domain: DomainRef, *, snapshots_metadata: bool) -> None:
    """Forget the stored configuration; a running container becomes transient."""
    from polyvisor_lxc import snapshots

    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        found = guests.settle(session, domain.uuid)
        entry = stored(session, domain)
        snapshots.before_undefine(session, domain, allowed=snapshots_metadata)
        session.store.remove(entry)
        if not found.alive:
            ended.forget(session, domain.uuid)
        bus.tell(session, found.ref(entry.name), Lifecycle.UNDEFINED, "removed")


def rename(session: LxcSession, domain: DomainRef, name: str) -> DomainRef:
    """Give an inactive guest another name."""
    if not name.strip() or "/" in name or "\n" in name:
        raise InvalidArgument(f"{name!r} cannot be the name of a domain", hint="a name is one line without '/'")
    guests.require(session, domain)
    with session.store.lock(domain.uuid), names(session):
        if guests.settle(session, domain.uuid).alive:
            raise InvalidState(f"{domain} is running and cannot be renamed", target=str(domain), driver="lxc")
        entry = stored(session, domain)
        if name == entry.name:
            raise AlreadyExists(f"{domain} has that name already", target=str(domain), driver="lxc")
        refuse_name(session, name)
        config = load(session, entry)
        config.name = name
        session.store.rename(entry, name, text(config), summary(config))
        bus.tell(session, DomainRef(entry.name, domain.uuid), Lifecycle.UNDEFINED, "renamed")
        bus.tell(session, DomainRef(name, domain.uuid), Lifecycle.DEFINED, "renamed")
        return DomainRef(name, domain.uuid)


def refuse_name(session: LxcSession, name: str) -> None:
    """Raise AlreadyExists when any guest has the name. The caller holds ``names``."""
    entry = session.store.find(name=name)
    other = entry.uuid if entry is not None else _running_as(session, name)
    if other is not None:
        raise AlreadyExists(
            f"a domain {name!r} exists already, with UUID {other}", driver="lxc", hint="choose another name"
        )


def flag(session: LxcSession, domain: DomainRef, name: str) -> bool:
    """One of the flags of a guest; a transient one has none."""
    guests.require(session, domain)
    return session.store.get_flag(domain.uuid, name)


def set_flag(session: LxcSession, domain: DomainRef, name: str, enabled: bool) -> None:
    """Set or clear a flag of a stored guest."""
    stored(session, domain)
    session.store.set_flag(domain.uuid, name, enabled)


# -- which configuration ----------------------------------------------------------------------------------


def stored(session: LxcSession, domain: DomainRef) -> Entry:
    """The entry of a stored guest. Raises InvalidState for a transient one, NoSuchDomain for none."""
    entry = session.entry(domain)
    if entry is not None:
        return entry
    if guests.look(session, domain.uuid).alive:
        raise InvalidState(f"{domain} is transient: it has no stored configuration", target=str(domain), driver="lxc")
    raise NoSuchDomain(f"there is no {domain}", target=str(domain), driver="lxc")


def affected(session: LxcSession, domain: DomainRef, affect: Affect) -> tuple[bool, bool]:
    """Whether a change applies to the live and to the stored configuration.

    Raises InvalidState when one that was asked for does not exist."""
    affect = Affect(affect)
    found = guests.require(session, domain)
    live = affect in (Affect.LIVE, Affect.BOTH) or (affect is Affect.CURRENT and found.alive)
    config = affect in (Affect.CONFIG, Affect.BOTH) or (affect is Affect.CURRENT and not found.alive)
    if live and not found.alive:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="lxc")
    if config:
        stored(session, domain)
    return live, config


def current(session: LxcSession, domain: DomainRef, *, inactive: bool = False) -> Domain:
    """The live configuration of a running guest, else, or with ``inactive``, the stored one."""
    found = guests.require(session, domain)
    entry = session.entry(domain)
    if found.alive and (not inactive or entry is None):
        config = read_live(session, domain)
        return parse(text(config)) if inactive else config
    if entry is None:
        raise NoSuchDomain(f"there is no {domain}", target=str(domain), driver="lxc")
    return load(session, entry)


def read_live(session: LxcSession, domain: DomainRef) -> Domain:
    """The document of a running guest."""
    path = session.files(domain.uuid).live
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except FileNotFoundError:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="lxc") from None
