"""``<serial>``: serial ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import chardevs
from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor.model.domain.devices.chardev import SerialModelName
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

_MODELS: dict[str, SerialModelName] = {
    "isa-serial": "isa-serial",
    "usb-serial": "usb-serial",
    "pci-serial": "pci-serial",
    "isa-debug": "isa-debugcon",
}
"""The default model of each type of target."""


def complete(port: Any, guest: Guest) -> None:
    from polyvisor.model.domain.devices.chardev import SerialModel, SerialTarget

    target = port.target = port.target or SerialTarget()
    if target.type is None:
        target.type = "isa-serial"
    if target.port is None:
        assert guest.config.devices is not None
        used = {other.target.port for other in guest.config.devices.serials if other.target is not None}
        target.port = next(number for number in range(64) if number not in used)
    if target.model is None and target.type in _MODELS:
        target.model = SerialModel(name=_MODELS[target.type])


def place(port: Any, machine: Machine | None) -> Place | None:
    match port.target.type if port.target is not None else None:
        case "usb-serial":
            return Place.USB
        case "pci-serial":
            return Place.CONVENTIONAL
    return None


def add(port: Any, line: CommandLine, guest: Guest) -> None:
    target = port.target
    only(target, "type", "port", "model", inside=described(port))
    name = target.model.name if target.model is not None else _MODELS.get(target.type or "")
    backend = chardevs.add(port, line, guest)
    options: dict[str, Any] = {"chardev": backend, "id": guest.alias(port)}
    match name:
        case "isa-serial":
            place = {"index": target.port} if port.address is None else _isa(port.address)
            line.device("isa-serial", {**options, **place})
        case "isa-debugcon":
            line.device("isa-debugcon", {**options, **(_isa(port.address) if port.address is not None else {})})
        case "usb-serial":
            line.device("usb-serial", {**options, **guest.usb_port(port)})
        case "pci-serial":
            line.device("pci-serial", {**options, **guest.slot(port)})
        case _:
            raise refusal(f"model {name!r} of {described(port)}", port)


def _isa(address: Any) -> dict[str, Any]:
    return {"iobase": address.iobase, "irq": address.irq}
