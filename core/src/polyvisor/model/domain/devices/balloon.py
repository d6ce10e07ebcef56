"""The balloon that takes memory back from the guest."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioDriver


@element("stats")
class BalloonStatistics(Element):
    """How often the balloon collects the guest's memory figures, in seconds."""

    period: int = required(attribute(dt.UINT))


@element("memballoon")
class Memballoon(Element):
    """The balloon that takes memory back from the guest."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none"] = required(attribute())
    autodeflate: bool | None = attribute(dt.ONOFF)
    free_page_reporting: bool | None = attribute(dt.ONOFF, name="freePageReporting")
    stats: BalloonStatistics | None = child()
    driver: VirtioDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
