"""Consoles as streams, with a log and a pseudo-terminal in place of QEMU's."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyvisor.errors import HypervisorError
from polyvisor.host.process import Process
from polyvisor.local import consoles
from polyvisor.local.consoles import ConsoleStream
from polyvisor_qemu.process import spawn
from polyvisor_qemu.streams import HostEnd


class Guest:
    """What a stream sees of a guest: its process, its log, and the far end of its pseudo-terminal."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "console.log"
        self.log.write_bytes(b"")
        with open(os.devnull, "wb") as nowhere:
            self.process: Process = spawn(["/bin/sleep", "60"], log=nowhere.fileno())
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.tty = os.ttyname(slave)
        os.close(slave)

    def prints(self, text: bytes) -> None:
        with open(self.log, "ab") as file:
            file.write(text)

    def close(self) -> None:
        self.process.stop(grace=1, patience=5)
        os.close(self.master)


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    made = Guest(tmp_path)
    yield made
    made.close()


@pytest.fixture
def attach(guest: Guest) -> Iterator[Callable[..., ConsoleStream]]:
    opened: list[ConsoleStream] = []

    def make(*, typing: bool = True, replay: int = 0) -> ConsoleStream:
        end = os.open(guest.tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) if typing else None
        typist = HostEnd(end, "domain 'demo'") if end is not None else None
        stream = ConsoleStream(str(guest.log), typist, guest.process, "domain 'demo'", replay=replay)
        opened.append(stream)
        return stream

    yield make
    for stream in opened:
        stream.close()


def readable(stream: ConsoleStream, seconds: float = 0) -> bool:
    return bool(select.select([stream], [], [], seconds)[0])


def test_a_stream_reads_what_is_printed_after_it_was_opened(guest, attach):
    guest.prints(b"before")
    stream = attach()
    assert not readable(stream)
    guest.prints(b"after")
    assert readable(stream, 5) and stream.read() == b"after"
    assert not readable(stream), "once read, it is not announced again"


def test_earlier_output_can_be_had(guest, attach):
    guest.prints(b"0123456789")
    stream = attach(replay=4)
    assert readable(stream) and stream.read(3) == b"678"
    assert readable(stream) and stream.read() == b"9"
    assert not readable(stream)


def test_readers_do_not_steal_from_one_another(guest, attach):
    first, second = attach(), attach()
    guest.prints(b"for both")
    assert first.read() == second.read() == b"for both"


def test_what_is_typed_arrives(guest, attach):
    stream = attach()
    assert stream.write(b"reboot\r") == 7
    assert os.read(guest.master, 100) == b"reboot\r"


def test_a_reader_that_only_looks_does_not_stop_the_guest(guest, attach):
    attach()
    os.set_blocking(guest.master, False)
    sent = 0
    deadline = time.monotonic() + 10
    while sent < 1_000_000 and time.monotonic() < deadline:
        try:
            sent += os.write(guest.master, b"x" * 4096)
        except BlockingIOError:
            select.select([], [guest.master], [], 1)
    assert sent >= 1_000_000


def test_the_end_of_the_guest_ends_the_stream_after_its_last_words(guest, attach):
    stream = attach()
    guest.prints(b"goodbye")
    guest.process.stop(grace=1, patience=5)
    assert stream.read() == b"goodbye" and stream.read() == b"" and stream.read() == b""
    assert readable(stream)


def test_a_reader_that_waits_is_woken_by_the_end(guest, attach):
    stream = attach()
    ended = threading.Thread(target=guest.process.stop, kwargs={"grace": 1, "patience": 5})
    ended.start()
    assert stream.read() == b""
    ended.join()


def test_closing_wakes_a_reader(attach):
    stream = attach()
    seen: list[BaseException] = []

    def read() -> None:
        try:
            stream.read()
        except ValueError as error:
            seen.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    stream.close()
    reader.join(5)
    assert not reader.is_alive() and len(seen) == 1


def test_a_closed_stream_says_so(attach):
    stream = attach()
    stream.close()
    stream.close()
    for use in (stream.read, stream.fileno, lambda: stream.write(b"x")):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_device_that_takes_no_input_says_so(attach):
    with pytest.raises(HypervisorError, match="takes no input"):
        attach(typing=False).write(b"x")


def test_a_log_put_aside_is_followed_into_its_new_beginning(guest, attach, monkeypatch):
    monkeypatch.setattr(consoles, "LONGEST_LOG", 10)
    stream = attach()
    guest.prints(b"a line that is too long")
    assert stream.read() == b"a line that is too long"
    assert guest.log.read_bytes() == b""
    old = guest.log.with_name("console.log.1")
    assert old.read_bytes() == b"a line that is too long" and old.stat().st_mode & 0o777 == 0o600
    guest.prints(b"next")
    assert stream.read() == b"next"
