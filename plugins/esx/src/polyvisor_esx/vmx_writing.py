"""A domain document as a VMX file: identity, processors, memory and firmware.

The devices are in :mod:`polyvisor_esx.vmx_writing_devices`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_esx import vmx_writing_devices, vmxfile
from polyvisor_esx.vmx_reading import CONFIG_VERSION, OLDEST_HARDWARE, SHARES
from polyvisor_esx.vmx_writing_devices import FileNamer, Lines, mounted_path

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

NEWEST_HARDWARE = 21
"""Virtual hardware of ESX 8.0 update 2."""

EVEN_PROCESSORS = 7
"""Up to this version of the hardware several processors come in pairs."""

MEMORY_GRANULE = 4
"""MiB of which a guest's memory is a multiple."""


def to_vmx(config: Domain, *, hardware: int, name_file: FileNamer = mounted_path) -> str:
    """The VMX file of a completed ``config`` for a virtual hardware version.

    ``name_file`` says what the file calls a file of the document. Raises UnsupportedConfiguration for what VMware's
    products do not have."""
    if not OLDEST_HARDWARE <= hardware <= NEWEST_HARDWARE:
        raise UnsupportedConfiguration(
            f"virtual hardware version {hardware} is not known here", hint=f"{OLDEST_HARDWARE} to {NEWEST_HARDWARE} are"
        )
    return vmxfile.write([*_system(config, hardware), *vmx_writing_devices.lines(config, name_file, hardware)])


def _system(config: Domain, hardware: int) -> Lines:
    if config.os.type.value != "hvm":
        raise UnsupportedConfiguration(f"VMware runs guests of os type hvm, not {config.os.type.value}")
    arch = config.os.type.arch
    if arch not in (None, "i686", "x86_64"):
        raise UnsupportedConfiguration(f"VMware runs guests of architecture i686 and x86_64, not {arch}")
    yield "config.version", CONFIG_VERSION
    yield "virtualHW.version", hardware
    yield "guestOS", "other-64" if arch == "x86_64" else "other"
    yield from _firmware(config)
    if config.uuid:
        yield "uuid.bios", vmx_writing_devices.spaced(config.uuid)
    yield from _generation(config)
    yield "displayName", config.name
    if config.description is not None:
        yield "annotation", config.description
    yield from _memory(config)
    yield from _processors(config, hardware)


def _firmware(config: Domain) -> Lines:
    system = config.os
    if system.smbios is not None:
        if system.smbios.mode == "host":
            yield "smbios.reflecthost", True
        elif system.smbios.mode != "emulate":
            raise UnsupportedConfiguration(f"VMware has no SMBIOS mode {system.smbios.mode!r}")
    if system.firmware_choice == "efi":
        yield "firmware", "efi"
        features = system.firmware.features if system.firmware else []
        if any(each.name == "secure-boot" and each.enabled for each in features):
            yield "uefi.secureBoot.enabled", True
    for name in ("kernel", "loader", "nvram"):
        if getattr(system, name) is not None:
            raise UnsupportedConfiguration(f"VMware boots no guest from a <{name}> of the document")


def _generation(config: Domain) -> Lines:
    if config.genid is None or config.genid.uuid is None:
        return
    digits = config.genid.uuid.replace("-", "")
    for key, half in (("vm.genid", digits[:16]), ("vm.genidX", digits[16:])):
        number = int(half, 16)
        yield key, number - 2**64 if number >= 2**63 else number


def _memory(config: Domain) -> Lines:
    size = -(-config.memory_kib // 1024)
    size = -(-size // MEMORY_GRANULE) * MEMORY_GRANULE
    yield "memsize", size
    most = -(-config.current_memory_kib // 1024)
    if most < size:
        yield "sched.mem.max", most
    if config.memtune is not None and config.memtune.min_guarantee is not None:
        yield "sched.mem.minsize", -(-config.memtune.min_guarantee.kib // 1024)
    yield from _nodes(config)


def _nodes(config: Domain) -> Lines:
    """VMware binds CPUs and memory to the same nodes, strictly."""
    if config.numatune is None:
        return
    if config.numatune.memnodes:
        raise UnsupportedConfiguration("VMware binds the cells of a guest to no nodes one by one (<memnode>)")
    memory = config.numatune.memory
    if memory is None:
        return
    if memory.mode not in (None, "strict") or memory.nodeset is None:
        raise UnsupportedConfiguration(
            "VMware binds memory to nodes that are named, and strictly", hint="write <memory mode='strict' nodeset=...>"
        )
    yield "numa.nodeAffinity", ",".join(map(str, sorted(_members(memory.nodeset))))


def _processors(config: Domain, hardware: int) -> Lines:
    count = config.max_vcpu_count
    if config.vcpu is not None and config.vcpu.current not in (None, count):
        raise UnsupportedConfiguration(
            f"a VMware guest starts with all of its {count} processors, not with {config.vcpu.current}"
        )
    if hardware <= EVEN_PROCESSORS and count % 2 and count != 1:
        raise UnsupportedConfiguration(
            f"a VMware guest of hardware version {hardware} has 1 or an even number of processors, not {count}"
        )
    yield "numvcpus", count
    topology = config.cpu.topology if config.cpu else None
    if topology is not None:
        yield from _topology(topology, count)
    if config.vcpu is not None and config.vcpu.cpuset:
        cpus = sorted(_members(config.vcpu.cpuset))
        if len(cpus) < count:
            raise UnsupportedConfiguration(
                f"the cpuset {config.vcpu.cpuset} has {len(cpus)} CPUs, too few for {count} processors"
            )
        yield "sched.cpu.affinity", ",".join(map(str, cpus))
    if config.cputune is not None and config.cputune.shares is not None:
        words = {each * count: word for word, each in SHARES.items()}
        yield "sched.cpu.shares", words.get(config.cputune.shares, config.cputune.shares)


def _topology(topology: object, count: int) -> Lines:
    sockets, cores = (getattr(topology, name) or 1 for name in ("sockets", "cores"))
    for name in ("threads", "dies", "clusters"):
        if (getattr(topology, name, None) or 1) != 1:
            raise UnsupportedConfiguration(f"a VMware guest has 1 {name.rstrip('s')}, not {getattr(topology, name)}")
    if sockets * cores != count:
        raise UnsupportedConfiguration(f"{sockets} sockets of {cores} cores are not {count} processors")
    yield "cpuid.coresPerSocket", cores


def _members(cpuset: str) -> Iterator[int]:
    """The CPUs of ``0-2,5,^1``."""
    excluded = {int(each[1:]) for each in cpuset.split(",") if each.startswith("^")}
    for part in cpuset.split(","):
        if not part.startswith("^"):
            first, _, last = part.partition("-")
            yield from (cpu for cpu in range(int(first), int(last or first) + 1) if cpu not in excluded)
