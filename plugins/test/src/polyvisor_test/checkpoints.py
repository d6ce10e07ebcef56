"""Checkpoints: moments from which changed blocks are counted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyvisor.errors import AlreadyExists, InvalidDocument, InvalidState, NoSuchCheckpoint
from polyvisor.operations.checkpoints import CheckpointRef, CheckpointRow
from polyvisor.operations.snapshots import SnapshotExtent
from polyvisor.spi import DomainRef, hookimpl
from polyvisor_test.finding import devices_of
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.model.checkpoint import DomainCheckpoint
    from polyvisor.model.domain import Domain


@dataclass(slots=True)
class Checkpoint:
    """One checkpoint; ``written`` is how many bytes each disk of the guest had written when it was made."""

    name: str
    created: int
    document: DomainCheckpoint
    config: Domain
    written: int
    parent: str | None = None


class CheckpointOperations:
    """The operations of ``polyvisor.operations.checkpoints``."""

    @hookimpl
    def create_checkpoint(
        self,
        session: TestSession,
        domain: DomainRef,
        config: DomainCheckpoint,
        *,
        redefine: bool = False,
        quiesce: bool = False,
    ) -> CheckpointRef:
        with session.machine(domain) as machine:
            if redefine:
                return _redefine(session, machine, config)
            if quiesce:
                machine.require_agent()
            return CheckpointRef(machine.ref, begin(session, machine, config).name)

    @hookimpl
    def checkpoint_config(
        self,
        session: TestSession,
        checkpoint: CheckpointRef,
        *,
        secure: bool = False,
        with_domain: bool = True,
        size: bool = False,
    ) -> str:
        from polyvisor.documents import write
        from polyvisor.model.checkpoint import DomainRecord, ParentCheckpoint

        with session.machine(checkpoint.domain) as machine:
            found = _find(machine, checkpoint)
            filled = found.document.copy()
            filled.name, filled.creation_time = found.name, found.created
            filled.parent = ParentCheckpoint(name=found.parent) if found.parent else None
            filled.domain = DomainRecord.of(found.config) if with_domain else None
            if size:
                machine.require_active()
                changed = max(0, machine.bytes_written(session.node.tick()) - found.written)
                for disk in filled.disks.disks if filled.disks else ():
                    disk.size = changed if disk.checkpoint == "bitmap" else None
            return write(filled, secure=secure)

    @hookimpl
    def list_checkpoints(self, session: TestSession, domain: DomainRef) -> list[CheckpointRow]:
        with session.machine(domain) as machine:
            return [_row(machine, checkpoint) for checkpoint in machine.checkpoints.in_order()]

    @hookimpl
    def lookup_checkpoint(self, session: TestSession, domain: DomainRef, name: str) -> CheckpointRef:
        with session.machine(domain) as machine:
            return CheckpointRef(machine.ref, _find(machine, CheckpointRef(domain, name)).name)

    @hookimpl
    def checkpoint_children(
        self, session: TestSession, checkpoint: CheckpointRef, *, descendants: bool = False
    ) -> list[CheckpointRow]:
        with session.machine(checkpoint.domain) as machine:
            found = machine.checkpoints.below(_find(machine, checkpoint).name, descendants=descendants)
            return [_row(machine, child) for child in found]

    @hookimpl
    def checkpoint_parent(self, session: TestSession, checkpoint: CheckpointRef) -> CheckpointRef | None:
        with session.machine(checkpoint.domain) as machine:
            parent = _find(machine, checkpoint).parent
            return CheckpointRef(machine.ref, parent) if parent else None

    @hookimpl
    def delete_checkpoint(
        self,
        session: TestSession,
        checkpoint: CheckpointRef,
        *,
        extent: SnapshotExtent = SnapshotExtent.ONE,
        metadata_only: bool = False,  # a checkpoint is nothing but its record
    ) -> None:
        with session.machine(checkpoint.domain) as machine:
            machine.checkpoints.remove(_find(machine, checkpoint).name, extent)


def begin(session: TestSession, machine: Machine, config: DomainCheckpoint) -> Checkpoint:
    """Begin to count the changes of the running guest's disks from now on."""
    from polyvisor.model.checkpoint import align

    machine.require_active()
    if config.name is not None and config.name in machine.checkpoints:
        raise AlreadyExists(f"{machine.ref} has a checkpoint {config.name!r} already")
    config.name = config.name or machine.checkpoints.free_name(str(int(time.time())))
    align(config, _writable(machine))
    written = machine.bytes_written(session.node.clock)
    checkpoint = Checkpoint(config.name, int(time.time()), config, machine.config.copy(), written)
    machine.checkpoints.add(checkpoint)
    return checkpoint


def _find(machine: Machine, ref: CheckpointRef) -> Checkpoint:
    found: Checkpoint | None = machine.checkpoints.get(ref.name)
    if found is None:
        there = ", ".join(machine.checkpoints) or "none"
        raise NoSuchCheckpoint(f"{machine.ref} has no checkpoint {ref.name!r}", hint=f"checkpoints it has: {there}")
    return found


def _row(machine: Machine, checkpoint: Checkpoint) -> CheckpointRow:
    return CheckpointRow(
        CheckpointRef(machine.ref, checkpoint.name),
        checkpoint.created,
        parent=checkpoint.parent,
        current=machine.checkpoints.current == checkpoint.name,
        children=len(machine.checkpoints.below(checkpoint.name)),
        description=checkpoint.document.description,
    )


def _writable(machine: Machine) -> list[str]:
    """Targets of the disks whose changes can be tracked; InvalidState when there is none."""
    disks = devices_of(machine.config).disks
    targets = [disk.target.dev for disk in disks if not disk.readonly and disk.source is not None]
    if not targets:
        raise InvalidState(f"{machine.ref} has no disk whose changes could be tracked", target=str(machine.ref))
    return targets


def _redefine(session: TestSession, machine: Machine, document: DomainCheckpoint) -> CheckpointRef:
    """Record a checkpoint that its document describes in full."""
    from polyvisor.model.checkpoint import DomainRecord, restore

    restore(document)
    assert document.name and document.creation_time is not None  # as restore() makes sure
    parent = document.parent.name if document.parent else None
    if parent is not None and parent not in machine.checkpoints:
        raise NoSuchCheckpoint(f"{machine.ref} has no checkpoint {parent!r}, which should be the parent")
    if parent == document.name or parent in {
        checkpoint.name for checkpoint in machine.checkpoints.below(document.name, descendants=True)
    }:
        raise InvalidDocument(f"the checkpoint {document.name!r} would be its own ancestor")
    record = document.domain
    config = (record if isinstance(record, DomainRecord) else machine.config).copy()
    written = machine.bytes_written(session.node.clock)
    checkpoint = Checkpoint(document.name, document.creation_time, document, config, written, parent)
    machine.checkpoints.put(checkpoint, current=machine.checkpoints.current in (None, parent))
    return CheckpointRef(machine.ref, checkpoint.name)
