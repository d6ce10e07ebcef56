"""The checkpoint document: a moment from which a domain's disks record what is written, for incremental backups."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, refuse
from polyvisor.model.recorded import DISK_NAME, MOMENT, DomainRecord, RecordedDomain

NAME = dt.Datatype(
    "checkpoint name",
    pattern=r"[a-zA-Z0-9_\-][a-zA-Z0-9_.+:\-]*",
    describe="a name of letters, digits and _ . + : - that does not begin with a dot",
)


@element("parent")
class ParentCheckpoint(Element):
    """The checkpoint before."""

    name: str = required(value(NAME))


@element("disk")
class CheckpointDisk(Element):
    """One disk: whether it records, and in which bitmap. ``size`` is what has been written since, in bytes."""

    name: str = required(attribute(DISK_NAME))
    checkpoint: Literal["no", "bitmap"] | None = attribute()
    bitmap: str | None = attribute(dt.STRING)
    size: int | None = attribute(dt.UINT64, volatile=True)


@element("disks")
class CheckpointDisks(Element):
    """What becomes of each disk."""

    disks: list[CheckpointDisk] = children("disk")


@element("domaincheckpoint", kind="domaincheckpoint")
class DomainCheckpoint(Element):
    """A checkpoint of a domain."""

    name: str | None = value(NAME)
    description: str | None = value(dt.STRING)
    parent: ParentCheckpoint | None = child()
    creation_time: int | None = value(MOMENT, name="creationTime")
    disks: CheckpointDisks | None = child()
    domain: RecordedDomain | None = child()


def complete(checkpoint: DomainCheckpoint) -> DomainCheckpoint:
    """Fill in, in place, what the document implies by itself; returns ``checkpoint``.

    Disks that are listed record, in a bitmap of the checkpoint's name."""
    for disk in checkpoint.disks.disks if checkpoint.disks else ():
        disk.checkpoint = disk.checkpoint or "bitmap"
        if disk.checkpoint == "bitmap":
            disk.bitmap = disk.bitmap or checkpoint.name
    return checkpoint


def take(checkpoint: DomainCheckpoint, *, created: int | None = None, parent: str | None = None) -> DomainCheckpoint:
    """Make, in place, of a request the record of a checkpoint that is made now; returns ``checkpoint``.

    ``created`` is the moment in seconds since 1970 (now), which is its name if it has none; ``parent`` the name of the
    checkpoint before."""
    checkpoint.creation_time = int(time.time()) if created is None else created
    checkpoint.name = checkpoint.name or str(checkpoint.creation_time)
    checkpoint.parent = ParentCheckpoint(name=parent) if parent else None
    checkpoint.domain = None
    for disk in checkpoint.disks.disks if checkpoint.disks else ():
        disk.size = None
    return complete(checkpoint)


def restore(checkpoint: DomainCheckpoint) -> DomainCheckpoint:
    """Bring into form, in place, the document of a checkpoint that exists already; returns ``checkpoint``.

    Raises InvalidDocument unless it says its name and its moment."""
    from polyvisor.model.domain.completion import complete as complete_domain

    said = (("name", checkpoint.name), ("creationTime", checkpoint.creation_time))
    refuse(
        checkpoint,
        _called(checkpoint),
        (
            Contradiction(checkpoint, f"a checkpoint that exists has a <{tag}>, which is missing", child=tag)
            for tag, value in said
            if value is None
        ),
    )
    if isinstance(checkpoint.domain, DomainRecord):
        complete_domain(checkpoint.domain, new=False)
    return complete(checkpoint)


def align(checkpoint: DomainCheckpoint, disks: Iterable[str]) -> DomainCheckpoint:
    """Say, in place, what becomes of each disk of the domain, in the domain's order; returns ``checkpoint``.

    ``disks`` are their targets. Those not listed do not record, unless none is listed: then all do. Raises
    InvalidDocument for a disk that is not there."""
    targets = list(disks)
    listed = {disk.name: disk for disk in checkpoint.disks.disks} if checkpoint.disks else {}
    refuse(
        checkpoint,
        _called(checkpoint),
        (
            Contradiction(disk, f"the domain has no disk {name}", "name")
            for name, disk in listed.items()
            if name not in targets
        ),
    )
    other: Literal["no", "bitmap"] = "no" if listed else "bitmap"
    checkpoint.disks = CheckpointDisks(
        disks=[listed.get(name) or CheckpointDisk(name=name, checkpoint=other) for name in targets]
    )
    return complete(checkpoint)


def check(checkpoint: DomainCheckpoint) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    disks = checkpoint.disks.disks if checkpoint.disks else []
    refuse(
        checkpoint,
        _called(checkpoint),
        (
            Contradiction(disk, f"{disk.name} does not record, so it has no bitmap", "bitmap")
            for disk in disks
            if disk.checkpoint == "no" and disk.bitmap
        ),
    )


def _called(checkpoint: DomainCheckpoint) -> str:
    return f"checkpoint '{checkpoint.name}'" if checkpoint.name else "a checkpoint"


__all__ = [
    "CheckpointDisk",
    "CheckpointDisks",
    "DomainCheckpoint",
    "DomainRecord",
    "ParentCheckpoint",
    "align",
    "check",
    "complete",
    "restore",
    "take",
]
