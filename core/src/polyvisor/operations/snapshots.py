"""Snapshots: a domain's state at a moment, to come back to.

A snapshot is named within its domain. Its disks' state is kept inside their images (internal) or by putting new
images on top (external); the snapshots of a domain form a tree with one of them current.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HypervisorError,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    NoSuchSnapshot,
    OperationCancelled,
    OperationTimeout,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import operation
from polyvisor.operations.jobs import JobControl
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.model.snapshot import DomainSnapshot


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """Which snapshot of which domain."""

    domain: DomainRef
    name: str

    def __str__(self) -> str:
        return f"snapshot {self.name!r} of {self.domain}"


class SnapshotState(StrEnum):
    """The domain's state when the snapshot was taken, as in ``<domainsnapshot><state>``."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUT_OFF = "shutoff"
    DISK = "disk-snapshot"
    BLOCKED = "blocked"
    SHUTDOWN = "shutdown"
    CRASHED = "crashed"
    PM_SUSPENDED = "pmsuspended"
    NO_STATE = "nostate"


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One line of the table of snapshots. ``created`` is seconds since the epoch, ``parent`` a name.

    ``external`` tells where the disks' state is; ``children`` how many snapshots were taken on top of it."""

    ref: SnapshotRef
    created: int
    state: SnapshotState
    parent: str | None = None
    current: bool = False
    external: bool = False
    children: int = 0
    metadata: bool = True
    description: str | None = None

    @property
    def name(self) -> str:
        return self.ref.name


class SnapshotExtent(StrEnum):
    """How much of the tree a deletion takes."""

    ONE = "one"
    CHILDREN = "children"
    SUBTREE = "subtree"


@operation(
    capability="snapshot.create",
    permission="domain:snapshot",
    changes=True,
    raises=(
        NoSuchDomain,
        NoSuchSnapshot,
        InvalidState,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        Busy,
        OperationCancelled,
        OperationTimeout,
        HypervisorError,
    ),
    documents={"config": "domainsnapshot"},
    extra_permissions={"quiesce": "domain:fs_freeze", "redefine": "domain:write", "halt": "domain:stop"},
)
def create_snapshot(
    session: Session,
    domain: DomainRef,
    config: DomainSnapshot | str | bytes = "<domainsnapshot/>",
    *,
    redefine: bool = False,
    current: bool = False,
    metadata: bool = True,
    halt: bool = False,
    disk_only: bool = False,
    reuse_external: bool = False,
    quiesce: bool = False,
    atomic: bool = False,
    live: bool = False,
    job: JobControl | None = None,
) -> SnapshotRef:
    """Take a snapshot as the ``<domainsnapshot>`` document says, and make it the current one.

    ``disk_only`` leaves memory out; ``halt`` stops the guest afterwards; ``live`` keeps it running while memory is
    saved; ``quiesce`` has the agent freeze file systems; ``reuse_external`` uses files that exist; ``atomic``
    is all disks or none. ``metadata=False`` forgets it at once and leaves only what it did to the disks.
    ``redefine`` takes nothing: it records a snapshot that exists, which ``current`` makes the current one;
    NoSuchSnapshot then means that the parent it names is unknown."""
    raise NotImplementedError


@operation(
    capability="snapshot.xml",
    permission="domain:read",
    raises=(NoSuchDomain, NoSuchSnapshot),
    extra_permissions={"secure": "domain:read_secure"},
)
def snapshot_config(session: Session, snapshot: SnapshotRef, *, secure: bool = False) -> str:
    """The ``<domainsnapshot>`` document; ``secure`` includes passwords."""
    raise NotImplementedError


@operation(capability="snapshot.list", permission="domain:read", raises=(NoSuchDomain,))
def list_snapshots(session: Session, domain: DomainRef) -> list[SnapshotRow]:
    """Every snapshot of the domain, parents before their children, else by name.

    Rows carry all that a list is filtered by; ``parent`` makes them a tree."""
    raise NotImplementedError


@operation(capability="snapshot.tree", permission="domain:read", raises=(NoSuchDomain, NoSuchSnapshot))
def snapshot_children(session: Session, snapshot: SnapshotRef, *, descendants: bool = False) -> list[SnapshotRow]:
    """The snapshots taken on top of this one, or with ``descendants`` also those on top of them, and so on."""
    raise NotImplementedError


@operation(capability="snapshot.tree.parent", permission="domain:read", raises=(NoSuchDomain, NoSuchSnapshot))
def snapshot_parent(session: Session, snapshot: SnapshotRef) -> SnapshotRef | None:
    """The snapshot it was taken on top of; None for a root."""
    raise NotImplementedError


@operation(capability="snapshot.lookup", permission="domain:read", raises=(NoSuchDomain, NoSuchSnapshot))
def lookup_snapshot(session: Session, domain: DomainRef, name: str) -> SnapshotRef:
    """Find one snapshot by its name."""
    raise NotImplementedError


@operation(capability="snapshot.current", permission="domain:read", raises=(NoSuchDomain,))
def current_snapshot(session: Session, domain: DomainRef) -> SnapshotRef | None:
    """The snapshot the domain stands on, taken or reverted to last; None when there is none."""
    raise NotImplementedError


@operation(capability="snapshot.metadata", permission="domain:read", raises=(NoSuchDomain, NoSuchSnapshot))
def snapshot_has_metadata(session: Session, snapshot: SnapshotRef) -> bool:
    """Whether the manager keeps a record of the snapshot, beyond what the hypervisor itself knows of it."""
    raise NotImplementedError


@operation(
    capability="snapshot.revert",
    permission="domain:snapshot",
    changes=True,
    raises=(
        NoSuchDomain,
        NoSuchSnapshot,
        InvalidState,
        UnsupportedConfiguration,
        Busy,
        OperationCancelled,
        HypervisorError,
    ),
)
def revert_snapshot(
    session: Session,
    snapshot: SnapshotRef,
    *,
    paused: bool | None = None,
    force: bool = False,
    reset_nvram: bool = False,
    job: JobControl | None = None,
) -> DomainRef:
    """Put the domain back to the state the snapshot recorded; what came after is lost unless a snapshot holds it.

    ``paused`` True or False leaves the guest paused or running whatever was recorded. ``force`` allows what is
    risky: a running guest to be replaced by a new process, a snapshot without its domain's document. The
    result carries the domain's id."""
    raise NotImplementedError


@operation(
    capability="snapshot.delete",
    permission="domain:snapshot",
    changes=True,
    raises=(NoSuchDomain, NoSuchSnapshot, InvalidState, Busy, OperationCancelled, HypervisorError),
)
def delete_snapshot(
    session: Session,
    snapshot: SnapshotRef,
    *,
    extent: SnapshotExtent = SnapshotExtent.ONE,
    metadata_only: bool = False,
    job: JobControl | None = None,
) -> None:
    """Delete the snapshot, its children, or it and all below; the domain's present state stays.

    Children of a deleted snapshot hang on its parent. ``metadata_only`` forgets the record and leaves the disks'
    state where it is."""
    raise NotImplementedError
