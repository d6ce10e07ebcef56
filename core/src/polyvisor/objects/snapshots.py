"""Snapshots and checkpoints of a domain as programs see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.objects.face import Subject, checkpoint_method, snapshot_method
from polyvisor.operations.declaration import Operation

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain
    from polyvisor.operations import checkpoints, snapshots
    from polyvisor.operations.checkpoints import CheckpointRef
    from polyvisor.operations.jobs import JobControl
    from polyvisor.operations.snapshots import SnapshotRef
    from polyvisor.services.jobs import Job
else:
    checkpoints, snapshots = map(Subject, ("checkpoints", "snapshots"))


class Snapshot:
    """A handle on one snapshot of a domain."""

    __slots__ = ("_ref", "domain")

    def __init__(self, domain: Domain, ref: SnapshotRef) -> None:
        self.domain = domain
        self._ref = ref

    @property
    def ref(self) -> SnapshotRef:
        """The identity that operations are handed."""
        return self._ref

    @property
    def name(self) -> str:
        return self._ref.name

    def __repr__(self) -> str:
        return f"<Snapshot {self.name!r} of {self.domain.name!r}>"

    def _call(self, operation: Operation, arguments: dict[str, Any], job: Job[Any] | None) -> Any:
        return self.domain.connection._call(operation, {"snapshot": self._ref, **arguments}, job)

    xml = snapshot_method(snapshots.snapshot_config)
    children = snapshot_method(snapshots.snapshot_children)
    has_metadata = snapshot_method(snapshots.snapshot_has_metadata)
    delete = snapshot_method(snapshots.delete_snapshot)
    _parent = snapshot_method(snapshots.snapshot_parent)
    _revert = snapshot_method(snapshots.revert_snapshot)

    def parent(self) -> Snapshot | None:
        """The snapshot this one was taken on top of."""
        ref = self._parent()
        return None if ref is None else Snapshot(self.domain, ref)

    def revert(
        self,
        *,
        paused: bool | None = None,
        force: bool = False,
        reset_nvram: bool = False,
        job: JobControl | None = None,
    ) -> Domain:
        """Put the domain back to this state; returns its handle, with its new id.

        See :func:`polyvisor.operations.snapshots.revert_snapshot`."""
        self._revert(paused=paused, force=force, reset_nvram=reset_nvram, job=job)
        return self.domain.refresh()


class Checkpoint:
    """A handle on one checkpoint of a domain."""

    __slots__ = ("_ref", "domain")

    def __init__(self, domain: Domain, ref: CheckpointRef) -> None:
        self.domain = domain
        self._ref = ref

    @property
    def ref(self) -> CheckpointRef:
        """The identity that operations are handed."""
        return self._ref

    @property
    def name(self) -> str:
        return self._ref.name

    def __repr__(self) -> str:
        return f"<Checkpoint {self.name!r} of {self.domain.name!r}>"

    def _call(self, operation: Operation, arguments: dict[str, Any], job: Job[Any] | None) -> Any:
        return self.domain.connection._call(operation, {"checkpoint": self._ref, **arguments}, job)

    xml = checkpoint_method(checkpoints.checkpoint_config)
    children = checkpoint_method(checkpoints.checkpoint_children)
    delete = checkpoint_method(checkpoints.delete_checkpoint)
    _parent = checkpoint_method(checkpoints.checkpoint_parent)

    def parent(self) -> Checkpoint | None:
        """The checkpoint before this one."""
        ref = self._parent()
        return None if ref is None else Checkpoint(self.domain, ref)
