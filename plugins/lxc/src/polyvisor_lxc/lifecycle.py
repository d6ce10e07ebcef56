"""Starting, stopping and pausing containers.

Every change holds the container's lock. A start that is cut short at any instruction leaves a status record, to be
finished or undone by whoever comes next: the intent is written before any process exists, and liblxc's processes name
the container in their command line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import (
    AlreadyExists,
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDomain,
    OperationTimeout,
    UnsupportedOption,
)
from polyvisor.spi import Affect, DomainRef, DomainState, Event, EventKind, Lifecycle
from polyvisor.state import locked, reported, write_atomic
from polyvisor.state.disk import make_private_directory
from polyvisor_lxc import bus, domainjobs, ended, guests, initsystem, journal, stopping, tools
from polyvisor_lxc.cgroups import Group
from polyvisor.host.process import Process
from polyvisor_lxc.session import GuestFiles, LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.operations.lifecycle import ShutdownMode
    from polyvisor_lxc.translation import Plan

ACTIONS = {
    "poweroff": ("destroy", "restart"),
    "reboot": ("restart", "destroy"),
    "crash": ("destroy", "restart", "preserve"),
}
"""What may follow each way in which a container ends by itself."""

STANDSTILL = 5.0
"""Seconds that the kernel has to freeze or thaw a container."""


# -- starting ---------------------------------------------------------------------------------------------


def start(session: LxcSession, domain: DomainRef, *, autodestroy: bool, fds: Sequence[int] = ()) -> DomainRef:
    """Start a defined container."""
    from polyvisor_lxc import configuration

    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        found = guests.settle(session, domain.uuid)
        entry = session.entry(domain)
        if found.alive:
            raise InvalidState(f"{domain} is already running", target=str(domain), driver="lxc")
        if entry is None:
            raise NoSuchDomain(f"there is no {domain}", target=str(domain), driver="lxc")
        return _run(session, *_intend(session, configuration.load(session, entry), autodestroy=autodestroy), fds=fds)


def create(session: LxcSession, config: Domain, *, autodestroy: bool, fds: Sequence[int] = ()) -> DomainRef:
    """Start a container that is not stored, or the stored one of that name and UUID with another configuration."""
    from polyvisor_lxc import configuration

    uuid = configuration.identity(config)
    with session.store.lock(uuid):
        if guests.settle(session, uuid).alive:
            raise AlreadyExists(f"domain {config.name!r} is already running", driver="lxc", hint="destroy it first")
        with configuration.names(session):
            configuration.refuse_taken(session, config.name, uuid)
            intent = _intend(session, config, autodestroy=autodestroy)
        return _run(session, *intent, fds=fds)


def start_again(session: LxcSession, config: Domain, *, number: int | None = None) -> DomainRef:
    """Start a container once more that has ended by itself; the caller holds its lock.

    With ``number`` it is the same instance still, of whose start nobody is told."""
    intent = _intend(session, config, autodestroy=False, number=number)
    return _run(session, *intent, fds=(), told=number is None)


def start_from_snapshot(session: LxcSession, config: Domain, *, paused: bool) -> DomainRef:
    """Start a container whose root was just put back; the caller holds its lock."""
    from polyvisor_lxc import snapshots

    domain = _run(session, *_intend(session, config, autodestroy=False), fds=(), told=False)
    if paused:
        group = guests.look(session, domain.uuid).group
        group.freeze(True)
        _await_standstill(domain, group, True)
    snapshots.tell_restored(session, domain, paused=paused)
    return domain


def _intend(
    session: LxcSession, config: Domain, *, autodestroy: bool, number: int | None = None
) -> tuple[Domain, dict[str, Any], Plan]:
    """The running instance, its status, written down before anything else exists of it, and what liblxc is told."""
    from polyvisor_lxc import configuration, live, preparation

    uuid = configuration.identity(config)
    running = live.instance(config, _next_id(session) if number is None else number)
    status = live.status(running)
    if autodestroy:
        myself = Process.running(os.getpid())
        assert myself is not None
        status["owner"] = [myself.pid, myself.started]
    plan = preparation.plan(session, running)
    preparation.check(running, plan)  # refuse now, in our own words, what would fail below
    session.store.write_status(uuid, {**status, "phase": guests.STARTING})
    return running, status, plan


def _run(
    session: LxcSession,
    running: Domain,
    status: dict[str, Any],
    plan: Plan,
    *,
    fds: Sequence[int],
    told: bool = True,
) -> DomainRef:
    from polyvisor_lxc import configuration

    uuid = configuration.identity(running)
    files = session.files(uuid)
    try:
        status = _boot(session, running, files, status, plan, fds)
    except BaseException:
        _undo(session, files)
        raise
    domain = DomainRef(running.name, uuid, status["id"])
    ended.forget(session, uuid)
    if told:
        bus.tell(session, domain, Lifecycle.STARTED, "booted")
    if "owner" in status:
        session.tie(uuid)
    return domain


def _boot(
    session: LxcSession, running: Domain, files: GuestFiles, status: dict[str, Any], plan: Plan, fds: Sequence[int]
) -> dict[str, Any]:
    """Have liblxc run the container; returns its status, written."""
    from polyvisor_lxc import audit, bandwidth, endings, live, vcpus

    _prepare(session, files, plan)
    endings.write_wishes(files, running)
    command = ["lxc-start", "--name", str(files.uuid), "--lxcpath", files.lxcpath, "--rcfile", files.config]
    command += ["--daemon", "--pidfile", files.pid]
    words = [*tools.hearing(), tools.find("lxc-start"), *command[1:], "--", *plan.command]
    answer = _under_policy(running, lambda: tools.run(words, timeout=tools.LONGEST_START, descriptors=fds))
    if answer.code:
        raise _failure(running.name, files, answer)
    # an init that does little may have ended by now, and its monitor too; that is told like any other end
    process = _monitor(files) or Process(0, 0)
    init = _init(process)
    status |= {
        "pid": process.pid,
        "started": process.started,
        "since": time.time(),
        "groups": guests.own_groups(init, session, files.uuid) if init is not None else {},
        "around": guests.own_groups(process.pid, session, files.uuid) if process.pid else {},
        "taints": audit.relaxed(running),
        "consoles": live.consoles(running, files),
    }
    if process.pid and running.cputune is not None and running.cputune.emulator_pin is not None:
        vcpus.place_monitor(process.pid, running)
    bandwidth.apply_all(running, init)
    write_atomic(files.live, live.document(running), durable=False)
    status |= {"phase": guests.RUNNING}
    session.store.write_status(files.uuid, status)
    return status


def _under_policy(running: Domain, work: Callable[[], tools.Answer]) -> tools.Answer:
    """Call ``work``, which starts the container, with the memory policy that ``<numatune>`` asks for."""
    memory = running.numatune.memory if running.numatune is not None else None
    if memory is None or memory.mode not in ("preferred", "interleave") or not memory.nodeset:
        return work()
    from polyvisor.host import parse_cpu_list
    from polyvisor_lxc import kernel

    return kernel.with_memory_policy(memory.mode, parse_cpu_list(memory.nodeset), work)


def _monitor(files: GuestFiles) -> Process | None:
    with reported("read", files.pid), open(files.pid, encoding="ascii") as file:
        return Process.running(int(file.read()))


def _init(process: Process) -> int | None:
    from polyvisor.host.process import children

    return next(iter(children(process.pid)), None)


def _prepare(session: LxcSession, files: GuestFiles, plan: Plan) -> None:
    from polyvisor_lxc import confinement

    guests.remove_files(files)
    make_private_directory(files.directory)
    make_private_directory(os.path.dirname(files.console))
    from polyvisor_lxc import endings

    contents = (
        (files.console, ""),
        (files.hook, endings.hook(session, files)),
        (files.config, plan.text),
        (files.seccomp, confinement.seccomp_policy()),
        (files.journal, ""),
    )
    for path, text in contents:
        with reported("write", path):
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)


def _failure(name: str, files: GuestFiles, answer: tools.Answer) -> HypervisorError:
    """Why the container did not come up, in liblxc's words."""
    said = journal.complaints(files.journal) or [line for line in answer.errors.splitlines() if line]
    why = "; ".join(dict.fromkeys(said)) or f"lxc-start ended with status {answer.code}"
    return HypervisorError(
        f"LXC could not start domain {name!r}: {why}",
        driver="lxc",
        hint=_hint(why),
        details={"output": answer.errors, "status": answer.code},
    )


