"""Snapshots of guests of simulated servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import polyvisor
from polyvisor.errors import AlreadyExists, InvalidDocument, InvalidState, NoSuchSnapshot, UnsupportedConfiguration
from polyvisor.objects.domain import Domain
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotState

pytestmark = pytest.mark.live


def named(name: str, more: str = "") -> str:
    return f"<domainsnapshot><name>{name}</name>{more}</domainsnapshot>"


def tree(guest: Domain) -> dict[str, str | None]:
    return {row.name: row.parent for row in guest.list_snapshots()}


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    made = connection.define(
        "<domain type='vmware'><name>shot</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine(snapshots_metadata=True)


@pytest.fixture
def grown(guest: Domain) -> Domain:
    """``base``, on top of it ``first`` and ``second``, on top of that ``leaf``, which is current."""
    guest.create_snapshot(named("base"))
    guest.create_snapshot(named("first"))
    guest.snapshot("base").revert()
    guest.create_snapshot(named("second"))
    guest.create_snapshot(named("leaf"))
    return guest


def test_snapshots_form_a_tree(grown: Domain) -> None:
    assert tree(grown) == {"base": None, "first": "base", "second": "base", "leaf": "second"}
    current = grown.current_snapshot()
    assert current is not None and current.name == "leaf"
    assert [row.name for row in grown.snapshot("base").children()] == ["first", "second"]


@pytest.mark.parametrize(
    ("extent", "left"),
    [
        (SnapshotExtent.ONE, {"base": None, "first": "base", "leaf": "base"}),
        (SnapshotExtent.CHILDREN, {"base": None, "first": "base", "second": "base"}),
        (SnapshotExtent.SUBTREE, {"base": None, "first": "base"}),
    ],
)
def test_as_much_goes_as_was_asked_for(grown: Domain, extent: SnapshotExtent, left: dict[str, str | None]) -> None:
    grown.snapshot("second").delete(extent=extent)
    assert tree(grown) == left


def test_memory_is_kept_of_a_running_guest(guest: Domain) -> None:
    guest.start()
    snapshot = guest.create_snapshot(named("now", "<description>All is well</description>"))
    assert "<memory snapshot='internal'/>" in snapshot.xml()
    (row,) = guest.list_snapshots()
    assert (row.state, row.description) == (SnapshotState.RUNNING, "All is well")


def test_going_back_takes_the_guest_to_the_state_of_then(guest: Domain) -> None:
    guest.create_snapshot(named("off"))
    guest.start()
    guest.snapshot("off").revert()
    assert not guest.state().state.active
    guest.snapshot("off").revert(paused=False)
    assert guest.state().reason == "from snapshot"


def test_names_with_slashes_are_names(guest: Domain) -> None:
    with pytest.raises(InvalidDocument):
        guest.create_snapshot(named("a/b"))
    assert guest.create_snapshot(named("50% done")).name == "50% done"
    assert list(tree(guest)) == ["50% done"]


def test_a_name_is_taken_once(guest: Domain) -> None:
    guest.create_snapshot(named("first"))
    with pytest.raises(AlreadyExists):
        guest.create_snapshot(named("first"))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("<memory snapshot='external' file='/x'/>", UnsupportedConfiguration),
        ("<disks><disk name='sdz'/></disks>", InvalidDocument),
    ],
)
def test_what_vmware_decides_itself_is_refused(guest: Domain, more: str, error: type) -> None:
    guest.start()
    with pytest.raises(error):
        guest.create_snapshot(named("x", more))
    assert guest.list_snapshots() == []


def test_file_systems_freeze_with_tools_only(guest: Domain) -> None:
    guest.start()
    with pytest.raises(InvalidState, match="Tools"):
        guest.create_snapshot(named("x"), quiesce=True, disk_only=True)


def test_a_snapshot_that_is_gone(guest: Domain) -> None:
    guest.create_snapshot(named("first"))
    with pytest.raises(NoSuchSnapshot, match="second"):
        guest.snapshot("second")


def test_a_guest_may_stop_once_it_is_taken(guest: Domain) -> None:
    guest.start()
    guest.create_snapshot(named("last"), halt=True)
    assert not guest.state().state.active
