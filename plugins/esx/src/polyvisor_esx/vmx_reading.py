"""A VMX file as a domain document: identity, processors, memory, firmware; the devices are in ``vmx_devices``."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain import (
    Cpu,
    CpuTopology,
    Devices,
    Domain,
    DomainType,
    GenerationId,
    GuestType,
    Memory,
    OperatingSystem,
    OsType,
    Vcpu,
)
from polyvisor.model.domain.clock import HostClock
from polyvisor.model.domain.completion import complete
from polyvisor.model.domain.events import CrashAction, LifecycleAction
from polyvisor.model.domain.memory import CurrentMemory, Kibibytes
from polyvisor.model.domain.os import Firmware, FirmwareFeature, Smbios
from polyvisor.model.domain.tuning import CpuTune, MemTune, NumaMemory, NumaTune
from polyvisor_esx import vmx_devices, vmxfile
from polyvisor_esx.model import DatacenterPath, ManagedObject
from polyvisor_esx.vmxfile import Settings

CONFIG_VERSION = 8
"""The one version of the format that every product since ESX 3 writes."""

OLDEST_HARDWARE = 4
"""The virtual hardware of ESX 3."""

DEFAULT_MEMORY = 32
"""MiB of a guest whose file names none."""

MOST_MEMORY, MOST_VCPUS = 1 << 30, 65535
"""MiB and processors beyond which a file is in error: more than any host and more than a document may say."""

SHARES = {"low": 500, "normal": 1000, "high": 2000}
"""CPU shares for each virtual CPU by the word VMware has for it."""

FileFinder = Callable[[str, bool], str | None]
"""Says what a document calls the file that a VMX file names; the second argument is whether it may be missing, and
the answer is None for one that is and may."""


def plain_paths(name: str, may_be_missing: bool) -> str | None:
    """Files as they can be named without asking a host: datastore paths for what lies on one, others as they stand."""
    from polyvisor_esx.datastores import from_mounted

    found = from_mounted(name)
    return str(found) if found else name


def from_vmx(
    data: bytes | str,
    *,
    find: FileFinder = plain_paths,
    datacenter_path: str | None = None,
    moref: str | None = None,
) -> Domain:
    """The domain a VMX file describes.

    Raises InvalidArgument for a file that cannot be right, UnsupportedConfiguration for versions of the format or
    of hardware that are not known here."""
    return from_settings(vmxfile.parse(data), find=find, datacenter_path=datacenter_path, moref=moref)


def from_settings(
    settings: Settings,
    *,
    find: FileFinder = plain_paths,
    datacenter_path: str | None = None,
    moref: str | None = None,
) -> Domain:
    """The same for settings that are read already."""
    _versions(settings)
    vcpus = _vcpus(settings)
    domain = Domain(
        type=DomainType.VMWARE,
        name=settings.text("displayName") or "",
        uuid=_uuid(settings),
        genid=_generation(settings),
        description=settings.text("annotation"),
        vcpu=vcpus,
        cpu=_cpu(settings, vcpus.count),
        cputune=_shares(settings, vcpus.count),
        numatune=_nodes(settings),
        os=_system(settings),
        clock=HostClock(offset="utc"),
        on_poweroff=LifecycleAction.DESTROY,
        on_reboot=LifecycleAction.RESTART,
        on_crash=CrashAction.DESTROY,
        devices=Devices.of(vmx_devices.read(settings, find)),
    )
    if not domain.name:
        raise InvalidArgument("the VMX file has no displayName, which becomes the domain's name")
    _memory(settings, domain)
    if datacenter_path is not None:
        domain.extensions.append(DatacenterPath(path=datacenter_path))
    if moref is not None:
        domain.extensions.append(ManagedObject(reference=moref))
    return _completed(domain)


def _completed(domain: Domain) -> Domain:
    """What every document implies; without what a VMX file does not say and VMware decides by itself."""
    complete(domain, new=False)
    domain.os.boot = []
    for video in domain.devices.videos if domain.devices else []:
        if video.model:
            video.model.heads = None
    return domain


def _versions(settings: Settings) -> None:
    version = settings.number("config.version")
    if version != CONFIG_VERSION:
        said = "there is no config.version" if version is None else f"config.version is {version}"
        raise UnsupportedConfiguration(
            f"{said}; only {CONFIG_VERSION} is known here",
            hint="is it the .vmx file of a guest?" if not version else None,
        )
    hardware = settings.number("virtualHW.version")
    if hardware is None or hardware < OLDEST_HARDWARE:
        raise UnsupportedConfiguration(
            f"virtualHW.version is {'absent' if hardware is None else hardware}; virtual hardware from version"
            f" {OLDEST_HARDWARE} on is known here"
        )


def _uuid(settings: Settings) -> str:
    written = settings.text("uuid.bios")
    if written is None:
        return str(UUID(int=0))
    digits = re.sub(r"[\s-]", "", written)
    try:
        return str(UUID(hex=digits))
    except ValueError:
        raise InvalidArgument(f"uuid.bios = {written!r} is no UUID") from None


def _generation(settings: Settings) -> GenerationId | None:
    """Two signed numbers of 64 bits, the high half first."""
    halves = [settings.number(key) for key in ("vm.genid", "vm.genidX")]
    if None in halves:
        return None
    digits = "".join(f"{(half or 0) & (2**64 - 1):016x}" for half in halves)
    return GenerationId(uuid=str(UUID(hex=digits)))


def _vcpus(settings: Settings) -> Vcpu:
    count = settings.amount("numvcpus", MOST_VCPUS) or 1
    vcpu = Vcpu(count=count)
    affinity = settings.text("sched.cpu.affinity")
    if affinity is not None and affinity.lower() != "all":
        cpus = [each.strip() for each in affinity.split(",")]
        if not all(each.isdigit() for each in cpus):
            raise InvalidArgument(f"sched.cpu.affinity = {affinity!r}: 'all' or numbers of CPUs are expected")
        vcpu.cpuset = ",".join(cpus)
    return vcpu


def _cpu(settings: Settings, vcpus: int) -> Cpu | None:
    cores = settings.number("cpuid.coresPerSocket")
    if cores is None or cores < 2:
        return None
    if vcpus % cores:
        raise InvalidArgument(f"{vcpus} processors (numvcpus) cannot be in sockets of {cores} (cpuid.coresPerSocket)")
    return Cpu(topology=CpuTopology(sockets=vcpus // cores, dies=1, clusters=1, cores=cores, threads=1))


def _shares(settings: Settings, vcpus: int) -> CpuTune | None:
    written = settings.text("sched.cpu.shares")
    if written is None:
        return None
    if written.lower() in SHARES:
        return CpuTune(shares=SHARES[written.lower()] * vcpus)
    return CpuTune(shares=settings.amount("sched.cpu.shares", 1 << 32))


def _nodes(settings: Settings) -> NumaTune | None:
    """The host's NUMA nodes that the guest is bound to."""
    written = (settings.text("numa.nodeAffinity") or "").replace(" ", "")
    if not written:
        return None
    if not all(each.isdigit() for each in written.split(",")):
        raise InvalidArgument(f"numa.nodeAffinity = {written!r}: numbers of nodes are expected")
    return NumaTune(memory=NumaMemory(mode="strict", nodeset=written))


