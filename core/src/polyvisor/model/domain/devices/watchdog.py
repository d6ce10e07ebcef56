"""Devices by which a guest in trouble is noticed: watchdog, panic notifier, store of last words."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias
from polyvisor.model.domain.memory import Bytes


@element("watchdog")
class Watchdog(Element):
    """A timer that acts when the guest stops feeding it."""

    model: Literal["i6300esb", "ib700", "diag288", "itco"] = required(attribute())
    action: Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] | None = attribute()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@element("panic")
class Panic(Element):
    """A device by which the guest reports its own crash."""

    model: Literal["isa", "pseries", "hyperv", "s390", "pvpanic"] | None = attribute()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@element("pstore")
class Pstore(Element):
    """A store that keeps the guest's last words over a crash."""

    backend: Literal["acpi-erst"] = required(attribute())
    path: str = required(value(dt.ABSPATH))
    size: Bytes = required(child(name="size"))
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
