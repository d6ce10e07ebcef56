"""Plugging devices into guests and out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.errors import NoSuchDevice, UnsupportedConfiguration
from polyvisor.spi import Affect, DomainRef, EventKind, hookimpl
from polyvisor_test.aliases import alias_of
from polyvisor_test.finding import devices_of, source_path
from polyvisor_test.matching import describe, find_device, require_room
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.domain import Domain
    from polyvisor_test.machine import Machine

CHANGEABLE: dict[str, frozenset[str]] = {
    "disk": frozenset({"iotune", "throttlefilters"}),
    "interface": frozenset(
        {"source", "link", "bandwidth", "filterref", "virtualport", "vlan", "mtu", "port", "trust_guest_rx_filters"}
    ),
    "graphics": frozenset({"passwd", "passwd_valid_to", "connected"}),
    "memballoon": frozenset({"stats"}),
    "memory": frozenset({"target"}),
}
"""What can change about a running guest's device, by tag; a removable drive's medium can besides."""

MEDIUM = frozenset({"type", "source", "backing_store", "driver"})
"""What a medium is, in a disk element."""

IDENTITY = frozenset({"alias", "address", "target"})
"""What a new description may leave out: it stays as it is."""


class DeviceOperations:
    """The operations of ``polyvisor.operations.devices``."""

    @hookimpl
    def attach_device(
        self, session: TestSession, domain: DomainRef, device: Element, *, affect: Affect = Affect.CURRENT
    ) -> None:
        _name_card(device)
        with session.machine(domain) as machine:
            added = None
            with machine.changing(affect) as configs:
                for side, config in zip(machine.affected(affect), configs, strict=True):
                    require_room(config, device)
                    fresh = device.copy()
                    devices_of(config).add(fresh)
                    _settle(config)
                    if side == "live":
                        session.node.plug_in(config)
                        added = fresh
            if added is not None:
                session.tell(EventKind.DEVICE_ADDED, machine, alias=alias_of(added) or "")

    @hookimpl
    def detach_device(
        self,
        session: TestSession,
        domain: DomainRef,
        device: Element,
        *,
        affect: Affect = Affect.CURRENT,
        timeout: float = 20.0,  # simulated guests let go at once
    ) -> None:
        with session.machine(domain) as machine:
            removed = None
            with machine.changing(affect) as configs:
                for side, config in zip(machine.affected(affect), configs, strict=True):
                    gone = find_device(config, device)
                    devices_of(config).remove(gone)
                    removed = gone if side == "live" else removed
            _tell_removed(session, machine, removed)

    @hookimpl
    def detach_device_alias(
        self,
        session: TestSession,
        domain: DomainRef,
        alias: str,
        *,
        affect: Affect = Affect.CURRENT,
        timeout: float = 20.0,  # simulated guests let go at once
    ) -> None:
        with session.machine(domain) as machine:
            removed = None
            with machine.changing(affect) as configs:
                for side, config in zip(machine.affected(affect), configs, strict=True):
                    gone = devices_of(config).find(alias)
                    if gone is None:
                        raise NoSuchDevice(f"{machine.ref} has no device {alias!r}", target=str(machine.ref))
                    devices_of(config).remove(gone)
                    removed = gone if side == "live" else removed
            _tell_removed(session, machine, removed)

    @hookimpl
    def update_device(
        self,
        session: TestSession,
        domain: DomainRef,
        device: Element,
        *,
        affect: Affect = Affect.CURRENT,
        force: bool = False,  # simulated guests lock no medium
    ) -> None:
        with session.machine(domain) as machine:
            medium = None
            with machine.changing(affect) as configs:
                for side, config in zip(machine.affected(affect), configs, strict=True):
                    old = find_device(config, device)
                    new = _merged(old, device)
                    if side == "live":
                        _require_changeable(old, new)
                        if old.tag == "disk" and _path(old) != _path(new):
                            medium = {"old": _path(old), "new": _path(new), "alias": alias_of(old)}
                    _replace(config, old, new)
                    _settle(config)
            if medium is not None:
                session.tell(EventKind.DISK_CHANGE, machine, **medium)

    @hookimpl
    def reload_graphics(self, session: TestSession, domain: DomainRef, *, type: str | None = None) -> None:
        """Simulated servers hold no certificates: the request is checked and done."""
        with session.machine(domain) as machine:
            machine.require_active()
            kinds = [graphics.type for graphics in devices_of(machine.config).graphics]
            if not kinds or type not in (None, *kinds):
                raise NoSuchDevice(f"{machine.ref} has no {type or ''} graphics server".replace("  ", " "))


def _path(disk: Any) -> str | None:
    return source_path(disk)


def _tell_removed(session: TestSession, machine: Machine, removed: Element | None) -> None:
    if removed is not None:
        session.tell(EventKind.DEVICE_REMOVED, machine, alias=alias_of(removed) or "")


def _name_card(device: Element) -> None:
    """Give an interface its MAC address before it goes into two configurations, so that both have the same."""
    from polyvisor.model.domain import Interface, Mac
    from polyvisor.model.domain.completion import generate_mac

    if isinstance(device, Interface) and device.mac is None:
        device.mac = Mac(address=generate_mac())


def _settle(config: Domain) -> None:
    """Fill in what the device implies (its bus, its controller); the configuration must make sense as a whole."""
    from polyvisor.model.domain.completion import check, complete

    check(complete(config))


def _merged(old: Element, new: Element) -> Element:
    """The new description with what it leaves out of the old one's identity."""
    merged = new.copy()
    for field in IDENTITY:
        if getattr(merged, field, None) is None and getattr(old, field, None) is not None:
            setattr(merged, field, getattr(old, field))
    return merged


def _require_changeable(old: Element, new: Element) -> None:
    """Raise UnsupportedConfiguration, naming the property, for a change that a running guest would not take."""
    allowed = CHANGEABLE.get(old.tag, frozenset())
    if old.tag == "disk" and getattr(old, "device", None) in ("cdrom", "floppy"):
        allowed |= MEDIUM
    for field in type(old).fields():
        if getattr(old, field.attr) != getattr(new, field.attr, None) and field.attr not in allowed:
            raise UnsupportedConfiguration(
                f"{field.attr} of the {describe(old)} cannot change while the guest runs",
                hint="change the stored configuration, and start the guest again",
            )


def _replace(config: Domain, old: Element, new: Element) -> None:
    """Put ``new`` where ``old`` is."""
    devices = devices_of(config)
    for field in type(devices).fields():
        held = getattr(devices, field.attr)
        if held is old:
            setattr(devices, field.attr, new)
        elif isinstance(held, list) and any(each is old for each in held):
            setattr(devices, field.attr, [new if each is old else each for each in held])
