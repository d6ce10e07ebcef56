"""Snapshots: a guest's whole record at a moment, kept in a tree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyvisor.errors import AlreadyExists, InvalidDocument, NoSuchSnapshot, UnsupportedConfiguration
from polyvisor.operations.domainjobs import JobOperation
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRef, SnapshotRow, SnapshotState
from polyvisor.spi import DomainRef, DomainState, JobControl, hookimpl
from polyvisor_test import chains, transitions
from polyvisor_test.finding import devices_of
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession
from polyvisor_test.work import working

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.storage import StorageFormat
    from polyvisor.model.snapshot import DomainSnapshot

STATES: dict[DomainState, SnapshotState] = {
    DomainState.RUNNING: SnapshotState.RUNNING,
    DomainState.PAUSED: SnapshotState.PAUSED,
    DomainState.SHUT_OFF: SnapshotState.SHUT_OFF,
    DomainState.CRASHED: SnapshotState.CRASHED,
    DomainState.PM_SUSPENDED: SnapshotState.PM_SUSPENDED,
}
"""How a snapshot's document spells the state of its guest."""


@dataclass(slots=True)
class Snapshot:
    """One snapshot. ``live`` is the configuration the guest ran with, None when it was off or its memory was left
    out; ``stored`` the one it had for its next start."""

    name: str
    created: int
    state: SnapshotState
    document: DomainSnapshot
    live: Domain | None = None
    stored: Domain | None = None
    seconds: int = 0
    parent: str | None = None
    external: bool = False


class SnapshotOperations:
    """The operations of ``polyvisor.operations.snapshots``."""

    @hookimpl
    def create_snapshot(
        self,
        session: TestSession,
        domain: DomainRef,
        config: DomainSnapshot,
        job: JobControl,
        *,
        redefine: bool = False,
        current: bool = False,
        halt: bool = False,
        disk_only: bool = False,
        reuse_external: bool = False,  # the images are only names: one that exists is as good as one that does not
        quiesce: bool = False,
        atomic: bool = False,  # it always is
        live: bool = False,  # the guest always runs on while its memory is saved
    ) -> SnapshotRef:
        if redefine:
            with session.machine(domain) as machine:
                return _redefine(machine, config, current)
        with session.machine(domain) as machine:
            _check(machine, config, disk_only)
            if quiesce:
                machine.require_agent()
            if not machine.active or disk_only:
                snapshot = _take(session, machine, config, disk_only)
                if halt and machine.active:
                    session.power_off(machine, transitions.REVERT_STOP)
                return SnapshotRef(machine.ref, snapshot.name)
        with working(session, domain, JobOperation.SNAPSHOT, job) as machine:
            snapshot = _take(session, machine, config, disk_only)
            if halt:
                session.power_off(machine, transitions.REVERT_STOP)
            return SnapshotRef(machine.ref, snapshot.name)

    @hookimpl
    def snapshot_config(self, session: TestSession, snapshot: SnapshotRef, *, secure: bool = False) -> str:
        from polyvisor.documents import write

        with session.machine(snapshot.domain) as machine:
            return write(_document(_find(machine, snapshot)), secure=secure)

    @hookimpl
    def list_snapshots(self, session: TestSession, domain: DomainRef) -> list[SnapshotRow]:
        with session.machine(domain) as machine:
            return [_row(machine, snapshot) for snapshot in machine.snapshots.in_order()]

    @hookimpl
    def snapshot_children(
        self, session: TestSession, snapshot: SnapshotRef, *, descendants: bool = False
    ) -> list[SnapshotRow]:
        with session.machine(snapshot.domain) as machine:
            found = machine.snapshots.below(_find(machine, snapshot).name, descendants=descendants)
            return [_row(machine, child) for child in found]

    @hookimpl
    def snapshot_parent(self, session: TestSession, snapshot: SnapshotRef) -> SnapshotRef | None:
        with session.machine(snapshot.domain) as machine:
            parent = _find(machine, snapshot).parent
            return SnapshotRef(machine.ref, parent) if parent else None

    @hookimpl
    def lookup_snapshot(self, session: TestSession, domain: DomainRef, name: str) -> SnapshotRef:
        with session.machine(domain) as machine:
            return SnapshotRef(machine.ref, _find(machine, SnapshotRef(domain, name)).name)

    @hookimpl
    def current_snapshot(self, session: TestSession, domain: DomainRef) -> SnapshotRef | None:
        with session.machine(domain) as machine:
            name = machine.snapshots.current
            return SnapshotRef(machine.ref, name) if name else None

    @hookimpl
    def snapshot_has_metadata(self, session: TestSession, snapshot: SnapshotRef) -> bool:
        """Always, for a snapshot that exists: it is nothing but a record."""
        with session.machine(snapshot.domain) as machine:
            return _find(machine, snapshot) is not None

    @hookimpl
    def revert_snapshot(
        self,
        session: TestSession,
        snapshot: SnapshotRef,
        job: JobControl,
        *,
        paused: bool | None = None,
        force: bool = False,  # nothing here is risky
    ) -> DomainRef:
        job.check()
        with session.machine(snapshot.domain) as machine:
            found = _find(machine, snapshot)
            if machine.work is not None:
                machine.work.abort()
            _revert(session, machine, found, paused)
            machine.snapshots.current = found.name
            return machine.ref

    @hookimpl
    def delete_snapshot(
        self,
        session: TestSession,
        snapshot: SnapshotRef,
        job: JobControl,
        *,
        extent: SnapshotExtent = SnapshotExtent.ONE,
        metadata_only: bool = False,  # a snapshot is nothing but its record
    ) -> None:
        job.check()
        with session.machine(snapshot.domain) as machine:
            machine.snapshots.remove(_find(machine, snapshot).name, extent)


