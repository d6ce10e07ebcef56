"""The backup document: which disks of a running domain are copied, how, and whereto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, refuse, repeated
from polyvisor.model.domain import scalars
from polyvisor.model.domain.devices.storage import DeviceLabel, Encryption, StorageFormat
from polyvisor.model.recorded import DISK_NAME

HELD = {"backup": (True, None)}
"""When the disk takes part in the backup."""


@element("driver")
class BackupDriver(Element):
    """The format of the image."""

    type: StorageFormat | None = attribute()


class _Storage(Element):
    encryption: Encryption | None = child(last=True)
    seclabels: list[DeviceLabel] = children("seclabel", last=True)


@element("target")
class TargetFile(_Storage):
    """The file that the disk's contents are written to."""

    file: str = required(attribute(dt.ABSPATH))


@element("target")
class TargetDevice(_Storage):
    """The block device that the disk's contents are written to."""

    dev: str = required(attribute(dt.ABSPATH))


@element("scratch")
class ScratchFile(_Storage):
    """The file that keeps what the guest overwrites until it has been fetched."""

    file: str = required(attribute(dt.ABSPATH))


@element("scratch")
class ScratchDevice(_Storage):
    """The block device that keeps what the guest overwrites until it has been fetched."""

    dev: str = required(attribute(dt.ABSPATH))


class BackupDisk(Element):
    """One disk: whether it is copied, whole or what has changed since the checkpoint ``incremental``."""

    name: str = required(attribute(DISK_NAME))
    backup: bool | None = attribute(dt.BOOL)
    type: Literal["file", "block"] | None = attribute(when=HELD)
    backupmode: Literal["full", "incremental"] | None = attribute(when=HELD)
    incremental: str | None = attribute(dt.STRING, when=HELD)
    driver: BackupDriver | None = child(when={"type": ("file", "block")})


@element("disk")
class PushDisk(BackupDisk):
    """A disk whose contents the hypervisor writes to a target; beside the disk's own image when none is named."""

    target: TargetFile | TargetDevice | None = child(by="type", cases={"file": TargetFile, "block": TargetDevice})


@element("disk")
class PullDisk(BackupDisk):
    """A disk whose contents a client fetches over NBD as ``exportname``; ``exportbitmap`` is what changed."""

    exportname: str | None = attribute(dt.STRING, when=HELD)
    exportbitmap: str | None = attribute(dt.STRING, when=HELD)
    scratch: ScratchFile | ScratchDevice | None = required(
        child(by="type", cases={"file": ScratchFile, "block": ScratchDevice})
    )


@element("disks")
class PushDisks(Element):
    """What becomes of each disk; when none is listed all are copied."""

    disks: list[PushDisk] = children("disk", min=1)


@element("disks")
class PullDisks(Element):
    """What becomes of each disk; when none is listed all are copied."""

    disks: list[PullDisk] = children("disk", min=1)


@element("server", by="transport")
class BackupServer(Element):
    """Where the NBD server listens."""

    transport: Literal["tcp", "unix"] | None = attribute()
    tls: bool | None = attribute(dt.BOOL)


@variant("tcp", None)
class TcpServer(BackupServer):
    """On a network address; the port is chosen when it is left out."""

    name: str | None = attribute(scalars.HOST_NAME)
    port: int | None = attribute(dt.PORT)


@variant("unix")
class UnixServer(BackupServer):
    """On a UNIX socket."""

    socket: str = required(attribute(dt.ABSPATH))


@element("domainbackup", by="mode", kind="domainbackup")
class DomainBackup(Element):
    """A backup of a running domain. ``incremental`` is the checkpoint since which changes are copied."""

    mode: Literal["push", "pull"] | None = attribute()
    incremental: str | None = value(dt.STRING)


@variant("push", None)
class PushBackup(DomainBackup):
    """The hypervisor writes the copies."""

    disks: PushDisks | None = child()


@variant("pull")
class PullBackup(DomainBackup):
    """A client fetches the copies from a server."""

    server: BackupServer | None = child()
    disks: PullDisks | None = child()


def complete(backup: DomainBackup) -> DomainBackup:
    """Fill in, in place, what the document implies by itself; returns ``backup``. See :func:`align` for the rest."""
    backup.mode = backup.mode or "push"
    for disk in _disks(backup):
        if disk.backup is None:
            disk.backup = True
        if disk.backup and disk.backupmode is None:
            disk.backupmode = "incremental" if disk.incremental or backup.incremental else "full"
        if disk.backupmode == "incremental":
            disk.incremental = disk.incremental or backup.incremental
    return backup


def check(backup: DomainBackup) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(backup, "a backup", _contradictions(backup))


def align(backup: DomainBackup, disks: Mapping[str, str | None], suffix: str) -> DomainBackup:
    """Say, in place, of each disk of the domain whether it is copied, and whereto; returns ``backup``.

    ``disks`` are the domain's: target and the path of the image (None when it is no file). Without a target of its own
    a disk is copied to a file beside its image, its path followed by a dot and ``suffix``. Disks that a list leaves
    out are not copied; without a list all are. Raises InvalidDocument for a disk that is not there, or has no path."""
    refuse(backup, "a backup", _misplaced(backup, disks))
    listed = {disk.name for disk in _disks(backup)}
    if isinstance(backup, PushBackup):
        backup.disks = backup.disks or PushDisks()
        backup.disks.disks += [PushDisk(name=name, backup=not listed) for name in disks if name not in listed]
    elif isinstance(backup, PullBackup):
        backup.disks = backup.disks or PullDisks()
        backup.disks.disks += [
            PullDisk(name=name, backup=not listed, scratch=None) for name in disks if name not in listed
        ]
    complete(backup)
    for disk in _disks(backup):
        if disk.backup:
            _place(disk, f"{disks[disk.name]}.{suffix}")
    refuse(backup, "a backup", _contradictions(backup))
    return backup


def _place(disk: BackupDisk, path: str) -> None:
    disk.type = disk.type or "file"
    if isinstance(disk, PushDisk) and disk.target is None:
        disk.target = TargetFile(file=path)
    elif isinstance(disk, PullDisk) and disk.scratch is None:
        disk.scratch = ScratchFile(file=path)


def _misplaced(backup: DomainBackup, disks: Mapping[str, str | None]) -> Iterator[Contradiction]:
    for disk in _disks(backup):
        placed = (disk.target if isinstance(disk, PushDisk) else getattr(disk, "scratch", None)) is not None
        if disk.name not in disks:
            yield Contradiction(disk, f"the domain has no disk {disk.name}", "name")
        elif disk.backup is not False and not placed and (disk.type == "block" or not disks[disk.name]):
            yield Contradiction(disk, f"{disk.name} is no image file, so the document has to say where its copy goes")


def _contradictions(backup: DomainBackup) -> Iterator[Contradiction]:
    for name, disk in repeated((disk.name, disk) for disk in _disks(backup)):
        yield Contradiction(disk, f"the disk {name} is listed twice", "name")
    for disk in _disks(backup):
        if disk.backupmode == "incremental" and not (disk.incremental or backup.incremental):
            message = f"the backup of {disk.name} is incremental, but no checkpoint is named that it starts from"
            yield Contradiction(disk, message, "backupmode")
        if disk.backupmode == "full" and disk.incremental:
            yield Contradiction(
                disk, f"the backup of {disk.name} is full, so no checkpoint can be named", "incremental"
            )


def _disks(backup: DomainBackup) -> list[BackupDisk]:
    disks: PushDisks | PullDisks | None = getattr(backup, "disks", None)
    return [] if disks is None else list(disks.disks)
