"""Finding the processes of liblxc that belong to a container."""

from __future__ import annotations

import os

from polyvisor.host.process import Process, command_lines


def find(needle: str, *, among: tuple[str, ...]) -> list[Process]:
    """Live processes that have ``needle`` in their command line, which begins with one of ``among``."""
    wanted, programs = os.fsencode(needle), tuple(os.fsencode(name) for name in among)
    named = [pid for pid, line in command_lines() if wanted in line and _begins(line, programs)]
    return [process for pid in named if (process := Process.running(pid)) is not None]


def _begins(line: bytes, programs: tuple[bytes, ...]) -> bool:
    program = line.split(b"\0", 1)[0].rpartition(b"/lxc-")
    return line.startswith(programs) or (program[1] + program[2]).lstrip(b"/").startswith(programs)
