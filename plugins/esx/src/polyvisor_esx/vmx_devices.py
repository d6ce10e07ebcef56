"""The devices of a VMX file as devices of a domain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import urlsplit

from polyvisor.documents import Element
from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain import (
    BlockSource,
    Controller,
    ControllerType,
    Disk,
    DiskBus,
    DiskDevice,
    DiskDriver,
    DiskTarget,
    DiskType,
    DriveAddress,
    FileSource,
    Filesystem,
    Graphics,
    Interface,
    InterfaceType,
    Mac,
    Parallel,
    Serial,
    Video,
    VideoModel,
    VideoType,
    Vnc,
)
from polyvisor.model.domain.devices import chardev
from polyvisor.model.domain.devices.controller import ScsiController
from polyvisor.model.domain.devices.disk import Transient
from polyvisor.model.domain.devices.filesystem import DirectoryExport, FilesystemTarget, FilesystemType
from polyvisor.model.domain.devices.interface import (
    BridgeAttachment,
    InterfaceModel,
    InterfaceTarget,
    Link,
    SwitchAttachment,
)
from polyvisor_esx.vmxfile import Settings

FileFinder = Callable[[str, bool], str | None]

BUSES: tuple[tuple[DiskBus, int, int], ...] = ((DiskBus.SCSI, 4, 65), (DiskBus.SATA, 4, 30), (DiskBus.IDE, 2, 2))
"""Bus, the most controllers, the most units of one."""

ORDER = {bus.value: number for number, (bus, _controllers, _units) in enumerate(BUSES)}
DISK = re.compile(r"(scsi|sata|ide)([0-9]|[1-9][0-9]):([0-9]|[1-9][0-9])\.present")
"""The key, in small letters, that says whether a disk is there."""

SCSI_MODELS: dict[str, Literal["buslogic", "lsilogic", "lsisas1068", "vmpvscsi"]] = {
    "buslogic": "buslogic",
    "lsilogic": "lsilogic",
    "lsisas1068": "lsisas1068",
    "pvscsi": "vmpvscsi",
}
"""``virtualDev`` of a SCSI controller -> model in a document."""

HARD_DISKS = ("ata-harddisk", "scsi-harddisk", "disk")
ETHERNET_SLOTS = 10
SHARED_FOLDERS = 999
VIDEO_MEMORY = 1 << 32
"""Bytes beyond which a file is in error."""
SERIAL_PORTS = 4
PARALLEL_PORTS = 3

_HARDWARE_ADDRESS = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")

NAMES = "abcdefghijklmnopqrstuvwxyz"


def disk_name(prefix: str, index: int) -> str:
    """``sda`` for 0, ``sdz`` for 25, ``sdaa`` for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = NAMES[rest] + letters
    return prefix + letters


