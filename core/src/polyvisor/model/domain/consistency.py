"""Contradictions in a domain document that no grammar can see, such as two disks with one name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from polyvisor.documents import Element
from polyvisor.documents import datatypes as dt
from polyvisor.documents.binding import Bound, Spec
from polyvisor.documents.classes import spec_of
from polyvisor.model.contradictions import Contradiction, refuse, repeated
from polyvisor.model.domain import Domain
from polyvisor.model.domain.address import BootOrder
from polyvisor.model.domain.devices import Devices
from polyvisor.model.domain.devices.consistency import alone, io_limits, together
from polyvisor.model.domain.devices.controller import PciController
from polyvisor.model.domain.devices.disk import DiskDevice
from polyvisor.model.domain.memory import Kibibytes
from polyvisor.model.domain.naming import name_fault
from polyvisor.model.domain.os import SmbiosInformation


def check(domain: Domain) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(domain, f"domain '{domain.name}'", chain.from_iterable(rule(domain) for rule in _RULES))


def check_device(device: Element) -> None:
    """Raise InvalidDocument, with a fault for each contradiction within the device itself.

    A device to be taken out need not say all that a guest needs to know of it, such as a disk's source."""
    refuse(device, f"the <{device.tag}>", chain(alone(device), _values(device)))


HIGHEST_NUMBER = 65535
"""The highest number of a CPU or node that is taken for one: sets stay small, whatever a document says."""


MOST_KIB = 2**64 - 1
"""The largest amount of memory that can be written down, in KiB."""


def cpu_numbers(cpuset: str) -> set[int]:
    """The CPU numbers of a set such as ``0-3,8,^2``.

    ValueError for a range that runs backwards and for a number beyond :data:`HIGHEST_NUMBER`."""
    chosen: set[int] = set()
    for part in cpuset.split(","):
        if part.startswith("^"):
            chosen.discard(int(part[1:]))
            continue
        first, _, last = part.partition("-")
        if last and int(last) < int(first):
            raise ValueError(f"the range {part} runs backwards")
        if int(last or first) > HIGHEST_NUMBER:
            raise ValueError(f"{last or first} is beyond {HIGHEST_NUMBER}")
        chosen.update(range(int(first), int(last or first) + 1))
    return chosen


def modules_kib(domain: Domain) -> int:
    """What the memory modules hold, in KiB; ``<memory>`` counts them in."""
    return sum(module.target.size.kib for module in _devices(domain).memories if hasattr(module, "target"))


def _name(domain: Domain) -> Iterator[Contradiction]:
    if (fault := name_fault(domain.name)) is not None:
        yield Contradiction(domain, fault, child="name")


def _memory(domain: Domain) -> Iterator[Contradiction]:
    if domain.memory is None or domain.memory.value == 0:
        message = "the guest has no memory: neither <memory> nor the cells of <numa> say how much"
        yield Contradiction(domain.memory or domain, message)
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


def cpu_set_fields(cls: type[Element]) -> tuple[Bound, ...]:
    """The fields of a class that are sets of CPUs."""
    found: tuple[Bound, ...] = spec_of(cls).plan("CPU sets", _cpu_set_fields)
    return found


def _cpu_set_fields(spec: Spec) -> tuple[Bound, ...]:
    return tuple(field for field in spec.fields if field.datatype is dt.CPUSET)


def measured(root: Element) -> list[Element]:
    """The elements in and below ``root`` that are amounts of memory or have sets of CPUs."""
    return [element for element in root.walk() if spec_of(type(element)).plan("measured", _is_measured)]


def _is_measured(spec: Spec) -> bool:
    return issubclass(spec.cls, Kibibytes) or bool(_cpu_set_fields(spec))


