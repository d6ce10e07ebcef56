"""The devices of a guest, a module for each element of ``<devices>``: adding a kind of device is adding a file.

The module for ``<disk>`` is ``disk``; a device that has no module is refused by name. A module has

``add(device, line, guest)``
    puts the device on QEMU's command line;
``complete(device, guest)`` (if anything is implied)
    fills in what the document left open;
``place(device, machine)`` (if it is plugged into a bus)
    says what kind of address it needs. ``machine`` is None where only non-PCI places matter;
``alias(device, index)`` (if it is not tag and number)
    names the device.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


class Place(Enum):
    """What kind of place a device is plugged into."""

    EXPRESS = "a PCI Express port, or any PCI slot where there are no ports"
    CONVENTIONAL = "a conventional PCI slot"
    ROOT = "a slot of the root bus"
    VIDEO = "the graphics card's slot"
    USB = "a USB port"
    VIRTIO_SERIAL = "a virtio-serial port"


PCI_PLACES = frozenset({Place.EXPRESS, Place.CONVENTIONAL, Place.ROOT, Place.VIDEO})

_ORDER = (
    "filesystems", "interfaces", "sounds", "controllers", "disks", "hostdevs", "memballoon", "rngs", "watchdogs",
    "videos", "inputs", "serials", "cryptos", "vsock",
)  # fmt: skip
"""The order in which kinds of devices get their PCI slots."""


@cache
def module(tag: str) -> Any:
    """The module for an element, None when we have none."""
    name = f"{__name__}.{tag.replace('-', '_')}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def known(device: Any) -> Any:
    """The module of a device; raises UnsupportedConfiguration when we have none."""
    found = module(type(device).tag)
    if found is None:
        raise refusal(f"<{type(device).tag}>", device)
    return found


def complete(device: Any, guest: Guest) -> None:
    """Fill in what the device's document left open."""
    if (fill := getattr(known(device), "complete", None)) is not None:
        fill(device, guest)


def add(device: Any, line: CommandLine, guest: Guest) -> None:
    """Put a device on the command line."""
    known(device).add(device, line, guest)


def place(device: Any, machine: Machine | None) -> Place | None:
    """What kind of place a device needs; None when none, or when we do not know the device."""
    told = getattr(module(type(device).tag), "place", None)
    found: Place | None = told(device, machine) if told is not None else None
    return found


def fixed_slot(device: Any, machine: Machine) -> tuple[int, int, int] | None:
    """Bus, slot and function of a device that is part of the chipset or always in the same place."""
    told = getattr(module(type(device).tag), "fixed_slot", None)
    found: tuple[int, int, int] | None = told(device, machine) if told is not None else None
    return found


def is_built_in(device: Any, slot: tuple[int, int, int], machine: Machine) -> bool:
    """Whether a device is the part of the chipset that has that slot."""
    return fixed_slot(device, machine) == slot


def alias(device: Any, index: int) -> str:
    """The name of the ``index``-th device of its kind in the running guest."""
    told = getattr(module(type(device).tag), "alias", None)
    return str(told(device, index)) if told is not None else f"{type(device).tag}{index}"


def in_order(held: Any) -> Iterator[Any]:
    """The devices of a ``<devices>`` that may need a PCI slot, in the order in which slots are given out."""
    for name in _ORDER:
        some = getattr(held, name)
        yield from some if isinstance(some, list) else [some] if some is not None else []
