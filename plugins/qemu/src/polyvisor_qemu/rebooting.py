"""Rebooting a guest by its power button.

A PC has a button to power off and none to reboot. So QEMU is told to pause instead of ending when the guest has
powered off, the button is pressed, and when the guest is off it is reset and goes on. Somebody has to be there at
that moment, and the caller may be long gone: a small process of its own waits for it, for :data:`PATIENCE` seconds
at most. If it is killed, the next one who opens a connection does what is left to do.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import HostError, PolyvisorError
from polyvisor.host.process import Process
from polyvisor.spi import URI, ConnectContext, DomainRef, DomainState
from polyvisor.state import Paths
from polyvisor_qemu import guests, journal
from polyvisor_qemu.lifecycle import power_button_only, refuse_paused
from polyvisor_qemu.process import spawn
from polyvisor_qemu.qmp import Monitor
from polyvisor_qemu.session import QemuSession

if TYPE_CHECKING:
    from polyvisor.operations.lifecycle import ShutdownMode

PATIENCE = 600.0
"""Seconds that a guest has to power off; then it is as if nobody had asked."""

_OFF = "shutting down"


def request(session: QemuSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """Ask the guest to reboot itself; returns when it was asked."""
    power_button_only(modes, "reboot")
    with guests.conversation(session, domain) as (found, monitor):
        refuse_paused(domain, found)
        assert found.status is not None
        if found.status.get("rebooting") and Process(*found.status["rebooting"]).alive:
            monitor.execute("system_powerdown")  # it is waited for already; some guests want to be asked twice
            return
        files = session.files(domain.uuid)
        helper = _start_helper(session, domain.uuid, os.path.getsize(files.journal))
        status = {**found.status, "rebooting": [helper.pid, helper.started]}
        session.store.write_status(domain.uuid, status)
        monitor.pipeline(("set-action", {"shutdown": "pause"}), ("system_powerdown", None))


def _start_helper(session: QemuSession, uuid: UUID, offset: int) -> Process:
    if not sys.executable:
        raise HostError("cannot wait for the guest: this program does not know its Python interpreter", driver="qemu")
    where = {name: os.fspath(getattr(session.paths, name)) for name in ("config", "state", "run", "log", "cache")}
    argument = json.dumps({"paths": where, "uuid": str(uuid), "offset": offset})
    descriptor = os.open(session.files(uuid).log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return spawn(
            [sys.executable, "-m", __name__, argument],
            log=descriptor,
            environment={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    finally:
        os.close(descriptor)


def finish(session: QemuSession, found: guests.Look) -> None:
    """Let a guest that has powered off boot again, or forget that it was to; the caller holds the guest's lock."""
    assert found.status is not None
    after = "pause" if found.status.get("on_poweroff") == "preserve" else "poweroff"
    commands: list[tuple[str, Mapping[str, Any] | None]] = [("set-action", {"shutdown": after})]
    if found.state.state is DomainState.PAUSED and found.state.reason == _OFF:
        commands += [("system_reset", None), ("cont", None)]
    with Monitor.connect(session.files(found.uuid).monitor) as monitor:
        monitor.pipeline(*commands)
    kept = {key: value for key, value in found.status.items() if key != "rebooting"}
    session.store.write_status(found.uuid, kept)


def left_over(status: Mapping[str, Any]) -> bool:
    """Whether a reboot was asked for and the process that was to see to it is gone."""
    helper = status.get("rebooting")
    return helper is not None and not Process(*helper).alive


# -- the process that waits -------------------------------------------------------------------------------


def wait_and_finish(session: QemuSession, uuid: UUID, offset: int) -> None:
    """Wait until the guest has powered off, rebooted by itself or ended, then do what is left to do."""
    _wait(session, uuid, offset)
    with session.store.lock(uuid):
        found = guests.settle(session, uuid)
        if found.alive and found.status is not None and "rebooting" in found.status:
            finish(session, found)


def _wait(session: QemuSession, uuid: UUID, offset: int) -> None:
    from polyvisor.state.inotify import IN_MODIFY, Inotify

    files = session.files(uuid)
    process = guests.look(session, uuid).process
    if process is None:
        return
    inotify = Inotify()
    try:
        inotify.watch(files.journal, IN_MODIFY)
        with process.handle() as ended:
            deadline = time.monotonic() + PATIENCE
            while ended is not None and (remaining := deadline - time.monotonic()) > 0:
                entries, offset = journal.read(files.journal, offset)
                # the pause comes after the power-off, and only then can the guest be reset
                if any(entry.name in ("STOP", "RESET") for entry in entries):
                    return
                ready, _, _ = select.select([inotify.fileno(), ended], [], [], remaining)
                if ended in ready:
                    return
                inotify.read()
    except FileNotFoundError:
        return  # the guest is gone, and its files with it
    finally:
        inotify.close()


def main(argument: str) -> int:
    """What the waiting process runs."""
    told = json.loads(argument)
    paths = Paths(**{name: Path(path) for name, path in told["paths"].items()})
    session = QemuSession(URI("qemu", "/embed"), ConnectContext(events=lambda event: None), paths)
    try:
        wait_and_finish(session, UUID(told["uuid"]), told["offset"])
    except (PolyvisorError, OSError) as error:
        sys.stderr.write(f"the reboot of {told['uuid']} could not be finished: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
