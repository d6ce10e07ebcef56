"""Names for the devices of running guests, given where the document gives none."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import TYPE_CHECKING

from polyvisor_test.finding import devices_of

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.chardev import Console

STEMS = {
    "interface": "net",
    "filesystem": "fs",
    "redirdev": "redir",
    "memballoon": "balloon",
    "memory": "dimm",
}
"""What the names of a kind of device begin with, where that is not its tag."""


TAP = "testnet"
"""What the names of interfaces on the host begin with."""


def alias_of(device: Element) -> str | None:
    """The name a device has."""
    alias = getattr(device, "alias", None)
    return alias.name if alias is not None else None


def assign_aliases(config: Domain) -> None:
    """Give every device of a running guest a name no other has: ``disk0``, ``net0``, ``serial0``, ..."""
    from polyvisor.model.domain.address import Alias

    devices = devices_of(config)
    taken = {alias_of(device) for device in devices}
    for device in devices:
        if not hasattr(device, "alias") or device.alias is not None or device.tag == "console":
            continue
        stem = STEMS.get(device.tag, device.tag)
        number = 0
        while (name := f"{stem}{number}") in taken:
            number += 1
        taken.add(name)
        device.alias = Alias(name=name)
    for number, console in enumerate(devices.consoles):
        console.alias = console.alias or Alias(name=_console_alias(config, console, number))


def assign_taps(config: Domain, taken: Collection[str]) -> None:
    """Give every interface of a running guest a name on the host that is not ``taken``: ``testnet0``, ..."""
    from polyvisor.model.domain.devices.interface import InterfaceTarget

    names = (name for name in (f"{TAP}{number}" for number in count()) if name not in taken)
    for interface in devices_of(config).interfaces:
        if interface.target is None:
            interface.target = InterfaceTarget(dev=next(names))


def without_taps(config: Domain) -> Domain:
    """The configuration without the names that :func:`assign_taps` gave."""
    for interface in devices_of(config).interfaces:
        if interface.target is not None and (interface.target.dev or "").startswith(TAP):
            interface.target = None
    return config


def taps(config: Domain) -> set[str]:
    """Names of the guest's interfaces on the host."""
    targets = (interface.target for interface in devices_of(config).interfaces)
    return {target.dev for target in targets if target is not None and target.dev}


def _console_alias(config: Domain, console: Console, number: int) -> str:
    """A console that is a serial port under another name has that port's alias."""
    serials = devices_of(config).serials
    is_serial = console.target is None or console.target.type in (None, "serial")
    if is_serial and number < len(serials):
        return alias_of(serials[number]) or f"console{number}"
    return f"console{number}"
