"""The host's side of a container's network: bridges, ends of interfaces, bandwidth."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

NET = "/sys/class/net"


def check(config: Domain) -> None:
    """Raise UnsupportedConfiguration for a bridge or device that the host does not have."""
    held: Any = config.devices
    for device in (*held.interfaces, *held.hostdevs):
        check_device(device)


def check_device(device: Any) -> None:
    """Raise UnsupportedConfiguration for what one device needs and the host does not have."""
    if device.tag == "hostdev":
        if device.mode == "capabilities" and device.type == "net":
            _device(device.source.interface)
        return
    bridge = getattr(device.source, "bridge", None)
    if bridge is not None and not os.path.isdir(f"{NET}/{bridge}"):
        raise UnsupportedConfiguration(
            f"there is no bridge {bridge!r} on this host",
            driver="lxc",
            hint=f"make it (ip link add {bridge} type bridge), or name another in <source bridge=...>",
        )
    if bridge is not None and not os.path.isdir(f"{NET}/{bridge}/bridge"):
        raise UnsupportedConfiguration(
            f"the device {bridge!r} of this host is not a bridge",
            driver="lxc",
            hint=f"name a bridge, or write <interface type='direct'> with <source dev='{bridge}'/>",
        )
    if device.type == "direct":
        _device(device.source.dev)


def _device(name: str) -> None:
    if not os.path.isdir(f"{NET}/{name}"):
        raise UnsupportedConfiguration(
            f"there is no network device {name!r} on this host",
            driver="lxc",
            hint="name one that `ip link` shows: it may be in another namespace by now",
        )