def read(settings: Settings, find: FileFinder) -> Iterator[Element]:
    """Every device, disks first in the order of their buses."""
    disks = list(_disks(settings, find))
    yield from disks
    yield from _controllers(settings, disks)
    yield from _shared_folders(settings)
    yield from _interfaces(settings)
    yield from _serials(settings, find)
    yield from _parallels(settings, find)
    yield from _graphics(settings)
    memory = settings.amount("svga.vramSize", VIDEO_MEMORY) or 4 << 20
    yield Video(model=VideoModel(type=VideoType.VMVGA, vram=memory // 1024, primary=True))


# -- disks -------------------------------------------------------------------------------------------------------


def _disks(settings: Settings, find: FileFinder) -> Iterator[Disk]:
    for bus, controller, unit in sorted(_places(settings)):
        kind, controllers, units = BUSES[bus]
        if controller < controllers and unit < units:
            if kind is not DiskBus.IDE and not settings.flag(f"{kind}{controller}.present"):
                continue
            if disk := _disk(settings, find, kind, controller, unit):
                yield disk
    for unit in range(2):
        if disk := _floppy(settings, find, unit):
            yield disk


def _places(settings: Settings) -> Iterator[tuple[int, int, int]]:
    """Bus (by its place in :data:`BUSES`), controller and unit of what the file has a disk's settings for."""
    for key in settings:
        if (found := DISK.fullmatch(key)) is not None:
            yield ORDER[found[1]], int(found[2]), int(found[3])


def _disk(settings: Settings, find: FileFinder, bus: DiskBus, controller: int, unit: int) -> Disk | None:
    prefix = f"{bus}{controller}:{unit}."
    if not settings.flag(prefix + "present") or settings.flag(prefix + "clientDevice"):
        return None
    name = settings.get(prefix + "fileName") or ""
    device, kind, source = _backing(settings, find, prefix, name, bus)
    disk = Disk(
        type=kind,
        device=device,
        source=source,
        target=DiskTarget(dev=target_name(bus, controller, unit), bus=bus),
        address=_address(bus, controller, unit),
        readonly=device is not DiskDevice.DISK,
    )
    if device is DiskDevice.DISK:
        disk.transient = Transient() if _discarded(settings, prefix) else None
        if settings.flag(prefix + "writeThrough"):
            disk.driver = DiskDriver(cache="writethrough")
    return disk


def target_name(bus: DiskBus, controller: int, unit: int) -> str:
    match bus:
        case DiskBus.SCSI:  # unit 7 is the controller's own
            return disk_name("sd", controller * 15 + (unit - 1 if unit > 7 else unit))
        case DiskBus.SATA:
            return disk_name("sd", controller * 30 + unit)
    return disk_name("hd", controller * 2 + unit)


def _address(bus: DiskBus, controller: int, unit: int) -> DriveAddress:
    if bus is DiskBus.IDE:  # a document has one controller with two channels where VMware has two controllers
        return DriveAddress(controller=0, bus=controller, target=0, unit=unit)
    return DriveAddress(controller=controller, bus=0, target=0, unit=unit)


def _backing(
    settings: Settings, find: FileFinder, prefix: str, name: str, bus: DiskBus
) -> tuple[DiskDevice, DiskType, FileSource | BlockSource | None]:
    """What the device is, and where its data lies."""
    written = (settings.text(prefix + "deviceType") or "").lower()
    match written:
        case "cdrom-image":
            place = None if name.lower() in ("", "emptybackingstring") else find(name, True)
            return DiskDevice.CDROM, DiskType.FILE, FileSource(file=place) if place else None
        case "atapi-cdrom" | "cdrom-raw":
            device = DiskDevice.CDROM if written == "atapi-cdrom" else DiskDevice.LUN
            return device, DiskType.BLOCK, _drive(settings, prefix, name)
        case "scsi-passthru":
            if not name.startswith("/vmfs/devices/cdrom/"):
                raise UnsupportedConfiguration(f"{prefix}fileName = {name}: only CD drives are passed through")
            return DiskDevice.LUN, DiskType.BLOCK, BlockSource(dev=name)
    if written not in HARD_DISKS and not (written == "" and name.lower().endswith(".vmdk")):
        if written == "" and name.lower().endswith(".iso"):
            place = find(name, True)
            return DiskDevice.CDROM, DiskType.FILE, FileSource(file=place) if place else None
        raise UnsupportedConfiguration(f"{prefix}deviceType = {written!r} ({name!r}) is no kind of disk known here")
    if not name:
        raise InvalidArgument(f"the disk {prefix.rstrip('.')} has no fileName")
    return DiskDevice.DISK, DiskType.FILE, FileSource(file=find(name, False))


def _drive(settings: Settings, prefix: str, name: str) -> BlockSource | None:
    """A CD drive of the host; ``auto detect`` leaves it to the host which one."""
    if settings.flag(prefix + "autodetect") or name.lower() == "auto detect":
        return BlockSource(startup_policy="optional")
    return BlockSource(dev=name) if name and name.lower() != "emptybackingstring" else None


def _discarded(settings: Settings, prefix: str) -> bool:
    return (settings.text(prefix + "mode") or "").lower() in ("independent-nonpersistent", "nonpersistent")


def _floppy(settings: Settings, find: FileFinder, unit: int) -> Disk | None:
    prefix = f"floppy{unit}."
    name = settings.get(prefix + "fileName") or ""
    if not settings.flag(prefix + "present") or settings.flag(prefix + "clientDevice"):
        return None
    kind = (settings.text(prefix + "fileType") or "device").lower()
    source: FileSource | BlockSource | None
    match kind:
        case "device":
            source = _drive(settings, prefix, name)
        case "file":
            place = find(name, True) if name else None
            source = FileSource(file=place) if place else None
        case _:
            raise UnsupportedConfiguration(f"{prefix}fileType = {kind!r} is neither device nor file")
    return Disk(
        type=DiskType.BLOCK if kind == "device" else DiskType.FILE,
        device=DiskDevice.FLOPPY,
        source=source,
        target=DiskTarget(dev=disk_name("fd", unit), bus=DiskBus.FDC),
        address=DriveAddress(controller=0, bus=0, target=0, unit=unit),
    )


def _controllers(settings: Settings, disks: list[Disk]) -> Iterator[Controller]:
    """SCSI controllers that hold a disk, for their models; completion adds the others."""
    used = {
        disk.address.controller
        for disk in disks
        if disk.target.bus is DiskBus.SCSI and isinstance(disk.address, DriveAddress)
    }
    for number in sorted(each for each in used if each is not None):
        written = (settings.text(f"scsi{number}.virtualDev") or "").lower()
        if written and written not in SCSI_MODELS:
            raise UnsupportedConfiguration(
                f"scsi{number}.virtualDev = {written!r} is no SCSI controller known here",
                hint=f"known: {', '.join(SCSI_MODELS)}",
            )
        yield ScsiController(type=ControllerType.SCSI, index=number, model=SCSI_MODELS.get(written))


# -- the rest ----------------------------------------------------------------------------------------------------


def _shared_folders(settings: Settings) -> Iterator[Filesystem]:
    if settings.flag("isolation.tools.hgfs.disable", True):
        return
    for number in range(settings.amount("sharedFolder.maxnum", SHARED_FOLDERS) or 0):
        prefix = f"sharedFolder{number}."
        if not settings.flag(prefix + "present") or not settings.flag(prefix + "enabled", True):
            continue
        place, name = settings.text(prefix + "hostPath"), settings.text(prefix + "guestName")
        if place and name:
            yield Filesystem(
                type=FilesystemType.MOUNT,
                accessmode="passthrough",
                source=DirectoryExport(dir=place),
                target=FilesystemTarget(dir=name),
                readonly=not settings.flag(prefix + "writeAccess"),
            )


def _interfaces(settings: Settings) -> Iterator[Interface]:
    for number in range(ETHERNET_SLOTS):
        prefix = f"ethernet{number}."
        if settings.flag(prefix + "present"):
            yield _interface(settings, prefix)


def _interface(settings: Settings, prefix: str) -> Interface:
    connection = (settings.text(prefix + "connectionType") or "").lower()
    network = settings.text(prefix + "networkName")
    target = None
    source: BridgeAttachment | SwitchAttachment | None = None
    match connection:
        case "nat":
            kind = InterfaceType.USER
        case "" if switch := settings.text(prefix + "dvs.switchId"):
            kind, source = InterfaceType.VDS, _switch(settings, prefix, switch)
        case "" | "bridged" if network is not None:
            kind, source = InterfaceType.BRIDGE, BridgeAttachment(bridge=network)
        case "" | "none":
            kind = InterfaceType.NULL
        case "custom":
            kind, source = InterfaceType.BRIDGE, BridgeAttachment(bridge=network or "")
            target = settings.text(prefix + "vnet")
        case "bridged":
            kind, source = InterfaceType.BRIDGE, BridgeAttachment(bridge="")
        case _:
            raise UnsupportedConfiguration(
                f"{prefix}connectionType = {connection!r} has no place in a domain document",
                hint="bridged, nat, custom and none have",
            )
    return Interface(
        type=kind,
        mac=_mac(settings, prefix),
        source=source,
        target=InterfaceTarget(dev=target) if target else None,
        model=_model(settings, prefix),
        link=None if settings.flag(prefix + "startConnected", True) else Link(state="down"),
    )


def _switch(settings: Settings, prefix: str, switch: str) -> SwitchAttachment:
    digits = re.sub(r"[\s-]", "", switch).lower()
    if re.fullmatch(r"[0-9a-f]{32}", digits) is None:
        raise InvalidArgument(f"{prefix}dvs.switchId = {switch!r} is no UUID")
    dashed = "-".join(digits[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    return SwitchAttachment(
        switchid=dashed,
        portid=settings.number(prefix + "dvs.portId"),
        portgroupid=settings.text(prefix + "dvs.portgroupId"),
        connectionid=settings.number(prefix + "dvs.connectionId"),
    )


def _mac(settings: Settings, prefix: str) -> Mac | None:
    how = (settings.text(prefix + "addressType") or "generated").lower()
    if how not in ("generated", "static", "vpx"):
        raise InvalidArgument(f"{prefix}addressType = {how!r} is none of generated, static and vpx")
    static = how == "static"
    address = settings.text(prefix + ("address" if static else "generatedAddress"))
    if address is None:
        return None
    if _HARDWARE_ADDRESS.fullmatch(address) is None:
        raise InvalidArgument(f"{prefix}{'address' if static else 'generatedAddress'} = {address!r} is no MAC address")
    checked = settings.get(prefix + "checkMACAddress")
    kind: Literal["generated", "static"] = "static" if static else "generated"
    return Mac(
        address=address.lower(),
        type=kind,
        check=None if checked is None else settings.flag(prefix + "checkMACAddress"),
    )


def _model(settings: Settings, prefix: str) -> InterfaceModel | None:
    model = (settings.text(prefix + "virtualDev") or "").lower()
    if model == "vmxnet" and settings.text(prefix + "features") == "15":
        model = "vmxnet2"
    return InterfaceModel(type=model) if model else None


def _serials(settings: Settings, find: FileFinder) -> Iterator[Serial]:
    for number in range(SERIAL_PORTS):
        prefix = f"serial{number}."
        if settings.flag(prefix + "present"):
            serial = Serial(type=chardev.CharacterType.NULL, target=chardev.SerialTarget(port=number))
            _backend(settings, find, prefix, serial)
            yield serial


def _parallels(settings: Settings, find: FileFinder) -> Iterator[Parallel]:
    for number in range(PARALLEL_PORTS):
        prefix = f"parallel{number}."
        if settings.flag(prefix + "present"):
            parallel = Parallel(type=chardev.CharacterType.NULL, target=chardev.ParallelTarget(port=number))
            _backend(settings, find, prefix, parallel)
            yield parallel


def _backend(settings: Settings, find: FileFinder, prefix: str, device: Serial | Parallel) -> None:
    """What the port leads to; nothing (``null``) for what a document has no words for, such as a concentrator."""
    kind = (settings.text(prefix + "fileType") or "").lower()
    name = settings.get(prefix + "fileName") or ""
    match kind:
        case "device" | "":
            device.type, device.sources = chardev.CharacterType.DEV, [chardev.PathSource(path=name)]
        case "file":
            device.type = chardev.CharacterType.FILE
            device.sources = [chardev.OutputSource(path=find(name, True) or name)]
        case "pipe":
            device.type, device.sources = chardev.CharacterType.PIPE, [chardev.PathSource(path=name)]
        case "network":
            _network(settings, prefix, name, device)
        case "thinprint":
            pass
        case _:
            raise UnsupportedConfiguration(f"{prefix}fileType = {kind!r} is none of device, file, pipe and network")


SCHEMES: dict[str, Literal["raw", "telnet", "telnets", "tls"]] = {
    "tcp": "raw",
    "tcp4": "raw",
    "tcp6": "raw",
    "telnet": "telnet",
    "telnets": "telnets",
    "ssl": "tls",
    "tcp+ssl": "tls",
    "tcp4+ssl": "tls",
    "tcp6+ssl": "tls",
}
"""Scheme of a port's URI -> protocol in a document."""


def _network(settings: Settings, prefix: str, name: str, device: Serial | Parallel) -> None:
    if settings.text(prefix + "vspc") or not name:
        return
    try:
        where = urlsplit(name)
    except ValueError as error:
        raise InvalidArgument(f"{prefix}fileName = {name!r} is no URI: {error}") from None
    if where.scheme.lower() not in SCHEMES:
        raise UnsupportedConfiguration(f"{prefix}fileName = {name!r}: {where.scheme!r} is no protocol known here")
    end = (settings.text(prefix + "network.endPoint") or "server").lower()
    if end not in ("server", "client"):
        raise InvalidArgument(f"{prefix}network.endPoint = {end!r} is neither server nor client")
    try:
        port = where.port
    except ValueError:
        port = None
    if port is None:
        raise InvalidArgument(f"{prefix}fileName = {name!r} names no port")
    device.type = chardev.CharacterType.TCP
    device.sources = [
        chardev.TcpSource(
            mode="bind" if end == "server" else "connect",
            host=where.hostname or "",
            service=str(port),
        )
    ]
    device.protocol = chardev.SocketProtocol(type=SCHEMES[where.scheme.lower()])


def _graphics(settings: Settings) -> Iterator[Graphics]:
    if not settings.flag("RemoteDisplay.vnc.enabled"):
        return
    port, address = settings.amount("RemoteDisplay.vnc.port", 65535), settings.text("RemoteDisplay.vnc.ip")
    yield Vnc(
        type="vnc",
        port=port,
        autoport=port is None,
        listen_address=address,
        keymap=settings.text("RemoteDisplay.vnc.keymap"),
        passwd=settings.text("RemoteDisplay.vnc.password"),
    )
