"""Streams on the logs of consoles."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from polyvisor.errors import HostError
from polyvisor.host.process import Process
from polyvisor.local.consoles import ConsoleStream
from polyvisor.state.inotify import Inotify


class Typewriter:
    closed = False

    def write(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def myself() -> Process:
    found = Process.running(os.getpid())
    assert found is not None
    return found


def test_what_was_printed_before_is_read_as_far_as_it_is_asked_for(tmp_path: Path, myself: Process) -> None:
    log, typist = tmp_path / "log", Typewriter()
    log.write_bytes(b"before and after")
    before = len(os.listdir("/proc/self/fd"))
    with ConsoleStream(f"{log}", typist, myself, "web", replay=5) as stream:
        assert stream.read() == b"after"
        with log.open("ab") as file:
            file.write(b" all")
        assert stream.read() == b" all"
    assert typist.closed
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_printed_while_a_stream_is_opened_is_announced(
    tmp_path: Path, myself: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, watch = tmp_path / "log", Inotify.watch
    log.touch()

    def print_and_watch(self: Inotify, path: str, mask: int) -> int:
        log.write_bytes(b"ready")
        return watch(self, path, mask)

    monkeypatch.setattr(Inotify, "watch", print_and_watch)
    with ConsoleStream(f"{log}", None, myself, "web") as stream:
        assert select.select([stream], [], [], 0)[0]
        assert stream.read() == b"ready"


def test_a_stream_that_cannot_be_opened_holds_nothing_and_types_nothing(tmp_path: Path, myself: Process) -> None:
    typist, before = Typewriter(), len(os.listdir("/proc/self/fd"))
    with pytest.raises(HostError, match="cannot read"):
        ConsoleStream(f"{tmp_path}/gone", typist, myself, "web")
    assert typist.closed
    assert len(os.listdir("/proc/self/fd")) == before
