"""What guests are doing, from properties the server has of them.

A suspended guest of VMware's, memory on disk, is ``paused`` here, as in libvirt: ``suspend`` and ``resume`` lead there
and back. VMware keeps no reason for a state; the reason is known where a call of this connection made the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidState
from polyvisor.spi import DomainState, StateInfo

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

LOST = ("inaccessible", "orphaned", "invalid")
"""runtime.connectionState of guests whose files or registration are out of reach: their power state says nothing."""


def state_of(session: EsxSession, machine: Any, row: dict[str, Any]) -> StateInfo:
    """The state of a guest from its :data:`STATE`."""
    if str(row.get("runtime.connectionState", "connected")) in LOST:
        return StateInfo(DomainState.NO_STATE, "unknown")
    power = str(row.get("runtime.powerState"))
    plain = POWER.get(power, StateInfo(DomainState.NO_STATE, "unknown"))
    known, reason = session.remembered.get(machine._GetMoId(), ("", ""))
    return StateInfo(plain.state, reason) if known == power else plain


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
