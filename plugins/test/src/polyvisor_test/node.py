"""The simulated host: what it is made of, and its guests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from polyvisor.errors import AlreadyExists, InvalidArgument, NoSuchDomain
from polyvisor.spi import DomainRef
from polyvisor_test.aliases import assign_aliases, assign_taps, taps
from polyvisor_test.machine import Machine

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

HUGE_PAGES_KIB = (2048, 1048576)
"""Huge page sizes the host has, in KiB, beside its 4 KiB pages."""


@dataclass(frozen=True, slots=True)
class HostDescription:
    """What the simulated host is made of; the defaults are the host of ``test:///default``.

    ``sockets`` are counted per NUMA cell, ``cores`` per socket, ``threads`` per core. ``active`` CPUs are online.
    """

    model: str = "i686"
    memory_kib: int = 3145728
    mhz: int = 1400
    cells: int = 2
    sockets: int = 2
    cores: int = 2
    threads: int = 2
    active: int = 16

    @property
    def arch(self) -> Literal["i686", "x86_64"]:
        """Architecture of guests that name none: the host's own, if its model is one."""
        return "x86_64" if self.model == "x86_64" else "i686"

    @property
    def cpus(self) -> int:
        """CPUs present."""
        return self.cells * self.sockets * self.cores * self.threads

    def with_active(self, active: int) -> HostDescription:
        """The same host with so many CPUs online."""
        return replace(self, active=active)

    def cell_memory_kib(self, cell: int) -> int:
        """Memory of one cell: equal shares, the last cell gets what does not divide."""
        share = self.memory_kib // self.cells
        return share if cell < self.cells - 1 else self.memory_kib - share * (self.cells - 1)

    def cell_cpus(self, cell: int) -> range:
        """CPUs of one cell, by number."""
        width = self.cpus // self.cells
        return range(cell * width, (cell + 1) * width)


@dataclass
class Node:
    """A host and its guests. ``lock`` guards everything below; take it before touching any guest."""

    host: HostDescription = field(default_factory=HostDescription)
    machines: dict[UUID, Machine] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    clock: int = 0
    last_id: int = 0
    huge_pages: dict[tuple[int, int], int] = field(default_factory=dict)
    memory_parameters: dict[str, int] = field(
        default_factory=lambda: {"shm_pages_to_scan": 100, "shm_sleep_millisecs": 20, "shm_merge_across_nodes": 1}
    )

    def tick(self) -> int:
        """One simulated second passes; returns the new time."""
        self.clock += 1
        return self.clock

    def next_id(self) -> int:
        """An id no guest of this node ever had."""
        self.last_id += 1
        return self.last_id

    def find(self, domain: DomainRef) -> Machine:
        """The guest ``domain`` refers to; raises NoSuchDomain."""
        try:
            return self.machines[domain.uuid]
        except KeyError:
            raise NoSuchDomain(
                f"there is no domain {domain.name!r} with UUID {domain.uuid}", target=str(domain)
            ) from None

    def named(self, name: str) -> Machine | None:
        """The guest called ``name``."""
        return next((machine for machine in self.machines.values() if machine.name == name), None)

    def forget_if_gone(self, machine: Machine) -> None:
        """Forget a guest that neither runs nor has a stored configuration."""
        if not machine.active and not machine.persistent:
            self.machines.pop(machine.uuid, None)

    def require_free_name(self, name: str, uuid: UUID) -> None:
        """Raise AlreadyExists if another guest than ``uuid`` has ``name``."""
        other = self.named(name)
        if other is not None and other.uuid != uuid:
            raise AlreadyExists(
                f"the name {name!r} belongs to the domain with UUID {other.uuid}",
                target=f"domain {name!r}",
                hint="choose another name, or leave out <uuid> of a new domain and undefine the old one",
            )

    def plug_in(self, config: Domain) -> None:
        """Give the devices of a guest that runs, or is about to, their names: aliases and interfaces on the host."""
        assign_aliases(config)
        assign_taps(config, set().union(*(taps(machine.config) for machine in self.running())))

    def running(self) -> Iterable[Machine]:
        """The active guests."""
        return [machine for machine in self.machines.values() if machine.active]

    # -- memory -------------------------------------------------------------------------------------------

    def require_cell(self, cell: int) -> None:
        """Raise InvalidArgument for a NUMA cell the host does not have."""
        if cell not in range(self.host.cells):
            raise InvalidArgument(f"the host has no cell {cell}", hint=f"cells are 0 to {self.host.cells - 1}")

    def cells(self, asked: Sequence[int]) -> list[int]:
        """The cells ``asked`` for, checked; all of them when none is."""
        for cell in asked:
            self.require_cell(cell)
        return list(asked) or list(range(self.host.cells))

    def cell_free_kib(self, cell: int) -> int:
        """Free memory of a cell: what guests (equally on every cell) and huge pages leave of it."""
        guests = sum(machine.memory_kib for machine in self.running()) // self.host.cells
        pages = sum(size * count for (owner, size), count in self.huge_pages.items() if owner == cell)
        return max(0, self.host.cell_memory_kib(cell) - guests - pages)

    def free_kib(self) -> int:
        """Free memory of the host."""
        return sum(self.cell_free_kib(cell) for cell in range(self.host.cells))