def _find(machine: Machine, ref: SnapshotRef) -> Snapshot:
    found: Snapshot | None = machine.snapshots.get(ref.name)
    if found is None:
        there = ", ".join(machine.snapshots) or "none"
        raise NoSuchSnapshot(f"{machine.ref} has no snapshot {ref.name!r}", hint=f"snapshots it has: {there}")
    return found


def _row(machine: Machine, snapshot: Snapshot) -> SnapshotRow:
    return SnapshotRow(
        SnapshotRef(machine.ref, snapshot.name),
        snapshot.created,
        snapshot.state,
        parent=snapshot.parent,
        current=machine.snapshots.current == snapshot.name,
        external=snapshot.external,
        children=len(machine.snapshots.below(snapshot.name)),
        description=snapshot.document.description,
    )


# -- taking --------------------------------------------------------------------------------------------------


def _check(machine: Machine, document: DomainSnapshot, disk_only: bool) -> None:
    """Raise for a snapshot that cannot be taken of the guest as it is."""
    if document.name is not None and document.name in machine.snapshots:
        raise AlreadyExists(f"{machine.ref} has a snapshot {document.name!r} already", target=str(machine.ref))
    targets = {disk.target.dev for disk in devices_of(machine.config).disks}
    for disk in document.disks.disks if document.disks else ():
        if disk.name not in targets:
            raise InvalidDocument(f"the snapshot names disk {disk.name!r}, which {machine.ref} does not have")
        if disk.type not in (None, "file"):
            raise UnsupportedConfiguration(f"the new image of disk {disk.name!r} can only be a file, no {disk.type}")
    memory = document.memory.snapshot if document.memory else None
    if memory == "no" and machine.active and not disk_only:
        raise InvalidDocument("a snapshot of a running guest without its memory must be disk-only")
    if memory in ("internal", "external") and (disk_only or not machine.active):
        raise InvalidDocument(f"there is no memory to keep: {'disk-only' if disk_only else 'the guest is off'}")


def _take(session: TestSession, machine: Machine, document: DomainSnapshot, disk_only: bool) -> Snapshot:
    name = document.name or machine.snapshots.free_name(str(int(time.time())))
    whole = machine.active and not disk_only
    snapshot = Snapshot(
        name,
        int(time.time()),
        SnapshotState.DISK if disk_only and machine.active else STATES[machine.state.state],
        document,
        live=machine.live.copy() if whole and machine.live else None,
        stored=machine.stored.copy() if machine.stored else machine.config.copy(),
        seconds=machine.vitals.seconds(session.node.clock),
        external=_is_external(document, disk_only),
    )
    for target, path, format in _overlays(machine, document, name, disk_only):
        for config in filter(None, (machine.live, machine.stored)):
            for disk in devices_of(config).disks:
                if disk.target.dev == target:
                    chains.push(disk, path, format)
    machine.snapshots.add(snapshot)
    return snapshot


def _overlays(
    machine: Machine, document: DomainSnapshot, name: str, disk_only: bool
) -> list[tuple[str, str, StorageFormat]]:
    """Target, path and format of each image that the snapshot puts on top of a disk."""
    said = {disk.name: disk for disk in document.disks.disks} if document.disks else {}
    default = "external" if disk_only else "internal"
    found: list[tuple[str, str, StorageFormat]] = []
    for disk in devices_of(machine.config).disks:
        told = said.get(disk.target.dev)
        kind = (told.snapshot if told else None) or (disk.snapshot if not told else None) or default
        if kind != "external" or disk.readonly or disk.source is None:
            continue
        path = told.path if told else None
        format = told.driver.type if told and told.driver else None
        found.append((disk.target.dev, path or chains.overlay_path(disk, name), format or "qcow2"))
    return found


