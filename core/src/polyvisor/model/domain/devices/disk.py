"""Disks, CD-ROM drives and floppies."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, Self

from polyvisor.documents import Element, OneOf, attribute, child, children, element, flag, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, BootOrder, VirtioModel, VirtioOptions
from polyvisor.model.domain.devices.storage import (
    SOURCES,
    AnySource,
    Auth,
    BlockSource,
    Encryption,
    FileSource,
    ImageFormat,
    MetadataCache,
    NetworkProtocol,
    StorageFormat,
    StorageHost,
    VolumeSource,
    network_source,
)
from polyvisor.model.domain.tuning import IoLimits


class DiskType(StrEnum):
    """What stands behind a disk."""

    FILE = "file"
    BLOCK = "block"
    DIR = "dir"
    NETWORK = "network"
    VOLUME = "volume"
    NVME = "nvme"
    VHOSTUSER = "vhostuser"
    VHOSTVDPA = "vhostvdpa"


class DiskDevice(StrEnum):
    """What the guest sees."""

    DISK = "disk"
    CDROM = "cdrom"
    FLOPPY = "floppy"
    LUN = "lun"


class DiskBus(StrEnum):
    """The bus a disk is on."""

    IDE = "ide"
    FDC = "fdc"
    SCSI = "scsi"
    VIRTIO = "virtio"
    XEN = "xen"
    USB = "usb"
    SATA = "sata"
    SD = "sd"
    UML = "uml"
    NVME = "nvme"


@element("queue")
class IothreadQueue(Element):
    """A virtqueue that an I/O thread serves."""

    id: int = required(attribute(dt.UINT))


@element("iothread")
class IothreadMapping(Element):
    """An I/O thread and the queues it serves (all in turn when none is named)."""

    id: int = required(attribute(dt.POSITIVE))
    queues: list[IothreadQueue] = children("queue")


@element("iothreads")
class IothreadMappings(Element):
    """Which I/O threads serve which queues."""

    iothreads: list[IothreadMapping] = children("iothread", min=1)


@element("driver")
class DiskDriver(VirtioOptions):
    """How the hypervisor reads and writes the disk."""

    name: str | None = attribute(dt.NAME)
    type: StorageFormat | Literal["aio"] | None = attribute()
    cache: Literal["default", "none", "writethrough", "writeback", "directsync", "unsafe"] | None = attribute()
    error_policy: Literal["stop", "report", "ignore", "enospace"] | None = attribute()
    rerror_policy: Literal["stop", "report", "ignore"] | None = attribute()
    io: Literal["threads", "native", "io_uring"] | None = attribute()
    ioeventfd: bool | None = attribute(dt.ONOFF)
    event_idx: bool | None = attribute(dt.ONOFF)
    copy_on_read: bool | None = attribute(dt.ONOFF)
    discard: Literal["unmap", "ignore"] | None = attribute()
    discard_no_unref: bool | None = attribute(dt.ONOFF)
    detect_zeroes: Literal["off", "on", "unmap"] | None = attribute()
    iothread: int | None = attribute(dt.POSITIVE)
    queues: int | None = attribute(dt.POSITIVE)
    queue_size: int | None = attribute(dt.POSITIVE)
    iothreads: IothreadMappings | None = child()
    metadata_cache: MetadataCache | None = child(name="metadata_cache")


@element("backingStore", by="type")
class BackingStore(Element):
    """The image beneath an image; an empty element ends the chain."""

    type: DiskType | None = attribute()


@variant(None)
class EndOfChain(BackingStore):
    """There is nothing beneath."""


@variant("file", "block", "dir", "network", "volume", "nvme", "vhostuser", "vhostvdpa")
class BackingImage(BackingStore):
    """An image, its format, and what is beneath it."""

    index: int | None = attribute(dt.UINT, volatile=True)
    format: ImageFormat = required(child())
    source: AnySource = required(child(by="type", cases=SOURCES))
    backing_store: BackingStore | None = child(name="backingStore")


@element("mirror", by="job")
class Mirror(Element):
    """The target of a running copy job."""

    job: Literal["copy", "active-commit"] | None = attribute()
    ready: Literal["yes", "abort", "pivot"] | None = attribute()


@variant(None)
class MirrorFile(Mirror):
    """A copy job as old documents describe it."""

    file: str = required(attribute(dt.ABSPATH))
    format: str | None = attribute(dt.NAME)


@variant("copy", "active-commit")
class MirrorJob(Mirror):
    """A copy or commit job."""

    type: DiskType = required(attribute())
    file: str | None = attribute(dt.ABSPATH, doc="Repeats the source's file for old readers.")
    format_name: str | None = attribute(dt.NAME, name="format", doc="Repeats the format for old readers.")
    format: ImageFormat | None = child()
    source: AnySource = required(child(by="type", cases=SOURCES))
    backing_store: BackingStore | None = child(name="backingStore")


@element("target")
class DiskTarget(Element):
    """The name and bus under which the guest gets the disk."""

    dev: str = required(attribute(scalars.DISK_TARGET))
    bus: DiskBus | None = attribute()
    tray: Literal["open", "closed"] | None = attribute()
    removable: bool | None = attribute(dt.ONOFF)
    rotation_rate: int | None = attribute(dt.UINT16)
    dpofua: bool | None = attribute(dt.ONOFF)


@element("iotune")
class IoTune(IoLimits):
    """Limits of the disk's I/O."""

    group_name: str | None = value(dt.STRING)


