"""What is known of each container that runs, and what to tidy up after one that no longer does.

A running container has a status record (the store's, JSON) and a directory of its own. Reading asks no one: whether
it lives is told by its monitor's entry in /proc, whether it stands still by its control group. Only the thread that
holds the container's lock changes anything.

Keys of a status record: ``name``, ``id``, ``phase`` (``starting`` or ``running``), ``pid`` and ``started`` (of the
monitor; ticks, see :class:`~polyvisor.host.process.Process`), ``since`` (seconds since the epoch), ``groups`` (the
directory of each control group), ``around`` (those of the monitor),
``ending`` (reason of the end that a manager is bringing about), ``owner`` (pid and ticks of the process whose
connection the container is tied to), ``why`` (the reason of its running), ``restored`` (that its monitor took it up
from a file), ``job`` (what is copied of it and by whom),
and what tables show: ``memory_kib``, ``max_memory_kib``, ``vcpus``, ``title``, ``os_type``, ``taints``, ``consoles``.
"""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import UUID

from polyvisor.errors import HypervisorError, InvalidState
from polyvisor.host.process import Process, children
from polyvisor.local import bus, ended, guests
from polyvisor.local.guests import RUNNING as RUNNING
from polyvisor.local.guests import STARTING as STARTING
from polyvisor.local.guests import active as active
from polyvisor.local.guests import next_id as next_id
from polyvisor.local.guests import owner as owner
from polyvisor.local.guests import ownerless as ownerless
from polyvisor.local.guests import remove_files as remove_files
from polyvisor.local.guests import require as require
from polyvisor.local.guests import require_active as require_active
from polyvisor.spi import DomainRef, DomainState, Lifecycle, StateInfo
from polyvisor_lxc import journal
from polyvisor_lxc.cgroups import Group
from polyvisor_lxc.process import find
from polyvisor_lxc.session import GuestFiles, LxcSession

_LONGEST_REBOOT = 60.0
"""Seconds within which a container that reboots runs again, or is taken for dead."""

_ABANDONED = 10.0
"""Seconds that what is left of a half done start has to end."""

_END_EVENTS = {
    "shutdown": "shutdown",
    "destroyed": "destroyed",
    "crashed": "crashed",
    "saved": "saved",
    "from snapshot": "from-snapshot",
}
_STANDING = {"Snapshot": "creating snapshot", "Save": "saving"}
_HALTED, _REBOOTED = 2, 1
"""Signals by which the kernel tells that a container's init called reboot(2) to halt (SIGINT) or reboot (SIGHUP)."""


class Look(guests.Look):
    """One container at one moment; its process is its monitor."""

    __slots__ = ()

    @property
    def init(self) -> int | None:
        """The pid of its init; None when it has none now."""
        process = self.process
        if process is None or not self.alive:
            return None
        return next((pid for pid in children(process.pid) if Process.running(pid) is not None), None)

    @property
    def group(self) -> Group:
        """Its control groups."""
        return Group(self.status.get("groups", {}) if self.status else {})


def look(session: LxcSession, uuid: UUID) -> Look:
    """The container as it is now; touches nothing."""
    status = session.store.read_status(uuid)
    if status is None:
        return Look(uuid, None, False, StateInfo(DomainState.SHUT_OFF, ended.reason(session, uuid)))
    return examine(session.files(uuid), status)


def examine(files: GuestFiles, status: dict[str, Any]) -> Look:
    """The container that has this status."""
    process = monitor(files, status)
    if process is not None:
        return Look(files.uuid, status, True, _live_state(status))
    if rebooting(files, status):
        return Look(files.uuid, status, True, StateInfo(DomainState.RUNNING, status.get("why", "booted")))
    return Look(files.uuid, status, False, StateInfo(DomainState.SHUT_OFF, _end_reason(files, status)))


