"""What every hypervisor fills in: the same implied values for all, so that no driver can forget one.

What depends on the hypervisor (machine types, emulators, device models, PCI places) is left to the driver.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable
from itertools import count

from polyvisor.documents import Element, Fault
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain import Domain
from polyvisor.model.domain.address import CcidAddress, DriveAddress, VirtioSerialAddress
from polyvisor.model.domain.clock import HostClock
from polyvisor.model.domain.consistency import check, modules_kib
from polyvisor.model.domain.devices import Devices
from polyvisor.model.domain.devices.chardev import (
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
    IdeController,
    PlainController,
    ScsiController,
    VirtioSerialController,
)
from polyvisor.model.domain.devices.disk import Disk, DiskBus, DiskDevice, bus_of_target, target_index
from polyvisor.model.domain.devices.graphics import (
    AddressListen,
    Listen,
    NetworkListen,
    Rdp,
    SocketListen,
    Spice,
    Vnc,
)
from polyvisor.model.domain.devices.interface import Mac
from polyvisor.model.domain.devices.redirection import PassthroughSmartcard
from polyvisor.model.domain.devices.rng import EgdBackend
from polyvisor.model.domain.devices.video import Video
from polyvisor.model.domain.events import CrashAction, LifecycleAction
from polyvisor.model.domain.memory import Amount, CurrentMemory, Kibibytes, Memory
from polyvisor.model.domain.os import Boot, BootDevice, GuestType, OperatingSystem, OsType
from polyvisor.model.domain.tuning import Iothread, Vcpu

MAC_PREFIX = "52:54:00"
"""The first half of every generated hardware address: locally administered, as QEMU and libvirt use it."""

__all__ = ["MAC_PREFIX", "check", "complete", "complete_device", "generate_mac"]


def complete(domain: Domain, *, new: bool = True) -> Domain:
    """Fill in, in place, what the document implies on every hypervisor; returns ``domain``.

    ``new`` is a guest that is being defined, whose memory follows from its NUMA cells; not so one that exists already.
    Running it again changes nothing. It does not :func:`check`: a driver completes first what is its own.
    Raises InvalidDocument when the document says nothing of what boots."""
    if domain.devices is None:
        domain.devices = Devices()
    for step in _STEPS:
        if new or step not in _FOR_NEW_GUESTS:
            step(domain)
    return domain


def complete_device(device: Element) -> Element:
    """Fill in, in place, what a device on its own implies, so that it compares with one in a guest; returns it.

    What identifies a device or depends on its neighbours (MAC, address, alias, numbers) is left out: see
    :func:`complete` for the guest that it goes into."""
    alone = Domain(type="test", name="alone", devices=[device])
    for step in _STEPS_OF_DEVICES:
        step(alone)
    return device


def generate_mac() -> str:
    """A hardware address for a guest: :data:`MAC_PREFIX` and 24 random bits."""
    return f"{MAC_PREFIX}:{os.urandom(3).hex(':')}"


def _identity(domain: Domain) -> None:
    if domain.uuid is None:
        domain.uuid = str(uuid.uuid4())
    if domain.genid is not None and not domain.genid.uuid:
        domain.genid.uuid = str(uuid.uuid4())


def _operating_system(domain: Domain) -> None:
    if vars(domain)["os"] is not None:  # which its type promises of completed domains only
        return
    if domain.bootloader is None:
        raise InvalidDocument(
            f"the document of domain '{domain.name}' does not say what boots",
            faults=[
                Fault("/domain", domain.line, "there is neither <os> nor <bootloader>", expected=("os", "bootloader"))
            ],
        )
    domain.os = OperatingSystem(type=GuestType(value=OsType.XEN))


def _amounts_in_kib(domain: Domain) -> None:
    for element in domain.walk():
        if isinstance(element, Kibibytes):
            _in_kib(element)
    if domain.memory_backing and domain.memory_backing.hugepages:
        for page in domain.memory_backing.hugepages.pages:
            page.size, page.unit = page.kib, "KiB"


def _in_kib(amount: Amount) -> None:
    amount.value, amount.unit = amount.kib, "KiB"


def _cells(domain: Domain) -> None:
    if domain.cpu is None or domain.cpu.numa is None:
        return
    taken = {cell.id for cell in domain.cpu.numa.cells if cell.id is not None}
    free = (number for number in count() if number not in taken)
    for cell in domain.cpu.numa.cells:
        if cell.id is None:
            cell.id = next(free)
        cell.memory, cell.unit = cell.kib, "KiB"


def _memory_of_cells(domain: Domain) -> None:
    """The cells and the memory modules say how much memory a new guest has, whatever else the document says."""
    if domain.cpu is None or domain.cpu.numa is None:
        return
    total = sum(cell.memory for cell in domain.cpu.numa.cells) + modules_kib(domain)
    if domain.memory is None:
        domain.memory = Memory(value=total)
    domain.memory.value, domain.memory.unit = total, "KiB"
    if domain.current_memory and domain.current_memory.value > total:
        domain.current_memory.value = total


def _current_memory(domain: Domain) -> None:
    if domain.memory and (domain.current_memory is None or domain.current_memory.value == 0):
        domain.current_memory = CurrentMemory(value=domain.memory.value, unit="KiB")


def _processors(domain: Domain) -> None:
    if domain.vcpu is None:
        domain.vcpu = Vcpu(count=1)
    if domain.vcpu.current == domain.vcpu.count:
        domain.vcpu.current = None
    if domain.vcpu.placement is None:
        placed_by_numa = domain.numatune and domain.numatune.memory and domain.numatune.memory.placement == "auto"
        domain.vcpu.placement = "auto" if placed_by_numa and not domain.vcpu.cpuset else "static"


def _iothreads(domain: Domain) -> None:
    listed = domain.iothreadids
    if listed is None:
        return
    if domain.iothreads is None or domain.iothreads < len(listed.iothreads):
        domain.iothreads = len(listed.iothreads)
    taken = {thread.id for thread in listed.iothreads}
    free = (number for number in count(1) if number not in taken)
    missing = domain.iothreads - len(listed.iothreads)
    listed.iothreads += [Iothread(id=next(free)) for _ in range(missing)]


def _lifecycle(domain: Domain) -> None:
    if domain.clock is None:
        domain.clock = HostClock(offset="utc")
    if domain.on_poweroff is None:
        domain.on_poweroff = LifecycleAction.DESTROY
    if domain.on_reboot is None:
        domain.on_reboot = LifecycleAction.RESTART
    if domain.on_crash is None:
        domain.on_crash = CrashAction.DESTROY


def _boot_order(domain: Domain) -> None:
    ordered = any(getattr(device, "boot", None) for device in _devices(domain))
    if domain.os.type.value == OsType.HVM and not domain.os.boot and not ordered:
        domain.os.boot = [Boot(dev=BootDevice.HD)]


def _disks(domain: Domain) -> None:
    for disk in _devices(domain).disks:
        if disk.target.bus is None:
            disk.target.bus = DiskBus.FDC if disk.device == DiskDevice.FLOPPY else bus_of_target(disk.target.dev)
        if disk.device == DiskDevice.CDROM:
            disk.readonly = True


def _disk_addresses(domain: Domain) -> None:
    for disk in _devices(domain).disks:
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
    index = target_index(disk.target.dev)
    if layout is None or index is None:
        return None
    buses, units = layout
    controller, place = divmod(index, buses * units)
    return DriveAddress(controller=controller, bus=place // units, target=0, unit=place % units)


def _interfaces(domain: Domain) -> None:
    taken = {each.mac.address for each in _devices(domain).interfaces if each.mac}
    for interface in _devices(domain).interfaces:
        if interface.mac is None:
            address = next(mac for mac in iter(generate_mac, "") if mac not in taken)
            taken.add(address)
            interface.mac = Mac(address=address)


def _consoles(domain: Domain) -> None:
    """The first console of a machine with serial ports and its first serial port are one device under two names."""
    devices = _devices(domain)
    if domain.os.type.value != OsType.HVM:
        return
    first = devices.consoles[0] if devices.consoles else None
    if first is not None and (first.target is None or first.target.type in (None, ConsoleTargetType.SERIAL)):
        if not devices.serials:
            devices.serials.append(_serial_of(first))
        devices.consoles[0] = _console_of(devices.serials[0], first.target.port if first.target else None)
    elif first is None and devices.serials and _is_console(devices.serials[0]):
        devices.consoles.append(_console_of(devices.serials[0], None))


def _is_console(serial: Serial) -> bool:
    kind = serial.target.type if serial.target else None
    return kind in (None, "isa-serial", "spapr-vio-serial", "system-serial", "sclp-serial")


def _serial_of(console: Console) -> Serial:
    port = console.target.port if console.target else None
    shared = {name: getattr(console, name) for name in _SHARED_BY_CONSOLE}
    return Serial(**shared, target=SerialTarget(port=port or 0)).copy()


def _console_of(serial: Serial, port: int | None) -> Console:
    shared = {name: getattr(serial, name) for name in _SHARED_BY_CONSOLE}
    return Console(**shared, target=ConsoleTarget(type=ConsoleTargetType.SERIAL, port=port or 0)).copy()


_SHARED_BY_CONSOLE = ("type", "sources", "protocol", "log", "alias", "address")


def _ports(domain: Domain) -> None:
    devices = _devices(domain)
    for serial in devices.serials:
        serial.target = serial.target or SerialTarget()
    for parallel in devices.parallels:
        parallel.target = parallel.target or ParallelTarget()
    for console in devices.consoles:
        console.target = console.target or ConsoleTarget()
    for group in (devices.serials, devices.parallels, devices.consoles):
        targets = [device.target for device in group if device.target is not None]
        taken = {target.port for target in targets}
        free = (number for number in count() if number not in taken)
        for target in targets:
            if target.port is None:
                target.port = next(free)


def _sockets(domain: Domain) -> None:
    devices = _devices(domain)
    for channel in devices.channels:
        if isinstance(channel.target, NamedChannel):  # whose socket the driver chooses, unless a path is given
            channel.sources = [each for each in channel.sources if not _is_bare(each)]
    for holder in _character_devices(devices):
        holder.sources.sort(key=lambda source: getattr(source, "mode", None) != "bind")
        for source in holder.sources:
            if isinstance(source, UnixSource | TcpSource | UdpSource) and source.mode is None:
                source.mode = "connect"
        if holder.type == CharacterType.TCP and holder.protocol is None:
            holder.protocol = SocketProtocol(type="raw")


def _is_bare(source: CharacterSource) -> bool:
    return isinstance(source, UnixSource) and not source.path and source.reconnect is None


def _character_devices(devices: Devices) -> Iterable[CharacterDevice | EgdBackend | PassthroughSmartcard]:
    for device in devices:
        if isinstance(device, CharacterDevice | PassthroughSmartcard):
            yield device
    for rng in devices.rngs:
        if isinstance(rng.backend, EgdBackend):
            yield rng.backend


def _graphics(domain: Domain) -> None:
    for graphics in _devices(domain).graphics:
        if isinstance(graphics, Vnc | Spice | Rdp):
            _listens(graphics)
            _server_port(graphics)


def _server_port(graphics: Vnc | Spice | Rdp) -> None:
    if any(isinstance(listen, SocketListen) for listen in graphics.listens):
        return
    if isinstance(graphics, Spice):
        asked = graphics.port is not None or graphics.tls_port is not None
        if graphics.autoport is None:
            graphics.autoport = not asked or (graphics.port in (None, -1) and graphics.tls_port in (None, -1))
        return
    if graphics.autoport or graphics.port in (None, -1):
        graphics.port, graphics.autoport = -1, True
    else:
        graphics.autoport = False


def _first(listens: list[Listen]) -> Listen | None:
    return listens[0] if listens else None


def _listens(graphics: Vnc | Spice | Rdp) -> None:
    if isinstance(graphics, Vnc) and graphics.socket and not isinstance(_first(graphics.listens), SocketListen):
        graphics.listens = [SocketListen(socket=graphics.socket)]
        graphics.listen_address = None
        return
    if not graphics.listens:
        graphics.listens = [AddressListen(address=graphics.listen_address)]
    first: Listen = graphics.listens[0]
    if isinstance(first, AddressListen):
        first.address = first.address or graphics.listen_address
        graphics.listen_address = graphics.listen_address or first.address
    elif isinstance(first, NetworkListen):
        graphics.listen_address = graphics.listen_address or first.address
    elif isinstance(first, SocketListen):
        graphics.listen_address = None
        if isinstance(graphics, Vnc):
            graphics.socket = graphics.socket or first.socket


def _heads(domain: Domain) -> None:
    for video in _devices(domain).videos:
        if video.model and video.model.heads is None and video.model.type != "none":
            video.model.heads = 1


def _primary_video(domain: Domain) -> None:
    videos: list[Video] = _devices(domain).videos
    models = [video.model for video in videos if video.model is not None]
    if models and not any(model.primary for model in models):
        models[0].primary = True


def _controllers(domain: Domain) -> None:
    devices = _devices(domain)
    _assign_ccid(devices)
    for kind, make in _IMPLIED_CONTROLLERS.items():
        highest = max(_used_controllers(devices, kind), default=-1)
        present = {controller.index for controller in devices.controllers if controller.type == kind}
        unnumbered = sum(
            1 for controller in devices.controllers if controller.type == kind and controller.index is None
        )
        missing = [index for index in range(highest + 1) if index not in present]
        devices.controllers += [make(index) for index in missing[unnumbered:]]
    for kind in {controller.type for controller in devices.controllers}:
        alike = [controller for controller in devices.controllers if controller.type == kind]
        taken = {controller.index for controller in alike}
        free = (number for number in count() if number not in taken)
        for controller in alike:
            if controller.index is None:
                controller.index = next(free)


def _assign_ccid(devices: Devices) -> None:
    taken = {
        (card.address.controller, card.address.slot)
        for card in devices.smartcards
        if isinstance(card.address, CcidAddress)
    }
    free = (slot for slot in count() if (0, slot) not in taken)
    for card in devices.smartcards:
        if card.address is None:
            card.address = CcidAddress(controller=0, slot=next(free))


def _used_controllers(devices: Devices, kind: str) -> set[int]:
    """The numbers of controllers of a kind that devices are plugged into."""
    used: set[int] = set()
    for disk in devices.disks:
        if isinstance(disk.address, DriveAddress) and disk.target.bus == kind:
            used.add(disk.address.controller or 0)
    if kind == "ccid":
        used |= {card.address.controller or 0 for card in devices.smartcards if isinstance(card.address, CcidAddress)}
    if kind == "virtio-serial":
        ported: list[Element] = [channel for channel in devices.channels if channel.target.type == "virtio"]
        ported += [console for console in devices.consoles if console.target and console.target.type == "virtio"]
        for device in ported:
            address = getattr(device, "address", None)
            used.add((address.controller or 0) if isinstance(address, VirtioSerialAddress) else 0)
    if kind == "scsi":
        for hostdev in devices.hostdevs:
            if hostdev.type == "scsi" and isinstance(hostdev.address, DriveAddress):
                used.add(hostdev.address.controller or 0)
    return used


_IMPLIED_CONTROLLERS: dict[str, Callable[[int], Controller]] = {
    "ide": lambda index: IdeController(index=index),
    "scsi": lambda index: ScsiController(index=index),
    "fdc": lambda index: PlainController(type="fdc", index=index),
    "sata": lambda index: PlainController(type="sata", index=index),
    "virtio-serial": lambda index: VirtioSerialController(index=index),
    "ccid": lambda index: PlainController(type="ccid", index=index),
}


def _devices(domain: Domain) -> Devices:
    assert domain.devices is not None
    return domain.devices


_STEPS: tuple[Callable[[Domain], None], ...] = (
    _operating_system,
    _identity,
    _amounts_in_kib,
    _cells,
    _memory_of_cells,
    _current_memory,
    _processors,
    _iothreads,
    _lifecycle,
    _boot_order,
    _disks,
    _disk_addresses,
    _interfaces,
    _sockets,
    _consoles,
    _ports,
    _graphics,
    _heads,
    _primary_video,
    _controllers,
)
"""In this order: later steps build on what earlier ones filled in."""

_FOR_NEW_GUESTS = frozenset({_memory_of_cells})

_STEPS_OF_DEVICES = (_amounts_in_kib, _disks, _sockets, _graphics, _heads)
"""What needs no more than the device itself."""
