"""Memory shared between guests."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias
from polyvisor.model.domain.memory import Bytes


@element("model")
class ShmemModel(Element):
    """The device that shows the shared memory."""

    type: Literal["ivshmem", "ivshmem-plain", "ivshmem-doorbell"] = required(attribute())


@element("server")
class ShmemServer(Element):
    """The socket of an ivshmem server."""

    path: str | None = attribute(dt.ABSPATH)


@element("msi")
class ShmemInterrupts(Element):
    """Interrupts between peers."""

    enabled: bool | None = attribute(dt.ONOFF)
    vectors: int | None = attribute(dt.UINT)
    ioeventfd: bool | None = attribute(dt.ONOFF)


@element("shmem")
class Shmem(Element):
    """Memory shared between guests."""

    name: str = required(attribute(dt.STRING))
    role: Literal["master", "peer"] | None = attribute()
    model: ShmemModel | None = child()
    size: Bytes | None = child(name="size")
    server: ShmemServer | None = child()
    msi: ShmemInterrupts | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()
