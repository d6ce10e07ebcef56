"""Starting, stopping and pausing guests."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, UnsupportedConfiguration
from polyvisor.operations.lifecycle import ShutdownMode, SuspendTarget
from polyvisor.spi import Affect, DomainRef, DomainState, EventKind, hookimpl
from polyvisor_test import transitions
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

ACTIONS = {"poweroff": "on_poweroff", "reboot": "on_reboot", "crash": "on_crash"}
"""Fields of the configuration that say what follows an event."""


class LifecycleOperations:
    """The operations of ``polyvisor.operations.lifecycle``."""

    @hookimpl
    def create(
        self, session: TestSession, config: Domain, *, paused: bool = False, autodestroy: bool = False
    ) -> DomainRef:
        uuid = UUID(str(config.uuid))
        node = session.node
        with node.lock:
            node.require_free_name(config.name, uuid)
            machine = node.machines.get(uuid)
            if machine is None:
                machine = node.machines[uuid] = Machine(uuid, config.name)
            elif machine.active:
                raise AlreadyExists(f"{machine.ref} is running already", target=str(machine.ref))
            machine.live = config.copy()
            boot = transitions.BOOT_PAUSED if paused else transitions.BOOT
            try:
                session.power_on(machine, boot, autodestroy=autodestroy)
            except UnsupportedConfiguration:
                node.forget_if_gone(machine)
                raise
            return machine.ref

    @hookimpl
    def associate_fds(self, session: TestSession, domain: DomainRef, name: str, fds: Sequence[int]) -> None:
        with session.machine(domain) as machine:
            session.descriptors.put(machine.uuid, name, fds)

    @hookimpl
    def start(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        paused: bool = False,
        autodestroy: bool = False,
        force_boot: bool = False,
    ) -> DomainRef:
        with session.machine(domain) as machine:
            machine.require_inactive()
            if force_boot:
                machine.managed_save = None
            if machine.managed_save is not None:
                image, machine.managed_save = machine.managed_save, None
                session.power_on_saved(machine, image, paused=paused or None, autodestroy=autodestroy)
            else:
                boot = transitions.BOOT_PAUSED if paused else transitions.BOOT
                session.power_on(machine, boot, autodestroy=autodestroy)
            return machine.ref

    @hookimpl
    def shutdown(self, session: TestSession, domain: DomainRef, *, modes: Sequence[ShutdownMode] = ()) -> None:
        with session.machine(domain) as machine:
            _require_listening(machine, modes)
            session.guest_powers_off(machine)

    @hookimpl
    def reboot(self, session: TestSession, domain: DomainRef, *, modes: Sequence[ShutdownMode] = ()) -> None:
        with session.machine(domain) as machine:
            _require_listening(machine, modes)
            session.guest_reboots(machine)

    @hookimpl
    def reset(self, session: TestSession, domain: DomainRef) -> None:
        with session.machine(domain) as machine:
            machine.require_active()
            session.restart(machine)

    @hookimpl
    def destroy(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        graceful: bool = False,  # simulated guests hold nothing that could be lost
    ) -> None:
        with session.machine(domain) as machine:
            machine.require_active()
            session.power_off(machine, transitions.DESTROY)

    @hookimpl
    def suspend(self, session: TestSession, domain: DomainRef) -> None:
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING, DomainState.PAUSED)
            if machine.state.state is DomainState.RUNNING:
                session.enter(machine, transitions.PAUSE)

    @hookimpl
    def resume(self, session: TestSession, domain: DomainRef) -> None:
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING, DomainState.PAUSED)
            if machine.state.state is DomainState.PAUSED:
                session.enter(machine, transitions.RESUME)

    @hookimpl
    def pm_suspend(self, session: TestSession, domain: DomainRef, target: SuspendTarget) -> None:
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING)
            if target is SuspendTarget.DISK:
                session.tell(EventKind.PM_SUSPEND_DISK, machine)
                session.power_off(machine, transitions.HIBERNATE)
            else:
                session.tell(EventKind.PM_SUSPEND, machine)
                session.enter(machine, transitions.SLEEP)

    @hookimpl
    def pm_wakeup(self, session: TestSession, domain: DomainRef) -> None:
        with session.machine(domain) as machine:
            machine.require_active(DomainState.PM_SUSPENDED)
            session.tell(EventKind.PM_WAKEUP, machine)
            session.enter(machine, transitions.WAKE)

    @hookimpl
    def set_lifecycle_action(
        self, session: TestSession, domain: DomainRef, event: str, action: str, *, affect: Affect = Affect.CURRENT
    ) -> None:
        value = _action(event, action)
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                setattr(config, ACTIONS[event], value)


def _require_listening(machine: Machine, modes: Sequence[ShutdownMode]) -> None:
    """Raise InvalidState unless the guest can hear the request in one of ``modes``."""
    machine.require_active()
    if machine.state.state is not DomainState.RUNNING:
        raise InvalidState(
            f"{machine.ref} is {machine.state.state} and cannot hear the request",
            target=str(machine.ref),
            hint="resume it first, or destroy it",
        )
    if tuple(modes) == (ShutdownMode.AGENT,):
        machine.require_agent()


def _action(event: str, action: str) -> StrEnum:
    """The action as documents spell it; raises InvalidArgument for one that cannot follow the event."""
    from polyvisor.model.domain.events import CrashAction, LifecycleAction

    if event not in ACTIONS:
        raise InvalidArgument(f"there is no event {event!r}", hint=f"events are {', '.join(ACTIONS)}")
    legal = CrashAction if event == "crash" else LifecycleAction
    if action not in set(legal):
        raise InvalidArgument(f"{action!r} cannot follow a {event}", hint=f"actions are {', '.join(legal)}")
    return legal(action)
