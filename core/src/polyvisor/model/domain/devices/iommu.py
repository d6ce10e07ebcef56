"""The guest's IOMMU."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias


@element("driver")
class IommuDriver(Element):
    """Options of the IOMMU."""

    intremap: bool | None = attribute(dt.ONOFF)
    caching_mode: bool | None = attribute(dt.ONOFF)
    eim: bool | None = attribute(dt.ONOFF)
    iotlb: bool | None = attribute(dt.ONOFF)
    aw_bits: int | None = attribute(dt.UINT)
    dma_translation: bool | None = attribute(dt.ONOFF)
    passthrough: bool | None = attribute(dt.ONOFF)
    xtsup: bool | None = attribute(dt.ONOFF)


@element("iommu")
class Iommu(Element):
    """The guest's IOMMU."""

    model: Literal["intel", "smmuv3", "virtio", "amd"] = required(attribute())
    driver: IommuDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
