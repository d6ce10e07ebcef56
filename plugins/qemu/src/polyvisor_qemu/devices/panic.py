"""``<panic>``: a device by which the guest reports its own crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


def complete(panic: Any, guest: Guest) -> None:
    if panic.model is None:
        panic.model = "isa"


def place(panic: Any, machine: Machine | None) -> Place | None:
    return Place.ROOT if panic.model == "pvpanic" else None


def add(panic: Any, line: CommandLine, guest: Guest) -> None:
    only(panic, "model")
    match panic.model:
        case "isa":
            iobase = {"ioport": panic.address.iobase} if panic.address is not None else {}
            line.device("pvpanic", {**iobase, "id": guest.alias(panic)})
        case "pvpanic":
            line.device("pvpanic-pci", {"id": guest.alias(panic), **guest.slot(panic)})
        case "hyperv":
            guest.cpu_flags.append("hv-crash=on")
        case model:
            raise refusal(f"<panic model={model!r}>", panic)
