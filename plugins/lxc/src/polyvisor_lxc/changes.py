"""Changing a container's live document, its stored one, or both: all of it happens, or nothing.

What a change means for a running container is told by comparing what control groups the document asked for before
and what it asks for now (:mod:`.quantities`); that is written to the kernel, undone if any part fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HostError, PolyvisorError
from polyvisor.local import bus, configuration
from polyvisor.spi import Affect, DomainRef, Event, EventKind
from polyvisor.state import Entry
from polyvisor_lxc import guests, limits, quantities
from polyvisor_lxc.cgroups import Group
from polyvisor_lxc.guests import Look
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


@dataclass(slots=True)
class Change:
    """A change being made: alter the documents; they are kept when the block ends without an error.

    :param live: the document of the running container, None when it is not concerned.
    :param stored: the stored document, None when it is not concerned.
    :param undo: called, last first, if the change fails after what they undo was done.
    """

    domain: DomainRef
    found: Look
    live: Domain | None
    stored: Domain | None
    undo: list[Callable[[], None]] = field(default_factory=list)

    @property
    def documents(self) -> list[Domain]:
        """Both documents, or the one that is concerned."""
        return [one for one in (self.live, self.stored) if one is not None]


def reading(session: LxcSession, domain: DomainRef, affect: Affect) -> Domain:
    """The document that a question with ``affect`` is about: the live one where there is a choice."""
    if Affect(affect) is Affect.BOTH:
        affect = Affect.CURRENT
    running, _ = configuration.affected(session, domain, affect)
    if running:
        return configuration.read_live(session, domain)
    return configuration.load(session, configuration.stored(session, domain))


@contextmanager
def changing(session: LxcSession, domain: DomainRef, affect: Affect) -> Iterator[Change]:
    """Hold the container and change its documents as the block says. Raises NoSuchDomain, InvalidState."""
    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        found = guests.settle(session, domain.uuid)
        running, kept = configuration.affected(session, domain, affect)
        before = configuration.read_live(session, domain) if running else None
        entry = configuration.stored(session, domain) if kept else None
        change = Change(
            domain,
            found,
            before.copy() if before is not None else None,
            configuration.load(session, entry) if entry is not None else None,
        )
        try:
            yield change
            if before is not None and change.live is not None:
                _apply(session, change, before, change.live)
            _keep(session, change, entry)
        except BaseException:
            for step in reversed(change.undo):
                _undo(step)
            raise


def _apply(session: LxcSession, change: Change, before: Domain, after: Domain) -> None:
    limits.require_change(before, after, session.hierarchies)
    settings = quantities.difference(before, after, session.hierarchies)
    if settings:
        change.undo.append(write(change.found.group, settings))


def write(group: Group, settings: Sequence[quantities.Setting]) -> Callable[[], None]:
    """Write control files, all or none; returns what puts the former contents back. Raises HostError.

    The kernel takes some limits in one order only (memory before memory and swap when both shrink), so what is refused
    is tried again after the others."""
    former = [(controller, name, _former(group, controller, name, text)) for controller, name, text in settings]

    def restore() -> None:
        for controller, name, text in reversed(former):
            if text is not None:
                group.write(controller, name, text)

    refused = []
    for setting in settings:
        try:
            group.write(*setting)
        except HostError:
            refused.append(setting)
    try:
        for setting in refused:
            group.write(*setting)
    except HostError:
        _undo(restore)
        raise
    return restore


def _former(group: Group, controller: str, name: str, text: str) -> str | None:
    """What a control file holds now, in the form in which it is written."""
    content = (group.read(controller, name) or "").strip()
    device, spaced, _ = text.partition(" ")
    if ":" not in device or not spaced:
        return content or None
    for line in content.splitlines():
        if line.startswith(f"{device} "):
            return line
    return quantities.unlimited(text)


def tell_tuned(session: LxcSession, change: Change, data: Mapping[str, Any]) -> None:
    """Tell that tunables of a running container have changed."""
    if change.live is not None:
        domain = DomainRef(change.domain.name, change.domain.uuid, change.found.id)
        bus.publish(session, Event(EventKind.TUNABLE, domain, data=dict(data)))


def _undo(step: Callable[[], None]) -> None:
    import logging

    try:
        step()
    except PolyvisorError as error:
        logging.getLogger(__name__).warning("a change that failed could not be undone in full: %s", error)


def _keep(session: LxcSession, change: Change, entry: Entry | None) -> None:
    """Write the documents. The stored one first: if that fails the live one stays."""
    if change.stored is not None and entry is not None:
        text, summary = configuration.text(change.stored), configuration.summary(change.stored)
        former, old = session.store.load(entry), session.store.summary(entry)
        session.store.put(entry.name, entry.uuid, text, summary)
        change.undo.append(lambda: _put_back(session, entry, former, old))
    if change.live is not None:
        configuration.keep_live(session, change.domain, change.live)


def _put_back(session: LxcSession, entry: Entry, former: bytes, summary: dict[str, object]) -> None:
    session.store.put(entry.name, entry.uuid, former, summary)
