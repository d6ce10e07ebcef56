"""The lxc driver's operations about devices, snapshots, consoles, and the inside of containers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from polyvisor.spi import Affect, DomainRef, JobControl, SnapshotRef, Stream, hookimpl
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.snapshot import DomainSnapshot
    from polyvisor.operations.domainjobs import DomainJob
    from polyvisor.operations.guest import (
        AddressSource,
        GuestFilesystem,
        GuestInfo,
        GuestInfoGroup,
        GuestInterface,
    )
    from polyvisor.operations.security import SecurityLabel
    from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRow


class InsideOperations:
    """What belongs to one container."""

    # -- devices ------------------------------------------------------------------------------------------

    @hookimpl
    def attach_device(self, session: LxcSession, domain: DomainRef, device: Element, *, affect: Affect) -> None:
        from polyvisor_lxc import devices

        devices.attach(session, domain, device, affect)

    @hookimpl
    def detach_device(
        self, session: LxcSession, domain: DomainRef, device: Element, *, affect: Affect, timeout: float
    ) -> None:
        from polyvisor_lxc import devices, finding

        # the kernel takes devices from containers without asking them, so there is nothing to wait for
        devices.detach(session, domain, lambda config: finding.find(config, device), affect)

    @hookimpl
    def detach_device_alias(
        self, session: LxcSession, domain: DomainRef, alias: str, *, affect: Affect, timeout: float
    ) -> None:
        from polyvisor_lxc import devices, finding

        # as above
        devices.detach(session, domain, lambda config: finding.by_alias(config, alias), affect)

    @hookimpl
    def update_device(self, session: LxcSession, domain: DomainRef, device: Element, *, affect: Affect) -> None:
        from polyvisor_lxc import devices

        devices.update(session, domain, device, affect)

    # -- snapshots ----------------------------------------------------------------------------------------

    @hookimpl
    def create_snapshot(
        self,
        session: LxcSession,
        domain: DomainRef,
        config: DomainSnapshot,
        job: JobControl,
        *,
        redefine: bool,
        current: bool,
        halt: bool,
        disk_only: bool,
        atomic: bool,
    ) -> SnapshotRef:
        from polyvisor_lxc import snapshots

        if redefine:
            return snapshots.redefine(session, domain, config, current=current)
        # all is copied or nothing, so atomic is kept anyway
        return snapshots.take(session, domain, config, job, halt=halt, disk_only=disk_only)

    @hookimpl
    def snapshot_config(self, session: LxcSession, snapshot: SnapshotRef, *, secure: bool) -> str:
        from polyvisor_lxc import snapshots

        return snapshots.document(session, snapshot, secure=secure)

    @hookimpl
    def list_snapshots(self, session: LxcSession, domain: DomainRef) -> list[SnapshotRow]:
        from polyvisor_lxc import snapshots

        return snapshots.rows(session, domain)

    @hookimpl
    def snapshot_children(self, session: LxcSession, snapshot: SnapshotRef, *, descendants: bool) -> list[SnapshotRow]:
        from polyvisor_lxc import snapshots

        return snapshots.children(session, snapshot, descendants=descendants)

    @hookimpl
    def snapshot_parent(self, session: LxcSession, snapshot: SnapshotRef) -> SnapshotRef | None:
        from polyvisor_lxc import snapshots

        return snapshots.parent(session, snapshot)

    @hookimpl
    def lookup_snapshot(self, session: LxcSession, domain: DomainRef, name: str) -> SnapshotRef:
        from polyvisor_lxc import snapshots

        return snapshots.find(session, domain, name)

    @hookimpl
    def current_snapshot(self, session: LxcSession, domain: DomainRef) -> SnapshotRef | None:
        from polyvisor_lxc import snapshots

        return snapshots.current(session, domain)

    @hookimpl
    def snapshot_has_metadata(self, session: LxcSession, snapshot: SnapshotRef) -> bool:
        from polyvisor_lxc import snapshots

        # every snapshot there is has a record, and liblxc knows of none
        return bool(snapshots.find(session, snapshot.domain, snapshot.name))

    @hookimpl
    def revert_snapshot(
        self, session: LxcSession, snapshot: SnapshotRef, job: JobControl, *, paused: bool | None, force: bool
    ) -> DomainRef:
        from polyvisor_lxc import snapshots

        # a container is always replaced by a new one, which force would allow
        return snapshots.revert(session, snapshot, job, paused=paused)

    @hookimpl
    def delete_snapshot(
        self, session: LxcSession, snapshot: SnapshotRef, job: JobControl, *, extent: SnapshotExtent
    ) -> None:
        from polyvisor_lxc import snapshots

        job.check()
        snapshots.delete(session, snapshot, extent)

    @hookimpl
    def domain_job(self, session: LxcSession, domain: DomainRef) -> DomainJob:
        from polyvisor_lxc import domainjobs

        return domainjobs.current(session, domain)

    @hookimpl
    def abort_job(self, session: LxcSession, domain: DomainRef) -> None:
        from polyvisor_lxc import domainjobs

        domainjobs.abort(session, domain)

    # -- inside -------------------------------------------------------------------------------------------

    @hookimpl
    def open_console(
        self, session: LxcSession, domain: DomainRef, *, device: str | None, safe: bool, replay: int
    ) -> Stream:
        from polyvisor_lxc import streams

        # safe asks that several do not steal from one another, which they never do here
        return streams.open_console(session, domain, device=device, replay=replay)

    @hookimpl
    def open_namespaces(self, session: LxcSession, domain: DomainRef) -> list[int]:
        from polyvisor_lxc import namespaces

        return namespaces.open_all(session, domain)

    @hookimpl
    def send_signal(self, session: LxcSession, domain: DomainRef, pid: int, signal: str) -> None:
        from polyvisor_lxc import namespaces

        namespaces.send_signal(session, domain, pid, signal)

    @hookimpl
    def security_labels(self, session: LxcSession, domain: DomainRef) -> list[SecurityLabel]:
        from polyvisor_lxc import audit

        return audit.labels(session, domain)

    @hookimpl
    def guest_hostname(self, session: LxcSession, domain: DomainRef, *, source: AddressSource) -> str:
        from polyvisor_lxc import inside

        return inside.hostname(session, domain, source)

    @hookimpl
    def guest_interfaces(
        self, session: LxcSession, domain: DomainRef, *, source: AddressSource
    ) -> list[GuestInterface]:
        from polyvisor_lxc import inside

        return inside.interfaces(session, domain, source)

    @hookimpl
    def guest_filesystems(self, session: LxcSession, domain: DomainRef) -> list[GuestFilesystem]:
        from polyvisor_lxc import inside

        return inside.filesystems(session, domain)

    @hookimpl
    def guest_info(
        self, session: LxcSession, domain: DomainRef, *, groups: Collection[GuestInfoGroup], enforce: bool
    ) -> GuestInfo:
        from polyvisor_lxc import inside

        return inside.info(session, domain, groups, enforce=enforce)

    @hookimpl
    def guest_ssh_keys(self, session: LxcSession, domain: DomainRef, user: str) -> list[str]:
        from polyvisor_lxc import sshkeys

        return sshkeys.keys(session, domain, user)

    @hookimpl
    def set_guest_ssh_keys(
        self, session: LxcSession, domain: DomainRef, user: str, keys: Sequence[str], *, append: bool, remove: bool
    ) -> None:
        from polyvisor_lxc import sshkeys

        sshkeys.set_keys(session, domain, user, keys, append=append, remove=remove)

    @hookimpl
    def trim_filesystems(self, session: LxcSession, domain: DomainRef, *, mountpoint: str | None, minimum: int) -> None:
        from polyvisor_lxc import inside

        inside.trim(session, domain, mountpoint, minimum)
