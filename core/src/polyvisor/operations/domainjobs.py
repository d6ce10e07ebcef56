"""The job at work on a domain: saving, dumping, migrating, backing up.

Jobs that this process started are followed with the job object that their call returns; here is what any process
may ask about a domain, whoever started the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from polyvisor.errors import HypervisorError, InvalidState, NoSuchDomain
from polyvisor.operations.declaration import operation
from polyvisor.operations.jobs import Progress
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session


class JobType(StrEnum):
    """Whether a job is at work and how far ahead its end is seen, spelt as ``virsh domjobinfo`` prints them."""

    NONE = "None"
    BOUNDED = "Bounded"
    UNBOUNDED = "Unbounded"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class JobOperation(StrEnum):
    """What the job does, spelt as ``virsh domjobinfo`` prints it."""

    UNKNOWN = "Unknown"
    START = "Start"
    SAVE = "Save"
    RESTORE = "Restore"
    MIGRATION_IN = "Incoming migration"
    MIGRATION_OUT = "Outgoing migration"
    SNAPSHOT = "Snapshot"
    SNAPSHOT_REVERT = "Snapshot revert"
    SNAPSHOT_DELETE = "Snapshot delete"
    DUMP = "Dump"
    BACKUP = "Backup"


@dataclass(frozen=True, slots=True)
class DomainJob:
    """A job and how far it is; times in milliseconds, ``remaining_ms`` None while it cannot be told.

    ``memory`` and ``disk`` count bytes. ``statistics`` has what else the hypervisor tells, by the names of
    libvirt's job statistics (``memory_iteration``, ``downtime``, ``compression_pages``, ...)."""

    type: JobType
    operation: JobOperation = JobOperation.UNKNOWN
    elapsed_ms: int = 0
    remaining_ms: int | None = None
    memory: Progress = field(default_factory=Progress)
    disk: Progress = field(default_factory=Progress)
    error: str = ""
    statistics: Mapping[str, int | float | bool | str] = field(default_factory=dict)


@operation(capability="job.info", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def domain_job(session: Session, domain: DomainRef, *, completed: bool = False, keep: bool = False) -> DomainJob:
    """The job at work on the domain, of type NONE when there is none; or the one that ended last.

    The account of an ended job is given once; ``keep`` leaves it for the next who asks. Raises InvalidState when
    the domain is not running and no ended job was asked for."""
    raise NotImplementedError


@operation(
    capability="job.abort",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, HypervisorError),
)
def abort_job(session: Session, domain: DomainRef, *, post_copy: bool = False) -> None:
    """End the job at work, as if it had not begun; whoever waits for it is told that it was cancelled.

    ``post_copy`` interrupts a migration after it switched to post-copy: the guest is paused on both sides until
    the migration is resumed. Raises InvalidState when there is no job or it can no longer be ended."""
    raise NotImplementedError
