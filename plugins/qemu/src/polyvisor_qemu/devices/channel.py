"""``<channel>``: virtio ports and forwarded addresses between guest and host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import chardevs
from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

_SPICE_AGENT = "com.redhat.spice.0"


def complete(channel: Any, guest: Guest) -> None:
    if channel.type == "spicevmc" and channel.target.type == "virtio" and channel.target.name is None:
        channel.target.name = _SPICE_AGENT


def place(channel: Any, machine: Machine | None) -> Place | None:
    return Place.VIRTIO_SERIAL if channel.target.type == "virtio" else None


def add(channel: Any, line: CommandLine, guest: Guest) -> None:
    if channel.target.type != "virtio":
        raise refusal(f"target type={str(channel.target.type)!r} of {described(channel)}", channel)
    only(channel.target, "type", "name", inside=described(channel))
    backend = chardevs.add(channel, line, guest)
    options = {"chardev": backend, "id": guest.alias(channel), "name": channel.target.name}
    line.device("virtserialport", {**guest.virtio_port(channel), **options})
