"""What the driver says of QEMU and the host."""

from __future__ import annotations

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.operations.connection import Version
from polyvisor_qemu import arches
from polyvisor_qemu.probe import Emulator
from polyvisor_qemu.session import QemuSession


def native_emulator(session: QemuSession) -> Emulator:
    """The emulator of the host's own architecture, else any. Raises UnsupportedConfiguration when there is none."""
    found = arches.find_emulator(arches.host_arch()) or next(iter(arches.installed().values()), None)
    if found is None:
        raise UnsupportedConfiguration(
            "no QEMU is installed: there is no qemu-system-* in PATH",
            driver="qemu",
            hint="install it (Debian: apt install qemu-system-x86)",
        )
    return session.answers.emulator(found)


def version(session: QemuSession) -> Version:
    """QEMU's version."""
    emulator = native_emulator(session)
    return Version(*emulator.version, text=emulator.package)


def alive(session: QemuSession) -> bool:
    """Whether guests could be managed now: the directories can be read and an emulator can be run."""
    return session.readable() and bool(arches.installed())
