"""What devices imply on every hypervisor: each by itself, and all of one guest together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from polyvisor.documents import Element
from polyvisor.documents.binding import Spec
from polyvisor.documents.classes import spec_of
from polyvisor.model.domain.address import CcidAddress, DriveAddress, VirtioSerialAddress
from polyvisor.model.domain.devices import Devices
from polyvisor.model.domain.devices.chardev import (
    Channel,
    CharacterDevice,
    CharacterSource,
    CharacterType,
    Console,
    ConsoleTarget,
    ConsoleTargetType,
    NamedChannel,
    ParallelTarget,
    Serial,
    SerialTarget,
    SocketProtocol,
    TcpSource,
    UdpSource,
    UnixSource,
)
from polyvisor.model.domain.devices.controller import (
    Controller,
    ControllerType,
    IdeController,
    PlainController,
    ScsiController,
    VirtioSerialController,
)
from polyvisor.model.domain.devices.disk import Disk, DiskBus, DiskDevice, bus_of_target, target_index
from polyvisor.model.domain.devices.filesystem import Filesystem, RamExport
from polyvisor.model.domain.devices.graphics import (
    AddressListen,
    Graphics,
    Listen,
    NetworkListen,
    NoListen,
    Rdp,
    SocketListen,
    Spice,
    Vnc,
)
from polyvisor.model.domain.devices.hostdev import Hostdev
from polyvisor.model.domain.devices.interface import Mac
from polyvisor.model.domain.devices.redirection import PassthroughSmartcard
from polyvisor.model.domain.devices.rng import EgdBackend, Rng
from polyvisor.model.domain.devices.storage import NetworkProtocol, NetworkSource, StorageHost
from polyvisor.model.domain.devices.video import Video, VideoModel, VideoType
from polyvisor.units import scaled

MAC_PREFIX = "52:54:00"
"""The first half of every generated hardware address: locally administered, as QEMU and libvirt use it."""


def generate_mac() -> str:
    """A hardware address for a guest: :data:`MAC_PREFIX` and 24 random bits."""
    return f"{MAC_PREFIX}:{os.urandom(3).hex(':')}"


def alone(device: Element) -> None:
    """Fill in what a device implies whatever guest it is in."""
    for step in spec_of(type(device)).plan("completion", _steps):
        step(device)
    for element in device.walk():
        if isinstance(element, NetworkSource):
            _storage_ports(element)


def _steps(spec: Spec) -> tuple[Callable[[Any], None], ...]:
    """What is filled in for devices of a class."""
    return tuple(step for base, step in _ALONE if issubclass(spec.cls, base))


def together(devices: Devices) -> None:
    """Fill in what devices imply among themselves: hardware addresses, places, numbers, the controllers they need."""
    for step in (_macs, _disk_addresses, _ports, _primary_video, _ccid_slots, _controllers, _controller_numbers):
        step(devices)


# -- one device ---------------------------------------------------------------------------------------


def _disk(disk: Disk) -> None:
    if disk.target.bus is None:
        disk.target.bus = DiskBus.FDC if disk.device == DiskDevice.FLOPPY else bus_of_target(disk.target.dev)
    if disk.device == DiskDevice.CDROM:
        disk.readonly = True
    if disk.driver is not None and disk.driver.cache == "default":
        disk.driver.cache = None


PORT_OF_PROTOCOL = {
    NetworkProtocol.NBD: 10809,
    NetworkProtocol.ISCSI: 3260,
    NetworkProtocol.SHEEPDOG: 7000,
    NetworkProtocol.GLUSTER: 24007,
    NetworkProtocol.VXHS: 9999,
    NetworkProtocol.NFS: 2049,
    NetworkProtocol.HTTP: 80,
    NetworkProtocol.HTTPS: 443,
    NetworkProtocol.FTP: 21,
    NetworkProtocol.FTPS: 990,
    NetworkProtocol.TFTP: 69,
    NetworkProtocol.SSH: 22,
}
"""The port of a storage server that names none; Ceph monitors find theirs by themselves."""


def _storage_ports(source: NetworkSource) -> None:
    hosts: list[StorageHost] = source.hosts
    for host in hosts:
        if host.port is None and host.transport in (None, "tcp") and host.name is not None:
            host.port = PORT_OF_PROTOCOL.get(source.protocol)


def _filesystem(filesystem: Filesystem) -> None:
    filesystem.accessmode = filesystem.accessmode or "passthrough"
    source = filesystem.source
    if isinstance(source, RamExport):
        source.usage, source.units = scaled(source.usage, source.units or "KiB").kib, "KiB"


def _hostdev(hostdev: Hostdev) -> None:
    if hostdev.mode == "subsystem" and hostdev.managed is None:
        hostdev.managed = False


def _channel_or_port(device: CharacterDevice | PassthroughSmartcard) -> None:
    if isinstance(getattr(device, "target", None), NamedChannel):  # whose socket the driver chooses if no path is given
        device.sources = [source for source in device.sources if not _is_bare(source)]
    _endpoints(device)


def _rng(rng: Rng) -> None:
    if isinstance(rng.backend, EgdBackend):
        _endpoints(rng.backend)


def _is_bare(source: CharacterSource) -> bool:
    return isinstance(source, UnixSource) and not source.path and source.reconnect is None


def _endpoints(holder: CharacterDevice | PassthroughSmartcard | EgdBackend) -> None:
    holder.sources.sort(key=lambda source: getattr(source, "mode", None) != "bind")
    for source in holder.sources:
        if isinstance(source, UnixSource | TcpSource | UdpSource) and source.mode is None:
            source.mode = "connect"
    if holder.type == CharacterType.TCP and holder.protocol is None:
        holder.protocol = SocketProtocol(type="raw")


def _graphics(graphics: Graphics) -> None:
    if not isinstance(graphics, Vnc | Spice | Rdp):
        return
    _listens(graphics)
    if isinstance(graphics, Spice):
        _spice_ports(graphics)
    elif isinstance(graphics, Vnc) and not any(isinstance(each, SocketListen | NoListen) for each in graphics.listens):
        _vnc_port(graphics)


def _vnc_port(graphics: Vnc) -> None:
    if graphics.autoport or graphics.port in (None, -1):
        graphics.port, graphics.autoport = -1, True
    else:
        graphics.autoport = False


def _spice_ports(graphics: Spice) -> None:
    if graphics.port == -1 and graphics.tls_port in (None, -1):
        graphics.autoport = True
    if graphics.autoport:
        graphics.port = graphics.tls_port = None
    else:
        graphics.autoport = False if graphics.port or graphics.tls_port else None


def _listens(graphics: Vnc | Spice | Rdp) -> None:
    first: Listen | None = graphics.listens[0] if graphics.listens else None
    if isinstance(graphics, Vnc) and graphics.socket and not isinstance(first, SocketListen):
        graphics.listens = [SocketListen(socket=graphics.socket)]
        graphics.listen_address = None
        return
    if first is None:
        first = _nowhere(graphics) or AddressListen(address=graphics.listen_address)
        graphics.listens = [first]
    if isinstance(first, AddressListen):
        first.address = first.address or graphics.listen_address
        graphics.listen_address = graphics.listen_address or first.address
    elif isinstance(first, NetworkListen):
        graphics.listen_address = graphics.listen_address or first.address
    elif isinstance(first, SocketListen):
        graphics.listen_address = None
        if isinstance(graphics, Vnc):
            graphics.socket = graphics.socket or first.socket


def _nowhere(graphics: Vnc | Spice | Rdp) -> NoListen | None:
    """What a SPICE server listens on that asks for no port: nothing, it is handed its connections."""
    if not isinstance(graphics, Spice) or graphics.autoport or graphics.listen_address:
        return None
    return None if graphics.port or graphics.tls_port else NoListen()


def _video(video: Video) -> None:
    model = video.model
    if model is None:
        return
    if model.heads is None and model.type != VideoType.NONE:
        model.heads = 1
    if model.primary is False:
        model.primary = None


_ALONE: tuple[tuple[type[Element], Callable[[Any], None]], ...] = (
    (Disk, _disk),
    (Filesystem, _filesystem),
    (Hostdev, _hostdev),
    (CharacterDevice, _channel_or_port),
    (PassthroughSmartcard, _channel_or_port),
    (Rng, _rng),
    (Graphics, _graphics),
    (Video, _video),
)

# -- all devices --------------------------------------------------------------------------------------


def _macs(devices: Devices) -> None:
    taken = {each.mac.address for each in devices.interfaces if each.mac}
    for interface in devices.interfaces:
        if interface.mac is None:
            address = next(mac for mac in iter(generate_mac, "") if mac not in taken)
            taken.add(address)
            interface.mac = Mac(address=address)


def _disk_addresses(devices: Devices) -> None:
    for disk in devices.disks:
        if disk.address is None:
            disk.address = drive_address(disk)


UNITS_OF_BUS: dict[DiskBus, tuple[int, int]] = {
    DiskBus.IDE: (2, 2),
    DiskBus.SCSI: (1, 7),
    DiskBus.FDC: (1, 2),
    DiskBus.SATA: (1, 6),
}
"""Buses of a controller and units of a bus, for the disk buses whose places follow from target names."""


def drive_address(disk: Disk) -> DriveAddress | None:
    """The place that a disk's target name implies: ``hdc`` is the first unit of the second IDE bus.

    None for buses where a name implies no place."""
    layout = UNITS_OF_BUS.get(disk.target.bus) if disk.target.bus else None
    index = target_index(disk.target.dev) if layout is not None else None
    if layout is None or index is None:
        return None
    buses, units = layout
    controller, place = divmod(index, buses * units)
    return DriveAddress(controller=controller, bus=place // units, target=0, unit=place % units)


def pair_console(devices: Devices) -> None:
    """Make the first console of a machine with serial ports and its first serial port one device under two names."""
    first = devices.consoles[0] if devices.consoles else None
    paired = first is not None and (first.target is None or first.target.type in (None, ConsoleTargetType.SERIAL))
    if first is not None and paired and not devices.serials:
        devices.serials.append(_serial_of(first))
    _serial_ports(devices)
    if not devices.serials:
        return
    if paired:
        devices.consoles[0] = _console_of(devices.serials[0])
    elif _is_console(devices.serials[0]):
        devices.consoles.insert(0, _console_of(devices.serials[0]))


def _is_console(serial: Serial) -> bool:
    kind = serial.target.type if serial.target else None
    return kind in (None, "isa-serial", "spapr-vio-serial", "system-serial", "sclp-serial")


def _serial_of(console: Console) -> Serial:
    port = console.target.port if console.target else None
    shared = {name: getattr(console, name) for name in _SHARED_BY_CONSOLE}
    return Serial(**shared, target=SerialTarget(port=port or 0)).copy()


def _console_of(serial: Serial) -> Console:
    port = serial.target.port if serial.target else None
    shared = {name: getattr(serial, name) for name in _SHARED_BY_CONSOLE}
    return Console(**shared, target=ConsoleTarget(type=ConsoleTargetType.SERIAL, port=port)).copy()


_SHARED_BY_CONSOLE = ("type", "sources", "protocol", "log", "alias", "address")


def _ports(devices: Devices) -> None:
    _serial_ports(devices)
    for parallel in devices.parallels:
        parallel.target = parallel.target or ParallelTarget()
    _number((device.target for device in devices.parallels), "port")
    for index, console in enumerate(devices.consoles):
        console.target = console.target or ConsoleTarget()
        if console.target.port is None or console.target.type != ConsoleTargetType.SERIAL:
            console.target.port = index


def _serial_ports(devices: Devices) -> None:
    for serial in devices.serials:
        serial.target = serial.target or SerialTarget()
    _number((device.target for device in devices.serials), "port")


def _number(elements: Iterable[Any], name: str) -> None:
    """Give each element without a number the lowest one that is free."""
    listed = list(elements)
    taken = {getattr(element, name) for element in listed}
    if None not in taken:
        return
    free = (number for number in count() if number not in taken)
    for element in listed:
        if getattr(element, name) is None:
            setattr(element, name, next(free))


def _primary_video(devices: Devices) -> None:
    models: list[VideoModel] = [video.model for video in devices.videos if video.model is not None]
    if models and models[0].type != VideoType.NONE and not any(model.primary for model in models):
        models[0].primary = True


def _ccid_slots(devices: Devices) -> None:
    taken = {
        (card.address.controller, card.address.slot)
        for card in devices.smartcards
        if isinstance(card.address, CcidAddress)
    }
    free = (slot for slot in count() if (0, slot) not in taken)
    for card in devices.smartcards:
        if card.address is None:
            card.address = CcidAddress(controller=0, slot=next(free))


def _controllers(devices: Devices) -> None:
    """Add the controllers that devices are plugged into; an unnumbered one may turn out to be any of them."""
    for kind, make in _IMPLIED_CONTROLLERS.items():
        used = set(_used_controllers(devices, kind))
        if not used:
            continue
        present = [controller.index for controller in devices.controllers if controller.type == kind]
        missing = sorted(used.difference(present))
        devices.controllers += [make(index) for index in missing[present.count(None) :]]


def _controller_numbers(devices: Devices) -> None:
    for kind in {controller.type for controller in devices.controllers}:
        _number((controller for controller in devices.controllers if controller.type == kind), "index")


def _used_controllers(devices: Devices, kind: str) -> Iterator[int]:
    """The numbers of controllers of a kind that there must be; those of disk buses have no gaps."""
    match kind:
        case "ccid":
            slots = [card.address for card in devices.smartcards]
            yield from (slot.controller or 0 for slot in slots if isinstance(slot, CcidAddress))
        case "virtio-serial":
            ported: list[Channel | Console] = [*devices.channels, *devices.consoles]
            for device in ported:
                if device.target is not None and device.target.type == "virtio":
                    yield device.address.controller if isinstance(device.address, VirtioSerialAddress) else 0
        case _:
            plugged = [disk.address for disk in devices.disks if disk.target.bus == kind]
            if kind == "scsi":
                plugged += [hostdev.address for hostdev in devices.hostdevs if hostdev.type == "scsi"]
            drives = [address.controller or 0 for address in plugged if isinstance(address, DriveAddress)]
            yield from range(max(drives, default=-1) + 1)


_IMPLIED_CONTROLLERS: dict[str, Callable[[int], Controller]] = {
    "ide": lambda index: IdeController(index=index),
    "scsi": lambda index: ScsiController(index=index),
    "fdc": lambda index: PlainController(type=ControllerType.FDC, index=index),
    "sata": lambda index: PlainController(type=ControllerType.SATA, index=index),
    "virtio-serial": lambda index: VirtioSerialController(index=index),
    "ccid": lambda index: PlainController(type=ControllerType.CCID, index=index),
}
