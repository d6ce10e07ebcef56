"""What the driver must know of a machine type: its buses and the devices that are part of it."""

from __future__ import annotations

from dataclasses import dataclass

from polyvisor_qemu.support import refusal


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine.

    :param kind: ``i440fx``, ``q35``, ``isapc`` or ``microvm``.
    :param root: QEMU's name of its first PCI bus, None without PCI.
    :param express: whether that bus is PCI Express.
    """

    kind: str
    name: str
    arch: str
    root: str | None
    express: bool = False

    @property
    def disk_bus(self) -> str:
        """The bus of a disk whose target name tells none that the machine has."""
        return "sata" if self.express else "ide"


def machine(arch: str, name: str) -> Machine:
    """The machine type ``name`` (canonical or alias) of ``arch``.

    Raises UnsupportedConfiguration for one whose buses we do not know."""
    if arch in ("x86_64", "i686"):
        if name == "q35" or name.startswith("pc-q35-"):
            return Machine("q35", name, arch, "pcie.0", express=True)
        if name == "pc" or name.startswith(("pc-i440fx-", "pc-1.")):
            return Machine("i440fx", name, arch, "pci.0")
        if name == "isapc":
            return Machine("isapc", name, arch, None)
    raise refusal(f"machine {name!r} of architecture {arch!r}")