def _is_external(document: DomainSnapshot, disk_only: bool) -> bool:
    kinds = {disk.snapshot for disk in document.disks.disks} if document.disks else set()
    return disk_only or "external" in kinds or bool(document.memory and document.memory.snapshot == "external")


def _document(snapshot: Snapshot) -> DomainSnapshot:
    """The snapshot's document, with what the driver knows filled in."""
    from polyvisor.model.snapshot import CapturedState, ContainedMemory, DomainRecord, Parent

    filled = snapshot.document.copy()
    filled.name, filled.creation_time, filled.state = snapshot.name, snapshot.created, CapturedState(snapshot.state)
    filled.parent = Parent(name=snapshot.parent) if snapshot.parent else None
    filled.memory = filled.memory or ContainedMemory(snapshot="internal" if snapshot.live else "no")
    config = snapshot.live or snapshot.stored
    filled.domain = DomainRecord.of(config) if config else None
    if snapshot.live is not None and snapshot.stored is not None:
        filled.inactive_domain = snapshot.stored
    return filled


def _redefine(machine: Machine, document: DomainSnapshot, current: bool) -> SnapshotRef:
    """Record a snapshot that its document describes in full."""
    from polyvisor.model.snapshot import DomainRecord, restore

    restore(document)
    assert document.name and document.creation_time is not None and document.state  # as restore() makes sure
    parent = document.parent.name if document.parent else None
    if parent is not None and parent not in machine.snapshots:
        raise NoSuchSnapshot(f"{machine.ref} has no snapshot {parent!r}, which should be the parent")
    if parent == document.name or parent in {s.name for s in machine.snapshots.below(document.name, descendants=True)}:
        raise InvalidDocument(f"the snapshot {document.name!r} would be its own ancestor")
    uuid = getattr(document.domain, "uuid", None)
    if uuid is not None and uuid != str(machine.uuid):
        raise InvalidDocument(f"the snapshot is of the domain with UUID {uuid}, not of {machine.ref}")
    config = document.domain if isinstance(document.domain, DomainRecord) else machine.config
    state = SnapshotState(document.state)
    ran = state in (SnapshotState.RUNNING, SnapshotState.PAUSED)
    snapshot = Snapshot(
        document.name,
        document.creation_time,
        state,
        document,
        live=config.copy() if ran else None,
        stored=config.copy(),
        parent=parent,
        external=_is_external(document, state is SnapshotState.DISK),
    )
    machine.snapshots.put(snapshot, current=current)
    return SnapshotRef(machine.ref, snapshot.name)


# -- reverting -----------------------------------------------------------------------------------------------


def _revert(session: TestSession, machine: Machine, snapshot: Snapshot, paused: bool | None) -> None:
    """Put the guest back to what the snapshot holds, and announce how its state changes.

    The same instance goes on when both then and now it runs; else one starts or stops."""
    if paused is None:
        wanted = {SnapshotState.RUNNING: "run", SnapshotState.PAUSED: "pause"}.get(snapshot.state, "off")
    else:
        wanted = "pause" if paused else "run"
    if snapshot.stored is not None and machine.persistent:
        machine.stored = snapshot.stored.copy()
        machine.stored.name = machine.name
    if wanted == "off":
        if machine.active:
            session.power_off(machine, transitions.REVERT_STOP)
        return
    machine.disk_jobs.clear()
    started = not machine.active
    config = snapshot.live or snapshot.stored
    assert config is not None
    machine.live = config.copy()
    machine.live.name = machine.name
    if started:
        session.power_on(machine, transitions.REVERT_START_PAUSED if wanted == "pause" else transitions.REVERT_START)
    else:
        machine.live.id = machine.id
        was_running = machine.state.state is DomainState.RUNNING
        for transition in _steps(was_running, wanted):
            session.enter(machine, transition)
    machine.vitals.resume_at(snapshot.seconds, session.node.clock, running=wanted == "run")


def _steps(was_running: bool, wanted: str) -> Iterator[transitions.Transition]:
    """A guest that runs before and after is paused for the moment of the change, so that clients notice it."""
    if was_running:
        yield transitions.REVERT_PAUSE
    if wanted == "run":
        yield transitions.REVERT_RESUME
    elif not was_running:
        yield transitions.REVERT_STILL_PAUSED
