"""What a container's monitor wrote down: liblxc's log, in which the end of init is told.

A line is ``PROGRAM NAME TIMESTAMP LEVEL MODULE - FILE:FUNCTION:LINE - MESSAGE`` (lxc-start(1), ``--logfile``); only
messages are looked at, and one that is not understood means no more than that less is known.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_LINE = re.compile(rb" (\d{14}\.\d{3}) (TRACE|DEBUG|INFO|NOTICE|WARN|ERROR|CRIT|ALERT|FATAL) +\S+ - [^ ]+ - (.*)")
_ERROR = re.compile(rb"Child <(\d+)> ended on error \((\d+)\)")
_SIGNAL = re.compile(rb"Child <(\d+)> ended on signal [^(\n]*\((\d+)\)")
_STARTED = re.compile(rb'Started ".*" with pid "(\d+)"')
_NOISE = (
    "The container failed to start",
    "To get more details",
    "Additional information can be obtained",
    "Failed to spawn container",
    "An error occurred in another process",
    "Received container state",
    "Failed to set up container",
    "Failed to setup container",
)
_WINDOW = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """How init ended: its exit status, or the signal that ended it; neither where the log does not tell."""

    status: int | None = None
    signal: int | None = None

    @property
    def crashed(self) -> bool:
        """Whether a signal ended it that stands for a fault of its own."""
        return self.signal in (4, 6, 7, 8, 11, 31)


def ending(path: str | os.PathLike[str]) -> Ending:
    """How the container with this log ended. An init that ended with status 0 leaves no line.

    Of one that was taken up from a file liblxc tells nothing."""
    data = _tail(path)
    last = max(data.rfind(b'Started "'), 0)
    tail = data[last:]
    if (found := _ERROR.search(tail)) is not None:
        return Ending(status=int(found[2]))
    if (found := _SIGNAL.search(tail)) is not None:
        return Ending(signal=int(found[2]))
    return Ending(status=0) if last or b'Started "' in data else Ending()


def starts(path: str | os.PathLike[str]) -> int:
    """How often init was started: once, and once more for each reboot."""
    return len(_STARTED.findall(_tail(path)))


def complaints(path: str | os.PathLike[str]) -> list[str]:
    """What went wrong, by the log: its errors, without those that only say that something did."""
    found = []
    for line in _tail(path).splitlines():
        matched = _LINE.search(line)
        if matched is not None and matched[2] in (b"ERROR", b"CRIT", b"FATAL"):
            message = matched[3].decode(errors="replace").strip()
            if not message.startswith(_NOISE):
                found.append(message)
    return found


def _tail(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _WINDOW))
            return file.read()
    except FileNotFoundError:
        return b""
