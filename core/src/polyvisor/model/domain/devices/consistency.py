"""Contradictions within a device, and between the devices of one guest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from polyvisor.documents import Element
from polyvisor.documents.binding import Spec
from polyvisor.documents.classes import spec_of
from polyvisor.model.contradictions import Contradiction, repeated
from polyvisor.model.domain.address import (
    Address,
    Alias,
    DimmAddress,
    DriveAddress,
    PciAddress,
    SpaprVioAddress,
    UsbAddress,
)
from polyvisor.model.domain.devices import Devices
from polyvisor.model.domain.devices.chardev import (
    CharacterDevice,
    CharacterType,
    NamedChannel,
    TcpSource,
    UdpSource,
    UnixSource,
)
from polyvisor.model.domain.devices.controller import Controller, PciController, UsbController
from polyvisor.model.domain.devices.disk import Disk, DiskBus, DiskDevice, DiskType, target_index
from polyvisor.model.domain.devices.graphics import AddressListen, Graphics, Rdp, SocketListen, Spice, Vnc
from polyvisor.model.domain.devices.hostdev import Hostdev, UsbSource
from polyvisor.model.domain.devices.memory import MemoryDevice, PmemTarget, VirtioMemTarget
from polyvisor.model.domain.devices.redirection import PassthroughSmartcard
from polyvisor.model.domain.devices.rng import EgdBackend, Rng
from polyvisor.model.domain.devices.storage import IscsiSource, NetworkProtocol, NetworkSource, RbdSource
from polyvisor.model.domain.tuning import IoLimits


def alone(device: Element) -> Iterator[Contradiction]:
    """What contradicts itself within one device, whatever guest it belongs to."""
    for rule in spec_of(type(device)).plan("contradictions", _rules):
        yield from rule(device)
    address = getattr(device, "address", None)
    if isinstance(address, PciAddress) and address.zpci is not None and address.zpci.uid == 0:
        yield Contradiction(address.zpci, "the uid of a zPCI function is at least 0x0001", "uid")


def _rules(spec: Spec) -> tuple[Callable[[Any], Iterator[Contradiction]], ...]:
    """The rules for devices of a class."""
    return tuple(rule for base, rule in _ALONE if issubclass(spec.cls, base))


def together(devices: Devices) -> Iterator[Contradiction]:
    """What devices contradict among themselves: names, numbers, aliases and places that only one of them can have."""
    for rule in (_names, _aliases, _addresses, _memory_ranges, _host_devices):
        yield from rule(devices)


# -- one device ---------------------------------------------------------------------------------------


def _disk(disk: Disk) -> Iterator[Contradiction]:
    target = disk.target
    if disk.device == DiskDevice.FLOPPY and target.bus not in (None, DiskBus.FDC):
        yield Contradiction(target, f"a floppy cannot be on the {target.bus} bus", "bus")
    if target.bus == DiskBus.FDC and disk.device != DiskDevice.FLOPPY:
        yield Contradiction(target, f"a {disk.device} cannot be on the fdc bus", "bus")
    if (disk.rawio is not None or disk.sgio is not None) and disk.device != DiskDevice.LUN:
        yield Contradiction(disk, "rawio and sgio go with device='lun' only")
    if disk.device == DiskDevice.LUN and disk.source is not None and not _can_be_lun(disk):
        message = "device='lun' needs a block device, an iSCSI unit or a volume behind it"
        yield Contradiction(disk, message, "device")
    for name, most in (("vendor", 8), ("product", 16)):
        if len(getattr(disk, name) or "") > most:
            yield Contradiction(disk, f"<{name}> has more than {most} characters", child=name)
    yield from _disk_place(disk)
    yield from _disk_secret(disk)
    if disk.iotune is not None:
        yield from io_limits(disk.iotune)


def _can_be_lun(disk: Disk) -> bool:
    if disk.type == DiskType.NETWORK and isinstance(disk.source, NetworkSource):
        return disk.source.protocol == NetworkProtocol.ISCSI
    return disk.type in (DiskType.BLOCK, DiskType.VOLUME)


ADDRESS_OF_BUS: dict[DiskBus, type[Address]] = {
    DiskBus.IDE: DriveAddress,
    DiskBus.SCSI: DriveAddress,
    DiskBus.SATA: DriveAddress,
    DiskBus.FDC: DriveAddress,
    DiskBus.USB: UsbAddress,
}
"""The only type of address that a disk on a bus can have."""


def _disk_place(disk: Disk) -> Iterator[Contradiction]:
    expected = ADDRESS_OF_BUS.get(disk.target.bus) if disk.target.bus else None
    if expected is None:
        return
    if disk.address is not None and not isinstance(disk.address, expected):
        message = f"a disk on the {disk.target.bus} bus cannot have an address of type {disk.address.type}"
        yield Contradiction(disk.address, message, "type")
    elif disk.address is None and expected is DriveAddress and target_index(disk.target.dev) is None:
        message = f"the name {disk.target.dev!r} says no place on the {disk.target.bus} bus, nor does an address"
        yield Contradiction(disk.target, message, "dev")


def _disk_secret(disk: Disk) -> Iterator[Contradiction]:
    source = disk.source
    wanted = "ceph" if isinstance(source, RbdSource) else "iscsi" if isinstance(source, IscsiSource) else None
    auth = getattr(source, "auth", None) or disk.auth
    if wanted and auth is not None and auth.secret.type != wanted:
        message = f"a secret of type {auth.secret.type} does not open {source.protocol} storage"  # type: ignore[union-attr]
        yield Contradiction(auth.secret, message, "type")


def io_limits(limits: IoLimits) -> Iterator[Contradiction]:
    """Totals that stand beside the parts they are the total of."""
    for unit in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
        total, read, write = (getattr(limits, f"{side}_{unit}") for side in ("total", "read", "write"))
        if total and (read or write):
            yield Contradiction(limits, f"total_{unit} cannot be set together with read_{unit} or write_{unit}")


def _controller(controller: Controller) -> Iterator[Contradiction]:
    driver = getattr(controller, "driver", None)
    if driver is not None and (driver.iothread or driver.iothreads):
        model = getattr(controller, "model", None)
        if controller.type != "scsi" or not (model is None or str(model).startswith("virtio")):
            yield Contradiction(driver, "only virtio-scsi controllers are served by I/O threads")
    if isinstance(controller, PciController) and controller.model in ("pci-root", "pcie-root") and controller.address:
        yield Contradiction(controller.address, f"the {controller.model} controller is in no slot itself")


def _endpoints_of(device: CharacterDevice | PassthroughSmartcard) -> Iterator[Contradiction]:
    yield from _endpoints(device, device)


def _endpoints_of_rng(rng: Rng) -> Iterator[Contradiction]:
    if isinstance(rng.backend, EgdBackend):
        yield from _endpoints(rng, rng.backend)


def _endpoints(device: Element, holder: CharacterDevice | PassthroughSmartcard | EgdBackend) -> Iterator[Contradiction]:
    sources = holder.sources
    if len(sources) > (2 if holder.type == CharacterType.UDP else 1):
        yield Contradiction(sources[1], f"a device of type {holder.type} has one source")
    if holder.type in _NEEDS_SOURCE and not sources and not _chosen_by_driver(device):
        yield Contradiction(device, f"a device of type {holder.type} needs a <source>")
    for source in sources:
        match source:
            case UnixSource() if not source.path and not _chosen_by_driver(device):
                yield Contradiction(source, "the UNIX socket has no path")
            case TcpSource():
                for name in ("host", "service"):
                    if not getattr(source, name):
                        yield Contradiction(source, f"the TCP socket has no {name}")
            case UdpSource() if source.mode != "bind" and not source.service:
                yield Contradiction(source, "the UDP socket has no service (a port) to connect to")
        reconnect = getattr(source, "reconnect", None)
        if reconnect is not None and reconnect.enabled and getattr(source, "mode", None) == "bind":
            yield Contradiction(reconnect, "only a socket that connects can connect again: mode is bind")


_NEEDS_SOURCE = frozenset({CharacterType.UNIX, CharacterType.TCP, CharacterType.FILE, CharacterType.PIPE})


def _chosen_by_driver(device: Element) -> bool:
    """Whether the driver picks the socket's path: it does for named channels."""
    return isinstance(getattr(device, "target", None), NamedChannel)


