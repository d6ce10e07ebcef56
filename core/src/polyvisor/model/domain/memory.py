"""How much memory: amounts with units, the maximum, hot-plug slots, and what backs the guest's RAM."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from polyvisor.documents import Element, attribute, child, children, element, flag, required, text
from polyvisor.documents import datatypes as dt
from polyvisor.units import Size, scaled


class Amount(Element):
    """A number with a unit; ``default_unit`` counts when the document names none."""

    default_unit: ClassVar[str] = "bytes"

    value: int = required(text(dt.UINT64))
    unit: str | None = attribute(dt.UNIT)

    @classmethod
    def of(cls, size: int) -> Self:
        """The amount of ``size`` bytes, in KiB when that is exact."""
        return cls(value=size // 1024, unit="KiB") if size % 1024 == 0 else cls(value=size, unit="bytes")

    @property
    def size(self) -> Size:
        """The amount in bytes."""
        return scaled(self.value, self.unit or self.default_unit)

    @property
    def kib(self) -> int:
        """The amount in KiB, rounded up."""
        return self.size.kib


@element("size")
class Bytes(Amount):
    """An amount that counts bytes when it names no unit."""


@element("size")
class Kibibytes(Amount):
    """An amount that counts KiB when it names no unit."""

    default_unit: ClassVar[str] = "KiB"


@element("memory")
class Memory(Kibibytes):
    """The guest's memory at boot. In KiB unless ``unit`` says otherwise."""

    dump_core: bool | None = attribute(dt.ONOFF, name="dumpCore")


@element("currentMemory")
class CurrentMemory(Kibibytes):
    """What the balloon leaves the guest of its memory."""


@element("maxMemory")
class MaxMemory(Kibibytes):
    """The most the guest can grow to, and the number of slots for memory devices."""

    slots: int | None = attribute(dt.POSITIVE)


@element("page")
class HugePage(Element):
    """Pages of one size for the guest cells of a node set (all when absent)."""

    size: int = required(attribute(dt.UINT64))
    unit: str | None = attribute(dt.UNIT)
    nodeset: str | None = attribute(dt.CPUSET)

    @property
    def kib(self) -> int:
        """The page size in KiB."""
        return scaled(self.size, self.unit or "KiB").kib


@element("hugepages")
class HugePages(Element):
    """Back the guest with huge pages."""

    pages: list[HugePage] = children("page")


@element("source")
class MemorySource(Element):
    """Where the pages come from."""

    type: Literal["file", "anonymous", "memfd"] = required(attribute())


@element("access")
class MemoryAccess(Element):
    """Whether other processes share the pages."""

    mode: Literal["shared", "private"] = required(attribute())


@element("allocation")
class MemoryAllocation(Element):
    """When the pages are allocated, and by how many threads."""

    mode: Literal["immediate", "ondemand"] | None = attribute()
    threads: int | None = attribute(dt.POSITIVE)


@element("memoryBacking")
class MemoryBacking(Element):
    """What backs the guest's memory on the host."""

    hugepages: HugePages | None = child()
    nosharepages: bool = flag()
    locked: bool = flag()
    source: MemorySource | None = child()
    access: MemoryAccess | None = child()
    allocation: MemoryAllocation | None = child()
    discard: bool = flag()
