"""Checkpoints: the moments from which changed blocks are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidDocument,
    InvalidState,
    NoSuchCheckpoint,
    NoSuchDomain,
    PolyvisorError,
)
from polyvisor.operations.checkpoints import CheckpointRef
from polyvisor.operations.records import DomainState
from polyvisor.operations.snapshots import SnapshotExtent
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, parsed
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain
    from polyvisor.objects.snapshots import Checkpoint


def named(name: str, more: str = "") -> str:
    """The document of a checkpoint."""
    return f"<domaincheckpoint><name>{name}</name>{more}</domaincheckpoint>"


def recorded(checkpoint: Checkpoint, **options: bool) -> Any:
    """A checkpoint's document, read."""
    return parsed(checkpoint.domain.connection, "domaincheckpoint", checkpoint.xml(**options))


def tree(domain: Domain) -> dict[str, str | None]:
    """Each checkpoint with its parent."""
    return {row.name: row.parent for row in domain.list_checkpoints()}


@pytest.fixture
def guest(kit: Kit, bench: Bench) -> Domain:
    """A running guest with a disk whose changes can be counted."""
    bench.need("checkpoint.create", "checkpoint.list")
    return kit.running("disk")


@pytest.fixture
def line(guest: Domain) -> Domain:
    """The same with three checkpoints, one after the other."""
    for name in ("one", "two", "three"):
        guest.create_checkpoint(named(name))
    return guest


# -- making ---------------------------------------------------------------------------------------------------


@needs("checkpoint.list.lookup")
def test_a_checkpoint_is_listed_and_found(guest: Domain) -> None:
    assert guest.list_checkpoints() == []
    checkpoint = guest.create_checkpoint(named("one", "<description>Monday</description>"))
    (row,) = guest.list_checkpoints()
    assert (checkpoint.name, row.name, row.description) == ("one", "one", "Monday")
    assert (row.current, row.parent, row.children) == (True, None, 0)
    assert row.created > 1_500_000_000
    assert guest.checkpoint("one").name == "one"


def test_a_checkpoint_does_not_disturb_the_guest(guest: Domain) -> None:
    identity = guest.refresh().id
    guest.create_checkpoint()
    assert (guest.state().state, guest.refresh().id) == (DomainState.RUNNING, identity)


def test_checkpoints_without_a_name_get_one_each(guest: Domain) -> None:
    names = [guest.create_checkpoint().name for _ in range(3)]
    assert len(set(names)) == 3 and all(names)
    assert set(names) == set(tree(guest))


def test_the_name_of_a_checkpoint_is_taken_once(guest: Domain) -> None:
    guest.create_checkpoint(named("one", "<description>the first</description>"))
    with pytest.raises(AlreadyExists, match="one"):
        guest.create_checkpoint(named("one"))
    (row,) = guest.list_checkpoints()
    assert row.description == "the first"


@pytest.mark.parametrize(
    "text",
    [
        "<domaincheckpoint><nam>x</nam></domaincheckpoint>",
        "<domaincheckpoint><disks><disk name='vdnone' checkpoint='bitmap'/></disks></domaincheckpoint>",
        "<domainsnapshot/>",
        "",
    ],
)
def test_what_is_no_checkpoint_of_the_guest_is_not_made(guest: Domain, text: str) -> None:
    with pytest.raises(InvalidDocument):
        guest.create_checkpoint(text)
    assert guest.list_checkpoints() == []


@needs("create_checkpoint(quiesce)")
def test_file_systems_need_an_agent_to_freeze(bench: Bench, guest: Domain) -> None:
    bench.require("guest_agent" not in guest.xml(), "the target's guest has an agent")
    with pytest.raises(InvalidState):
        guest.create_checkpoint(quiesce=True)
    assert guest.list_checkpoints() == []


@needs("checkpoint.create", "checkpoint.list")
def test_a_guest_without_disks_has_nothing_to_count(bench: Bench, running: Domain) -> None:
    bench.require("<disk" not in running.xml(), "the target's guest has a disk")
    with pytest.raises(PolyvisorError) as refusal:
        running.create_checkpoint()
    assert isinstance(refusal.value, InvalidState | InvalidDocument)
    assert running.list_checkpoints() == []


# -- telling --------------------------------------------------------------------------------------------------


def test_checkpoints_follow_one_another(line: Domain) -> None:
    assert tree(line) == {"one": None, "two": "one", "three": "two"}
    assert list(tree(line)) == ["one", "two", "three"]
    assert [row.name for row in line.list_checkpoints() if row.current] == ["three"]
    assert [row.children for row in line.list_checkpoints()] == [1, 1, 0]


@needs("checkpoint.tree")
def test_what_follows_a_checkpoint(bench: Bench, line: Domain) -> None:
    first = line.checkpoint("one")
    assert [child.name for child in first.children()] == ["two"]
    assert line.checkpoint("three").children() == []
    bench.need("checkpoint_children(descendants)")
    assert [child.name for child in first.children(descendants=True)] == ["two", "three"]


@needs("checkpoint.tree.parent")
def test_what_a_checkpoint_follows(line: Domain) -> None:
    parent = line.checkpoint("three").parent()
    assert parent is not None and parent.name == "two"
    assert line.checkpoint("one").parent() is None


