"""Snapshots: taken, told of, gone back to, and thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    NoSuchSnapshot,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.records import Affect, DomainState
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRef, SnapshotState
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, disks, parsed
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain
    from polyvisor.objects.snapshots import Snapshot

NAMES = [
    "with spaces and 'quotes'",
    "\N{SNOWMAN}\N{GREEK SMALL LETTER ALPHA}",
    "<&>",
    "../../escape",
    "-rf",
    "$(touch x)",
    "x" * 200,
]


def named(name: str, more: str = "") -> str:
    """The document of a snapshot."""
    return f"<domainsnapshot><name>{escape(name)}</name>{more}</domainsnapshot>"


def recorded(snapshot: Snapshot) -> Any:
    """A snapshot's document, read."""
    return parsed(snapshot.domain.connection, "domainsnapshot", snapshot.xml())


def tree(domain: Domain) -> dict[str, str | None]:
    """Each snapshot with its parent."""
    return {row.name: row.parent for row in domain.list_snapshots()}


class Bring:
    """Takes a guest into a state."""

    def __init__(self, bench: Bench, guest: Domain) -> None:
        self.bench = bench
        self.guest = guest

    def __call__(self, state: DomainState) -> Domain:
        active = self.guest.state().state.active
        if state is DomainState.SHUT_OFF:
            if active:
                self.guest.destroy()
        elif not active:
            self.bench.start(self.guest)
        if state is DomainState.PAUSED:
            self.bench.need("domain.suspend")
            self.guest.suspend()
        elif state is DomainState.RUNNING and self.guest.state().state is DomainState.PAUSED:
            self.guest.resume()
        assert self.guest.state().state is state
        return self.guest.refresh()


@pytest.fixture
def bring(bench: Bench, defined: Domain) -> Bring:
    return Bring(bench, defined)


@pytest.fixture
def grown(bench: Bench, defined: Domain) -> Domain:
    """A guest with snapshots: ``base``, on top of it ``first`` and ``second``, on top of that ``leaf``."""
    bench.need("snapshot.create", "snapshot.revert", "snapshot.list", "snapshot.lookup")
    defined.create_snapshot(named("base"))
    defined.create_snapshot(named("first"))
    defined.snapshot("base").revert()
    defined.create_snapshot(named("second"))
    defined.create_snapshot(named("leaf"))
    return defined


# -- taking ---------------------------------------------------------------------------------------------------


@needs("snapshot.list", "snapshot.current")
def test_a_new_guest_has_no_snapshots(defined: Domain) -> None:
    assert defined.list_snapshots() == []
    assert defined.current_snapshot() is None


@needs("snapshot.create", "snapshot.list", "snapshot.current", "snapshot.lookup")
@pytest.mark.parametrize("active", [False, True])
def test_a_snapshot_is_listed_current_and_found(bench: Bench, defined: Domain, active: bool) -> None:
    if active:
        bench.start(defined)
    snapshot = defined.create_snapshot(named("first", "<description>Before</description>"))
    (row,) = defined.list_snapshots()
    assert (snapshot.name, row.name, row.description) == ("first", "first", "Before")
    assert (row.current, row.parent, row.children) == (True, None, 0)
    assert row.created > 1_500_000_000
    assert row.ref.domain.uuid == defined.uuid
    current = defined.current_snapshot()
    assert current is not None and current.name == "first"
    assert defined.snapshot("first").name == "first"


@needs("snapshot.create", "snapshot.list")
@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DomainState.SHUT_OFF, SnapshotState.SHUT_OFF),
        (DomainState.RUNNING, SnapshotState.RUNNING),
        (DomainState.PAUSED, SnapshotState.PAUSED),
    ],
)
def test_a_snapshot_tells_the_state_it_was_taken_in(bring: Bring, state: DomainState, said: SnapshotState) -> None:
    guest = bring(state)
    guest.create_snapshot(named("now"))
    assert guest.list_snapshots()[0].state is said
    assert guest.state().state is state, "taking a snapshot leaves the guest as it was"


@needs("snapshot.create", "snapshot.list")
def test_snapshots_without_a_name_get_one_each(defined: Domain) -> None:
    names = [defined.create_snapshot().name for _ in range(3)]
    assert len(set(names)) == 3 and all(names)
    assert sorted(names) == sorted(tree(defined))


