"""What guests are doing, from properties the server has of them.

A suspended guest of VMware's, memory on disk, is ``paused`` here, as in libvirt: ``suspend`` and ``resume`` lead there
and back. One that ``managed_save`` or ``pm_suspend`` suspended carries a mark that says so. The reason for
a state is known where a call of this connection made it, or the server told it while events were watched; else it
follows from when a guest was switched on, suspended and switched off, as far as that tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidState, NotFound
from polyvisor.spi import DomainState, StateInfo
from polyvisor_esx import extraconfig

if TYPE_CHECKING:
    from polyvisor.spi import DomainRef
    from polyvisor_esx.session import EsxSession

STATE = (
    "runtime.powerState",
    "runtime.connectionState",
    "runtime.bootTime",
    "runtime.suspendTime",
    "runtime.cleanPowerOff",
)
"""Properties that tell the state, and why."""

POWER: dict[str, StateInfo] = {
    "poweredOn": StateInfo(DomainState.RUNNING, "unknown"),
    "poweredOff": StateInfo(DomainState.SHUT_OFF, "unknown"),
    "suspended": StateInfo(DomainState.PAUSED, "user"),
}
"""VirtualMachine.runtime.powerState -> state."""

SUSPENDED: dict[str, StateInfo] = {
    "saved": StateInfo(DomainState.SHUT_OFF, "saved"),
    "saved paused": StateInfo(DomainState.SHUT_OFF, "saved"),
    "standby": StateInfo(DomainState.PM_SUSPENDED, "unknown"),
}
"""Mark of a suspended guest -> state; without a mark it is paused."""

SAVES = ("saved", "saved paused")
"""Marks of guests that ``start`` takes up where they were; the second is paused then."""

MARK = "suspended"
"""Where a row of properties has the mark, once it was looked for."""

LOST = ("inaccessible", "orphaned", "invalid")
"""runtime.connectionState of guests whose files or registration are out of reach: their power state says nothing."""


def state_of(session: EsxSession, machine: Any, row: dict[str, Any]) -> StateInfo:
    """The state of a guest from its :data:`STATE`."""
    if str(row.get("runtime.connectionState", "connected")) in LOST:
        return StateInfo(DomainState.NO_STATE, "unknown")
    power = str(row.get("runtime.powerState"))
    if (marked := SUSPENDED.get(mark_of(session, machine, row))) is not None:
        return marked
    plain = POWER.get(power, StateInfo(DomainState.NO_STATE, "unknown"))
    for noted in (session.remembered, session.heard):
        known, reason = noted.get(machine._GetMoId(), ("", ""))
        if known == power:
            return StateInfo(plain.state, reason)
    return StateInfo(plain.state, reason_of(row) or plain.reason)


def told_state(session: EsxSession, machine: Any, row: dict[str, Any]) -> StateInfo:
    """The state of one guest; where neither we nor its times know the reason, the server's events are asked."""
    found = state_of(session, machine, row)
    if found != POWER["poweredOff"]:
        return found
    from polyvisor_esx import history

    return StateInfo(found.state, history.reason(session, machine, "poweredOff"))


def reason_of(row: Mapping[str, Any]) -> str:
    """What the times of a guest tell of its state; empty where they tell nothing.

    A guest that runs was switched on, or woken if it was suspended since; one that is off and was not switched off in
    order (``cleanPowerOff``) crashed, itself or with its host."""
    match str(row.get("runtime.powerState")):
        case "poweredOn":
            booted, suspended = row.get("runtime.bootTime"), row.get("runtime.suspendTime")
            if booted is None:
                return ""
            return "unpaused" if suspended is not None and suspended > booted else "booted"
        case "poweredOff" if row.get("runtime.cleanPowerOff") is False:
            return "crashed"
    return ""


def mark_of(session: EsxSession, machine: Any, row: dict[str, Any]) -> str:
    """What the suspension of a guest means; empty for a pause, and for a guest that is not suspended."""
    if str(row.get("runtime.powerState")) != "suspended":
        return ""
    if MARK not in row:
        read_marks(session, {machine: row})
    return str(row[MARK])


def read_marks(session: EsxSession, rows: Mapping[Any, dict[str, Any]]) -> None:
    """Note in the rows of suspended guests what that means: one request for all, none where nobody is suspended."""
    from pyVmomi import vim

    asked = {ref: row for ref, row in rows.items() if str(row.get("runtime.powerState")) == "suspended"}
    found: dict[Any, dict[str, Any]] = {}
    if asked:
        try:
            found = session.properties(vim.VirtualMachine, ("config.extraConfig",), asked)
        except NotFound:  # one of them is gone since; those that are there still count
            found = session.properties(vim.VirtualMachine, ("config.extraConfig",))
    for ref, row in asked.items():
        row[MARK] = extraconfig.values(found.get(ref, {}).get("config.extraConfig")).get(extraconfig.SUSPENDED, "")


def remember(session: EsxSession, machine: Any, power: str, reason: str) -> None:
    """Note why a guest is in a state that a call of this connection took it into."""
    session.remembered[machine._GetMoId()] = (power, reason)


def forget(session: EsxSession, machine: Any) -> None:
    """Our own call has not come to its end: whoever takes the guest there next has reasons of his own."""
    session.remembered.pop(machine._GetMoId(), None)


def require(session: EsxSession, domain: DomainRef, *states: DomainState) -> tuple[Any, DomainState]:
    """The VirtualMachine of a guest that is in one of these states, and which. Raises NoSuchDomain, InvalidState."""
    machine, row = session.read(domain, STATE)
    found = state_of(session, machine, row).state
    if found not in states:
        raise InvalidState(
            f"{domain} is {found}", target=str(domain), driver="esx", hint=f"it has to be {' or '.join(states)}"
        )
    return machine, found
