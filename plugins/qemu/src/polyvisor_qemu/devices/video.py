"""``<video>``: graphics cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal
from polyvisor_qemu.virtio import driver_options

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

CARDS = {
    "vga": "VGA",
    "cirrus": "cirrus-vga",
    "vmvga": "vmware-svga",
    "qxl": "qxl-vga",
    "virtio": "virtio-vga",
    "bochs": "bochs-display",
    "ramfb": "ramfb",
}
"""QEMU's device for each card that can be the first one."""

_SECONDARY = {"qxl": "qxl", "virtio": "virtio-gpu-pci"}
_MEMORY_MIB = {"vga": "vgamem_mb", "vmvga": "vgamem_mb", "cirrus": "vgamem_mb"}
_KIB_PER_MIB = 1024
DEFAULT_VRAM_KIB = {"vga": 16384, "cirrus": 16384, "vmvga": 16384, "bochs": 16384, "qxl": 65536}
"""Video memory of each card when the document names none."""


def complete(video: Any, guest: Guest) -> None:
    from polyvisor.model.domain import VideoModel, VideoType

    model = video.model = video.model or VideoModel(type=VideoType.DEFAULT)
    if model.type == "default":
        model.type = VideoType.CIRRUS if guest.machine.kind == "i440fx" else VideoType.VGA
    kind = str(model.type)
    if model.vram is None:
        model.vram = DEFAULT_VRAM_KIB.get(kind)
    if kind == "qxl":
        model.ram = model.ram or 65536
        model.vgamem = model.vgamem or 16384
    if model.heads is None and kind not in ("none", "ramfb"):
        model.heads = 1
    if model.primary is None and guest.is_first(video) and kind != "none":
        model.primary = True


def place(video: Any, machine: Machine | None) -> Place | None:
    if video.model is None or str(video.model.type) in ("none", "ramfb"):
        return None
    if video.model.primary:
        return Place.VIDEO
    return Place.EXPRESS if str(video.model.type) == "virtio" else Place.ROOT


def fixed_slot(video: Any, machine: Machine) -> tuple[int, int, int] | None:
    """The first graphics card's slot; guests of old are used to it."""
    if video.model is not None and video.model.primary and video.address is None:
        return (0, 1, 0) if machine.express else (0, 2, 0)
    return None


def add(video: Any, line: CommandLine, guest: Guest) -> None:
    only(video, "model", "driver")
    model = video.model
    kind = str(model.type)
    if kind == "none":
        return
    only(
        model,
        "type",
        "vram",
        "ram",
        "vram64",
        "vgamem",
        "heads",
        "primary",
        "edid",
        "resolution",
        "blob",
        inside="<video>",
    )
    name = (CARDS if model.primary else _SECONDARY).get(kind)
    if name is None:
        raise refusal(f"<model type={kind!r}> of <video>", video)
    if video.driver is not None and video.driver.name == "vhostuser":
        raise refusal("driver name='vhostuser' of <video>", video)
    options: dict[str, Any] = {"id": guest.alias(video)}
    if kind in _MEMORY_MIB and model.vram is not None:
        options[_MEMORY_MIB[kind]] = max(1, model.vram // _KIB_PER_MIB)
    elif kind == "bochs" and model.vram is not None:
        options["vgamem"] = model.vram * _KIB_PER_MIB
    elif kind == "qxl":
        options |= _qxl(model)
    elif kind == "virtio":
        options |= {"max_outputs": model.heads, "blob": model.blob, **driver_options(video.driver)}
    options["edid"] = model.edid
    if model.resolution is not None:
        options |= {"xres": model.resolution.x, "yres": model.resolution.y}
    line.device(name, options if kind == "ramfb" else {**options, **guest.slot(video)})


def _qxl(model: Any) -> dict[str, Any]:
    vram64 = {"vram64_size_mb": model.vram64 // _KIB_PER_MIB} if model.vram64 is not None else {}
    return {
        "max_outputs": model.heads,
        "ram_size": model.ram * _KIB_PER_MIB,
        "vram_size": model.vram * _KIB_PER_MIB,
        "vgamem_mb": model.vgamem // _KIB_PER_MIB,
        **vram64,
    }
