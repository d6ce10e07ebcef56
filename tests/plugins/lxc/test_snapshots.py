"""Snapshots of containers that do not run: their copies, their tree, and what is left when the work is cut short."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import Busy, InvalidState, NoSuchSnapshot
from polyvisor.state import locked
from polyvisor_lxc import cloning, copies, kernel, reverting
from polyvisor_lxc.snapshottree import Tree

pytestmark = pytest.mark.skipif(shutil.which("cp") is None, reason="there is no cp")

DOCUMENT = """<domain type='lxc'><name>box</name><uuid>6c1f0c80-0000-4000-8000-000000000001</uuid>
  <title>{title}</title><memory unit='MiB'>64</memory><os><type>exe</type><init>/init</init></os>
  <devices>
    <filesystem type='mount'><source dir='{place}/root'/><target dir='/'/></filesystem>
    <filesystem type='file'><source file='{place}/image'/><target dir='/data'/></filesystem>
  </devices></domain>"""


class Box:
    """A container with a root and an image, both of which say the same word."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.uri = f"lxc:///embed?root={place}/state"
        (place / "root/etc").mkdir(parents=True)
        self.say("before")

    def say(self, word: str) -> None:
        """Have root, image and configuration say a word."""
        (self.place / "root/etc/word").write_text(word)
        (self.place / "image").write_text(word)
        with polyvisor.open(self.uri) as connection:
            connection.define(DOCUMENT.format(place=self.place, title=word))

    def heard(self) -> set[str]:
        """What they say."""
        with polyvisor.open(self.uri) as connection:
            title = connection.domain("box").config().title
        return {(self.place / "root/etc/word").read_text(), (self.place / "image").read_text(), title}

    def beside(self) -> set[str]:
        """What lies where it is."""
        return set(os.listdir(self.place))


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(kernel, "sync_file_system", lambda path: None)  # the disk is everybody's
    return Box(tmp_path)


@pytest.fixture
def domain(box: Box) -> Iterator[polyvisor.Domain]:
    with polyvisor.open(box.uri) as connection:
        yield connection.domain("box")


def take(domain: polyvisor.Domain, name: str) -> polyvisor.Snapshot:
    return domain.create_snapshot(f"<domainsnapshot><name>{name}</name></domainsnapshot>")


def names(domain: polyvisor.Domain) -> list[tuple[str, str | None]]:
    return [(row.ref.name, row.parent) for row in domain.list_snapshots()]


def test_a_way_back_brings_root_images_and_configuration(box, domain) -> None:
    snapshot = take(domain, "one")
    box.say("after")
    snapshot.revert()
    assert box.heard() == {"before"}
    assert box.beside() == {"root", "image", "state"}


def test_snapshots_hang_on_the_one_that_the_container_stands_on(box, domain) -> None:
    first = take(domain, "one")
    take(domain, "two")
    first.revert()
    take(domain, "three")
    assert names(domain) == [("one", None), ("three", "one"), ("two", "one")]
    first.delete()
    assert names(domain) == [("three", None), ("two", None)]
    take(domain, "four")
    domain.snapshot("three").delete(extent="children")
    assert names(domain) == [("three", None), ("two", None)]


def test_what_is_redefined_is_gone_back_to_as_long_as_its_copies_are_there(box, domain) -> None:
    snapshot = take(domain, "one")
    text = snapshot.xml()
    box.say("after")
    domain.create_snapshot(text, redefine=True).revert()
    assert box.heard() == {"before"}
    snapshot.delete()
    with pytest.raises(InvalidState, match="only its record is left"):
        domain.create_snapshot(text, redefine=True).revert()
    assert box.heard() == {"before"}


def test_two_at_work_on_the_same_snapshots_are_one_too_many(box, domain) -> None:
    snapshot = take(domain, "one")
    with locked(f"{box.place}/state/lxc/state/snapshots/{domain.uuid}.lock", subject="them"), pytest.raises(Busy):
        snapshot.revert()


# -- cut short ------------------------------------------------------------------------------------------------

