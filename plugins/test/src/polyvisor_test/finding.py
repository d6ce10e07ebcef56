"""Finding a device of a guest by what callers call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import NoSuchDevice

if TYPE_CHECKING:
    from polyvisor.model.domain import Devices, Domain
    from polyvisor.model.domain.devices.disk import Disk
    from polyvisor.model.domain.devices.interface import Interface


def devices_of(config: Domain) -> Devices:
    """The devices of a configuration, which gets an empty list of them if it says nothing."""
    if config.devices is None:
        from polyvisor.model.domain import Devices

        config.devices = Devices()
    return config.devices


def source_path(disk: Disk) -> str | None:
    """Where a local disk's image is."""
    source = disk.source
    return getattr(source, "file", None) or getattr(source, "dev", None) or getattr(source, "dir", None)


def find_disk(config: Domain, name: str) -> Disk:
    """The disk with that target (``vda``) or source path; raises NoSuchDevice."""
    for disk in devices_of(config).disks:
        if name in (disk.target.dev, source_path(disk)):
            return disk
    there = ", ".join(disk.target.dev for disk in devices_of(config).disks) or "none"
    raise NoSuchDevice(f"domain {config.name!r} has no disk {name!r}", hint=f"disks it has: {there}")


def interface_name(interface: Interface) -> str:
    """The host's name of the interface, else its MAC address."""
    if interface.target is not None and interface.target.dev:
        return interface.target.dev
    return str(interface.mac.address) if interface.mac else ""


def find_interface(config: Domain, name: str) -> Interface:
    """The interface with that target (``vnet0``) or MAC address; raises NoSuchDevice."""
    for interface in devices_of(config).interfaces:
        mac = str(interface.mac.address) if interface.mac else ""
        if name.lower() == mac.lower() or name == interface_name(interface):
            return interface
    there = ", ".join(interface_name(interface) for interface in devices_of(config).interfaces) or "none"
    raise NoSuchDevice(f"domain {config.name!r} has no interface {name!r}", hint=f"interfaces it has: {there}")
