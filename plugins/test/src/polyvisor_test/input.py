"""Keys, interrupts and signals into guests, and what the simulated system makes of them."""

from __future__ import annotations

import signal as signals
from collections.abc import Callable, Sequence

from polyvisor.errors import InvalidArgument
from polyvisor.operations.input import Codeset
from polyvisor.spi import DomainRef, DomainState, hookimpl
from polyvisor_test import transitions
from polyvisor_test.consoles import print_on_console
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession

MOST_KEYS = 16
"""Keys that can be pressed together."""

CTRL_ALT_DEL, ALT_SYSRQ_C, POWER = frozenset((29, 56, 111)), frozenset((56, 99, 46)), frozenset((116,))
"""What the simulated system acts on, in Linux key codes (``linux/input-event-codes.h``)."""

COMBINATIONS: dict[frozenset[int], Callable[[TestSession, Machine], None]] = {
    CTRL_ALT_DEL: lambda session, machine: session.guest_reboots(machine),
    ALT_SYSRQ_C: lambda session, machine: session.guest_crashes(machine),
    POWER: lambda session, machine: session.guest_powers_off(machine),
}


class InputOperations:
    """The operations of ``polyvisor.operations.input``."""

    @hookimpl
    def send_key(
        self,
        session: TestSession,
        domain: DomainRef,
        keycodes: Sequence[int],
        *,
        codeset: Codeset = Codeset.LINUX,
        hold_ms: int = 0,
    ) -> None:
        """The simulated system reboots on Ctrl+Alt+Del, panics on Alt+SysRq+C and shuts down on the power key."""
        if not 0 < len(keycodes) <= MOST_KEYS:
            raise InvalidArgument(f"{len(keycodes)} keys cannot be pressed together", hint=f"1 to {MOST_KEYS} can")
        if any(not 0 < code <= 0xFFFF for code in keycodes):
            raise InvalidArgument("key codes are from 1 to 65535")
        if hold_ms < 0:
            raise InvalidArgument(f"keys cannot be held for {hold_ms} milliseconds", hint="0 is the driver's choice")
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING)
            react = COMBINATIONS.get(frozenset(keycodes)) if codeset is Codeset.LINUX else None
            if react is not None:
                react(session, machine)

    @hookimpl
    def inject_nmi(self, session: TestSession, domain: DomainRef) -> None:
        """The simulated system says on its console that it was interrupted, and goes on."""
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING)
            print_on_console(machine, b"Non-maskable interrupt received\r\n")

    @hookimpl
    def send_signal(self, session: TestSession, domain: DomainRef, pid: int, signal: str) -> None:
        """The simulated system has one process, which shuts down on ``term`` and dies of ``kill``."""
        if not signal.startswith("rt") and not hasattr(signals, f"SIG{signal.upper()}"):
            raise InvalidArgument(f"there is no signal {signal!r}", hint="write term, hup, usr1, rt3, ...")
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING)
            if pid != 1:
                raise InvalidArgument(f"{machine.ref} has no process {pid}", hint="its only process is 1")
            if signal == "term":
                session.guest_powers_off(machine)
            elif signal == "kill":
                session.power_off(machine, transitions.CRASH)