STEPS = (
    (copies, "copy"),
    (copies, "remove"),
    (kernel, "exchange"),
    (kernel, "sync_file_system"),
    (reverting, "write_atomic"),
    (Tree, "save"),
)
"""What a change of snapshots consists of; it is cut short before and after each."""


def killed(at: int, work: Callable[[], object]) -> bool:
    """Do ``work`` in a process that is killed at the step of that number; whether it was."""
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 77), "the work failed by itself"
        return status == 77
    left = [at]

    def tick() -> None:
        left[0] -= 1
        if not left[0]:
            os._exit(77)

    def cut(step: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            tick()
            result = step(*arguments, **named)
            tick()
            return result

        return call

    for where, name in STEPS:
        setattr(where, name, cut(getattr(where, name)))
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def each_step(work: Callable[[], object]) -> Iterator[int]:
    """Number every step of ``work`` at which it was just killed."""
    for step in range(1, 100):
        if not killed(step, work):
            assert step > 5, "the work was never cut short"
            return
        yield step
    raise AssertionError("the work does not come to its end")


def test_a_way_back_that_is_killed_anywhere_has_happened_or_has_not(box) -> None:
    with polyvisor.open(box.uri) as connection:
        take(connection.domain("box"), "one")

    def work() -> None:
        with polyvisor.open(box.uri) as connection:
            connection.domain("box").snapshot("one").revert()

    seen = set()
    for step in each_step(work):
        with polyvisor.open(box.uri) as connection:
            domain = connection.domain("box")
            domain.rename("other")  # any change puts right what was left
            domain.rename("box")
        (word,) = box.heard() if len(box.heard()) == 1 else ("torn",)
        assert word != "torn", f"killed at step {step}"
        assert box.beside() == {"root", "image", "state"}, f"killed at step {step}"
        seen.add(word)
        box.say("after")
    assert seen == {"before", "after"}


def test_a_snapshot_that_is_killed_anywhere_is_there_or_is_not_and_loses_none(box) -> None:
    with polyvisor.open(box.uri) as connection:
        take(connection.domain("box"), "one")
    box.say("after")

    def work() -> None:
        with polyvisor.open(box.uri) as connection:
            take(connection.domain("box"), "two")

    directory = box.place / "state/lxc/state/snapshots/6c1f0c80-0000-4000-8000-000000000001"
    for step in each_step(work):
        with polyvisor.open(box.uri) as connection:
            domain = connection.domain("box")
            assert ("one", None) in names(domain), f"killed at step {step}"
            try:
                domain.snapshot("two").delete()
            except NoSuchSnapshot:
                take(domain, "three").delete()  # sweeps
        kept = {path.name for path in directory.iterdir() if path.is_dir()}
        assert len(kept) == 1, f"killed at step {step}"
    with polyvisor.open(box.uri) as connection:
        connection.domain("box").snapshot("one").revert()
    assert box.heard() == {"before"}


def test_a_copy_of_a_container_that_is_killed_is_where_it_belongs_or_nowhere(box) -> None:
    def work() -> None:
        with polyvisor.open(box.uri) as connection:
            domain = connection.domain("box")
            cloning.prepare(domain.connection._invoker.session, domain.ref, "copy", None)

    for _ in each_step(work):
        for name in box.beside() & {"root-copy", "image-copy"}:
            path = box.place / name
            assert (path / "etc/word" if path.is_dir() else path).read_text() == "before"
            copies.remove(str(path))


def test_deleting_that_is_killed_anywhere_leaves_what_it_did_not_concern(box) -> None:
    with polyvisor.open(box.uri) as connection:
        take(connection.domain("box"), "one")
        take(connection.domain("box"), "two")

    def work() -> None:
        with polyvisor.open(box.uri) as connection:
            connection.domain("box").snapshot("two").delete()

    for step in range(1, 10):
        if not killed(step, work):
            break
        with polyvisor.open(box.uri) as connection:
            domain = connection.domain("box")
            assert ("one", None) in names(domain)
            if ("two", "one") not in names(domain):
                take(domain, "two")
    with polyvisor.open(box.uri) as connection:
        connection.domain("box").snapshot("one").revert()
    assert box.heard() == {"before"}
