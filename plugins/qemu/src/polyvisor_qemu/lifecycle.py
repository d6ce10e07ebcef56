"""A guest's way from a document to a process and back.

Each change is made by the thread that holds the guest's lock, in steps that leave enough on disk to be finished or
undone by whoever comes next: the intent is written before the process exists, the lock the process holds tells
whether it does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HypervisorError,
    InvalidState,
    OperationTimeout,
    PolyvisorError,
    UnsupportedOption,
)
from polyvisor.host.process import Process
from polyvisor.local import bus, configuration, ended
from polyvisor.spi import DomainRef, DomainState, Lifecycle
from polyvisor.state import LivenessLock, make_private_directory, reported, write_atomic
from polyvisor_qemu import firmware, guests, journal
from polyvisor_qemu.process import spawn
from polyvisor_qemu.qmp import CommandFailed, Monitor, MonitorClosed, listen
from polyvisor_qemu.session import GuestFiles, QemuSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.operations.lifecycle import ShutdownMode
    from polyvisor_qemu.argv import Plan

GRACE = 10.0
"""Seconds that QEMU has for an orderly end before it is killed."""

PATIENCE = 20.0
"""Seconds that the kernel has to clear away a killed QEMU."""

_LAST_WORDS = 2048
_LONGEST_LOG = 2 * 1024 * 1024


# -- starting ---------------------------------------------------------------------------------------------


def start(
    session: QemuSession, domain: DomainRef, *, paused: bool, autodestroy: bool, reset_nvram: bool = False
) -> DomainRef:
    """Start a defined guest."""
    with configuration.startable(session, domain) as entry:
        config = configuration.load(session, entry)
        firmware.prepare_variables(config, reset=reset_nvram)
        intent = _intend(session, config, autodestroy=autodestroy)
        return _run(session, *intent, paused=paused)


def create(session: QemuSession, config: Domain, *, paused: bool, autodestroy: bool) -> DomainRef:
    """Start a guest that is not stored, or the stored one of that name and UUID with another configuration."""
    uuid = configuration.identity(config)
    with session.store.lock(uuid):
        if guests.settle(session, uuid).alive:
            raise AlreadyExists(f"domain {config.name!r} is already running", driver="qemu")
        with configuration.names(session):
            configuration.refuse_taken(session, config.name, uuid)
            firmware.prepare_variables(config, reset=False)
            intent = _intend(session, config, autodestroy=autodestroy)
        return _run(session, *intent, paused=paused)


def _intend(session: QemuSession, config: Domain, *, autodestroy: bool) -> tuple[Domain, dict[str, Any]]:
    """The running instance and its status, written down before anything else exists of it."""
    from polyvisor_qemu import argv, live

    uuid = configuration.identity(config)
    running = live.instance(config, guests.next_id(session))
    status = live.status(running)
    if autodestroy:
        status["owner"] = guests.owner()
    argv.compose(running, session.answers, session.files(uuid))  # refuse now what cannot be built
    session.store.write_status(uuid, {**status, "phase": guests.STARTING})
    return running, status


def _run(session: QemuSession, running: Domain, status: dict[str, Any], *, paused: bool) -> DomainRef:
    uuid = configuration.identity(running)
    files = session.files(uuid)
    try:
        status = _boot(session, running, files, status, paused=paused)
    except BaseException:
        _undo(session, files)
        raise
    domain = DomainRef(running.name, uuid, status["id"])
    ended.forget(session, uuid)
    bus.tell(session, domain, Lifecycle.STARTED, "booted")
    if paused:
        bus.tell(session, domain, Lifecycle.SUSPENDED, "paused")
    if "owner" in status:
        session.tie(uuid)
    return domain


def _boot(
    session: QemuSession, running: Domain, files: GuestFiles, status: dict[str, Any], *, paused: bool
) -> dict[str, Any]:
    """Run QEMU and let it go; returns the guest's status, written."""
    from polyvisor_qemu import argv, live

    _prepare(files, live.consoles(running, files))
    with LivenessLock(files.alive) as lock, listen(files.monitor) as monitor:
        plan = argv.compose(running, session.answers, files, monitor=monitor.fileno())
        with _log(files, plan) as log:
            said = log.seek(0, os.SEEK_END)
            process = spawn(
                plan.arguments,
                log=log.fileno(),
                descriptors=(lock.fileno(), monitor.fileno(), *plan.descriptors),
                environment=plan.environment,
            )
    status |= {"pid": process.pid, "started": process.started, "since": time.time()}
    status |= {"taints": plan.taints, "starts_paused": paused}
    try:
        live.note_backends(running, _release(files, plan, paused=paused))
    except PolyvisorError as error:
        raise _failure(running.name, files, process, said, error) from error
    write_atomic(files.live, configuration.live_text(running), durable=False)
    status |= {"phase": guests.RUNNING, "consoles": live.consoles(running, files)}
    session.store.write_status(files.uuid, status)
    return status


