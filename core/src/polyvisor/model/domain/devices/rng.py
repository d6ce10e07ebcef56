"""Sources of randomness."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, text, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioDriver, VirtioModel
from polyvisor.model.domain.devices.chardev import (
    CHARACTER_SOURCES,
    CharacterSource,
    CharacterType,
    SocketProtocol,
)


@element("rate")
class RngRate(Element):
    """How many bytes the guest may take in a period of milliseconds."""

    bytes: int = required(attribute(dt.POSITIVE))
    period: int | None = attribute(dt.POSITIVE)


@element("backend", by="model")
class RngBackend(Element):
    """Where the randomness comes from."""

    model: Literal["random", "egd", "builtin"] = attribute(required=True)


@variant("random")
class RandomBackend(RngBackend):
    """A device of the host, ``/dev/urandom`` when none is named."""

    path: str | None = text(dt.ABSPATH)


@variant("egd")
class EgdBackend(RngBackend):
    """A daemon that speaks the entropy gathering protocol."""

    type: CharacterType = required(attribute())
    sources: list[CharacterSource] = children("source", by="type", cases=CHARACTER_SOURCES)
    protocol: SocketProtocol | None = child()


@variant("builtin")
class BuiltinBackend(RngBackend):
    """The hypervisor's own generator."""


@element("rng")
class Rng(Element):
    """A random number generator."""

    model: VirtioModel = required(attribute())
    rate: RngRate | None = child()
    backend: RngBackend = required(child())
    driver: VirtioDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
