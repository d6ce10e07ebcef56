"""What is known of each guest that runs, and what to tidy up after one that no longer does.

A running guest has a status record (the store's, JSON) and a directory of its own. Reading asks no one: whether it
lives is a lock that its process holds, what it does is in its journal. Only the thread that holds the guest's lock
changes anything.

Keys of a status record: ``name``, ``id``, ``phase`` (``starting`` or ``running``), ``pid``, ``started`` (ticks, see
:class:`~polyvisor.host.process.Process`), ``since`` (seconds since the epoch), ``ending`` (reason of the end that a
manager is bringing about), ``owner`` (pid and ticks of the process whose connection the guest is tied to), and what
tables show: ``memory_kib``, ``max_memory_kib``, ``vcpus``, ``title``, ``os_type``, ``taints``, ``consoles``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import HypervisorError
from polyvisor.host.process import Process
from polyvisor.local import bus, ended
from polyvisor.local.guests import RUNNING as RUNNING
from polyvisor.local.guests import STARTING as STARTING
from polyvisor.local.guests import Look as Look
from polyvisor.local.guests import active as active
from polyvisor.local.guests import next_id as next_id
from polyvisor.local.guests import owner as owner
from polyvisor.local.guests import ownerless as ownerless
from polyvisor.local.guests import remove_files as remove_files
from polyvisor.local.guests import require as require
from polyvisor.local.guests import require_active as require_active
from polyvisor.spi import DomainRef, DomainState, Lifecycle, StateInfo
from polyvisor.state import alive
from polyvisor_qemu import journal
from polyvisor_qemu.process import find
from polyvisor_qemu.session import GuestFiles, QemuSession

if TYPE_CHECKING:
    from polyvisor_qemu.qmp import Monitor

_ABANDONED = 10.0
"""Seconds that what is left of a half done start has to end."""

_END_EVENTS = {"shutdown": "shutdown", "destroyed": "destroyed", "crashed": "crashed", "saved": "saved"}


def look(session: QemuSession, uuid: UUID) -> Look:
    """The guest as it is now; touches nothing."""
    status = session.store.read_status(uuid)
    if status is None:
        return Look(uuid, None, False, StateInfo(DomainState.SHUT_OFF, ended.reason(session, uuid)))
    return examine(session.files(uuid), status)


def examine(files: GuestFiles, status: dict[str, Any]) -> Look:
    """The guest that has this status."""
    lives = alive(files.alive)
    return Look(files.uuid, status, lives, _live_state(files, status) if lives else _dead_state(files, status))


def _live_state(files: GuestFiles, status: dict[str, Any]) -> StateInfo:
    if status["phase"] == STARTING:
        return StateInfo(DomainState.PAUSED, "starting up")
    found = journal.story(files.journal, starts_paused=bool(status.get("starts_paused"))).state
    return StateInfo(DomainState.PAUSED, "user") if found.reason == "starting up" else found


def _dead_state(files: GuestFiles, status: dict[str, Any]) -> StateInfo:
    if ending := status.get("ending"):
        return StateInfo(DomainState.SHUT_OFF, ending)
    if status["phase"] == STARTING:
        return StateInfo(DomainState.SHUT_OFF, "failed")
    return StateInfo(DomainState.SHUT_OFF, journal.story(files.journal).end_reason)


def settle(session: QemuSession, uuid: UUID) -> Look:
    """Look at a guest whose lock the caller holds, tidying up if it has died or was never quite started."""
    found = look(session, uuid)
    if found.status is None:
        return found
    if found.alive and found.status["phase"] == STARTING:
        abandon(session, found)
    elif found.alive:
        return found
    bury(session, look(session, uuid))
    return look(session, uuid)


def abandon(session: QemuSession, found: Look) -> None:
    """End the process of a start whose manager died in the middle of it.

    The manager may have died between creating the process and its becoming QEMU: then the lock is held by one that
    cannot be told yet, and is waited for."""
    files = session.files(found.uuid)
    deadline = time.monotonic() + _ABANDONED
    while alive(files.alive):
        process = found.process or holder(files)
        if process is not None:
            process.stop(grace=1.0, patience=_ABANDONED)
        elif time.monotonic() < deadline:
            time.sleep(0.002)
        if time.monotonic() >= deadline:
            raise HypervisorError(
                f"the half started guest {found.uuid} cannot be ended",
                driver="qemu",
                hint=f"a process holds {files.alive}; see which with fuser",
            )


def holder(files: GuestFiles) -> Process | None:
    """The QEMU that holds a guest's liveness lock, found among our processes; None when there is none."""
    wanted = os.stat(files.alive)
    for process in find(files.pipe.replace(",", ",,")):
        directory = f"/proc/{process.pid}/fd"
        try:
            held = [os.stat(f"{directory}/{name}") for name in os.listdir(directory)]
        except OSError:
            continue  # it is gone, or another user's
        if any((status.st_ino, status.st_dev) == (wanted.st_ino, wanted.st_dev) for status in held):
            return process
    return None


def bury(session: QemuSession, dead: Look) -> None:
    """Remove what a guest that no longer runs has left, tell why it ended, and forget a transient one.

    Each step may be the last one done; done again it finishes the rest."""
    assert dead.status is not None
    persistent = session.store.find(uuid=dead.uuid) is not None
    if persistent:
        ended.remember(session, dead.uuid, dead.state.reason)
    domain = DomainRef(dead.status["name"], dead.uuid, dead.status["id"])
    detail = _END_EVENTS.get(dead.state.reason, "failed")
    bus.tell(session, domain, Lifecycle.STOPPED, detail, persistent=persistent)
    remove_files(session.files(dead.uuid).directory)
    session.store.remove_status(dead.uuid)


@contextmanager
def conversation(session: QemuSession, domain: DomainRef, *, timeout: float = 30.0) -> Iterator[tuple[Look, Monitor]]:
    """Hold the lock of a guest that must run and talk to its QEMU."""
    from polyvisor_qemu.qmp import Monitor

    with (
        active(session, domain) as found,
        Monitor.connect(session.files(domain.uuid).monitor, timeout=timeout) as monitor,
    ):
        yield found, monitor
