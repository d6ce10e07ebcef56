"""The stored configuration of guests: define, undefine, rename, metadata, autostart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import AlreadyExists, Busy, InvalidState, NoSuchDomain
from polyvisor.operations.records import Affect
from polyvisor.spi import DomainRef, Lifecycle
from polyvisor.state import Entry, locked, reported
from polyvisor_qemu import bus, ended, guests
from polyvisor_qemu.session import QemuSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


# -- documents --------------------------------------------------------------------------------------------


def parse(document: bytes) -> Domain:
    """The model of a document that was checked when it was stored."""
    from polyvisor.documents import read
    from polyvisor.model.domain import Domain
    from polyvisor_qemu.model import CLASSES

    return read(document, Domain, contributions=CLASSES, trusted=True)


def identity(config: Domain) -> UUID:
    """The guest's UUID; a completed document has one."""
    assert config.uuid is not None
    return UUID(config.uuid)


def load(session: QemuSession, entry: Entry) -> Domain:
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
def names(session: QemuSession) -> Iterator[None]:
    """Hold the names of all guests: of those stored and of those that merely run."""
    with locked(f"{session.paths.run}/names.lock", subject="the names of the domains"):
        yield


def refuse_taken(session: QemuSession, name: str, uuid: UUID) -> bool:
    """Whether the guest is stored already; the caller holds ``names``.

    Raises AlreadyExists when another guest has the name, or the UUID another name."""
    stored = session.store.find(uuid=uuid)
    if stored is not None and stored.name != name:
        raise AlreadyExists(
            f"the UUID {uuid} belongs to domain {stored.name!r}", driver="qemu", hint="leave the UUID out for a new one"
        )
    namesake = stored or session.store.find(name=name)
    other = namesake.uuid if namesake is not None else None
    if other is None or other == uuid:
        other = _running_as(session, name)
    if other is not None and other != uuid:
        raise AlreadyExists(
            f"a domain {name!r} exists already, with UUID {other}", driver="qemu", hint="choose another name"
        )
    return stored is not None


def _running_as(session: QemuSession, name: str) -> UUID | None:
    for uuid, status in session.store.statuses().items():
        if status["name"] != name:
            continue
        if guests.examine(session.files(uuid), status).alive or _being_started(session, uuid, status):
            return uuid
    return None


def _being_started(session: QemuSession, uuid: UUID, status: dict[str, Any]) -> bool:
    """Whether somebody is about to start a guest that has no process yet: he holds the guest's lock."""
    if status["phase"] != guests.STARTING:
        return False
    try:
        with session.store.lock(uuid, timeout=0):
            return False  # whoever began it is dead
    except Busy:
        return True


# -- changing ---------------------------------------------------------------------------------------------


def define(session: QemuSession, config: Domain) -> DomainRef:
    """Store a guest, or replace its stored configuration."""
    uuid = identity(config)
    with session.store.lock(uuid), names(session):
        found = guests.settle(session, uuid)
        known = refuse_taken(session, config.name, uuid)
        if found.alive and found.status is not None and found.status["name"] != config.name:
            raise AlreadyExists(
                f"the UUID {uuid} belongs to the running domain {found.status['name']!r}", driver="qemu"
            )
        session.store.put(config.name, uuid, text(config), summary(config))
        domain = found.ref(config.name)
        bus.tell(session, domain, Lifecycle.DEFINED, "updated" if known else "added")
        return domain


def undefine(session: QemuSession, domain: DomainRef, *, nvram: bool | None) -> None:
    """Forget the stored configuration; a running guest becomes transient."""
    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        found = guests.settle(session, domain.uuid)
        entry = stored(session, domain)
        variables = _variables(load(session, entry))
        if variables is not None and nvram is None:
            raise InvalidState(
                f"{domain} has firmware variables in {variables}",
                target=str(domain),
                driver="qemu",
                hint="say whether to remove them: nvram=True (--nvram) or nvram=False (--keep-nvram)",
            )
        session.store.remove(entry)
        if variables is not None and nvram:
            with reported("remove", variables):
                os.unlink(variables)
        if not found.alive:
            ended.forget(session, domain.uuid)
        bus.tell(session, found.ref(entry.name), Lifecycle.UNDEFINED, "removed")