def _graphics(graphics: Graphics) -> Iterator[Contradiction]:
    if not isinstance(graphics, Vnc | Spice | Rdp):
        return
    first = graphics.listens[0] if graphics.listens else None
    said = graphics.listen_address
    if isinstance(first, AddressListen) and said and first.address and said != first.address:
        message = f"the attribute says to listen on {said}, the first <listen> on {first.address}"
        yield Contradiction(graphics, message, "listen")
    socket = graphics.socket if isinstance(graphics, Vnc) else None
    if isinstance(first, SocketListen) and socket and first.socket and socket != first.socket:
        message = f"the attribute names socket {socket}, the first <listen> {first.socket}"
        yield Contradiction(graphics, message, "socket")


def _hostdev(hostdev: Hostdev) -> Iterator[Contradiction]:
    source = hostdev.source
    by_number = isinstance(source, UsbSource) and source.vendor is not None and source.product is not None
    if isinstance(source, UsbSource) and source.address is None and not by_number:
        yield Contradiction(source, "a USB device is named by vendor and product, or by address")


_ALONE: tuple[tuple[type[Element], Callable[[Any], Iterator[Contradiction]]], ...] = (
    (Disk, _disk),
    (Controller, _controller),
    (CharacterDevice, _endpoints_of),
    (PassthroughSmartcard, _endpoints_of),
    (Rng, _endpoints_of_rng),
    (Graphics, _graphics),
    (Hostdev, _hostdev),
)

