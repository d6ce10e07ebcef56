"""Whatever goes wrong in the middle, a document is the old one or the new one, whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from polyvisor.errors import HostError
from polyvisor.state import Disk, ObjectStore, Paths, write_atomic

A, B = UUID(int=1), UUID(int=2)
OLD, NEW = b"<old/>" * 500, b"<new/>" * 700

Deaths = Callable[[], Iterator[tuple[int, str]]]
Picture = tuple[dict[str, bytes], set[UUID], dict[str, Any] | None]


def prepared(root: Path) -> Paths:
    paths = Paths.embedded("acme", root)
    store = ObjectStore(paths)
    store.put("other", B, OLD, {})
    store.put("web", A, OLD, {"n": 1})
    store.set_flag(A, "autostart")
    store.write_status(A, {"n": 1})
    return paths


def picture(paths: Paths) -> Picture:
    store = ObjectStore(paths)
    documents = {entry.name: store.load(entry) for entry in store.entries()}
    assert len({entry.uuid for entry in store.entries()}) == len(documents)
    return documents, store.flagged("autostart"), store.read_status(A)


def web(store: ObjectStore) -> Any:
    entry = store.find(name="web")
    assert entry
    return entry


CHANGES: dict[str, Callable[[ObjectStore], object]] = {
    "replace": lambda store: store.put("web", A, NEW, {"n": 2}),
    "new": lambda store: store.put("third", UUID(int=3), NEW, {}),
    "rename": lambda store: store.rename(web(store), "www", NEW, {"n": 2}),
    "rename in place": lambda store: store.rename(web(store), "web", NEW, {"n": 2}),
    "remove": lambda store: store.remove(web(store)),
    "clear flag": lambda store: store.set_flag(A, "autostart", False),
    "set flag": lambda store: store.set_flag(B, "autostart"),
    "write status": lambda store: store.write_status(A, {"n": 2}),
    "remove status": lambda store: store.remove_status(A),
}
"""Changes to try; each leads from one picture to another."""

parametrize_changes = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def leftovers(root: Path) -> list[Path]:
    return list(root.rglob(".new-*"))


@parametrize_changes
def test_killed_at_any_step_nothing_is_torn_or_lost(
    change: Callable[[ObjectStore], object], each_death: Deaths, dying: Any, killed: Any, tmp_path: Path
) -> None:
    died = 0
    for step, manner in each_death():
        root = tmp_path / f"{step}-{manner}"
        before = picture(paths := prepared(root))
        change(ObjectStore(finished := prepared(root / "finished")))
        after = picture(finished)
        disk = dying(step, manner)
        try:
            change(ObjectStore(paths, disk=disk))
        except killed:
            died += 1
        seen = picture(paths)  # a reader that comes before any repair
        ObjectStore(paths).recover()
        assert picture(paths) in (before, after)
        assert seen[0] in (before[0], after[0])
        assert leftovers(paths.config) == leftovers(paths.run) == []
        assert ObjectStore(paths).recover() == [], "a second recovery finds nothing to do"
        if not disk.dead:
            assert picture(paths) == after
    assert died >= 1


@parametrize_changes
def test_a_real_process_ending_at_any_step(change: Callable[[ObjectStore], object], dying: Any, tmp_path: Path) -> None:
    before = picture(prepared(tmp_path / "old"))
    change(ObjectStore(finished := prepared(tmp_path / "finished")))
    after = picture(finished)
    for step in range(14):
        paths = prepared(tmp_path / str(step))
        pid = os.fork()
        if pid == 0:
            try:
                change(ObjectStore(paths, disk=dying(step, die=lambda: os._exit(9))))
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        # the next change repairs as well as a recovery does
        store = ObjectStore(paths, patience=0)
        store.put("next", UUID(int=9), b"<next/>", {})
        store.remove(store.find(name="next"))  # type: ignore[arg-type]
        documents, _, state = picture(paths)
        assert (documents, state) in ((before[0], before[2]), (after[0], after[2]))
        store.recover()
        assert picture(paths) in (before, after)
        if os.waitstatus_to_exitcode(status) == 0:
            break
    else:
        pytest.fail("the change has more steps than were tried")


@parametrize_changes
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("step", ["create", "write", "sync", "replace", "remove"])
def test_a_failing_disk_changes_nothing_and_says_why(
    change: Callable[[ObjectStore], object], step: str, number: int, failing: Any, tmp_path: Path
) -> None:
    before = picture(paths := prepared(tmp_path))
    try:
        change(ObjectStore(paths, disk=failing(step, number)))
    except HostError as error:
        assert str(tmp_path) in error.message
        assert os.strerror(number).lower() in error.message
        assert error.hint
        assert error.details["errno"] == errno.errorcode[number]
        ObjectStore(paths).recover()
        assert picture(paths)[0] == before[0] or change is CHANGES["remove"]
        assert picture(paths)[2] == before[2]
    else:
        assert picture(paths) != before, f"no step of it is {step}"


def test_a_rename_that_can_neither_end_nor_be_undone_leaves_one_whole_object(failing: Any, tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    with pytest.raises(HostError):
        ObjectStore(paths, disk=failing("remove", errno.EIO, always=True)).rename(web(ObjectStore(paths)), "w", NEW, {})
    assert picture(paths)[0] == {"other": OLD, "w": NEW}


def test_a_full_disk_leaves_the_file_and_no_litter(full_disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, OLD)
    with pytest.raises(HostError, match="no space left"):
        write_atomic(path, NEW, disk=full_disk)
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_recovery_leaves_a_living_writers_file_alone(tmp_path: Path, dying: Any) -> None:
    """A writer that is merely slow keeps its unfinished file through another process's recovery."""
    paths = Paths.embedded("acme", tmp_path)
    recoveries = []

    class Slow(Disk):
        def sync(self, descriptor: int) -> None:
            recoveries.append(ObjectStore(paths).recover())
            super().sync(descriptor)

    store = ObjectStore(paths, disk=Slow())
    store.put("web", A, NEW, {})
    assert recoveries and not any(recoveries)
    assert store.load(web(store)) == NEW