@needs("snapshot.create", "snapshot.list")
def test_the_name_of_a_snapshot_is_taken_once(defined: Domain) -> None:
    defined.create_snapshot(named("first", "<description>the first</description>"))
    with pytest.raises(AlreadyExists, match="first"):
        defined.create_snapshot(named("first", "<description>another</description>"))
    (row,) = defined.list_snapshots()
    assert row.description == "the first"


@needs("snapshot.create", "snapshot.list")
def test_two_guests_may_have_snapshots_of_one_name(bench: Bench) -> None:
    first, second = bench.define(), bench.define()
    for guest in (first, second):
        guest.create_snapshot(named("same"))
    assert tree(first) == tree(second) == {"same": None}


@needs("snapshot.create", "snapshot.list", "snapshot.lookup")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_it_is_or_refused(defined: Domain, name: str) -> None:
    try:
        snapshot = defined.create_snapshot(named(name))
    except (InvalidDocument, InvalidArgument, UnsupportedConfiguration):
        assert defined.list_snapshots() == []
    else:
        assert snapshot.name == name == defined.list_snapshots()[0].name
        assert defined.snapshot(name).name == name
        assert recorded(snapshot).name == name


@needs("snapshot.create", "snapshot.list")
@pytest.mark.parametrize(
    "text",
    [
        "<domainsnapshot><nam>x</nam></domainsnapshot>",
        "<domainsnapshot><disks><disk name='vdnone' snapshot='internal'/></disks></domainsnapshot>",
        "<domain/>",
        "",
    ],
)
def test_what_is_no_snapshot_of_the_guest_is_not_taken(defined: Domain, text: str) -> None:
    with pytest.raises(InvalidDocument):
        defined.create_snapshot(text)
    assert defined.list_snapshots() == []


@needs("create_snapshot(metadata)", "snapshot.list")
def test_a_snapshot_may_be_forgotten_at_once(kit: Kit) -> None:
    guest = kit.guest("disk")
    guest.create_snapshot(named("brief"), metadata=False)
    assert guest.list_snapshots() == []


@needs("create_snapshot(halt)", "snapshot.list")
def test_a_guest_may_stop_once_it_is_taken(running: Domain, events: Heard) -> None:
    running.create_snapshot(named("last"), halt=True)
    assert running.state().state is DomainState.SHUT_OFF
    assert list(tree(running)) == ["last"]
    assert events.lifecycle(1, of=running)[0].event == "stopped"


@needs("create_snapshot(quiesce)", "snapshot.list")
def test_file_systems_need_an_agent_to_freeze(bench: Bench, running: Domain) -> None:
    bench.require("guest_agent" not in running.xml(), "the target's guest has an agent")
    with pytest.raises(InvalidState):
        running.create_snapshot(named("quiet"), quiesce=True)
    assert running.list_snapshots() == []
    assert running.state().state is DomainState.RUNNING


