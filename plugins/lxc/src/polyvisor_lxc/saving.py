"""Saving containers to files and taking them up again, and the saves that the manager keeps for the next start.

A container stands still from the first image of it to its end, so that nothing it does is lost and its root is what it
was. Whatever fails before the file is complete lets it go on; a file that could not be taken up stays.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import Busy, InvalidArgument, InvalidState, OperationCancelled
from polyvisor.host.process import Process, children
from polyvisor.local import bus, configuration
from polyvisor.spi import DomainRef, DomainState, Event, EventKind, JobControl, Lifecycle
from polyvisor.state import make_private_directory, reported
from polyvisor_lxc import archive, booting, criu, domainjobs, guests, kept, stopping, tools
from polyvisor_lxc.archive import Saved
from polyvisor_lxc.cgroups import Group
from polyvisor_lxc.session import GuestFiles, LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.translation import Plan

_IMAGES = ".images"


# -- files ------------------------------------------------------------------------------------------------


def save(
    session: LxcSession, domain: DomainRef, path: str, config: Domain | None, paused: bool | None, job: JobControl
) -> None:
    """Write a container to a file and stop it."""
    _require_place(path)
    guests.require_active(session, domain)
    _save(session, domain, path, config, paused, job)


def restore(session: LxcSession, path: str, config: Domain | None, paused: bool | None, job: JobControl) -> DomainRef:
    """Take a container up from a file, which stays."""
    job.check()
    _require_place(path)
    saved = archive.read(path, session.parse)
    if config is not None:
        saved = saved.with_config(config)
    uuid = configuration.identity(saved.config)
    with session.store.lock(uuid):
        if guests.settle(session, uuid).alive:
            raise InvalidState(f"domain {saved.config.name!r} is already running", driver="lxc")
        with configuration.names(session):
            configuration.refuse_taken(session, saved.config.name, uuid)
        criu.require()
        return _take_up(session, path, saved.with_paused(paused), lambda saved: _intend(session, saved))


def _intend(session: LxcSession, saved: Saved) -> booting.Intent:
    with configuration.names(session):
        configuration.refuse_taken(session, saved.config.name, configuration.identity(saved.config))
        return booting.intend(session, saved.config, autodestroy=False)


def image_config(session: LxcSession, path: str) -> Domain:
    """The document in a file."""
    _require_place(path)
    return archive.read(path, session.parse).config


def set_image_config(session: LxcSession, path: str, config: Domain, paused: bool | None) -> None:
    """Replace the document in a file."""
    _require_place(path)
    archive.rewrite(path, archive.read(path, session.parse).with_config(config).with_paused(paused))


def _require_place(path: str) -> None:
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise InvalidArgument(f"{path!r} is no absolute path of a file", driver="lxc", hint="write it from / on")


# -- saves that are kept ----------------------------------------------------------------------------------


def keep(session: LxcSession, domain: DomainRef, paused: bool | None, job: JobControl) -> None:
    """Save a container for its next start."""
    guests.require_active(session, domain)
    configuration.stored(session, domain)
    make_private_directory(kept.directory(session))
    _save(session, domain, kept.path(session, domain.uuid), None, paused, job)


def remove(session: LxcSession, domain: DomainRef) -> None:
    """Throw the kept save away. Raises InvalidState when there is none."""
    path = _require_kept(session, domain)
    with session.store.lock(domain.uuid):
        kept.remove(path)


def kept_config(session: LxcSession, domain: DomainRef) -> Domain:
    """The document in the kept save."""
    return archive.read(_require_kept(session, domain), session.parse).config


def set_kept_config(session: LxcSession, domain: DomainRef, config: Domain, paused: bool | None) -> None:
    """Replace the document in the kept save."""
    path = _require_kept(session, domain)
    with session.store.lock(domain.uuid):
        set_image_config(session, path, config, paused)


def start_kept(session: LxcSession, domain: DomainRef, name: str, *, paused: bool, autodestroy: bool) -> DomainRef:
    """Take a container up from its kept save, which is used up then; the caller holds its lock."""
    path = kept.path(session, domain.uuid)
    saved = archive.read(path, session.parse).with_paused(paused or None)
    saved.config.name = name  # it may have been renamed meanwhile
    criu.require(domain)
    return _take_up(
        session,
        path,
        saved,
        lambda saved: booting.intend(session, saved.config, autodestroy=autodestroy),
        used_up=True,
    )


def _require_kept(session: LxcSession, domain: DomainRef) -> str:
    guests.require(session, domain)
    path = kept.path(session, domain.uuid)
    if not os.path.exists(path):
        raise InvalidState(f"{domain} has no kept save", target=str(domain), driver="lxc")
    return path


def sweep(session: LxcSession) -> None:
    """Remove what saves and restores that were killed have left in the directory of kept ones.

    Of a container that somebody works on nothing is."""
    directory = kept.directory(session)
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        path = f"{directory}/{name}"
        if name.startswith(archive.PREFIX) and archive.abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
        elif name.endswith(_IMAGES):
            with suppress(Busy), session.store.lock(UUID(name.removesuffix(_IMAGES)), timeout=0):
                shutil.rmtree(path, ignore_errors=True)


# -- writing one ------------------------------------------------------------------------------------------


def _save(
    session: LxcSession, domain: DomainRef, path: str, config: Domain | None, paused: bool | None, job: JobControl
) -> None:
    """The lock is held at the beginning and at the end only: meanwhile it can be asked about, and be destroyed."""
    with archive.beside(path) as scratch:
        with session.store.lock(domain.uuid):
            found = guests.settle(session, domain.uuid)
            guests.require_init(session, domain)
            running = configuration.read_live(session, domain)
            if config is not None:
                archive.require_same(running, config)
            criu.require(domain, running)
            stays = found.state.state is DomainState.PAUSED
            work = domainjobs.begin(session, domain, found, job, "Save", scratch=scratch)
        try:
            images = f"{scratch}/images"
            os.mkdir(images, 0o700)
            work.check()
            criu.dump(session.files(domain.uuid), running.name, images)
            saved = Saved(
                config if config is not None else running,
                stays if paused is None else paused,
                archive.image_sizes(images),
                {"criu": criu.check().why, "kernel": os.uname().release, "when": time.time()},
            )
            work.check()
            archive.pack(path, saved, images)
            with session.store.lock(domain.uuid):
                _end(session, domain, work, path)
        except BaseException:
            with session.store.lock(domain.uuid):
                work.end()
            raise


def _end(session: LxcSession, domain: DomainRef, work: domainjobs.Work, path: str) -> None:
    """The file is there: what it holds must not run on, or else it must not be taken up any more."""
    try:
        work.check()
    except OperationCancelled:
        kept.remove(path)
        raise
    try:
        stopping.stop(session, guests.look(session, domain.uuid), graceful=False, reason="saved")
    except BaseException:
        if guests.look(session, domain.uuid).alive:
            kept.remove(path)
        raise
    data = {"operation": "Save", "aborted": False}
    bus.publish(session, Event(EventKind.JOB_COMPLETED, domain, data=data))


# -- taking one up ----------------------------------------------------------------------------------------


def _take_up(
    session: LxcSession,
    path: str,
    saved: Saved,
    intend: Callable[[Saved], booting.Intent],
    *,
    used_up: bool = False,
) -> DomainRef:
    """Run what was saved; the caller holds the lock. ``used_up``: the file is gone before any of it runs on."""
    uuid = configuration.identity(saved.config)
    images = f"{kept.directory(session)}/{uuid}{_IMAGES}"

    def launch(running: Domain, files: GuestFiles, plan: Plan) -> tools.Answer:
        criu.restore(files, running.name, images)
        process = guests.starter(files)
        with reported("write", files.pid), open(files.pid, "w", encoding="ascii") as file:
            file.write(str(process.pid if process is not None else 0))
        _hold(session, files, process)
        return tools.Answer(0, "", "")

    try:
        make_private_directory(kept.directory(session))
        shutil.rmtree(images, ignore_errors=True)
        archive.unpack(path, images, session.parse)
        running, status, plan = intend(saved)
        status |= {"why": "restored", "restored": True}
        plan = criu.restorable(plan)
        domain = booting.run(session, running, status, plan, launch=launch, paused=True, told=None)
    finally:
        shutil.rmtree(images, ignore_errors=True)
    if used_up:
        kept.remove(path)
    bus.tell(session, domain, Lifecycle.STARTED, "restored")
    if saved.paused:
        bus.tell(session, domain, Lifecycle.SUSPENDED, "restored")
    elif (found := guests.look(session, uuid)).alive:
        found.group.freeze(False)
        stopping.await_standstill(domain, found.group, False)
    return domain


def _hold(session: LxcSession, files: GuestFiles, process: Process | None) -> None:
    """Have it stand still as it was saved, which CRIU does by itself with control groups of version 1."""
    init = next(iter(children(process.pid)), None) if process is not None else None
    group = Group(guests.own_groups(init, session, files.uuid) if init is not None else {})
    if group.paths and not group.frozen():
        group.freeze(True)
