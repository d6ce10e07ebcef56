"""The devices of a domain as lines of a VMX file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain import DriveAddress
from polyvisor.model.domain.devices.interface import BridgeAttachment, SwitchAttachment
from polyvisor_esx.datastores import parse_path
from polyvisor_esx.vmx_devices import ETHERNET_SLOTS, PARALLEL_PORTS, SCSI_MODELS, SERIAL_PORTS

if TYPE_CHECKING:
    from polyvisor.model.domain import Disk, Domain, Interface, Parallel, Serial
    from polyvisor.model.domain.devices import Devices

Lines = Iterator[tuple[str, object]]
FileNamer = Callable[[str], str]

_VIRTUAL_DEVICES: dict[str, str] = {model: device for device, model in SCSI_MODELS.items()}
_SCHEMES = {"raw": "tcp", "telnet": "telnet", "telnets": "telnets", "tls": "ssl"}

ISO_IMAGE = ".iso"
EMPTY = "emptyBackingString"
"""What VMware writes for a CD image that is not there."""

GENERATED = "00:0c:29"
"""Addresses that a host makes; ``00:50:56`` from 80 on is vCenter's, below is for people."""


def mounted_path(name: str) -> str:
    """``[datastore] path`` as the path a host has it at; any other name as it stands."""
    return parse_path(name).mounted if name.startswith("[") else name


def lines(config: Domain, name_file: FileNamer, hardware: int) -> Lines:
    """All devices. Raises UnsupportedConfiguration for those VMware's products do not have."""
    devices = config.devices
    if devices is not None:
        _refuse(devices)
        yield from _graphics(devices)
        yield from _disks(devices, name_file)
    yield from _floppies(devices, name_file)
    if devices is not None:
        yield from _shared_folders(devices)
        yield from _interfaces(devices)
        yield from _serials(devices, name_file)
        yield from _parallels(devices, name_file)
        yield from _video(devices)
    if hardware >= 7:
        yield from _bridges(hardware)
        yield "vmci0.present", True


def _bridges(hardware: int) -> Lines:
    """The bridge and root ports newer devices are plugged into; products write them from version 7 on, and what
    reads a file adds them where they are missing only since version 9."""
    if hardware < 9:
        return
    yield "pciBridge0.present", True
    for number in (4, 5, 6, 7):
        yield f"pciBridge{number}.present", True
        yield f"pciBridge{number}.virtualDev", "pcieRootPort"
        yield f"pciBridge{number}.functions", 8


_NOT_THERE = ("hostdevs", "channels", "sounds", "tpms", "smartcards", "redirdevs", "hubs", "shmems", "memories")


def _refuse(devices: Devices) -> None:
    for name in _NOT_THERE:
        if getattr(devices, name):
            raise UnsupportedConfiguration(
                f"a VMX file is not written with <{type(getattr(devices, name)[0]).tag}> devices by this driver"
            )


# -- disks -------------------------------------------------------------------------------------------------------


def _disks(devices: Devices, name_file: FileNamer) -> Lines:
    disks = [disk for disk in devices.disks if disk.device != "floppy"]
    yield from _scsi_controllers(devices, disks)
    for number in sorted({_place(disk)[0] for disk in disks if disk.target.bus == "sata"}):
        yield f"sata{number}.present", True
    for disk in disks:
        yield from _disk(disk, name_file)


def _scsi_controllers(devices: Devices, disks: list[Disk]) -> Lines:
    """The controllers that disks are on, their models from the controllers or (as older documents have it) from the
    names of the disks' drivers."""
    models: dict[int, str] = {}
    for controller in devices.controllers:
        if controller.type == "scsi" and controller.index is not None:
            model = getattr(controller, "model", None)
            models[controller.index] = _known_model(model) if model and model != "auto" else ""
    used: dict[int, str] = {}
    for disk in disks:
        if disk.target.bus != "scsi":
            continue
        number = _place(disk)[0]
        driver = disk.driver.name if disk.driver else None
        named = _known_model(driver) if driver else ""
        if named and used.get(number, models.get(number)) not in (None, "", named):
            raise UnsupportedConfiguration(f"the disks of SCSI controller {number} want it to be of several models")
        used[number] = named or used.get(number) or models.get(number, "")
    for number, device in sorted(used.items()):
        yield f"scsi{number}.present", True
        if device:
            yield f"scsi{number}.virtualDev", device


