"""What happens to a guest at power-off, reboot, crash and lost leases; power management; performance events."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required
from polyvisor.documents import datatypes as dt


class LifecycleAction(StrEnum):
    """What follows a power-off or a reboot by the guest."""

    DESTROY = "destroy"
    RESTART = "restart"
    PRESERVE = "preserve"
    RENAME_RESTART = "rename-restart"


class CrashAction(StrEnum):
    """What follows a crash of the guest."""

    DESTROY = "destroy"
    RESTART = "restart"
    PRESERVE = "preserve"
    RENAME_RESTART = "rename-restart"
    COREDUMP_DESTROY = "coredump-destroy"
    COREDUMP_RESTART = "coredump-restart"


class LockFailureAction(StrEnum):
    """What follows the loss of a lease on a resource."""

    POWEROFF = "poweroff"
    RESTART = "restart"
    PAUSE = "pause"
    IGNORE = "ignore"


@element("suspend-to-mem")
class SleepState(Element):
    """Whether the guest is told that it may enter a sleep state."""

    enabled: bool | None = attribute(dt.BOOL)


@element("pm")
class PowerManagement(Element):
    """ACPI sleep states offered to the guest: S3 (memory) and S4 (disk)."""

    suspend_to_mem: SleepState | None = child(name="suspend-to-mem")
    suspend_to_disk: SleepState | None = child(name="suspend-to-disk")


PerfEventName = Literal[
    "cmt",
    "mbmt",
    "mbml",
    "cpu_cycles",
    "instructions",
    "cache_references",
    "cache_misses",
    "branch_instructions",
    "branch_misses",
    "bus_cycles",
    "stalled_cycles_frontend",
    "stalled_cycles_backend",
    "ref_cpu_cycles",
    "cpu_clock",
    "task_clock",
    "page_faults",
    "context_switches",
    "cpu_migrations",
    "page_faults_min",
    "page_faults_maj",
    "alignment_faults",
    "emulation_faults",
]


@element("event")
class PerfEvent(Element):
    """Whether one event is counted; the names are those of perf_event_open(2)."""

    name: PerfEventName = required(attribute())
    enabled: bool = required(attribute(dt.BOOL))


@element("perf")
class Perf(Element):
    """Performance events counted while the guest runs."""

    events: list[PerfEvent] = children("event")
