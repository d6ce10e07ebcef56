"""Sockets between host and guest."""

from __future__ import annotations

from typing import Self

from polyvisor.documents import Element, attribute, child, element
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioDriver, VirtioModel


@element("cid")
class ContextId(Element):
    """The guest's address on the socket transport: given, or chosen at start."""

    auto: bool | None = attribute(dt.BOOL)
    address: int | None = attribute(dt.UINT32)

    def at_rest(self) -> Self:
        return self.replace(address=None) if self.auto else self


@element("vsock")
class Vsock(Element):
    """Sockets between host and guest."""

    model: VirtioModel | None = attribute()
    cid: ContextId | None = child()
    driver: VirtioDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
