"""Capabilities documents as drivers build them and programs read them."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents import diagnose, write
from polyvisor.errors import InvalidDocument
from polyvisor.model.capabilities import (
    AcpiFeature,
    Capabilities,
    Guest,
    GuestArchitecture,
    GuestDomain,
    GuestFeatures,
    HostCapabilities,
    HostCpu,
    Machine,
)
from polyvisor.model.domaincaps import (
    Blockers,
    CpuFeature,
    CustomModels,
    DeviceFeatures,
    DiskFeature,
    DomainCapabilities,
    HostModel,
    HostModelName,
    HostPassthrough,
    HypervisorFeatures,
    LoaderFeature,
    MissingFeature,
    NamedModel,
    OsFeature,
    PolicyFeature,
    SgxFeature,
    VcpuLimit,
)


def capabilities() -> Capabilities:
    arch = GuestArchitecture(
        name="x86_64",
        wordsize="64",
        emulator="/usr/bin/qemu-system-x86_64",
        machines=[Machine(name="pc", canonical="pc-i440fx-7.2", max_cpus=255), Machine(name="q35")],
        domains=[GuestDomain(type="qemu"), GuestDomain(type="kvm")],
    )
    features = GuestFeatures(acpi=AcpiFeature(default=True, toggle=True), cpuselection=True)
    return Capabilities(
        host=HostCapabilities(cpu=HostCpu(arch="x86_64")), guests=[Guest(os_type="hvm", arch=arch, features=features)]
    )


def domain_capabilities() -> DomainCapabilities:
    return DomainCapabilities(
        path="/usr/bin/qemu-system-x86_64",
        domain="kvm",
        machine="pc-q35-7.2",
        arch="x86_64",
        vcpu=VcpuLimit(max=288),
        os=OsFeature.of({"firmware": ["bios"]}, loader=LoaderFeature.of({"type": ["rom"]}, paths=["/fw.fd"])),
        cpu=CpuFeature(
            modes=[
                HostPassthrough(name="host-passthrough", supported=True),
                HostModel(
                    name="host-model",
                    supported=True,
                    model=HostModelName(name="EPYC", fallback="forbid"),
                    features=[PolicyFeature(policy="require", name="x2apic")],
                ),
                CustomModels(
                    name="custom",
                    supported=True,
                    models=[NamedModel(name="qemu64", usable="no", vendor="unknown")],
                    blockers=[Blockers(model="qemu64", features=[MissingFeature(name="svm")])],
                ),
            ]
        ),
        devices=DeviceFeatures(disk=DiskFeature.of({"bus": ["virtio", "scsi"]})),
        features=HypervisorFeatures(sgx=SgxFeature(supported=True, flc=False)),
    )


def test_capabilities_survive_the_way_through_text() -> None:
    document = capabilities()
    text = write(document)
    assert "<machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine>" in text
    assert "<acpi default='on' toggle='yes'/>" in text
    assert model.parse("capability", text) == document


def test_domain_capabilities_survive_the_way_through_text() -> None:
    document = domain_capabilities()
    text = write(document)
    assert "<model fallback='forbid'>EPYC</model>" in text
    assert "<flc>no</flc>" in text
    assert model.parse("domaincaps", text) == document


def test_a_program_asks_what_a_device_offers() -> None:
    devices = domain_capabilities().devices
    assert devices is not None and devices.disk is not None
    assert devices.disk.offers("bus") == ("virtio", "scsi")
    assert devices.disk.offers("colour") == ()


@pytest.mark.parametrize(
    ("kind", "change", "path", "words"),
    [
        ("capability", ("name='x86_64'", "name='x86_46'"), "/capabilities/guest/arch", "x86_64"),
        ("capability", ("type='kvm'", "typ='kvm'"), "/capabilities/guest/arch/domain", "type"),
        ("capability", ("<wordsize>64", "<wordsize>63"), "/capabilities/guest/arch/wordsize", "64"),
        ("domaincaps", ("usable='no'", "usable='maybe'"), "/domainCapabilities/cpu/mode", "unknown"),
        ("domaincaps", ("<disk supported='yes'", "<disk supported='on'"), "/domainCapabilities/devices/disk", "yes"),
    ],
)
def test_faults_are_found_where_they_are(kind: str, change: tuple[str, str], path: str, words: str) -> None:
    text = write(capabilities() if kind == "capability" else domain_capabilities()).replace(*change)
    with pytest.raises(InvalidDocument):
        model.parse(kind, text)
    fault = diagnose(text, model.root(kind))[0]
    assert fault.path.startswith(path)
    assert words in str(fault) or words in fault.expected
