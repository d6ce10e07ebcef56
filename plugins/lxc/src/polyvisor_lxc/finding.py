"""Which device of a container a name or a device document means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from polyvisor.errors import AlreadyExists, NoSuchDevice

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.domain import Domain


def _mac(interface: Any) -> str | None:
    return str(interface.mac.address).lower() if interface.mac is not None else None


def _given(hostdev: Any) -> tuple[str, str]:
    source = hostdev.source
    return str(hostdev.type), next(str(value) for name in _SOURCES if (value := getattr(source, name, None)))


_SOURCES = ("block", "char", "interface")
_KEYS: dict[str, Callable[[Any], Any]] = {
    "interface": _mac,
    "filesystem": lambda filesystem: filesystem.target.dir,
    "hostdev": _given,
}
"""What identifies a device of a kind; None identifies nothing."""


def _key(device: Any) -> Any:
    """What identifies the device; None where nothing does."""
    identify = _KEYS.get(device.tag)
    return identify(device) if identify is not None else None


def alias_of(device: Any) -> str | None:
    """A device's alias."""
    alias = getattr(device, "alias", None)
    return alias.name if alias is not None else None


def described(device: Any) -> str:
    """The device as a person names it."""
    key = _key(device)
    return f"{device.tag} {' '.join(key) if isinstance(key, tuple) else key or alias_of(device) or ''}".strip()


def find(config: Domain, wanted: Any) -> Any:
    """The device that a document describes: by what identifies its kind, by alias, or in full. Raises NoSuchDevice."""
    held: Any = config.devices
    alike = [device for device in held if device.tag == wanted.tag]
    for each in (_key, alias_of):
        if (key := each(wanted)) is not None:
            found = [device for device in alike if each(device) == key]
            break
    else:
        found = [device for device in alike if device.replace(alias=None) == wanted]
    if len(found) != 1:
        count = f"{len(found)} devices that could be this" if found else "no"
        raise NoSuchDevice(f"domain {config.name!r} has {count} {described(wanted)}", driver="lxc")
    return found[0]


def by_alias(config: Domain, alias: str) -> Any:
    """The device of that alias. Raises NoSuchDevice."""
    held: Any = config.devices
    found = next((device for device in held if alias_of(device) == alias), None)
    if found is None:
        raise NoSuchDevice(f"domain {config.name!r} has no device {alias!r}", driver="lxc")
    return found


def require_room(config: Domain, device: Element) -> None:
    """Raise AlreadyExists when the device's place, or its alias, is taken."""
    held: Any = config.devices
    for other in held:
        if alias_of(device) is not None and alias_of(other) == alias_of(device):
            raise AlreadyExists(f"domain {config.name!r} has a device {alias_of(device)!r} already", driver="lxc")
        if other.tag == device.tag and _key(device) is not None and _key(other) == _key(device):
            raise AlreadyExists(f"domain {config.name!r} has a {described(other)} already", driver="lxc")


def interface(config: Domain, name: str) -> Any:
    """A network interface by its MAC address or the name of its host's end. Raises NoSuchDevice."""
    held: Any = config.devices
    for one in held.interfaces:
        if name and (_mac(one) == name.lower() or (one.target is not None and one.target.dev == name)):
            return one
    raise NoSuchDevice(f"domain {config.name!r} has no interface {name!r}", driver="lxc")
