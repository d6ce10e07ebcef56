"""Locks that die with their holders."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polyvisor.errors import Busy, HostError
from polyvisor.state import LivenessLock, alive, locked


def test_a_child_that_inherits_the_lock_is_alive_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "guest.live"
    with LivenessLock(path) as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.fileno()])
    assert alive(path)
    with pytest.raises(Busy):
        LivenessLock(path, timeout=0)
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert not alive(path)
    child.communicate()


def test_without_a_child_nobody_is_alive(tmp_path: Path) -> None:
    path = tmp_path / "guest.live"
    assert not alive(path)
    with LivenessLock(path) as lock:
        assert alive(path)
    assert not alive(path)
    with pytest.raises(ValueError, match="closed"):
        lock.fileno()


def test_a_child_not_handed_the_lock_does_not_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "guest.live"
    with LivenessLock(path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not alive(path)
    child.communicate(b"\n")


def test_testing_for_life_does_not_disturb_a_start(tmp_path: Path) -> None:
    path = tmp_path / "guest.live"
    path.touch()
    assert not alive(path)
    with LivenessLock(path, timeout=0):
        pass


def test_busy_names_the_process_that_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    code = f"from polyvisor.state import locked\nwith locked({str(path)!r}): print('held', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout and child.stdout.readline() == b"held\n"
    with (
        pytest.raises(Busy, match=f"the guest is in use by process {child.pid}"),
        locked(path, timeout=0, subject="the guest"),
    ):
        pytest.fail("the lock was given twice")
    child.kill()
    child.communicate()
    with locked(path, timeout=5):
        pass


def test_readers_share_a_lock_and_keep_a_writer_out(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch()
    with (
        locked(path, shared=True),
        locked(path, shared=True, timeout=0),
        pytest.raises(Busy),
        locked(path, timeout=0),
    ):
        pytest.fail("a writer came in among readers")


def test_a_lock_in_an_impossible_place_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="file"), locked(tmp_path / "file" / "a.lock"):
        pytest.fail("locked what cannot be")


def test_a_lock_holds_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with (
        locked(tmp_path / "lock"),
        pytest.raises(Busy, match="in use by another process"),
        locked(tmp_path / "lock", timeout=0),
    ):
        pytest.fail("the lock was taken twice")
