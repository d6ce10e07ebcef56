"""Long work on the disks of running guests: flattening, copying and committing images.

A disk is named by its target (``vda``), an image of its chain by path or by target and index (``vda[2]``).
Rates are bytes per second, 0 is unlimited. One job a disk at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HypervisorError,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    OperationCancelled,
    OperationTimeout,
)
from polyvisor.operations.declaration import operation
from polyvisor.operations.jobs import JobControl
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session


class BlockJobType(StrEnum):
    """Kinds of block jobs, spelt as ``virsh blockjob`` prints them."""

    PULL = "Block Pull"
    COPY = "Block Copy"
    COMMIT = "Block Commit"
    ACTIVE_COMMIT = "Active Block Commit"
    BACKUP = "Backup"


@dataclass(frozen=True, slots=True)
class BlockJob:
    """A job at work on a disk: ``done`` of ``total`` bytes at up to ``bandwidth`` bytes per second.

    ``ready``: a copy or active commit has caught up, and follows the guest's writes until it is pivoted or
    aborted."""

    disk: str
    type: BlockJobType
    done: int
    total: int
    bandwidth: int = 0
    ready: bool = False


@operation(capability="blockjob.control", permission="domain:read", raises=(NoSuchDomain, InvalidState, NoSuchDevice))
def block_job(session: Session, domain: DomainRef, disk: str) -> BlockJob | None:
    """The job at work on the disk, or None."""
    raise NotImplementedError


@operation(
    capability="blockjob.control.abort",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, OperationTimeout, HypervisorError),
)
def abort_block_job(session: Session, domain: DomainRef, disk: str, *, pivot: bool = False, wait: bool = True) -> None:
    """End the disk's job, leaving the guest on its old image, or with ``pivot`` moving it to the new one.

    Raises InvalidState when there is no job, or when it is not ready to pivot. ``wait=False`` returns when the
    job was told; a block-job event says when it has ended."""
    raise NotImplementedError


@operation(
    capability="blockjob.control.set-speed",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice),
)
def set_block_job_speed(session: Session, domain: DomainRef, disk: str, bandwidth: int) -> None:
    """Let the disk's job use up to ``bandwidth`` bytes per second. InvalidState when there is no job."""
    raise NotImplementedError


@operation(
    capability="blockjob.pull",
    permission="domain:block_write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, Busy, OperationCancelled, HypervisorError),
)
def block_pull(
    session: Session,
    domain: DomainRef,
    disk: str,
    *,
    base: str | None = None,
    bandwidth: int = 0,
    relative: bool = False,
    wait: bool = True,
    job: JobControl | None = None,
) -> None:
    """Copy into the active image what its backing chain holds, down to but not including ``base``.

    Without ``base`` the image stands alone afterwards. ``relative`` keeps the path to the base relative.
    ``wait=False`` returns once the work has begun."""
    raise NotImplementedError


@operation(
    capability="blockjob.copy",
    permission="domain:block_write",
    changes=True,
    raises=(
        NoSuchDomain,
        InvalidState,
        InvalidArgument,
        InvalidDocument,
        NoSuchDevice,
        AlreadyExists,
        Busy,
        OperationCancelled,
        HypervisorError,
    ),
)
def block_copy(
    session: Session,
    domain: DomainRef,
    disk: str,
    destination: str | bytes,
    *,
    shallow: bool = False,
    reuse_external: bool = False,
    transient: bool = False,
    synchronous_writes: bool = False,
    bandwidth: int = 0,
    granularity: int = 0,
    buffer_size: int = 0,
    pivot: bool = False,
    wait: bool = True,
    job: JobControl | None = None,
) -> None:
    """Copy the disk to another image while the guest uses it, and keep the copy up to date.

    ``destination`` is the text of a ``<disk>`` element that says where. ``shallow`` copies the active image only;
    ``reuse_external`` fills a file that exists; ``synchronous_writes`` makes the guest wait for both. With
    ``wait`` it returns when the copy has caught up, and with ``pivot`` moves the guest there and ends; else the
    job goes on until ``abort_block_job``. A persistent domain must allow it with ``transient``.
    ``granularity`` and ``buffer_size`` are bytes, 0 for the hypervisor's choice."""
    raise NotImplementedError


@operation(
    capability="blockjob.commit",
    permission="domain:block_write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, Busy, OperationCancelled, HypervisorError),
)
def block_commit(
    session: Session,
    domain: DomainRef,
    disk: str,
    *,
    base: str | None = None,
    top: str | None = None,
    shallow: bool = False,
    active: bool = False,
    delete: bool = False,
    relative: bool = False,
    bandwidth: int = 0,
    pivot: bool = False,
    wait: bool = True,
    job: JobControl | None = None,
) -> None:
    """Write what the images from ``top`` down to above ``base`` hold into ``base``, and drop them from the chain.

    None is the active image for ``top`` (which ``active`` must allow) and the last of the chain for ``base``;
    ``shallow`` takes the one below ``top``. Committing the active image ends with ``pivot`` or
    ``abort_block_job(pivot=True)``. ``delete`` removes the files that are no longer needed."""
    raise NotImplementedError
