"""What a killed manager, or a guest that died alone, leaves behind is put right at the next open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

import polyvisor
from polyvisor.host.process import Process
from polyvisor.operations.records import DomainState
from polyvisor.state import LivenessLock, ObjectStore, Paths
from polyvisor_qemu.process import spawn
from polyvisor_qemu.session import GuestFiles

GUEST = UUID(int=7)
IDLE = (sys.executable, "-S", "-c", "import time; time.sleep(60)")
RESUME = '{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "RESUME"}\n'
SHUTDOWN = (
    '{"timestamp": {"seconds": 2, "microseconds": 0}, "event": "SHUTDOWN",'
    ' "data": {"guest": true, "reason": "guest-shutdown"}}\n'
)


class Remains:
    """What is on disk of one guest, and a process that plays its QEMU."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = Paths.embedded("qemu", root)
        self.store = ObjectStore(self.paths, "domain")
        self.files = GuestFiles(self.paths, GUEST)
        self.process: Process | None = None
        Path(self.files.directory).mkdir(parents=True)

    def defined(self) -> None:
        self.store.put("demo", GUEST, b"<domain/>", {"memory_kib": 1, "max_memory_kib": 1, "vcpus": 1})

    def run(self) -> Process:
        """Start a process that holds the guest's lock and names its directory, as QEMU does."""
        with LivenessLock(self.files.alive) as lock, open(os.devnull, "wb") as nowhere:
            argv = [*IDLE, f"path={self.files.pipe}"]
            self.process = spawn(argv, log=nowhere.fileno(), descriptors=[lock.fileno()])
        return self.process

    def status(self, phase: str, **more: object) -> None:
        facts = {"name": "demo", "id": 3, "memory_kib": 1, "max_memory_kib": 1, "vcpus": 1, "title": None}
        process = (
            {"pid": self.process.pid, "started": self.process.started} if self.process and "pid" not in more else {}
        )
        self.store.write_status(GUEST, {**facts, "phase": phase, **process, **more})

    def journal(self, *lines: str) -> None:
        Path(self.files.journal).write_text("".join(lines))

    def open(self) -> polyvisor.Connection:
        return polyvisor.open(f"qemu:///embed?root={self.root}")


@pytest.fixture
def remains(tmp_path: Path) -> Iterator[Remains]:
    made = Remains(tmp_path)
    yield made
    if made.process is not None:
        made.process.stop(grace=0, patience=5)


def gone(process: Process) -> bool:
    return process.wait(5)


def test_a_start_that_was_cut_short_is_undone(remains):
    remains.defined()
    process = remains.run()
    remains.status("starting", pid=None)
    with remains.open() as connection:
        row = connection.domains()[0]
    assert (row.state, row.reason) == (DomainState.SHUT_OFF, "failed")
    assert gone(process) and not Path(remains.files.directory).exists() and not remains.store.running()


def test_a_start_that_never_got_to_a_process_is_undone(remains):
    remains.defined()
    remains.status("starting")
    with remains.open() as connection:
        assert connection.domains()[0].reason == "failed"
    assert not Path(remains.files.directory).exists()


def test_a_running_guest_is_left_alone(remains):
    remains.defined()
    process = remains.run()
    remains.status("running")
    remains.journal(RESUME)
    with remains.open() as connection:
        row = connection.domains()[0]
        assert (row.state, row.reason, row.ref.id) == (DomainState.RUNNING, "booted", 3)
    assert process.alive


@pytest.mark.parametrize(
    ("lines", "more", "reason"),
    [
        ((RESUME, SHUTDOWN), {}, "shutdown"),
        ((RESUME,), {}, "crashed"),
        ((RESUME, SHUTDOWN), {"ending": "destroyed"}, "destroyed"),
    ],
)
def test_a_guest_that_ended_unseen_keeps_its_reason(remains, lines, more, reason):
    remains.defined()
    remains.status("running", pid=2**22, started=1, **more)
    remains.journal(*lines)
    for _ in range(2):  # found by the one that tidies up, and by those after it
        with remains.open() as connection:
            row = connection.domains()[0]
            assert (row.state, row.reason, row.ref.id) == (DomainState.SHUT_OFF, reason, None)
    assert not Path(remains.files.directory).exists() and not remains.store.running()


def test_a_reader_sees_the_end_without_tidying_up(remains):
    remains.defined()
    remains.status("running", pid=2**22, started=1)
    remains.journal(RESUME, SHUTDOWN)
    with polyvisor.open(f"qemu:///embed?root={remains.root}", readonly=True) as connection:
        assert connection.domains()[0].reason == "shutdown"
    assert Path(remains.files.directory).exists()


def test_a_transient_guest_that_ended_is_no_more(remains):
    remains.status("running", pid=2**22, started=1)
    remains.journal(RESUME, SHUTDOWN)
    with remains.open() as connection:
        assert connection.domains() == []


def test_a_guest_tied_to_a_connection_ends_with_it_even_when_that_was_killed(remains):
    process = remains.run()
    remains.status("running", owner=[2**22, 1])
    remains.journal(RESUME)
    with remains.open() as connection:
        assert connection.domains() == []
    assert gone(process)


def test_a_guest_tied_to_a_living_connection_lives(remains):
    process = remains.run()
    myself = Process.running(os.getpid())
    remains.status("running", owner=[myself.pid, myself.started])
    remains.journal(RESUME)
    with remains.open() as connection:
        assert len(connection.domains()) == 1
    assert process.alive


def test_a_guest_somebody_is_starting_is_not_disturbed(remains):
    remains.defined()
    process = remains.run()
    remains.status("starting", pid=None)
    with remains.store.lock(GUEST), remains.open() as connection:
        row = connection.domains()[0]
        assert (row.state, row.reason) == (DomainState.PAUSED, "starting up")
    assert process.alive


def test_a_bystander_is_not_mistaken_for_the_guest(remains, tmp_path):
    """Somebody who looks at the guest's files, or has its name in an argument, is no QEMU."""
    remains.defined()
    with open(os.devnull, "wb") as nowhere:
        bystander = spawn([*IDLE, remains.files.pipe], log=nowhere.fileno())
    process = remains.run()
    remains.status("starting", pid=None)
    with remains.open():
        pass
    assert gone(process) and bystander.alive
    bystander.stop(grace=0, patience=5)


def test_watching_tells_of_an_end_nobody_brought_about(remains):
    remains.defined()
    process = remains.run()
    remains.status("running")
    remains.journal(RESUME)
    with remains.open() as connection, connection.events() as events:
        with open(remains.files.journal, "a") as journal:
            journal.write(SHUTDOWN)
        process.stop(grace=0, patience=5)
        seen = [events.get(timeout=5) for _ in range(2)]
        assert [(event.event, event.detail) for event in seen] == [("shutdown", "guest"), ("stopped", "shutdown")]
        assert connection.domains()[0].reason == "shutdown"
