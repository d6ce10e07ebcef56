"""Backups of running guests. The images they are pushed into are only names, like those of the disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import InvalidState, NoSuchCheckpoint, UnsupportedConfiguration
from polyvisor.operations.domainjobs import JobOperation
from polyvisor.operations.snapshots import SnapshotExtent
from polyvisor.spi import DomainRef, JobControl, hookimpl
from polyvisor_test import checkpoints
from polyvisor_test.finding import devices_of, source_path
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession
from polyvisor_test.work import working

if TYPE_CHECKING:
    from polyvisor.model.backup import DomainBackup
    from polyvisor.model.checkpoint import DomainCheckpoint

SUFFIX = "backup"
"""What the path of a disk's copy ends with when the document does not say where it goes."""


class BackupOperations:
    """The backups among the operations of ``polyvisor.operations.checkpoints``."""

    @hookimpl
    def begin_backup(
        self,
        session: TestSession,
        domain: DomainRef,
        config: DomainBackup,
        job: JobControl,
        *,
        checkpoint: DomainCheckpoint | None = None,
        reuse_external: bool = False,  # the images are only names: one that exists is as good as one that does not
    ) -> None:
        if config.mode == "pull":
            raise UnsupportedConfiguration(
                "the simulated host has no server that disks could be pulled from", hint="push the backup"
            )
        begun: list[Machine] = []

        def begin(machine: Machine) -> None:
            _aim(machine, config)
            if checkpoint is not None:
                checkpoints.begin(session, machine, checkpoint)
            machine.backup = config
            begun.append(machine)

        try:
            with working(session, domain, JobOperation.BACKUP, job, begin=begin) as machine:
                machine.backup = None
        except BaseException:
            for machine in begun:
                _undo(session, machine, checkpoint)
            raise

    @hookimpl
    def backup_config(self, session: TestSession, domain: DomainRef) -> str:
        from polyvisor.documents import write

        with session.machine(domain) as machine:
            if machine.backup is None:
                raise InvalidState(f"no backup of {machine.ref} is at work", target=str(machine.ref))
            return write(machine.backup)


def _aim(machine: Machine, config: DomainBackup) -> None:
    """Say of each disk where its copy goes; raises for what the guest does not have."""
    from polyvisor.model.backup import align

    disks = {disk.target.dev: source_path(disk) for disk in devices_of(machine.config).disks if disk.source}
    align(config, disks, SUFFIX)
    listed = getattr(config, "disks", None)
    since = {config.incremental, *(disk.incremental for disk in listed.disks)} if listed else {config.incremental}
    for name in sorted(filter(None, since)):
        if name not in machine.checkpoints:
            raise NoSuchCheckpoint(f"{machine.ref} has no checkpoint {name!r} to count changes from")


def _undo(session: TestSession, machine: Machine, checkpoint: DomainCheckpoint | None) -> None:
    """Leave things as they were before a backup that did not get to its end."""
    with session.node.lock:
        machine.backup = None
        if checkpoint is not None and checkpoint.name in machine.checkpoints:
            machine.checkpoints.remove(str(checkpoint.name), SnapshotExtent.ONE)
