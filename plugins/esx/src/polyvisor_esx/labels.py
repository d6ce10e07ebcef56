"""What the devices of VMware's are called in documents: targets of disks, addresses of cards, aliases while they run.

VMware keeps no aliases. Those in the documents of running guests follow from the places of disks and the keys of
cards, which stay as long as the devices do. Names that users give disks and cards (``ua-...``) are kept in the guest's
extra settings, by the targets of disks and the addresses of cards.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from polyvisor.model.domain import Disk, DiskBus, Domain, Interface
from polyvisor.model.domain.address import Alias
from polyvisor.model.domain.devices.interface import Link
from polyvisor_esx import extraconfig, vim_reading
from polyvisor_esx.vmx_devices import disk_name, target_name

log = logging.getLogger(__name__)

FIRST_CARD = 4000
"""The key of a guest's first network card."""


GIVEN = "ua-"
"""How the names begin that users give devices; others are the hypervisor's."""


def given(extra: Mapping[str, str]) -> dict[str, str]:
    """Names that users gave, by target of disks and by address of cards, from a guest's extra settings."""
    written = extra.get(extraconfig.ALIASES)
    if written is None:
        return {}
    try:
        found = json.loads(written)
        return {str(place): str(name) for place, name in found.items()}
    except (ValueError, AttributeError) as error:
        log.warning("what %s holds are no names of devices: %s", extraconfig.ALIASES, error)
        return {}


def asked(config: Domain, hardware: Sequence[Any] = ()) -> dict[str, str]:
    """Names that a document gives disks and cards. A card without an address has that of the guest's card which is in
    its place in ``hardware``."""
    if config.devices is None:
        return {}
    found = {disk.target.dev: name for disk in config.devices.disks if (name := name_given(disk))}
    there = list(cards_of(list(hardware)))
    for number, card in enumerate(config.devices.interfaces):
        known = str(card.mac.address).lower() if card.mac else there[number] if number < len(there) else None
        if known and (name := name_given(card)):
            found[known] = name
    return found


def name_given(device: Disk | Interface) -> str | None:
    """The name that a user gave a device; None where there is none, or only the hypervisor's."""
    name = device.alias.name if device.alias is not None else None
    return name if name is not None and name.startswith(GIVEN) else None


def as_setting(names: Mapping[str, str]) -> str | None:
    """Names as they are kept."""
    return json.dumps(dict(sorted(names.items()))) if names else None


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


def label(config: Domain, hardware: list[Any], names: Mapping[str, str]) -> None:
    """Say, in place, which cables are plugged in, and what devices are called: ``names`` are those that users gave,
    others have names only while the guest runs."""
    if config.devices is None:
        return
    cards, aliases = cards_of(hardware), {**(aliases_of(hardware) if config.id is not None else {}), **names}
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
