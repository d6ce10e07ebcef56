"""What follows when a container ends by itself: ``<on_poweroff>``, ``<on_reboot>`` and ``<on_crash>``.

Nobody of ours may be there then. So liblxc's monitor runs a script of a few lines when the container has stopped
(``lxc.hook.post-stop``); what it may do is in a file beside it. A container that may not reboot has its monitor ended
before that starts it again. One that is to be restarted, or that reboots with a root whose ids are shifted, gets a
process of its own, which waits until the monitor is gone and does what a manager would have done.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import PolyvisorError
from polyvisor.local import bus
from polyvisor.spi import URI, ConnectContext, Event, EventKind
from polyvisor.state import Paths, write_atomic
from polyvisor_lxc import guests
from polyvisor_lxc.session import GuestFiles, LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

_PATIENCE = 60.0
"""Seconds that the monitor has to go after it has run the script."""

_DIRECTORIES = ("config", "state", "run", "log", "cache")


def write_wishes(files: GuestFiles, running: Domain) -> None:
    """Write down, for the script, what shall follow a reboot (``end``, ``again``) and an end (``care``)."""
    from polyvisor_lxc.preparation import shifted

    words = []
    if str(running.on_reboot or "restart") != "restart":
        words.append("end")
    elif shifted(running):
        words.append("again")  # liblxc forgets, when it starts a container again, to shift the ids of its root
    after = {str(running.on_poweroff or "destroy"), str(running.on_crash or "destroy")}
    words += ["care"] if after != {"destroy"} else []
    write_atomic(files.wishes, " ".join(words).encode(), durable=False)


def hook(session: LxcSession, files: GuestFiles) -> str:
    """The script. Nothing but our own paths is in it; liblxc sets ``LXC_TARGET`` (lxc.container.conf(5))."""
    wishes, pid, mark = shlex.quote(files.wishes), shlex.quote(files.pid), shlex.quote(files.rebooting)
    where = {name: os.fspath(getattr(session.paths, name)) for name in _DIRECTORIES}
    argument = shlex.quote(json.dumps({"paths": where, "uuid": str(files.uuid)}))
    path = shlex.quote(os.pathsep.join(entry for entry in sys.path if entry))
    python = shlex.quote(sys.executable or "python3")
    care = f"PYTHONPATH={path} setsid {python} -m {__name__} {argument} < /dev/null > /dev/null 2>&1 &"
    return (
        f": > {shlex.quote(files.stopped)}\n"
        f"case $LXC_TARGET:$(cat {wishes}) in\n"
        f'reboot:end*) kill -KILL "$(cat {pid})" ;;\n'
        f'reboot:again*) : > {mark}; {care} kill -KILL "$(cat {pid})" ;;\n'
        f"stop:*care) {care}\n;;\n"
        "esac\n"
    )


def follow(session: LxcSession, uuid: UUID) -> None:
    """Do what a container that has ended by itself asks for; nothing for one that was destroyed."""
    process = guests.look(session, uuid).process
    if process is not None:
        process.wait(_PATIENCE)
    with session.store.lock(uuid):
        found = guests.look(session, uuid)
        if found.status is None or found.status.get("ending"):
            return
        if guests.rebooting(session.files(uuid), found.status):
            _reboot(session, found)
        elif not found.alive:
            _wish(session, found)


def _reboot(session: LxcSession, found: guests.Look) -> None:
    """Start the same instance again."""
    from polyvisor.local import configuration
    from polyvisor_lxc import lifecycle

    assert found.status is not None
    running = configuration.read_live(session, found.ref(str(found.status["name"])))
    guests.clear_processes(found)
    again = lifecycle.start_again(session, session.parse(configuration.text(running)), number=found.id)
    bus.publish(session, Event(EventKind.REBOOT, again, data={"by_guest": True}))


def _wish(session: LxcSession, found: guests.Look) -> None:
    """What ``<on_poweroff>`` or ``<on_crash>`` says."""
    from polyvisor.local import configuration
    from polyvisor_lxc import lifecycle

    assert found.status is not None
    files = session.files(found.uuid)
    running = configuration.read_live(session, found.ref(str(found.status["name"])))
    crashed = found.state.reason == "crashed"
    wish = str((running.on_crash if crashed else running.on_poweroff) or "destroy")
    if wish == "preserve":
        preserve(files)
    guests.settle(session, found.uuid)
    if wish == "restart":
        lifecycle.start_again(session, session.parse(configuration.text(running)))


def preserve(files: GuestFiles) -> None:
    """Keep what is left of a crashed container for a look at it: its document, its configuration, its log."""
    kept = f"{os.path.dirname(files.console)}/{files.uuid}.crashed"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(files.directory, kept, ignore=shutil.ignore_patterns("typing*"))


def main(argument: str) -> int:
    """What the process that cares runs."""
    told = json.loads(argument)
    paths = Paths(**{name: Path(path) for name, path in told["paths"].items()})
    session = LxcSession(URI("lxc", "/embed"), ConnectContext(events=lambda event: None), paths)
    try:
        follow(session, UUID(told["uuid"]))
    except PolyvisorError as error:
        with open(f"{paths.log}/{told['uuid']}.restart.log", "a", encoding="utf-8") as file:
            file.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
