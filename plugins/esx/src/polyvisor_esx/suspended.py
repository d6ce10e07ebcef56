"""Guests whose memory is on disk because they were saved, or because their system sleeps.

VMware has one way to suspend a guest. What is meant by it is noted in the guest's extra settings before it happens:
without a note it is a pause. A guest that another client suspends is therefore paused, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidState, PolyvisorError, UnsupportedConfiguration
from polyvisor.operations.lifecycle import SuspendTarget
from polyvisor.spi import DomainRef, DomainState, Event, EventKind, Lifecycle, lifecycle
from polyvisor_esx import extraconfig, tasks
from polyvisor_esx.guests import SAVES, STATE, forget, mark_of, remember, require
from polyvisor_esx.session import EsxSession, number_of

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.spi import JobControl

RUNNING, PAUSED = DomainState.RUNNING, DomainState.PAUSED
SAVED, SAVED_PAUSED, STANDBY = (*SAVES, "standby")

STANDBY_ACTION = "config.defaultPowerOps.standbyAction"
STAYS_ON = "powerOnSuspend"
"""VirtualMachinePowerOpInfo.standbyAction of guests that sleep without leaving the host's memory."""


def mark(session: EsxSession, machine: Any, meaning: str | None) -> None:
    """Note what the next suspension of a guest means, or that there is nothing to note."""
    from pyVmomi import vim

    changed = extraconfig.options({extraconfig.SUSPENDED: meaning})
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(extraConfig=changed)))


def unmark(session: EsxSession, machine: Any) -> None:
    """Take the note away, if there is one."""
    from pyVmomi import vim

    row = session.properties(vim.VirtualMachine, ("config.extraConfig",), [machine]).get(machine, {})
    if extraconfig.SUSPENDED in extraconfig.values(row.get("config.extraConfig")):
        mark(session, machine, None)


def _on(domain: DomainRef, machine: Any) -> DomainRef:
    return DomainRef(domain.name, domain.uuid, number_of(machine))


# -- saving ---------------------------------------------------------------------------------------------------


def save(session: EsxSession, domain: DomainRef, job: JobControl, *, paused: bool | None) -> None:
    """SuspendVM_Task, noted as a save. When it fails or is cancelled the guest goes on as it was."""
    machine, state = require(session, domain, RUNNING, PAUSED)
    stays_paused = state is PAUSED if paused is None else paused
    mark(session, machine, SAVED_PAUSED if stays_paused else SAVED)
    if state is RUNNING:
        remember(session, machine, "suspended", "saved")
        try:
            session.wait(machine.SuspendVM_Task(), job)
        except BaseException:
            forget(session, machine)
            unmark(session, machine)
            raise
    session.tell(lifecycle(_on(domain, machine), Lifecycle.STOPPED, "saved"))


def is_saved(session: EsxSession, domain: DomainRef) -> bool:
    """Whether a guest was saved."""
    return mark_of(session, *session.read(domain, STATE)) in SAVES


def _saved(session: EsxSession, domain: DomainRef) -> tuple[Any, str]:
    """A saved guest and its mark. Raises InvalidState."""
    machine, row = session.read(domain, STATE)
    found = mark_of(session, machine, row)
    if found not in SAVES:
        raise InvalidState(f"{domain} has no managed save image", target=str(domain), driver="esx")
    return machine, found


def throw_away(session: EsxSession, domain: DomainRef) -> None:
    """PowerOffVM_Task of a saved guest: its memory is gone, the next start boots."""
    machine, _ = _saved(session, domain)
    session.wait(machine.PowerOffVM_Task())
    mark(session, machine, None)


def take_up(session: EsxSession, domain: DomainRef) -> DomainRef:
    """Start a saved guest where it was: PowerOnVM_Task, or nothing but the note for one that was paused."""
    machine, found = _saved(session, domain)
    started = _on(domain, machine)
    if found == SAVED_PAUSED:
        mark(session, machine, None)
        remember(session, machine, "suspended", "user")
        session.events(lifecycle(started, Lifecycle.STARTED, "restored"))  # no change that the server would tell of
        session.events(lifecycle(started, Lifecycle.SUSPENDED, "restored"))
        return started
    remember(session, machine, "poweredOn", "restored")
    tasks.wait(session, machine.PowerOnVM_Task(), machine=machine)
    session.tell(lifecycle(started, Lifecycle.STARTED, "restored"))
    mark(session, machine, None)
    return started


def configuration_of(session: EsxSession, domain: DomainRef) -> Domain:
    """The configuration of a saved guest: VMware has one, saved or not."""
    from polyvisor_esx import configuration

    _saved(session, domain)
    return configuration.document(session, domain)


def change_configuration(session: EsxSession, domain: DomainRef, config: Domain, *, paused: bool | None) -> None:
    """Change what a saved guest does not notice, and whether it is taken up paused."""
    from polyvisor_esx import reconfiguring

    machine, _ = _saved(session, domain)
    reconfiguring.change(session, domain, config, active=True)
    if paused is not None:
        mark(session, machine, SAVED_PAUSED if paused else SAVED)


# -- sleeping -------------------------------------------------------------------------------------------------


def sleep(session: EsxSession, domain: DomainRef, target: SuspendTarget) -> None:
    """StandbyGuest: VMware Tools send the system inside to sleep, and VMware does what its standby action says."""
    from pyVmomi import vim

    machine, _ = require(session, domain, RUNNING)
    if target is not SuspendTarget.MEMORY:
        raise UnsupportedConfiguration(
            f"VMware cannot have a guest sleep by {target}", driver="esx", hint="use mem: it knows one way to sleep"
        )
    found = session.properties(vim.VirtualMachine, (STANDBY_ACTION,), [machine])[machine]
    leaves = str(found.get(STANDBY_ACTION)) != STAYS_ON
    if leaves:
        mark(session, machine, STANDBY)
        remember(session, machine, "suspended", STANDBY)
    try:
        machine.StandbyGuest()
    except PolyvisorError:
        if leaves:
            forget(session, machine)
            unmark(session, machine)
        raise
    session.tell(Event(EventKind.PM_SUSPEND, _on(domain, machine)))
    if leaves:
        session.tell(lifecycle(_on(domain, machine), Lifecycle.PM_SUSPENDED, "memory"))


def wake(session: EsxSession, domain: DomainRef) -> None:
    """PowerOnVM_Task of a guest that sleeps. Raises InvalidState when it does not."""
    machine, row = session.read(domain, (*STATE, "guest.guestState"))
    off_host = mark_of(session, machine, row) == STANDBY
    asleep = str(row.get("runtime.powerState")) == "poweredOn" and str(row.get("guest.guestState")) == STANDBY
    if not off_host and not asleep:
        raise InvalidState(f"{domain} does not sleep", target=str(domain), driver="esx")
    remember(session, machine, "poweredOn", "wakeup")
    tasks.wait(session, machine.PowerOnVM_Task(), machine=machine)
    session.tell(Event(EventKind.PM_WAKEUP, _on(domain, machine)))
    if off_host:
        session.tell(lifecycle(_on(domain, machine), Lifecycle.STARTED, "wakeup"))
        mark(session, machine, None)
