"""The memory of guests: how much they may have, have, and may take from the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.operations.memory import MEMORY_LIMITS, UNLIMITED
from polyvisor.operations.records import Parameters
from polyvisor.spi import Affect, DomainRef, EventKind, hookimpl
from polyvisor_test.finding import devices_of
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


DIRTY_RATE_MODES = ("page-sampling", "dirty-bitmap", "dirty-ring")
"""Ways to measure, by QEMU's names."""


class MemoryOperations:
    """The operations of ``polyvisor.operations.memory``."""

    @hookimpl
    def max_memory(self, session: TestSession, domain: DomainRef) -> int:
        with session.machine(domain) as machine:
            return machine.config.memory_kib

    @hookimpl
    def set_max_memory(
        self, session: TestSession, domain: DomainRef, kib: int, *, affect: Affect = Affect.CURRENT
    ) -> None:
        if kib <= 0:
            raise InvalidArgument(f"a guest cannot have {kib} KiB of memory")
        with session.machine(domain) as machine:
            if "live" in machine.affected(affect):
                raise InvalidState(
                    f"the maximum memory of {machine.ref} cannot change while it runs",
                    target=str(machine.ref),
                    hint="change the stored configuration, or shut it down first",
                )
            with machine.changing(affect) as configs:
                for config in configs:
                    _set_amount(config, "memory", kib)
                    if config.current_memory_kib > kib:
                        _set_amount(config, "current_memory", kib)

    @hookimpl
    def set_memory(self, session: TestSession, domain: DomainRef, kib: int, *, affect: Affect = Affect.CURRENT) -> None:
        with session.machine(domain) as machine:
            live = "live" in machine.affected(affect)
            if live:
                machine.require_balloon()
            with machine.changing(affect) as configs:
                for config in configs:
                    if not 0 < kib <= config.memory_kib:
                        raise InvalidArgument(f"{kib} KiB is not between 1 and the maximum, {config.memory_kib} KiB")
                    _set_amount(config, "current_memory", kib)
            if live:
                session.tell(EventKind.BALLOON_CHANGE, machine, actual_kib=kib)

    @hookimpl
    def set_memory_stats_period(
        self, session: TestSession, domain: DomainRef, seconds: int, *, affect: Affect = Affect.CURRENT
    ) -> None:
        from polyvisor.model.domain.devices.balloon import BalloonStatistics

        if seconds < 0:
            raise InvalidArgument(f"{seconds} seconds is no period", hint="0 turns the reports off")
        with session.machine(domain) as machine:
            machine.require_balloon()
            with machine.changing(affect) as configs:
                for config in configs:
                    balloon = devices_of(config).memballoon
                    if balloon is not None:
                        balloon.stats = BalloonStatistics(period=seconds) if seconds else None

    @hookimpl
    def memory_limits(self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> Parameters:
        with session.machine(domain) as machine:
            return Parameters(dict(_limits(machine.reading(affect))))

    @hookimpl
    def set_memory_limits(
        self, session: TestSession, domain: DomainRef, limits: Mapping[str, int], *, affect: Affect = Affect.CURRENT
    ) -> None:
        for name, kib in limits.items():
            if name not in MEMORY_LIMITS:
                raise InvalidArgument(f"there is no memory limit {name!r}", hint=f"known: {', '.join(MEMORY_LIMITS)}")
            if not 0 <= kib <= UNLIMITED:
                raise InvalidArgument(f"{kib} KiB is out of range for {name}")
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                wanted = {**_limits(config), **limits}
                if wanted["swap_hard_limit"] < wanted["hard_limit"] != UNLIMITED:
                    raise InvalidArgument("swap_hard_limit counts memory and swap, so it cannot be below hard_limit")
                _set_limits(config, limits)

    @hookimpl
    def peek_memory(
        self, session: TestSession, domain: DomainRef, start: int, size: int, *, physical: bool = False
    ) -> bytes:
        """Simulated: every byte of a guest's memory is the lowest byte of its own address."""
        with session.machine(domain) as machine:
            machine.require_active()
            end = machine.config.memory_kib * 1024
            if start < 0 or size < 0 or start + size > end:
                raise InvalidArgument(f"{size} bytes at {start:#x} are not within the guest's {end} bytes of memory")
            first = start % 256
            pattern = bytes(range(256))
            return (pattern[first:] + pattern * (size // 256 + 1))[:size]

    @hookimpl
    def start_dirty_rate(
        self, session: TestSession, domain: DomainRef, *, seconds: int = 1, mode: str = "page-sampling"
    ) -> None:
        """Simulated guests dirty memory at a fixed rate, so the measurement is done at once."""
        if seconds not in range(1, 61):
            raise InvalidArgument(f"a measurement of {seconds} seconds is not possible", hint="1 to 60 are")
        if mode not in DIRTY_RATE_MODES:
            raise InvalidArgument(f"there is no mode {mode!r}", hint=f"modes are {', '.join(DIRTY_RATE_MODES)}")
        with session.machine(domain) as machine:
            machine.require_active()
            machine.dirty_rate = (session.node.clock, seconds, mode)


def _set_amount(config: Domain, field: str, kib: int) -> None:
    """Set ``<memory>`` or ``<currentMemory>``, keeping its other attributes."""
    from polyvisor.model.domain.memory import CurrentMemory

    amount = getattr(config, field) or CurrentMemory(value=kib)
    setattr(config, field, amount.replace(value=kib, unit="KiB"))


def _limits(config: Domain) -> dict[str, int]:
    """Each limit of ``<memtune>`` in KiB."""
    amounts = {name: getattr(config.memtune, name, None) for name in MEMORY_LIMITS}
    return {name: amount.kib if amount else UNLIMITED for name, amount in amounts.items()}


def _set_limits(config: Domain, limits: Mapping[str, int]) -> None:
    from polyvisor.model.domain.memory import Kibibytes
    from polyvisor.model.domain.tuning import MemTune

    config.memtune = config.memtune or MemTune()
    for name, kib in limits.items():
        setattr(config.memtune, name, None if kib == UNLIMITED else Kibibytes(value=kib, unit="KiB"))
