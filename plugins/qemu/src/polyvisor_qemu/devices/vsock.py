"""``<vsock>``: sockets between host and guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal
from polyvisor_qemu.virtio import driver_options, model_suffix

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


def place(vsock: Any, machine: Machine | None) -> Place | None:
    return Place.EXPRESS


def alias(vsock: Any, index: int) -> str:
    return f"vsock{index}"


def add(vsock: Any, line: CommandLine, guest: Guest) -> None:
    only(vsock, "model", "cid", "driver")
    if vsock.cid is None or vsock.cid.address is None:
        raise refusal(
            "<cid auto='yes'> of <vsock>", vsock, why="is not supported yet; give <cid auto='no' address='3'/>"
        )
    options = {"id": guest.alias(vsock), "guest-cid": vsock.cid.address}
    name = f"vhost-vsock-pci{model_suffix(vsock.model)}"
    line.device(name, {**options, **driver_options(vsock.driver), **guest.slot(vsock)})
