"""Starting, stopping and pausing guests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from polyvisor.errors import Busy, InvalidState, UnsupportedOption
from polyvisor.operations.lifecycle import ShutdownMode
from polyvisor.spi import DomainRef, DomainState, Event, EventKind, Lifecycle, lifecycle
from polyvisor_esx import suspended, tasks
from polyvisor_esx.faults import named
from polyvisor_esx.guests import SAVES, STATE, mark_of, remember, require, state_of
from polyvisor_esx.session import EsxSession, number_of

RUNNING, PAUSED, OFF = DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUT_OFF
SLEEPING = DomainState.PM_SUSPENDED


def start(session: EsxSession, domain: DomainRef, *, force_boot: bool = False) -> DomainRef:
    """PowerOnVM_Task, which takes a saved guest up where it was unless ``force_boot``.

    A question that the start runs into is answered (``auto_answer``) or ends it."""
    machine, row = session.read(domain, (*STATE, "config.template"))
    if mark_of(session, machine, row) in SAVES:
        if not force_boot:
            return suspended.take_up(session, domain)
        suspended.throw_away(session, domain)
    _require_startable(domain, row, state_of(session, machine, row).state)
    remember(session, machine, "poweredOn", "booted")  # before the task: the watcher may hear of its end first
    tasks.wait(session, machine.PowerOnVM_Task(), machine=machine)
    started = _running(domain, machine)
    session.tell(lifecycle(started, Lifecycle.STARTED, "booted"))
    return started


def _require_startable(domain: DomainRef, row: dict[str, Any], state: DomainState) -> None:
    if row.get("config.template"):
        raise InvalidState(
            f"{domain} is a template, which is copied and never started",
            target=str(domain),
            driver="esx",
            hint="copy it (polyvisor esx clone), or make it a guest again (polyvisor esx template --off)",
        )
    if state is not OFF:
        hint = "wake it with pm_wakeup" if state is SLEEPING else f"it has to be {OFF}"
        raise InvalidState(f"{domain} is {state}", target=str(domain), driver="esx", hint=hint)


def _running(domain: DomainRef, machine: Any) -> DomainRef:
    return DomainRef(domain.name, domain.uuid, number_of(machine))


def destroy(session: EsxSession, domain: DomainRef) -> None:
    """PowerOffVM_Task; a suspended guest loses its saved memory."""
    machine, state = require(session, domain, RUNNING, PAUSED, SLEEPING)
    remember(session, machine, "poweredOff", "destroyed")
    session.wait(machine.PowerOffVM_Task())
    if state is SLEEPING:
        suspended.unmark(session, machine)
    session.tell(lifecycle(_running(domain, machine), Lifecycle.STOPPED, "destroyed"))


def suspend(session: EsxSession, domain: DomainRef) -> None:
    """SuspendVM_Task: the memory goes to disk, the guest stays where it was."""

    def to_disk(machine: Any) -> None:
        suspended.unmark(session, machine)
        remember(session, machine, "suspended", "user")
        session.wait(machine.SuspendVM_Task())
        session.tell(lifecycle(_running(domain, machine), Lifecycle.SUSPENDED, "paused"))

    _led_to(session, domain, PAUSED, to_disk)


def resume(session: EsxSession, domain: DomainRef) -> None:
    """PowerOnVM_Task of a suspended guest."""

    def back(machine: Any) -> None:
        remember(session, machine, "poweredOn", "unpaused")
        tasks.wait(session, machine.PowerOnVM_Task(), machine=machine)
        session.tell(lifecycle(_running(domain, machine), Lifecycle.RESUMED, "unpaused"))

    _led_to(session, domain, RUNNING, back)


def _led_to(session: EsxSession, domain: DomainRef, goal: DomainState, call: Callable[[Any], None]) -> None:
    """Make a call that leads a guest that is on to ``goal``, unless it is there, or somebody else was there first."""
    for left in reversed(range(TRIES)):
        machine, state = require(session, domain, RUNNING, PAUSED)
        if state is goal:
            return
        try:
            return call(machine)
        except (InvalidState, Busy) as error:
            if not left or not named(error, "InvalidPowerState", "TaskInProgress"):
                raise


TRIES = 5
"""How often a guest's state may change between our look at it and our call."""


def reset(session: EsxSession, domain: DomainRef) -> None:
    """ResetVM_Task."""
    machine, _ = require(session, domain, RUNNING)
    session.wait(machine.ResetVM_Task())
    session.tell(Event(EventKind.REBOOT, _running(domain, machine)))


def shutdown(session: EsxSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """ShutdownGuest: VMware Tools inside are asked, and VMware does not wait for them."""
    machine = _listening(session, domain, modes, "shut down")
    machine.ShutdownGuest()
    remember(session, machine, "poweredOff", "shutdown")  # true once it is off, unless it is destroyed before


def reboot(session: EsxSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """RebootGuest, by VMware Tools too."""
    machine = _listening(session, domain, modes, "reboot")
    machine.RebootGuest()
    session.tell(Event(EventKind.REBOOT, _running(domain, machine)))


def _listening(session: EsxSession, domain: DomainRef, modes: Sequence[ShutdownMode], what: str) -> Any:
    if modes and ShutdownMode.AGENT not in modes:
        raise UnsupportedOption(
            f"VMware cannot {what} a guest by {' or '.join(map(str, modes))}",
            driver="esx",
            hint="use mode agent (VMware Tools), or none",
        )
    machine, state = require(session, domain, RUNNING, PAUSED)
    if state is PAUSED:
        raise InvalidState(
            f"{domain} is suspended and cannot hear the request",
            target=str(domain),
            driver="esx",
            hint="resume it first, or destroy it",
        )
    return machine