def _release(files: GuestFiles, plan: Plan, *, paused: bool) -> list[Mapping[str, Any]]:
    """Let the vCPUs go; one round trip. Returns the character devices if any was QEMU's to choose."""
    commands: list[tuple[str, Mapping[str, Any] | None]] = [("query-status", None)]
    if plan.asks_chardevs:
        commands.append(("query-chardev", None))
    if not paused:
        commands.append(("cont", None))
    with Monitor.connect(files.monitor) as monitor:
        results = monitor.pipeline(*commands)
    chardevs: list[Mapping[str, Any]] = results[1] if plan.asks_chardevs else []
    return chardevs


def _prepare(files: GuestFiles, consoles: Sequence[Mapping[str, Any]]) -> None:
    guests.remove_files(files.directory)
    make_private_directory(files.directory)
    make_private_directory(files.logs)
    # QEMU would create the logs for everybody to read
    logs = [device["log"] for device in consoles if device["log"] and device["log"].startswith(f"{files.logs}/")]
    for path, content in ((files.handshake, journal.HANDSHAKE), (files.journal, b""), *((log, b"") for log in logs)):
        with reported("write", path):
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, content)
            finally:
                os.close(descriptor)


def _log(files: GuestFiles, plan: Plan) -> Any:
    """QEMU's log, opened for appending, with what is about to be run noted in it."""
    import shlex

    with reported("write", files.log):
        descriptor = os.open(files.log, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        if os.fstat(descriptor).st_size > _LONGEST_LOG:
            file.truncate(0)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S%z")
        file.write(f"{stamp}: starting {shlex.join(plan.arguments)}\n".encode(errors="replace"))
        return file


def _failure(
    name: str, files: GuestFiles, process: Process, said: int, error: PolyvisorError
) -> HypervisorError | OperationTimeout:
    """Why QEMU did not come up, in its own words."""
    if isinstance(error, MonitorClosed):
        process.wait(GRACE)
    words = _words(files.log, said)
    if isinstance(error, OperationTimeout):
        return OperationTimeout(f"domain {name!r} did not start: {error.message}", driver="qemu", hint=error.hint)
    why = words if isinstance(error, MonitorClosed) and words else error.message
    details = dict(error.details) if isinstance(error, CommandFailed) else {}
    return HypervisorError(
        f"QEMU could not start domain {name!r}: {why}",
        driver="qemu",
        hint=f"its whole output is in {files.log}",
        details={**details, "output": words},
    )


def _words(path: str, start: int) -> str:
    """What QEMU said since byte ``start``, without the name of its program before each line."""
    with open(path, "rb") as file:
        file.seek(max(start, file.seek(0, os.SEEK_END) - _LAST_WORDS))
        lines = file.read().decode(errors="replace").splitlines()
    said = [line.split(": ", 1)[-1] if line.startswith("qemu") else line for line in lines]
    return "; ".join(line for line in said if line and not line.startswith("char device redirected"))


def _undo(session: QemuSession, files: GuestFiles) -> None:
    """Leave nothing of a start that failed, except why in the table of ended guests."""
    found = guests.look(session, files.uuid)
    if found.alive:
        guests.abandon(session, found)
    if session.store.find(uuid=files.uuid) is not None:
        ended.remember(session, files.uuid, "failed")
    guests.remove_files(files.directory)
    session.store.remove_status(files.uuid)


# -- stopping ---------------------------------------------------------------------------------------------


def destroy(session: QemuSession, domain: DomainRef, *, graceful: bool, remove_logs: bool) -> None:
    """Pull the plug."""
    with guests.active(session, domain) as found:
        stop(session, found, graceful=graceful)
        if remove_logs:
            _remove_logs(session.files(domain.uuid))


def stop(session: QemuSession, found: guests.Look, *, graceful: bool, reason: str = "destroyed") -> None:
    """End the guest's process and tidy up; the caller holds the guest's lock."""
    assert found.status is not None
    process = found.process or guests.holder(session.files(found.uuid))
    if process is not None:
        session.store.write_status(found.uuid, {**found.status, "ending": reason})
        if not process.stop(grace=GRACE, patience=0 if graceful else PATIENCE):
            session.store.write_status(found.uuid, found.status)
            raise _lingers(found, process, graceful)
    guests.settle(session, found.uuid)


def _lingers(found: guests.Look, process: Process, graceful: bool) -> PolyvisorError:
    assert found.status is not None
    name = f"domain {found.status['name']!r}"
    if graceful:
        return Busy(
            f"{name} did not end within {GRACE:g} s, and was not to be killed",
            driver="qemu",
            target=name,
            hint="wait for its disks, or destroy it without graceful",
        )
    return OperationTimeout(
        f"process {process.pid} of {name} was killed and is still there after {PATIENCE:g} s",
        driver="qemu",
        target=name,
        hint="it is stuck in the kernel, most likely in a disk access",
    )


def _remove_logs(files: GuestFiles) -> None:
    with reported("remove the logs in", files.logs):
        for name in os.listdir(files.logs):
            if name.startswith(str(files.uuid)):
                os.unlink(f"{files.logs}/{name}")


# -- a running guest --------------------------------------------------------------------------------------


def suspend(session: QemuSession, domain: DomainRef) -> None:
    """Stop the vCPUs."""
    with guests.conversation(session, domain) as (found, monitor):
        if found.state.state is DomainState.PM_SUSPENDED:
            raise InvalidState(f"{domain} sleeps (pmsuspended); wake it first", target=str(domain), driver="qemu")
        if found.state.state is not DomainState.PAUSED:
            monitor.execute("stop")


def resume(session: QemuSession, domain: DomainRef) -> None:
    """Let the vCPUs go on."""
    with guests.conversation(session, domain) as (found, monitor):
        if found.state.state is DomainState.PM_SUSPENDED:
            raise InvalidState(f"{domain} sleeps (pmsuspended); wake it", target=str(domain), driver="qemu")
        if found.state.state is DomainState.CRASHED or found.state.reason == "shutting down":
            monitor.pipeline(("system_reset", None), ("cont", None))
        elif found.state.state is not DomainState.RUNNING:
            monitor.execute("cont")


def reset(session: QemuSession, domain: DomainRef) -> None:
    """Press the reset button."""
    with guests.conversation(session, domain) as (_, monitor):
        monitor.execute("system_reset")


def shutdown(session: QemuSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """Ask the guest to shut itself down, by its power button."""
    power_button_only(modes, "shut down")
    with guests.conversation(session, domain) as (found, monitor):
        refuse_paused(domain, found)
        monitor.execute("system_powerdown")


def power_button_only(modes: Sequence[ShutdownMode], what: str) -> None:
    """Raise UnsupportedOption unless the ACPI power button, the one way there is yet, is among the ``modes``."""
    if modes and "acpi" not in modes:
        raise UnsupportedOption(
            f"the qemu driver cannot {what} a guest by {' or '.join(map(str, modes))} yet",
            driver="qemu",
            hint="use mode acpi, or none",
        )


def refuse_paused(domain: DomainRef, found: guests.Look) -> None:
    """Raise InvalidState for a guest whose vCPUs stand still: it cannot react to its power button."""
    if found.state.state is DomainState.PAUSED:
        raise InvalidState(
            f"{domain} is paused and cannot react to its power button",
            target=str(domain),
            driver="qemu",
            hint="resume it first, or destroy it",
        )
