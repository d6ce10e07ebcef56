"""Graphics cards."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioOptions


class VideoType(StrEnum):
    """The graphics card the guest sees."""

    VGA = "vga"
    CIRRUS = "cirrus"
    VMVGA = "vmvga"
    XEN = "xen"
    VBOX = "vbox"
    VIRTIO = "virtio"
    GOP = "gop"
    NONE = "none"
    BOCHS = "bochs"
    RAMFB = "ramfb"
    QXL = "qxl"
    PARALLELS = "parallels"
    DEFAULT = "default"


@element("acceleration")
class Acceleration(Element):
    """What the card accelerates."""

    accel2d: bool | None = attribute(dt.BOOL)
    accel3d: bool | None = attribute(dt.BOOL)
    rendernode: str | None = attribute(dt.ABSPATH)


@element("resolution")
class Resolution(Element):
    """The size of the screen at boot, in pixels."""

    x: int = required(attribute(dt.UINT))
    y: int = required(attribute(dt.UINT))


@element("model")
class VideoModel(Element):
    """The card, its heads and its memory in KiB."""

    type: VideoType = required(attribute())
    ram: int | None = attribute(dt.UINT32, when={"type": ("qxl",)})
    vram: int | None = attribute(dt.UINT32)
    vram64: int | None = attribute(dt.UINT32, when={"type": ("qxl",)})
    vgamem: int | None = attribute(dt.UINT32, when={"type": ("qxl",)})
    heads: int | None = attribute(dt.UINT)
    primary: bool | None = attribute(dt.BOOL)
    blob: bool | None = attribute(dt.ONOFF)
    edid: bool | None = attribute(dt.ONOFF)
    acceleration: Acceleration | None = child()
    resolution: Resolution | None = child()


@element("driver")
class VideoDriver(VirtioOptions):
    """Where the card is emulated."""

    name: Literal["qemu", "vhostuser"] | None = attribute()
    vgaconf: Literal["io", "on", "off"] | None = attribute()


@element("video")
class Video(Element):
    """A graphics card."""

    driver: VideoDriver | None = child()
    model: VideoModel | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
