"""Checkpoints, the moments from which changed blocks are tracked, and backups made with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HypervisorError,
    InvalidDocument,
    InvalidState,
    NoSuchCheckpoint,
    NoSuchDomain,
    OperationCancelled,
    OperationTimeout,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import operation
from polyvisor.operations.jobs import JobControl
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session
from polyvisor.operations.snapshots import SnapshotExtent

if TYPE_CHECKING:
    from polyvisor.model.backup import DomainBackup
    from polyvisor.model.checkpoint import DomainCheckpoint


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """Which checkpoint of which domain."""

    domain: DomainRef
    name: str

    def __str__(self) -> str:
        return f"checkpoint {self.name!r} of {self.domain}"


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One line of the table of checkpoints. ``created`` is seconds since the epoch, ``parent`` a name."""

    ref: CheckpointRef
    created: int
    parent: str | None = None
    current: bool = False
    children: int = 0
    description: str | None = None

    @property
    def name(self) -> str:
        return self.ref.name


@operation(
    capability="checkpoint.create",
    permission="domain:checkpoint",
    changes=True,
    raises=(
        NoSuchDomain,
        NoSuchCheckpoint,
        InvalidState,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        Busy,
        OperationTimeout,
        HypervisorError,
    ),
    documents={"config": "domaincheckpoint"},
    extra_permissions={"quiesce": "domain:fs_freeze"},
)
def create_checkpoint(
    session: Session,
    domain: DomainRef,
    config: DomainCheckpoint | str | bytes = "<domaincheckpoint/>",
    *,
    redefine: bool = False,
    redefine_validate: bool = False,
    quiesce: bool = False,
) -> CheckpointRef:
    """Begin to track changed blocks as the ``<domaincheckpoint>`` document says.

    ``quiesce`` has the agent freeze file systems for the moment. ``redefine`` begins nothing: it records a
    checkpoint whose bitmaps are in the images, which ``redefine_validate`` verifies; NoSuchCheckpoint then means
    that the parent it names is unknown."""
    raise NotImplementedError


@operation(
    capability="checkpoint.xml",
    permission="domain:read",
    raises=(NoSuchDomain, NoSuchCheckpoint, InvalidState),
    extra_permissions={"secure": "domain:read_secure"},
)
def checkpoint_config(
    session: Session, checkpoint: CheckpointRef, *, secure: bool = False, with_domain: bool = True, size: bool = False
) -> str:
    """The ``<domaincheckpoint>`` document.

    ``secure`` includes passwords, ``with_domain=False`` leaves the domain's document out, ``size`` adds to each disk
    the bytes that changed since, for which the guest must run."""
    raise NotImplementedError


@operation(capability="checkpoint.list", permission="domain:read", raises=(NoSuchDomain,))
def list_checkpoints(session: Session, domain: DomainRef) -> list[CheckpointRow]:
    """Every checkpoint of the domain, parents before their children."""
    raise NotImplementedError


@operation(capability="checkpoint.list.lookup", permission="domain:read", raises=(NoSuchDomain, NoSuchCheckpoint))
def lookup_checkpoint(session: Session, domain: DomainRef, name: str) -> CheckpointRef:
    """Find one checkpoint by its name."""
    raise NotImplementedError


@operation(capability="checkpoint.tree", permission="domain:read", raises=(NoSuchDomain, NoSuchCheckpoint))
def checkpoint_children(
    session: Session, checkpoint: CheckpointRef, *, descendants: bool = False
) -> list[CheckpointRow]:
    """The checkpoints that follow this one directly, or with ``descendants`` all that follow."""
    raise NotImplementedError


@operation(capability="checkpoint.tree.parent", permission="domain:read", raises=(NoSuchDomain, NoSuchCheckpoint))
def checkpoint_parent(session: Session, checkpoint: CheckpointRef) -> CheckpointRef | None:
    """The checkpoint before it; None for the first."""
    raise NotImplementedError


@operation(
    capability="checkpoint.delete",
    permission="domain:checkpoint",
    changes=True,
    raises=(NoSuchDomain, NoSuchCheckpoint, InvalidState, Busy, HypervisorError),
)
def delete_checkpoint(
    session: Session,
    checkpoint: CheckpointRef,
    *,
    extent: SnapshotExtent = SnapshotExtent.ONE,
    metadata_only: bool = False,
) -> None:
    """Stop tracking from the checkpoint, its children, or it and all below; its changes count to its parent's.

    ``metadata_only`` forgets the record and leaves the bitmaps in the images."""
    raise NotImplementedError


@operation(
    capability="backup.begin",
    permission=("domain:checkpoint", "domain:block_write"),
    changes=True,
    raises=(
        NoSuchDomain,
        NoSuchCheckpoint,
        InvalidState,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        Busy,
        OperationCancelled,
        HypervisorError,
    ),
    documents={"config": "domainbackup", "checkpoint": "domaincheckpoint"},
)
def begin_backup(
    session: Session,
    domain: DomainRef,
    config: DomainBackup | str | bytes = "<domainbackup/>",
    *,
    checkpoint: DomainCheckpoint | str | bytes | None = None,
    reuse_external: bool = False,
    preserve_on_shutdown: bool = False,
    wait: bool = True,
    job: JobControl | None = None,
) -> None:
    """Back up a running guest's disks as the ``<domainbackup>`` document says, all at the same moment.

    A push backup writes files and ends by itself; a pull backup serves the disks over NBD until ``abort_job``,
    and returns when it does. ``checkpoint`` is a ``<domaincheckpoint>`` to begin at that moment.
    ``preserve_on_shutdown`` keeps a guest that shuts down meanwhile, reset and paused, until the backup has ended.
    ``wait=False`` returns once a push backup has begun. NoSuchCheckpoint means the one that the document counts
    from."""
    raise NotImplementedError


@operation(capability="backup.xml", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def backup_config(session: Session, domain: DomainRef) -> str:
    """The ``<domainbackup>`` document of the backup at work, with what the hypervisor filled in (ports, targets).

    InvalidState when there is none."""
    raise NotImplementedError
