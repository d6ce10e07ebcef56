"""The system information document: what a host's firmware says of the machine."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, children, element, text
from polyvisor.documents import datatypes as dt


@element("entry")
class Entry(Element):
    """One fact; strings of the manufacturer have no name."""

    name: str | None = attribute(dt.NAME)
    value: str | None = text(dt.STRING)


@element("bios")
class Section(Element):
    """Facts of one subject."""

    entries: list[Entry] = children("entry")


@element("system")
class SystemSection(Section):
    """The machine: ``manufacturer``, ``product``, ``version``, ``serial``, ``uuid``, ``sku``, ``family``."""


@element("baseBoard")
class BoardSection(Section):
    """A board: ``manufacturer``, ``product``, ``version``, ``serial``, ``asset``, ``location``."""


@element("chassis")
class ChassisSection(Section):
    """The case: ``manufacturer``, ``version``, ``serial``, ``asset``, ``sku``."""


@element("processor")
class ProcessorSection(Section):
    """A CPU in its socket."""


@element("memory_device")
class MemorySection(Section):
    """A memory module."""


@element("oemStrings")
class ManufacturerStrings(Section):
    """Texts that the manufacturer has left."""


@element("sysinfo")
class HostSystemInformation(Element):
    """The whole of it."""

    type: Literal["smbios"] = attribute(default="smbios")
    bios: list[Section] = children("bios", max=1)
    system: list[SystemSection] = children("system", max=1)
    boards: list[BoardSection] = children("baseBoard")
    chassis: list[ChassisSection] = children("chassis", max=1)
    processors: list[ProcessorSection] = children("processor")
    memory: list[MemorySection] = children("memory_device")
    strings: list[ManufacturerStrings] = children("oemStrings", max=1)