def test_a_writer_overtaken_by_a_sweep_starts_again(tmp_path: Path) -> None:
    class Swept(Disk):
        tries = 0

        def create(self, path: str, mode: int) -> int:
            descriptor = super().create(path, mode)
            self.tries += 1
            if self.tries == 1:
                os.unlink(path)
            return descriptor

    disk = Swept()
    write_atomic(tmp_path / "file", NEW, disk=disk)
    assert disk.tries == 2
    assert (tmp_path / "file").read_bytes() == NEW


def test_flags_of_a_removal_cut_short_do_not_come_back(dying: Any, killed: Any, tmp_path: Path) -> None:
    for step in range(6):
        paths = prepared(tmp_path / str(step))
        store = ObjectStore(paths, disk=dying(step))
        try:
            store.remove(web(store))
        except killed:
            pass
        later = ObjectStore(paths)
        if later.find(uuid=A) is None:
            later.put("web", A, NEW, {})
            assert not later.get_flag(A, "autostart")


@pytest.mark.parametrize(("old", "new"), [("a", "b"), ("b", "a")])
def test_a_rename_that_has_been_seen_is_finished(old: str, new: str, dying: Any, killed: Any, tmp_path: Path) -> None:
    for step in range(12):
        paths = Paths.embedded("acme", tmp_path / str(step))
        entry = ObjectStore(paths).put(old, A, OLD, {})
        try:
            ObjectStore(paths, disk=dying(step)).rename(entry, new, NEW, {})
        except killed:
            pass
        both = len(list((paths.config / "domain").glob("*.xml"))) == 2
        for _ in range(2):
            assert both <= (picture(paths)[0] == {new: NEW})
            ObjectStore(paths).recover()


def test_recovery_without_permission_to_repair_does_not_stand_in_the_way(
    dying: Any, killed: Any, failing: Any, tmp_path: Path
) -> None:
    paths = prepared(tmp_path)
    with pytest.raises(killed):
        ObjectStore(paths, disk=dying(6)).rename(web(ObjectStore(paths)), "www", NEW, {})
    assert len(list((paths.config / "domain").glob("*.xml"))) == 3, "cut short between the two names"
    powerless = ObjectStore(paths, disk=failing("resize", errno.EROFS))
    powerless.recover()
    assert set(picture(paths)[0]) == {"other", "www"}


def test_lock_files_of_objects_that_are_gone_are_removed(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    store = ObjectStore(paths)
    stranger = uuid4()
    with store.lock(A), store.lock(stranger):
        store.recover()
        assert {path.stem for path in (paths.run / "domain").glob("*.lock")} == {str(A), str(stranger)}
    store.recover()
    assert [path.stem for path in (paths.run / "domain").glob("*.lock")] == [str(A)]
