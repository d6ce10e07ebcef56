"""Two processes at once, and a machine of random operations and deaths."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from polyvisor.errors import AlreadyExists, Busy
from polyvisor.state import ObjectStore, Paths, locked

A = UUID(int=1)


def child(work: Callable[[], None]) -> int:
    """Run ``work`` in a process of its own; its exit code is 0 when it ends without an exception."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended_well(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def both_end_well(first: Callable[[], None], second: Callable[[], None]) -> bool:
    pids = [child(first), child(second)]
    return sum(map(ended_well, pids)) == 2


def test_two_processes_defining_one_name_leave_one_object(tmp_path: Path) -> None:
    paths = Paths.embedded("acme", tmp_path)

    def define(number: int) -> None:
        store = ObjectStore(paths)
        for turn in range(40):
            try:
                store.put(f"guest{turn}", UUID(int=number * 1000 + turn), b"%d" % number, {})
            except AlreadyExists:
                continue

    assert both_end_well(lambda: define(1), lambda: define(2))
    entries = ObjectStore(paths).entries()
    assert len({entry.name for entry in entries}) == len(entries) == 40
    store = ObjectStore(paths)
    assert all(store.load(entry) == b"%d" % (entry.uuid.int // 1000) for entry in entries)


def test_a_reader_never_misses_an_object_that_is_being_renamed_or_replaced(tmp_path: Path) -> None:
    paths = Paths.embedded("acme", tmp_path)
    store = ObjectStore(paths)
    for number in range(50):
        store.put(f"still{number}", UUID(int=100 + number), b"<still/>", {})
    entry = store.put("name0", A, b"name0" * 1000, {})

    def churn() -> None:
        current = entry
        for turn in range(150):
            current = store.rename(current, name := f"name{turn % 7}", name.encode() * 1000, {})
            current = store.put(name, A, name.encode() * 1000, {})

    pid = child(churn)
    reader = ObjectStore(paths)
    seen = set()
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        found = reader.entries()
        assert len(found) == 51
        current = next(one for one in found if one.uuid == A)
        document = reader.load(current)
        assert document == document[:5] * 1000
        seen.add(current.name)
    assert ended_well(pid)
    assert len(seen) > 1, "the reader ran while names changed"


def test_a_scan_that_missed_a_renamed_object_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems list neither name of a file that is renamed while its directory is read."""
    paths = Paths.embedded("acme", tmp_path)
    entry = ObjectStore(paths).put("old", A, b"<old/>", {})
    listdir = os.listdir
    renamed = []

    def unlucky(path: str) -> list[str]:
        if renamed:
            return listdir(path)
        renamed.append(path)
        ObjectStore(paths).rename(entry, "new", b"<new/>", {})
        return [name for name in listdir(path) if not name.endswith(".xml")]

    monkeypatch.setattr(os, "listdir", unlucky)
    assert [found.name for found in ObjectStore(paths).entries()] == ["new"]
    assert renamed


def test_a_lock_file_removed_between_opening_and_locking_it_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    flock = fcntl.flock
    removed = []

    def late(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(path.unlink())
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(path, timeout=0.1), pytest.raises(Busy), locked(path, timeout=0):
        pytest.fail("two have the lock")


def test_locks_keep_two_processes_apart(tmp_path: Path) -> None:
    paths = Paths.embedded("acme", tmp_path)

    def count() -> None:
        store = ObjectStore(paths)
        for _ in range(100):
            with store.lock(A):
                store.write_status(A, {"n": (store.read_status(A) or {"n": 0})["n"] + 1})

    assert both_end_well(count, count)
    assert ObjectStore(paths).read_status(A) == {"n": 200}


def test_a_lock_file_removed_under_those_who_wait_is_made_anew(tmp_path: Path) -> None:
    paths = Paths.embedded("acme", tmp_path)

    def count() -> None:
        store = ObjectStore(paths)
        for _ in range(50):
            with store.lock(A):
                store.write_status(A, {"n": (store.read_status(A) or {"n": 0})["n"] + 1})
                (paths.run / "domain" / f"{A}.lock").unlink()

    assert both_end_well(count, count)
    assert ObjectStore(paths).read_status(A) == {"n": 100}


NAMES = st.sampled_from(["web", "db", "../x", "名", "a" * 200])
NUMBERS = st.integers(1, 4)
STEPS = st.one_of(st.none(), st.tuples(st.integers(0, 12), st.sampled_from(["before", "torn", "after"])))


@pytest.fixture
def machine(dying: Any, killed: Any) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        """The store against a dictionary; any operation may be cut short by death."""

        @initialize()
        def begin(self) -> None:
            self.root = tempfile.mkdtemp()
            self.paths = Paths.embedded("acme", self.root)
            self.kept: dict[int, tuple[str, bytes]] = {}
            self.flags: set[int] = set()
            self.serial = 0

        def attempt(
            self,
            death: tuple[int, str] | None,
            change: Callable[[ObjectStore], object],
            kept: dict[int, tuple[str, bytes]],
            flags: set[int],
        ) -> None:
            disk = dying(*(death or (10**6, "before")))
            try:
                change(ObjectStore(self.paths, disk=disk))
            except killed:
                ObjectStore(self.paths).recover()
                found = self.look()
                assert found in ((self.kept, self.flags), (kept, flags))
                self.kept, self.flags = found
            else:
                self.kept, self.flags = kept, flags

        def look(self) -> tuple[dict[int, tuple[str, bytes]], set[int]]:
            store = ObjectStore(self.paths)
            kept = {entry.uuid.int: (entry.name, store.load(entry)) for entry in store.entries()}
            return kept, {uuid.int for uuid in store.flagged("autostart")}

        @rule(name=NAMES, number=NUMBERS, death=STEPS)
        def put(self, name: str, number: int, death: tuple[int, str] | None) -> None:
            self.serial += 1
            document = b"%d" % self.serial
            fits = self.kept.get(number, (name,))[0] == name and all(
                other == number or kept[0] != name for other, kept in self.kept.items()
            )
            if not fits:
                with pytest.raises(AlreadyExists):
                    ObjectStore(self.paths).put(name, UUID(int=number), document, {})
                return
            self.attempt(
                death,
                lambda store: store.put(name, UUID(int=number), document, {}),
                {**self.kept, number: (name, document)},
                self.flags,
            )

        @rule(name=NAMES, number=NUMBERS, death=STEPS)
        def rename(self, name: str, number: int, death: tuple[int, str] | None) -> None:
            taken = {kept[0] for other, kept in self.kept.items() if other != number}
            if number not in self.kept or name in taken:
                return
            self.serial += 1
            document = b"%d" % self.serial

            def change(store: ObjectStore) -> None:
                store.rename(store.find(uuid=UUID(int=number)), name, document, {})  # type: ignore[arg-type]

            self.attempt(death, change, {**self.kept, number: (name, document)}, self.flags)

        @rule(number=NUMBERS, death=STEPS)
        def remove(self, number: int, death: tuple[int, str] | None) -> None:
            if number not in self.kept:
                return

            def change(store: ObjectStore) -> None:
                store.remove(store.find(uuid=UUID(int=number)))  # type: ignore[arg-type]

            kept = {other: value for other, value in self.kept.items() if other != number}
            self.attempt(death, change, kept, self.flags - {number})

        @rule(number=NUMBERS, value=st.booleans(), death=STEPS)
        def flag(self, number: int, value: bool, death: tuple[int, str] | None) -> None:
            if number not in self.kept:
                return
            flags = self.flags | {number} if value else self.flags - {number}
            self.attempt(
                death, lambda store: store.set_flag(UUID(int=number), "autostart", value), dict(self.kept), flags
            )

        @invariant()
        def agrees(self) -> None:
            assert self.look() == (self.kept, self.flags)

        def teardown(self) -> None:
            shutil.rmtree(self.root, ignore_errors=True)

    return Machine


def test_random_operations_and_deaths(machine: type[RuleBasedStateMachine]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))
