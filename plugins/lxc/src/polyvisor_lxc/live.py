"""The document of a running container: the stored one with its id, its devices' names and what was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.local.configuration import summary
from polyvisor_lxc.session import GuestFiles

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

_ALIASES = {"interface": "net", "filesystem": "fs"}


def instance(config: Domain, number: int) -> Domain:
    """A copy of a stored document as the instance with that id, every device named."""
    running = config.copy()
    running.id = number
    name_devices(running)
    name_interfaces(running)
    name_inside(running)
    return running


def name_devices(running: Domain) -> None:
    """Give every device that has none an alias, the same one at each start."""
    from polyvisor.model.domain import Alias

    held: Any = running.devices
    taken = {device.alias.name for device in held if getattr(device, "alias", None) is not None}
    for device in held:
        if "alias" in {field.attr for field in type(device).fields()} and device.alias is None:
            name = _free(_ALIASES.get(type(device).tag, type(device).tag), taken)
            device.alias = Alias(name=name)
            taken.add(name)


def _free(stem: str, taken: set[str]) -> str:
    number = 0
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def name_interfaces(running: Domain, new: Any = None) -> None:
    """Choose names for the host's ends of interfaces that have none: they tell whose traffic is counted.

    With ``new``, an interface that is plugged in, those of the others are theirs already."""
    from polyvisor.model.domain.devices.interface import InterfaceTarget

    held: Any = running.devices
    unnamed = [one for one in held.interfaces if (new is None or one is new) and _wants_end(one)]
    taken = {
        one.target.dev for one in held.interfaces if one.target is not None and not any(one is each for each in unnamed)
    }
    for interface in unnamed:
        names = (host_end(running.id or 0, number) for number in range(len(held.interfaces)))
        interface.target = InterfaceTarget(dev=next(name for name in names if name not in taken))
        taken.add(interface.target.dev)


def _wants_end(interface: Any) -> bool:
    target = interface.target
    return interface.type in ("bridge", "network", "ethernet") and (
        target is None or not target.dev or target.runtime_only
    )


def name_inside(running: Domain) -> None:
    """Choose names inside for the interfaces that are asked none for, so that each is found again there."""
    from polyvisor.model.domain.devices.interface import GuestEnd

    held: Any = running.devices
    taken = {one.guest.dev for one in held.interfaces if one.guest is not None and one.guest.dev}
    taken |= {one.source.interface for one in held.hostdevs if one.type == "net"}
    for interface in held.interfaces:
        if interface.guest is None or not interface.guest.dev:
            interface.guest = GuestEnd(actual=_free("eth", taken))
            taken.add(interface.guest.actual)


def host_end(number: int, index: int) -> str:
    """A name for the host's end of an interface, at most 15 characters and as libvirt's made up ones begin."""
    return f"vnet{number % 1_000_000 * 100 + index % 100}"


def status(running: Domain) -> dict[str, Any]:
    """What the status record says of the container from the first moment on."""
    return {"name": running.name, "id": running.id, **summary(running)}


def consoles(running: Domain, files: GuestFiles) -> list[dict[str, str | int | None]]:
    """How to reach each console: alias, tag, number of the terminal (0 is /dev/console), log of its output."""
    held: Any = running.devices
    return [
        {
            "alias": device.alias.name,
            "tag": "console",
            "tty": number,
            "log": (device.log.file if device.log is not None else files.console) if number == 0 else None,
        }
        for number, device in enumerate(held.consoles)
    ]
