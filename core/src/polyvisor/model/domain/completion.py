"""What every hypervisor fills in: the same implied values for all, so that no driver can forget one.

What depends on the hypervisor (machine types, emulators, device models, PCI places) is left to the driver.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from itertools import count

from polyvisor.documents import Element, Fault
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain import Domain
from polyvisor.model.domain.clock import HostClock
from polyvisor.model.domain.consistency import check, cpu_numbers, cpu_set_fields, measured, modules_kib
from polyvisor.model.domain.cpu import CpuMatch, CpuMode, FeaturePolicy
from polyvisor.model.domain.devices import Devices
from polyvisor.model.domain.devices import completion as devices
from polyvisor.model.domain.devices.completion import MAC_PREFIX, generate_mac
from polyvisor.model.domain.events import CrashAction, LifecycleAction
from polyvisor.model.domain.memory import CurrentMemory, Kibibytes, Memory
from polyvisor.model.domain.os import Boot, BootDevice, GuestType, OperatingSystem, OsType
from polyvisor.model.domain.tuning import Iothread, Vcpu

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
    _in_one_notation(device)
    devices.alone(device)
    return device


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


def _in_one_notation(element: Element) -> None:
    """Amounts in KiB, sets of CPUs as ranges."""
    for each in measured(element):
        if isinstance(each, Kibibytes):
            each.value, each.unit = each.kib, "KiB"
        for field in cpu_set_fields(type(each)):
            if (written := getattr(each, field.attr)) is not None:
                setattr(each, field.attr, cpu_ranges(written))


def cpu_ranges(cpuset: str) -> str:
    """``0-2,^1`` as ``0,2``; a set that is none stays as it is, for :func:`check` to refuse."""
    try:
        numbers = sorted(cpu_numbers(cpuset))
    except ValueError:
        return cpuset
    ranges = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in _runs(numbers))
    return ranges or cpuset


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of successive numbers."""
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            yield numbers[start], number
            start = index + 1


def _notation(domain: Domain) -> None:
    _in_one_notation(domain)
    if domain.memory_backing and domain.memory_backing.hugepages:
        for page in domain.memory_backing.hugepages.pages:
            page.size, page.unit = page.kib, "KiB"


def _cpu(domain: Domain) -> None:
    cpu = domain.cpu
    if cpu is None:
        return
    if cpu.model is not None and cpu.mode is None:
        cpu.mode = CpuMode.CUSTOM
    if cpu.mode == CpuMode.CUSTOM:
        cpu.match = cpu.match or CpuMatch.EXACT
        if cpu.model is not None:
            cpu.model.fallback = cpu.model.fallback or "allow"
    for feature in cpu.features:
        feature.policy = feature.policy or FeaturePolicy.REQUIRE
    if cpu.topology is not None:
        cpu.topology.dies, cpu.topology.clusters = cpu.topology.dies or 1, cpu.topology.clusters or 1


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
    if domain.os.type.value != OsType.HVM or domain.os.boot:
        return
    if not any(getattr(device, "boot", None) for device in _devices(domain)):
        domain.os.boot = [Boot(dev=BootDevice.HD)]


def _devices_alone(domain: Domain) -> None:
    for device in _devices(domain):
        devices.alone(device)


def _console(domain: Domain) -> None:
    if domain.os.type.value == OsType.HVM:
        devices.pair_console(_devices(domain))


def _devices_together(domain: Domain) -> None:
    devices.together(_devices(domain))


def _devices(domain: Domain) -> Devices:
    assert domain.devices is not None
    return domain.devices


_STEPS: tuple[Callable[[Domain], None], ...] = (
    _operating_system,
    _identity,
    _notation,
    _cpu,
    _cells,
    _memory_of_cells,
    _current_memory,
    _processors,
    _iothreads,
    _lifecycle,
    _boot_order,
    _devices_alone,
    _console,
    _devices_together,
)
"""In this order: later steps build on what earlier ones filled in."""

_FOR_NEW_GUESTS = frozenset({_memory_of_cells})