@element("throttlefilter")
class ThrottleFilter(Element):
    """A throttle group the disk's I/O passes through."""

    group: str = required(attribute(dt.STRING))


@element("throttlefilters")
class ThrottleFilters(Element):
    """The throttle groups the disk's I/O passes through, in order."""

    filters: list[ThrottleFilter] = children("throttlefilter", min=1)


@element("transient")
class Transient(Element):
    """Changes are thrown away when the guest stops."""

    share_backing: bool | None = attribute(dt.BOOL, name="shareBacking")


@element("geometry")
class Geometry(Element):
    """Cylinders, heads and sectors as the guest's firmware sees them."""

    cyls: int = required(attribute(dt.UINT))
    heads: int = required(attribute(dt.UINT))
    secs: int = required(attribute(dt.UINT))
    trans: Literal["auto", "none", "lba"] | None = attribute()


@element("blockio")
class BlockIo(Element):
    """Block sizes the guest sees, in bytes."""

    logical_block_size: int | None = attribute(dt.UINT)
    physical_block_size: int | None = attribute(dt.UINT)
    discard_granularity: int | None = attribute(dt.UINT)


@element("backenddomain")
class BackendDomain(Element):
    """The Xen domain that serves the device."""

    name: str = required(attribute(dt.STRING))


