"""Memory modules: DIMMs, persistent memory, virtio memory, SGX enclaves."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, flag, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import AcpiIndex, Address, Alias
from polyvisor.model.domain.memory import Kibibytes


@element("source")
class PagesSource(Element):
    """Which host pages hold the module."""

    pagesize: Kibibytes | None = child(name="pagesize")
    nodemask: str | None = value(dt.CPUSET)


@element("source")
class NvdimmSource(Element):
    """The file or device that holds persistent memory."""

    path: str = required(value(dt.STRING))
    alignsize: Kibibytes | None = child(name="alignsize")
    pmem: bool = flag()


@element("source")
class PathSource(Element):
    """The file that holds persistent memory."""

    path: str = required(value(dt.STRING))


@element("source")
class EnclaveSource(Element):
    """Which host nodes give enclave pages."""

    nodemask: str | None = value(dt.CPUSET)


@element("address")
class BaseAddress(Element):
    """The guest physical address the module begins at."""

    base: int = required(attribute(scalars.MEMORY_BASE))


@element("target")
class ModuleTarget(Element):
    """The size of a module and the guest cell it belongs to."""

    size: Kibibytes = required(child(name="size"))
    node: int | None = value(dt.UINT)


@element("label")
class NvdimmLabel(Element):
    """The part of a persistent module kept for namespace labels."""

    size: Kibibytes = required(child(name="size"))


@element("target")
class NvdimmTarget(Element):
    """Size, cell and label area of a persistent module."""

    size: Kibibytes = required(child(name="size"))
    node: int | None = value(dt.UINT)
    label: NvdimmLabel | None = child()
    readonly: bool = flag()


@element("target")
class PmemTarget(Element):
    """Size and place of virtio persistent memory."""

    size: Kibibytes = required(child(name="size"))
    address: BaseAddress | None = child()


@element("target")
class VirtioMemTarget(Element):
    """Size, block size and requested size of virtio memory."""

    dynamic_memslots: bool | None = attribute(dt.BOOL, name="dynamicMemslots")
    size: Kibibytes = required(child(name="size"))
    node: int | None = value(dt.UINT)
    block: Kibibytes | None = child(name="block")
    requested: Kibibytes | None = child(name="requested")
    current: Kibibytes | None = child(name="current", volatile=True)
    address: BaseAddress | None = child()


@element("memory", by="model")
class MemoryDevice(Element):
    """A memory module."""

    model: Literal["dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc"] = attribute(required=True)
    access: Literal["shared", "private"] | None = attribute()
    discard: bool | None = attribute(dt.BOOL)


@variant("dimm")
class Dimm(MemoryDevice):
    """A DIMM."""

    source: PagesSource | None = child()
    target: ModuleTarget = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("nvdimm")
class Nvdimm(MemoryDevice):
    """A persistent DIMM."""

    uuid: str | None = value(dt.UUID)
    source: NvdimmSource = required(child())
    target: NvdimmTarget = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("virtio-pmem")
class VirtioPmem(MemoryDevice):
    """Persistent memory by virtio."""

    source: PathSource = required(child())
    target: PmemTarget = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("virtio-mem")
class VirtioMem(MemoryDevice):
    """Memory that grows and shrinks by virtio."""

    source: PagesSource | None = child()
    target: VirtioMemTarget = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@variant("sgx-epc")
class SgxMemory(MemoryDevice):
    """Enclave page cache."""

    source: EnclaveSource | None = child()
    target: ModuleTarget = required(child())
    alias: Alias | None = child()
    address: Address | None = child()
