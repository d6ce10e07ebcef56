"""``<hub>``: USB hubs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


def place(hub: Any, machine: Machine | None) -> Place | None:
    return Place.USB


def add(hub: Any, line: CommandLine, guest: Guest) -> None:
    only(hub, "type")
    line.device("usb-hub", {"id": guest.alias(hub), **guest.usb_port(hub)})
