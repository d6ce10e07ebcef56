"""The capabilities document: what a host is made of, and the guests that a connection can run on it."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import (
    Element,
    Together,
    attribute,
    child,
    children,
    element,
    flag,
    required,
    text,
    value,
    values,
)
from polyvisor.documents import datatypes as dt
from polyvisor.model.domaintype import DOMAIN_TYPE, DomainType

ARCHITECTURE = dt.choice(
    "architecture",
    *("aarch64", "alpha", "armv6l", "armv7b", "armv7l", "cris", "i686", "itanium", "lm32", "loongarch64", "m68k"),
    *("microblaze", "microblazeel", "mips", "mips64", "mips64el", "mipsel", "openrisc", "parisc", "parisc64", "ppc"),
    *("ppc64", "ppc64le", "ppcemb", "riscv32", "riscv64", "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64"),
    *("unicore32", "x86_64", "xtensa", "xtensaeb"),
)

CacheKind = Literal["both", "code", "data"]
Access = Literal["access", "read", "write"]


# -- the host's CPU -----------------------------------------------------------------------------------------


@element("feature")
class HostCpuFeature(Element):
    """A feature that the host's CPU has beyond its model."""

    name: str = required(attribute(dt.NAME))


@element("microcode")
class Microcode(Element):
    """The microcode the CPU runs."""

    version: int = required(attribute(dt.UINT))


@element("signature")
class CpuSignature(Element):
    """Family, model and stepping, as CPUID tells them."""

    family: int = required(attribute(dt.UINT))
    model: int = required(attribute(dt.UINT))
    stepping: int = required(attribute(dt.UINT))


@element("counter")
class Counter(Element):
    """A counter of the CPU (``tsc``): its frequency in Hz, and whether it can be scaled for guests."""

    name: str = required(attribute(dt.NAME))
    frequency: int = required(attribute(dt.UINT))
    scaling: bool | None = attribute(dt.BOOL)


@element("topology")
class HostCpuTopology(Element):
    """Sockets, dies, clusters, cores and threads of the host."""

    sockets: int = required(attribute(dt.POSITIVE))
    dies: int | None = attribute(dt.POSITIVE)
    clusters: int | None = attribute(dt.POSITIVE)
    cores: int = required(attribute(dt.POSITIVE))
    threads: int = required(attribute(dt.POSITIVE))


@element("maxphysaddr")
class HostAddressBits(Element):
    """The width of physical addresses."""

    mode: Literal["emulate", "passthrough"] = required(attribute())
    bits: int | None = attribute(dt.UINT)
    limit: int | None = attribute(dt.UINT)


@element("features")
class HostCpuModes(Element):
    """What a Xen host's CPU can do for guests."""

    pae: bool = flag()
    nonpae: bool = flag()
    vmx: bool = flag()
    svm: bool = flag()


@element("pages")
class PageSize(Element):
    """A size of page that the CPU can map."""

    unit: str = required(attribute(dt.UNIT))
    size: int = required(attribute(dt.UINT))


@element("cpu")
class HostCpu(Element):
    """The host's CPU. Without a ``model`` nobody has worked out what it is called."""

    arch: str = required(value(ARCHITECTURE))
    model: str | None = value(dt.STRING)
    vendor: str | None = value(dt.STRING)
    microcode: Microcode | None = child()
    signature: CpuSignature | None = child()
    counter: Counter | None = child()
    topology: HostCpuTopology | None = child()
    maxphysaddr: HostAddressBits | None = child()
    features: list[HostCpuFeature] = children("feature")
    modes: HostCpuModes | None = child("features")
    pages: list[PageSize] = children("pages")


# -- power, migration -----------------------------------------------------------------------------------------


@element("power_management")
class HostPower(Element):
    """How the host can sleep."""

    suspend_mem: bool = flag()
    suspend_disk: bool = flag()
    suspend_hybrid: bool = flag()


@element("iommu")
class Iommu(Element):
    """Whether devices can be given to guests safely."""

    support: bool | None = attribute(dt.BOOL)


@element("uri_transports")
class UriTransports(Element):
    """Schemes of URIs that guests can be migrated to."""

    transports: list[str] = values(dt.STRING, tag="uri_transport")


@element("migration_features")
class MigrationFeatures(Element):
    """How guests can leave the host."""

    live: bool = flag()
    uri_transports: UriTransports | None = child()


# -- NUMA -------------------------------------------------------------------------------------------------------


@element("memory")
class CellMemory(Element):
    """A cell's memory."""

    unit: str = attribute(dt.UNIT, default="KiB")
    size: int = text(dt.UINT)


@element("pages")
class CellPages(Element):
    """How many pages of one size a cell has."""

    unit: str = attribute(dt.UNIT, default="KiB")
    size: int = required(attribute(dt.UINT))
    count: int = text(dt.UINT)


@element("sibling")
class Sibling(Element):
    """The relative cost of reaching the memory of cell ``id``; 10 is local."""

    id: int = required(attribute(dt.UINT))
    value: int = required(attribute(dt.UINT))