@element("disk", rules=(OneOf("iotune", "throttlefilters"),))
class Disk(Element):
    """A disk, CD-ROM drive, floppy or SCSI unit."""

    type: DiskType = attribute(default=DiskType.FILE)
    device: DiskDevice = attribute(default=DiskDevice.DISK)
    model: VirtioModel | None = attribute()
    rawio: bool | None = attribute(dt.BOOL)
    sgio: Literal["filtered", "unfiltered"] | None = attribute()
    snapshot: Literal["no", "internal", "external", "manual"] | None = attribute()
    driver: DiskDriver | None = child()
    auth: Auth | None = child()
    source: AnySource | None = child(by="type", cases=SOURCES)
    backing_store: BackingStore | None = child(name="backingStore")
    backenddomain: BackendDomain | None = child()
    geometry: Geometry | None = child()
    blockio: BlockIo | None = child()
    mirror: Mirror | None = child(volatile=True)
    target: DiskTarget = required(child())
    iotune: IoTune | None = child()
    throttlefilters: ThrottleFilters | None = child()
    readonly: bool = flag()
    shareable: bool = flag()
    transient: Transient | None = child()
    serial: str | None = value(dt.STRING)
    wwn: str | None = value(scalars.WWN)
    vendor: str | None = value(scalars.PRINTABLE)
    product: str | None = value(scalars.PRINTABLE)
    encryption: Encryption | None = child()
    boot: BootOrder | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()

    @classmethod
    def file(
        cls,
        path: str,
        *,
        target: str,
        bus: DiskBus | str | None = None,
        format: StorageFormat | None = None,
        readonly: bool = False,
    ) -> Self:
        """A disk in an image file; ``bus`` follows from the target's prefix when it is left out."""
        return cls(
            source=FileSource(file=path),
            target=_target(target, bus),
            driver=DiskDriver(type=format) if format else None,
            readonly=readonly,
        )

    @classmethod
    def block(
        cls,
        path: str,
        *,
        target: str,
        bus: DiskBus | str | None = None,
        format: StorageFormat | None = "raw",
        readonly: bool = False,
    ) -> Self:
        """A disk on a block device of the host."""
        return cls(
            type=DiskType.BLOCK,
            source=BlockSource(dev=path),
            target=_target(target, bus),
            driver=DiskDriver(type=format) if format else None,
            readonly=readonly,
        )

    @classmethod
    def network(
        cls,
        protocol: NetworkProtocol | str,
        name: str,
        *,
        target: str,
        hosts: Iterable[str | tuple[str, int]] = (),
        bus: DiskBus | str | None = None,
        format: StorageFormat | None = "raw",
        readonly: bool = False,
    ) -> Self:
        """A disk behind a network protocol: ``name`` is the export, image or path; ``hosts`` are names of servers,
        each alone or with its port. InvalidArgument for a protocol there is not."""
        servers = [(host, None) if isinstance(host, str) else host for host in hosts]
        return cls(
            type=DiskType.NETWORK,
            source=network_source(protocol, name, [StorageHost(name=host, port=port) for host, port in servers]),
            target=_target(target, bus),
            driver=DiskDriver(type=format) if format else None,
            readonly=readonly,
        )

    @classmethod
    def volume(
        cls,
        pool: str,
        volume: str,
        *,
        target: str,
        bus: DiskBus | str | None = None,
        format: StorageFormat | None = None,
        readonly: bool = False,
    ) -> Self:
        """A disk that is a volume of a storage pool."""
        return cls(
            type=DiskType.VOLUME,
            source=VolumeSource(pool=pool, volume=volume),
            target=_target(target, bus),
            driver=DiskDriver(type=format) if format else None,
            readonly=readonly,
        )

    @classmethod
    def cdrom(cls, path: str | None = None, *, target: str, bus: DiskBus | str | None = None) -> Self:
        """A CD-ROM drive, empty without a path."""
        return cls(
            device=DiskDevice.CDROM,
            source=FileSource(file=path) if path else None,
            target=_target(target, bus),
            readonly=True,
        )


def _target(name: str, bus: DiskBus | str | None) -> DiskTarget:
    return DiskTarget(dev=name, bus=DiskBus(bus) if bus else bus_of_target(name))


BUS_OF_PREFIX = {
    "fd": DiskBus.FDC,
    "hd": DiskBus.IDE,
    "sd": DiskBus.SCSI,
    "vd": DiskBus.VIRTIO,
    "xvd": DiskBus.XEN,
    "ubd": DiskBus.UML,
}
"""The bus a target name implies."""


def bus_of_target(name: str) -> DiskBus | None:
    """The bus that a target name such as ``vda`` implies."""
    plain = name.removeprefix("ioemu:")
    return next((bus for prefix, bus in BUS_OF_PREFIX.items() if plain.startswith(prefix)), None)


MOST_LETTERS = 3
"""The letters a target name can have after its prefix: there are names for 18,278 disks."""


def target_index(name: str) -> int | None:
    """The number of a target name: 0 for ``vda``, 26 for ``vdaa``; None for a name of another form."""
    plain = name.removeprefix("ioemu:")
    letters = next(
        (plain.removeprefix(prefix) for prefix in ("xvd", "nvme", "ubd") if plain.startswith(prefix)), plain[2:]
    )
    letters = letters.rstrip("0123456789")
    if not 0 < len(letters) <= MOST_LETTERS or not letters.isascii() or not letters.islower() or not letters.isalpha():
        return None
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1