_HINTS = (
    ("newuidmap", "the ids must be granted to the user in /etc/subuid and /etc/subgid"),
    (
        "cgroup",
        "the control groups must be delegated to the user: log in under a manager that does so (systemd with "
        "Delegate=yes, or Debian's libpam-cgfs), or run as root",
    ),
    ("Failed to exec", "is os/init a program within the root, for this architecture, with its libraries?"),
    ("Read-only file system", "the root is read-only: make the mount points in it beforehand"),
    ("mount", "see the document's filesystems: does each source exist, and has its target a place in the root?"),
    ("network", "see the document's interfaces: does the bridge or device exist?"),
)


def _hint(why: str) -> str | None:
    return next((hint for mark, hint in _HINTS if mark in why), None)


def _undo(session: LxcSession, files: GuestFiles) -> None:
    """Leave nothing of a start that failed, except why in the table of ended containers."""
    found = guests.look(session, files.uuid)
    if found.alive:
        guests.abandon(session, found)
    guests.clear_half_started(session, files.uuid)
    if session.store.find(uuid=files.uuid) is not None:
        ended.remember(session, files.uuid, "failed", {"when": time.time()})
    guests.remove_files(files)
    session.store.remove_status(files.uuid)


def _next_id(session: LxcSession) -> int:
    """A number no container below these directories has had since the host came up."""
    path = f"{session.paths.run}/last-id"
    with locked(f"{path}.lock", subject="the counter of domain ids"):
        try:
            with open(path, "rb") as file:
                number = int(file.read()) + 1
        except (FileNotFoundError, ValueError):
            number = 1 + max((status.get("id", 0) for status in session.store.statuses().values()), default=0)
        write_atomic(path, b"%d" % number, durable=False)
    return number


