"""What the devices of VMware's are called in documents: targets of disks, addresses of cards, aliases while they run.

VMware keeps no aliases. Those in the documents of running guests follow from the places of disks and the keys of
cards, which stay as long as the devices do.
"""

from __future__ import annotations

from typing import Any

from polyvisor.model.domain import DiskBus, Domain
from polyvisor.model.domain.address import Alias
from polyvisor.model.domain.devices.interface import Link
from polyvisor_esx import vim_reading
from polyvisor_esx.vmx_devices import disk_name, target_name

FIRST_CARD = 4000
"""The key of a guest's first network card."""


def target_of(prefix: str) -> str:
    """The target of a disk from the beginning of its settings: ``sdb`` for ``scsi0:1.``, ``fda`` for ``floppy0.``."""
    if prefix.startswith("floppy"):
        return disk_name("fd", int(prefix[6:-1]))
    bus, _, place = prefix.rstrip(".").partition(":")
    name = bus.rstrip("0123456789")
    return target_name(DiskBus(name), int(bus[len(name) :]), int(place))


def disks_of(hardware: list[Any]) -> dict[str, Any]:
    """Disks and drives by their targets."""
    return {target_of(prefix): device for prefix, device in vim_reading.placed(hardware) if _is_disk(device)}


def _is_disk(device: Any) -> bool:
    return vim_reading.group_of(device) in ("disk", "cdrom", "floppy")


def cards_of(hardware: list[Any]) -> dict[str, Any]:
    """Network cards by their addresses in lower case."""
    cards = [each for each in hardware if vim_reading.group_of(each) == "ethernet"]
    return {str(each.macAddress or "").lower(): each for each in cards}


def aliases_of(hardware: list[Any]) -> dict[str, str]:
    """Aliases by target of disks and by address of cards: ``scsi0-0-1``, ``net0``."""
    found = {}
    for prefix, device in vim_reading.placed(hardware):
        if _is_disk(device):
            bus, _, unit = prefix.rstrip(".").partition(":")
            found[target_of(prefix)] = f"{bus}-0-{unit}" if unit else bus
    for address, card in cards_of(hardware).items():
        number = card.key - FIRST_CARD
        found[address] = f"net{number}" if number >= 0 else f"net-key{card.key}"
    return found


def label(config: Domain, hardware: list[Any]) -> None:
    """Say, in place, which cables are plugged in, and what the devices of a running guest are called."""
    if config.devices is None:
        return
    cards, aliases = cards_of(hardware), aliases_of(hardware) if config.id is not None else {}
    for each in config.devices.interfaces:
        address = str(each.mac.address).lower() if each.mac else ""
        connectable = getattr(cards.get(address), "connectable", None)
        if connectable is not None:
            each.link = Link(state="up" if connectable.startConnected else "down")
        if address in aliases:
            each.alias = Alias(name=aliases[address])
    for disk in config.devices.disks:
        if disk.target.dev in aliases:
            disk.alias = Alias(name=aliases[disk.target.dev])
