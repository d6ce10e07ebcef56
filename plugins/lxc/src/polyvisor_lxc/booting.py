"""Having liblxc run a container: what is written down before, what is asked of it, and what is left when it fails.

The caller holds the container's lock. A start that is cut short at any instruction leaves a status record, to be
finished or undone by whoever comes next: the intent is written before any process exists, and liblxc's processes name
the container in their command line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HypervisorError
from polyvisor.host.process import Process, children
from polyvisor.local import bus, configuration, ended
from polyvisor.spi import DomainRef, Lifecycle
from polyvisor.state import DISK, make_private_directory, reported, write_atomic
from polyvisor_lxc import guests, journal, stopping, tools
from polyvisor_lxc.cgroups import Group
from polyvisor_lxc.session import GuestFiles, LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.translation import Plan

Intent = tuple["Domain", dict[str, Any], "Plan"]
"""A container that is to run: its document as the running instance, its status record, what liblxc is told."""

Launch = Callable[["Domain", GuestFiles, "Plan"], tools.Answer]
"""Has liblxc bring a container up whose files are prepared; when it has, its monitor runs."""


def intend(
    session: LxcSession,
    config: Domain,
    *,
    autodestroy: bool,
    number: int | None = None,
    paused: bool = False,
) -> Intent:
    """The running instance, its status, written down before anything else exists of it, and what liblxc is told.

    With ``number`` it is the same instance still as one that has just ended; ``paused`` has it held before its init
    runs. Raises UnsupportedConfiguration for what would fail in the middle."""
    from polyvisor_lxc import live, networks, preparation

    uuid = configuration.identity(config)
    running = live.instance(networks.attached(session, config), guests.next_id(session) if number is None else number)
    status = live.status(running)
    if autodestroy:
        status["owner"] = guests.owner()
    plan = preparation.plan(session, running, paused=paused)
    preparation.check(session, running, plan)  # refuse now, in our own words, what would fail below
    session.store.write_status(uuid, {**status, "phase": guests.STARTING})
    return running, status, plan


def run(
    session: LxcSession,
    running: Domain,
    status: dict[str, Any],
    plan: Plan,
    *,
    launch: Launch | None = None,
    fds: Sequence[int] = (),
    paused: bool = False,
    told: str | None = "booted",
) -> DomainRef:
    """Run what was intended; ``told`` is the detail of the event that tells of it, None for none.

    ``launch`` is how, lxc-start unless said otherwise; what boots so is not taken up from a kept save later.
    Raises HypervisorError with liblxc's reasons, and leaves nothing then."""
    from polyvisor_lxc import kept, staging

    uuid = configuration.identity(running)
    files = session.files(uuid)
    domain = DomainRef(running.name, uuid, status["id"])
    try:
        _prepare(session, files, plan, running)
        answer = staging.mounted(running, lambda: (launch or _starting(fds))(running, files, plan))
        if answer.code:
            raise failure(running.name, files, answer)
        status = _record(session, running, files, status, domain, paused=paused)
        if launch is None:
            kept.drop(session, uuid)
    except BaseException:
        _undo(session, files)
        raise
    ended.forget(session, uuid)
    if told is not None:
        bus.tell(session, domain, Lifecycle.STARTED, told)
        if paused:
            bus.tell(session, domain, Lifecycle.SUSPENDED, "paused")
    if "owner" in status:
        session.tie(uuid)
    return domain


def _starting(fds: Sequence[int]) -> Launch:
    """Start a container from its init on; ``fds`` are handed to that."""

    def launch(running: Domain, files: GuestFiles, plan: Plan) -> tools.Answer:
        command = ["--name", str(files.uuid), "--lxcpath", files.lxcpath, "--rcfile", files.config]
        command += ["--daemon", "--pidfile", files.pid]
        words = [*tools.hearing(), tools.find("lxc-start"), *command, "--", *plan.command]
        return _under_policy(running, lambda: tools.run(words, timeout=tools.LONGEST_START, descriptors=fds))

    return launch


def _record(
    session: LxcSession,
    running: Domain,
    files: GuestFiles,
    status: dict[str, Any],
    domain: DomainRef,
    *,
    paused: bool,
) -> dict[str, Any]:
    """Complete the status of a container that has come up; returns it, written."""
    from polyvisor_lxc import audit, bandwidth, live, vcpus

    # an init that does little may have ended by now, and its monitor too; that is told like any other end
    process = _monitor(files) or Process(0, 0)
    init = next(iter(children(process.pid)), None)
    groups = guests.own_groups(init, session, files.uuid) if init is not None else {}
    if paused and init is not None:
        stopping.await_standstill(domain, Group(groups), True)
    status |= {
        "pid": process.pid,
        "started": process.started,
        "since": time.time(),
        "groups": groups,
        "around": guests.own_groups(process.pid, session, files.uuid) if process.pid else {},
        "taints": audit.relaxed(running),
        "consoles": live.consoles(running, files),
    }
    if process.pid and running.cputune is not None and running.cputune.emulator_pin is not None:
        vcpus.place_monitor(process.pid, running)
    bandwidth.apply_all(running, init)
    write_atomic(files.live, configuration.live_text(running), durable=False)
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


def _prepare(session: LxcSession, files: GuestFiles, plan: Plan, running: Domain) -> None:
    from polyvisor_lxc import confinement, endings, preparation

    guests.remove_files(files.directory)
    make_private_directory(files.directory)
    make_private_directory(os.path.dirname(files.console))
    contents = [
        (files.console, ""),
        (files.hook, endings.hook(session, files)),
        (files.config, plan.text),
        (files.seccomp, confinement.seccomp_policy()),
        (files.journal, ""),
        *plan.files,
    ]
    if any(key == "lxc.hook.start-host" for key, _ in plan.lines):
        contents.append((preparation.holding_script(files), preparation.holding(session, files)))
    for path, text in contents:
        with reported("write", path):
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                DISK.write(descriptor, text.encode())
            finally:
                os.close(descriptor)
    endings.write_wishes(files, running)


def failure(name: str, files: GuestFiles, answer: tools.Answer) -> HypervisorError:
    """Why the container did not come up, in liblxc's words."""
    from polyvisor_lxc import links

    said = links.complaints(files.directory) + journal.complaints(files.journal) or [
        line for line in answer.errors.splitlines() if line
    ]
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
    guests.remove_files(files.directory)
    session.store.remove_status(files.uuid)
