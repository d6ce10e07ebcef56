"""Putting right, at every open, what killed processes have left half done."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

from polyvisor.errors import Busy, PolyvisorError
from polyvisor.host.process import Process
from polyvisor.state import alive
from polyvisor_qemu import guests
from polyvisor_qemu.session import QemuSession

log = logging.getLogger(__name__)

_INSTANT = 5.0


def recover(session: QemuSession) -> None:
    """Finish or undo starts and ends that were cut short. Safe at any time; guests at work by others are skipped."""
    session.store.recover()
    for uuid, status in session.store.statuses().items():
        if _abandoned(session, uuid, status):
            _put_right(session, uuid)


def _abandoned(session: QemuSession, uuid: UUID, status: dict[str, Any]) -> bool:
    unfinished = status["phase"] == guests.STARTING or "rebooting" in status or guests.ownerless(status)
    return unfinished or not alive(session.files(uuid).alive)


def _put_right(session: QemuSession, uuid: UUID) -> None:
    try:
        with _lock(session, uuid):
            found = guests.settle(session, uuid)
            if found.alive and found.status is not None and guests.ownerless(found.status):
                from polyvisor_qemu import lifecycle

                lifecycle.stop(session, found, graceful=False)
            elif found.alive and found.status is not None and "rebooting" in found.status:
                _finish_reboot(session, found)
    except Busy:
        log.debug("guest %s is being worked on by another process", uuid)
    except PolyvisorError as error:
        log.warning("guest %s cannot be recovered now: %s", uuid, error)


@contextmanager
def _lock(session: QemuSession, uuid: UUID) -> Iterator[None]:
    """The guest's lock, unless a living process has it.

    A manager killed while it created QEMU's process leaves the lock with that process until it becomes QEMU; that
    takes an instant, which is waited for."""
    with ExitStack() as held:
        try:
            held.enter_context(session.store.lock(uuid, timeout=0))
        except Busy as error:
            pid = error.details.get("pid")
            if pid and Process.running(pid) is not None:
                raise
            held.enter_context(session.store.lock(uuid, timeout=_INSTANT))
        yield


def _finish_reboot(session: QemuSession, found: guests.Look) -> None:
    from polyvisor_qemu import rebooting

    if found.status is not None and rebooting.left_over(found.status):
        rebooting.finish(session, found)