@element("distances")
class Distances(Element):
    """The distances from a cell to every cell."""

    siblings: list[Sibling] = children("sibling")


@element("size")
class SideCacheSize(Element):
    """The size of a memory-side cache."""

    value: int = required(attribute(dt.UINT))
    unit: str = required(attribute(dt.UNIT))


@element("line")
class SideCacheLine(Element):
    """The size of a memory-side cache's line."""

    value: int = required(attribute(dt.UINT))
    unit: str = required(attribute(dt.UNIT))


@element("cache")
class SideCache(Element):
    """A cache between the CPUs and a cell's memory."""

    level: int = required(attribute(dt.UINT))
    associativity: Literal["none", "direct", "full"] = required(attribute())
    policy: Literal["none", "writeback", "writethrough"] = required(attribute())
    size: SideCacheSize = required(child())
    line_size: SideCacheLine = required(child())


@element("cpu", rules=(Together("socket_id", "core_id", "siblings"),))
class CellCpu(Element):
    """A CPU of a cell; what follows ``id`` is unknown while it is offline. ``siblings`` are threads of its core."""

    id: int = required(attribute(dt.UINT))
    socket_id: int | None = attribute(dt.UINT)
    die_id: int | None = attribute(dt.UINT)
    cluster_id: int | None = attribute(dt.UINT)
    core_id: int | None = attribute(dt.UINT)
    siblings: str | None = attribute(dt.CPUSET)


@element("cpus")
class CellCpus(Element):
    """The CPUs of a cell."""

    num: int = required(attribute(dt.UINT))
    cpus: list[CellCpu] = children("cpu")


@element("cell")
class HostCell(Element):
    """A NUMA cell of the host."""

    id: int = required(attribute(dt.UINT))
    memory: CellMemory | None = child()
    pages: list[CellPages] = children("pages")
    distances: Distances | None = child()
    caches: list[SideCache] = children("cache")
    cpus: CellCpus | None = child()


@element("cells")
class HostCells(Element):
    """The NUMA cells of the host."""

    num: int = required(attribute(dt.UINT))
    cells: list[HostCell] = children("cell")


@element("latency")
class Latency(Element):
    """Nanoseconds that CPUs of cell ``initiator`` wait for memory of cell ``target``."""

    initiator: int = required(attribute(dt.UINT))
    target: int = required(attribute(dt.UINT))
    cache: int | None = attribute(dt.UINT)
    type: Access = required(attribute())
    value: int = required(attribute(dt.UINT))


@element("bandwidth")
class Bandwidth(Element):
    """How much CPUs of cell ``initiator`` move to or from memory of cell ``target`` in a second."""

    initiator: int = required(attribute(dt.UINT))
    target: int = required(attribute(dt.UINT))
    cache: int | None = attribute(dt.UINT)
    type: Access = required(attribute())
    value: int = required(attribute(dt.UINT))
    unit: str = required(attribute(dt.UNIT))


@element("interconnects")
class Interconnects(Element):
    """How fast the cells reach one another's memory."""

    latencies: list[Latency] = children("latency")
    bandwidths: list[Bandwidth] = children("bandwidth")


@element("topology")
class HostTopology(Element):
    """The NUMA cells and the ways between them."""

    cells: HostCells = required(child())
    interconnects: Interconnects | None = child()


# -- caches and memory bandwidth, and how they can be divided ---------------------------------------------------


@element("feature")
class MonitorFeature(Element):
    """Something that can be measured."""

    name: str = required(attribute(dt.NAME))


@element("control")
class CacheControl(Element):
    """A cache bank can be divided: in steps of ``granularity``, ``min`` at least, among ``max_allocs`` groups."""

    granularity: int = required(attribute(dt.UINT))
    min: int | None = attribute(dt.UINT)
    unit: str = required(attribute(dt.UNIT))
    type: CacheKind = required(attribute())
    max_allocs: int = required(attribute(dt.UINT, name="maxAllocs"))


@element("bank")
class Bank(Element):
    """A cache and the CPUs that share it."""

    id: int = required(attribute(dt.UINT))
    level: int = required(attribute(dt.UINT))
    type: CacheKind = required(attribute())
    size: int = required(attribute(dt.UINT))
    unit: str = required(attribute(dt.UNIT))
    cpus: str = required(attribute(dt.CPUSET))
    controls: list[CacheControl] = children("control")


@element("monitor")
class CacheMonitor(Element):
    """What can be measured of the caches."""

    level: int = required(attribute(dt.UINT))
    reuse_threshold: int | None = attribute(dt.UINT, name="reuseThreshold")
    max_monitors: int = required(attribute(dt.UINT, name="maxMonitors"))
    features: list[MonitorFeature] = children("feature")


@element("cache")
class HostCache(Element):
    """The CPUs' caches of the second level and above."""

    banks: list[Bank] = children("bank")
    monitors: list[CacheMonitor] = children("monitor")