# -- stopping ---------------------------------------------------------------------------------------------


def destroy(session: LxcSession, domain: DomainRef, *, graceful: bool, remove_logs: bool) -> None:
    """Pull the plug."""
    with guests.active(session, domain) as found:
        stopping.stop(session, found, graceful=graceful)
        if remove_logs:
            _remove_logs(session.files(domain.uuid))


def destroy_tied(session: LxcSession, uuid: UUID) -> None:
    """End a container that was to live no longer than its connection, if it still runs."""
    with session.store.lock(uuid):
        found = guests.settle(session, uuid)
        if found.alive and found.status is not None and found.status.get("owner"):
            stopping.stop(session, found, graceful=False)


def _remove_logs(files: GuestFiles) -> None:
    directory = os.path.dirname(files.console)
    with reported("remove the logs in", directory):
        for name in os.listdir(directory):
            if name.startswith(str(files.uuid)):
                os.unlink(f"{directory}/{name}")


# -- a running container ----------------------------------------------------------------------------------


def suspend(session: LxcSession, domain: DomainRef) -> None:
    """Freeze every process."""
    _stand(session, domain, still=True)


def resume(session: LxcSession, domain: DomainRef) -> None:
    """Let the processes go on."""
    _stand(session, domain, still=False)


def _stand(session: LxcSession, domain: DomainRef, *, still: bool) -> None:
    with guests.active(session, domain) as found:
        assert found.status is not None
        domainjobs.refuse_work(domain, found)
        if found.group.frozen() is still:
            return
        found.group.freeze(still)
        _await_standstill(domain, found.group, still)
        if not still:
            session.store.write_status(domain.uuid, {**found.status, "why": "unpaused"})
        event, detail = (Lifecycle.SUSPENDED, "paused") if still else (Lifecycle.RESUMED, "unpaused")
        bus.tell(session, found.ref(found.status["name"]), event, detail)


