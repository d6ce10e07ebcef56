"""The operating system that a simulated guest pretends to run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument
from polyvisor.operations.guest import GuestAddress, GuestFilesystem, GuestInfoGroup, GuestInterface
from polyvisor_test.finding import devices_of, interface_name
from polyvisor_test.vitals import SECOND

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

EPOCH = 1_767_225_600 * SECOND
"""What a guest's clock shows when its node's clock shows 0: the first moment of 2026, UTC."""

USERS = ("root", "guest")
"""Accounts of the system."""

MOUNTPOINTS = {"/boot": 1 << 29, "/": 1 << 33}
"""File systems on the first disk, with their sizes in bytes; a quarter of each is used."""

Figures = Iterator[tuple[str, int | float | str]]


@dataclass(slots=True)
class GuestSystem:
    """What the system inside a guest remembers until it stops."""

    hostname: str
    clock_offset: int = 0
    offline: set[int] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    keys: dict[str, list[str]] = field(default_factory=dict)

    def time(self, clock: int) -> int:
        """Nanoseconds since the epoch at the node time ``clock``."""
        return EPOCH + clock * SECOND + self.clock_offset

    def set_time(self, clock: int, nanoseconds: int | None) -> None:
        """Set the clock; None reads the hardware clock, which is never wrong here."""
        self.clock_offset = 0 if nanoseconds is None else nanoseconds - EPOCH - clock * SECOND

    def mountpoints(self, asked: Collection[str]) -> set[str]:
        """Those asked for, or all. Raises InvalidArgument for one the guest does not have."""
        for mountpoint in asked:
            if mountpoint not in MOUNTPOINTS:
                raise InvalidArgument(f"the guest has no file system at {mountpoint!r}", hint=", ".join(MOUNTPOINTS))
        return set(asked) or set(MOUNTPOINTS)

    def require_user(self, user: str) -> None:
        """Raise InvalidArgument for a user the guest does not know."""
        if user not in USERS:
            raise InvalidArgument(f"the guest has no user {user!r}", hint=f"users: {', '.join(USERS)}")


def filesystems(config: Domain) -> list[GuestFilesystem]:
    """The mounted file systems; none without a disk."""
    disks = [disk.target.dev for disk in devices_of(config).disks if disk.source is not None]
    return [
        GuestFilesystem(mountpoint, f"{disks[0]}{number}", "ext4", (disks[0],), size, size // 4)
        for number, (mountpoint, size) in enumerate(MOUNTPOINTS.items(), 1)
        if disks
    ]


def interfaces(config: Domain, *, inside: bool) -> list[GuestInterface]:
    """Network devices with an address made from the last byte of their MAC; ``inside`` the guest they are eth0, ..."""
    found = [GuestInterface("lo", None, (GuestAddress("ipv4", "127.0.0.1", 8),))] if inside else []
    for number, interface in enumerate(devices_of(config).interfaces):
        if interface.mac is None:
            continue
        mac = str(interface.mac.address)
        address = f"192.168.122.{int(mac[-2:], 16) % 250 + 2}"
        name = f"eth{number}" if inside else interface_name(interface)
        found.append(GuestInterface(name, mac, (GuestAddress("ipv4", address, 24),)))
    return found


def facts(system: GuestSystem, config: Domain, group: GuestInfoGroup) -> Figures:
    """The figures of one group of ``guest_info``, without the group's own name."""
    if group is GuestInfoGroup.HOSTNAME:
        yield "hostname", system.hostname
    elif group is GuestInfoGroup.OS:
        yield from (("id", "polyvisor-test"), ("name", "Simulated system"), ("version-id", "1"), ("machine", "i686"))
    elif group is GuestInfoGroup.TIMEZONE:
        yield from (("name", "UTC"), ("offset", 0))
    elif group is GuestInfoGroup.LOAD:
        yield from (("1m", 0.1), ("5m", 0.1), ("15m", 0.1))
    else:
        yield from _listed(LISTS[group](config))


def _listed(items: list[dict[str, int | str]]) -> Figures:
    yield "count", len(items)
    for number, item in enumerate(items):
        for name, value in item.items():
            yield f"{number}.{name}", value


def _users(config: Domain) -> list[dict[str, int | str]]:
    return [{"name": user} for user in USERS]


def _filesystems(config: Domain) -> list[dict[str, int | str]]:
    return [
        {
            "name": found.name,
            "mountpoint": found.mountpoint,
            "fstype": found.type,
            "total-bytes": found.total or 0,
            "used-bytes": found.used or 0,
        }
        for found in filesystems(config)
    ]


def _disks(config: Domain) -> list[dict[str, int | str]]:
    return [{"name": f"/dev/{disk.target.dev}", "alias": disk.target.dev} for disk in devices_of(config).disks]


def _interfaces(config: Domain) -> list[dict[str, int | str]]:
    return [
        {"name": found.name, "hwaddr": found.mac or "", "addr.0.addr": found.addresses[0].address}
        for found in interfaces(config, inside=True)
    ]


LISTS = {
    GuestInfoGroup.USERS: _users,
    GuestInfoGroup.FILESYSTEMS: _filesystems,
    GuestInfoGroup.DISKS: _disks,
    GuestInfoGroup.INTERFACES: _interfaces,
}
"""Groups of figures that are lists."""
