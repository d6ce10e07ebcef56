"""Facts about the host: HostSystem of the vSphere Web Services SDK, all that is asked in one request.

A connection to a part of the inventory with several hosts has no facts of a host: the question has to be asked one.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pyVmomi import vim

from polyvisor.errors import PolyvisorError
from polyvisor.operations.connection import Version
from polyvisor.operations.host import CpuMap, FreeMemory, HostInfo, MemoryStats
from polyvisor_esx.inventory import only
from polyvisor_esx.session import EsxSession

MEBIBYTE = 1 << 20


def host(session: EsxSession) -> Any:
    """The one host of this connection. Raises UnsupportedConfiguration when there are several."""
    return only(list(session.place.all(vim.HostSystem)), "host").reference


def facts(session: EsxSession, *paths: str) -> dict[str, Any]:
    """Properties of the host."""
    reference = host(session)
    return session.properties(vim.HostSystem, paths, [reference]).get(reference, {})


def version(session: EsxSession) -> Version:
    """The product's."""
    about = session.content.about
    numbers = [int(part) for part in str(about.version).split(".") if part.isdigit()]
    major, minor, micro = [*numbers, 0, 0, 0][:3]
    return Version(major, minor, micro, str(about.fullName or ""))


def alive(session: EsxSession) -> bool:
    """Whether the server answers a question that needs a login."""
    try:
        session.service_time()
    except PolyvisorError:
        return False
    return True


def hostname(session: EsxSession) -> str:
    """The host's name with its domain; of a connection to several hosts the vCenter's, as the URI has it."""
    if len(list(session.place.all(vim.HostSystem))) != 1:
        return session.address.host
    found = facts(session, "name", "config.network.dnsConfig")
    dns = found.get("config.network.dnsConfig")
    if dns is None or not dns.hostName:
        return str(found["name"])
    return f"{dns.hostName}.{dns.domainName}" if dns.domainName else str(dns.hostName)


def host_info(session: EsxSession) -> HostInfo:
    """CPU, memory, topology; libvirt's convention where NUMA nodes and packages do not divide evenly."""
    found = facts(session, "summary.hardware", "hardware.numaInfo")
    hardware, numa = found["summary.hardware"], found.get("hardware.numaInfo")
    cells = max(getattr(numa, "numNodes", 0) or 1, 1)
    packages, cores, threads = hardware.numCpuPkgs, hardware.numCpuCores, hardware.numCpuThreads
    if packages % cells or cores % packages or threads % cores:
        cells, sockets, each, per_core = 1, 1, threads, 1
    else:
        sockets, each, per_core = packages // cells, cores // packages, threads // cores
    return HostInfo(
        model="x86_64",
        memory_kib=hardware.memorySize // 1024,
        cpus=threads,
        mhz=hardware.cpuMhz,
        cells=cells,
        sockets=sockets,
        cores=each,
        threads=per_core,
    )


def cpu_map(session: EsxSession) -> CpuMap:
    """ESX has no CPUs that are offline."""
    count = facts(session, "summary.hardware")["summary.hardware"].numCpuThreads
    return CpuMap(count, frozenset(range(count)))


def _memory(session: EsxSession) -> tuple[int, int]:
    """Bytes there are and bytes nobody uses (quickStats counts use in MiB)."""
    found = facts(session, "summary.hardware", "summary.quickStats")
    total = found["summary.hardware"].memorySize
    used = getattr(found.get("summary.quickStats"), "overallMemoryUsage", None) or 0
    return total, max(total - used * MEBIBYTE, 0)


def memory_stats(session: EsxSession) -> MemoryStats:
    """KiB. VMware tells no use of memory by NUMA node."""
    total, free = _memory(session)
    return MemoryStats(total // 1024, free // 1024)


def free_memory(session: EsxSession) -> FreeMemory:
    """Bytes; by cell VMware does not tell."""
    return FreeMemory(_memory(session)[1])


def has_feature(session: EsxSession, feature: str) -> bool:
    """Whether the server, or the host of a connection to one, has a capability that VMware's documentation names: a
    property of HostSystem's ``capability`` (``vmotionSupported``) or of ServiceInstance's (``multiHostSupported``)."""
    root = vim.ServiceInstance("ServiceInstance", session.transport)
    held = [session.properties(vim.ServiceInstance, ("capability",), [root])[root].get("capability")]
    if len(list(session.place.all(vim.HostSystem))) == 1:
        held.append(facts(session, "capability").get("capability"))
    return any(getattr(each, feature, None) is True for each in held)


def sysinfo(session: EsxSession) -> str:
    """What the host's firmware says of it, as ``<sysinfo>``."""
    found = facts(session, "summary.hardware", "hardware.biosInfo")
    hardware, bios = found["summary.hardware"], found.get("hardware.biosInfo")
    blocks = {
        "bios": {
            "version": getattr(bios, "biosVersion", None),
            "date": bios.releaseDate.strftime("%m/%d/%Y") if bios is not None and bios.releaseDate else None,
        },
        "system": {"manufacturer": hardware.vendor, "product": hardware.model, "uuid": hardware.uuid},
    }
    lines = ["<sysinfo type='smbios'>"]
    for block, entries in blocks.items():
        lines.append(f"  <{block}>")
        for name, value in entries.items():
            if value:
                lines.append(f"    <entry name={quoteattr(name)}>{escape(str(value))}</entry>")
        lines.append(f"  </{block}>")
    return "\n".join([*lines, "</sysinfo>", ""])
