"""QEMU's processes: apart from us, found again, none left a zombie."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyvisor.errors import HostError
from polyvisor.host.process import Process
from polyvisor_qemu.process import find, minimal_environment, spawn


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "log", os.O_CREAT | os.O_RDWR)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def run(log: int):
    started: list[Process] = []

    def start(*argv: str, **options) -> Process:
        process = spawn(argv, log=log, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop(grace=0, patience=5)


def eventually(true, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return bool(true())


def test_it_is_a_session_of_its_own_and_sees_little_of_us(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVATE_TOKEN", "secret")
    out = tmp_path / "out"
    process = run(
        "/bin/sh",
        "-c",
        f"env > {out}.tmp; pwd >> {out}.tmp; mv {out}.tmp {out}; exec sleep 60",
        environment={"EXTRA": "1"},
    )
    assert os.getsid(process.pid) == process.pid
    assert eventually(out.exists)
    seen = out.read_text()
    assert "PRIVATE_TOKEN" not in seen and "EXTRA=1" in seen and "LC_ALL=C" in seen and seen.endswith("\n/\n")


def test_it_gets_the_descriptors_it_is_given_and_no_other(run, tmp_path):
    given, other = os.pipe()
    os.set_inheritable(other, True)
    process = run("/bin/sleep", "60", descriptors=[given])
    os.close(given)
    os.close(other)
    # the loader of the program opens its libraries in passing
    assert eventually(lambda: set(os.listdir(f"/proc/{process.pid}/fd")) == {"0", "1", "2", str(given)})


def test_what_cannot_be_run_is_told(log):
    with pytest.raises(HostError, match="cannot run /nowhere/qemu"):
        spawn(["/nowhere/qemu"], log=log)


def test_children_do_not_stay_zombies(run):
    process = run("/bin/true")
    assert eventually(lambda: not Path(f"/proc/{process.pid}").exists())


def test_a_process_is_found_by_its_command_line(run, tmp_path):
    run("/bin/sleep", "60")
    marked = run(sys.executable, "-S", "-c", "import time; time.sleep(60)", f"path={tmp_path}/mark")
    assert eventually(lambda: find(f"{tmp_path}/mark") == [marked]), find(f"{tmp_path}/mark")


def test_the_environment_is_a_short_list(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "/evil.so")
    assert "LD_PRELOAD" not in minimal_environment()
