"""What happened, as values: the events a connection's iterator yields.

Names of kinds and details are those of libvirt's event API, written in lower case with dashes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from polyvisor.operations.records import DomainRef


class EventKind(StrEnum):
    """The kinds of events."""

    LIFECYCLE = "lifecycle"
    REBOOT = "reboot"
    RTC_CHANGE = "rtc-change"
    WATCHDOG = "watchdog"
    IO_ERROR = "io-error"
    GRAPHICS = "graphics"
    CONTROL_ERROR = "control-error"
    BLOCK_JOB = "block-job"
    DISK_CHANGE = "disk-change"
    TRAY_CHANGE = "tray-change"
    PM_WAKEUP = "pm-wakeup"
    PM_SUSPEND = "pm-suspend"
    BALLOON_CHANGE = "balloon-change"
    PM_SUSPEND_DISK = "pm-suspend-disk"
    DEVICE_REMOVED = "device-removed"
    TUNABLE = "tunable"
    AGENT_LIFECYCLE = "agent-lifecycle"
    DEVICE_ADDED = "device-added"
    MIGRATION_ITERATION = "migration-iteration"
    JOB_COMPLETED = "job-completed"
    DEVICE_REMOVAL_FAILED = "device-removal-failed"
    METADATA_CHANGE = "metadata-change"
    BLOCK_THRESHOLD = "block-threshold"
    MEMORY_FAILURE = "memory-failure"
    MEMORY_DEVICE_SIZE_CHANGE = "memory-device-size-change"
    NIC_MAC_CHANGE = "nic-mac-change"
    CONNECTION_CLOSED = "connection-closed"
    DROPPED = "dropped"


class Lifecycle(StrEnum):
    """What a lifecycle event says happened to the domain."""

    DEFINED = "defined"
    UNDEFINED = "undefined"
    STARTED = "started"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    STOPPED = "stopped"
    SHUTDOWN = "shutdown"
    PM_SUSPENDED = "pmsuspended"
    CRASHED = "crashed"


LIFECYCLE_DETAILS: dict[Lifecycle, tuple[str, ...]] = {
    Lifecycle.DEFINED: ("added", "updated", "renamed", "from-snapshot"),
    Lifecycle.UNDEFINED: ("removed", "renamed"),
    Lifecycle.STARTED: ("booted", "migrated", "restored", "from-snapshot", "wakeup", "recovered"),
    Lifecycle.SUSPENDED: (
        "paused",
        "migrated",
        "io-error",
        "watchdog",
        "restored",
        "from-snapshot",
        "api-error",
        "post-copy",
        "post-copy-failed",
        "guest-shutdown",
    ),
    Lifecycle.RESUMED: ("unpaused", "migrated", "from-snapshot", "post-copy"),
    Lifecycle.STOPPED: ("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"),
    Lifecycle.SHUTDOWN: ("finished", "guest", "host"),
    Lifecycle.PM_SUSPENDED: ("memory", "disk"),
    Lifecycle.CRASHED: ("panicked", "crashloaded"),
}
"""The details each lifecycle event may carry."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    :param kind: what kind of thing.
    :param domain: the domain it happened to; None for events of the connection.
    :param event: for lifecycle events the :class:`Lifecycle` value, else empty.
    :param detail: why or how, one of :data:`LIFECYCLE_DETAILS` for lifecycle events.
    :param data: what else the kind carries, JSON-serialisable.
    :param when: seconds since the epoch, taken where the event arose if the hypervisor says.
    """

    kind: EventKind
    domain: DomainRef | None = None
    event: str = ""
    detail: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    when: float = field(default_factory=time.time)


def lifecycle(domain: DomainRef, event: Lifecycle, detail: str, **data: Any) -> Event:
    """A lifecycle event; raises ValueError for a detail that event does not have."""
    if detail not in LIFECYCLE_DETAILS[event]:
        raise ValueError(f"{detail!r} is not a detail of {event}")
    return Event(EventKind.LIFECYCLE, domain, event.value, detail, data)