def _memory(settings: Settings, domain: Domain) -> None:
    size = settings.amount("memsize", MOST_MEMORY) or DEFAULT_MEMORY
    most = settings.number("sched.mem.max")
    least = settings.amount("sched.mem.minsize", MOST_MEMORY) or settings.amount("sched.mem.min", MOST_MEMORY)
    domain.memory = Memory.of(size << 20)
    domain.current_memory = CurrentMemory.of(min(size, most if most and most > 0 else size) << 20)
    if least:
        domain.memtune = MemTune(min_guarantee=Kibibytes.of(min(least, size) << 20))


def _system(settings: Settings) -> OperatingSystem:
    guest = (settings.text("guestOS") or "other").lower()
    system = OperatingSystem(
        type=GuestType(value=OsType.HVM, arch="x86_64" if guest.endswith("-64") else "i686"),
    )
    if (settings.text("firmware") or "").lower() == "efi":
        system.firmware_choice = "efi"
        if settings.flag("uefi.secureBoot.enabled"):
            system.firmware = Firmware(
                features=[
                    FirmwareFeature(name="enrolled-keys", enabled=True),
                    FirmwareFeature(name="secure-boot", enabled=True),
                ]
            )
    if settings.flag("smbios.reflecthost"):
        system.smbios = Smbios(mode="host")
    return system
