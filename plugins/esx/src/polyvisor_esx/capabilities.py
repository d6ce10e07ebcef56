"""What the host is and what guests it runs: ``<capabilities>`` and ``<domainCapabilities>``.

Sources: HostSystem.hardware and .capability, and what the host's option descriptors say of the hardware it has for
guests (:mod:`polyvisor_esx.options`). What they do not say falls back on what this driver writes.
"""

from __future__ import annotations

from typing import Any, Literal

from pyVmomi import vim

from polyvisor.errors import InvalidArgument
from polyvisor.host import format_cpu_list
from polyvisor.model import capabilities as model
from polyvisor.model import domaincaps as dc
from polyvisor_esx import hostfacts
from polyvisor_esx.options import option
from polyvisor_esx.session import EsxSession

GUESTS: dict[str, Literal["32", "64"]] = {"i686": "32", "x86_64": "64"}
VENDORS = {"intel": "Intel", "amd": "AMD"}
TRANSPORT = "vpxmigr"
"""The scheme libvirt gave migrations within a vCenter."""

MOST_VCPUS = 128
"""vCPUs of a guest of hardware version 13, for hosts that do not say."""

PAGE_KIB = 4


def capabilities(session: EsxSession) -> model.Capabilities:
    """The host, and the guests it runs."""
    found = hostfacts.facts(session, "hardware", "capability")
    hardware = found["hardware"]
    live = bool(getattr(found.get("capability"), "vmotionSupported", False)) and session.center
    return model.Capabilities(
        host=model.HostCapabilities(
            uuid=hardware.systemInfo.uuid,
            cpu=_cpu(hardware),
            migration_features=model.MigrationFeatures(
                live=live, uri_transports=model.UriTransports(transports=[TRANSPORT]) if live else None
            ),
            topology=_topology(hardware),
        ),
        guests=[_guest(arch) for arch in GUESTS],
    )


def _cpu(hardware: Any) -> model.HostCpu:
    info, packages = hardware.cpuInfo, list(hardware.cpuPkg or ())
    topology = None
    if (
        info.numCpuPackages
        and info.numCpuCores % info.numCpuPackages == 0
        and info.numCpuThreads % info.numCpuCores == 0
    ):
        topology = model.HostCpuTopology(
            sockets=info.numCpuPackages,
            dies=1,
            cores=info.numCpuCores // info.numCpuPackages,
            threads=info.numCpuThreads // info.numCpuCores,
        )
    return model.HostCpu(
        arch="x86_64",
        vendor=VENDORS.get(str(packages[0].vendor).lower()) if packages else None,
        signature=_signature(packages[0]) if packages else None,
        topology=topology,
        pages=[model.PageSize(unit="KiB", size=PAGE_KIB)],
    )


def _signature(package: Any) -> model.CpuSignature | None:
    """Family, model and stepping as CPUID leaf 1 has them in EAX (Intel SDM, volume 2, CPUID)."""
    for leaf in package.cpuFeature or ():
        if leaf.level == 1 and leaf.eax:
            bits = int(leaf.eax.replace(":", ""), 2)
            family, number = bits >> 8 & 15, bits >> 4 & 15
            if family in (6, 15):
                number |= (bits >> 16 & 15) << 4
            if family == 15:
                family += bits >> 20 & 255
            return model.CpuSignature(family=family, model=number, stepping=bits & 15)
    return None


def _topology(hardware: Any) -> model.HostTopology | None:
    numa = hardware.numaInfo
    nodes = list(getattr(numa, "numaNode", None) or ())
    if not nodes:
        return None
    places = _places(hardware)
    cells = [_cell(number, node, places, len(nodes), hardware.memorySize) for number, node in enumerate(nodes)]
    return model.HostTopology(cells=model.HostCells(num=len(cells), cells=cells))


