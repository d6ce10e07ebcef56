"""``<parallel>``: parallel ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import chardevs

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine


def add(port: Any, line: CommandLine, guest: Guest) -> None:
    backend = chardevs.add(port, line, guest)
    line.device("isa-parallel", {"chardev": backend, "id": guest.alias(port)})
