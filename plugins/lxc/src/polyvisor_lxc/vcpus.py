"""On which CPUs of the host containers run, and how much of them they get.

A container has no CPUs of its own: ``<vcpu>`` counts how many it is meant to use, and what their pins allow together is
the set of CPUs (cpuset) of all its processes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from polyvisor.errors import HostError, InvalidArgument, InvalidState
from polyvisor.host import Host, format_cpu_list, parse_cpu_list
from polyvisor.local import configuration
from polyvisor.operations.records import Parameters
from polyvisor.operations.vcpus import Scheduler, VcpuInfo, VcpuState
from polyvisor.spi import Affect, DomainRef, DomainState
from polyvisor_lxc import changes, guests
from polyvisor_lxc.quantities import PERIOD, WEIGHTS
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.tuning import CpuTune, VcpuPin

_TUNABLES = {
    "cpu_shares": ("shares", range(2, 262145), 1024),
    "vcpu_period": ("period", range(1000, 1000001), PERIOD),
    "vcpu_quota": ("quota", range(-1, 17592186044416), -1),
}
"""Element of ``<cputune>``, legal values and the kernel's default, by the name of the scheduler's tunable.

The least quota of the kernel is 1000 microseconds; 0 and -1 are none."""


def count(session: LxcSession, domain: DomainRef, *, maximum: bool, affect: Affect) -> int:
    """How many CPUs the container is meant to use."""
    config = changes.reading(session, domain, affect)
    return config.max_vcpu_count if maximum else config.vcpu_count


def set_count(session: LxcSession, domain: DomainRef, number: int, *, maximum: bool, affect: Affect) -> None:
    """Store another number of CPUs; a running container has none that could be plugged."""
    with changes.changing(session, domain, affect) as change:
        config = change.stored
        current = change.documents[0]
        if number < 1 or (not maximum and number > current.max_vcpu_count):
            raise InvalidArgument(
                f"{domain} cannot have {number} CPUs; its maximum is {current.max_vcpu_count}",
                target=str(domain),
                driver="lxc",
            )
        if change.live is not None and number == (current.max_vcpu_count if maximum else current.vcpu_count):
            return
        if change.live is not None or config is None:
            raise InvalidState(
                f"{domain} runs, and a container has no CPUs that could be plugged in or out",
                target=str(domain),
                driver="lxc",
                hint="limit it by a quota or by pins, or change the stored configuration (affect=config)",
            )
        assert config.vcpu is not None
        if maximum:
            now = min(config.vcpu_count, number)
            config.vcpu.count, config.vcpus = number, None
            config.vcpu.current = now if now < number else None
        else:
            config.vcpu.current = number if number < config.vcpu.count else None
            config.vcpus = None


def info(session: LxcSession, domain: DomainRef) -> list[VcpuInfo]:
    """One row for each CPU the container is meant to use; which process ran on which is not counted."""
    found = guests.require_active(session, domain)
    config = configuration.read_live(session, domain)
    state = VcpuState.RUNNING if found.state.state is DomainState.RUNNING else VcpuState.BLOCKED
    allowed = _pins(config)
    return [VcpuInfo(number, state, None, None, allowed[number]) for number in range(config.vcpu_count)]


# -- pins -------------------------------------------------------------------------------------------------


def everywhere() -> frozenset[int]:
    """The host's online CPUs."""
    return frozenset(Host().cpu_map().online)


def pins(session: LxcSession, domain: DomainRef, affect: Affect) -> dict[int, frozenset[int]]:
    """The host CPUs of each CPU."""
    return _pins(changes.reading(session, domain, affect))


def _pins(config: Domain) -> dict[int, frozenset[int]]:
    general = config.vcpu.cpuset if config.vcpu is not None else None
    anywhere = frozenset(parse_cpu_list(general)) if general else everywhere()
    found = {pin.vcpu: frozenset(parse_cpu_list(pin.cpuset)) for pin in _written(config)}
    return {number: found.get(number, anywhere) for number in range(config.max_vcpu_count)}


def _written(config: Domain) -> list[VcpuPin]:
    return config.cputune.vcpu_pins if config.cputune is not None else []


def pin(session: LxcSession, domain: DomainRef, vcpu: int, cpus: Collection[int] | None, affect: Affect) -> None:
    """Pin one CPU; the container's processes may run where any of its CPUs may."""
    from polyvisor.model.domain.tuning import VcpuPin

    cpuset = _cpuset(cpus)
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            if vcpu not in range(config.max_vcpu_count):
                raise InvalidArgument(
                    f"{domain} has no CPU {vcpu}",
                    target=str(domain),
                    driver="lxc",
                    hint=f"0 to {config.max_vcpu_count - 1}",
                )
            tune = _tune(config)
            tune.vcpu_pins = [one for one in tune.vcpu_pins if one.vcpu != vcpu]
            if cpuset is not None:
                tune.vcpu_pins.append(VcpuPin(vcpu=vcpu, cpuset=cpuset))
            _tidy(config)
    changes.tell_tuned(session, change, {f"cputune.vcpupin{vcpu}": cpuset or format_cpu_list(everywhere())})


