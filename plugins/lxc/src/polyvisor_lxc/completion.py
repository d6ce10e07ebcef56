"""What containers imply: the program of the driver, their init, their console. Fills a document in, in place.

What every hypervisor implies is filled in before (:mod:`polyvisor.model.domain.completion`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

EMULATOR = "/usr/lib/libvirt/libvirt_lxc"
"""What libvirt's documents name; nothing of that path is run."""


def complete(config: Domain) -> None:
    """Fill in all that a container implies."""
    if config.type != "lxc":
        raise refusal(
            f"<domain type={str(config.type)!r}>",
            config,
            why="is for another hypervisor; the lxc driver runs type='lxc'",
        )
    if config.os.type.value != "exe":
        raise refusal(f"<type>{config.os.type.value}</type> of <os>", config.os, why="is not a container's (exe)")
    _operating_system(config)
    _console(config)


def _operating_system(config: Domain) -> None:
    import platform

    kind: Any = config.os.type
    if kind.arch is None:
        kind.arch = platform.machine()
    if config.os.init is None:
        config.os.init = "/sbin/init"


def _console(config: Domain) -> None:
    from polyvisor.model.domain.devices.chardev import ConsoleTarget, ConsoleTargetType

    held: Any = config.devices
    for number, console in enumerate(held.consoles):
        console.target = console.target or ConsoleTarget()
        if console.target.type is None:
            console.target.type = ConsoleTargetType.LXC
        if console.target.port is None:
            console.target.port = number