def _values(domain: Element) -> Iterator[Contradiction]:
    """Numbers and sets that no grammar bounds, wherever they stand."""
    for element in measured(domain):
        if isinstance(element, Kibibytes) and element.kib > MOST_KIB:
            yield Contradiction(element, f"{element.kib} KiB is more than {MOST_KIB} KiB")
        for field in cpu_set_fields(type(element)):
            written = getattr(element, field.attr)
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
    known = _cell_numbers(domain)
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


def _placement(domain: Domain) -> Iterator[Contradiction]:
    if domain.numatune is None:
        return
    known, memory, nodes = _cell_numbers(domain), domain.numatune.memory, domain.numatune.memnodes
    for number, node in repeated((node.cellid, node) for node in nodes):
        yield Contradiction(node, f"NUMA cell {number} is placed twice", "cellid")
    for node in nodes:
        if node.cellid not in known:
            yield Contradiction(node, f"there is no NUMA cell {node.cellid} in <cpu>", "cellid")
        if memory and (memory.mode == "restrictive") != (node.mode == "restrictive"):
            yield Contradiction(node, "the mode restrictive goes for all memory or for none", "mode")
    if memory and memory.placement == "static" and memory.nodeset is None:
        yield Contradiction(memory, "static placement needs a nodeset")
    if memory and memory.placement == "auto" and nodes:
        yield Contradiction(nodes[0], "cells cannot be placed one by one where placement is automatic")


def _cell_numbers(domain: Domain) -> set[int]:
    """The numbers of the guest's NUMA cells, given or implied."""
    cells = domain.cpu.numa.cells if domain.cpu and domain.cpu.numa else []
    return {cell.id if cell.id is not None else number for number, cell in enumerate(cells)}


def _huge_pages(domain: Domain) -> Iterator[Contradiction]:
    pages = domain.memory_backing.hugepages.pages if domain.memory_backing and domain.memory_backing.hugepages else []
    for page in [page for page in pages if page.nodeset is None][1:]:
        yield Contradiction(page, "two page sizes are for all cells; give all but one a nodeset")
    cells = _cell_numbers(domain) or {0}
    for page in pages:
        if unknown := _numbers(page.nodeset) - cells:
            yield Contradiction(page, f"there is no NUMA cell {min(unknown)} to have such pages", "nodeset")


def _cells_of_devices(domain: Domain) -> Iterator[Contradiction]:
    known = _cell_numbers(domain)
    for module in _devices(domain).memories:
        target = getattr(module, "target", None)
        if known and (node := getattr(target, "node", None)) is not None and node not in known:
            yield Contradiction(target or module, f"there is no NUMA cell {node}", child="node")
    for controller in _devices(domain).controllers:
        target = controller.target if isinstance(controller, PciController) else None
        if target and target.node is not None and target.node not in known:
            yield Contradiction(target, f"there is no NUMA cell {target.node}", child="node")


def _numbers(cpuset: str | None) -> set[int]:
    """The CPUs of a set; none of a set that :func:`_values` reports."""
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
    taken: set[int] = set()
    for scheduler in domain.cputune.vcpu_schedulers:
        cpus = _numbers(scheduler.vcpus)
        if twice := cpus & taken:
            yield Contradiction(scheduler, f"CPU {min(twice)} is scheduled in two ways", "vcpus")
        taken |= cpus


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
        for _, part in repeated(((part.level, part.id, part.type), part) for part in tune.caches):
            yield Contradiction(part, f"cache {part.id} of level {part.level} is allocated twice")
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


def _firmware(domain: Domain) -> Iterator[Contradiction]:
    os = domain.os
    wanted = {feature.name: feature for feature in os.firmware.features} if os.firmware else {}
    keys, secure = wanted.get("enrolled-keys"), wanted.get("secure-boot")
    if keys and keys.enabled and secure and not secure.enabled:
        yield Contradiction(keys, "keys cannot be enrolled where secure-boot is disabled", "enabled")
    if os.nvram is None:
        return
    if os.firmware_choice == "bios" or (os.loader and os.loader.type == "rom"):
        yield Contradiction(os.nvram, "only UEFI firmware in flash keeps variables")
    if os.loader and os.loader.stateless:
        yield Contradiction(os.nvram, "stateless firmware keeps no variables")