def rebooting(files: GuestFiles, status: dict[str, Any]) -> bool:
    """Whether a container whose monitor is gone is about to be started again, see :mod:`polyvisor_lxc.endings`."""
    if "ending" in status or status["phase"] != RUNNING:
        return False
    try:
        return time.time() - os.stat(files.rebooting).st_mtime < _LONGEST_REBOOT
    except OSError:
        return False


def monitor(files: GuestFiles, status: dict[str, Any]) -> Process | None:
    """The living monitor of the container, None when there is none."""
    if status["phase"] == RUNNING:
        process = Process(status["pid"], status["started"])
        return process if process.alive else None
    return starter(files)


def starter(files: GuestFiles) -> Process | None:
    """The monitor, or the program that is to become it, of a container being started: found by its command line.

    lxc-start, lxc-checkpoint and the monitor they leave name the container's UUID, the monitor as its last word."""
    return next(iter(find(str(files.uuid), among=("lxc-start", "lxc-checkpoint", "[lxc monitor]"))), None)


def _live_state(status: dict[str, Any]) -> StateInfo:
    if status["phase"] == STARTING:
        return StateInfo(DomainState.PAUSED, "starting up")
    if Group(status.get("groups", {})).frozen():
        return StateInfo(DomainState.PAUSED, _STANDING.get(_work(status) or "", "user"))
    return StateInfo(DomainState.RUNNING, status.get("why", "booted"))


def _work(status: dict[str, Any]) -> str | None:
    """For which work on it the container stands still; None when somebody paused it."""
    job = status.get("job")
    at_work = job is not None and not job["paused"] and Process(*job["owner"]).alive
    return str(job["operation"]) if job is not None and at_work else None


def _end_reason(files: GuestFiles, status: dict[str, Any]) -> str:
    if intended := status.get("ending"):
        return str(intended)
    if status["phase"] == STARTING:
        return "failed"
    if not os.path.exists(files.stopped):
        return "crashed"  # the monitor has not come to see it end
    if "restored" in status:
        return "shutdown"  # liblxc saw it end, and of one that was restored it does not tell how
    how = journal.ending(files.journal)
    if how.status is not None or how.signal in (_HALTED, _REBOOTED):
        return "shutdown"
    return "crashed"  # killed from outside, or by a fault of its own


def settle(session: LxcSession, uuid: UUID) -> Look:
    """Look at a container whose lock the caller holds, tidying up if it has died or was never quite started."""
    if os.path.exists(f"{session.files(uuid).overlays}/reverting"):
        from polyvisor_lxc import snapshots

        snapshots.put_right(session, uuid)
    found = look(session, uuid)
    if found.status is None:
        return found
    if found.alive and found.status["phase"] == STARTING:
        abandon(session, found)
        clear_half_started(session, uuid)
    elif found.alive:
        return _without_dead_job(session, found)
    bury(session, look(session, uuid))
    return look(session, uuid)


def _without_dead_job(session: LxcSession, found: Look) -> Look:
    """A container whose copying was killed goes on."""
    assert found.status is not None
    job = found.status.get("job")
    if job is None or Process(*job["owner"]).alive:
        return found
    if job["operation"] == "Save":
        from polyvisor_lxc import kept

        kept.drop(session, found.uuid)  # it may have been complete, and is of what goes on now
    if not job["paused"]:
        from polyvisor_lxc import stopping

        stopping.thaw(found.group)
    if job.get("scratch"):
        import shutil

        shutil.rmtree(job["scratch"], ignore_errors=True)
    session.store.write_status(found.uuid, {key: value for key, value in found.status.items() if key != "job"})
    return look(session, found.uuid)


def abandon(session: LxcSession, found: Look) -> None:
    """End the processes of a start whose manager died in the middle of it."""
    files = session.files(found.uuid)
    deadline = time.monotonic() + _ABANDONED
    while (process := starter(files)) is not None:
        for pid in _below(process.pid):
            if (child := Process.running(pid)) is not None:
                child.kill()
        process.kill()
        process.wait(1.0)
        if time.monotonic() >= deadline:
            raise HypervisorError(
                f"the half started container {found.uuid} cannot be ended",
                driver="lxc",
                hint=f"process {process.pid} is stuck in the kernel",
            )


