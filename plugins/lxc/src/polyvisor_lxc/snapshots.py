"""Snapshots of containers: full copies of their root and their images, kept in a tree.

A container stands still while it is copied. Its processes are not kept: going back to a snapshot of a running
container starts it anew from what it had on disk then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    InvalidDocument,
    InvalidState,
    NoSuchSnapshot,
    UnsupportedConfiguration,
)
from polyvisor.local import bus, configuration
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRef, SnapshotRow, SnapshotState
from polyvisor.spi import DomainRef, DomainState, JobControl, Lifecycle
from polyvisor.state import locked
from polyvisor_lxc import copies, domainjobs, guests, kernel, reverting, stopping
from polyvisor_lxc.session import LxcSession
from polyvisor_lxc.snapshottree import Record, Tree

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.snapshot import DomainSnapshot

_PATIENCE = 1.0
"""Seconds to wait for another who takes a snapshot of the same container."""

_STATES = {
    DomainState.RUNNING: SnapshotState.RUNNING,
    DomainState.SHUTDOWN: SnapshotState.RUNNING,
    DomainState.PAUSED: SnapshotState.PAUSED,
    DomainState.SHUT_OFF: SnapshotState.SHUT_OFF,
}


def tree(session: LxcSession, domain: DomainRef) -> Tree:
    """The snapshots of a container. Raises NoSuchDomain."""
    guests.require(session, domain)
    return Tree(session.files(domain.uuid).overlays, domain)


@contextmanager
def alone(session: LxcSession, domain: DomainRef) -> Iterator[None]:
    """Be the only one at work on the snapshots of a container. Raises Busy."""
    path = f"{session.files(domain.uuid).overlays}.lock"
    with locked(path, timeout=_PATIENCE, subject=f"the snapshots of {domain}"):
        yield


# -- asking -----------------------------------------------------------------------------------------------


def rows(session: LxcSession, domain: DomainRef) -> list[SnapshotRow]:
    """Every snapshot, parents before their children."""
    found = tree(session, domain)
    return [_row(found, record) for record in found.below(None, descendants=True)]


def children(session: LxcSession, snapshot: SnapshotRef, *, descendants: bool) -> list[SnapshotRow]:
    """What hangs on a snapshot."""
    found = tree(session, snapshot.domain)
    below = found.below(found.get(snapshot.name).name, descendants=descendants)
    return [_row(found, record) for record in below]


def parent(session: LxcSession, snapshot: SnapshotRef) -> SnapshotRef | None:
    """What a snapshot hangs on."""
    name = tree(session, snapshot.domain).get(snapshot.name).parent
    return SnapshotRef(snapshot.domain, name) if name is not None else None


def current(session: LxcSession, domain: DomainRef) -> SnapshotRef | None:
    """The snapshot that the container stands on."""
    name = tree(session, domain).current
    return SnapshotRef(domain, name) if name is not None else None


def find(session: LxcSession, domain: DomainRef, name: str) -> SnapshotRef:
    """One snapshot by name."""
    return SnapshotRef(domain, tree(session, domain).get(name).name)


def document(session: LxcSession, snapshot: SnapshotRef, *, secure: bool) -> str:
    """The ``<domainsnapshot>`` of a snapshot, with its parent as it is now."""
    from polyvisor.documents import write
    from polyvisor.model.snapshot import Parent

    found = tree(session, snapshot.domain)
    record = found.get(snapshot.name)
    config = _read(record.document)
    config.parent = Parent(name=record.parent) if record.parent else None
    return write(config, secure=secure)


def _row(found: Tree, record: Record) -> SnapshotRow:
    return SnapshotRow(
        SnapshotRef(found.domain, record.name),
        record.created,
        SnapshotState(record.state),
        parent=record.parent,
        current=found.current == record.name,
        external=False,
        children=len(found.below(record.name)),
        description=record.description,
    )


def _read(text: str) -> DomainSnapshot:
    from polyvisor.documents import read
    from polyvisor.model.snapshot import DomainSnapshot
    from polyvisor_lxc.model import CLASSES

    return read(text.encode(), DomainSnapshot, contributions=CLASSES, trusted=True)


# -- taking -----------------------------------------------------------------------------------------------


def take(
    session: LxcSession, domain: DomainRef, config: DomainSnapshot, job: JobControl, *, halt: bool, disk_only: bool
) -> SnapshotRef:
    """Copy what the container keeps, while it stands still.

    Its lock is held at the beginning and at the end only, so that it can be asked about and be destroyed meanwhile."""
    guests.require(session, domain)
    with alone(session, domain):
        with session.store.lock(domain.uuid):
            found = guests.settle(session, domain.uuid)
            kept = tree(session, domain)
            kept.sweep()
            _refuse(kept, config)
            running = configuration.read_live(session, domain) if found.alive else None
            stored = configuration.current(session, domain, inactive=True)
            paths = copies.kept_paths(running or stored)
            record = _new_record(kept, config, found, disk_only=disk_only)
            work = domainjobs.begin(session, domain, found, job, "Snapshot")
        try:
            _write_out(running, found)
            for number, (point, path) in enumerate(paths.items()):
                work.progress(number, len(paths), unit="copies")
                record.copies[point] = str(number)
                copies.copy(path, f"{kept.place(record)}/{number}", work)
            work.progress(len(paths), len(paths), unit="copies")
            work.check()
            record.document = _text(config, record, running or stored, stored if running is not None else None)
            with session.store.lock(domain.uuid):
                work.check()
                kept.records[record.name], kept.current = record, record.name
                kept.save()
                work.end()
                if halt and found.alive:
                    stopping.stop(session, guests.look(session, domain.uuid), graceful=False, reason="from snapshot")
        except BaseException:
            copies.remove(kept.place(record))
            with session.store.lock(domain.uuid):
                work.end()
            raise
        return SnapshotRef(domain, record.name)


def _write_out(running: Domain | None, found: guests.Look) -> None:
    """Have what a container has written into its images in them: it is copied from below its file systems."""
    held: Any = running.devices if running is not None else None
    for one in held.filesystems if held is not None and found.init is not None else ():
        if one.type == "file" and not one.readonly:
            kernel.sync_file_system(f"/proc/{found.init}/root{one.target.dir}")


def _refuse(kept: Tree, config: DomainSnapshot) -> None:
    if config.name is not None and config.name in kept.records:
        raise AlreadyExists(
            f"{kept.domain} has a snapshot {config.name!r} already", target=str(kept.domain), driver="lxc"
        )
    for disk in config.disks.disks if config.disks is not None else ():
        raise InvalidDocument(f"the snapshot names disk {disk.name!r}, and containers have no disks", driver="lxc")
    memory = config.memory.snapshot if config.memory is not None else None
    if memory in ("internal", "external"):
        raise UnsupportedConfiguration(
            "the memory of a container cannot be kept in a snapshot", driver="lxc", hint="leave <memory> out"
        )


def _new_record(kept: Tree, config: DomainSnapshot, found: guests.Look, *, disk_only: bool) -> Record:
    moment = int(time.time())
    name, number = config.name or str(moment), 1
    while name in kept.records:
        name, number = f"{moment}-{number}", number + 1
    state = SnapshotState.DISK if disk_only and found.alive else _STATES.get(found.state.state, SnapshotState.SHUT_OFF)
    record = Record(
        name, moment, state.value, "", parent=kept.current, description=config.description, number=kept.next
    )
    kept.next += 1
    return record


def _text(config: DomainSnapshot, record: Record, domain: Domain, inactive: Domain | None) -> str:
    from polyvisor.documents import write
    from polyvisor.model.snapshot import CapturedState, ContainedMemory, DomainRecord, Parent

    made = config.copy()
    made.name, made.creation_time, made.state = record.name, record.created, CapturedState(record.state)
    made.parent = Parent(name=record.parent) if record.parent else None
    made.memory = ContainedMemory(snapshot="no")
    made.domain = DomainRecord.of(domain)
    made.inactive_domain = inactive
    return write(made, secure=True)


# -- recording what exists --------------------------------------------------------------------------------


def redefine(session: LxcSession, domain: DomainRef, config: DomainSnapshot, *, current: bool) -> SnapshotRef:
    """Record a snapshot that its document describes in full; its copies are those of a forgotten one of its moment."""
    from polyvisor.documents import write
    from polyvisor.model.snapshot import restore

    restore(config)
    assert config.name and config.creation_time is not None and config.state
    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        kept = tree(session, domain)
        above = config.parent.name if config.parent is not None else None
        if above is not None and above not in kept.records:
            raise NoSuchSnapshot(f"{domain} has no snapshot {above!r}, which should be the parent", driver="lxc")
        if above == config.name or above in {one.name for one in kept.below(config.name, descendants=True)}:
            raise InvalidDocument(f"the snapshot {config.name!r} would be its own ancestor", driver="lxc")
        uuid = getattr(config.domain, "uuid", None)
        if uuid is not None and str(uuid) != str(domain.uuid):
            raise InvalidDocument(f"the snapshot is of the domain with UUID {uuid}, not of {domain}", driver="lxc")
        former = kept.records.get(config.name)
        kept.records[config.name] = Record(
            config.name,
            config.creation_time,
            str(config.state.value),
            write(config, secure=True),
            parent=above,
            description=config.description,
            number=former.number if former is not None else None,
            copies=former.copies if former is not None else {},
        )
        if current:
            kept.current = config.name
        kept.save()
        return SnapshotRef(domain, config.name)


# -- going back -------------------------------------------------------------------------------------------


def revert(session: LxcSession, snapshot: SnapshotRef, job: JobControl, *, paused: bool | None) -> DomainRef:
    """Put back what the container had, and start it anew if it ran then, or is asked to.

    It goes on running until all is copied, and its lock is held only then; see :mod:`.reverting`."""
    from polyvisor_lxc import lifecycle

    domain = snapshot.domain
    guests.require(session, domain)
    with alone(session, domain):
        with session.store.lock(domain.uuid):
            guests.settle(session, domain.uuid)
            _put_right(session, domain.uuid)
            kept, record, copied = _what_to_put_back(session, snapshot)
        reversal = reverting.stage(kept.directory, record.name, copied, job)
        with session.store.lock(domain.uuid):
            found = guests.settle(session, domain.uuid)
            try:
                name = _name(session, domain, found)
                tree(session, domain).get(record.name)  # nobody has undefined the container meanwhile
                job.check()
                if found.alive:
                    stopping.stop(session, found, graceful=False, reason="from snapshot")
            except BaseException:
                reverting.end(kept.directory, reversal)
                raise
            stored = _put_back(session, domain.uuid, reversal, name)
            wanted = {"running": False, "paused": True}.get(record.state) if paused is None else paused
            if wanted is None:
                return DomainRef(name, domain.uuid)
            return lifecycle.start_from_snapshot(session, stored, paused=wanted)


def _what_to_put_back(session: LxcSession, snapshot: SnapshotRef) -> tuple[Tree, Record, dict[str, str]]:
    """The snapshot, and by the path of each place what is to be there."""
    kept = tree(session, snapshot.domain)
    record = kept.get(snapshot.name)
    if record.number is None:
        raise InvalidState(
            f"the copies of {snapshot} are gone: only its record is left", target=str(snapshot), driver="lxc"
        )
    paths = copies.kept_paths(_stored(record))
    return kept, record, {paths[point]: f"{kept.place(record)}/{made}" for point, made in record.copies.items()}


def _stored(record: Record) -> Domain:
    """The stored configuration that a snapshot remembers."""
    config = _read(record.document)
    return cast("Domain", config.inactive_domain or config.domain)


def _put_back(session: LxcSession, uuid: UUID, reversal: reverting.Reversal, name: str) -> Domain:
    """Put copies that are complete into their places, and the configuration with them; returns it.

    Done again it finishes the rest. The caller holds both locks, and the container does not run."""
    from polyvisor_lxc import kept as keptsave

    kept = Tree(session.files(uuid).overlays, DomainRef(name, uuid))
    stored = session.parse(configuration.text(_stored(kept.get(reversal.snapshot))))
    stored.name = name
    keptsave.drop(session, uuid)  # its memory is of the files that are there now
    reverting.exchange(reversal)
    if session.store.find(uuid=uuid) is not None:
        session.store.put(name, uuid, configuration.text(stored), configuration.summary(stored))
    kept.current = reversal.snapshot
    kept.save()
    reverting.end(kept.directory, reversal)
    return stored


def put_right(session: LxcSession, uuid: UUID) -> None:
    """Finish or undo a way back to a snapshot that was cut short, unless somebody is at it; the caller holds the lock.

    Raises HostError, StateError."""
    directory = session.files(uuid).overlays
    if not os.path.exists(reverting.mark(directory)):
        return
    try:
        with locked(f"{directory}.lock", timeout=0, subject=f"the snapshots of container {uuid}"):
            _put_right(session, uuid)
    except Busy:
        return


def _put_right(session: LxcSession, uuid: UUID) -> None:
    directory = session.files(uuid).overlays
    reversal = reverting.pending(directory)
    if reversal is None:
        return
    entry = session.store.find(uuid=uuid)
    # a container that runs was not stopped yet, so that nothing of it has changed places
    if not reversal.complete or guests.look(session, uuid).alive:
        reverting.end(directory, reversal)
    else:
        _put_back(session, uuid, reversal, entry.name if entry is not None else str(uuid))


def _name(session: LxcSession, domain: DomainRef, found: guests.Look) -> str:
    entry = session.entry(domain)
    if entry is not None:
        return entry.name
    return str(found.status["name"]) if found.status is not None else domain.name


# -- throwing away ----------------------------------------------------------------------------------------


def delete(session: LxcSession, snapshot: SnapshotRef, extent: SnapshotExtent) -> None:
    """Forget a snapshot, those below it, or both, and remove their copies."""
    guests.require(session, snapshot.domain)
    with alone(session, snapshot.domain), session.store.lock(snapshot.domain.uuid):
        guests.settle(session, snapshot.domain.uuid)
        _put_right(session, snapshot.domain.uuid)
        kept = tree(session, snapshot.domain)
        kept.sweep()
        gone = kept.take_out(snapshot.name, SnapshotExtent(extent))
        kept.save()
        for record in gone:
            if record.number is not None:
                copies.remove(kept.place(record))


def before_undefine(session: LxcSession, domain: DomainRef, *, allowed: bool) -> None:
    """Remove the snapshots of a container that is about to be forgotten. Raises InvalidState unless ``allowed``."""
    kept = tree(session, domain)
    if kept.records and not allowed:
        raise InvalidState(
            f"{domain} has {len(kept.records)} snapshots",
            target=str(domain),
            driver="lxc",
            hint="remove them too: snapshots_metadata=True (--snapshots-metadata)",
        )
    kept.destroy()


def tell_restored(session: LxcSession, domain: DomainRef, *, paused: bool) -> None:
    """Tell that a container runs again from a snapshot."""
    bus.tell(session, domain, Lifecycle.STARTED, "from-snapshot")
    if paused:
        bus.tell(session, domain, Lifecycle.SUSPENDED, "from-snapshot")
