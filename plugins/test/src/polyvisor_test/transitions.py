"""Every way a guest changes its state, and the lifecycle events that announce it, as data."""

from __future__ import annotations

from typing import NamedTuple

from polyvisor.operations.events import Lifecycle
from polyvisor.operations.records import DomainState, StateInfo


class Transition(NamedTuple):
    """The state a guest enters and the ``(event, detail)`` pairs that announce it, in order."""

    state: StateInfo
    events: tuple[tuple[Lifecycle, str], ...]


def _to(state: DomainState, reason: str, *events: tuple[Lifecycle, str]) -> Transition:
    return Transition(StateInfo(state, reason), events)


BOOT = _to(DomainState.RUNNING, "booted", (Lifecycle.STARTED, "booted"))
BOOT_PAUSED = _to(DomainState.PAUSED, "user", (Lifecycle.STARTED, "booted"), (Lifecycle.SUSPENDED, "paused"))
RESTORE = _to(DomainState.RUNNING, "restored", (Lifecycle.STARTED, "restored"))
RESTORE_PAUSED = _to(DomainState.PAUSED, "user", (Lifecycle.STARTED, "restored"), (Lifecycle.SUSPENDED, "restored"))
PAUSE = _to(DomainState.PAUSED, "user", (Lifecycle.SUSPENDED, "paused"))
RESUME = _to(DomainState.RUNNING, "unpaused", (Lifecycle.RESUMED, "unpaused"))
SHUT_DOWN = _to(DomainState.SHUT_OFF, "shutdown", (Lifecycle.SHUTDOWN, "finished"), (Lifecycle.STOPPED, "shutdown"))
DESTROY = _to(DomainState.SHUT_OFF, "destroyed", (Lifecycle.STOPPED, "destroyed"))
SAVE = _to(DomainState.SHUT_OFF, "saved", (Lifecycle.STOPPED, "saved"))
CRASH = _to(DomainState.SHUT_OFF, "crashed", (Lifecycle.STOPPED, "crashed"))
PANIC = _to(DomainState.CRASHED, "panicked", (Lifecycle.CRASHED, "panicked"))
SLEEP = _to(DomainState.PM_SUSPENDED, "unknown", (Lifecycle.PM_SUSPENDED, "memory"))
HIBERNATE = _to(DomainState.SHUT_OFF, "shutdown", (Lifecycle.PM_SUSPENDED, "disk"), (Lifecycle.STOPPED, "shutdown"))
WAKE = _to(DomainState.RUNNING, "event wakeup", (Lifecycle.STARTED, "wakeup"))
REVERT_START = _to(DomainState.RUNNING, "from snapshot", (Lifecycle.STARTED, "from-snapshot"))
REVERT_START_PAUSED = _to(
    DomainState.PAUSED, "from snapshot", (Lifecycle.STARTED, "from-snapshot"), (Lifecycle.SUSPENDED, "from-snapshot")
)
REVERT_RESUME = _to(DomainState.RUNNING, "from snapshot", (Lifecycle.RESUMED, "from-snapshot"))
REVERT_PAUSE = _to(DomainState.PAUSED, "from snapshot", (Lifecycle.SUSPENDED, "from-snapshot"))
REVERT_STOP = _to(DomainState.SHUT_OFF, "from snapshot", (Lifecycle.STOPPED, "from-snapshot"))
REVERT_STILL_PAUSED = _to(DomainState.PAUSED, "from snapshot")
AWAIT = _to(DomainState.PAUSED, "migrating")
ARRIVE = _to(DomainState.RUNNING, "migrated", (Lifecycle.STARTED, "migrated"))
ARRIVE_PAUSED = _to(DomainState.PAUSED, "user", (Lifecycle.STARTED, "migrated"), (Lifecycle.SUSPENDED, "migrated"))
NOT_ARRIVED = _to(DomainState.SHUT_OFF, "failed")
LEAVE = _to(DomainState.PAUSED, "migrating", (Lifecycle.SUSPENDED, "migrated"))
LEFT = _to(DomainState.SHUT_OFF, "migrated", (Lifecycle.STOPPED, "migrated"))
STAY = _to(DomainState.RUNNING, "migration canceled", (Lifecycle.RESUMED, "migrated"))
