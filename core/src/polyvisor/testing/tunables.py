"""What can be tuned about a guest, in one table: how it is changed, and where its document and its answers show it.

Everything here has an option ``affect`` and so the same promises to keep; ``test_tunables`` asks for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.records import Affect
from polyvisor.operations.tuning import Bandwidth
from polyvisor.testing.equipment import Kit

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

Change = Callable[["Domain", Kit, Affect], None]
Answer = Callable[["Domain", Kit, Affect], Any]
Written = Callable[[Any, Kit], Any]


@dataclass(frozen=True, slots=True)
class Tunable:
    """One thing that can be tuned.

    :param operation: what changes it.
    :param change: changes it to something that a guest of the suite does not have.
    :param written: what a document says of it.
    :param value: what the document says after the change.
    :param answer: what ``asking``, an operation with ``affect``, says of it, in the words of ``value``.
    :param parts: what the guest has to have for it.
    :param offered: whether this hypervisor has it: those that have the operation need not have every name.
    :param live: it can change while the guest runs; else that is refused with InvalidState.
    :param gradual: a running guest gets there by and by; not at all where the target's guest has no ``balloons``.
    """

    operation: str
    change: Change
    written: Written
    value: Any
    asking: str | None = None
    answer: Answer | None = None
    parts: tuple[str, ...] = ()
    live: bool = True
    offered: Callable[[Domain], bool] | None = None
    gradual: bool = False


def _target(config: Any, kit: Kit) -> Any:
    return next(disk for disk in config.devices.disks if disk.target.dev == kit.target())


def _card(config: Any, kit: Kit) -> Any:
    return next(card for card in config.devices.interfaces if str(card.mac.address).lower() == kit.mac())


def _pin(config: Any, vcpu: int) -> str | None:
    """Where a vCPU runs: its own pin, else what the document says of all vCPUs."""
    pins = {pin.vcpu: pin.cpuset for pin in config.cputune.vcpu_pins} if config.cputune else {}
    return pins.get(vcpu, config.vcpu.cpuset if config.vcpu else None)


def _thread_pins(config: Any) -> dict[int, str]:
    return {pin.iothread: pin.cpuset for pin in config.cputune.iothread_pins} if config.cputune else {}


def _thread(config: Any, number: int) -> Any:
    threads = config.iothreadids.iothreads if config.iothreadids else []
    return next((thread for thread in threads if thread.id == number), None)


def _inbound(config: Any, kit: Kit) -> Any:
    bandwidth = _card(config, kit).bandwidth
    return bandwidth.inbound.average if bandwidth and bandwidth.inbound else None


def _answered_inbound(domain: Domain, kit: Kit, affect: Affect) -> int | None:
    found = domain.interface_bandwidth(kit.mac(), affect=affect).inbound
    return found.average if found else None


TUNABLES: dict[str, Tunable] = {
    "current memory": Tunable(
        "set_memory",
        lambda domain, kit, affect: domain.set_memory(32768, affect=affect),
        lambda config, kit: config.current_memory_kib,
        32768,
        parts=("memory", "balloon"),
        gradual=True,
    ),
    "maximum memory": Tunable(
        "set_max_memory",
        lambda domain, kit, affect: domain.set_max_memory(98304, affect=affect),
        lambda config, kit: config.memory_kib,
        98304,
        parts=("memory",),
        live=False,
    ),
    "statistics period": Tunable(
        "set_memory_stats_period",
        lambda domain, kit, affect: domain.set_memory_stats_period(7, affect=affect),
        lambda config, kit: balloon.stats and balloon.stats.period if (balloon := config.devices.memballoon) else None,
        7,
        parts=("balloon",),
    ),
    "memory limit": Tunable(
        "set_memory_limits",
        lambda domain, kit, affect: domain.set_memory_limits({"hard_limit": 1048576}, affect=affect),
        lambda config, kit: config.memtune.hard_limit.kib if config.memtune and config.memtune.hard_limit else None,
        1048576,
        "memory_limits",
        lambda domain, kit, affect: domain.memory_limits(affect=affect).values["hard_limit"],
        offered=lambda domain: "hard_limit" in domain.memory_limits().values,
    ),
    "host cells": Tunable(
        "set_numa_parameters",
        lambda domain, kit, affect: domain.set_numa_parameters(nodeset={0}, affect=affect),
        lambda config, kit: config.numatune.memory.nodeset if config.numatune and config.numatune.memory else None,
        "0",
        "numa_parameters",
        lambda domain, kit, affect: ",".join(map(str, sorted(domain.numa_parameters(affect=affect).nodeset))),
    ),
    "vCPUs": Tunable(
        "set_vcpu_count",
        lambda domain, kit, affect: domain.set_vcpu_count(2, affect=affect),
        lambda config, kit: config.vcpu_count,
        2,
        "vcpu_count",
        lambda domain, kit, affect: domain.vcpu_count(affect=affect),
        parts=("vcpus",),
    ),
    "maximum of vCPUs": Tunable(
        "set_vcpu_count(maximum)",
        lambda domain, kit, affect: domain.set_vcpu_count(3, maximum=True, affect=affect),
        lambda config, kit: config.max_vcpu_count,
        3,
        "vcpu_count(maximum)",
        lambda domain, kit, affect: domain.vcpu_count(maximum=True, affect=affect),
        parts=("vcpus",),
        live=False,
    ),
    "a vCPU's pin": Tunable(
        "pin_vcpu",
        lambda domain, kit, affect: domain.pin_vcpu(0, {0}, affect=affect),
        lambda config, kit: _pin(config, 0),
        "0",
        "vcpu_pins",
        lambda domain, kit, affect: ",".join(map(str, sorted(domain.vcpu_pins(affect=affect)[0]))),
    ),
    "the emulator's pin": Tunable(
        "pin_emulator",
        lambda domain, kit, affect: domain.pin_emulator({0}, affect=affect),
        lambda config, kit: (
            config.cputune.emulator_pin and config.cputune.emulator_pin.cpuset if config.cputune else None
        ),
        "0",
        "emulator_pin",
        lambda domain, kit, affect: ",".join(map(str, sorted(domain.emulator_pin(affect=affect)))),
    ),
    "an IOThread": Tunable(
        "add_iothread",
        lambda domain, kit, affect: domain.add_iothread(7, affect=affect),
        lambda config, kit: _thread(config, 7) is not None,
        True,
        "iothreads",
        lambda domain, kit, affect: 7 in [thread.number for thread in domain.iothreads(affect=affect)],
    ),
    "an IOThread's pin": Tunable(
        "pin_iothread",
        lambda domain, kit, affect: domain.pin_iothread(1, {0}, affect=affect),
        lambda config, kit: _thread_pins(config).get(1),
        "0",
        "iothreads",
        lambda domain, kit, affect: ",".join(map(str, sorted(domain.iothreads(affect=affect)[0].affinity))),
        parts=("iothread",),
    ),
    "an IOThread's polling": Tunable(
        "set_iothread_parameters",
        lambda domain, kit, affect: domain.set_iothread_parameters(1, {"poll_max_ns": 9000}, affect=affect),
        lambda config, kit: thread.poll and thread.poll.max if (thread := _thread(config, 1)) else None,
        9000,
        parts=("iothread",),
    ),
    "CPU shares": Tunable(
        "set_scheduler_parameters",
        lambda domain, kit, affect: domain.set_scheduler_parameters({"cpu_shares": 2048}, affect=affect),
        lambda config, kit: config.cputune and config.cputune.shares,
        2048,
        "scheduler",
        lambda domain, kit, affect: domain.scheduler(affect=affect).parameters.values.get("cpu_shares"),
        offered=lambda domain: "cpu_shares" in domain.scheduler().parameters.values,
    ),
    "the weight of block I/O": Tunable(
        "set_blkio_parameters",
        lambda domain, kit, affect: domain.set_blkio_parameters({"weight": 300}, affect=affect),
        lambda config, kit: config.blkiotune and config.blkiotune.weight,
        300,
        "blkio_parameters",
        lambda domain, kit, affect: domain.blkio_parameters(affect=affect).values["weight"],
        offered=lambda domain: "weight" in domain.blkio_parameters().values,
    ),
    "a disk's limits": Tunable(
        "set_block_io_tune",
        lambda domain, kit, affect: domain.set_block_io_tune(kit.target(), {"total_iops_sec": 500}, affect=affect),
        lambda config, kit: tune.total_iops_sec if (tune := _target(config, kit).iotune) else None,
        500,
        "block_io_tune",
        lambda domain, kit, affect: domain.block_io_tune(kit.target(), affect=affect).values["total_iops_sec"],
        parts=("disk",),
    ),
    "a throttle group": Tunable(
        "set_throttle_group",
        lambda domain, kit, affect: domain.set_throttle_group("slow", {"total_iops_sec": 10}, affect=affect),
        lambda config, kit: (
            {group.group_name: group.total_iops_sec for group in config.throttlegroups.groups}
            if config.throttlegroups
            else {}
        ),
        {"slow": 10},
    ),
    "a card's bandwidth": Tunable(
        "set_interface_bandwidth",
        lambda domain, kit, affect: domain.set_interface_bandwidth(
            kit.mac(), inbound=Bandwidth(average=1000), affect=affect
        ),
        _inbound,
        1000,
        "interface_bandwidth",
        _answered_inbound,
        parts=("interface",),
    ),
    "a performance event": Tunable(
        "set_perf_events",
        lambda domain, kit, affect: domain.set_perf_events({"cpu_cycles": True}, affect=affect),
        lambda config, kit: {event.name: event.enabled for event in config.perf.events} if config.perf else {},
        {"cpu_cycles": True},
        "perf_events",
        lambda domain, kit, affect: {
            name: counted for name, counted in domain.perf_events(affect=affect).items() if counted
        },
        offered=lambda domain: "cpu_cycles" in domain.perf_events(),
    ),
    "what follows a reboot": Tunable(
        "set_lifecycle_action",
        lambda domain, kit, affect: domain.set_lifecycle_action("reboot", "destroy", affect=affect),
        lambda config, kit: config.on_reboot,
        "destroy",
    ),
    "the title": Tunable(
        "set_metadata",
        lambda domain, kit, affect: domain.set_metadata(MetadataKind.TITLE, "Tuned", affect=affect),
        lambda config, kit: config.title,
        "Tuned",
    ),
    "a disk plugged in": Tunable(
        "attach_device",
        lambda domain, kit, affect: domain.attach_device(kit.disk(), affect=affect),
        lambda config, kit: kit.target() in [disk.target.dev for disk in config.devices.disks],
        True,
        parts=(),
    ),
    "a disk taken out": Tunable(
        "detach_device",
        lambda domain, kit, affect: domain.detach_device(kit.disk(), affect=affect),
        lambda config, kit: kit.target() in [disk.target.dev for disk in config.devices.disks],
        False,
        parts=("disk",),
    ),
    "a card taken out": Tunable(
        "detach_device",
        lambda domain, kit, affect: domain.detach_device(kit.interface(), affect=affect),
        lambda config, kit: kit.mac() in [str(card.mac.address).lower() for card in config.devices.interfaces],
        False,
        parts=("interface",),
    ),
    "a card plugged in": Tunable(
        "attach_device",
        lambda domain, kit, affect: domain.attach_device(kit.interface(), affect=affect),
        lambda config, kit: kit.mac() in [str(card.mac.address).lower() for card in config.devices.interfaces],
        True,
    ),
}
"""Everything that can be tuned, by what a person calls it."""
