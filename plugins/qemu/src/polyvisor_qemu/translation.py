"""QEMU's events as Polyvisor's: a row for each QMP event that means something to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyvisor.spi import DomainRef, Event, EventKind, Lifecycle, lifecycle
from polyvisor_qemu.journal import Entry

Maker = Callable[[DomainRef, dict[str, Any]], list[Event]]


def _one(kind: EventKind, **names: str) -> Maker:
    """An event of ``kind`` with some of the QMP event's data under our names."""

    def make(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
        return [Event(kind, domain, data={ours: data[theirs] for ours, theirs in names.items() if theirs in data})]

    return make


def _graphics(phase: str) -> Maker:
    def make(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
        return [Event(EventKind.GRAPHICS, domain, data={"phase": phase, **data})]

    return make


def _block_job(status: str) -> Maker:
    def make(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
        found = {"job": data.get("device", ""), "type": data.get("type", ""), "status": status}
        if "error" in data:
            found |= {"status": "failed", "error": data["error"]}
        return [Event(EventKind.BLOCK_JOB, domain, data=found)]

    return make


def _agent(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
    state = "connected" if data.get("open") else "disconnected"
    return [Event(EventKind.AGENT_LIFECYCLE, domain, data={"channel": data.get("id", ""), "state": state})]


def _sleep(kind: EventKind, detail: str) -> Maker:
    def make(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
        return [Event(kind, domain), lifecycle(domain, Lifecycle.PM_SUSPENDED, detail)]

    return make


def _wakeup(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
    return [Event(EventKind.PM_WAKEUP, domain), lifecycle(domain, Lifecycle.STARTED, "wakeup")]


def _balloon(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
    return [Event(EventKind.BALLOON_CHANGE, domain, data={"actual_kib": data.get("actual", 0) // 1024})]


def _shutdown(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
    return [lifecycle(domain, Lifecycle.SHUTDOWN, "guest" if data.get("guest") else "host")]


def _panic(domain: DomainRef, data: dict[str, Any]) -> list[Event]:
    return [lifecycle(domain, Lifecycle.CRASHED, "panicked")]


MAKERS: dict[str, Maker] = {
    "SHUTDOWN": _shutdown,
    "RESET": _one(EventKind.REBOOT, by_guest="guest"),
    "GUEST_PANICKED": _panic,
    "WATCHDOG": _one(EventKind.WATCHDOG, action="action"),
    "BLOCK_IO_ERROR": _one(
        EventKind.IO_ERROR, device="qom-path", node="node-name", action="action", reason="reason", operation="operation"
    ),
    "RTC_CHANGE": _one(EventKind.RTC_CHANGE, offset_s="offset"),
    "BALLOON_CHANGE": _balloon,
    "DEVICE_TRAY_MOVED": _one(EventKind.TRAY_CHANGE, device="id", open="tray-open"),
    "DEVICE_DELETED": _one(EventKind.DEVICE_REMOVED, device="device"),
    "DEVICE_UNPLUG_GUEST_ERROR": _one(EventKind.DEVICE_REMOVAL_FAILED, device="device"),
    "VSERPORT_CHANGE": _agent,
    "SUSPEND": _sleep(EventKind.PM_SUSPEND, "memory"),
    "SUSPEND_DISK": _sleep(EventKind.PM_SUSPEND_DISK, "disk"),
    "WAKEUP": _wakeup,
    "VNC_CONNECTED": _graphics("connect"),
    "VNC_INITIALIZED": _graphics("initialize"),
    "VNC_DISCONNECTED": _graphics("disconnect"),
    "SPICE_CONNECTED": _graphics("connect"),
    "SPICE_INITIALIZED": _graphics("initialize"),
    "SPICE_DISCONNECTED": _graphics("disconnect"),
    "BLOCK_JOB_COMPLETED": _block_job("completed"),
    "BLOCK_JOB_CANCELLED": _block_job("canceled"),
    "BLOCK_JOB_READY": _block_job("ready"),
    "BLOCK_WRITE_THRESHOLD": _one(
        EventKind.BLOCK_THRESHOLD, node="node-name", threshold="write-threshold", excess="amount-exceeded"
    ),
    "MEMORY_DEVICE_SIZE_CHANGE": _one(EventKind.MEMORY_DEVICE_SIZE_CHANGE, device="id", size="size"),
    "MEMORY_FAILURE": _one(EventKind.MEMORY_FAILURE, recipient="recipient", action="action", flags="flags"),
    "MIGRATION_PASS": _one(EventKind.MIGRATION_ITERATION, iteration="pass"),
}
"""What becomes of each event that does not depend on those before it."""

_PAUSES = {"BLOCK_IO_ERROR": ("stop", "io-error"), "WATCHDOG": ("pause", "watchdog")}


class Translator:
    """Follows one guest's journal from its beginning.

    :param starts_paused: whether the guest was started with its vCPUs stopped; else the first RESUME is its start,
        which the manager that started it reports.
    """

    def __init__(self, *, starts_paused: bool) -> None:
        self._started = starts_paused
        self._cause = "paused"

    def translate(self, domain: DomainRef, entry: Entry) -> list[Event]:
        """The events that one entry stands for, with its time."""
        made = self._run_state(domain, entry)
        if (maker := MAKERS.get(entry.name)) is not None:
            made += maker(domain, entry.data)
        return [Event(event.kind, event.domain, event.event, event.detail, event.data, entry.when) for event in made]

    def _run_state(self, domain: DomainRef, entry: Entry) -> list[Event]:
        if entry.name in _PAUSES and entry.data.get("action") == _PAUSES[entry.name][0]:
            self._cause = _PAUSES[entry.name][1]
        elif entry.name == "SHUTDOWN":
            self._cause = "guest-shutdown"
        elif entry.name == "STOP":
            return [lifecycle(domain, Lifecycle.SUSPENDED, self._cause)]
        elif entry.name == "RESUME":
            first, self._started, self._cause = not self._started, True, "paused"
            return [] if first else [lifecycle(domain, Lifecycle.RESUMED, "unpaused")]
        return []
