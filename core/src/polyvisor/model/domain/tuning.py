"""Shares and limits of host resources: processors, I/O threads, memory, NUMA placement, block I/O."""

from __future__ import annotations

from typing import Literal, Self

from polyvisor.documents import Element, attribute, child, children, element, required, text, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.memory import Kibibytes

Scheduler = Literal["batch", "idle", "fifo", "rr"]

CPU_COUNT = dt.number("number of CPUs", 1, 65535)
SHARES = dt.number("CPU shares", 0, 262144)
PERIOD = dt.number("microseconds", 0, 1000000)
QUOTA = dt.number("microseconds", -1, 17592186044415)
PRIORITY = dt.number("scheduler priority", 0, 99)
WEIGHT = dt.number("I/O weight", 0, 1000)
POOL_SIZE = dt.number("number of threads", -1, 2**31 - 1)


@element("vcpu")
class Vcpu(Element):
    """The number of virtual CPUs; ``current`` of them are plugged in at boot."""

    count: int = required(text(CPU_COUNT))
    placement: Literal["static", "auto"] | None = attribute()
    cpuset: str | None = attribute(dt.CPUSET)
    current: int | None = attribute(CPU_COUNT)

    @classmethod
    def of(cls, count: int) -> Self:
        """``count`` CPUs, all plugged in."""
        return cls(count=count)


@element("vcpu")
class VcpuState(Element):
    """One virtual CPU: plugged in or not, removable or not, in which order."""

    id: int = required(attribute(dt.UINT))
    enabled: bool = required(attribute(dt.BOOL))
    hotpluggable: bool | None = attribute(dt.BOOL)
    order: int | None = attribute(dt.POSITIVE)


@element("vcpus")
class Vcpus(Element):
    """The state of each virtual CPU."""

    vcpus: list[VcpuState] = children("vcpu", min=1)


@element("poll")
class IothreadPoll(Element):
    """Adaptive polling of an I/O thread, in nanoseconds."""

    max: int | None = attribute(dt.UINT64)
    grow: int | None = attribute(dt.UINT64)
    shrink: int | None = attribute(dt.UINT64)


@element("iothread")
class Iothread(Element):
    """An I/O thread by number."""

    id: int = required(attribute(dt.POSITIVE))
    thread_pool_min: int | None = attribute(POOL_SIZE)
    thread_pool_max: int | None = attribute(POOL_SIZE)
    poll: IothreadPoll | None = child()


@element("iothreadids")
class IothreadIds(Element):
    """The numbers of the guest's I/O threads."""

    iothreads: list[Iothread] = children("iothread")


@element("defaultiothread")
class DefaultIothread(Element):
    """Thread pool limits of the main loop."""

    thread_pool_min: int | None = attribute(POOL_SIZE)
    thread_pool_max: int | None = attribute(POOL_SIZE)


@element("vcpupin")
class VcpuPin(Element):
    """Host CPUs a virtual CPU may run on."""

    vcpu: int = required(attribute(dt.UINT))
    cpuset: str = required(attribute(dt.CPUSET))


@element("emulatorpin")
class EmulatorPin(Element):
    """Host CPUs the emulator's own threads may run on."""

    cpuset: str = required(attribute(dt.CPUSET))


@element("iothreadpin")
class IothreadPin(Element):
    """Host CPUs an I/O thread may run on."""

    iothread: int = required(attribute(dt.UINT))
    cpuset: str = required(attribute(dt.CPUSET))


@element("vcpusched")
class VcpuScheduler(Element):
    """The scheduling class of virtual CPUs."""

    vcpus: str | None = attribute(dt.CPUSET)
    scheduler: Scheduler = required(attribute())
    priority: int | None = attribute(PRIORITY, when={"scheduler": ("fifo", "rr")})


@element("iothreadsched")
class IothreadScheduler(Element):
    """The scheduling class of I/O threads."""

    iothreads: str | None = attribute(dt.CPUSET)
    scheduler: Scheduler = required(attribute())
    priority: int | None = attribute(PRIORITY, when={"scheduler": ("fifo", "rr")})


@element("emulatorsched")
class EmulatorScheduler(Element):
    """The scheduling class of the emulator's own threads."""

    scheduler: Scheduler = required(attribute())
    priority: int | None = attribute(PRIORITY, when={"scheduler": ("fifo", "rr")})


@element("cache")
class CacheAllocation(Element):
    """A part of a host cache given to virtual CPUs (Intel RDT, AMD PQoS)."""

    id: int = required(attribute(dt.UINT))
    level: int = required(attribute(dt.UINT))
    type: Literal["both", "code", "data"] = required(attribute())
    size: int = required(attribute(dt.UINT64))
    unit: str | None = attribute(dt.UNIT)


@element("monitor")
class CacheMonitor(Element):
    """Count the cache used by virtual CPUs."""

    level: int = required(attribute(dt.UINT))
    vcpus: str = required(attribute(dt.CPUSET))


@element("cachetune")
class CacheTune(Element):
    """Cache allocation of a set of virtual CPUs."""

    vcpus: str = required(attribute(dt.CPUSET))
    id: str | None = attribute(dt.NAME, volatile=True)
    caches: list[CacheAllocation] = children("cache")
    monitors: list[CacheMonitor] = children("monitor")


@element("node")
class BandwidthShare(Element):
    """Percent of a host node's memory bandwidth."""

    id: int = required(attribute(dt.UINT))
    bandwidth: int = required(attribute(dt.UINT))