@needs("create_snapshot(disk_only)", "snapshot.list", "domain.xml")
@pytest.mark.parametrize("active", [False, True])
def test_a_snapshot_of_disks_puts_new_images_on_top(kit: Kit, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    before = disks(guest)[kit.target()].source.file
    kit.bench.require(before, "the disk is no file")
    guest.create_snapshot(named("top"), disk_only=True)
    disk = disks(guest)[kit.target()]
    assert disk.source.file != before
    assert disk.backing_store is None or disk.backing_store.source is None or disk.backing_store.source.file == before
    (row,) = guest.list_snapshots()
    assert row.external and row.state in (SnapshotState.DISK, SnapshotState.SHUT_OFF)


@needs("create_snapshot(disk_only)", "domain.xml")
def test_the_new_image_is_where_the_document_says(kit: Kit) -> None:
    guest = kit.guest("disk")
    image = kit.scratch / "overlay.qcow2"
    where = f"<disk name='{kit.target()}' snapshot='external'><source file='{image}'/></disk>"
    guest.create_snapshot(named("top", f"<disks>{where}</disks>"), disk_only=True)
    assert disks(guest)[kit.target()].source.file == str(image)


# -- what is told ---------------------------------------------------------------------------------------------


@needs("snapshot.create", "snapshot.xml")
def test_the_document_says_what_was_taken(running: Domain) -> None:
    snapshot = running.create_snapshot(named("now", "<description>All is well</description>"))
    found = recorded(snapshot)
    assert (found.name, found.description, found.state) == ("now", "All is well", "running")
    assert found.creation_time == running.list_snapshots()[0].created
    assert str(found.domain.uuid) == str(running.uuid)


@needs("snapshot.create", "snapshot.xml")
def test_the_document_names_the_parent(defined: Domain) -> None:
    defined.create_snapshot(named("first"))
    second = defined.create_snapshot(named("second"))
    assert recorded(second).parent.name == "first"


@needs("snapshot_config(secure)", "snapshot.create")
def test_passwords_are_shown_to_those_who_ask_only(bench: Bench) -> None:
    guest = bench.define(devices="<graphics type='vnc' passwd='hush'/>")
    snapshot = guest.create_snapshot(named("secret"))
    assert "hush" not in snapshot.xml()
    assert "hush" in snapshot.xml(secure=True)


def test_snapshots_form_a_tree(grown: Domain) -> None:
    assert tree(grown) == {"base": None, "first": "base", "second": "base", "leaf": "second"}
    names = list(tree(grown))
    assert names.index("base") < min(names.index("first"), names.index("second"))
    assert names.index("second") < names.index("leaf")
    counts = {row.name: row.children for row in grown.list_snapshots()}
    assert counts == {"base": 2, "first": 0, "second": 1, "leaf": 0}


@needs("snapshot.tree")
def test_what_hangs_on_a_snapshot(bench: Bench, grown: Domain) -> None:
    base = grown.snapshot("base")
    assert {row.name for row in base.children()} == {"first", "second"}
    assert grown.snapshot("leaf").children() == []
    bench.need("snapshot_children(descendants)")
    assert {row.name for row in base.children(descendants=True)} == {"first", "second", "leaf"}


@needs("snapshot.tree.parent")
def test_what_a_snapshot_hangs_on(grown: Domain) -> None:
    parent = grown.snapshot("leaf").parent()
    assert parent is not None and parent.name == "second"
    assert grown.snapshot("base").parent() is None


@needs("snapshot.current")
def test_exactly_one_snapshot_is_current(grown: Domain) -> None:
    current = grown.current_snapshot()
    assert current is not None
    assert [row.name for row in grown.list_snapshots() if row.current] == [current.name] == ["leaf"]


@needs("snapshot.metadata")
def test_a_listed_snapshot_has_a_record(grown: Domain) -> None:
    assert grown.snapshot("first").has_metadata() == next(
        row.metadata for row in grown.list_snapshots() if row.name == "first"
    )


@needs("snapshot.lookup")
@pytest.mark.parametrize("name", ["nothing", "", "BASE", "../base"])
def test_a_snapshot_that_is_not_there(grown: Domain, name: str) -> None:
    with pytest.raises(NoSuchSnapshot):
        grown.snapshot(name)


CALLS = {
    "snapshot_config": lambda snapshot: snapshot.xml(),
    "snapshot_children": lambda snapshot: snapshot.children(),
    "snapshot_parent": lambda snapshot: snapshot.parent(),
    "snapshot_has_metadata": lambda snapshot: snapshot.has_metadata(),
    "revert_snapshot": lambda snapshot: snapshot.revert(),
    "delete_snapshot": lambda snapshot: snapshot.delete(),
}


@pytest.mark.parametrize("call", list(CALLS))
def test_nothing_can_be_done_with_a_snapshot_that_is_gone(bench: Bench, grown: Domain, call: str) -> None:
    from polyvisor.objects.snapshots import Snapshot

    bench.need(call)
    before = tree(grown)
    with pytest.raises(NoSuchSnapshot, match="nothing") as refusal:
        CALLS[call](Snapshot(grown, SnapshotRef(grown.ref, "nothing")))
    assert refusal.value.operation == call
    assert tree(grown) == before


@needs("snapshot.create", "snapshot.list", "snapshot.lookup", "snapshot.current")
def test_a_guest_that_is_gone_has_no_snapshots(defined: Domain) -> None:
    defined.undefine()
    for ask in (
        defined.list_snapshots,
        defined.create_snapshot,
        defined.current_snapshot,
        lambda: defined.snapshot("x"),
    ):
        with pytest.raises(NoSuchDomain):
            ask()


@needs("snapshot.create", "snapshot.list")
def test_snapshots_outlast_runs_of_their_guest(bench: Bench, defined: Domain) -> None:
    defined.create_snapshot(named("kept"))
    bench.start(defined)
    assert list(tree(defined)) == ["kept"]
    defined.destroy()
    assert list(tree(defined)) == ["kept"]


@needs("snapshot.create", "snapshot.list")
def test_other_connections_see_snapshots(second_connection: Any, defined: Domain) -> None:
    defined.create_snapshot(named("shared"))
    assert list(tree(second_connection.domain(uuid=defined.uuid))) == ["shared"]


# -- going back -----------------------------------------------------------------------------------------------


@needs("snapshot.create", "snapshot.revert", "domain.metadata", "domain.metadata.set")
def test_the_configuration_goes_back(defined: Domain) -> None:
    defined.set_metadata(MetadataKind.TITLE, "before")
    snapshot = defined.create_snapshot(named("before"))
    defined.set_metadata(MetadataKind.TITLE, "after")
    snapshot.revert()
    assert defined.metadata(MetadataKind.TITLE, affect=Affect.CONFIG) == "before"


@needs("snapshot.create", "snapshot.revert", "device.attach", "domain.xml")
def test_devices_that_came_later_are_gone(kit: Kit, defined: Domain) -> None:
    snapshot = defined.create_snapshot(named("bare"))
    defined.attach_device(kit.disk())
    snapshot.revert()
    assert kit.target() not in disks(defined)


REVERSIONS = [
    (DomainState.SHUT_OFF, DomainState.SHUT_OFF, None),
    (DomainState.RUNNING, DomainState.SHUT_OFF, "stopped"),
    (DomainState.SHUT_OFF, DomainState.RUNNING, "started"),
    (DomainState.SHUT_OFF, DomainState.PAUSED, "started"),
    (DomainState.RUNNING, DomainState.PAUSED, None),
    (DomainState.PAUSED, DomainState.RUNNING, None),
    (DomainState.RUNNING, DomainState.RUNNING, None),
    (DomainState.PAUSED, DomainState.SHUT_OFF, "stopped"),
]
"""From which state to which taken, and what is told; None where nothing is, or where it depends on the hypervisor."""


@needs("snapshot.create", "snapshot.revert")
@pytest.mark.parametrize(("now", "then", "told"), REVERSIONS)
def test_the_state_goes_back(
    bring: Bring, now: DomainState, then: DomainState, told: str | None, events: Heard
) -> None:
    guest = bring(then)
    snapshot = guest.create_snapshot(named("then"))
    bring(now)
    snapshot.revert()
    assert guest.state().state is then
    assert (guest.refresh().id is not None) is then.active
    while told:
        heard = events.lifecycle(1, of=guest)[0]  # what went before may still be on its way
        if heard.detail == "from-snapshot":
            assert heard.event == told
            break


@needs("snapshot.create", "revert_snapshot(paused)")
@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("then", [DomainState.RUNNING, DomainState.PAUSED])
def test_a_guest_may_be_paused_or_run_whatever_was_recorded(bring: Bring, then: DomainState, paused: bool) -> None:
    guest = bring(then)
    snapshot = guest.create_snapshot(named("then"))
    snapshot.revert(paused=paused)
    assert guest.state().state is (DomainState.PAUSED if paused else DomainState.RUNNING)


@needs("snapshot.create", "snapshot.revert")
def test_going_back_keeps_who_the_guest_is(bring: Bring) -> None:
    guest = bring(DomainState.RUNNING)
    identity = (guest.name, guest.uuid)
    snapshot = guest.create_snapshot(named("then"))
    after = snapshot.revert()
    assert (after.name, after.uuid) == identity
    assert after.id == guest.connection.domain(uuid=guest.uuid).id is not None


@needs("snapshot.current")
def test_what_was_gone_back_to_is_current_and_the_tree_stays(grown: Domain) -> None:
    before = tree(grown)
    grown.snapshot("first").revert()
    current = grown.current_snapshot()
    assert current is not None and current.name == "first"
    assert tree(grown) == before


def test_the_next_snapshot_hangs_on_what_was_gone_back_to(grown: Domain) -> None:
    grown.snapshot("first").revert()
    grown.create_snapshot(named("branch"))
    assert tree(grown)["branch"] == "first"


def test_going_back_twice_is_going_back_once(grown: Domain) -> None:
    for _ in range(2):
        grown.snapshot("base").revert()
    assert grown.state().state is DomainState.SHUT_OFF
    assert len(tree(grown)) == 4


# -- throwing away --------------------------------------------------------------------------------------------


@needs("snapshot.delete", "delete_snapshot(extent)")
@pytest.mark.parametrize(
    ("extent", "left", "current"),
    [
        (SnapshotExtent.ONE, {"base": None, "first": "base", "leaf": "base"}, "leaf"),
        (SnapshotExtent.CHILDREN, {"base": None, "first": "base", "second": "base"}, "second"),
        (SnapshotExtent.SUBTREE, {"base": None, "first": "base"}, "base"),
    ],
)
def test_as_much_of_the_tree_goes_as_was_asked_for(
    grown: Domain, extent: SnapshotExtent, left: dict[str, str | None], current: str
) -> None:
    grown.snapshot("second").delete(extent=extent)
    assert tree(grown) == left
    assert [row.name for row in grown.list_snapshots() if row.current] == [current]


@needs("snapshot.delete", "snapshot.current")
def test_the_last_snapshot_goes(defined: Domain) -> None:
    snapshot = defined.create_snapshot(named("only"))
    snapshot.delete()
    assert (defined.list_snapshots(), defined.current_snapshot()) == ([], None)
    with pytest.raises(NoSuchSnapshot):
        snapshot.delete()


@needs("snapshot.create", "snapshot.delete", "domain.metadata", "domain.metadata.set")
def test_the_present_state_outlasts_its_snapshots(running: Domain) -> None:
    snapshot = running.create_snapshot(named("then"))
    running.set_metadata(MetadataKind.TITLE, "after", affect=Affect.CONFIG)
    identity = running.refresh().id
    snapshot.delete()
    assert running.state().state is DomainState.RUNNING
    assert running.refresh().id == identity
    assert running.metadata(MetadataKind.TITLE, affect=Affect.CONFIG) == "after"


@needs("snapshot.create", "snapshot.delete", "snapshot.list")
def test_a_deleted_name_is_free_again(defined: Domain) -> None:
    defined.create_snapshot(named("again")).delete()
    defined.create_snapshot(named("again"))
    assert list(tree(defined)) == ["again"]


@needs("snapshot.create", "undefine(snapshots_metadata)", "snapshot.list")
def test_a_guest_with_snapshots_is_not_forgotten_by_accident(defined: Domain) -> None:
    defined.create_snapshot(named("kept"))
    with pytest.raises(InvalidState):
        defined.undefine()
    assert list(tree(defined)) == ["kept"]
    defined.undefine(snapshots_metadata=True)
    with pytest.raises(NoSuchDomain):
        defined.list_snapshots()


# -- recording what exists ------------------------------------------------------------------------------------


@needs("create_snapshot(redefine)", "delete_snapshot(metadata_only)", "snapshot.xml")
def test_a_forgotten_snapshot_is_recorded_again(defined: Domain) -> None:
    defined.create_snapshot(named("first"))
    second = defined.create_snapshot(named("second", "<description>kept</description>"))
    text, before = second.xml(secure=True), defined.list_snapshots()
    second.delete(metadata_only=True)
    assert tree(defined) == {"first": None}
    defined.create_snapshot(text, redefine=True, current=True)
    assert defined.list_snapshots() == before
    assert defined.snapshot("second").xml(secure=True) == text


@needs("create_snapshot(redefine)", "snapshot.xml")
def test_recording_again_changes_the_record_and_not_the_guest(running: Domain) -> None:
    snapshot = running.create_snapshot(named("now", "<description>old</description>"))
    text = snapshot.xml(secure=True).replace("old", "new")
    running.create_snapshot(text, redefine=True)
    (row,) = running.list_snapshots()
    assert row.description == "new"
    assert running.state().state is DomainState.RUNNING


@needs("create_snapshot(redefine)", "snapshot.xml")
def test_a_parent_that_nobody_knows(defined: Domain) -> None:
    defined.create_snapshot(named("first"))
    second = defined.create_snapshot(named("second"))
    text = second.xml(secure=True).replace("first", "stranger")
    before = tree(defined)
    with pytest.raises(NoSuchSnapshot, match="stranger"):
        defined.create_snapshot(text, redefine=True)
    assert tree(defined) == before


@needs("create_snapshot(redefine)", "snapshot.xml")
def test_no_snapshot_is_its_own_ancestor(defined: Domain) -> None:
    first = defined.create_snapshot(named("first"))
    text = first.xml(secure=True)
    defined.create_snapshot(named("second"))
    before = tree(defined)
    circle = text.replace("<name>first</name>", "<name>first</name><parent><name>second</name></parent>", 1)
    with pytest.raises(PolyvisorError):
        defined.create_snapshot(circle, redefine=True)
    assert tree(defined) == before


@needs("create_snapshot(redefine)", "snapshot.xml")
def test_a_snapshot_of_another_guest_is_not_recorded(bench: Bench) -> None:
    mine, other = bench.define(), bench.define()
    text = mine.create_snapshot(named("mine")).xml(secure=True)
    with pytest.raises(InvalidDocument):
        other.create_snapshot(text, redefine=True)
    assert other.list_snapshots() == []
