"""The ``<host>`` of a capabilities document, from what the kernel says of the host."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from polyvisor.host.caches import CacheBank, read_caches
from polyvisor.host.cpulist import format_cpu_list
from polyvisor.host.facts import Host
from polyvisor.host.hmat import read_accesses, read_memory_side_caches
from polyvisor.host.numa import Cell
from polyvisor.host.power import has_iommu, suspend_targets
from polyvisor.host.resctrl import ResourceControl, read_resource_control
from polyvisor.model import capabilities as model

_VENDORS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon", "CentaurHauls": "VIA"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def capabilities_host(
    host: Host, *, live_migration: bool | None = None, transports: Sequence[str] = ()
) -> model.HostCapabilities:
    """Describe the host. What the driver alone knows it says here, or adds to the result (security models, the CPU's
    model): ``live_migration`` None leaves migration out, ``transports`` are schemes of migration URIs."""
    control = read_resource_control(host.tree)
    banks = read_caches(host.tree, host.cpus.online)
    return model.HostCapabilities(
        uuid=str(host.uuid) if host.uuid else None,
        cpu=_cpu(host),
        power_management=model.HostPower(**dict.fromkeys(suspend_targets(host.tree), True)),
        iommu=model.Iommu(support=has_iommu(host.tree)),
        migration_features=_migration(live_migration, transports),
        topology=_topology(host),
        cache=_cache(banks, control),
        memory_bandwidth=_bandwidth(banks, control),
    )


def _cpu(host: Host) -> model.HostCpu:
    described = model.HostCpu(arch=host.arch)
    facts = host.cpu
    if facts.model is None:
        return described  # nothing but its architecture is known
    shape = host.info()
    described.vendor = _VENDORS.get(facts.vendor or "")
    described.microcode = model.Microcode(version=facts.microcode) if facts.microcode is not None else None
    if facts.identity is not None:
        family, number, stepping = facts.identity
        described.signature = model.CpuSignature(family=family, model=number, stepping=stepping)
    described.topology = model.HostCpuTopology(
        sockets=shape.sockets, dies=1, clusters=1, cores=shape.cores, threads=shape.threads
    )
    sizes = sorted({pool.size_kib for cell in host.cells for pool in cell.pages})
    described.pages = [model.PageSize(unit="KiB", size=size) for size in sizes]
    return described


def _migration(live: bool | None, transports: Sequence[str]) -> model.MigrationFeatures | None:
    if live is None and not transports:
        return None
    uris = model.UriTransports(transports=list(transports)) if transports else None
    return model.MigrationFeatures(live=bool(live), uri_transports=uris)


# -- NUMA -----------------------------------------------------------------------------------------------------


def _topology(host: Host) -> model.HostTopology:
    cells = [_cell(host, cell) for cell in host.cells]
    return model.HostTopology(cells=model.HostCells(num=len(cells), cells=cells), interconnects=_interconnects(host))


def _cell(host: Host, cell: Cell) -> model.HostCell:
    siblings = [model.Sibling(id=number, value=value) for number, value in cell.distances.items()]
    return model.HostCell(
        id=cell.id,
        memory=model.CellMemory(unit="KiB", size=cell.memory_kib),
        pages=[model.CellPages(unit="KiB", size=pool.size_kib, count=pool.total) for pool in cell.pages],
        distances=model.Distances(siblings=siblings) if siblings else None,
        caches=_side_caches(host, cell.id),
        cpus=model.CellCpus(num=len(cell.cpus), cpus=[_placed(host, number) for number in cell.cpus]),
    )


def _placed(host: Host, number: int) -> model.CellCpu:
    cpu = host.topology.get(number)
    if cpu is None:
        return model.CellCpu(id=number)
    return model.CellCpu(
        id=number,
        socket_id=cpu.socket,
        die_id=cpu.die,
        cluster_id=cpu.cluster,
        core_id=cpu.core,
        siblings=format_cpu_list(cpu.siblings),
    )


def _side_caches(host: Host, cell: int) -> list[model.SideCache]:
    made = []
    for cache in read_memory_side_caches(host.tree, cell):
        size, unit = _scaled(cache.size)
        line, line_unit = _scaled(cache.line)
        made.append(
            model.SideCache(
                level=cache.level,
                associativity=cache.associativity,
                policy=cache.policy,
                size=model.SideCacheSize(value=size, unit=unit),
                line_size=model.SideCacheLine(value=line, unit=line_unit),
            )
        )
    return made


def _interconnects(host: Host) -> model.Interconnects | None:
    accesses = read_accesses(host.tree, tuple(cell.id for cell in host.cells))
    if not accesses:
        return None
    latencies, bandwidths = [], []
    for access in accesses:
        initiator, target, kind = access.initiator, access.target, access.type
        if access.latency_ns is not None:
            latencies.append(model.Latency(initiator=initiator, target=target, type=kind, value=access.latency_ns))
        if access.bandwidth_kib is not None:
            bandwidths.append(
                model.Bandwidth(initiator=initiator, target=target, type=kind, value=access.bandwidth_kib, unit="KiB")
            )
    return model.Interconnects(latencies=latencies, bandwidths=bandwidths)


# -- caches and bandwidth -----------------------------------------------------------------------------------------


def _cache(banks: Sequence[CacheBank], control: ResourceControl) -> model.HostCache | None:
    monitors = []
    if (seen := control.cache_monitor) is not None:
        features = [model.MonitorFeature(name=name) for name in seen.features]
        monitors.append(
            model.CacheMonitor(level=3, reuse_threshold=seen.threshold, max_monitors=seen.monitors, features=features)
        )
    if not banks and not monitors:
        return None
    return model.HostCache(banks=[_bank(bank, control) for bank in banks], monitors=monitors)


def _bank(bank: CacheBank, control: ResourceControl) -> model.Bank:
    size, unit = _scaled(bank.size)
    controls = []
    for able in control.caches:
        if able.level == bank.level:
            step = bank.size // able.ways
            least = step * able.least if able.least > 1 else None
            granularity, common = _scaled(step, least)
            controls.append(
                model.CacheControl(
                    granularity=granularity,
                    min=None if least is None else granularity * able.least,
                    unit=common,
                    type=able.type,
                    max_allocs=able.groups,
                )
            )
    return model.Bank(
        id=bank.id,
        level=bank.level,
        type=bank.type,
        size=size,
        unit=unit,
        cpus=format_cpu_list(bank.cpus),
        controls=controls,
    )


def _bandwidth(banks: Sequence[CacheBank], control: ResourceControl) -> model.MemoryBandwidth | None:
    able, seen = control.bandwidth, control.bandwidth_monitor
    if able is None and seen is None:
        return None
    last_level = max((bank.level for bank in banks), default=0)
    nodes = [] if able is None else [bank for bank in banks if bank.level == last_level]
    return model.MemoryBandwidth(
        nodes=[
            model.BandwidthNode(
                id=bank.id,
                cpus=format_cpu_list(bank.cpus),
                controls=[model.BandwidthControl(granularity=able.granularity, min=able.least, max_allocs=able.groups)],
            )
            for bank in nodes
            if able is not None
        ],
        monitor=None
        if seen is None
        else model.BandwidthMonitor(
            max_monitors=seen.monitors, features=[model.MonitorFeature(name=name) for name in seen.features]
        ),
    )


def _scaled(size: int, other: int | None = None) -> tuple[int, str]:
    """``size`` bytes in the largest unit in which it, and ``other`` as well, is a whole number."""
    common = gcd(size, other or 0)
    power = 0
    while common and common % 1024 == 0 and power < len(_UNITS) - 1:
        common //= 1024
        power += 1
    return size // 1024**power, _UNITS[power]
