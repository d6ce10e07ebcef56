"""``<input>``: keyboards, mice and tablets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import described, only, refusal
from polyvisor_qemu.virtio import driver_options, model_suffix

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

_USB = {"mouse": "usb-mouse", "keyboard": "usb-kbd", "tablet": "usb-tablet"}
_VIRTIO = {"mouse": "virtio-mouse", "keyboard": "virtio-keyboard", "tablet": "virtio-tablet"}


def complete(device: Any, guest: Guest) -> None:
    from polyvisor.model.domain.devices.input import InputBus

    if device.type in _USB and device.bus is None:
        device.bus = InputBus.USB if device.type == "tablet" else InputBus.PS2


def place(device: Any, machine: Machine | None) -> Place | None:
    match str(getattr(device, "bus", None)):
        case "usb":
            return Place.USB
        case "virtio":
            return Place.EXPRESS
    return None


def add(device: Any, line: CommandLine, guest: Guest) -> None:
    only(device, "type", "bus", "model", "driver")
    match str(getattr(device, "bus", None)):
        case "ps2" if device.type != "tablet":
            return  # part of the machine
        case "usb" if device.type in _USB:
            line.device(_USB[device.type], {"id": guest.alias(device), **guest.usb_port(device)})
        case "virtio" if device.type in _VIRTIO:
            name = f"{_VIRTIO[device.type]}-pci{model_suffix(device.model)}"
            line.device(name, {"id": guest.alias(device), **driver_options(device.driver), **guest.slot(device)})
        case bus:
            raise refusal(f"bus={bus!r} of {described(device)}", device)
