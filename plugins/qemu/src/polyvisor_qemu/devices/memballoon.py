"""``<memballoon>``: the device that takes memory back from the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal
from polyvisor_qemu.virtio import driver_options, is_virtio, model_suffix

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


def place(balloon: Any, machine: Machine | None) -> Place | None:
    return Place.EXPRESS if is_virtio(balloon.model) else None


def alias(balloon: Any, index: int) -> str:
    return f"balloon{index}"


def add(balloon: Any, line: CommandLine, guest: Guest) -> None:
    if balloon.model == "none":
        return
    only(balloon, "model", "autodeflate", "free_page_reporting", "driver")
    if not is_virtio(balloon.model):
        raise refusal(f"<memballoon model={balloon.model!r}>", balloon)
    options = {"deflate-on-oom": balloon.autodeflate, "free-page-reporting": balloon.free_page_reporting}
    name = f"virtio-balloon-pci{model_suffix(balloon.model)}"
    line.device(name, {"id": guest.alias(balloon), **options, **driver_options(balloon.driver), **guest.slot(balloon)})
