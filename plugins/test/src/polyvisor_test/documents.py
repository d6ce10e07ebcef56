"""Documents of the test driver's own: what a node file says about a domain's first state; and the documents of
snapshots and checkpoints, as far as a driver without disks needs them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from polyvisor.documents import Element, attribute, child, children, element, read, text, value
from polyvisor.documents import datatypes as dt
from polyvisor.documents.parsing import parse
from polyvisor.model.domain import DiskDriver, DiskType, Domain
from polyvisor.model.domain.devices.storage import SOURCES, AnySource
from polyvisor.operations.snapshots import SnapshotState
from polyvisor.spi import DomainState

NAMESPACE = "http://libvirt.org/schemas/domain/test/1.0"
"""Namespace of the driver's elements in domain documents, that of libvirt's test driver."""

RUN_STATES: dict[int, DomainState] = {
    1: DomainState.RUNNING,
    3: DomainState.PAUSED,
    5: DomainState.SHUT_OFF,
    6: DomainState.CRASHED,
    7: DomainState.PM_SUSPENDED,
}
"""Numbers of ``<test:runstate>``: those of libvirt's API that a guest can rest in."""


@element("runstate", namespace=NAMESPACE, prefix="test", extends="domain")
class RunState(Element):
    """The state in which a domain of a node file begins: 1 running, 3 paused, 5 shut off, 6 crashed, 7 suspended."""

    number: int = text(dt.UINT)


@element("transient", namespace=NAMESPACE, prefix="test", extends="domain")
class TransientDomain(Element):
    """The domain of a node file has no stored configuration: it is gone when it stops."""


@element("hasmanagedsave", namespace=NAMESPACE, prefix="test", extends="domain")
class HasManagedSave(Element):
    """The domain of a node file has been saved; it must be shut off."""


EXTENSIONS: tuple[type[Element], ...] = (RunState, TransientDomain, HasManagedSave)
"""Element classes that domain documents of this driver may hold."""


class MemoryState(StrEnum):
    """Whether and where a snapshot keeps the guest's memory."""

    NO = "no"
    INTERNAL = "internal"
    EXTERNAL = "external"


@element("memory")
class SnapshotMemory(Element):
    """Where the memory is kept."""

    snapshot: MemoryState = attribute(required=True)
    file: str | None = attribute(dt.ABSPATH)


@element("source")
class OverlaySource(Element):
    """The new image that an external snapshot puts on top of a disk."""

    file: str | None = attribute(dt.ABSPATH)


@element("driver")
class OverlayDriver(Element):
    """The format of the new image."""

    type: str | None = attribute(dt.NAME)


@element("disk")
class SnapshotDisk(Element):
    """What a snapshot does to one disk, named by its target."""

    name: str = attribute(dt.STRING, required=True)
    snapshot: Literal["internal", "external", "no", "manual"] | None = attribute()
    type: Literal["file"] | None = attribute()
    driver: OverlayDriver | None = child()
    source: OverlaySource | None = child()


@element("disks")
class SnapshotDisks(Element):
    """What a snapshot does to the disks; those left out follow the default."""

    disks: list[SnapshotDisk] = children("disk")


@element("parent")
class Parent(Element):
    """What it was taken on top of."""

    name: str = value(dt.STRING, required=True)


@element("domainsnapshot")
class SnapshotDocument(Element):
    """A snapshot of a domain. Times are seconds since the epoch."""

    name: str | None = value(dt.STRING)
    description: str | None = value(dt.STRING)
    state: SnapshotState | None = value()
    creation_time: int | None = value(dt.UINT64, tag="creationTime")
    parent: Parent | None = child()
    memory: SnapshotMemory | None = child()
    disks: SnapshotDisks | None = child()


@element("domainsnapshot")
class WholeSnapshot(SnapshotDocument):
    """A snapshot with the configurations it holds: the one that counted, and the stored one of a guest that ran."""

    domain: Domain | None = child()
    inactive_domain: Domain | None = child(name="inactiveDomain")


@element("disk")
class CopyDestination(Element):
    """Where a block copy goes: a disk without a target of its own."""

    type: DiskType = attribute(default=DiskType.FILE)
    driver: DiskDriver | None = child()
    source: AnySource = child(by="type", cases=SOURCES, required=True)


@element("disk")
class CheckpointDisk(Element):
    """Whether a disk's changes are tracked, in which bitmap, and the bytes that changed since."""

    name: str = attribute(dt.STRING, required=True)
    checkpoint: Literal["no", "bitmap"] | None = attribute()
    bitmap: str | None = attribute(dt.STRING)
    size: int | None = attribute(dt.UINT64)


@element("disks")
class CheckpointDisks(Element):
    """The disks whose changes are tracked; without it every disk's are."""

    disks: list[CheckpointDisk] = children("disk")


@element("domaincheckpoint")
class CheckpointDocument(Element):
    """A checkpoint of a domain. Times are seconds since the epoch."""

    name: str | None = value(dt.STRING)
    description: str | None = value(dt.STRING)
    creation_time: int | None = value(dt.UINT64, tag="creationTime")
    parent: Parent | None = child()
    disks: CheckpointDisks | None = child()


@element("domaincheckpoint")
class WholeCheckpoint(CheckpointDocument):
    """A checkpoint with the configuration that the domain had."""

    domain: Domain | None = child()


def read_snapshot(document: str | bytes) -> WholeSnapshot:
    """Read a ``<domainsnapshot>``; raises InvalidDocument with every fault."""
    domains = {"domain": "domain", "inactive_domain": "inactiveDomain"}
    whole: WholeSnapshot = _read(document, SnapshotDocument, WholeSnapshot, domains)
    return whole


def read_checkpoint(document: str | bytes) -> WholeCheckpoint:
    """Read a ``<domaincheckpoint>``; raises InvalidDocument with every fault."""
    whole: WholeCheckpoint = _read(document, CheckpointDocument, WholeCheckpoint, {"domain": "domain"})
    return whole


def _read(document: str | bytes, bare: type[Element], whole: type[Element], domains: dict[str, str]) -> Any:
    """Read the domains of a document apart from the rest: their grammar need not be made again inside another."""
    tree = parse(document)
    configs = {}
    for field, tag in domains.items():
        for found in tree.findall(tag):
            tree.remove(found)
            found.tag = "domain"
            configs[field] = read(found, Domain, contributions=EXTENSIONS)
    rest = read(tree, bare)
    return whole(**{field.attr: getattr(rest, field.attr) for field in bare.fields()}, **configs)