@element("control")
class BandwidthControl(Element):
    """Memory bandwidth can be limited: in steps of ``granularity`` per cent, down to ``min``."""

    granularity: int = required(attribute(dt.UINT))
    min: int | None = attribute(dt.UINT)
    max_allocs: int = required(attribute(dt.UINT, name="maxAllocs"))


@element("node")
class BandwidthNode(Element):
    """CPUs whose way to memory is limited together."""

    id: int = required(attribute(dt.UINT))
    cpus: str = required(attribute(dt.CPUSET))
    controls: list[BandwidthControl] = children("control")


@element("monitor")
class BandwidthMonitor(Element):
    """What can be measured of the traffic to memory."""

    max_monitors: int = required(attribute(dt.UINT, name="maxMonitors"))
    features: list[MonitorFeature] = children("feature")


@element("memory_bandwidth")
class MemoryBandwidth(Element):
    """How traffic to memory can be limited and measured."""

    nodes: list[BandwidthNode] = children("node")
    monitor: BandwidthMonitor | None = child()


# -- the host -------------------------------------------------------------------------------------------------------


@element("baselabel")
class BaseLabel(Element):
    """The label that a guest of a type gets by default."""

    type: str = required(attribute(dt.STRING))
    label: str = text(dt.STRING)


@element("secmodel")
class SecurityModel(Element):
    """A way in which guests are kept apart."""

    model: str = required(value(dt.STRING))
    doi: str = required(value(dt.STRING))
    base_labels: list[BaseLabel] = children("baselabel")


@element("host")
class HostCapabilities(Element):
    """The host."""

    uuid: str | None = value(dt.UUID)
    cpu: HostCpu = required(child())
    power_management: HostPower | None = child()
    iommu: Iommu | None = child()
    migration_features: MigrationFeatures | None = child()
    netprefix: str | None = value(dt.STRING)
    topology: HostTopology | None = child()
    cache: HostCache | None = child()
    memory_bandwidth: MemoryBandwidth | None = child()
    security_models: list[SecurityModel] = children("secmodel")


# -- the guests ------------------------------------------------------------------------------------------------------


@element("machine")
class Machine(Element):
    """A machine that can be emulated; an alias names its ``canonical`` machine."""

    name: str | None = text(dt.STRING)
    canonical: str | None = attribute(dt.STRING)
    max_cpus: int | None = attribute(dt.UINT, name="maxCpus")
    deprecated: bool | None = attribute(dt.BOOL)


@element("domain")
class GuestDomain(Element):
    """A type of domain that runs such guests, with what is particular to it."""

    type: DomainType | str = required(attribute(DOMAIN_TYPE))
    emulator: str | None = value(dt.ABSPATH)
    machines: list[Machine] = children("machine")


@element("arch")
class GuestArchitecture(Element):
    """An architecture of guests."""

    name: str = required(attribute(ARCHITECTURE))
    wordsize: Literal["31", "32", "64"] = required(value())
    emulator: str | None = value(dt.ABSPATH)
    loader: str | None = value(dt.ABSPATH)
    machines: list[Machine] = children("machine")
    domains: list[GuestDomain] = children("domain", min=1)


@element("acpi")
class AcpiFeature(Element):
    """ACPI: whether guests have it unless told otherwise, and whether that can be changed."""

    default: bool = required(attribute(dt.ONOFF))
    toggle: bool = required(attribute(dt.BOOL))


@element("apic")
class ApicFeature(Element):
    """The APIC: whether guests have it unless told otherwise, and whether that can be changed."""

    default: bool = required(attribute(dt.ONOFF))
    toggle: bool = required(attribute(dt.BOOL))


@element("disksnapshot")
class DiskSnapshotFeature(Element):
    """Snapshots of disks: whether they are possible, and whether that can be changed."""

    default: bool = required(attribute(dt.ONOFF))
    toggle: bool = required(attribute(dt.BOOL))


@element("hap")
class HapFeature(Element):
    """Hardware assisted paging: whether guests have it unless told otherwise, and whether that can be changed."""

    default: bool = required(attribute(dt.ONOFF))
    toggle: bool = required(attribute(dt.BOOL))


@element("features")
class GuestFeatures(Element):
    """What such guests can have."""

    pae: bool = flag()
    nonpae: bool = flag()
    ia64_be: bool = flag()
    acpi: AcpiFeature | None = child()
    apic: ApicFeature | None = child()
    cpuselection: bool = flag()
    deviceboot: bool = flag()
    disksnapshot: DiskSnapshotFeature | None = child()
    hap: HapFeature | None = child()
    external_snapshot: bool = flag("externalSnapshot")


@element("guest")
class Guest(Element):
    """A kind of guest that can run here."""

    os_type: Literal["hvm", "xen", "xenpvh", "linux", "exe", "uml"] = required(value())
    arch: GuestArchitecture = required(child())
    features: GuestFeatures | None = child()


@element("capabilities", kind="capability")
class Capabilities(Element):
    """A host and the guests it can run."""

    host: HostCapabilities = required(child())
    guests: list[Guest] = children("guest")