def _known_model(model: str) -> str:
    if model.lower() not in _VIRTUAL_DEVICES:
        raise UnsupportedConfiguration(
            f"{model!r} is no SCSI controller VMware has", hint=f"it has {', '.join(_VIRTUAL_DEVICES)}"
        )
    return _VIRTUAL_DEVICES[model.lower()]


_TARGET = re.compile(r"(hd|sd|fd)([a-z]+)")


def _index(name: str) -> int:
    """0 for ``sda``, 26 for ``sdaa``."""
    found = _TARGET.fullmatch(name)
    if found is None:
        raise UnsupportedConfiguration(f"a disk of VMware is called hda, sda or fda and so on, not {name!r}")
    number = 0
    for letter in found[2]:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1


_UNITS = {"scsi": 15, "sata": 30, "ide": 2}
"""Bus -> units of a controller, as targets count them."""

_CONTROLLERS = {"scsi": 4, "sata": 4, "ide": 2}


def _place(disk: Disk) -> tuple[int, int]:
    """Controller and unit, from the address or from the target's name."""
    bus, address = str(disk.target.bus), disk.address
    if bus not in _UNITS:
        raise UnsupportedConfiguration(
            f"VMware has no disks on bus {bus}", hint="it has them on scsi, sata, ide and fdc"
        )
    if isinstance(address, DriveAddress):
        number = (address.bus if bus == "ide" else address.controller) or 0
        unit = address.unit or 0
    else:
        number, unit = divmod(_index(disk.target.dev), _UNITS[bus])
        if bus == "scsi" and unit > 6:
            unit += 1
    if number >= _CONTROLLERS[bus]:
        raise UnsupportedConfiguration(f"disk {disk.target.dev} would be on {bus} controller {number}, one too many")
    if bus == "scsi" and unit == 7:
        raise UnsupportedConfiguration(f"disk {disk.target.dev} would be unit 7 of its SCSI controller, which is taken")
    return number, unit


def _disk(disk: Disk, name_file: FileNamer) -> Lines:
    bus = str(disk.target.bus)
    number, unit = _place(disk)
    prefix = f"{bus}{number}:{unit}."
    source = disk.source
    yield prefix + "present", True
    match str(disk.type), str(disk.device):
        case "file", "disk":
            name = getattr(source, "file", None)
            if not name or not name.lower().endswith(".vmdk"):
                raise UnsupportedConfiguration(
                    f"disk {disk.target.dev}: VMware's hard disks are .vmdk files, not {name}"
                )
            yield prefix + "deviceType", "scsi-hardDisk" if bus == "scsi" else "ata-hardDisk"
            yield prefix + "fileName", name_file(name)
            yield from _caching(disk, prefix)
        case "file", "cdrom":
            name = getattr(source, "file", None)
            if name and not name.lower().endswith(ISO_IMAGE):
                raise UnsupportedConfiguration(f"CD {disk.target.dev}: VMware's CD images are .iso files, not {name}")
            yield prefix + "deviceType", "cdrom-image"
            yield prefix + "fileName", name_file(name) if name else EMPTY
        case "block", "cdrom":
            yield from _drive(disk, prefix, "atapi-cdrom")
        case "block", "lun":
            passed_through = (getattr(source, "dev", None) or "").startswith("/vmfs/devices/cdrom/")
            yield from _drive(disk, prefix, "scsi-passthru" if passed_through else "cdrom-raw")
        case kind, device:
            raise UnsupportedConfiguration(
                f"disk {disk.target.dev}: VMware has no {device} of type {kind}",
                hint="it has hard disks and CDs in files, and CDs of the host",
            )


def _caching(disk: Disk, prefix: str) -> Lines:
    if disk.transient is not None:
        yield prefix + "mode", "independent-nonpersistent"
    cache = disk.driver.cache if disk.driver else None
    if cache == "writethrough":
        yield prefix + "writeThrough", True
    elif cache not in (None, "default", "writeback"):
        raise UnsupportedConfiguration(f"disk {disk.target.dev}: VMware has no cache mode {cache}")


def _drive(disk: Disk, prefix: str, kind: str) -> Lines:
    yield prefix + "deviceType", kind
    device = getattr(disk.source, "dev", None)
    if device:
        yield prefix + "fileName", device
    elif getattr(disk.source, "startup_policy", None) == "optional":
        yield prefix + "autodetect", True
        yield prefix + "fileName", "auto detect"
    else:
        yield prefix + "fileName", EMPTY