def _places(hardware: Any) -> dict[int, model.CellCpu]:
    """Where each thread is: a package names its threads core by core."""
    info, places, core = hardware.cpuInfo, {}, 0
    per_core = max(info.numCpuThreads // info.numCpuCores, 1) if info.numCpuCores else 1
    for package in hardware.cpuPkg or ():
        threads = list(package.threadId or ())
        for start in range(0, len(threads), per_core):
            siblings = threads[start : start + per_core]
            for thread in siblings:
                places[thread] = model.CellCpu(
                    id=thread, socket_id=package.index, die_id=0, core_id=core, siblings=format_cpu_list(siblings)
                )
            core += 1
    return places


def _cell(number: int, node: Any, places: dict[int, model.CellCpu], count: int, memory: int) -> model.HostCell:
    # the ranges of one node's memory are only told in part; with a single node it is all of the host's
    size = (memory if count == 1 else node.memoryRangeLength) // 1024
    cpus = [places.get(cpu) or model.CellCpu(id=cpu) for cpu in sorted(node.cpuID or ())]
    return model.HostCell(
        id=number,
        memory=model.CellMemory(unit="KiB", size=size),
        pages=[model.CellPages(unit="KiB", size=PAGE_KIB, count=size // PAGE_KIB)],
        cpus=model.CellCpus(num=len(cpus), cpus=cpus),
    )


def _guest(arch: str) -> model.Guest:
    return model.Guest(
        os_type="hvm",
        arch=model.GuestArchitecture(name=arch, wordsize=GUESTS[arch], domains=[model.GuestDomain(type="vmware")]),
        features=model.GuestFeatures(
            acpi=model.AcpiFeature(default=True, toggle=False),
            apic=model.ApicFeature(default=True, toggle=False),
            disksnapshot=model.DiskSnapshotFeature(default=True, toggle=False),
        ),
    )


def cpu_models(session: EsxSession, arch: str) -> list[str]:
    """Keys of the EVC modes that all hosts of this connection can be in (``intel-broadwell``), the oldest first.

    A mode is of a cluster, so no guest's document names one. Hosts tell the newest that they can have
    (``summary.maxEVCModeKey``), vCenters which there are (``capability.supportedEVCMode``)."""
    if arch not in GUESTS:
        raise InvalidArgument(f"VMware runs no {arch!r} guests", hint=f"it runs {', '.join(GUESTS)}")
    root = vim.ServiceInstance("ServiceInstance", session.transport)
    known = session.properties(vim.ServiceInstance, ("capability",), [root])[root].get("capability")
    hosts = [each.reference for each in session.place.all(vim.HostSystem)]
    rows = session.properties(vim.HostSystem, ("summary.maxEVCModeKey",), hosts)
    newest = [str(row.get("summary.maxEVCModeKey") or "") for row in rows.values()]
    return modes_up_to(list(getattr(known, "supportedEVCMode", None) or ()), newest)


def modes_up_to(modes: list[Any], newest: list[str]) -> list[str]:
    """Of these EVC modes, those that no host's newest mode is older than; none where a host has none."""
    tiers = {str(mode.key): (str(mode.vendor), int(mode.vendorTier)) for mode in modes}
    if not newest or not all(newest):
        return []
    limits = [tiers[key] for key in newest if key in tiers]
    if len(limits) < len(newest):  # a host by itself has no table of modes
        return sorted(set(newest)) if len(set(newest)) == 1 else []
    fitting = {
        key: tier
        for key, (vendor, tier) in tiers.items()
        if all(vendor == limit[0] and tier <= limit[1] for limit in limits)
    }
    return sorted(fitting, key=lambda key: (fitting[key], key))


# -- guests ---------------------------------------------------------------------------------------------------------


def max_vcpus(session: EsxSession, domain_type: str | None) -> int:
    """Most vCPUs of a guest (HostCapability.maxSupportedVcpus)."""
    if domain_type not in (None, "vmware"):
        raise InvalidArgument(f"a VMware server runs no guests of type {domain_type!r}", hint="the only type is vmware")
    capability = hostfacts.facts(session, "capability").get("capability")
    return int(getattr(capability, "maxSupportedVcpus", None) or MOST_VCPUS)


def domain_capabilities(
    session: EsxSession, *, emulator: str | None, arch: str | None, machine: str | None, domain_type: str | None
) -> dc.DomainCapabilities:
    """What guests may have. Raises InvalidArgument for a combination VMware has not."""
    arch = arch or "x86_64"
    if emulator is not None or machine is not None:
        raise InvalidArgument(
            "VMware has no emulators and no machines to choose", hint="leave emulator and machine out"
        )
    if arch not in GUESTS:
        raise InvalidArgument(f"VMware runs no {arch!r} guests", hint=f"it runs {', '.join(GUESTS)}")
    most, options = max_vcpus(session, domain_type), _options(session)
    counts = [int(count) for count in getattr(getattr(options, "hardwareOptions", None), "numCPU", None) or ()]
    return dc.DomainCapabilities(
        domain="vmware",
        arch=arch,
        vcpu=dc.VcpuLimit(max=min(most, max(counts, default=most))),
        iothreads=dc.IothreadsFeature(supported=False),
        os=dc.OsFeature.of({"firmware": _firmware(options)}, loader=dc.LoaderFeature(supported=False)),
        devices=_devices(options),
        features=dc.HypervisorFeatures(genid=dc.GenidFeature(supported=True)),
    )


def _options(session: EsxSession) -> Any:
    """The hardware the host gives guests; None where it does not say."""
    inventory, reference = session.inventory, hostfacts.host(session)
    compute = inventory.above(inventory.places[reference], vim.ComputeResource)
    assert compute is not None
    found = session.properties(vim.ComputeResource, ("environmentBrowser",), [compute.reference])
    return option(session, found[compute.reference].get("environmentBrowser"), reference)


def _firmware(options: Any) -> list[str]:
    words = {
        str(each) for system in getattr(options, "guestOSDescriptor", None) or () for each in system.supportedFirmware
    }
    return [word for word in ("bios", "efi") if not words or word in words]


BUSES = {"scsi": "VirtualSCSIController", "sata": "VirtualSATAController", "ide": "VirtualIDEController"}


def _kinds(options: Any) -> list[type]:
    """Classes of the devices that the host has for guests; none where it does not say."""
    there = getattr(getattr(options, "hardwareOptions", None), "virtualDeviceOption", None) or ()
    return [each.type for each in there if isinstance(each.type, type)]


def _buses(kinds: list[type]) -> list[str]:
    device = vim.vm.device
    there = {bus: any(issubclass(kind, getattr(device, name)) for kind in kinds) for bus, name in BUSES.items()}
    return [*(bus for bus, present in there.items() if present or not kinds), "fdc"]


def _devices(options: Any) -> dc.DeviceFeatures:
    kinds = _kinds(options)
    return dc.DeviceFeatures(
        disk=dc.DiskFeature.of({"diskDevice": ["disk", "cdrom", "floppy", "lun"], "bus": _buses(kinds)}),
        graphics=dc.GraphicsFeature.of({"type": ["vnc"]}),
        video=dc.VideoFeature.of({"modelType": ["vmvga"]}),
        hostdev=dc.HostdevFeature.of(supported=False),
        rng=dc.RngFeature.of(supported=False),
        tpm=dc.TpmFeature.of(supported=False),
        redirdev=dc.RedirdevFeature.of(supported=False),
        channel=dc.ChannelFeature.of(supported=False),
        console=dc.ConsoleFeature.of(supported=False),
    )
