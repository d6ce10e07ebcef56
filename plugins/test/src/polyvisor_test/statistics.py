"""What guests have used and done: simulated, by the rules of ``vitals``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, InvalidState, UnsupportedOption
from polyvisor.operations.statistics import (
    BlockInfo,
    BlockStats,
    CpuStats,
    CpuUse,
    DomainStats,
    InterfaceStats,
    MemoryUse,
    StatsGroup,
)
from polyvisor.spi import Affect, DomainRef, DomainState, hookimpl
from polyvisor_test import figures
from polyvisor_test.finding import devices_of, find_disk, find_interface
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession
from polyvisor_test.vitals import Measured, block_stats, interface_stats, memory_use

if TYPE_CHECKING:
    from polyvisor.model.domain.devices.disk import Disk

MAX_PEEK = 64 * 1024
"""Bytes of a disk that one ``peek_block`` may read."""


class StatisticsOperations:
    """The operations of ``polyvisor.operations.statistics``."""

    @hookimpl
    def domain_stats(
        self,
        session: TestSession,
        *,
        domains: Sequence[DomainRef] = (),
        groups: Collection[StatsGroup] = (),
        active: bool | None = None,
        persistent: bool | None = None,
        states: Collection[DomainState] | None = None,
        enforce: bool = False,
    ) -> list[DomainStats]:
        missing = [group for group in groups if group not in figures.GROUPS]
        if missing and enforce:
            raise UnsupportedOption(f"the test driver has no statistics of the group {missing[0].value!r}")
        wanted = [group for group in groups or figures.GROUPS if group in figures.GROUPS]
        node = session.node
        with node.lock:
            clock = node.tick()
            machines = [node.machines[ref.uuid] for ref in domains if ref.uuid in node.machines]
            kept = [
                machine
                for machine in (machines if domains else node.machines.values())
                if active in (None, machine.active)
                and persistent in (None, machine.persistent)
                and (states is None or machine.state.state in states)
            ]
            return [DomainStats(machine.ref, figures.collect(machine, clock, wanted)) for machine in kept]

    @hookimpl
    def block_stats(self, session: TestSession, domain: DomainRef, *, disk: str | None = None) -> BlockStats:
        with session.machine(domain) as machine:
            measured = _measure(session, machine)
            disks = devices_of(measured.config).disks
            if disk is None:
                return block_stats(measured.seconds, len(disks))
            find_disk(measured.config, disk)
            return block_stats(measured.seconds)

    @hookimpl
    def block_info(self, session: TestSession, domain: DomainRef, disk: str) -> BlockInfo:
        with session.machine(domain) as machine:
            found = find_disk(machine.config, disk)
            _require_medium(machine, found)
            capacity = machine.capacity(found)
            return BlockInfo(capacity, allocation=capacity // 4, physical=capacity // 4)

    @hookimpl
    def disk_errors(self, session: TestSession, domain: DomainRef) -> dict[str, str]:
        """Simulated disks never fail."""
        with session.machine(domain) as machine:
            machine.require_active()
            return {}

    @hookimpl
    def interface_stats(self, session: TestSession, domain: DomainRef, interface: str) -> InterfaceStats:
        with session.machine(domain) as machine:
            measured = _measure(session, machine)
            find_interface(measured.config, interface)
            return interface_stats(measured.seconds)

    @hookimpl
    def memory_stats(self, session: TestSession, domain: DomainRef) -> MemoryUse:
        with session.machine(domain) as machine:
            return memory_use(_measure(session, machine))

    @hookimpl
    def cpu_stats(self, session: TestSession, domain: DomainRef) -> CpuStats:
        with session.machine(domain) as machine:
            machine.require_active()
            total = machine.cpu_time_ns(session.node.tick())
            return CpuStats(CpuUse(total, system_ns=total // 5, user_ns=total - total // 5, vcpu_ns=total))

    @hookimpl
    def perf_events(
        self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT
    ) -> dict[str, bool]:
        with session.machine(domain) as machine:
            perf = machine.reading(affect).perf
            counted: dict[str, bool] = {event.name: event.enabled for event in perf.events} if perf else {}
            return {name: counted.get(name, False) for name in figures.perf_event_names()}

    @hookimpl
    def set_perf_events(
        self, session: TestSession, domain: DomainRef, events: Mapping[str, bool], *, affect: Affect = Affect.CURRENT
    ) -> None:
        from polyvisor.model.domain.events import Perf, PerfEvent

        known = figures.perf_event_names()
        for name in events:
            if name not in known:
                raise InvalidArgument(f"there is no performance event {name!r}", hint=f"known: {', '.join(known)}")
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                others = [event for event in config.perf.events if event.name not in events] if config.perf else []
                named = [PerfEvent(name=name, enabled=events[name]) for name in known if name in events]
                config.perf = Perf(events=[*others, *named])

    @hookimpl
    def peek_block(self, session: TestSession, domain: DomainRef, disk: str, offset: int, size: int) -> bytes:
        """Simulated: an image that nobody has written to holds zeros."""
        with session.machine(domain) as machine:
            found = find_disk(machine.config, disk)
            _require_medium(machine, found)
            end = machine.capacity(found)
            if offset < 0 or not 0 <= size <= MAX_PEEK or offset + size > end:
                raise InvalidArgument(
                    f"{size} bytes at {offset} are not within the disk's {end}", hint=f"at most {MAX_PEEK} at a time"
                )
            return bytes(size)


def _measure(session: TestSession, machine: Machine) -> Measured:
    """The running guest's measures, a simulated second later than before."""
    machine.require_active()
    return Measured(machine.config, machine.vitals.seconds(session.node.tick()))


def _require_medium(machine: Machine, disk: Disk) -> None:
    if disk.source is None:
        raise InvalidState(f"there is no medium in drive {disk.target.dev} of {machine.ref}", target=str(machine.ref))
