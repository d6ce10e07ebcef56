"""The document of a running guest: the stored one with its id, its devices' names and what QEMU chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from polyvisor.local.configuration import summary
from polyvisor_qemu import devices
from polyvisor_qemu.session import GuestFiles

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

CONSOLES = ("console", "serial", "parallel")
"""Devices that people talk to, those asked first foremost."""


def instance(config: Domain, number: int) -> Domain:
    """A copy of a stored document as the instance with that id, every device named."""
    running = config.copy()
    running.id = number
    name_devices(running)
    return running


def name_devices(running: Domain) -> None:
    """Give every device that has none an alias, the same one at each start."""
    from polyvisor.model.domain import Alias
    from polyvisor_qemu.devices.console import is_serial

    held: Any = running.devices
    counts: dict[str, int] = {}
    for device in held:
        tag = type(device).tag
        index = counts.get(tag, 0)
        counts[tag] = index + 1
        if not _nameable(device) or device.alias is not None:
            continue
        if tag == "console" and index == 0 and is_serial(device) and held.serials:
            device.alias = Alias(name=held.serials[0].alias.name)
        else:
            device.alias = Alias(name=devices.alias(device, index))


def _nameable(device: Any) -> bool:
    return hasattr(device, "alias")


def status(running: Domain) -> dict[str, Any]:
    """What the status record says of the guest from the first moment on."""
    action = str(running.on_poweroff or "destroy")
    return {
        "name": running.name,
        "id": running.id,
        "type": str(running.type),
        "on_poweroff": action,
        **summary(running),
    }


def note_backends(running: Domain, chardevs: Iterable[Mapping[str, Any]]) -> None:
    """Write down the pseudo-terminals that QEMU chose (``query-chardev``: ``pty:/dev/pts/3``)."""
    from polyvisor.model.domain.devices.chardev import PtySource

    chosen = {
        entry["label"]: entry["filename"].removeprefix("pty:")
        for entry in chardevs
        if entry["filename"].startswith("pty:")
    }
    held: Any = running.devices
    for device in [*held.serials, *held.parallels, *held.consoles, *held.channels]:
        path = chosen.get(f"char{device.alias.name}") if device.alias is not None else None
        if path is not None and device.type == "pty":
            device.sources = [PtySource(path=path)]
            if type(device).tag == "console":
                device.tty = path


def consoles(running: Domain, files: GuestFiles) -> list[dict[str, str | None]]:
    """How to reach each console and serial port: alias, tag, type, path of the host's end, log of its output."""
    held: Any = running.devices
    found: dict[str, dict[str, str | None]] = {}
    for device in [*held.consoles, *held.serials, *held.parallels, *held.channels]:
        if device.alias is None or device.alias.name in found:
            continue
        name = device.alias.name
        log = device.log.file if device.log is not None else files.console_log(name)
        found[name] = {
            "alias": name,
            "tag": type(device).tag,
            "type": str(device.type.value),
            "path": getattr(device.source, "path", None),
            "name": getattr(device.target, "name", None),
            "log": log if type(device).tag in CONSOLES else None,
        }
    return list(found.values())
