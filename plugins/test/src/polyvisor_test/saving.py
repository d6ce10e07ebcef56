"""Putting running guests into files and back; pictures and dumps of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.domainjobs import JobOperation
from polyvisor.operations.saving import DumpFormat, Screenshot
from polyvisor.spi import DomainRef, DomainState, JobControl, hookimpl
from polyvisor_test import transitions
from polyvisor_test.finding import devices_of
from polyvisor_test.images import SavedGuest, read_image, write_dump, write_image
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession
from polyvisor_test.work import working

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


class SavingOperations:
    """The operations of ``polyvisor.operations.saving``."""

    @hookimpl
    def save(
        self,
        session: TestSession,
        domain: DomainRef,
        path: str,
        job: JobControl,
        *,
        config: Domain | None = None,
        paused: bool | None = None,
    ) -> None:
        target = _absolute(path)
        with working(session, domain, JobOperation.SAVE, job) as machine:
            image = _image(session, machine, paused)
            if config is not None:
                image = image.with_config(config)
            write_image(target, image)
            session.power_off(machine, transitions.SAVE)

    @hookimpl
    def restore(
        self,
        session: TestSession,
        path: str,
        job: JobControl,
        *,
        config: Domain | None = None,
        paused: bool | None = None,
    ) -> DomainRef:
        job.check()
        image = read_image(_absolute(path))
        if config is not None:
            image = image.with_config(config)
        uuid, name = UUID(str(image.config.uuid)), image.config.name
        node = session.node
        with node.lock:
            node.require_free_name(name, uuid)
            machine = node.machines.get(uuid)
            if machine is None:
                machine = node.machines[uuid] = Machine(uuid, name)
            elif machine.name != name:
                raise AlreadyExists(f"{machine.ref} has the UUID of the saved domain {name!r}", target=str(machine.ref))
            machine.require_inactive()
            session.power_on_saved(machine, image, paused=paused)
            return machine.ref

    @hookimpl
    def save_image_config(self, session: TestSession, path: str, *, secure: bool = False) -> Domain:
        return read_image(_absolute(path)).config

    @hookimpl
    def set_save_image_config(
        self, session: TestSession, path: str, config: Domain, *, paused: bool | None = None
    ) -> None:
        image = read_image(_absolute(path)).with_config(config)
        write_image(_absolute(path), image.with_paused(paused))

    @hookimpl
    def core_dump(
        self,
        session: TestSession,
        domain: DomainRef,
        path: str,
        job: JobControl,
        *,
        live: bool = False,  # the guest always runs on while its memory is written
        crash: bool = False,
        reset: bool = False,
        memory_only: bool = False,  # there are no devices whose state could be left out
        format: DumpFormat | None = None,
    ) -> None:
        """The dump is a sparse file as large as the guest's memory: there is no memory to write."""
        if crash and reset:
            raise InvalidArgument("a guest cannot be stopped and restarted after a dump", hint="choose crash or reset")
        if format not in (None, DumpFormat.ELF):
            raise InvalidArgument(f"the test driver does not write {format} dumps")
        target = _absolute(path)
        with working(session, domain, JobOperation.DUMP, job) as machine:
            write_dump(target, machine.memory_kib * 1024)
            if crash:
                session.power_off(machine, transitions.CRASH)
            elif reset:
                session.restart(machine)

    @hookimpl
    def screenshot(self, session: TestSession, domain: DomainRef, *, screen: int = 0) -> Screenshot:
        from polyvisor_test.picture import draw

        with session.machine(domain) as machine:
            machine.require_active()
            screens = len(devices_of(machine.config).videos) or 1
            if screen not in range(screens):
                raise NoSuchDevice(f"{machine.ref} has no screen {screen}", target=str(machine.ref))
            return Screenshot("image/x-portable-pixmap", draw(machine.name, screen))

    # -- managed save ---------------------------------------------------------------------------------------

    @hookimpl
    def managed_save(
        self, session: TestSession, domain: DomainRef, job: JobControl, *, paused: bool | None = None
    ) -> None:
        with session.machine(domain) as machine:
            machine.require_persistent()
        with working(session, domain, JobOperation.SAVE, job) as machine:
            machine.managed_save = _image(session, machine, paused)
            session.power_off(machine, transitions.SAVE)

    @hookimpl
    def has_managed_save(self, session: TestSession, domain: DomainRef) -> bool:
        with session.machine(domain) as machine:
            return machine.managed_save is not None

    @hookimpl
    def remove_managed_save(self, session: TestSession, domain: DomainRef) -> None:
        with session.machine(domain) as machine:
            _managed(machine)
            machine.managed_save = None

    @hookimpl
    def managed_save_config(self, session: TestSession, domain: DomainRef, *, secure: bool = False) -> Domain:
        with session.machine(domain) as machine:
            return _managed(machine).config.copy()

    @hookimpl
    def set_managed_save_config(
        self, session: TestSession, domain: DomainRef, config: Domain, *, paused: bool | None = None
    ) -> None:
        with session.machine(domain) as machine:
            machine.managed_save = _managed(machine).with_config(config).with_paused(paused)


def _absolute(path: str) -> Path:
    if not Path(path).is_absolute():
        raise InvalidArgument(f"the path {path!r} is not absolute", hint="the hypervisor may run in another directory")
    return Path(path)


def _image(session: TestSession, machine: Machine, paused: bool | None) -> SavedGuest:
    """The running guest as it would be saved now."""
    was_paused = machine.state.state is DomainState.PAUSED
    seconds = machine.vitals.seconds(session.node.clock)
    return SavedGuest(machine.config.copy(), was_paused if paused is None else paused, seconds)


def _managed(machine: Machine) -> SavedGuest:
    if machine.managed_save is None:
        raise InvalidState(f"{machine.ref} has no managed save image", target=str(machine.ref))
    return machine.managed_save
