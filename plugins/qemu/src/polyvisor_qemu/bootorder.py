"""Boot order: ``<os><boot dev=>`` and ``<boot order=>`` turned into one number for each device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


def boot_orders(config: Domain) -> dict[int, int]:
    """The place of each device that is booted from, by ``id()`` of the device.

    Devices that say it themselves win; ``<os><boot>`` means the first device of each class, in that order."""
    held: Any = config.devices
    told = {id(device): device.boot.order for device in held if getattr(device, "boot", None) is not None}
    if told:
        return told
    orders: dict[int, int] = {}
    for boot in config.os.boot:
        device = next(iter(_candidates(config, str(boot.dev))), None)
        if device is not None and id(device) not in orders:
            orders[id(device)] = len(orders) + 1
    return orders


def _candidates(config: Domain, kind: str) -> list[Any]:
    assert config.devices is not None
    if kind == "network":
        return list(config.devices.interfaces)
    wanted = {"hd": "disk", "cdrom": "cdrom", "fd": "floppy"}[kind]
    return [disk for disk in config.devices.disks if disk.device == wanted]