def _floppies(devices: Devices | None, name_file: FileNamer) -> Lines:
    there = {}
    for disk in devices.disks if devices else []:
        if disk.device == "floppy":
            there[_index(disk.target.dev)] = disk
    if extra := [disk.target.dev for number, disk in there.items() if number > 1]:
        raise UnsupportedConfiguration(f"a VMware guest has two floppy drives, fda and fdb; not {', '.join(extra)}")
    for number in (0, 1):
        disk_or_none = there.get(number)
        yield f"floppy{number}.present", disk_or_none is not None
        if disk_or_none is None:
            continue
        source = disk_or_none.source
        if disk_or_none.type == "file":
            name = getattr(source, "file", None)
            yield f"floppy{number}.fileType", "file"
            yield f"floppy{number}.fileName", name_file(name) if name else ""
        elif disk_or_none.type == "block":
            yield f"floppy{number}.fileType", "device"
            yield f"floppy{number}.fileName", getattr(source, "dev", None) or ""
        else:
            raise UnsupportedConfiguration(f"VMware has no floppy of type {disk_or_none.type}")


# -- the rest ----------------------------------------------------------------------------------------------------


def _shared_folders(devices: Devices) -> Lines:
    folders = devices.filesystems
    if not folders:
        return
    yield "isolation.tools.hgfs.disable", False
    yield "sharedFolder.maxNum", len(folders)
    for number, folder in enumerate(folders):
        if folder.type != "mount":
            raise UnsupportedConfiguration(
                f"VMware shares directories with guests, no file systems of type {folder.type}"
            )
        prefix = f"sharedFolder{number}."
        yield prefix + "present", True
        yield prefix + "enabled", True
        yield prefix + "readAccess", True
        yield prefix + "writeAccess", not folder.readonly
        yield prefix + "hostPath", getattr(folder.source, "dir", "")
        yield prefix + "guestName", folder.target.dir


def _interfaces(devices: Devices) -> Lines:
    if len(devices.interfaces) > ETHERNET_SLOTS:
        raise UnsupportedConfiguration(f"a VMware guest has at most {ETHERNET_SLOTS} network interfaces")
    for number, interface in enumerate(devices.interfaces):
        yield from _interface(interface, f"ethernet{number}.")


MODELS = ("vlance", "vmxnet", "vmxnet2", "vmxnet3", "e1000", "e1000e")


def _interface(interface: Interface, prefix: str) -> Lines:
    yield prefix + "present", True
    if interface.model is not None:
        model = interface.model.type.lower()
        if model not in MODELS:
            raise UnsupportedConfiguration(
                f"VMware has no network interface {model!r}", hint=f"it has {', '.join(MODELS)}"
            )
        if model == "vmxnet2":
            yield prefix + "virtualDev", "vmxnet"
            yield prefix + "features", 15
        else:
            yield prefix + "virtualDev", model
    yield from _connection(interface, prefix)
    if interface.link is not None and interface.link.state == "down":
        yield prefix + "startConnected", False
    yield from _address(interface, prefix)


def _connection(interface: Interface, prefix: str) -> Lines:
    source = interface.source
    match str(interface.type):
        case "bridge" if isinstance(source, BridgeAttachment):
            yield prefix + "networkName", source.bridge
            target = interface.target.dev if interface.target else None
            yield prefix + "connectionType", "custom" if target else "bridged"
            if target:
                yield prefix + "vnet", target
        case "user":
            yield prefix + "connectionType", "nat"
        case "vds" if isinstance(source, SwitchAttachment):
            yield prefix + "dvs.switchId", spaced(source.switchid)
            for key, value in (
                ("portId", source.portid),
                ("portgroupId", source.portgroupid),
                ("connectionId", source.connectionid),
            ):
                if value is not None:
                    yield f"{prefix}dvs.{key}", value
        case "null":
            pass
        case kind:
            raise UnsupportedConfiguration(
                f"VMware has no network interface of type {kind}",
                hint="it has bridge (the name of a port group), user, vds and null",
            )


def spaced(uuid: str) -> str:
    """A UUID as VMX files have it."""
    digits = uuid.replace("-", "").replace(" ", "").lower()
    pairs = [digits[at : at + 2] for at in range(0, 32, 2)]
    return f"{' '.join(pairs[:8])}-{' '.join(pairs[8:])}"