# -- several devices ------------------------------------------------------------------------------------


def _names(devices: Devices) -> Iterator[Contradiction]:
    for name, disk in repeated((disk.target.dev, disk) for disk in devices.disks):
        yield Contradiction(disk, f"two disks are called {name!r}")
    numbered = [each for each in devices.controllers if each.index is not None and not _is_companion(each)]
    for key, controller in repeated(((each.type, each.index), each) for each in numbered):
        yield Contradiction(controller, f"two controllers of type {key[0]} have index {key[1]}", "index")
    for number, audio in repeated((audio.id, audio) for audio in devices.audios):
        yield Contradiction(audio, f"two audio systems have number {number}", "id")
    primary = [video for video in devices.videos if video.model and video.model.primary]
    for video in primary[1:]:
        yield Contradiction(video, "only one video device can be primary")


def _is_companion(controller: Controller) -> bool:
    """Whether it is one of the slow USB controllers that share a fast one's number."""
    return isinstance(controller, UsbController) and (controller.model or "").startswith("ich9-uhci")


def _aliases(devices: Devices) -> Iterator[Contradiction]:
    console = devices.consoles[0] if devices.consoles and devices.serials else None
    named: list[tuple[str, Element]] = []
    for device in devices:
        alias: Alias | None = getattr(device, "alias", None)
        if alias is not None and not (device is console and alias == devices.serials[0].alias):
            named.append((alias.name, device))
    for name, device in repeated(named):
        yield Contradiction(device, f"two devices have the alias {name!r}")


def _addresses(devices: Devices) -> Iterator[Contradiction]:
    first_console = devices.consoles[0] if devices.consoles and devices.serials else None
    places = [(_place(device), device) for device in devices if device is not first_console]
    for place, device in repeated((place, device) for place, device in places if place is not None):
        where = " ".join(map(str, place))
        yield Contradiction(getattr(device, "address", device), f"two devices are at {where}")


def _place(device: Element) -> tuple[Any, ...] | None:
    """What no two devices can share: the bus and the place on it."""
    address = getattr(device, "address", None)
    if address is None:
        return None
    match address:
        case PciAddress() if address.slot is not None or address.bus is not None:
            return ("PCI address", str(address))
        case DriveAddress():
            bus = device.target.bus if isinstance(device, Disk) else "scsi"
            numbers = (address.controller or 0, address.bus or 0, address.target or 0, address.unit or 0)
            return (bus, "address", ":".join(map(str, numbers)))
        case UsbAddress() if address.port:
            return ("USB port", f"{address.bus}:{address.port}")
        case SpaprVioAddress() if address.reg is not None:
            return ("spapr-vio register", f"{address.reg:#x}")
        case DimmAddress() if address.slot is not None:
            return ("memory slot", address.slot)
    return None


def _memory_ranges(devices: Devices) -> Iterator[Contradiction]:
    ranges = [
        (base, base + module.target.size.size, module)  # type: ignore[attr-defined]
        for module in devices.memories
        if (base := _base(module)) is not None
    ]
    ranges.sort(key=lambda entry: entry[:2])
    for (_, end, _), (start, _, module) in pairwise(ranges):
        if start < end:
            yield Contradiction(module, f"the module at {start:#x} overlaps with another that reaches to {end:#x}")


def _base(module: MemoryDevice) -> int | None:
    """The guest physical address of a module, in bytes; None when the driver chooses it."""
    target = getattr(module, "target", None)
    if isinstance(target, PmemTarget | VirtioMemTarget):
        return target.address.base if target.address else None
    address = getattr(module, "address", None)
    return address.base if isinstance(address, DimmAddress) else None


def _host_devices(devices: Devices) -> Iterator[Contradiction]:
    for number, hostdev in enumerate(devices.hostdevs):
        if any(_same_host_device(hostdev, other) for other in devices.hostdevs[:number]):
            yield Contradiction(hostdev, "the same device of the host is given to the guest twice")


def _same_host_device(one: Hostdev, other: Hostdev) -> bool:
    return (one.mode, one.type) == (other.mode, other.type) and one.source == other.source
