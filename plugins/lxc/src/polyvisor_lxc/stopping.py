"""Bringing a container to an end, so that none of its processes is left."""

from __future__ import annotations

import errno
import os
import signal
import time

from polyvisor.errors import Busy, HostError, OperationTimeout, UnsupportedConfiguration
from polyvisor.host.process import Process
from polyvisor.spi import DomainRef
from polyvisor_lxc import guests
from polyvisor_lxc.cgroups import Group
from polyvisor_lxc.session import LxcSession

GRACE = 10.0
"""Seconds that init has for an orderly end before ``graceful`` gives up."""

PATIENCE = 20.0
"""Seconds that the kernel has to clear away what was killed."""

STANDSTILL = 5.0
"""Seconds that the kernel has to freeze or thaw a container."""

_PAUSE = 0.0005


def stop(session: LxcSession, found: guests.Look, *, graceful: bool, reason: str = "destroyed") -> None:
    """End the container and tidy up; the caller holds its lock.

    Killing the init of a PID namespace makes the kernel kill all in it; the monitor exits when that is done."""
    assert found.status is not None
    process = found.process
    if process is not None:
        session.store.write_status(found.uuid, {**found.status, "ending": reason})
        init = Process.running(found.init) if found.init else None
        if graceful:
            _end_politely(session, found, process, init)
        else:
            _kill(found, process, init)
    guests.settle(session, found.uuid)


def _kill(found: guests.Look, process: Process, init: Process | None) -> None:
    if init is not None:
        init.kill()
        thaw(found.group)  # version 1 does not deliver signals to what stands still
    else:
        process.kill()
    if not process.wait(PATIENCE):
        assert found.status is not None
        name = f"domain {found.status['name']!r}"
        raise OperationTimeout(
            f"{name} was killed and is still there after {PATIENCE:g} s",
            driver="lxc",
            target=name,
            hint="a process of it is stuck in the kernel, most likely in a disk access",
        )


def _end_politely(session: LxcSession, found: guests.Look, process: Process, init: Process | None) -> None:
    from polyvisor_lxc import initsystem

    assert found.status is not None
    number = initsystem.choose(initsystem.of(init.pid).halt, initsystem.caught(init.pid)) if init else None
    if init is not None and number is not None:
        init.kill(number)
    if number is not None and process.wait(GRACE):
        return
    session.store.write_status(found.uuid, found.status)
    name = f"domain {found.status['name']!r}"
    why = f"did not end within {GRACE:g} s" if number is not None else "has an init that hears no signal to stop"
    raise Busy(f"{name} {why}, and was not to be killed", driver="lxc", target=name, hint="destroy it without graceful")


def thaw(group: Group) -> None:
    """Let a container's processes go on, if they stand still."""
    try:
        if group.frozen():
            group.freeze(False)
    except (HostError, UnsupportedConfiguration):
        pass  # it ended in this moment, and its groups with it


def await_standstill(domain: DomainRef, group: Group, still: bool) -> None:
    """Wait until all of a container stands still, or goes on. Raises OperationTimeout, having let it go on."""
    deadline = time.monotonic() + STANDSTILL
    while not group.settled(still):
        if time.monotonic() > deadline:
            thaw(group)
            raise OperationTimeout(
                f"{domain} does not stand still: a process of it is stuck in the kernel",
                target=str(domain),
                driver="lxc",
            )
        time.sleep(0.001)


def clear(group: Group) -> None:
    """Kill every process left in these groups, and remove the groups."""
    deadline = time.monotonic() + PATIENCE
    while left := group.processes():
        for pid in left:
            _kill_process(pid)
        thaw(group)  # whoever was restoring it may have frozen it again
        if time.monotonic() > deadline:
            raise OperationTimeout(f"processes {left} do not end although they were killed", driver="lxc")
        time.sleep(_PAUSE)
    for path in group.paths.values():
        remove_tree(path, deadline)


def _kill_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended
    except PermissionError as error:
        raise HostError(f"not allowed to end process {pid} of the container", driver="lxc") from error


def remove_tree(path: str, deadline: float) -> None:
    """Remove a control group and those below it; a group is busy for an instant after its last process has gone."""
    for directory, _, _ in os.walk(path, topdown=False):
        while True:
            try:
                os.rmdir(directory)
                break
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise HostError(f"cannot remove {directory}: {error.strerror}", driver="lxc") from error
                time.sleep(_PAUSE)
