"""Which device of a guest a device document means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from polyvisor.errors import AlreadyExists, NoSuchDevice
from polyvisor_test.aliases import alias_of
from polyvisor_test.finding import devices_of

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.domain import Domain


def _mac(interface: Any) -> str | None:
    return str(interface.mac.address).lower() if interface.mac else None


KEYS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "disk": ("target", lambda disk: disk.target.dev),
    "interface": ("MAC address", _mac),
    "filesystem": ("target directory", lambda filesystem: filesystem.target.dir),
    "controller": ("type and index", lambda controller: (controller.type, controller.index)),
    "graphics": ("type", lambda graphics: graphics.type),
}
"""What identifies a device of a kind, in words and as a value; None identifies nothing."""

SINGLE = ("memballoon", "nvram", "vsock", "pstore")
"""Kinds of which a guest has at most one."""


def describe(device: Element) -> str:
    """The device as a person names it: ``disk vda``, ``interface 52:54:00:...``, ``watchdog``."""
    if device.tag in KEYS and (key := KEYS[device.tag][1](device)):
        return f"{device.tag} {' '.join(map(str, key)) if isinstance(key, tuple) else key}"
    return f"{device.tag} {alias_of(device) or ''}".rstrip()


def find_device(config: Domain, wanted: Element) -> Element:
    """The device that ``wanted`` describes: by what identifies its kind, its alias, its address, or else in full.

    Raises NoSuchDevice when there is none, or more than one."""
    alike = [device for device in devices_of(config) if device.tag == wanted.tag]
    found = alike if wanted.tag in SINGLE else _matches(alike, wanted)
    if not found:
        raise NoSuchDevice(f"domain {config.name!r} has no {describe(wanted)}")
    if len(found) > 1:
        raise NoSuchDevice(
            f"domain {config.name!r} has {len(found)} devices that could be this {wanted.tag}", hint="give its <alias>"
        )
    return found[0]


def _matches(alike: list[Element], wanted: Element) -> list[Element]:
    key = KEYS.get(wanted.tag, ("", lambda device: None))[1]
    identity = (key, alias_of, _address)
    for identify in identity:
        if (value := identify(wanted)) is not None:
            return [device for device in alike if identify(device) == value]
    return [device for device in alike if _bare(device) == _bare(wanted)]


def _address(device: Element) -> Any:
    return getattr(device, "address", None)


def _bare(device: Element) -> Element:
    """The device without what the hypervisor adds."""
    added = {name: None for name in ("alias", "address") if hasattr(device, name)}
    return device.replace(**added)


def require_room(config: Domain, device: Element) -> None:
    """Raise AlreadyExists when the device's place is taken."""
    alike = [other for other in devices_of(config) if other.tag == device.tag]
    if device.tag in SINGLE and alike:
        raise AlreadyExists(f"domain {config.name!r} has a {device.tag} already")
    word, key = KEYS.get(device.tag, ("", lambda device: None))
    value = key(device)
    if device.tag != "graphics" and value is not None and any(key(other) == value for other in alike):
        raise AlreadyExists(f"domain {config.name!r} has a {describe(device)} already", hint=f"choose another {word}")
    for other in devices_of(config):
        if alias_of(device) is not None and alias_of(other) == alias_of(device):
            raise AlreadyExists(f"domain {config.name!r} has a device {alias_of(device)!r} already")
        if _address(device) is not None and _address(other) == _address(device):
            raise AlreadyExists(f"the address of the new {device.tag} belongs to the {describe(other)}")
