"""Snapshots and checkpoints: trees of moments."""

from __future__ import annotations

import pytest

from polyvisor.errors import AlreadyExists, InvalidDocument, InvalidState, NoSuchCheckpoint, NoSuchSnapshot
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotState
from polyvisor.spi import Affect, DomainState


def named(name, more=""):
    return f"<domainsnapshot><name>{name}</name>{more}</domainsnapshot>"


def names(rows):
    return [row.name for row in rows]


@pytest.fixture
def tree(guest):
    """base, with first and second on top of it, and leaf on top of second."""
    guest.create_snapshot(named("base"))
    guest.create_snapshot(named("first"))
    guest.snapshot("base").revert()
    guest.create_snapshot(named("second"))
    guest.create_snapshot(named("leaf"))
    return guest


def test_snapshots_form_a_tree(tree):
    rows = {row.name: row for row in tree.list_snapshots()}
    assert names(tree.list_snapshots()) == ["base", "first", "second", "leaf"]
    assert {name: row.parent for name, row in rows.items()} == {
        "base": None,
        "first": "base",
        "second": "base",
        "leaf": "second",
    }
    assert (rows["base"].children, rows["leaf"].current, rows["base"].current) == (2, True, False)
    assert tree.current_snapshot().name == "leaf"
    assert tree.snapshot("leaf").parent().name == "second"
    assert names(tree.snapshot("base").children()) == ["first", "second"]
    assert names(tree.snapshot("base").children(descendants=True)) == ["first", "second", "leaf"]


@pytest.mark.parametrize(
    ("extent", "left", "current"),
    [
        (SnapshotExtent.ONE, {"base": None, "first": "base", "leaf": "base"}, "leaf"),
        (SnapshotExtent.CHILDREN, {"base": None, "first": "base", "second": "base"}, "second"),
        (SnapshotExtent.SUBTREE, {"base": None, "first": "base"}, "base"),
    ],
)
def test_deleting_in_the_middle(tree, extent, left, current):
    tree.snapshot("second").delete(extent=extent)
    assert {row.name: row.parent for row in tree.list_snapshots()} == left
    assert tree.current_snapshot().name == current


def test_reverting_brings_back_the_configuration(guest):
    guest.create_snapshot(named("before"))
    guest.set_memory(1048576, affect=Affect.BOTH)
    guest.attach_device("<disk><source file='/d'/><target dev='vdb'/></disk>")
    guest.snapshot("before").revert()
    assert guest.config().current_memory_kib == guest.config(inactive=True).current_memory_kib == 2097152
    assert len(guest.config().devices.disks) == 1
    assert guest.config().id == 1


def test_reverting_brings_back_the_running_time(guest):
    guest.cpu_stats()
    guest.create_snapshot(named("early"))
    early = guest.info().cpu_time_ns
    for _ in range(10):
        later = guest.info().cpu_time_ns
    guest.snapshot("early").revert()
    assert guest.info().cpu_time_ns <= early < later


@pytest.mark.parametrize(
    ("before", "taken", "after"),
    [
        ("run", "run", [("suspended", "from-snapshot"), ("resumed", "from-snapshot")]),
        ("pause", "run", [("resumed", "from-snapshot")]),
        ("off", "run", [("started", "from-snapshot")]),
        ("run", "pause", [("suspended", "from-snapshot")]),
        ("off", "pause", [("started", "from-snapshot"), ("suspended", "from-snapshot")]),
        ("run", "off", [("stopped", "from-snapshot")]),
        ("off", "off", []),
    ],
)
def test_reverting_tells_how_the_state_changes(guest, told, before, taken, after):
    def bring(state):
        if state == "off" and guest.is_active:
            guest.destroy()
        if state != "off" and not guest.is_active:
            guest.start()
        if state == "pause":
            guest.suspend()
        elif state == "run":
            guest.resume()

    bring(taken)
    snapshot = guest.create_snapshot(named("s"))
    bring(before)
    told()
    snapshot.revert()
    assert [event[1:] for event in told() if event[0] == "lifecycle"] == after
    wanted = {"run": DomainState.RUNNING, "pause": DomainState.PAUSED, "off": DomainState.SHUT_OFF}
    assert guest.state().state is wanted[taken]


def test_a_revert_may_be_told_to_pause(guest):
    snapshot = guest.create_snapshot()
    assert snapshot.revert(paused=True).state().state is DomainState.PAUSED


def test_the_document_says_what_was_taken(guest):
    snapshot = guest.create_snapshot(named("now", "<description>calm</description>"))
    text = snapshot.xml()
    for part in ("<name>now</name>", "<description>calm</description>", "<state>running</state>", "<inactiveDomain"):
        assert part in text
    assert "<memory snapshot='internal'/>" in text
    row = guest.list_snapshots()[0]
    assert (row.state, row.description, row.external) == (SnapshotState.RUNNING, "calm", False)