def _address(interface: Interface, prefix: str) -> Lines:
    mac = interface.mac
    if mac is None:
        yield prefix + "addressType", "generated"
        return
    address = mac.address.lower()
    host, center = address.startswith(GENERATED), _from_center(address)
    kind = mac.type or ("generated" if host or center else "static")
    if kind == "generated":
        yield prefix + "addressType", "vpx" if center else "generated"
        yield prefix + "generatedAddress", address
        if not center:
            yield prefix + "generatedAddressOffset", 0
    else:
        yield prefix + "addressType", "static"
        yield prefix + "address", address
    checked = mac.check
    if checked is None and not host and not address.startswith("00:50:56"):
        checked = False  # outside of what VMware gives away, which it would refuse
    if checked is not None:
        yield prefix + "checkMACAddress", checked


def _from_center(address: str) -> bool:
    return address.startswith("00:50:56") and int(address[9:11], 16) >= 0x80


def _serials(devices: Devices, name_file: FileNamer) -> Lines:
    for number, serial in _ports(devices.serials, SERIAL_PORTS, "serial"):
        prefix = f"serial{number}."
        yield prefix + "present", True
        yield from _backend(serial, prefix, name_file)
        yield prefix + "yieldOnMsrRead", True


def _parallels(devices: Devices, name_file: FileNamer) -> Lines:
    for number, parallel in _ports(devices.parallels, PARALLEL_PORTS, "parallel"):
        if str(parallel.type) not in ("dev", "file"):
            raise UnsupportedConfiguration(f"VMware has no parallel port of type {parallel.type}")
        prefix = f"parallel{number}."
        yield prefix + "present", True
        yield from _backend(parallel, prefix, name_file)


def _ports(ports: Sequence[Serial | Parallel], most: int, what: str) -> Iterator[tuple[int, Serial | Parallel]]:
    for place, port in enumerate(ports):
        number = port.target.port if port.target and port.target.port is not None else place
        if number >= most:
            raise UnsupportedConfiguration(f"a VMware guest has {what} ports 0 to {most - 1}, not {number}")
        yield number, port


def _backend(port: Serial | Parallel, prefix: str, name_file: FileNamer) -> Lines:
    path = getattr(port.source, "path", None) or ""
    match str(port.type):
        case "dev":
            yield prefix + "fileType", "device"
            yield prefix + "fileName", path
        case "file":
            yield prefix + "fileType", "file"
            yield prefix + "fileName", name_file(path)
        case "pipe":
            yield prefix + "fileType", "pipe"
            yield prefix + "pipe.endPoint", "client"
            yield prefix + "tryNoRxLoss", False
            yield prefix + "fileName", path
        case "tcp":
            yield from _network(port, prefix)
        case "null":
            yield prefix + "fileType", "network"
            yield prefix + "fileName", ""
        case kind:
            raise UnsupportedConfiguration(
                f"VMware has no serial port of type {kind}", hint="it has dev, file, pipe, tcp and null"
            )


def _network(port: Serial | Parallel, prefix: str) -> Lines:
    source, protocol = port.source, (port.protocol.type if port.protocol else None) or "raw"
    server = getattr(source, "mode", None) == "bind"
    yield prefix + "fileType", "network"
    host, service = getattr(source, "host", None) or "", getattr(source, "service", None) or ""
    yield prefix + "fileName", f"{_SCHEMES[protocol]}://{host}:{service}"
    yield prefix + "network.endPoint", "server" if server else "client"


def _graphics(devices: Devices) -> Lines:
    for graphics in devices.graphics:
        if graphics.type != "vnc":
            raise UnsupportedConfiguration(f"VMware has no graphics of type {graphics.type}; it has vnc")
        yield "RemoteDisplay.vnc.enabled", True
        port = getattr(graphics, "port", None)
        if port is not None and port > 0 and not getattr(graphics, "autoport", None):
            yield "RemoteDisplay.vnc.port", port
        for key, value in (
            ("ip", _listening(graphics)),
            ("keymap", getattr(graphics, "keymap", None)),
            ("password", getattr(graphics, "passwd", None)),
        ):
            if value:
                yield f"RemoteDisplay.vnc.{key}", value


def _listening(graphics: object) -> str | None:
    for listen in getattr(graphics, "listens", []):
        if address := getattr(listen, "address", None):
            return str(address)
    return getattr(graphics, "listen_address", None)


def _video(devices: Devices) -> Lines:
    for video in devices.videos:
        if video.model is None:
            continue
        if video.model.type != "vmvga":
            raise UnsupportedConfiguration(f"VMware has no video card {video.model.type}; it has vmvga")
        if video.model.vram:
            yield "svga.vramSize", -(-video.model.vram // 64) * 64 * 1024
