"""The snapshot document: what of a domain is kept, and where."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, Verbatim, attribute, child, children, element, raw, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, refuse, repeated
from polyvisor.model.domain import Domain
from polyvisor.model.domain.devices.storage import (
    DeviceLabel,
    Encryption,
    MetadataCache,
    NetworkProtocol,
    RbdConfig,
    RbdSnapshot,
    StorageFormat,
    StorageHost,
)
from polyvisor.model.recorded import DISK_NAME, MOMENT, DomainIdentity, DomainRecord, Parent, RecordedDomain


class CapturedState(StrEnum):
    """What the domain was doing when the snapshot was taken; ``disk-snapshot`` when its memory was left out."""

    NO_STATE = "nostate"
    RUNNING = "running"
    BLOCKED = "blocked"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SHUT_OFF = "shutoff"
    CRASHED = "crashed"
    PM_SUSPENDED = "pmsuspended"
    DISK = "disk-snapshot"


SnapshotMode = Literal["no", "internal", "external", "manual"]


@element("memory", by="snapshot")
class MemorySnapshot(Element):
    """Whether the guest's memory is kept, and where."""

    snapshot: Literal["no", "internal", "external"] | None = attribute()


@variant("no", "internal")
class ContainedMemory(MemorySnapshot):
    """The memory is not kept, or within the image of a disk."""


@variant("external", None)
class MemoryFile(MemorySnapshot):
    """The memory is kept in a file."""

    file: str = required(attribute(dt.ABSPATH))


@element("driver")
class OverlayDriver(Element):
    """The format of a new image."""

    type: StorageFormat | None = attribute()
    metadata_cache: MetadataCache | None = child(name="metadata_cache")


@element("source")
class OverlayFile(Element):
    """A new image file."""

    file: str | None = attribute(dt.ABSPATH)
    seclabels: list[DeviceLabel] = children("seclabel")
    encryption: Encryption | None = child()


@element("source")
class OverlayDevice(Element):
    """A block device that the new image is written to."""

    dev: str | None = attribute(dt.ABSPATH)
    seclabels: list[DeviceLabel] = children("seclabel")
    encryption: Encryption | None = child()


@element("source")
class OverlayVolume(Element):
    """A new image behind a network protocol."""

    protocol: NetworkProtocol = required(attribute())
    name: str = required(attribute(dt.STRING))
    hosts: list[StorageHost] = children("host")
    snapshot: RbdSnapshot | None = child()
    config: RbdConfig | None = child()
    encryption: Encryption | None = child()


@element("disk")
class SnapshotDisk(Element):
    """One disk of the domain: whether its state is kept, and the new image that takes its changes from now on."""

    name: str = required(attribute(DISK_NAME))
    snapshot: SnapshotMode | None = attribute()
    type: Literal["file", "block", "network"] | None = attribute()
    driver: OverlayDriver | None = child()
    source: OverlayFile | OverlayDevice | OverlayVolume | None = child(
        by="type",
        cases={None: OverlayFile, "file": OverlayFile, "block": OverlayDevice, "network": OverlayVolume},
    )

    @property
    def has_image(self) -> bool:
        """Whether the document says where changes go, or in which format."""
        return self.path is not None or bool(self.driver and self.driver.type)

    @property
    def path(self) -> str | None:
        """Where the new image is: a path, or a volume's name."""
        match self.source:
            case OverlayFile(file=path) | OverlayDevice(dev=path) | OverlayVolume(name=path):
                return path
        return None


@element("disks")
class SnapshotDisks(Element):
    """What becomes of each disk; the driver decides for those not listed."""

    disks: list[SnapshotDisk] = children("disk")


@element("revertDisks")
class RevertDisks(Element):
    """The images in use since the snapshot was reverted to."""

    disks: list[SnapshotDisk] = children("disk")


@element("domainsnapshot", kind="domainsnapshot")
class DomainSnapshot(Element):
    """A snapshot of a domain. ``state`` is the domain's when it was taken; ``active`` marks the current snapshot."""

    name: str | None = value(dt.STRING)
    description: str | None = value(dt.STRING)
    state: CapturedState | None = value()
    parent: Parent | None = child()
    creation_time: int | None = value(MOMENT, name="creationTime")
    memory: MemorySnapshot | None = child()
    disks: SnapshotDisks | None = child()
    revert_disks: RevertDisks | None = child()
    domain: RecordedDomain | None = child()
    inactive_domain: Domain | None = child("inactiveDomain")
    active: int | None = value(dt.number("0 or 1", 0, 1))
    cookie: Verbatim | None = raw()


def complete(snapshot: DomainSnapshot) -> DomainSnapshot:
    """Fill in, in place, what the document implies by itself; returns ``snapshot``.

    What is particular to a snapshot that is taken now is in :func:`take`, to one that exists already in
    :func:`restore`."""
    if snapshot.memory is not None and snapshot.memory.snapshot is None:
        snapshot.memory.snapshot = "external"
    for disk in snapshot.disks.disks if snapshot.disks else ():
        _settle(disk)
    return snapshot


