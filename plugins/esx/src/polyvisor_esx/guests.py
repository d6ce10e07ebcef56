"""What guests are doing, from properties the server has of them.

A suspended guest of VMware's, memory on disk, is ``paused`` here, as in libvirt: ``suspend`` and ``resume`` lead there
and back. One that ``managed_save`` or ``pm_suspend`` suspended carries a mark that says so. VMware keeps no reason for
a state; the reason is known where a call of this connection made the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidState
from polyvisor.spi import DomainState, StateInfo
from polyvisor_esx import extraconfig

if TYPE_CHECKING:
    from polyvisor.spi import DomainRef
    from polyvisor_esx.session import EsxSession

STATE = ("runtime.powerState", "runtime.connectionState")
"""Properties that tell the state."""

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
    known, reason = session.remembered.get(machine._GetMoId(), ("", ""))
    return StateInfo(plain.state, reason) if known == power else plain


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
    found = session.properties(vim.VirtualMachine, ("config.extraConfig",), asked) if asked else {}
    for ref, row in asked.items():
        row[MARK] = extraconfig.values(found.get(ref, {}).get("config.extraConfig")).get(extraconfig.SUSPENDED, "")


def remember(session: EsxSession, machine: Any, power: str, reason: str) -> None:
    """Note why a guest is in a state that a call of this connection took it into."""
    session.remembered[machine._GetMoId()] = (power, reason)


def require(session: EsxSession, domain: DomainRef, *states: DomainState) -> tuple[Any, DomainState]:
    """The VirtualMachine of a guest that is in one of these states, and which. Raises NoSuchDomain, InvalidState."""
    machine, row = session.read(domain, STATE)
    found = state_of(session, machine, row).state
    if found not in states:
        raise InvalidState(
            f"{domain} is {found}", target=str(domain), driver="esx", hint=f"it has to be {' or '.join(states)}"
        )
    return machine, found
