"""What guests can be run here, and with what: the ``<capabilities>`` and ``<domainCapabilities>`` documents.

Everything listed is something this driver does, on this host, with that emulator; what QEMU could and we do not is
left out or said to be unsupported.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.host import Host, can_create_vm
from polyvisor.host.document import capabilities_host
from polyvisor.model import capabilities as model
from polyvisor.model import domaincaps as dc
from polyvisor_qemu import arches, chardevs, firmware, hostfacts
from polyvisor_qemu.devices import video
from polyvisor_qemu.machine import machine as machine_kind
from polyvisor_qemu.probe import Emulator, MachineType
from polyvisor_qemu.processor import HYPERV
from polyvisor_qemu.session import QemuSession

_VIRTIO_MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")


@cache
def kvm_usable() -> bool:
    """Whether this process can make virtual machines with KVM; asked of the kernel once."""
    return can_create_vm()


def domain_types(emulator: Emulator, arch: str) -> list[str]:
    """The types of guests an emulator runs here: ``qemu``, and ``kvm`` if that really works."""
    accelerated = emulator.kvm_built_in and arches.accelerated_here(arch) and kvm_usable()
    return ["qemu", "kvm"] if accelerated else ["qemu"]


# -- capabilities -----------------------------------------------------------------------------------------


def capabilities(session: QemuSession) -> model.Capabilities:
    """The host, and a guest for each architecture that can be run."""
    found = arches.installed()
    emulators = dict(zip(found, session.answers.emulators(found.values()), strict=True))
    host = capabilities_host(Host())
    return model.Capabilities(host=host, guests=[_guest(arch, emulator) for arch, emulator in emulators.items()])


def _guest(arch: str, emulator: Emulator) -> model.Guest:
    bits = arches.EMULATORS[arch][1]
    return model.Guest(
        os_type="hvm",
        arch=model.GuestArchitecture(
            name=arch,
            wordsize="64" if bits == 64 else "32",
            emulator=emulator.path,
            machines=[entry for machine in emulator.machines for entry in _machine_entries(machine)],
            domains=[model.GuestDomain(type=kind) for kind in domain_types(emulator, arch)],
        ),
        features=_guest_features(arch),
    )


def _machine_entries(machine: MachineType) -> Iterable[model.Machine]:
    """A machine type under its short name, if it has one, and under its own."""
    facts: dict[str, Any] = {"max_cpus": machine.max_cpus, "deprecated": True if machine.deprecated else None}
    if machine.alias:
        yield model.Machine(name=machine.alias, canonical=machine.name, **facts)
    yield model.Machine(name=machine.name, **facts)


def _guest_features(arch: str) -> model.GuestFeatures:
    x86 = arch in ("x86_64", "i686")
    return model.GuestFeatures(
        pae=arch == "i686",
        nonpae=arch == "i686",
        acpi=model.AcpiFeature(default=True, toggle=True) if x86 else None,
        apic=model.ApicFeature(default=True, toggle=False) if x86 else None,
        cpuselection=True,
        deviceboot=True,
    )


# -- domain capabilities ----------------------------------------------------------------------------------


def domain_capabilities(
    session: QemuSession, *, emulator: str | None, arch: str | None, machine: str | None, domain_type: str | None
) -> dc.DomainCapabilities:
    """What one combination offers. Raises InvalidArgument, UnsupportedConfiguration."""
    chosen = _emulator(session, emulator, arch)
    arch = arch or _arch_of(chosen)
    if arches.EMULATORS.get(arch, ("", 0))[0] != chosen.target:
        raise InvalidArgument(f"{chosen.path} emulates {chosen.target}, not {arch}")
    kind = chosen.machine(machine)
    if kind is None:
        raise InvalidArgument(f"{chosen.path} has no machine type {machine!r}")
    types = domain_types(chosen, arch)
    domain_type = domain_type or types[-1]
    if domain_type not in types:
        raise InvalidArgument(f"{chosen.path} runs no guests of type {domain_type!r} here", hint=f"it runs {types}")
    return _describe(chosen, arch, kind, domain_type)


def _emulator(session: QemuSession, path: str | None, arch: str | None) -> Emulator:
    if path is not None:
        return session.answers.emulator(path)
    if arch is None:
        return hostfacts.native_emulator(session)
    found = arches.find_emulator(arch)
    if found is None:
        raise UnsupportedConfiguration(f"no emulator for architecture {arch!r} is installed", driver="qemu")
    return session.answers.emulator(found)


def _arch_of(emulator: Emulator) -> str:
    candidates = [arch for arch, (target, _) in arches.EMULATORS.items() if target == emulator.target]
    return arches.host_arch() if arches.host_arch() in candidates else candidates[0]


def _describe(emulator: Emulator, arch: str, kind: MachineType, domain_type: str) -> dc.DomainCapabilities:
    from polyvisor.host.kvm import max_vcpus

    kvm = domain_type == "kvm"
    limit = min(kind.max_cpus, max_vcpus() or kind.max_cpus) if kvm else kind.max_cpus
    return dc.DomainCapabilities(
        path=emulator.path,
        domain=domain_type,
        machine=kind.name,
        arch=arch,
        vcpu=dc.VcpuLimit(max=limit),
        iothreads=dc.IothreadsFeature(supported="iothread" in emulator.types),
        os=_os(arch, kind),
        cpu=_cpu(emulator, kvm),
        memory_backing=dc.MemoryBackingFeature.of({"sourceType": ["file", "anonymous", "memfd"]}),
        devices=_devices(emulator, arch, kind),
        features=_features(emulator, kvm),
    )


def _os(arch: str, kind: MachineType) -> dc.OsFeature:
    loader = dc.LoaderFeature.of(
        {"type": ["rom", "pflash"], "readonly": ["yes", "no"], "secure": ["yes", "no"]},
        paths=firmware.installed(arch, kind.name),
    )
    return dc.OsFeature.of({"firmware": ["bios", "efi"] if loader.paths else ["bios"]}, loader=loader)


def _cpu(emulator: Emulator, kvm: bool) -> dc.CpuFeature:
    switch = ["on", "off"]
    models = emulator.cpus("kvm" if kvm else "tcg")
    named = [cpu for cpu in models if cpu.name not in ("host", "max", "base")]
    passthrough = [dc.Choices(name="hostPassthroughMigratable", values=switch)] if kvm else []
    return dc.CpuFeature(
        modes=[
            dc.HostPassthrough(supported=kvm, choices=passthrough),
            dc.Maximum(supported=True, choices=[dc.Choices(name="maximumMigratable", values=switch)]),
            dc.HostModel(supported=True),
            dc.CustomModels(
                supported=True,
                models=[
                    dc.NamedModel(
                        name=cpu.name,
                        usable="no" if cpu.unavailable else "yes",
                        deprecated=True if cpu.deprecated else None,
                        vendor="unknown",
                        canonical=cpu.alias_of,
                    )
                    for cpu in named
                ],
                blockers=[
                    dc.Blockers(
                        model=cpu.name,
                        features=[dc.MissingFeature(name=name) for name in sorted(set(cpu.unavailable))],
                    )
                    for cpu in named
                    if cpu.unavailable
                ],
            ),
        ]
    )


def _devices(emulator: Emulator, arch: str, kind: MachineType) -> dc.DeviceFeatures:
    types = emulator.types
    spice = "chardev-spicevmc" in types
    streams = [name for name in chardevs.BACKENDS if spice or not name.startswith("spice")]
    return dc.DeviceFeatures(
        disk=dc.DiskFeature.of(
            {"diskDevice": ["disk", "cdrom", "floppy"], "bus": _disk_buses(types, arch, kind), "model": _VIRTIO_MODELS}
        ),
        graphics=dc.GraphicsFeature.of({"type": ["vnc", "spice"] if spice else ["vnc"]}),
        video=dc.VideoFeature.of(
            {"modelType": [*(name for name, kind in video.CARDS.items() if kind in types), "none"]}
        ),
        hostdev=dc.HostdevFeature.of(supported=False),
        rng=dc.RngFeature.of({"model": _VIRTIO_MODELS, "backendModel": ["random", "builtin"]}),
        filesystem=dc.FilesystemFeature.of(supported=False),
        tpm=dc.TpmFeature.of(supported=False),
        redirdev=dc.RedirdevFeature.of(supported=False),
        channel=dc.ChannelFeature.of({"type": streams}),
        crypto=dc.CryptoFeature.of(supported=False),
        interface=dc.InterfaceFeature.of({"backendType": ["default"]}),
        panic=dc.PanicFeature.of(
            {"model": ["isa", "hyperv", "pvpanic"] if "pvpanic-pci" in types else ["isa", "hyperv"]}
        ),
        console=dc.ConsoleFeature.of({"type": streams}),
    )


def _disk_buses(types: frozenset[str], arch: str, kind: MachineType) -> list[str]:
    try:
        express = machine_kind(arch, kind.name).express
    except UnsupportedConfiguration:
        return []
    needs = {
        "fdc": "floppy",
        "scsi": "virtio-scsi-pci",
        "virtio": "virtio-blk-pci",
        "usb": "usb-storage",
        "sata": "ahci",
    }
    found = [bus for bus, device in needs.items() if device in types or f"ich9-{device}" in types]
    return found if express else ["ide", *found]


def _features(emulator: Emulator, kvm: bool) -> dc.HypervisorFeatures:
    types = emulator.types
    enlightenments = [name for name in HYPERV if name not in ("avic", "evmcs")]
    return dc.HypervisorFeatures(
        gic=dc.GicFeature.of(supported=False),
        vmcoreinfo=dc.VmcoreinfoFeature(supported="vmcoreinfo" in types),
        genid=dc.GenidFeature(supported="vmgenid" in types),
        backing_store_input=dc.BackingStoreInputFeature(supported=True),
        backup=dc.BackupFeature(supported=False),
        async_teardown=dc.AsyncTeardownFeature(supported=False),
        ps2=dc.Ps2Feature(supported=emulator.version >= (7, 0, 0)),
        sev=dc.SevFeature(supported=False),
        sgx=dc.SgxFeature(supported=False),
        hyperv=dc.HypervFeature.of({"features": enlightenments}) if kvm else dc.HypervFeature.of(supported=False),
        launch_security=dc.LaunchSecurityFeature.of(supported=False),
    )


def cpu_models(session: QemuSession, arch: str) -> list[str]:
    """Names of CPU models a document may use on an architecture."""
    if arch not in arches.EMULATORS:
        raise InvalidArgument(f"there is no architecture {arch!r}", hint=f"known: {', '.join(arches.EMULATORS)}")
    return [cpu.name for cpu in _emulator(session, None, arch).cpus() if cpu.name not in ("host", "max", "base")]


def max_vcpus(session: QemuSession, domain_type: str | None) -> int:
    """Most vCPUs of a guest of that type on the default machine."""
    emulator = hostfacts.native_emulator(session)
    types = domain_types(emulator, _arch_of(emulator))
    if domain_type is not None and domain_type not in types:
        raise InvalidArgument(f"no guests of type {domain_type!r} can be run here", hint=f"types: {', '.join(types)}")
    from polyvisor.host import kvm

    machine = emulator.machine(None) or emulator.machines[0]
    most = kvm.max_vcpus() if (domain_type or types[-1]) == "kvm" else None
    return min(most, machine.max_cpus) if most else machine.max_cpus
