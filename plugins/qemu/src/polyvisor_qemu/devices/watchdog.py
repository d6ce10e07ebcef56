"""``<watchdog>``: a timer that acts when the guest stops feeding it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

_ACTIONS = {"reset", "shutdown", "poweroff", "pause", "none", "inject-nmi"}


def complete(watchdog: Any, guest: Guest) -> None:
    if watchdog.action is None:
        watchdog.action = "reset"


def place(watchdog: Any, machine: Machine | None) -> Place | None:
    return Place.CONVENTIONAL if watchdog.model == "i6300esb" else None


def add(watchdog: Any, line: CommandLine, guest: Guest) -> None:
    only(watchdog, "model", "action")
    action = watchdog.action or "reset"
    if action not in _ACTIONS:
        raise refusal(f"action={action!r} of <watchdog>", watchdog)
    match watchdog.model:
        case "i6300esb":
            line.device("i6300esb", {"id": guest.alias(watchdog), **guest.slot(watchdog)})
        case "ib700":
            line.device("ib700", {"id": guest.alias(watchdog)})
        case "itco" if guest.machine.kind == "q35":
            line.plain("global", "ICH9-LPC.noreboot=off")
        case model:
            raise refusal(
                f"<watchdog model={model!r}>", watchdog, why=f"is not to be had on machine {guest.machine.name}"
            )
    if guest.watchdog_action not in (None, action):
        raise refusal(f"action={action!r} of <watchdog>", watchdog, why="differs from that of another watchdog")
    if guest.watchdog_action is None:
        guest.watchdog_action = action
        line.plain("watchdog-action", action)
