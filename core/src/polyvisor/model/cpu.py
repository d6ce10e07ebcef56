"""CPUs on their own: what a host has or a guest wants, to compare and to find a common denominator of."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.capabilities import ARCHITECTURE, Counter, CpuSignature, Microcode, PageSize
from polyvisor.model.domain.cpu import (
    CpuCache,
    CpuFeature,
    CpuMatch,
    CpuMode,
    CpuModel,
    CpuNuma,
    CpuTopology,
    PhysicalAddressBits,
)

REGISTER = dt.hexadecimal(8)
SUBLEAF = dt.hexadecimal(8, width=2)
MSR_INDEX = dt.hexadecimal(8, width=0)


@element("cpu", kind="cpu")
class CpuDescription(Element):
    """A CPU as a host describes its own (``arch``, no policies) or as a guest asks for it (``mode`` or ``match``)."""

    mode: CpuMode | None = attribute()
    match: CpuMatch | None = attribute()
    check: Literal["none", "partial", "full"] | None = attribute()
    migratable: bool | None = attribute(dt.ONOFF)
    deprecated_features: bool | None = attribute(dt.ONOFF)
    arch: str | None = value(ARCHITECTURE)
    model: CpuModel | None = child()
    vendor: str | None = value(dt.STRING)
    microcode: Microcode | None = child()
    signature: CpuSignature | None = child()
    counter: Counter | None = child()
    topology: CpuTopology | None = child()
    cache: CpuCache | None = child()
    maxphysaddr: PhysicalAddressBits | None = child()
    features: list[CpuFeature] = children("feature")
    pages: list[PageSize] = children("pages")
    numa: CpuNuma | None = child()


@element("cpuTest")
class CpuDescriptions(Element):
    """Several CPUs in one document."""

    cpus: list[CpuDescription] = children("cpu", min=1)


@element("cpuid")
class CpuidLeaf(Element):
    """What the CPUID instruction returns for a leaf (``eax_in``) and subleaf (``ecx_in``)."""

    eax_in: int = required(attribute(REGISTER))
    ecx_in: int | None = attribute(SUBLEAF)
    eax: int = required(attribute(REGISTER))
    ebx: int = required(attribute(REGISTER))
    ecx: int = required(attribute(REGISTER))
    edx: int = required(attribute(REGISTER))


@element("msr")
class ModelSpecificRegister(Element):
    """The value of a model-specific register: ``edx`` is its upper half, ``eax`` its lower."""

    index: int = required(attribute(MSR_INDEX))
    eax: int = required(attribute(REGISTER))
    edx: int = required(attribute(REGISTER))


@element("cpudata")
class CpuData(Element):
    """What the CPU itself says, before anybody gave it a model's name."""

    arch: Literal["x86"] = required(attribute())
    leaves: list[CpuidLeaf] = children("cpuid")
    registers: list[ModelSpecificRegister] = children("msr")


def baseline_classes() -> tuple[type[Element], ...]:
    """What the input to a baseline may be: a CPU, several, or what a CPU says of itself."""
    return (CpuDescription, CpuDescriptions, CpuData)