@element("monitor")
class BandwidthMonitor(Element):
    """Count the memory bandwidth used by virtual CPUs."""

    vcpus: str = required(attribute(dt.CPUSET))


@element("memorytune")
class MemoryTune(Element):
    """Memory bandwidth allocation of a set of virtual CPUs."""

    vcpus: str = required(attribute(dt.CPUSET))
    nodes: list[BandwidthShare] = children("node")
    monitors: list[BandwidthMonitor] = children("monitor")


@element("cputune")
class CpuTune(Element):
    """Weights, bandwidth limits, pinning and scheduling of the guest's threads. Periods and quotas are microseconds."""

    shares: int | None = value(SHARES)
    period: int | None = value(PERIOD)
    quota: int | None = value(QUOTA)
    global_period: int | None = value(PERIOD)
    global_quota: int | None = value(QUOTA)
    emulator_period: int | None = value(PERIOD)
    emulator_quota: int | None = value(QUOTA)
    iothread_period: int | None = value(PERIOD)
    iothread_quota: int | None = value(QUOTA)
    vcpu_pins: list[VcpuPin] = children("vcpupin")
    emulator_pin: EmulatorPin | None = child(name="emulatorpin")
    iothread_pins: list[IothreadPin] = children("iothreadpin")
    vcpu_schedulers: list[VcpuScheduler] = children("vcpusched")
    iothread_schedulers: list[IothreadScheduler] = children("iothreadsched")
    emulator_scheduler: EmulatorScheduler | None = child(name="emulatorsched")
    cachetunes: list[CacheTune] = children("cachetune")
    memorytunes: list[MemoryTune] = children("memorytune")


NumaMode = Literal["strict", "preferred", "interleave", "restrictive"]


@element("memory")
class NumaMemory(Element):
    """Which host nodes give the guest's memory."""

    mode: NumaMode | None = attribute()
    nodeset: str | None = attribute(dt.CPUSET)
    placement: Literal["static", "auto"] | None = attribute()


@element("memnode")
class NumaMemoryNode(Element):
    """Which host nodes give one guest cell's memory."""

    cellid: int = required(attribute(dt.UINT))
    mode: NumaMode = required(attribute())
    nodeset: str = required(attribute(dt.CPUSET))


@element("numatune")
class NumaTune(Element):
    """NUMA placement of the guest's memory."""

    memory: NumaMemory | None = child()
    memnodes: list[NumaMemoryNode] = children("memnode")


@element("memtune")
class MemTune(Element):
    """Limits on the memory the whole guest process may use. In KiB unless a unit is named."""

    hard_limit: Kibibytes | None = child(name="hard_limit")
    soft_limit: Kibibytes | None = child(name="soft_limit")
    min_guarantee: Kibibytes | None = child(name="min_guarantee")
    swap_hard_limit: Kibibytes | None = child(name="swap_hard_limit")


@element("device")
class BlockIoDevice(Element):
    """Weight and limits of one host block device."""

    path: str = required(value(dt.ABSPATH))
    weight: int | None = value(WEIGHT)
    read_bytes_sec: int | None = value(dt.UINT64)
    write_bytes_sec: int | None = value(dt.UINT64)
    read_iops_sec: int | None = value(dt.UINT64)
    write_iops_sec: int | None = value(dt.UINT64)


@element("blkiotune")
class BlockIoTune(Element):
    """Share of the host's block I/O."""

    weight: int | None = value(WEIGHT)
    devices: list[BlockIoDevice] = children("device")


@element("fibrechannel")
class FibreChannel(Element):
    """Identifier that marks the guest's traffic on a Fibre Channel fabric."""

    appid: str = required(attribute(dt.STRING))


@element("resource")
class Resource(Element):
    """The control group the guest is placed in."""

    partition: str | None = value(dt.ABSPATH)
    fibrechannel: FibreChannel | None = child()


class IoLimits(Element):
    """Limits of a disk's I/O: bytes and operations a second, bursts (``_max``) and their length in seconds."""

    total_bytes_sec: int | None = value(dt.UINT64)
    read_bytes_sec: int | None = value(dt.UINT64)
    write_bytes_sec: int | None = value(dt.UINT64)
    total_iops_sec: int | None = value(dt.UINT64)
    read_iops_sec: int | None = value(dt.UINT64)
    write_iops_sec: int | None = value(dt.UINT64)
    total_bytes_sec_max: int | None = value(dt.UINT64)
    read_bytes_sec_max: int | None = value(dt.UINT64)
    write_bytes_sec_max: int | None = value(dt.UINT64)
    total_iops_sec_max: int | None = value(dt.UINT64)
    read_iops_sec_max: int | None = value(dt.UINT64)
    write_iops_sec_max: int | None = value(dt.UINT64)
    size_iops_sec: int | None = value(dt.UINT64)
    total_bytes_sec_max_length: int | None = value(dt.UINT64)
    read_bytes_sec_max_length: int | None = value(dt.UINT64)
    write_bytes_sec_max_length: int | None = value(dt.UINT64)
    total_iops_sec_max_length: int | None = value(dt.UINT64)
    read_iops_sec_max_length: int | None = value(dt.UINT64)
    write_iops_sec_max_length: int | None = value(dt.UINT64)


@element("throttlegroup")
class ThrottleGroup(IoLimits):
    """A named set of I/O limits that disks can share."""

    group_name: str = required(value(dt.STRING))


@element("throttlegroups")
class ThrottleGroups(Element):
    """The guest's named sets of I/O limits."""

    groups: list[ThrottleGroup] = children("throttlegroup")
