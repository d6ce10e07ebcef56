"""What operations about hosts and domains take and return: small frozen records and enumerations.

Records of one subject only stand in that subject's module; here are those that several share.
Sizes are KiB where libvirt's documents count KiB (the field says so), else bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class DomainState(StrEnum):
    """States of a domain, spelt as ``virsh domstate`` prints them."""

    NO_STATE = "no state"
    RUNNING = "running"
    BLOCKED = "idle"
    PAUSED = "paused"
    SHUTDOWN = "in shutdown"
    SHUT_OFF = "shut off"
    CRASHED = "crashed"
    PM_SUSPENDED = "pmsuspended"

    @property
    def active(self) -> bool:
        """True when the hypervisor has the guest: running, paused, or crashed and kept for a look at it."""
        return self not in (DomainState.SHUT_OFF, DomainState.NO_STATE)


REASONS: dict[DomainState, tuple[str, ...]] = {
    DomainState.NO_STATE: ("unknown",),
    DomainState.RUNNING: (
        "unknown",
        "booted",
        "migrated",
        "restored",
        "from snapshot",
        "unpaused",
        "migration canceled",
        "save canceled",
        "event wakeup",
        "crashed",
        "post-copy",
        "post-copy failed",
    ),
    DomainState.BLOCKED: ("unknown",),
    DomainState.PAUSED: (
        "unknown",
        "user",
        "migrating",
        "saving",
        "dumping",
        "I/O error",
        "watchdog",
        "from snapshot",
        "shutting down",
        "creating snapshot",
        "crashed",
        "starting up",
        "post-copy",
        "post-copy failed",
        "api error",
    ),
    DomainState.SHUTDOWN: ("unknown", "user"),
    DomainState.SHUT_OFF: (
        "unknown",
        "shutdown",
        "destroyed",
        "crashed",
        "migrated",
        "saved",
        "failed",
        "from snapshot",
        "daemon",
    ),
    DomainState.CRASHED: ("unknown", "panicked"),
    DomainState.PM_SUSPENDED: ("unknown",),
}
"""The reasons each state may have, spelt as ``virsh domstate --reason`` prints them."""


@dataclass(frozen=True, slots=True)
class DomainRef:
    """Which domain: what an operation is handed and what lists hold.

    ``uuid`` identifies it for good; ``name`` is unique at a time; ``id`` is the hypervisor's number of the
    running instance, None when it is not running. A driver finds the domain by UUID and, if its hypervisor
    has none, by name.
    """

    name: str
    uuid: UUID
    id: int | None = None

    def __str__(self) -> str:
        return f"domain {self.name!r}"


@dataclass(frozen=True, slots=True)
class StateInfo:
    """A state and why: ``reason`` is one of :data:`REASONS` for that state."""

    state: DomainState
    reason: str = "unknown"


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One line of the domain table. Fields beyond ``ref`` and ``state`` are None when not asked for or unknown."""

    ref: DomainRef
    state: DomainState
    reason: str = "unknown"
    persistent: bool | None = None
    autostart: bool | None = None
    managed_save: bool | None = None
    memory_kib: int | None = None
    max_memory_kib: int | None = None
    vcpus: int | None = None
    cpu_time_ns: int | None = None
    title: str | None = None

    @property
    def name(self) -> str:
        return self.ref.name


class Column(StrEnum):
    """What ``list_domains`` may be asked to fill in beside identity and state."""

    PERSISTENT = "persistent"
    AUTOSTART = "autostart"
    MANAGED_SAVE = "managed_save"
    MEMORY = "memory"
    VCPUS = "vcpus"
    CPU_TIME = "cpu_time"
    TITLE = "title"


class Affect(StrEnum):
    """Which of a domain's two configurations a change applies to.

    ``CURRENT`` is the live one of a running domain and the stored one of another, as in libvirt."""

    CURRENT = "current"
    LIVE = "live"
    CONFIG = "config"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Named tunables as the hypervisor has them; names are libvirt's (``cpu_shares``, ``hard_limit``, ...)."""

    values: dict[str, int | float | bool | str] = field(default_factory=dict)
