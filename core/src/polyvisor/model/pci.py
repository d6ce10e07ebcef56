"""PCI functions of the host, as documents name them."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, element, required
from polyvisor.documents import datatypes as dt

DOMAIN = dt.hexadecimal(8, width=4)
BUS = dt.hexadecimal(2)
SLOT = dt.hexadecimal(2, pattern="[01]?[0-9a-fA-F]", maximum=0x1F)
FUNCTION = dt.hexadecimal(1, pattern="0?[0-7]", maximum=7)


@element("address")
class PciFunction(Element):
    """A PCI function: ``0000:03:00.1``. What is left out is 0."""

    domain: int | None = attribute(DOMAIN, last=True)
    bus: int | None = attribute(BUS, last=True)
    slot: int | None = attribute(SLOT, last=True)
    function: int | None = attribute(FUNCTION, last=True)

    def __str__(self) -> str:
        return f"{self.domain or 0:04x}:{self.bus or 0:02x}:{self.slot or 0:02x}.{self.function or 0:x}"

    def fill(self) -> None:
        """Put 0 where nothing was said."""
        for part in ("domain", "bus", "slot", "function"):
            if getattr(self, part) is None:
                setattr(self, part, 0)


@element("address")
class TypedPciFunction(PciFunction):
    """A PCI function, said to be one."""

    type: Literal["pci"] = required(attribute())