def _await_standstill(domain: DomainRef, group: Group, still: bool) -> None:
    deadline = time.monotonic() + STANDSTILL
    while not group.settled(still):
        if time.monotonic() > deadline:
            stopping.thaw(group)
            raise OperationTimeout(
                f"{domain} does not stand still: a process of it is stuck in the kernel",
                target=str(domain),
                driver="lxc",
            )
        time.sleep(0.001)


def shutdown(session: LxcSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """Ask init to stop, by the signal that it takes for that."""
    _signals_only(modes, "shut down")
    with guests.active(session, domain) as found:
        assert found.status is not None
        _ask(session, domain, found, "halt")
        bus.tell(session, found.ref(found.status["name"]), Lifecycle.SHUTDOWN, "host")


def reboot(session: LxcSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """Ask init to reboot; liblxc then starts it anew."""
    _signals_only(modes, "reboot")
    with guests.active(session, domain) as found:
        _ask(session, domain, found, "reboot")


def _ask(session: LxcSession, domain: DomainRef, found: guests.Look, what: str) -> None:
    """Send init a signal that it hears. Raises InvalidState when it hears none, with nothing sent."""
    if found.state.state is DomainState.PAUSED:
        raise InvalidState(
            f"{domain} is paused and cannot react",
            target=str(domain),
            driver="lxc",
            hint="resume it first, or destroy it",
        )
    from polyvisor_lxc import configuration

    pid = guests.require_init(session, domain)[1]
    kind = initsystem.of(pid)
    said = _said_signal(configuration.read_live(session, domain), what)
    wanted = (said,) if said is not None else kind.halt if what == "halt" else kind.reboot
    number = initsystem.choose(wanted, initsystem.caught(pid))
    init = Process.running(pid)
    if number is None or init is None:
        import signal

        names = ", ".join(signal.Signals(one).name if one < 32 else f"SIGRTMIN+{one - 34}" for one in wanted)
        tried = f"it has no handler for {names}" if names else "it knows no signal for that"
        raise InvalidState(
            f"the init of {domain}, {kind.name}, would not {what}: {tried}",
            target=str(domain),
            driver="lxc",
            hint="destroy it, or run an init that can be asked",
        )
    init.kill(number)


def reset(session: LxcSession, domain: DomainRef) -> None:
    """End the container and start it again at once."""
    from polyvisor_lxc import configuration

    with guests.active(session, domain) as found:
        assert found.status is not None
        config = configuration.parse(configuration.text(configuration.read_live(session, domain)))
        tied, number = "owner" in found.status, found.id
        stopping.stop(session, found, graceful=False)
        again = _run(session, *_intend(session, config, autodestroy=tied, number=number), fds=())
        bus.publish(session, Event(EventKind.REBOOT, again, data={"by_guest": False}))


def set_action(session: LxcSession, domain: DomainRef, event: str, action: str, affect: Affect) -> None:
    """Change what follows when the container reboots; what follows the rest is always its end."""
    from polyvisor.model.domain.events import CrashAction, LifecycleAction
    from polyvisor_lxc import changes, endings

    if action not in ACTIONS.get(event, ()):
        raise InvalidArgument(
            f"{action!r} cannot follow {event!r} of a container",
            driver="lxc",
            hint="; ".join(f"{name}: {' or '.join(known)}" for name, known in ACTIONS.items()),
        )
    kind = CrashAction if event == "crash" else LifecycleAction
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            setattr(config, f"on_{event}", kind(action))
        if change.live is not None:
            endings.write_wishes(session.files(domain.uuid), change.live)


def _said_signal(config: Domain, what: str) -> int | None:
    """The signal that the document names for a request, None when it leaves that to us."""
    from polyvisor_lxc.namespaces import signal_number

    found: Any = next((one for one in config.extensions if type(one).tag == "signals"), None)
    name = getattr(found, what) if found is not None else None
    return signal_number(name) if name is not None else None


def _signals_only(modes: Sequence[ShutdownMode], what: str) -> None:
    """Raise UnsupportedOption unless a signal to init, the one way there is, is among the ``modes``."""
    if modes and "signal" not in modes:
        raise UnsupportedOption(
            f"the lxc driver cannot {what} a container by {' or '.join(map(str, modes))}",
            driver="lxc",
            hint="use mode signal, or none",
        )
