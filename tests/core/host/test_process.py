"""Processes: known for certain, waited for and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyvisor.host.process import Process, children, command_lines

NOT_PARENT = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); input()"


@pytest.fixture
def run() -> Iterator[Callable[..., Process]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*argv: str) -> Process:
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(child)
        process = Process.running(child.pid)
        assert process is not None
        return process

    start.started = started  # type: ignore[attr-defined]
    yield start
    for child in started:
        with child:  # which closes the pipes and waits
            child.kill()


def eventually(true: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return true()


def test_a_process_is_known_by_pid_and_start(run):
    process = run("/bin/sleep", "60")
    assert process.alive and process.cpu_time_ns is not None and process.resident_kib
    other = Process(process.pid, process.started + 1)
    assert not other.alive, "another process with that pid is not this one"
    assert (other.cpu_time_ns, other.resident_kib) == (None, None)
    assert not other.kill() and process.alive, "and is not taken for it"


def test_a_stopped_process_is_gone(run):
    process = run("/bin/sleep", "60")
    assert process.stop(grace=5, patience=5)
    assert not process.alive and process.cpu_time_ns is None
    assert process.stop(grace=0, patience=0), "what is gone need not be stopped"


def test_one_that_ignores_the_polite_signal_is_killed(run):
    process = run("/bin/sh", "-c", "trap '' TERM; echo ready; read never")
    assert run.started[0].stdout.readline() == b"ready\n"
    assert not process.stop(grace=0.05, patience=0), "without patience nothing is killed"
    assert process.alive
    assert process.stop(grace=0.05, patience=5)


def test_a_zombie_is_dead(run):
    process = run("/bin/sleep", "60")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{process.pid}").exists()
    assert Process.running(process.pid) is None
    assert not process.alive and process.wait(5)


def test_waiting_has_an_end(run):
    process = run("/bin/sleep", "60")
    assert not process.wait(0.01)
    process.kill(signal.SIGTERM)
    assert process.wait(5)


def test_somebody_elses_child_is_found_waited_for_and_ended(run):
    parent = run(sys.executable, "-S", "-c", NOT_PARENT, "/bin/sleep", "60.0")
    pid = int(run.started[0].stdout.readline())
    assert children(parent.pid) == [pid]
    assert eventually(lambda: dict(command_lines()).get(pid) == b"/bin/sleep\x0060.0\0")
    process = Process.running(pid)
    assert process is not None and process.stop(grace=5, patience=5)


def test_who_is_gone_has_no_children(run):
    process = run("/bin/sleep", "60")
    process.kill()
    assert process.wait(5)
    run.started[0].wait()
    assert children(process.pid) == []
