"""The programs of liblxc: where they are, which version they are, and running one.

They are run directly, never through a shell, and each for a moment only: what starts a container detaches its
monitor, a small process that waits for the container's end.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyvisor.errors import HostError, OperationTimeout, UnsupportedConfiguration

OLDEST = (3, 0)
"""The oldest liblxc whose configuration keys are those written here (``lxc.rootfs.path``, ``lxc.net.0.type``)."""

IDMAPPED_ROOT = (5, 0)
"""Since when ``lxc.rootfs.options`` knows ``idmap=container``."""

DEVICE_PROGRAMS = (4, 0)
"""Since when liblxc changes which devices a running container uses with control groups of version 2."""

LONGEST_START = 60.0
"""Seconds that a container has to come up."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_PACKAGES = {
    "tc": "iproute2",
    "ip": "iproute2",
    "criu": "criu",
    "mount": "mount",
    "cp": "coreutils",
    "env": "coreutils",
}
_found: dict[str, str] = {}
_versions: dict[tuple[str, int], tuple[int, int, int]] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a program ended and what it said."""

    code: int
    output: str
    errors: str


def present() -> bool:
    """Whether LXC is installed."""
    return shutil.which("lxc-start", path=_PATH) is not None


def find(name: str) -> str:
    """The path of a tool. Raises UnsupportedConfiguration when it is not installed."""
    path = _found.get(name)
    if path is None or not os.access(path, os.X_OK):
        path = shutil.which(name, path=_PATH)
        if path is None:
            raise UnsupportedConfiguration(
                f"{name} is not installed",
                driver="lxc",
                hint=f"install {_PACKAGES.get(name, 'LXC (Debian: apt install lxc)')}",
            )
        _found[name] = path
    return path


def version() -> tuple[int, int, int]:
    """Version of liblxc, as ``lxc-start --version`` prints it. Raises UnsupportedConfiguration when it is too old."""
    path = find("lxc-start")
    key = (path, os.stat(path).st_mtime_ns)
    if key not in _versions:
        answer = run([path, "--version"], timeout=10.0)
        numbers = [int(part) for part in answer.output.strip().split("-")[0].split(".") if part.isdigit()]
        if not numbers:
            raise HostError(f"{path} tells no version: {answer.output.strip()!r}", driver="lxc")
        major, minor, micro = (*numbers, 0, 0)[:3]
        _versions[key] = (major, minor, micro)
    found = _versions[key]
    if found < OLDEST:
        raise UnsupportedConfiguration(
            f"{path} is of version {'.'.join(map(str, found))}; the lxc driver needs {'.'.join(map(str, OLDEST))}",
            driver="lxc",
            hint="install a newer LXC",
        )
    return found


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a tool gets to see of our environment."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {"PATH": _PATH, **kept, "LC_ALL": "C", **(extra or {})}


def hearing(status: str = "/proc/self/status") -> list[str]:
    """The beginning of a command line that takes back which signals are ignored; empty where none is.

    A process that was put into the background, or started by nohup, ignores signals, and all that it starts would do
    so too: the init of a container could not even ask for them. Those that Python ignores itself it takes back."""
    with open(status, encoding="ascii") as file:
        mask = next((int(line.split()[1], 16) for line in file if line.startswith("SigIgn:")), 0)
    ignored = [number for number in range(1, 65) if mask >> (number - 1) & 1 and number not in _PYTHONS]
    return [find("env"), f"--default-signal={','.join(map(str, ignored))}", "--"] if ignored else []


_PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)


def entering(init: int, kind: str) -> list[str]:
    """The beginning of a command line that is run in one namespace of a container (nsenter(1), namespaces(7)).

    Whoever is not root has the right to enter it in the user namespace of the container only."""
    words = [find("nsenter"), f"--{kind}=/proc/{init}/ns/{kind}"]
    if os.geteuid():
        words += [f"--user=/proc/{init}/ns/user", "--preserve-credentials"]
    return [*words, "--"]


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    descriptors: Sequence[int] = (),
    given: bytes | None = None,
    quiet: bool = False,
) -> Answer:
    """Run a tool to its end. Raises HostError when it cannot be executed, OperationTimeout when it does not end.

    ``quiet`` hears nothing of what it prints, for one that leaves a process behind that could go on printing."""
    import subprocess

    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else subprocess.PIPE,
            pass_fds=tuple(descriptors),
            cwd="/",
            env=environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise HostError(f"cannot run {argv[0]}: {error.strerror}", driver="lxc") from error
    with process:
        try:
            output, errors = process.communicate(given, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise OperationTimeout(f"{argv[0]} did not end within {timeout:g} s", driver="lxc") from error
    said = [(text or b"").decode(errors="replace") for text in (output, errors)]
    return Answer(process.returncode, *said)
