"""The esx driver's operations about snapshots, migration, pictures and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.spi import DomainRef, hookimpl
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.model.snapshot import DomainSnapshot
    from polyvisor.operations.migration import MigrationPlan
    from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRef, SnapshotRow
    from polyvisor.spi import JobControl


class SnapshotOperations:
    """States of guests that VMware keeps."""

    @hookimpl
    def create_snapshot(
        self,
        session: EsxSession,
        domain: DomainRef,
        config: DomainSnapshot,
        job: JobControl,
        *,
        halt: bool,
        disk_only: bool,
        quiesce: bool,
        atomic: bool,  # VMware takes all disks or none
        live: bool,  # the guest always runs on while its memory is saved
    ) -> SnapshotRef:
        from polyvisor_esx import snapshots

        return snapshots.create(session, domain, config, job, disk_only=disk_only, quiesce=quiesce, halt=halt)

    @hookimpl
    def snapshot_config(self, session: EsxSession, snapshot: SnapshotRef) -> str:
        from polyvisor_esx import snapshots

        return snapshots.document(session, snapshot)  # there are no secrets in it

    @hookimpl
    def list_snapshots(self, session: EsxSession, domain: DomainRef) -> list[SnapshotRow]:
        from polyvisor_esx import snapshots

        tree = snapshots.read(session, domain)
        return [tree.row(node) for node in tree]

    @hookimpl
    def snapshot_children(self, session: EsxSession, snapshot: SnapshotRef, *, descendants: bool) -> list[SnapshotRow]:
        from polyvisor_esx import snapshots

        return snapshots.children(session, snapshot, descendants=descendants)

    @hookimpl
    def snapshot_parent(self, session: EsxSession, snapshot: SnapshotRef) -> SnapshotRef | None:
        from polyvisor.operations.snapshots import SnapshotRef
        from polyvisor_esx import snapshots

        parent = snapshots.read(session, snapshot.domain).find(snapshot.name).parent
        return SnapshotRef(snapshot.domain, parent) if parent is not None else None

    @hookimpl
    def lookup_snapshot(self, session: EsxSession, domain: DomainRef, name: str) -> SnapshotRef:
        from polyvisor.operations.snapshots import SnapshotRef
        from polyvisor_esx import snapshots

        return SnapshotRef(domain, snapshots.read(session, domain).find(name).name)

    @hookimpl
    def current_snapshot(self, session: EsxSession, domain: DomainRef) -> SnapshotRef | None:
        from polyvisor_esx import snapshots

        return snapshots.current(session, domain)

    @hookimpl
    def snapshot_has_metadata(self, session: EsxSession, snapshot: SnapshotRef) -> bool:
        from polyvisor_esx import snapshots

        snapshots.read(session, snapshot.domain).find(snapshot.name)
        return True  # what there is to know of it, VMware keeps

    @hookimpl
    def revert_snapshot(
        self,
        session: EsxSession,
        snapshot: SnapshotRef,
        job: JobControl,
        *,
        paused: bool | None,
        force: bool,  # nothing that VMware would refuse without
    ) -> DomainRef:
        from polyvisor_esx import snapshots

        return snapshots.revert(session, snapshot, job, paused=paused)

    @hookimpl
    def delete_snapshot(
        self, session: EsxSession, snapshot: SnapshotRef, job: JobControl, *, extent: SnapshotExtent
    ) -> None:
        from polyvisor_esx import snapshots

        snapshots.delete(session, snapshot, job, extent=extent)

    # -- migration ----------------------------------------------------------------------------------------

    @hookimpl
    def migrate(
        self,
        session: EsxSession,
        domain: DomainRef,
        destination: str,
        job: JobControl,
        *,
        plan: MigrationPlan | None,
    ) -> DomainRef:
        from polyvisor.operations.migration import MigrationPlan
        from polyvisor_esx import migration

        return migration.migrate(session, domain, destination, plan or MigrationPlan(), job)

    # -- events -------------------------------------------------------------------------------------------

    @hookimpl
    def watch_events(self, session: EsxSession, enabled: bool) -> None:
        session.watch(enabled)
