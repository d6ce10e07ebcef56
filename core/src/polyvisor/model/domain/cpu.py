"""The guest's processor: model, features, topology, caches, NUMA cells."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, text, value
from polyvisor.documents import datatypes as dt
from polyvisor.units import scaled

VENDOR_ID = dt.Datatype("vendor id", pattern="[^,]{12}", describe="twelve characters without ','")
DISTANCE = dt.number("NUMA distance", 10, 255)


class CpuMode(StrEnum):
    """Where the model comes from: the document, or the host."""

    CUSTOM = "custom"
    HOST_MODEL = "host-model"
    HOST_PASSTHROUGH = "host-passthrough"
    MAXIMUM = "maximum"


class CpuMatch(StrEnum):
    """How the CPU given must relate to what is asked for."""

    MINIMUM = "minimum"
    EXACT = "exact"
    STRICT = "strict"


class FeaturePolicy(StrEnum):
    """What becomes of a CPU feature."""

    FORCE = "force"
    REQUIRE = "require"
    OPTIONAL = "optional"
    DISABLE = "disable"
    FORBID = "forbid"


@element("model")
class CpuModel(Element):
    """A named CPU model."""

    name: str | None = text(dt.STRING)
    fallback: Literal["allow", "forbid"] | None = attribute()
    vendor_id: str | None = attribute(VENDOR_ID)


@element("feature")
class CpuFeature(Element):
    """One feature and what becomes of it."""

    policy: FeaturePolicy | None = attribute()
    name: str = required(attribute(dt.NAME))


@element("topology")
class CpuTopology(Element):
    """Sockets times dies times clusters times cores times threads is the greatest number of virtual CPUs."""

    sockets: int = required(attribute(dt.POSITIVE))
    dies: int | None = attribute(dt.POSITIVE)
    clusters: int | None = attribute(dt.POSITIVE)
    cores: int = required(attribute(dt.POSITIVE))
    threads: int = required(attribute(dt.POSITIVE))

    @property
    def cpus(self) -> int:
        """How many virtual CPUs the topology has room for."""
        return self.sockets * (self.dies or 1) * (self.clusters or 1) * self.cores * self.threads


@element("cache")
class CpuCache(Element):
    """Whether the guest sees the host's caches."""

    level: Literal["1", "2", "3"] | None = attribute()
    mode: Literal["emulate", "passthrough", "disable"] = required(attribute())


@element("maxphysaddr")
class PhysicalAddressBits(Element):
    """The width of guest physical addresses."""

    mode: Literal["emulate", "passthrough"] = required(attribute())
    bits: int | None = attribute(dt.UINT)
    limit: int | None = attribute(dt.UINT)


@element("sibling")
class CellDistance(Element):
    """The relative cost of reaching another cell's memory; 10 is local."""

    id: int = required(attribute(dt.UINT))
    value: int = required(attribute(DISTANCE))


@element("distances")
class CellDistances(Element):
    """Distances from a cell to all others."""

    siblings: list[CellDistance] = children("sibling", min=1)


@element("size")
class CacheSize(Element):
    """The size of a memory-side cache."""

    value: int = required(attribute(dt.UINT64))
    unit: str = required(attribute(dt.UNIT))


@element("line")
class CacheLine(Element):
    """The line size of a memory-side cache."""

    value: int = required(attribute(dt.UINT64))
    unit: str = required(attribute(dt.UNIT))


@element("cache")
class MemoryCache(Element):
    """A memory-side cache of a cell."""

    level: int = required(attribute(dt.UINT))
    associativity: Literal["none", "direct", "full"] = required(attribute())
    policy: Literal["none", "writeback", "writethrough"] = required(attribute())
    size: CacheSize = required(child())
    line_size: CacheLine = required(child("line"))


@element("cell")
class NumaCell(Element):
    """A NUMA cell of the guest."""

    id: int | None = attribute(dt.UINT)
    cpus: str | None = attribute(dt.CPUSET)
    memory: int = required(attribute(dt.UINT64))
    unit: str | None = attribute(dt.UNIT)
    mem_access: Literal["shared", "private"] | None = attribute(name="memAccess")
    discard: bool | None = attribute(dt.BOOL)
    distances: CellDistances | None = child()
    caches: list[MemoryCache] = children("cache")

    @property
    def kib(self) -> int:
        """The cell's memory in KiB."""
        return scaled(self.memory, self.unit or "KiB").kib


@element("latency")
class Latency(Element):
    """Nanoseconds to reach memory of ``target`` from ``initiator``."""

    initiator: int = required(attribute(dt.UINT))
    target: int = required(attribute(dt.UINT))
    cache: int | None = attribute(dt.UINT)
    type: Literal["access", "read", "write"] = required(attribute())
    value: int = required(attribute(dt.UINT64))


@element("bandwidth")
class Bandwidth(Element):
    """Bandwidth from ``initiator`` to memory of ``target``, a second."""

    initiator: int = required(attribute(dt.UINT))
    target: int = required(attribute(dt.UINT))
    cache: int | None = attribute(dt.UINT)
    type: Literal["access", "read", "write"] = required(attribute())
    value: int = required(attribute(dt.UINT64))
    unit: str = required(attribute(dt.UNIT))


@element("interconnects")
class Interconnects(Element):
    """Latencies and bandwidths between cells (ACPI HMAT)."""

    latencies: list[Latency] = children("latency")
    bandwidths: list[Bandwidth] = children("bandwidth")


@element("numa")
class CpuNuma(Element):
    """The guest's NUMA cells."""

    cells: list[NumaCell] = children("cell", min=1)
    interconnects: Interconnects | None = child()


@element("cpu")
class Cpu(Element):
    """What processor the guest sees."""

    mode: CpuMode | None = attribute()
    match: CpuMatch | None = attribute()
    check: Literal["none", "partial", "full"] | None = attribute()
    migratable: bool | None = attribute(dt.ONOFF)
    deprecated_features: bool | None = attribute(dt.ONOFF)
    model: CpuModel | None = child()
    vendor: str | None = value(dt.STRING)
    topology: CpuTopology | None = child()
    cache: CpuCache | None = child()
    maxphysaddr: PhysicalAddressBits | None = child()
    features: list[CpuFeature] = children("feature")
    numa: CpuNuma | None = child()
