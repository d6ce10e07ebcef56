"""Crypto accelerators."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias


@element("backend")
class CryptoBackend(Element):
    """Who does the computing."""

    model: Literal["builtin", "lkcf"] = required(attribute())
    queues: int | None = attribute(dt.POSITIVE)


@element("crypto")
class Crypto(Element):
    """A crypto accelerator."""

    model: Literal["virtio"] = required(attribute())
    type: Literal["qemu"] = required(attribute())
    backend: CryptoBackend = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
