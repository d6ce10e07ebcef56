"""Contradictions in a domain document that no grammar can see, such as two disks with one name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from polyvisor.documents import Element
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, refuse, repeated
from polyvisor.model.domain import Domain
from polyvisor.model.domain.address import Alias, BootOrder, DimmAddress, DriveAddress, PciAddress, UsbAddress
from polyvisor.model.domain.devices import Devices
from polyvisor.model.domain.devices.chardev import (
    CharacterDevice,
    CharacterType,
    NamedChannel,
    TcpSource,
    UdpSource,
    UnixSource,
)
from polyvisor.model.domain.devices.controller import Controller, UsbController
from polyvisor.model.domain.devices.disk import DiskBus, DiskDevice
from polyvisor.model.domain.devices.graphics import AddressListen, Rdp, SocketListen, Spice, Vnc
from polyvisor.model.domain.devices.hostdev import UsbSource
from polyvisor.model.domain.devices.memory import MemoryDevice
from polyvisor.model.domain.devices.redirection import PassthroughSmartcard
from polyvisor.model.domain.devices.rng import EgdBackend
from polyvisor.model.domain.tuning import IoLimits


def check(domain: Domain) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(domain, f"domain '{domain.name}'", (contradiction for rule in _RULES for contradiction in rule(domain)))


def cpu_numbers(cpuset: str) -> set[int]:
    """The CPU numbers of a set such as ``0-3,8,^2``; ValueError for a range that runs backwards."""
    chosen: set[int] = set()
    for part in cpuset.split(","):
        if part.startswith("^"):
            chosen.discard(int(part[1:]))
            continue
        first, _, last = part.partition("-")
        if last and int(last) < int(first):
            raise ValueError(f"the range {part} runs backwards")
        chosen.update(range(int(first), int(last or first) + 1))
    return chosen


def modules_kib(domain: Domain) -> int:
    """What the memory modules hold, in KiB; ``<memory>`` counts them in."""
    return sum(module.target.size.kib for module in _of(domain, MemoryDevice))


def _name(domain: Domain) -> Iterator[Contradiction]:
    if "/" in domain.name:
        yield Contradiction(domain, f"the name {domain.name!r} contains '/', which no name may", child="name")
    if not domain.name.strip():
        yield Contradiction(domain, "the name is blank", child="name")


def _memory(domain: Domain) -> Iterator[Contradiction]:
    if domain.memory is not None and domain.memory.value == 0:
        yield Contradiction(domain.memory, "the guest has no memory")
    total = domain.memory_kib
    if domain.memory and domain.current_memory and domain.current_memory.kib > total:
        message = f"currentMemory is {domain.current_memory.kib} KiB, more than the {total} KiB the guest has"
        yield Contradiction(domain.current_memory, message)
    if domain.max_memory and domain.memory and domain.max_memory.kib < total:
        message = f"maxMemory is {domain.max_memory.kib} KiB, less than the {total} KiB the guest begins with"
        yield Contradiction(domain.max_memory, message)
    if (modules := modules_kib(domain)) and modules >= total:
        message = f"memory is {total} KiB and counts the memory modules, but these alone have {modules} KiB"
        yield Contradiction(domain.memory or domain, message)


def _processors(domain: Domain) -> Iterator[Contradiction]:
    vcpu = domain.vcpu
    if vcpu and vcpu.current and vcpu.current > vcpu.count:
        yield Contradiction(vcpu, f"{vcpu.current} CPUs are current of only {vcpu.count}", "current")
    most = domain.max_vcpu_count
    for state in domain.vcpus.vcpus if domain.vcpus else ():
        if state.id >= most:
            yield Contradiction(state, f"there is no CPU {state.id}: the guest has {most}, numbered from 0", "id")
    listed = domain.vcpus.vcpus if domain.vcpus else []
    for number, state in repeated((state.id, state) for state in listed):
        yield Contradiction(state, f"CPU {number} is described twice", "id")


def _cpu_sets(domain: Domain) -> Iterator[Contradiction]:
    for element in domain.walk():
        for field in type(element).fields():
            written = getattr(element, field.attr) if field.datatype is dt.CPUSET else None
            if written is None:
                continue
            try:
                empty = not cpu_numbers(written)
            except ValueError as error:
                yield Contradiction(element, f"{written!r} is no CPU set: {error}", field.xml)
            else:
                if empty:
                    yield Contradiction(element, f"the CPU set {written!r} is empty", field.xml)


def _cells(domain: Domain) -> Iterator[Contradiction]:
    cells = domain.cpu.numa.cells if domain.cpu and domain.cpu.numa else []
    known = {cell.id if cell.id is not None else number for number, cell in enumerate(cells)}
    for number, cell in repeated((cell.id, cell) for cell in cells if cell.id is not None):
        yield Contradiction(cell, f"two NUMA cells have number {number}", "id")
    taken: set[int] = set()
    for cell in cells:
        cpus = _numbers(cell.cpus)
        if beyond := {cpu for cpu in cpus if cpu >= domain.max_vcpu_count}:
            message = f"CPU {min(beyond)} is in a NUMA cell, but the guest has {domain.max_vcpu_count}, numbered from 0"
            yield Contradiction(cell, message, "cpus")
        if twice := cpus & taken:
            yield Contradiction(cell, f"CPU {min(twice)} is in two NUMA cells", "cpus")
        taken |= cpus
        for sibling in cell.distances.siblings if cell.distances else ():
            if sibling.id not in known:
                yield Contradiction(sibling, f"there is no NUMA cell {sibling.id} to be distant from", "id")
    nodes = domain.numatune.memnodes if domain.numatune else []
    for number, node in repeated((node.cellid, node) for node in nodes):
        yield Contradiction(node, f"NUMA cell {number} is placed twice", "cellid")
    for node in nodes:
        if node.cellid not in known:
            yield Contradiction(node, f"there is no NUMA cell {node.cellid} in <cpu>", "cellid")


def _numbers(cpuset: str | None) -> set[int]:
    """The CPUs of a set; none of a set that :func:`_cpu_sets` reports."""
    try:
        return cpu_numbers(cpuset) if cpuset else set()
    except ValueError:
        return set()


def _pinning(domain: Domain) -> Iterator[Contradiction]:
    if domain.cputune is None:
        return
    for number, pin in repeated((pin.vcpu, pin) for pin in domain.cputune.vcpu_pins):
        yield Contradiction(pin, f"CPU {number} is pinned twice", "vcpu")
    for number, iopin in repeated((pin.iothread, pin) for pin in domain.cputune.iothread_pins):
        yield Contradiction(iopin, f"I/O thread {number} is pinned twice", "iothread")
    threads = _iothread_numbers(domain)
    for iopin in domain.cputune.iothread_pins:
        if iopin.iothread not in threads:
            yield Contradiction(iopin, f"there is no I/O thread {iopin.iothread}", "iothread")


def _iothread_numbers(domain: Domain) -> set[int]:
    numbers = {thread.id for thread in domain.iothreadids.iothreads} if domain.iothreadids else set()
    wanted, number = domain.iothreads or 0, 1
    while len(numbers) < wanted:
        numbers.add(number)
        number += 1
    return numbers


def _iothreads(domain: Domain) -> Iterator[Contradiction]:
    listed = domain.iothreadids.iothreads if domain.iothreadids else []
    for number, thread in repeated((thread.id, thread) for thread in listed):
        yield Contradiction(thread, f"two I/O threads have number {number}", "id")


def _caches(domain: Domain) -> Iterator[Contradiction]:
    taken: set[int] = set()
    for tune in domain.cputune.cachetunes if domain.cputune else ():
        cpus = _numbers(tune.vcpus)
        if twice := cpus & taken:
            yield Contradiction(tune, f"CPU {min(twice)} is in two cache allocations", "vcpus")
        taken |= cpus
        for _, cache in repeated(((cache.level, cache.id, cache.type), cache) for cache in tune.caches):
            yield Contradiction(cache, f"cache {cache.id} of level {cache.level} is allocated twice")
        for monitor in tune.monitors:
            if not _numbers(monitor.vcpus) <= cpus:
                message = f"the monitor counts CPUs {monitor.vcpus}, which are not all among {tune.vcpus}"
                yield Contradiction(monitor, message, "vcpus")


def _boot(domain: Domain) -> Iterator[Contradiction]:
    boots: list[BootOrder] = [boot for device in _devices(domain) if (boot := getattr(device, "boot", None))]
    for order, boot in repeated((boot.order, boot) for boot in boots):
        yield Contradiction(boot, f"two devices have boot order {order}", "order")
    if boots and domain.os.boot:
        message = "boot devices are named in <os>, and devices have a boot order as well; choose one of the two ways"
        yield Contradiction(domain.os.boot[0], message)


def _targets(domain: Domain) -> Iterator[Contradiction]:
    devices = _devices(domain)
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


def _disks(domain: Domain) -> Iterator[Contradiction]:
    for disk in _devices(domain).disks:
        removable = disk.device in (DiskDevice.CDROM, DiskDevice.FLOPPY)
        if disk.source is None and not removable:
            yield Contradiction(disk, f"{disk.target.dev} has no source; only CD-ROM drives and floppies can be empty")
        if disk.device == DiskDevice.FLOPPY and disk.target.bus not in (None, DiskBus.FDC):
            yield Contradiction(disk.target, f"a floppy cannot be on the {disk.target.bus} bus", "bus")
        if disk.target.bus == DiskBus.FDC and disk.device != DiskDevice.FLOPPY:
            yield Contradiction(disk.target, f"a {disk.device} cannot be on the fdc bus", "bus")
        for name, most in (("vendor", 8), ("product", 16)):
            if len(getattr(disk, name) or "") > most:
                yield Contradiction(disk, f"<{name}> has more than {most} characters", child=name)
        if (disk.rawio is not None or disk.sgio is not None) and disk.device != DiskDevice.LUN:
            yield Contradiction(disk, "rawio and sgio go with device='lun' only")
        if disk.driver and disk.driver.iothread and disk.driver.iothread not in _iothread_numbers(domain):
            yield Contradiction(disk.driver, f"there is no I/O thread {disk.driver.iothread}", "iothread")


def _limits(domain: Domain) -> Iterator[Contradiction]:
    for limits in domain.walk():
        if not isinstance(limits, IoLimits):
            continue
        for unit in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
            total, read, write = (getattr(limits, f"{side}_{unit}") for side in ("total", "read", "write"))
            if total and (read or write):
                message = f"total_{unit} cannot be set together with read_{unit} or write_{unit}"
                yield Contradiction(limits, message)


def _aliases(domain: Domain) -> Iterator[Contradiction]:
    devices = _devices(domain)
    console = devices.consoles[0] if devices.consoles and devices.serials else None
    named: list[tuple[str, Element]] = []
    for device in devices:
        alias: Alias | None = getattr(device, "alias", None)
        if alias is not None and not (device is console and alias == devices.serials[0].alias):
            named.append((alias.name, device))
    for name, device in repeated(named):
        yield Contradiction(device, f"two devices have the alias {name!r}")


def _addresses(domain: Domain) -> Iterator[Contradiction]:
    devices = _devices(domain)
    first_console = devices.consoles[0] if devices.consoles and devices.serials else None
    places = [(_place(device), device) for device in devices if device is not first_console]
    for place, device in repeated((place, device) for place, device in places if place is not None):
        yield Contradiction(device.address, f"two devices are at {' '.join(map(str, place))}")  # type: ignore[attr-defined]


def _place(device: Element) -> tuple[Any, ...] | None:
    """What no two devices can share: the bus and the place on it."""
    match address := getattr(device, "address", None):
        case PciAddress() if address.slot is not None or address.bus is not None:
            return ("PCI address", str(address))
        case DriveAddress():
            bus = device.target.bus if device.tag == "disk" else "scsi"  # type: ignore[attr-defined]
            numbers = (address.controller or 0, address.bus or 0, address.target or 0, address.unit or 0)
            return (bus, "address", ":".join(map(str, numbers)))
        case UsbAddress() if address.port:
            return ("USB port", f"{address.bus or 0}:{address.port}")
        case DimmAddress() if address.slot is not None:
            return ("memory slot", address.slot)
    return None


def _character_devices(domain: Domain) -> Iterator[Contradiction]:
    for device in _devices(domain):
        if isinstance(device, CharacterDevice | PassthroughSmartcard):
            yield from _endpoints(device, device)
        elif device.tag == "rng" and isinstance(backend := getattr(device, "backend", None), EgdBackend):
            yield from _endpoints(device, backend)


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


def _graphics(domain: Domain) -> Iterator[Contradiction]:
    for graphics in _devices(domain).graphics:
        if not isinstance(graphics, Vnc | Spice | Rdp):
            continue
        first = graphics.listens[0] if graphics.listens else None
        said = graphics.listen_address
        if isinstance(first, AddressListen) and said and first.address and said != first.address:
            message = f"the attribute says to listen on {said}, the first <listen> on {first.address}"
            yield Contradiction(graphics, message, "listen")
        socket = graphics.socket if isinstance(graphics, Vnc) else None
        if isinstance(first, SocketListen) and socket and first.socket and socket != first.socket:
            message = f"the attribute names socket {socket}, the first <listen> {first.socket}"
            yield Contradiction(graphics, message, "socket")


def _host_devices(domain: Domain) -> Iterator[Contradiction]:
    for hostdev in _devices(domain).hostdevs:
        source = hostdev.source
        if (
            isinstance(source, UsbSource)
            and source.address is None
            and (source.vendor is None or source.product is None)
        ):
            yield Contradiction(source, "a USB device is named by vendor and product, or by address")


def _memory_modules(domain: Domain) -> Iterator[Contradiction]:
    modules = [module for module in _of(domain, MemoryDevice) if module.model in ("dimm", "nvdimm")]
    if modules and domain.max_memory is None:
        yield Contradiction(modules[0], "memory modules need <maxMemory slots='...'> to plug into")
    elif domain.max_memory and len(modules) > (domain.max_memory.slots or 0):
        message = f"there are {len(modules)} memory modules but {domain.max_memory.slots or 0} slots"
        yield Contradiction(domain.max_memory, message, "slots")


def _labels(domain: Domain) -> Iterator[Contradiction]:
    named = [(label.model, label) for label in domain.seclabels if label.model]
    for model, label in repeated(named):
        yield Contradiction(label, f"two security labels are of model {model}", "model")


def _timers(domain: Domain) -> Iterator[Contradiction]:
    timers = domain.clock.timers if domain.clock else []
    for name, timer in repeated((timer.name, timer) for timer in timers):
        yield Contradiction(timer, f"the timer {name} is described twice", "name")


def _of(domain: Domain, cls: type[Any]) -> list[Any]:
    return [device for device in _devices(domain) if isinstance(device, cls)]


def _devices(domain: Domain) -> Devices:
    return domain.devices or Devices()


_RULES: tuple[Callable[[Domain], Iterator[Contradiction]], ...] = (
    _name,
    _memory,
    _processors,
    _cpu_sets,
    _cells,
    _iothreads,
    _pinning,
    _caches,
    _boot,
    _targets,
    _disks,
    _limits,
    _aliases,
    _addresses,
    _character_devices,
    _graphics,
    _host_devices,
    _memory_modules,
    _labels,
    _timers,
)
