"""What containers can be run here: the ``<capabilities>`` and ``<domainCapabilities>`` documents."""

from __future__ import annotations

import os
import platform
from typing import Literal

from polyvisor.errors import InvalidArgument
from polyvisor.host import Host
from polyvisor.host.document import capabilities_host
from polyvisor.model import capabilities as model
from polyvisor.model import domaincaps as dc
from polyvisor.operations.host import SecurityModel
from polyvisor_lxc.completion import EMULATOR
from polyvisor_lxc.session import LxcSession

_NARROW = {"x86_64": "i686", "aarch64": "armv7l", "ppc64": "ppc", "s390x": "s390"}
"""The 32-bit architecture whose programs a 64-bit kernel runs too."""

_MODELS = {"apparmor": "/sys/kernel/security/apparmor", "selinux": "/sys/fs/selinux"}
"""Mandatory access control models that liblxc labels containers with, and where the kernel shows them."""


def arches() -> dict[str, Literal["32", "64"]]:
    """Architectures of containers, with their word size: the host's, and its 32-bit one."""
    mine = platform.machine()
    wide: Literal["32", "64"] = "64" if mine.endswith("64") or mine in ("s390x", "ppc64le") else "32"
    narrow = _NARROW.get(mine)
    return {mine: wide, **({narrow: "32"} if narrow else {})}


def capabilities(session: LxcSession) -> model.Capabilities:
    """The host, and a container for each architecture."""
    made = [
        model.Guest(
            os_type="exe",
            arch=model.GuestArchitecture(
                name=arch, wordsize=bits, emulator=EMULATOR, domains=[model.GuestDomain(type="lxc")]
            ),
        )
        for arch, bits in arches().items()
    ]
    return model.Capabilities(host=capabilities_host(Host()), guests=made)


def domain_capabilities(
    session: LxcSession, *, emulator: str | None, arch: str | None, machine: str | None, domain_type: str | None
) -> dc.DomainCapabilities:
    """What a container of that architecture may have. Raises InvalidArgument for what is none."""
    arch = arch or platform.machine()
    for what, given, known in (
        ("architecture", arch, list(arches())),
        ("type", domain_type or "lxc", ["lxc"]),
        ("emulator", emulator or EMULATOR, [EMULATOR]),
        ("machine", machine, [None]),
    ):
        if given not in known:
            raise InvalidArgument(f"there are no containers of {what} {given!r} here", driver="lxc")
    return dc.DomainCapabilities(
        path=EMULATOR,
        domain="lxc",
        arch=arch,
        vcpu=dc.VcpuLimit(max=max_vcpus()),
        iothreads=dc.IothreadsFeature(supported=False),
        os=dc.OsFeature.of(supported=True),
        devices=_devices(),
    )


def _devices() -> dc.DeviceFeatures:
    return dc.DeviceFeatures(
        disk=dc.DiskFeature.of(supported=False),
        graphics=dc.GraphicsFeature.of(supported=False),
        video=dc.VideoFeature.of(supported=False),
        hostdev=dc.HostdevFeature.of({"mode": ["capabilities"], "capsType": ["storage", "misc", "net"]}),
        rng=dc.RngFeature.of(supported=False),
        filesystem=dc.FilesystemFeature.of({"type": ["mount", "bind", "file", "block", "ram"]}),
        tpm=dc.TpmFeature.of(supported=False),
        redirdev=dc.RedirdevFeature.of(supported=False),
        channel=dc.ChannelFeature.of(supported=False),
        crypto=dc.CryptoFeature.of(supported=False),
        interface=dc.InterfaceFeature.of({"type": ["bridge", "ethernet", "direct"]}),
        panic=dc.PanicFeature.of(supported=False),
        console=dc.ConsoleFeature.of({"type": ["pty"]}),
    )


def max_vcpus() -> int:
    """Containers have no CPUs of their own: as many as the host has online."""
    return len(Host().cpu_map().online)


def security_models() -> list[SecurityModel]:
    """The models that the kernel has in force."""
    labels = {"apparmor": {"lxc": "generated"}, "selinux": {}}
    return [SecurityModel(name, "0", labels[name]) for name, path in _MODELS.items() if os.path.isdir(path)]
