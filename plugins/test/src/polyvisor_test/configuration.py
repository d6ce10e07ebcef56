"""The stored configuration of guests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import InvalidState
from polyvisor.operations.configuration import MetadataKind
from polyvisor.spi import Affect, DomainRef, EventKind, Lifecycle, hookimpl
from polyvisor_test.aliases import without_taps
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


class ConfigurationOperations:
    """The operations of ``polyvisor.operations.configuration``."""

    @hookimpl
    def define(self, session: TestSession, config: Domain) -> DomainRef:
        uuid = UUID(str(config.uuid))
        node = session.node
        with node.lock:
            node.require_free_name(config.name, uuid)
            machine = node.machines.get(uuid)
            if machine is not None and machine.name != config.name:
                raise InvalidState(
                    f"the domain with UUID {uuid} is called {machine.name!r}, not {config.name!r}",
                    target=str(machine.ref),
                    hint="rename it first",
                )
            known = machine is not None and machine.persistent
            if machine is None:
                machine = node.machines[uuid] = Machine(uuid, config.name)
            machine.stored = config
            machine.stored.id = None
            machine.updated = machine.active
            session.tell_lifecycle(machine, Lifecycle.DEFINED, "updated" if known else "added")
            return machine.ref

    @hookimpl
    def undefine(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        managed_save: bool = False,
        snapshots_metadata: bool = False,
        checkpoints_metadata: bool = False,
    ) -> None:
        with session.machine(domain) as machine:
            machine.require_persistent()
            _require_nothing_left(machine, managed_save, snapshots_metadata, checkpoints_metadata)
            machine.managed_save = None
            machine.snapshots.clear()
            machine.checkpoints.clear()
            machine.stored = None
            machine.autostart = machine.autostart_once = machine.updated = False
            if not machine.active:
                del session.node.machines[machine.uuid]
            session.tell_lifecycle(machine, Lifecycle.UNDEFINED, "removed")

    @hookimpl
    def domain_config(
        self, session: TestSession, domain: DomainRef, *, inactive: bool = False, secure: bool = False
    ) -> Domain:
        with session.machine(domain) as machine:
            # A transient guest has only its live configuration: that is what it would be started with again.
            if not inactive:
                return machine.config.copy()
            return without_taps((machine.stored or machine.config).copy())

    @hookimpl
    def rename(self, session: TestSession, domain: DomainRef, name: str) -> DomainRef:
        with session.machine(domain) as machine:
            machine.require_inactive()
            session.node.require_free_name(name, machine.uuid)
            with machine.changing(Affect.CONFIG) as (config,):
                config.name = name
            session.tell_lifecycle(machine, Lifecycle.UNDEFINED, "renamed")
            machine.name = name
            session.tell_lifecycle(machine, Lifecycle.DEFINED, "renamed")
            return machine.ref

    @hookimpl
    def metadata(
        self,
        session: TestSession,
        domain: DomainRef,
        kind: MetadataKind,
        *,
        uri: str | None = None,
        affect: Affect = Affect.CURRENT,
    ) -> str:
        from polyvisor.operations.metadata import read_metadata

        with session.machine(domain) as machine:
            return read_metadata(machine.ref, machine.reading(affect), kind, uri)

    @hookimpl
    def set_metadata(
        self,
        session: TestSession,
        domain: DomainRef,
        kind: MetadataKind,
        value: str | None,
        *,
        uri: str | None = None,
        key: str | None = None,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.operations.metadata import write_metadata

        with session.machine(domain) as machine:
            with machine.changing(affect) as configs:
                for config in configs:
                    write_metadata(config, kind, value, uri=uri, key=key)
            session.tell(EventKind.METADATA_CHANGE, machine, type=kind.value, uri=uri)

    @hookimpl
    def autostart(self, session: TestSession, domain: DomainRef) -> bool:
        with session.machine(domain) as machine:
            return machine.autostart

    @hookimpl
    def set_autostart(self, session: TestSession, domain: DomainRef, enabled: bool) -> None:
        with session.machine(domain) as machine:
            machine.require_persistent()
            machine.autostart = enabled

    @hookimpl
    def autostart_once(self, session: TestSession, domain: DomainRef) -> bool:
        with session.machine(domain) as machine:
            return machine.autostart_once

    @hookimpl
    def set_autostart_once(self, session: TestSession, domain: DomainRef, enabled: bool) -> None:
        with session.machine(domain) as machine:
            machine.require_persistent()
            machine.autostart_once = enabled


def _require_nothing_left(machine: Machine, managed_save: bool, snapshots: bool, checkpoints: bool) -> None:
    """Raise InvalidState while the guest owns something that its caller did not say to remove too."""
    belongings = (
        (machine.managed_save is not None, managed_save, "a managed save image", "managed_save"),
        (bool(machine.snapshots), snapshots, f"{len(machine.snapshots)} snapshots", "snapshots_metadata"),
        (bool(machine.checkpoints), checkpoints, f"{len(machine.checkpoints)} checkpoints", "checkpoints_metadata"),
    )
    for there, removable, what, option in belongings:
        if there and not removable:
            raise InvalidState(
                f"{machine.ref} has {what}", target=str(machine.ref), hint=f"pass {option} to remove it too"
            )
