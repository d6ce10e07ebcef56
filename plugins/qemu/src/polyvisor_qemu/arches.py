"""The architectures QEMU emulates: libvirt's name of each, the emulator's name and the size of a word."""

from __future__ import annotations

import os

EMULATORS: dict[str, tuple[str, int]] = {
    "aarch64": ("aarch64", 64),
    "alpha": ("alpha", 64),
    "armv7l": ("arm", 32),
    "cris": ("cris", 32),
    "i686": ("i386", 32),
    "loongarch64": ("loongarch64", 64),
    "m68k": ("m68k", 32),
    "microblaze": ("microblaze", 32),
    "microblazeel": ("microblazeel", 32),
    "mips": ("mips", 32),
    "mipsel": ("mipsel", 32),
    "mips64": ("mips64", 64),
    "mips64el": ("mips64el", 64),
    "or32": ("or1k", 32),
    "parisc": ("hppa", 32),
    "ppc": ("ppc", 32),
    "ppc64": ("ppc64", 64),
    "ppc64le": ("ppc64", 64),
    "riscv32": ("riscv32", 32),
    "riscv64": ("riscv64", 64),
    "s390x": ("s390x", 64),
    "sh4": ("sh4", 64),
    "sh4eb": ("sh4eb", 64),
    "sparc": ("sparc", 32),
    "sparc64": ("sparc64", 64),
    "x86_64": ("x86_64", 64),
    "xtensa": ("xtensa", 32),
    "xtensaeb": ("xtensaeb", 32),
}
"""``{architecture: (suffix of qemu-system-, bits)}``."""

_MACHINES = {"i386": "i686", "i486": "i686", "i586": "i686", "arm64": "aarch64", "amd64": "x86_64"}
_ELSEWHERE = ("/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm")
_RUNS = {"x86_64": ("x86_64", "i686"), "aarch64": ("aarch64", "armv7l"), "ppc64le": ("ppc64le", "ppc64")}


def host_arch() -> str:
    """The architecture of this host."""
    machine = os.uname().machine
    return _MACHINES.get(machine, machine)


def accelerated_here(arch: str) -> bool:
    """Whether KVM on this host runs guests of ``arch``."""
    host = host_arch()
    return arch in _RUNS.get(host, (host,))


def find_emulator(arch: str) -> str | None:
    """Path of the emulator of ``arch`` found in PATH, None when it is not installed."""
    known = EMULATORS.get(arch)
    if known is None:
        return None
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(directory, f"qemu-system-{known[0]}")
        if os.path.isabs(path) and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    if arch == host_arch():
        return next((path for path in _ELSEWHERE if os.access(path, os.X_OK)), None)
    return None


def installed() -> dict[str, str]:
    """Every architecture that can be emulated here and the emulator that does it, by name of the architecture."""
    return {arch: path for arch in sorted(EMULATORS) if (path := find_emulator(arch))}
