"""Parts of the board: USB hubs, the non-volatile memory of pSeries."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.model.domain.address import Address, Alias


@element("hub")
class Hub(Element):
    """A USB hub."""

    type: Literal["usb"] = required(attribute())
    alias: Alias | None = child()
    address: Address | None = child()


@element("nvram")
class NvramDevice(Element):
    """The non-volatile memory of pSeries guests."""

    alias: Alias | None = child()
    address: Address | None = child()