def test_unnamed_snapshots_get_names_of_their_own(guest):
    assert len({guest.create_snapshot().name for _ in range(3)}) == 3


def test_halting_ends_the_guest(guest):
    guest.create_snapshot(halt=True)
    assert not guest.is_active


def test_an_external_snapshot_puts_an_image_on_top(guest):
    guest.create_snapshot(named("top"), disk_only=True)
    (disk,) = guest.config().devices.disks
    assert disk.source.file == "/guest/diskimage1.top"
    assert disk.backing_store.source.file == "/guest/diskimage1"
    assert guest.config(inactive=True).devices.disks[0].source.file == "/guest/diskimage1.top"
    assert guest.list_snapshots()[0].external


def test_an_external_snapshot_says_where(guest):
    where = "<disks><disk name='vda' snapshot='external'><source file='/new.img'/></disk></disks>"
    guest.create_snapshot(named("top", where), disk_only=True)
    assert guest.config().devices.disks[0].source.file == "/new.img"


@pytest.mark.parametrize(
    ("document", "options", "error"),
    [
        (named("s", "<disks><disk name='vdz'/></disks>"), {}, InvalidDocument),
        (named("s", "<memory snapshot='no'/>"), {}, InvalidDocument),
        (named("s", "<memory snapshot='internal'/>"), {"disk_only": True}, InvalidDocument),
        ("<domainsnapshot><nam>s</nam></domainsnapshot>", {}, InvalidDocument),
        (named("s"), {"redefine": True}, InvalidDocument),
    ],
)
def test_impossible_snapshots_are_refused(guest, document, options, error):
    with pytest.raises(error):
        guest.create_snapshot(document, **options)
    assert guest.list_snapshots() == []


def test_names_are_unique_and_known(guest):
    guest.create_snapshot(named("s"))
    with pytest.raises(AlreadyExists):
        guest.create_snapshot(named("s"))
    with pytest.raises(NoSuchSnapshot, match="snapshots it has: s"):
        guest.snapshot("t")


def test_what_was_recorded_elsewhere_is_recorded_again(tree):
    texts = [tree.snapshot(name).xml() for name in ("base", "second")]
    tree.snapshot("base").delete(extent=SnapshotExtent.SUBTREE)
    for text in texts:
        tree.create_snapshot(text, redefine=True)
    assert {row.name: row.parent for row in tree.list_snapshots()} == {"base": None, "second": "base"}
    assert tree.current_snapshot() is None
    tree.snapshot("second").revert()
    assert tree.current_snapshot().name == "second"


def test_a_recorded_snapshot_needs_its_parent(tree):
    text = tree.snapshot("leaf").xml()
    tree.snapshot("base").delete(extent=SnapshotExtent.SUBTREE)
    with pytest.raises(NoSuchSnapshot, match="second"):
        tree.create_snapshot(text, redefine=True)


def test_a_snapshot_cannot_be_its_own_ancestor(tree):
    text = tree.snapshot("base").xml().replace("<memory snap", "<parent><name>leaf</name></parent><memory snap")
    with pytest.raises(InvalidDocument, match="ancestor"):
        tree.create_snapshot(text, redefine=True)


# -- checkpoints ---------------------------------------------------------------------------------------------------


def test_checkpoints_follow_one_another(guest):
    first = guest.create_checkpoint("<domaincheckpoint><name>a</name></domaincheckpoint>")
    second = guest.create_checkpoint("<domaincheckpoint><name>b</name></domaincheckpoint>")
    assert second.parent().name == "a" and first.parent() is None
    assert names(guest.list_checkpoints()) == ["a", "b"]
    assert [row.current for row in guest.list_checkpoints()] == [False, True]
    assert names(first.children()) == ["b"]
    first.delete()
    assert second.parent() is None
    with pytest.raises(NoSuchCheckpoint, match="'a'"):
        guest.checkpoint("a")


def test_a_checkpoint_counts_what_changed_since(guest):
    checkpoint = guest.create_checkpoint("<domaincheckpoint><name>a</name></domaincheckpoint>")
    text = checkpoint.xml(size=True, with_domain=False)
    assert "<disk name='vda' checkpoint='bitmap' bitmap='a' size='40960'/>" in text
    assert "<domain " not in text
    assert "<domain type='test'" in checkpoint.xml()


def test_a_checkpoint_needs_a_running_guest_and_disks_it_has(guest):
    with pytest.raises(InvalidDocument, match="vdz"):
        guest.create_checkpoint("<domaincheckpoint><disks><disk name='vdz'/></disks></domaincheckpoint>")
    guest.destroy()
    with pytest.raises(InvalidState):
        guest.create_checkpoint()
