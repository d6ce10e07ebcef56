"""``<console>``: the first serial port under another name, or a virtio console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import chardevs
from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


def is_serial(console: Any) -> bool:
    """Whether it is the first serial port, which has a device of its own already."""
    return console.target is None or console.target.type in (None, "serial")


def place(console: Any, machine: Machine | None) -> Place | None:
    if not is_serial(console) and console.target.type == "virtio":
        return Place.VIRTIO_SERIAL
    return None


def add(console: Any, line: CommandLine, guest: Guest) -> None:
    if is_serial(console):
        if guest.config.devices is None or not guest.config.devices.serials:
            raise refusal(f"{described(console)}", console, why="has no serial port to be; add a <serial>")
        return
    only(console.target, "type", "port", inside=described(console))
    if console.target.type != "virtio":
        raise refusal(f"target type={str(console.target.type)!r} of {described(console)}", console)
    backend = chardevs.add(console, line, guest)
    line.device("virtconsole", {**guest.virtio_port(console), "chardev": backend, "id": guest.alias(console)})
