"""One guest: what it is defined as, what it runs as, and what it owns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import Busy, InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.spi import Affect, DomainRef, DomainState, StateInfo
from polyvisor_test.finding import devices_of
from polyvisor_test.guestsystem import GuestSystem
from polyvisor_test.processors import plugged
from polyvisor_test.trees import Tree
from polyvisor_test.vitals import VCPU_LOAD, Vitals, block_stats

if TYPE_CHECKING:
    from polyvisor.model.backup import DomainBackup
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.disk import Disk
    from polyvisor_test.blockjobs import DiskJob
    from polyvisor_test.checkpoints import Checkpoint
    from polyvisor_test.consoles import Line
    from polyvisor_test.images import SavedGuest
    from polyvisor_test.snapshots import Snapshot
    from polyvisor_test.work import Work

AGENT_CHANNEL = "org.qemu.guest_agent.0"
"""Target name of the channel on which a guest agent listens."""

CAPACITY = 10 * 1024**3
"""Bytes of every disk until it is resized."""

OFF = StateInfo(DomainState.SHUT_OFF)
"""The state of a guest that was never started."""


@dataclass(slots=True)
class MigrationLimits:
    """How a guest may migrate: milliseconds it may stand still, bytes of cache, bytes per second (0: no limit)."""

    downtime_ms: int = 300
    cache: int = 64 * 1024**2
    speed: int = 0


@dataclass(slots=True)
class Machine:
    """A guest of the simulated host. Touch it only under the node's lock.

    ``stored`` is the configuration it starts with next, None for a transient guest; ``live`` the one it runs
    with, None while it is off. At least one of them is there. The fields after ``vitals`` come and go with the
    running instance, those after ``snapshots`` stay.
    """

    uuid: UUID
    name: str
    stored: Domain | None = None
    live: Domain | None = None
    id: int | None = None
    state: StateInfo = OFF
    autostart: bool = False
    autostart_once: bool = False
    updated: bool = False
    vitals: Vitals = field(default_factory=Vitals)
    system: GuestSystem | None = None
    dirty_rate: tuple[int, int, str] | None = None
    work: Work | None = None
    backup: DomainBackup | None = None
    finished_work: Work | None = None
    lines: dict[str, Line] = field(default_factory=dict)
    disk_jobs: dict[str, DiskJob] = field(default_factory=dict)
    migration: MigrationLimits = field(default_factory=MigrationLimits)
    leaving: bool = False
    arriving: bool = False
    snapshots: Tree[Snapshot] = field(default_factory=Tree)
    checkpoints: Tree[Checkpoint] = field(default_factory=Tree)
    managed_save: SavedGuest | None = None
    capacities: dict[str, int] = field(default_factory=dict)

    @property
    def ref(self) -> DomainRef:
        return DomainRef(self.name, self.uuid, self.id)

    @property
    def active(self) -> bool:
        return self.live is not None

    @property
    def persistent(self) -> bool:
        return self.stored is not None

    @property
    def config(self) -> Domain:
        """The configuration that counts now: the live one of a running guest, else the stored one."""
        config = self.live or self.stored
        assert config is not None
        return config

    # -- what must hold ---------------------------------------------------------------------------------------

    def require_active(self, *states: DomainState) -> None:
        """Raise InvalidState unless the guest is active, and in one of ``states`` if any are given."""
        if not self.active:
            raise InvalidState(f"{self.ref} is not running", target=str(self.ref), hint="start it first")
        if states and self.state.state not in states:
            wanted = " or ".join(states)
            raise InvalidState(f"{self.ref} is {self.state.state}; it must be {wanted}", target=str(self.ref))

    def require_inactive(self) -> None:
        """Raise InvalidState if the guest is active."""
        if self.active:
            raise InvalidState(
                f"{self.ref} is {self.state.state}; it must be off", target=str(self.ref), hint="shut it down first"
            )

    def require_persistent(self) -> None:
        """Raise InvalidState for a transient guest, which has no stored configuration."""
        if not self.persistent:
            raise InvalidState(
                f"{self.ref} is transient: it has no stored configuration", target=str(self.ref), hint="define it first"
            )

    def require_agent(self) -> GuestSystem:
        """The system inside; raises InvalidState unless it runs and has a channel for its agent."""
        self.require_active(DomainState.RUNNING)
        names = [getattr(channel.target, "name", None) for channel in devices_of(self.config).channels]
        if AGENT_CHANNEL not in names or self.system is None:
            raise InvalidState(
                f"{self.ref} has no guest agent", target=str(self.ref), hint=f"add a <channel> named {AGENT_CHANNEL}"
            )
        return self.system

    def require_balloon(self) -> None:
        """Raise NoSuchDevice for a guest without a memory balloon."""
        balloon = devices_of(self.config).memballoon
        if balloon is None or balloon.model == "none":
            raise NoSuchDevice(f"{self.ref} has no memory balloon", target=str(self.ref), hint="add a <memballoon>")

    # -- the two configurations -------------------------------------------------------------------------------

    def affected(self, affect: Affect) -> tuple[str, ...]:
        """Which of ``("live", "stored")`` a change or a question with ``affect`` is about.

        Raises InvalidState when the guest does not have what is asked for."""
        if affect is Affect.CURRENT:
            return ("live",) if self.active else ("stored",)
        if affect in (Affect.LIVE, Affect.BOTH):
            self.require_active()
        if affect in (Affect.CONFIG, Affect.BOTH):
            self.require_persistent()
        return {Affect.LIVE: ("live",), Affect.CONFIG: ("stored",), Affect.BOTH: ("live", "stored")}[affect]

    def reading(self, affect: Affect) -> Domain:
        """The configuration a question with ``affect`` is about; the live one when it could be both."""
        found: Domain = getattr(self, self.affected(affect)[0])
        return found

    @contextmanager
    def changing(self, affect: Affect) -> Iterator[list[Domain]]:
        """Copies of the configurations ``affect`` names, to be changed in place; they count once the block ends.

        If the block raises, nothing has changed: neither half of a change to both. Raises InvalidArgument when it
        leaves something that no document can hold."""
        from polyvisor.documents import write

        if self.leaving:
            raise Busy(f"{self.ref} is migrating", target=str(self.ref), hint="wait until it has")
        sides = self.affected(affect)
        drafts: list[Domain] = [getattr(self, side).copy() for side in sides]
        yield drafts
        for draft in drafts:
            write(draft, secure=True)
        for side, draft in zip(sides, drafts, strict=True):
            setattr(self, side, draft)

    # -- what can be measured ---------------------------------------------------------------------------------

    @property
    def memory_kib(self) -> int:
        """KiB that the guest has now."""
        return self.config.current_memory_kib

    def cpu_time_ns(self, clock: int) -> int:
        """Nanoseconds of CPU time that the guest used by the node time ``clock``."""
        return self.vitals.seconds(clock) * VCPU_LOAD * len(plugged(self.config))

    def bytes_written(self, clock: int) -> int:
        """Bytes that each disk of the guest wrote by the node time ``clock``."""
        return block_stats(self.vitals.seconds(clock)).write_bytes or 0

    def capacity(self, disk: Disk) -> int:
        """Bytes that the disk shows to the guest."""
        return self.capacities.get(disk.target.dev, CAPACITY)

    # -- CPUs as the system inside sees them ------------------------------------------------------------------

    def online(self) -> frozenset[int]:
        """vCPUs that the system inside uses."""
        return plugged(self.config) - self.require_agent().offline

    def set_online(self, vcpus: Collection[int], online: bool) -> None:
        """Have the system inside take vCPUs online or offline; raises InvalidArgument for what it cannot."""
        system, present = self.require_agent(), plugged(self.config)
        unknown = set(vcpus) - present
        if unknown:
            raise InvalidArgument(f"{self.ref} has no vCPU {min(unknown)} plugged in", target=str(self.ref))
        if not online and 0 in vcpus:
            raise InvalidArgument("the guest's system cannot take CPU 0 offline")
        system.offline = system.offline - set(vcpus) if online else system.offline | set(vcpus)
