"""Entering a running container: its namespaces, a command inside, a signal, what it sees.

A command is run by lxc-attach, which enters all namespaces and control groups and drops the same privileges as the
container has; its exit status is that of the command.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from polyvisor.errors import HostError, InvalidArgument, InvalidState
from polyvisor.host.process import Process
from polyvisor.spi import DomainRef, DomainState
from polyvisor_lxc import guests, tools
from polyvisor_lxc.session import LxcSession

KINDS = ("user", "mnt", "pid", "uts", "ipc", "net", "cgroup")
"""Namespaces in the order in which they are entered (namespaces(7)): the user's first, for it gives the right."""


def open_all(session: LxcSession, domain: DomainRef) -> list[int]:
    """A descriptor of each namespace that the container does not share with this process."""
    _, init = guests.require_init(session, domain)
    opened: list[int] = []
    try:
        for kind in KINDS:
            path = f"/proc/{init}/ns/{kind}"
            if os.readlink(path) != os.readlink(f"/proc/self/ns/{kind}"):
                opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise _refused(domain, error) from error
    return opened


def _refused(domain: DomainRef, error: OSError) -> HostError | InvalidState:
    if isinstance(error, FileNotFoundError | ProcessLookupError):
        return InvalidState(f"{domain} has just stopped", target=str(domain), driver="lxc")
    return HostError(f"not allowed to look into {domain}: {error.strerror}", target=str(domain), driver="lxc")


def command_line(
    session: LxcSession,
    domain: DomainRef,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
    user: str | None = None,
    group: str | None = None,
) -> list[str]:
    """What runs ``command`` in a running container. Raises InvalidState when it does not run or stands still."""
    if not command:
        raise InvalidArgument("there is no command to run", driver="lxc")
    found, _ = guests.require_init(session, domain)
    if found.state.state is DomainState.PAUSED:
        raise InvalidState(
            f"{domain} is paused: nothing can run in it", target=str(domain), driver="lxc", hint="resume it first"
        )
    files = session.files(domain.uuid)
    words = [tools.find("lxc-attach"), "--name", str(files.uuid), "--lxcpath", files.lxcpath, "--clear-env"]
    words += ["--logfile", files.journal, "--logpriority", "ERROR"]
    for name, value in (environment or {}).items():
        words += ["--set-var", f"{name}={value}"]
    for option, number in (("--uid", user), ("--gid", group)):
        if number is not None:
            words += [option, number]
    inside = ["env", "--chdir", directory, *command] if directory is not None else [*command]
    return [*words, "--", *inside]


def execute(
    session: LxcSession, domain: DomainRef, command: Sequence[str], **options: object
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a container with our standard input, output and error; its status is that of the command."""
    words = command_line(session, domain, command, **options)  # type: ignore[arg-type]
    try:
        return subprocess.Popen(words, env=tools.environment({"TERM": os.environ.get("TERM", "linux")}))
    except OSError as error:
        raise HostError(f"cannot run {words[0]}: {error.strerror}", driver="lxc") from error


def signal_number(name: str) -> int:
    """The number of a signal by its name in lower case without ``sig``. Raises InvalidArgument."""
    real = name.removeprefix("rt")
    if name.startswith("rt") and real.isascii() and real.isdigit() and int(real) <= signal.SIGRTMAX - signal.SIGRTMIN:
        return signal.SIGRTMIN + int(real)
    known = {one.name.removeprefix("SIG").lower(): int(one) for one in signal.Signals if one < signal.SIGRTMIN}
    if name not in known:
        raise InvalidArgument(f"there is no signal {name!r}", driver="lxc", hint="term, hup, usr1, rt3, ...")
    return known[name]


def send_signal(session: LxcSession, domain: DomainRef, pid: int, name: str) -> None:
    """Send a signal to a process of the container, by its number there; 1 is init, negative a process group.

    Raises InvalidArgument for a process or signal that there is not, InvalidState for an init that would ignore it."""
    from polyvisor_lxc import initsystem

    number = signal_number(name)
    if pid == 0:
        raise InvalidArgument("no process has number 0", driver="lxc")
    with guests.active(session, domain):
        _, init = guests.require_init(session, domain)
        if pid == 1 and number not in (signal.SIGKILL, signal.SIGSTOP) and number not in initsystem.caught(init):
            raise InvalidState(
                f"the init of {domain} has no handler for signal {name} and would ignore it",
                target=str(domain),
                driver="lxc",
            )
        targets = [init] if pid == 1 else _outside(session, domain, pid)
        sent = [process.kill(number) for target in targets if (process := Process.running(target)) is not None]
        if not any(sent):
            raise InvalidArgument(f"{domain} has no process {pid}", target=str(domain), driver="lxc")


def _outside(session: LxcSession, domain: DomainRef, pid: int) -> list[int]:
    """The numbers here of the process that has number ``pid`` in the container, or of the members of a group.

    ``NSpid`` and ``NSpgid`` of ``/proc/<pid>/status`` tell the numbers in each namespace, the innermost last."""
    field, wanted = (b"NSpid:", pid) if pid > 0 else (b"NSpgid:", -pid)
    found = []
    for candidate in guests.require_active(session, domain).group.processes():
        try:
            with open(f"/proc/{candidate}/status", "rb") as file:
                line = next((line for line in file if line.startswith(field)), b"")
        except OSError:
            continue
        numbers = line.split()[1:]
        if len(numbers) > 1 and int(numbers[-1]) == wanted:
            found.append(candidate)
    return found
