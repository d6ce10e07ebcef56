"""What QEMU wrote down by itself: the journal of its QMP events.

Each guest has a second monitor that no program is connected to: its input is a file that only negotiates, its
output is this journal, to which QEMU appends every event with its time. So nothing is lost while no manager
runs, and the state of a guest is read from a file instead of being asked for. The events are documented in QEMU's
``qapi/run-state.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from polyvisor.spi import DomainState, StateInfo

HANDSHAKE = b'{"execute":"qmp_capabilities"}\n'
"""All that the journal's monitor is ever told."""

_TELLING = (b'"RESUME"', b'"STOP"', b'"SHUTDOWN"', b'"RESET"', b'"SUSPEND', b'"WAKEUP"', b'"GUEST_PANICKED"')
_CAUSES = (b'"BLOCK_IO_ERROR"', b'"WATCHDOG"')
_WINDOW = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: its QMP name, its data, and when it arose in seconds since the epoch."""

    name: str
    data: dict[str, Any]
    when: float


def entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    """The events among the lines of a journal; greeting, replies and what is no JSON are passed over."""
    for line in lines:
        if b'"event"' not in line:
            continue
        try:
            message = json.loads(line.lstrip(b"\0"))
        except ValueError:
            continue
        stamp = message.get("timestamp", {})
        when = stamp.get("seconds", 0) + stamp.get("microseconds", 0) / 1_000_000
        yield Entry(message.get("event", ""), message.get("data", {}), when)


def read(path: str | os.PathLike[str], offset: int = 0, *, limit: int | None = None) -> tuple[list[Entry], int]:
    """The events after byte ``offset`` and the offset after the last whole line. No journal, no events."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read() if limit is None else file.read(limit)
    except FileNotFoundError:
        return [], offset
    whole = data.rfind(b"\n") + 1
    return list(entries(data[:whole].splitlines())), offset + whole


@dataclass(frozen=True, slots=True)
class Story:
    """What a journal tells so far.

    ``state`` is that of a guest whose process lives; ``ended`` is the reason of QEMU's SHUTDOWN event
    (``guest-shutdown``, ``host-signal``, ...), None while there was none."""

    state: StateInfo
    ended: str | None = None

    @property
    def end_reason(self) -> str:
        """Why a guest with this journal is off, now that its process is gone."""
        if self.ended is None:
            return "crashed"
        return _END_REASONS.get(self.ended, "shutdown")


_END_REASONS = {"guest-panic": "crashed", "host-error": "crashed"}
_FRESH = StateInfo(DomainState.PAUSED, "starting up")


def tell(events: Iterable[Entry], *, booted: bool = False) -> Story:
    """Follow the events to the state they lead to. Unless ``booted``, the first RESUME is the guest's start."""
    state, ended, cause = _FRESH, None, "user"
    for event in events:
        match event.name:
            case "RESUME":
                state = StateInfo(DomainState.RUNNING, "unpaused" if booted else "booted")
                booted, ended, cause = True, None, "user"
            case "STOP":
                if state.state is not DomainState.CRASHED:
                    state = StateInfo(DomainState.PAUSED, "shutting down" if ended else cause)
            case "BLOCK_IO_ERROR" if event.data.get("action") == "stop":
                cause = "I/O error"
            case "WATCHDOG" if event.data.get("action") == "pause":
                cause = "watchdog"
            case "SHUTDOWN":
                ended = str(event.data.get("reason", ""))
                state = StateInfo(DomainState.SHUTDOWN, "user")
            case "GUEST_PANICKED" if event.data.get("action") == "pause":
                state = StateInfo(DomainState.CRASHED, "panicked")
            case "SUSPEND" | "SUSPEND_DISK":
                state = StateInfo(DomainState.PM_SUSPENDED, "unknown")
            case "WAKEUP":
                state = StateInfo(DomainState.RUNNING, "event wakeup")
            case "RESET" if state.state is DomainState.PM_SUSPENDED:
                state = StateInfo(DomainState.RUNNING, "event wakeup")
    return Story(state, ended)


def story(path: str | os.PathLike[str], *, starts_paused: bool = False) -> Story:
    """The story of the journal at ``path``, read from its end: a long one costs no more than a short one.

    ``starts_paused`` tells that the guest was started with its vCPUs stopped."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            window = _WINDOW
            while True:
                start = max(0, size - window)
                file.seek(start)
                lines = file.read(size - start).splitlines()
                if start:
                    del lines[:1]
                telling = [line for line in lines if any(mark in line for mark in _TELLING + _CAUSES)]
                if not start or any(mark in line for line in telling for mark in _TELLING):
                    return tell(entries(telling), booted=starts_paused or start > 0)
                window *= 8
    except FileNotFoundError:
        return Story(_FRESH)
