"""What /proc/cpuinfo says of the CPUs, which every architecture words in its own way."""

from __future__ import annotations

import re
from dataclasses import dataclass

from polyvisor.host.tree import Tree

_LINE = re.compile(r"^([^:\n]*[^:\s])[ \t]*:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_FREQUENCY = {"x86": "cpu MHz", "ppc": "clock", "s390": "cpu MHz dynamic"}
_FLAGS = ("flags", "Features", "features", "isa")
_MODEL = ("model name", "cpu", "Processor", "uarch")


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """The first CPU, which stands for all.

    ``mhz`` is 0 where the kernel does not tell, as on ARM. ``signature`` changes when the CPU does; it is None where
    the file identifies nothing. ``identity`` is CPUID's family, model and stepping."""

    vendor: str | None
    model: str | None
    mhz: int
    flags: frozenset[str]
    signature: str | None
    microcode: int | None = None
    identity: tuple[int, int, int] | None = None


def read_cpuinfo(tree: Tree, arch: str) -> CpuInfo:
    return parse_cpuinfo(tree.text("/proc/cpuinfo") or "", arch)


def parse_cpuinfo(text: str, arch: str) -> CpuInfo:
    """Read the text of /proc/cpuinfo of a host of that architecture (``x86_64``, ``ppc64le``, ``s390x``, ...)."""
    facts: dict[str, str] = {}
    for name, value in _LINE.findall(text):
        facts.setdefault(name, value)
    family = _family(arch)
    frequency = re.match(r"\d+", facts.get(_FREQUENCY.get(family, ""), ""))
    return CpuInfo(
        vendor=facts.get("vendor_id"),
        model=next((facts[name] for name in _MODEL if name in facts), None),
        mhz=int(frequency[0]) if frequency else 0,
        flags=frozenset(next((facts[name] for name in _FLAGS if name in facts), "").split()),
        signature=_signature(facts, family),
        microcode=_number(facts.get("microcode")),
        identity=_identity(facts) if family == "x86" else None,
    )


def _number(text: str | None) -> int | None:
    try:
        return int(text or "", 0)
    except ValueError:
        return None


def _identity(facts: dict[str, str]) -> tuple[int, int, int] | None:
    family, model, stepping = (_number(facts.get(name)) for name in ("cpu family", "model", "stepping"))
    return None if family is None or model is None or stepping is None else (family, model, stepping)


def _family(arch: str) -> str:
    if arch in ("x86_64", "i686", "i586", "i486", "i386"):
        return "x86"
    return next((family for family in ("ppc", "s390") if arch.startswith(family)), arch)


def _signature(facts: dict[str, str], family: str) -> str | None:
    try:
        if family == "x86":
            return "{vendor_id}, {model name}, family: {cpu family}, model: {model}, stepping: {stepping}".format(
                **facts
            )
        if family == "ppc":
            return "{cpu}, rev {revision}".format(**facts)
        if family == "s390":
            return "{vendor_id}, {processor 0}, facilities: {facilities}".format(**facts)
    except KeyError:
        return None
    return None