def _variables(config: Domain) -> str | None:
    """The file with the guest's own firmware variables, if there is one."""
    path = getattr(config.os.nvram, "path", None)
    return path if path and os.path.exists(path) else None


def rename(session: QemuSession, domain: DomainRef, name: str) -> DomainRef:
    """Give an inactive guest another name."""
    guests.require(session, domain)
    with session.store.lock(domain.uuid), names(session):
        if guests.settle(session, domain.uuid).alive:
            raise InvalidState(f"{domain} is running and cannot be renamed", target=str(domain), driver="qemu")
        entry = stored(session, domain)
        if name == entry.name:
            raise AlreadyExists(f"{domain} has that name already", target=str(domain), driver="qemu")
        refuse_name(session, name)
        config = load(session, entry)
        config.name = name
        session.store.rename(entry, name, text(config), summary(config))
        bus.tell(session, DomainRef(entry.name, domain.uuid), Lifecycle.UNDEFINED, "renamed")
        bus.tell(session, DomainRef(name, domain.uuid), Lifecycle.DEFINED, "renamed")
        return DomainRef(name, domain.uuid)


def refuse_name(session: QemuSession, name: str) -> None:
    """Raise AlreadyExists when any guest has the name. The caller holds ``names``."""
    entry = session.store.find(name=name)
    other = entry.uuid if entry is not None else _running_as(session, name)
    if other is not None:
        raise AlreadyExists(
            f"a domain {name!r} exists already, with UUID {other}", driver="qemu", hint="choose another name"
        )


def flag(session: QemuSession, domain: DomainRef, name: str) -> bool:
    """One of the flags of a guest; a transient one has none."""
    guests.require(session, domain)
    return session.store.get_flag(domain.uuid, name)


def set_flag(session: QemuSession, domain: DomainRef, name: str, enabled: bool) -> None:
    """Set or clear a flag of a stored guest."""
    stored(session, domain)
    session.store.set_flag(domain.uuid, name, enabled)


# -- which configuration ----------------------------------------------------------------------------------


def stored(session: QemuSession, domain: DomainRef) -> Entry:
    """The entry of a stored guest. Raises InvalidState for a transient one, NoSuchDomain for none."""
    entry = session.entry(domain)
    if entry is not None:
        return entry
    if guests.look(session, domain.uuid).alive:
        raise InvalidState(f"{domain} is transient: it has no stored configuration", target=str(domain), driver="qemu")
    raise NoSuchDomain(f"there is no {domain}", target=str(domain), driver="qemu")


def affected(session: QemuSession, domain: DomainRef, affect: Affect) -> tuple[bool, bool]:
    """Whether a change applies to the live and to the stored configuration.

    Raises InvalidState when one that was asked for does not exist."""
    affect = Affect(affect)
    found = guests.require(session, domain)
    live = affect in (Affect.LIVE, Affect.BOTH) or (affect is Affect.CURRENT and found.alive)
    config = affect in (Affect.CONFIG, Affect.BOTH) or (affect is Affect.CURRENT and not found.alive)
    if live and not found.alive:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="qemu")
    if config:
        stored(session, domain)
    return live, config


def current(session: QemuSession, domain: DomainRef, *, inactive: bool = False) -> Domain:
    """The live configuration of a running guest, else, or with ``inactive``, the stored one."""
    found = guests.require(session, domain)
    entry = session.entry(domain)
    if found.alive and (not inactive or entry is None):
        config = read_live(session, domain)
        return parse(text(config)) if inactive else config
    if entry is None:
        raise NoSuchDomain(f"there is no {domain}", target=str(domain), driver="qemu")
    return load(session, entry)


def read_live(session: QemuSession, domain: DomainRef) -> Domain:
    """The document of a running guest."""
    path = session.files(domain.uuid).live
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except FileNotFoundError:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="qemu") from None