@needs("checkpoint.xml")
def test_the_document_says_what_was_made(guest: Domain) -> None:
    guest.create_checkpoint(named("one"))
    found = recorded(guest.create_checkpoint(named("two", "<description>Tuesday</description>")))
    assert (found.name, found.description, found.parent.name) == ("two", "Tuesday", "one")
    assert str(found.domain.uuid) == str(guest.uuid)


@needs("checkpoint_config(with_domain)")
def test_the_guests_document_may_be_left_out(guest: Domain) -> None:
    assert recorded(guest.create_checkpoint(named("one")), with_domain=False).domain is None


@needs("checkpoint_config(size)")
def test_changed_bytes_are_told_while_the_guest_runs(kit: Kit, guest: Domain) -> None:
    checkpoint = guest.create_checkpoint(named("one"))
    sizes = {disk.name: disk.size for disk in recorded(checkpoint, size=True).disks.disks}
    assert sizes[kit.target()] is not None and sizes[kit.target()] >= 0
    guest.destroy()
    with pytest.raises(InvalidState):
        checkpoint.xml(size=True)


@needs("checkpoint_config(secure)")
def test_passwords_are_shown_to_those_who_ask_only(kit: Kit) -> None:
    guest = kit.running("disk", devices="<graphics type='vnc' passwd='hush'/>")
    checkpoint = guest.create_checkpoint(named("secret"))
    assert "hush" not in checkpoint.xml()
    assert "hush" in checkpoint.xml(secure=True)


@needs("checkpoint.list.lookup")
@pytest.mark.parametrize("name", ["nothing", "", "ONE"])
def test_a_checkpoint_that_is_not_there(line: Domain, name: str) -> None:
    with pytest.raises(NoSuchCheckpoint):
        line.checkpoint(name)


CALLS = {
    "checkpoint_config": lambda checkpoint: checkpoint.xml(),
    "checkpoint_children": lambda checkpoint: checkpoint.children(),
    "checkpoint_parent": lambda checkpoint: checkpoint.parent(),
    "delete_checkpoint": lambda checkpoint: checkpoint.delete(),
}


@pytest.mark.parametrize("call", list(CALLS))
def test_nothing_can_be_done_with_a_checkpoint_that_is_gone(bench: Bench, line: Domain, call: str) -> None:
    from polyvisor.objects.snapshots import Checkpoint

    bench.need(call)
    before = tree(line)
    with pytest.raises(NoSuchCheckpoint, match="nothing"):
        CALLS[call](Checkpoint(line, CheckpointRef(line.ref, "nothing")))
    assert tree(line) == before


@needs("checkpoint.create", "checkpoint.list", "checkpoint.list.lookup")
def test_a_guest_that_is_gone_has_no_checkpoints(defined: Domain) -> None:
    defined.undefine()
    for ask in (defined.list_checkpoints, defined.create_checkpoint, lambda: defined.checkpoint("x")):
        with pytest.raises(NoSuchDomain):
            ask()


def test_checkpoints_outlast_runs_of_their_guest(line: Domain) -> None:
    line.destroy()
    assert list(tree(line)) == ["one", "two", "three"]
    line.start()
    assert list(tree(line)) == ["one", "two", "three"]


# -- throwing away, and recording again -----------------------------------------------------------------------


@needs("delete_checkpoint(extent)", "checkpoint.list.lookup")
@pytest.mark.parametrize(
    ("extent", "left", "current"),
    [
        (SnapshotExtent.ONE, {"one": None, "three": "one"}, "three"),
        (SnapshotExtent.CHILDREN, {"one": None, "two": "one"}, "two"),
        (SnapshotExtent.SUBTREE, {"one": None}, "one"),
    ],
)
def test_as_many_go_as_were_asked_for(
    line: Domain, extent: SnapshotExtent, left: dict[str, str | None], current: str
) -> None:
    line.checkpoint("two").delete(extent=extent)
    assert tree(line) == left
    assert [row.name for row in line.list_checkpoints() if row.current] == [current]


@needs("checkpoint.delete")
def test_the_last_checkpoint_goes_once(guest: Domain) -> None:
    checkpoint = guest.create_checkpoint(named("only"))
    checkpoint.delete()
    assert guest.list_checkpoints() == []
    with pytest.raises(NoSuchCheckpoint):
        checkpoint.delete()


@needs("create_checkpoint(redefine)", "delete_checkpoint(metadata_only)", "checkpoint.xml")
def test_a_forgotten_checkpoint_is_recorded_again(line: Domain) -> None:
    third = line.checkpoint("three")
    text, before = third.xml(secure=True), tree(line)
    third.delete(metadata_only=True)
    assert tree(line) == {"one": None, "two": "one"}
    line.create_checkpoint(text, redefine=True)
    assert tree(line) == before


@needs("create_checkpoint(redefine)", "checkpoint.xml")
def test_a_parent_that_nobody_knows(line: Domain) -> None:
    text = line.checkpoint("three").xml(secure=True).replace("<name>two</name>", "<name>stranger</name>")
    before = tree(line)
    with pytest.raises(NoSuchCheckpoint, match="stranger"):
        line.create_checkpoint(text, redefine=True)
    assert tree(line) == before


@needs("undefine(checkpoints_metadata)")
def test_a_guest_with_checkpoints_is_not_forgotten_by_accident(line: Domain) -> None:
    line.destroy()
    with pytest.raises(InvalidState):
        line.undefine()
    assert len(tree(line)) == 3
    line.undefine(checkpoints_metadata=True)
    with pytest.raises(NoSuchDomain):
        line.list_checkpoints()
