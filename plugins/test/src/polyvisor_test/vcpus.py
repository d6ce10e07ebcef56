"""Virtual CPUs and IOThreads: how many, where they run, how they are scheduled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.host import format_cpu_list
from polyvisor.operations.records import Parameters
from polyvisor.operations.vcpus import IOTHREAD_PARAMETERS, IOThreadInfo, Scheduler, VcpuInfo, VcpuState
from polyvisor.spi import Affect, DomainRef, DomainState, Event, EventKind, hookimpl
from polyvisor_test.cpusets import parse_set
from polyvisor_test.finding import devices_of
from polyvisor_test.machine import Machine
from polyvisor_test.processors import iothreads, plugged, vcpu_of
from polyvisor_test.session import TestSession
from polyvisor_test.vitals import VCPU_LOAD

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.tuning import CpuTune, Iothread

PERIOD = range(1000, 1000001)
QUOTA = range(-1, 17592186044416)
SCHEDULER_FIELDS: dict[str, tuple[str, range, int]] = {
    "cpu_shares": ("shares", range(2, 262145), 1024),
    "vcpu_period": ("period", PERIOD, 100000),
    "vcpu_quota": ("quota", QUOTA, -1),
    "emulator_period": ("emulator_period", PERIOD, 100000),
    "emulator_quota": ("emulator_quota", QUOTA, -1),
    "global_period": ("global_period", PERIOD, 100000),
    "global_quota": ("global_quota", QUOTA, -1),
    "iothread_period": ("iothread_period", PERIOD, 100000),
    "iothread_quota": ("iothread_quota", QUOTA, -1),
}
"""Each tunable with its field of ``<cputune>``, its legal values, and the value that holds when it is not set."""


class VcpuOperations:
    """The operations of ``polyvisor.operations.vcpus``."""

    @hookimpl
    def vcpu_count(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        maximum: bool = False,
        guest: bool = False,
        affect: Affect = Affect.CURRENT,
    ) -> int:
        with session.machine(domain) as machine:
            config = machine.reading(affect)
            if guest:
                return len(machine.online())
            return config.max_vcpu_count if maximum else len(plugged(config))

    @hookimpl
    def set_vcpu_count(
        self,
        session: TestSession,
        domain: DomainRef,
        count: int,
        *,
        maximum: bool = False,
        guest: bool = False,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        if count < 1:
            raise InvalidArgument(f"a guest cannot have {count} vCPUs")
        with session.machine(domain) as machine:
            if guest:
                _use(machine, count)
                return
            if maximum and "live" in machine.affected(affect):
                raise InvalidState(
                    f"the maximum of vCPUs of {machine.ref} cannot change while it runs",
                    target=str(machine.ref),
                    hint="change the stored configuration",
                )
            with machine.changing(affect) as configs:
                for config in configs:
                    if maximum:
                        _set_maximum(config, count)
                    else:
                        _require_within_maximum(config, count)
                        _set_plugged(config, frozenset(range(count)))

    @hookimpl
    def set_vcpus(
        self,
        session: TestSession,
        domain: DomainRef,
        vcpus: Collection[int],
        enabled: bool,
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                for vcpu in vcpus:
                    _require_vcpu(config, vcpu)
                if 0 in vcpus and not enabled:
                    raise InvalidArgument("vCPU 0 cannot be taken out: the guest boots on it")
                now = plugged(config)
                _set_plugged(config, now | frozenset(vcpus) if enabled else now - frozenset(vcpus))

    @hookimpl
    def vcpu_info(self, session: TestSession, domain: DomainRef) -> list[VcpuInfo]:
        with session.machine(domain) as machine:
            machine.require_active()
            assert machine.live is not None
            used = machine.vitals.seconds(session.node.tick()) * VCPU_LOAD
            affinity = _affinities(session, machine.live)
            working = machine.state.state is DomainState.RUNNING
            there = plugged(machine.live)
            return [_vcpu(number, used, cpus, working) for number, cpus in affinity.items() if number in there]

    @hookimpl
    def vcpu_pins(
        self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT
    ) -> dict[int, frozenset[int]]:
        with session.machine(domain) as machine:
            return _affinities(session, machine.reading(affect))

    @hookimpl
    def pin_vcpu(
        self,
        session: TestSession,
        domain: DomainRef,
        vcpu: int,
        cpus: Collection[int] | None,
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.tuning import VcpuPin

        def pin(config: Domain, tune: CpuTune, cpuset: str | None) -> None:
            _require_vcpu(config, vcpu)
            tune.vcpu_pins = [pin for pin in tune.vcpu_pins if pin.vcpu != vcpu]
            if cpuset is not None:
                tune.vcpu_pins.append(VcpuPin(vcpu=vcpu, cpuset=cpuset))

        _pin(session, domain, cpus, affect, f"cputune.vcpupin{vcpu}", pin)

    @hookimpl
    def emulator_pin(
        self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT
    ) -> frozenset[int]:
        with session.machine(domain) as machine:
            tune = machine.reading(affect).cputune
            pinned = tune.emulator_pin if tune else None
            return parse_set(pinned.cpuset) if pinned else _all_cpus(session)

    @hookimpl
    def pin_emulator(
        self,
        session: TestSession,
        domain: DomainRef,
        cpus: Collection[int] | None,
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.tuning import EmulatorPin

        def pin(config: Domain, tune: CpuTune, cpuset: str | None) -> None:
            tune.emulator_pin = None if cpuset is None else EmulatorPin(cpuset=cpuset)

        _pin(session, domain, cpus, affect, "cputune.emulatorpin", pin)

    # -- IOThreads ----------------------------------------------------------------------------------------

    @hookimpl
    def iothreads(
        self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT
    ) -> list[IOThreadInfo]:
        with session.machine(domain) as machine:
            config = machine.reading(affect)
            pinned = config.cputune.iothread_pins if config.cputune else []
            pins = {pin.iothread: parse_set(pin.cpuset) for pin in pinned}
            return [IOThreadInfo(thread.id, pins.get(thread.id, _all_cpus(session))) for thread in iothreads(config)]

    @hookimpl
    def pin_iothread(
        self,
        session: TestSession,
        domain: DomainRef,
        iothread: int,
        cpus: Collection[int] | None,
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.tuning import IothreadPin

        def pin(config: Domain, tune: CpuTune, cpuset: str | None) -> None:
            _iothread(config, iothread)
            tune.iothread_pins = [pin for pin in tune.iothread_pins if pin.iothread != iothread]
            if cpuset is not None:
                tune.iothread_pins.append(IothreadPin(iothread=iothread, cpuset=cpuset))

        _pin(session, domain, cpus, affect, f"cputune.iothreadpin{iothread}", pin)

    @hookimpl
    def add_iothread(
        self, session: TestSession, domain: DomainRef, iothread: int, *, affect: Affect = Affect.CURRENT
    ) -> None:
        from polyvisor.model.domain.tuning import Iothread

        if iothread < 1:
            raise InvalidArgument("IOThreads are numbered from 1")
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                threads = iothreads(config)
                if any(thread.id == iothread for thread in threads):
                    raise AlreadyExists(f"{machine.ref} has IOThread {iothread} already", target=str(machine.ref))
                _set_iothreads(config, [*threads, Iothread(id=iothread)])

    @hookimpl
    def remove_iothread(
        self, session: TestSession, domain: DomainRef, iothread: int, *, affect: Affect = Affect.CURRENT
    ) -> None:
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                gone = _iothread(config, iothread)
                for disk in devices_of(config).disks:
                    if disk.driver is not None and disk.driver.iothread == iothread:
                        raise InvalidState(f"disk {disk.target.dev} uses IOThread {iothread}", target=str(machine.ref))
                _set_iothreads(config, [thread for thread in iothreads(config) if thread.id != gone.id])
                if config.cputune is not None:
                    config.cputune.iothread_pins = [p for p in config.cputune.iothread_pins if p.iothread != iothread]

    @hookimpl
    def set_iothread_parameters(
        self,
        session: TestSession,
        domain: DomainRef,
        iothread: int,
        parameters: Mapping[str, int],
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        for name, value in parameters.items():
            if name not in IOTHREAD_PARAMETERS:
                known = ", ".join(IOTHREAD_PARAMETERS)
                raise InvalidArgument(f"there is no IOThread parameter {name!r}", hint=f"known: {known}")
            if value < (-1 if name.startswith("thread_pool") else 0):
                raise InvalidArgument(f"{value} is out of range for {name}")
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                threads = iothreads(config)
                thread = _iothread(config, iothread)
                changed = _with_parameters(thread, parameters)
                _set_iothreads(config, [changed if other.id == thread.id else other for other in threads])

    # -- scheduling -----------------------------------------------------------------------------------------

    @hookimpl
    def scheduler(self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> Scheduler:
        with session.machine(domain) as machine:
            tune = machine.reading(affect).cputune
            values = {}
            for name, (field, _, default) in SCHEDULER_FIELDS.items():
                value = getattr(tune, field, None)
                values[name] = default if value is None else value
            return Scheduler("fair", Parameters(values))

    @hookimpl
    def set_scheduler_parameters(
        self, session: TestSession, domain: DomainRef, parameters: Mapping[str, int], *, affect: Affect = Affect.CURRENT
    ) -> None:
        for name, value in parameters.items():
            if name not in SCHEDULER_FIELDS:
                known = ", ".join(SCHEDULER_FIELDS)
                raise InvalidArgument(f"this scheduler has no parameter {name!r}", hint=f"known: {known}")
            legal = SCHEDULER_FIELDS[name][1]
            if value not in legal:
                raise InvalidArgument(f"{name} must be from {legal[0]} to {legal[-1]}, not {value}")
        with session.machine(domain) as machine:
            with machine.changing(affect) as configs:
                for config in configs:
                    tune = _tune(config)
                    for name, value in parameters.items():
                        setattr(tune, SCHEDULER_FIELDS[name][0], value)
            if "live" in machine.affected(affect):
                data = {f"cputune.{name}": value for name, value in parameters.items()}
                session.events(Event(EventKind.TUNABLE, machine.ref, data=data))


def _set_iothreads(config: Domain, threads: list[Iothread]) -> None:
    from polyvisor.model.domain.tuning import IothreadIds

    config.iothreads = len(threads) or None
    config.iothreadids = IothreadIds(iothreads=sorted(threads, key=lambda thread: thread.id)) if threads else None


def _iothread(config: Domain, number: int) -> Iothread:
    """That IOThread; raises NoSuchDevice."""
    for thread in iothreads(config):
        if thread.id == number:
            return thread
    raise NoSuchDevice(f"domain {config.name!r} has no IOThread {number}")


def _with_parameters(thread: Iothread, parameters: Mapping[str, int]) -> Iothread:
    from polyvisor.model.domain.tuning import IothreadPoll

    changed = thread.copy()
    for name, value in parameters.items():
        if name.startswith("poll_"):
            changed.poll = changed.poll or IothreadPoll()
            setattr(changed.poll, name.removeprefix("poll_").removesuffix("_ns"), value)
        else:
            setattr(changed, name, value)
    return changed


def _set_maximum(config: Domain, count: int) -> None:
    """Set how many vCPUs the guest may have; what is plugged in shrinks with it."""
    left = frozenset(number for number in plugged(config) if number < count)
    vcpu_of(config).count = count
    config.vcpus = None
    _set_plugged(config, left)


def _set_plugged(config: Domain, numbers: frozenset[int]) -> None:
    """Plug in exactly these vCPUs. ``<vcpus>`` is written only when they are not simply the first ones."""
    from polyvisor.model.domain.tuning import Vcpus
    from polyvisor.model.domain.tuning import VcpuState as VcpuElement

    count = config.max_vcpu_count
    vcpu_of(config).current = len(numbers) if len(numbers) < count else None
    if numbers == frozenset(range(len(numbers))):
        config.vcpus = None
    else:
        config.vcpus = Vcpus(
            vcpus=[VcpuElement(id=each, enabled=each in numbers, hotpluggable=each > 0) for each in range(count)]
        )


def _require_within_maximum(config: Domain, count: int) -> None:
    if count > config.max_vcpu_count:
        raise InvalidArgument(
            f"{count} vCPUs are more than the maximum of {config.max_vcpu_count}", hint="raise the stored maximum first"
        )


def _require_vcpu(config: Domain, vcpu: int) -> None:
    if vcpu not in range(config.max_vcpu_count):
        raise InvalidArgument(f"domain {config.name!r} has no vCPU {vcpu}", hint=f"0 to {config.max_vcpu_count - 1}")


def _use(machine: Machine, count: int) -> None:
    """Have the system inside use ``count`` vCPUs."""
    present = sorted(plugged(machine.config))
    if count > len(present):
        raise InvalidArgument(f"{machine.ref} has only {len(present)} vCPUs plugged in", target=str(machine.ref))
    machine.set_online(present[:count], True)
    machine.set_online(present[count:], False)


def _all_cpus(session: TestSession) -> frozenset[int]:
    return frozenset(range(session.node.host.cpus))


def _affinities(session: TestSession, config: Domain) -> dict[int, frozenset[int]]:
    """Host CPUs of each vCPU: its pin, else ``<vcpu cpuset=...>``, else all."""
    everywhere = parse_set(vcpu_of(config).cpuset) or _all_cpus(session)
    pins = {pin.vcpu: parse_set(pin.cpuset) for pin in config.cputune.vcpu_pins} if config.cputune else {}
    return {number: pins.get(number, everywhere) for number in range(config.max_vcpu_count)}


def _vcpu(number: int, used: int, cpus: frozenset[int], working: bool) -> VcpuInfo:
    """Simulated: each vCPU is on the host CPU of its own number, counted around those it may run on."""
    state = VcpuState.RUNNING if working else VcpuState.BLOCKED
    return VcpuInfo(number, state, used, sorted(cpus)[number % len(cpus)], cpus)


def _tune(config: Domain) -> CpuTune:
    from polyvisor.model.domain.tuning import CpuTune

    config.cputune = config.cputune or CpuTune()
    return config.cputune


def _pin(
    session: TestSession,
    domain: DomainRef,
    cpus: Collection[int] | None,
    affect: Affect,
    tunable: str,
    pin: Callable[[Domain, CpuTune, str | None], None],
) -> None:
    """Set one pinning in the configurations ``affect`` names, and announce it if the guest runs."""
    unknown = frozenset(cpus or ()) - _all_cpus(session)
    if unknown:
        raise InvalidArgument(f"the host has no CPU {min(unknown)}", hint=f"0 to {session.node.host.cpus - 1}")
    if cpus is not None and not cpus:
        raise InvalidArgument("no host CPU is left to run on", hint="pass None to take the pinning away")
    cpuset = None if cpus is None else format_cpu_list(cpus)
    with session.machine(domain) as machine:
        with machine.changing(affect) as configs:
            for config in configs:
                pin(config, _tune(config), cpuset)
        if "live" in machine.affected(affect):
            allowed = cpuset or format_cpu_list(_all_cpus(session))
            session.events(Event(EventKind.TUNABLE, machine.ref, data={tunable: allowed}))