def _smbios(domain: Domain) -> Iterator[Contradiction]:
    for information in domain.sysinfo:
        if not isinstance(information, SmbiosInformation) or information.system is None:
            continue
        for entry in information.system.entries:
            said = (entry.value or "").replace("-", "").lower()
            if entry.name == "uuid" and domain.uuid and said != domain.uuid.replace("-", ""):
                yield Contradiction(entry, f"the guest's UUID is {domain.uuid}, SMBIOS says {entry.value}")


def _disks(domain: Domain) -> Iterator[Contradiction]:
    threads = _iothread_numbers(domain)
    for disk in _devices(domain).disks:
        if disk.source is None and disk.device not in (DiskDevice.CDROM, DiskDevice.FLOPPY):
            yield Contradiction(disk, f"{disk.target.dev} has no source; only CD-ROM drives and floppies can be empty")
        if disk.driver and disk.driver.iothread and disk.driver.iothread not in threads:
            yield Contradiction(disk.driver, f"there is no I/O thread {disk.driver.iothread}", "iothread")


def _throttle_groups(domain: Domain) -> Iterator[Contradiction]:
    groups = domain.throttlegroups.groups if domain.throttlegroups else []
    for name, group in repeated((group.group_name, group) for group in groups):
        yield Contradiction(group, f"two throttle groups are called {name!r}")
    for group in groups:
        yield from io_limits(group)
    names = {group.group_name for group in groups}
    for disk in _devices(domain).disks:
        for used in disk.throttlefilters.filters if disk.throttlefilters else ():
            if used.group not in names:
                yield Contradiction(used, f"there is no throttle group {used.group!r}", "group")


def _memory_modules(domain: Domain) -> Iterator[Contradiction]:
    modules = [module for module in _devices(domain).memories if module.model in ("dimm", "nvdimm")]
    if modules and domain.max_memory is None:
        yield Contradiction(modules[0], "memory modules need <maxMemory slots='...'> to plug into")
    elif domain.max_memory and len(modules) > (domain.max_memory.slots or 0):
        message = f"there are {len(modules)} memory modules but {domain.max_memory.slots or 0} slots"
        yield Contradiction(domain.max_memory, message, "slots")


def _within_devices(domain: Domain) -> Iterator[Contradiction]:
    for device in _devices(domain):
        yield from alone(device)


def _among_devices(domain: Domain) -> Iterator[Contradiction]:
    yield from together(_devices(domain))


def _labels(domain: Domain) -> Iterator[Contradiction]:
    for label in domain.seclabels if len(domain.seclabels) > 1 else ():
        if label.model is None and label.type != "none":
            yield Contradiction(label, "of several security labels each says its model")
    named = [(label.model, label) for label in domain.seclabels if label.model]
    for model, label in repeated(named):
        yield Contradiction(label, f"two security labels are of model {model}", "model")


def _timers(domain: Domain) -> Iterator[Contradiction]:
    timers = domain.clock.timers if domain.clock else []
    for name, timer in repeated((timer.name, timer) for timer in timers):
        yield Contradiction(timer, f"the timer {name} is described twice", "name")


def _devices(domain: Domain) -> Devices:
    return Devices() if domain.devices is None else domain.devices


_RULES: tuple[Callable[[Domain], Iterator[Contradiction]], ...] = (
    _name,
    _memory,
    _processors,
    _values,
    _cells,
    _placement,
    _huge_pages,
    _iothreads,
    _pinning,
    _caches,
    _firmware,
    _smbios,
    _boot,
    _among_devices,
    _within_devices,
    _disks,
    _throttle_groups,
    _memory_modules,
    _cells_of_devices,
    _labels,
    _timers,
)
