"""Node devices and CPUs."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.cpu import CpuData, CpuDescriptions


def device(capability: str):
    return model.parse("nodedev", f"<device><name>n</name>{capability}</device>")


def test_a_capability_is_found_by_its_kind(documents):
    xml = next(sample.xml for sample in documents if sample.kind == "nodedev" and "slice" in sample.xml)
    found = model.parse("nodedev", xml)
    assert found.capability("mdev").uuid == "0f9a1c0e-6d52-4f0a-9f5b-1d7d2a4b9c11"
    assert found.capability("pci") is None


def test_a_request_says_nothing_about_what_only_the_host_knows():
    made = model.complete(
        "nodedev",
        device(
            "<path>/sys/x</path><capability type='scsi_host'><host>1</host><capability type='vport_ops'>"
            "<max_vports>9</max_vports><vports>3</vports></capability></capability>"
            "<capability type='mdev'><type id='t'/></capability>"
        ),
    )
    ports = made.capability("scsi_host").abilities[0]
    assert (ports.max_vports, ports.vports) == (0, 0)
    assert made.capability("mdev").iommu_group.number == 0
    assert "<path>" not in model.format(made, live=False)


@pytest.mark.parametrize(
    ("capability", "said"),
    [
        ("<capability type='ccw'><cssid>0xff</cssid><ssid>0x0</ssid><devno>0x1</devno></capability>", "cssid"),
        ("<capability type='ccw'><cssid>0x0</cssid><ssid>0x4</ssid><devno>0x1</devno></capability>", "ssid"),
        ("<capability type='ccw'><cssid>0x0</cssid><ssid>0x0</ssid><devno>0x10000</devno></capability>", "devno"),
        ("<capability type='pci'><domain>0</domain></capability>", "<bus> is missing"),
        ("<capability type='pcie'/>", "did you mean 'pci'"),
        ("<capability type='usb'><number>0x</number></capability>", "number"),
        ("<capability type='mdev'><type id='t'/><uuid>1</uuid></capability>", "UUID"),
    ],
)
def test_capabilities_out_of_range_are_refused(capability, said):
    with pytest.raises(InvalidDocument) as caught:
        device(capability)
    assert said in str(caught.value)


def test_numbers_of_channels_are_written_in_their_own_way():
    made = device("<capability type='css'><cssid>0xA</cssid><ssid>3</ssid><devno>0x1F</devno></capability>")
    assert "<cssid>0xa</cssid>" in str(made)
    assert "<devno>0x001f</devno>" in str(made)


def test_the_input_to_a_baseline_is_a_cpu_or_several_or_what_a_cpu_says_of_itself():
    several = "<cpuTest><cpu><arch>x86_64</arch><model>Haswell</model></cpu><cpu><model>EPYC</model></cpu></cpuTest>"
    raw = (
        "<cpudata arch='x86'><cpuid eax_in='0x1' ecx_in='0x0' eax='0x306c3' ebx='0' ecx='0x7ffafbff' edx='0x1'/>"
        "<msr index='0x10a' eax='0x4c' edx='0x0'/></cpudata>"
    )
    found = model.parse("cpu-baseline", several)
    assert isinstance(found, CpuDescriptions)
    assert [cpu.model.name for cpu in found.cpus] == ["Haswell", "EPYC"]
    data = model.parse("cpu-baseline", raw)
    assert isinstance(data, CpuData)
    assert (data.leaves[0].eax, data.registers[0].index) == (0x306C3, 0x10A)
    assert model.parse("cpu-baseline", model.format(data)) == data
    with pytest.raises(InvalidDocument, match="<domain> is no cpu-baseline"):
        model.parse("cpu-baseline", "<domain/>")