def _below(pid: int) -> list[int]:
    """The children of a process, theirs, and so on: one that restores a container has CRIU at work below it."""
    found = list(children(pid))
    for each in found:
        found += children(each)
    return found


def clear_half_started(session: LxcSession, uuid: UUID) -> None:
    """Remove the groups of a start that came to nothing: a monitor that is killed, or fails early, may leave them.

    liblxc names them after the container, and makes them below the groups of whoever runs it, or as root below those
    of process 1, which has them at the top."""
    from polyvisor_lxc import criu, stopping

    criu.undefine(session.files(uuid))
    where = session.hierarchies
    around = {*Group.of(os.getpid(), where).paths.values(), *where.v1.values(), where.v2 or ""}
    mine = (f"lxc.monitor.{uuid}", f"lxc.payload.{uuid}")
    places = [  # what a namespace hides has nothing of ours
        f"{directory}/{name}"
        for directory in filter(os.path.isdir, around)
        for name in os.listdir(directory)
        if name.startswith(mine)
    ]
    # what stands still in the freezer of version 1 cannot end, in whichever group it is looked for
    freezers = [place for place in places if os.path.exists(f"{place}/freezer.state")]
    for place in freezers:
        stopping.clear(Group({"freezer": place}))
    for place in places:
        stopping.clear(Group({"": place}))


def bury(session: LxcSession, dead: Look) -> None:
    """Remove what a container that no longer runs has left, tell why it ended, and forget a transient one.

    Each step may be the last one done; done again it finishes the rest."""
    assert dead.status is not None
    files = session.files(dead.uuid)
    clear_processes(dead)
    # a monitor that was killed, or has not come to write it down, leaves a log that looks like that of an orderly end
    how = journal.ending(files.journal) if os.path.exists(files.stopped) else journal.Ending()
    account = {"status": how.status, "signal": how.signal, "when": time.time()}
    persistent = session.store.find(uuid=dead.uuid) is not None
    if persistent:
        ended.remember(session, dead.uuid, dead.state.reason, account)
    domain = DomainRef(dead.status["name"], dead.uuid, dead.status["id"])
    detail = _END_EVENTS.get(dead.state.reason, "failed")
    bus.tell(session, domain, Lifecycle.STOPPED, detail, persistent=persistent, **account)
    remove_files(files.directory)
    session.store.remove_status(dead.uuid)


def own_groups(pid: int, session: LxcSession, uuid: UUID) -> dict[str, str]:
    """The groups of a container's init or monitor that liblxc made for it.

    Where it may make none, a process stays in the groups of whoever started it, with others that are not ours."""
    made = (f"/lxc.payload.{uuid}", f"/lxc.monitor.{uuid}")
    paths = Group.of(pid, session.hierarchies).paths
    return {controller: path for controller, path in paths.items() if any(name in path for name in made)}


def clear_processes(dead: Look) -> None:
    """Kill what is left in the control groups of a container whose monitor is gone, and remove the groups.

    The monitor does both itself unless it was killed; then the kernel kills init (``lxc.monitor.signal.pdeath``), and
    the groups are left."""
    from polyvisor_lxc import stopping

    assert dead.status is not None
    for paths in (dead.status.get("groups", {}), dead.status.get("around", {})):
        if any(os.path.isdir(path) for path in paths.values()):
            stopping.clear(Group(paths))


def require_init(session: LxcSession, domain: DomainRef) -> tuple[Look, int]:
    """A container that must run, and the pid of its init. Raises NoSuchDomain, InvalidState."""
    found = require_active(session, domain)
    pid = found.init
    if pid is None:
        raise InvalidState(f"{domain} is just starting or stopping", target=str(domain), driver="lxc", hint="try again")
    return found, pid