def take(snapshot: DomainSnapshot, *, created: int | None = None, domain: str | None = None) -> DomainSnapshot:
    """Make, in place, of a request the record of a snapshot that is taken now; returns ``snapshot``.

    ``created`` is the moment in seconds since 1970 (now), which is its name if it has none; ``domain`` the UUID of the
    domain. What a request cannot choose is dropped: the state, the parent, and which snapshot is current."""
    snapshot.creation_time = int(time.time()) if created is None else created
    snapshot.name = snapshot.name or str(snapshot.creation_time)
    snapshot.state = snapshot.parent = snapshot.active = snapshot.cookie = snapshot.revert_disks = None
    snapshot.inactive_domain = None
    snapshot.domain = DomainIdentity(uuid=domain) if domain else None
    return complete(snapshot)


def restore(snapshot: DomainSnapshot) -> DomainSnapshot:
    """Bring into form, in place, the document of a snapshot that exists already; returns ``snapshot``.

    Raises InvalidDocument unless it says its name, its moment and the state of the domain."""
    from polyvisor.model.domain.completion import complete as complete_domain

    said = (("name", snapshot.name), ("creationTime", snapshot.creation_time), ("state", snapshot.state))
    missing = [tag for tag, value in said if value is None]
    refuse(
        snapshot,
        _called(snapshot),
        (
            Contradiction(snapshot, f"a snapshot that exists has a <{tag}>, which is missing", child=tag)
            for tag in missing
        ),
    )
    for domain in (snapshot.domain, snapshot.inactive_domain):
        if isinstance(domain, Domain):
            complete_domain(domain, new=False)
    return complete(snapshot)


def _settle(disk: SnapshotDisk) -> None:
    if disk.has_image:
        disk.snapshot = disk.snapshot or "external"
        disk.type = disk.type or "file"
    else:
        disk.type = None
    if disk.driver is not None and disk.driver.type is None and disk.driver.metadata_cache is None:
        disk.driver = None
    if disk.path is None:
        disk.source = None


def align(
    snapshot: DomainSnapshot, disks: Mapping[str, str | None], default: SnapshotMode = "internal"
) -> DomainSnapshot:
    """Say, in place, what becomes of each disk of the domain, in the domain's order; returns ``snapshot``.

    ``disks`` are the domain's: target and the path of the source (None when it has none), by either of which the
    document may call them; ``default`` is for those not listed. Raises InvalidDocument for a disk that is not there or
    is listed twice."""
    targets = {path: target for target, path in disks.items() if path} | {target: target for target in disks}
    listed = snapshot.disks.disks if snapshot.disks else []
    refuse(snapshot, _called(snapshot), _misplaced(listed, targets))
    for disk in listed:
        disk.name = targets[disk.name]
    by_target = {disk.name: disk for disk in listed}
    snapshot.disks = SnapshotDisks(disks=[by_target.get(name) or SnapshotDisk(name=name) for name in disks])
    for disk in snapshot.disks.disks:
        disk.snapshot = disk.snapshot or default
    return snapshot


def _misplaced(listed: list[SnapshotDisk], targets: Mapping[str, str]) -> Iterator[Contradiction]:
    for disk in listed:
        if disk.name not in targets:
            yield Contradiction(disk, f"the domain has no disk {disk.name}", "name")
    for name, disk in repeated((targets.get(disk.name, disk.name), disk) for disk in listed):
        yield Contradiction(disk, f"the disk {name} is listed twice", "name")


def check(snapshot: DomainSnapshot) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(snapshot, _called(snapshot), _contradictions(snapshot))


def _called(snapshot: DomainSnapshot) -> str:
    return f"snapshot '{snapshot.name}'" if snapshot.name else "a snapshot"


def _contradictions(snapshot: DomainSnapshot) -> Iterator[Contradiction]:
    name = snapshot.name or ""
    if "/" in name or name.startswith("."):
        yield Contradiction(
            snapshot, f"the name {name!r} has a '/' or begins with '.', which no name may", child="name"
        )
    for disk in snapshot.disks.disks if snapshot.disks else ():
        if disk.has_image and disk.snapshot not in (None, "external"):
            yield Contradiction(disk, f"{disk.name} gets a new image, so its snapshot is external, not {disk.snapshot}")


__all__ = [
    "CapturedState",
    "ContainedMemory",
    "DomainIdentity",
    "DomainRecord",
    "DomainSnapshot",
    "MemoryFile",
    "MemorySnapshot",
    "OverlayDevice",
    "OverlayFile",
    "OverlayVolume",
    "Parent",
    "SnapshotDisk",
    "SnapshotDisks",
    "align",
    "check",
    "complete",
    "restore",
    "take",
]