def emulator_pin(session: LxcSession, domain: DomainRef, affect: Affect) -> frozenset[int]:
    """The host CPUs of the container's monitor."""
    tune = changes.reading(session, domain, affect).cputune
    pinned = tune.emulator_pin if tune is not None else None
    return frozenset(parse_cpu_list(pinned.cpuset)) if pinned is not None else everywhere()


def pin_emulator(session: LxcSession, domain: DomainRef, cpus: Collection[int] | None, affect: Affect) -> None:
    """Pin the monitor, the one process that runs outside for the container."""
    from polyvisor.model.domain.tuning import EmulatorPin

    cpuset = _cpuset(cpus)
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            _tune(config).emulator_pin = None if cpuset is None else EmulatorPin(cpuset=cpuset)
            _tidy(config)
        if change.live is not None and change.found.process is not None:
            pid = change.found.process.pid
            former = os.sched_getaffinity(pid)
            place_monitor(pid, change.live)
            change.undo.append(lambda: os.sched_setaffinity(pid, former))
    changes.tell_tuned(session, change, {"cputune.emulatorpin": cpuset or format_cpu_list(everywhere())})


def place_monitor(pid: int, config: Domain) -> None:
    """Let the monitor run where ``<emulatorpin>`` says."""
    pinned = config.cputune.emulator_pin if config.cputune is not None else None
    cpus = parse_cpu_list(pinned.cpuset) if pinned is not None else everywhere()
    try:
        os.sched_setaffinity(pid, cpus)
    except OSError as error:
        raise HostError(f"the container's monitor cannot run on CPUs {sorted(cpus)}: {error.strerror}") from error


def _cpuset(cpus: Collection[int] | None) -> str | None:
    if cpus is None:
        return None
    unknown = frozenset(cpus) - everywhere()
    if unknown:
        raise InvalidArgument(f"the host has no online CPU {min(unknown)}", driver="lxc")
    if not cpus:
        raise InvalidArgument("no host CPU is left to run on", driver="lxc", hint="pass None to take the pinning away")
    return format_cpu_list(cpus)


# -- scheduling -------------------------------------------------------------------------------------------


def scheduler(session: LxcSession, domain: DomainRef, affect: Affect) -> Scheduler:
    """The share of the kernel's fair scheduler."""
    tune = changes.reading(session, domain, affect).cputune
    values: dict[str, int | float | bool | str] = {}
    for name, (attribute, _, default) in _tunables(session).items():
        value = getattr(tune, attribute, None)
        values[name] = default if value is None else value
    return Scheduler("posix", Parameters(values))


def set_scheduler(session: LxcSession, domain: DomainRef, parameters: Mapping[str, int], affect: Affect) -> None:
    """Change shares, period or quota."""
    tunables = _tunables(session)
    for name, value in parameters.items():
        if name not in tunables:
            raise InvalidArgument(
                f"containers have no scheduler tunable {name!r}", driver="lxc", hint=f"known: {', '.join(tunables)}"
            )
        legal = tunables[name][1]
        if value not in legal or (name == "vcpu_quota" and 0 < value < 1000):
            raise InvalidArgument(f"{name} must be from {legal[0]} to {legal[-1]}, not {value}", driver="lxc")
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            for name, value in parameters.items():
                setattr(_tune(config), _TUNABLES[name][0], value)
            _tidy(config)
    if parameters:
        changes.tell_tuned(session, change, {f"cputune.{name}": value for name, value in parameters.items()})


def _tunables(session: LxcSession) -> dict[str, tuple[str, range, int]]:
    """Those of the version of control groups that this host has: shares are weights in version 2."""
    if session.hierarchies.version("cpu") == 2:
        return {**_TUNABLES, "cpu_shares": ("shares", WEIGHTS, 100)}
    return _TUNABLES


def _tune(config: Domain) -> CpuTune:
    from polyvisor.model.domain.tuning import CpuTune

    config.cputune = config.cputune or CpuTune()
    return config.cputune


def _tidy(config: Domain) -> None:
    """Leave no empty ``<cputune>``."""
    from polyvisor.model.domain.tuning import CpuTune

    if config.cputune == CpuTune():
        config.cputune = None
