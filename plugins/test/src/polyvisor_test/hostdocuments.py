"""Documents about the simulated host: its identity, its capabilities, and what its guests may have."""

from __future__ import annotations

from typing import Literal

from polyvisor.errors import InvalidArgument
from polyvisor.host import format_cpu_list
from polyvisor.model import capabilities as caps
from polyvisor.model import domaincaps
from polyvisor.model.domain import DiskBus, DiskDevice
from polyvisor.model.domain.devices.chardev import CharacterType
from polyvisor_test.host import MAX_VCPUS, PAGE_KIB, SECURITY_MODEL
from polyvisor_test.node import HUGE_PAGES_KIB, HostDescription

SYSINFO = """\
<sysinfo type='smbios'>
  <bios>
    <entry name='vendor'>Polyvisor</entry>
    <entry name='version'>Test driver</entry>
    <entry name='date'>01/01/2026</entry>
  </bios>
  <system>
    <entry name='manufacturer'>Polyvisor</entry>
    <entry name='product'>Simulated host</entry>
    <entry name='serial'>1</entry>
    <entry name='uuid'>11111111-2222-3333-4444-555555555555</entry>
  </system>
</sysinfo>
"""
"""Who made the simulated host."""

HOST_UUID = "11111111-2222-3333-4444-555555555555"
LOCAL, REMOTE = 10, 20
"""NUMA distances to a cell's own memory and to that of every other cell."""

GUESTS: dict[str, tuple[Literal["32", "64"], Literal["hvm"]]] = {
    "i686": ("32", "hvm"),
    "x86_64": ("64", "hvm"),
}
"""Architectures of guests, with their word size and kind of system."""

CPU_MODELS = {
    "i686": ["pentium", "pentium2", "pentium3", "qemu32", "coreduo", "n270", "486"],
    "x86_64": ["qemu64", "kvm64", "core2duo", "Penryn", "Nehalem", "Westmere", "SandyBridge", "Deprecated-Test"],
}
"""CPU models that documents for this driver may name."""


def host_capabilities(host: HostDescription) -> caps.Capabilities:
    """The capabilities document of a host."""
    cells = [_cell(host, number) for number in range(host.cells)]
    described = caps.HostCapabilities(
        uuid=HOST_UUID,
        cpu=caps.HostCpu(
            arch=host.arch,
            pages=[caps.PageSize(unit="KiB", size=size) for size in (PAGE_KIB, *HUGE_PAGES_KIB)],
        ),
        topology=caps.HostTopology(cells=caps.HostCells(num=len(cells), cells=cells)),
        security_models=[caps.SecurityModel(model=SECURITY_MODEL, doi="0")],
    )
    return caps.Capabilities(host=described, guests=[_guest(arch) for arch in GUESTS])


def _cell(host: HostDescription, number: int) -> caps.HostCell:
    memory = host.cell_memory_kib(number)
    siblings = [caps.Sibling(id=other, value=LOCAL if other == number else REMOTE) for other in range(host.cells)]
    cpus = [_cpu(host, cpu) for cpu in host.cell_cpus(number)]
    return caps.HostCell(
        id=number,
        memory=caps.CellMemory(unit="KiB", size=memory),
        pages=[caps.CellPages(unit="KiB", size=PAGE_KIB, count=memory // PAGE_KIB)],
        distances=caps.Distances(siblings=siblings),
        cpus=caps.CellCpus(num=len(cpus), cpus=cpus),
    )


def _cpu(host: HostDescription, number: int) -> caps.CellCpu:
    """CPUs are numbered cell by cell, socket by socket, core by core, thread by thread."""
    if number >= host.active:
        return caps.CellCpu(id=number)
    core, _ = divmod(number, host.threads)
    socket, core_in_socket = divmod(core, host.cores)
    threads = range(core * host.threads, (core + 1) * host.threads)
    return caps.CellCpu(
        id=number, socket_id=socket, die_id=0, core_id=core_in_socket, siblings=format_cpu_list(threads)
    )


def _guest(arch: str) -> caps.Guest:
    wordsize, kind = GUESTS[arch]
    return caps.Guest(
        os_type=kind,
        arch=caps.GuestArchitecture(name=arch, wordsize=wordsize, domains=[caps.GuestDomain(type="test")]),
        features=caps.GuestFeatures(
            acpi=caps.AcpiFeature(default=True, toggle=True),
            apic=caps.ApicFeature(default=True, toggle=True),
            disksnapshot=caps.DiskSnapshotFeature(default=True, toggle=False),
        ),
    )


def guest_capabilities(
    host: HostDescription, emulator: str | None, arch: str | None, machine: str | None, domain_type: str | None
) -> domaincaps.DomainCapabilities:
    """The domain capabilities document; raises InvalidArgument for a combination the host does not run."""
    arch = arch or host.arch
    if emulator is not None or machine is not None:
        raise InvalidArgument("the test driver has no emulators and no machines", hint="leave emulator and machine out")
    if domain_type not in (None, "test"):
        raise InvalidArgument(f"the test driver runs no {domain_type!r} guests", hint="the only type is 'test'")
    models = [
        domaincaps.NamedModel(name=name, usable="yes", vendor="unknown", deprecated=name == "Deprecated-Test" or None)
        for name in cpu_models(arch)
    ]
    return domaincaps.DomainCapabilities(
        domain="test",
        arch=arch,
        vcpu=domaincaps.VcpuLimit(max=MAX_VCPUS),
        iothreads=domaincaps.IothreadsFeature(supported=True),
        os=domaincaps.OsFeature(supported=True, loader=domaincaps.LoaderFeature(supported=False)),
        cpu=domaincaps.CpuFeature(modes=[domaincaps.CustomModels(name="custom", supported=True, models=models)]),
        devices=_devices(),
    )


def _devices() -> domaincaps.DeviceFeatures:
    """Every form of device that documents know: nothing here has to work."""
    return domaincaps.DeviceFeatures(
        disk=domaincaps.DiskFeature.of({"diskDevice": list(DiskDevice), "bus": list(DiskBus)}),
        graphics=domaincaps.GraphicsFeature.of({"type": ["vnc", "spice", "sdl", "rdp"]}),
        channel=domaincaps.ChannelFeature.of({"type": list(CharacterType)}),
        console=domaincaps.ConsoleFeature.of({"type": list(CharacterType)}),
        rng=domaincaps.RngFeature.of({"backendModel": ["random", "egd"]}),
        hostdev=domaincaps.HostdevFeature.of(supported=False),
    )


def cpu_models(arch: str) -> list[str]:
    """CPU models of an architecture; raises InvalidArgument for one the host does not run."""
    if arch not in CPU_MODELS:
        raise InvalidArgument(f"the test driver runs no {arch!r} guests", hint=f"it runs {', '.join(CPU_MODELS)}")
    return list(CPU_MODELS[arch])
