"""A connection to a simulated host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.spi import (
    URI,
    ConnectContext,
    DomainRef,
    DomainState,
    Event,
    EventKind,
    Lifecycle,
    Session,
    lifecycle,
)
from polyvisor_test import transitions
from polyvisor_test.descriptors import Descriptors
from polyvisor_test.guestsystem import GuestSystem
from polyvisor_test.machine import Machine, MigrationLimits
from polyvisor_test.node import Node
from polyvisor_test.transitions import Transition

if TYPE_CHECKING:
    from polyvisor_test.images import SavedGuest

RESTARTS = frozenset({"restart", "rename-restart", "coredump-restart"})
"""Actions of ``<on_poweroff>`` and its like after which the same guest boots again."""


class TestSession(Session):
    """A connection and the node it sees. The node is the session's own and is gone when it closes."""

    __test__ = False  # the name is no test class of pytest's

    def __init__(self, uri: URI, context: ConnectContext, node: Node, job_seconds: float = 0.0) -> None:
        super().__init__(uri, context)
        self.node = node
        self.job_seconds = job_seconds
        self.autodestroyed: set[UUID] = set()
        self.descriptors = Descriptors()
        self.open = True

    @contextmanager
    def machine(self, domain: DomainRef) -> Iterator[Machine]:
        """The guest ``domain``, held under the node's lock; raises NoSuchDomain."""
        with self.node.lock:
            yield self.node.find(domain)

    # -- telling what happened ----------------------------------------------------------------------------

    def tell(self, kind: EventKind, machine: Machine, **data: Any) -> None:
        """Announce an event of the guest."""
        self.events(Event(kind, machine.ref, data=data))

    def tell_lifecycle(self, machine: Machine, event: Lifecycle, detail: str) -> None:
        """Announce a lifecycle event of the guest."""
        self.events(lifecycle(machine.ref, event, detail))

    # -- changing states ----------------------------------------------------------------------------------

    def enter(self, machine: Machine, transition: Transition) -> None:
        """Take the guest into the state of ``transition`` and announce it."""
        machine.state = transition.state
        if machine.state.state is DomainState.RUNNING:
            machine.vitals.run(self.node.clock)
        else:
            machine.vitals.halt(self.node.clock)
        for event, detail in transition.events:
            self.tell_lifecycle(machine, event, detail)

    def power_on(self, machine: Machine, transition: Transition, *, autodestroy: bool = False) -> None:
        """Make the off guest an instance of its configuration and take it into its first state.

        The live configuration is a copy of the stored one unless the caller has already set another. Raises
        UnsupportedConfiguration when a disk is to use file descriptors that nobody has handed over."""
        live = machine.live or (machine.stored and machine.stored.copy())
        assert live is not None
        machine.live = None
        self.descriptors.require(machine, live)
        machine.live = live
        machine.id = machine.live.id = self.node.next_id()
        self.node.plug_in(machine.live)
        machine.vitals.reset()
        machine.system = GuestSystem(machine.name)
        if autodestroy:
            self.autodestroyed.add(machine.uuid)
        self.enter(machine, transition)

    def power_on_saved(
        self, machine: Machine, image: SavedGuest, *, paused: bool | None, autodestroy: bool = False
    ) -> None:
        """Take a saved guest up again where it was; ``paused`` None as it was saved."""
        machine.live = image.config.copy()
        stay = image.paused if paused is None else paused
        self.power_on(machine, transitions.RESTORE_PAUSED if stay else transitions.RESTORE, autodestroy=autodestroy)
        machine.vitals.resume_at(image.seconds, self.node.clock, running=not stay)

    def power_off(self, machine: Machine, transition: Transition) -> None:
        """End the running instance; a transient guest is gone afterwards.

        Its last events still carry its id, as the instance that stopped."""
        self.enter(machine, transition)
        machine.live = machine.id = machine.system = machine.dirty_rate = None
        machine.updated = machine.leaving = machine.arriving = False
        machine.migration = MigrationLimits()
        machine.disk_jobs.clear()
        if machine.work is not None:
            machine.work.abort()
        for line in machine.lines.values():
            line.hang_up()
        machine.lines.clear()
        self.autodestroyed.discard(machine.uuid)
        self.node.forget_if_gone(machine)

    def restart(self, machine: Machine) -> None:
        """Boot the running guest again, as the same instance."""
        machine.vitals.reset()
        machine.system = GuestSystem(machine.name)
        machine.state = transitions.BOOT.state
        machine.vitals.run(self.node.clock)
        self.tell(EventKind.REBOOT, machine)

    # -- what guests do of themselves -----------------------------------------------------------------------

    def guest_powers_off(self, machine: Machine) -> None:
        """The system inside shuts down; ``<on_poweroff>`` says what follows."""
        if machine.config.on_poweroff in RESTARTS:
            self.restart(machine)
        else:
            self.power_off(machine, transitions.SHUT_DOWN)

    def guest_reboots(self, machine: Machine) -> None:
        """The system inside reboots; ``<on_reboot>`` says what follows."""
        if machine.config.on_reboot in (None, *RESTARTS):
            self.restart(machine)
        else:
            self.power_off(machine, transitions.SHUT_DOWN)

    def guest_crashes(self, machine: Machine) -> None:
        """The system inside panics; ``<on_crash>`` says what follows."""
        action = machine.config.on_crash
        if action == "preserve":
            self.enter(machine, transitions.PANIC)
        elif action in RESTARTS:
            self.restart(machine)
        else:
            self.power_off(machine, transitions.CRASH)

    def close(self) -> None:
        with self.node.lock:
            for uuid in sorted(self.autodestroyed):
                self.power_off(self.node.machines[uuid], transitions.DESTROY)
            for machine in self.node.running():
                for line in machine.lines.values():
                    line.hang_up()
            self.descriptors.close()
            self.open = False
