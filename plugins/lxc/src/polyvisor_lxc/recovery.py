"""Putting right, at every open, what killed processes have left half done."""

from __future__ import annotations

import logging
import os
from typing import Any
from uuid import UUID

from polyvisor.errors import Busy, PolyvisorError
from polyvisor_lxc import guests
from polyvisor_lxc.session import LxcSession

log = logging.getLogger(__name__)

_INSTANT = 5.0


def recover(session: LxcSession) -> None:
    """Finish or undo starts and ends that were cut short. Safe at any time; guests at work by others are skipped."""
    session.store.recover()
    for uuid, status in session.store.statuses().items():
        if _abandoned(session, uuid, status):
            _put_right(session, uuid)
    if os.path.isdir(f"{session.paths.state}/save"):
        from polyvisor_lxc import saving

        saving.sweep(session)


def _abandoned(session: LxcSession, uuid: UUID, status: dict[str, Any]) -> bool:
    if status["phase"] == guests.STARTING or "job" in status or guests.ownerless(status):
        return True
    return guests.monitor(session.files(uuid), status) is None


def _put_right(session: LxcSession, uuid: UUID) -> None:
    try:
        with session.store.lock(uuid, timeout=0):
            found = guests.settle(session, uuid)
            if found.alive and found.status is not None and guests.ownerless(found.status):
                from polyvisor_lxc import stopping

                stopping.stop(session, found, graceful=False)
    except Busy:
        log.debug("guest %s is being worked on by another process", uuid)
    except PolyvisorError as error:
        log.warning("guest %s cannot be recovered now: %s", uuid, error)
