"""What hosts are and have for guests, from objects of VMware's."""

from __future__ import annotations

from typing import Any

import pytest
from pyVmomi import vim

from polyvisor.documents import write
from polyvisor.errors import InvalidArgument
from polyvisor_esx import capabilities, hostfacts

GIB = 1 << 30
Device = vim.vm.device


def node(number: int, *cpus: int) -> Any:
    return vim.host.NumaNode(
        typeId=number, cpuID=list(cpus), memoryRangeBegin=number * 8 * GIB, memoryRangeLength=8 * GIB
    )


def package(number: int, *threads: int) -> Any:
    leaf = vim.host.CpuIdInfo(level=1, eax="0000:0000:0000:0101:0000:0110:0101:0100")
    return vim.host.CpuPackage(
        index=number,
        vendor="intel",
        hz=2 * 10**9,
        busHz=10**8,
        description="a CPU",
        threadId=list(threads),
        cpuFeature=[leaf],
    )


@pytest.fixture
def hardware() -> Any:
    """Two packages of two cores of two threads, each a NUMA node; threads are listed backwards, as hosts do."""
    return vim.host.HardwareInfo(
        systemInfo=vim.host.SystemInfo(vendor="ACME", model="One", uuid="4c4c4544-0000-1000-8000-000000000001"),
        cpuInfo=vim.host.CpuInfo(numCpuPackages=2, numCpuCores=4, numCpuThreads=8, hz=2 * 10**9),
        cpuPkg=[package(0, 3, 2, 1, 0), package(1, 7, 6, 5, 4)],
        memorySize=17 * GIB,
        numaInfo=vim.host.NumaInfo(type="NUMA", numNodes=2, numaNode=[node(0, 3, 2, 1, 0), node(1, 7, 6, 5, 4)]),
    )


@pytest.fixture
def host(hardware: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session on that host, whose properties tests may change."""
    known = {
        "hardware": hardware,
        "hardware.numaInfo": hardware.numaInfo,
        "capability": type("Capability", (), {"maxSupportedVcpus": 64, "vmotionSupported": True})(),
        "summary.hardware": type(
            "Summary",
            (),
            {"numCpuPkgs": 2, "numCpuCores": 4, "numCpuThreads": 8, "memorySize": 17 * GIB, "cpuMhz": 2000},
        )(),
    }
    monkeypatch.setattr(hostfacts, "facts", lambda session, *paths: known)
    return type("Session", (), {"center": False})()


def test_each_numa_node_is_a_cell(host: Any) -> None:
    topology = capabilities.capabilities(host).host.topology
    assert topology is not None and topology.cells is not None
    cells = topology.cells.cells
    assert [(cell.id, cell.memory.size) for cell in cells if cell.memory] == [(0, 8 << 20), (1, 8 << 20)]
    assert [[cpu.id for cpu in cell.cpus.cpus] for cell in cells if cell.cpus] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_threads_of_a_core_are_siblings(host: Any) -> None:
    topology = capabilities.capabilities(host).host.topology
    assert topology is not None and topology.cells is not None
    cpus = [cpu for cell in topology.cells.cells if cell.cpus for cpu in cell.cpus.cpus]
    assert [(cpu.socket_id, cpu.siblings) for cpu in cpus[::2]] == [(0, "0-1"), (0, "2-3"), (1, "4-5"), (1, "6-7")]
    assert len({cpu.core_id for cpu in cpus}) == 4


def test_the_line_of_facts_has_as_many_cells(host: Any) -> None:
    found = hostfacts.host_info(host)
    assert (found.cells, found.sockets, found.cores, found.threads, found.cpus) == (2, 1, 2, 2, 8)


def test_the_cpu_has_the_signature_of_cpuid(host: Any) -> None:
    cpu = capabilities.capabilities(host).host.cpu
    assert cpu is not None and cpu.signature is not None and cpu.vendor == "Intel"
    assert (cpu.signature.family, cpu.signature.model, cpu.signature.stepping) == (6, 85, 4)


# -- what guests may have -------------------------------------------------------------------------------------------


def options(*devices: type, vcpus: tuple[int, ...] = (), firmware: tuple[str, ...] = ("bios", "efi")) -> Any:
    return type(
        "Option",
        (),
        {
            "guestOSDescriptor": [type("Descriptor", (), {"supportedFirmware": list(firmware)})()],
            "hardwareOptions": type(
                "Hardware",
                (),
                {
                    "numCPU": list(vcpus),
                    "virtualDeviceOption": [type("Device", (), {"type": each}) for each in devices],
                },
            )(),
        },
    )()


def described(host: Any, monkeypatch: pytest.MonkeyPatch, found: Any) -> Any:
    monkeypatch.setattr(capabilities, "_options", lambda session: found)
    return capabilities.domain_capabilities(host, emulator=None, arch=None, machine=None, domain_type=None)


def choices(feature: Any, name: str) -> list[str]:
    return next(list(each.values) for each in feature.choices if each.name == name)


def test_buses_are_those_that_the_host_has_controllers_for(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = described(host, monkeypatch, options(Device.ParaVirtualSCSIController, Device.VirtualAHCIController))
    assert choices(found.devices.disk, "bus") == ["scsi", "sata", "fdc"]


def test_firmware_is_what_any_system_may_have(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = described(host, monkeypatch, options(firmware=("bios",)))
    assert choices(found.os, "firmware") == ["bios"]


def test_vcpus_are_as_many_as_host_and_hardware_both_have(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert described(host, monkeypatch, options(vcpus=(1, 2, 4, 32))).vcpu.max == 32
    assert described(host, monkeypatch, options(vcpus=(1, 2, 128))).vcpu.max == 64


def test_a_host_that_describes_nothing_has_what_this_driver_writes(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = described(host, monkeypatch, None)
    assert choices(found.devices.disk, "bus") == ["scsi", "sata", "ide", "fdc"]
    assert found.vcpu.max == 64 and write(found)


def test_what_vmware_has_no_choice_of_is_refused(host: Any) -> None:
    for asked in ({"emulator": "/usr/bin/qemu"}, {"machine": "q35"}, {"arch": "riscv64"}, {"domain_type": "kvm"}):
        with pytest.raises(InvalidArgument):
            capabilities.domain_capabilities(
                host, **{"emulator": None, "arch": None, "machine": None, "domain_type": None, **asked}
            )
