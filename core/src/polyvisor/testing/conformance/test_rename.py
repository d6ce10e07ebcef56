"""Guests get other names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import AlreadyExists, InvalidState, NoSuchDomain, PolyvisorError
from polyvisor.operations.configuration import MetadataKind
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard, Told
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain


@needs("domain.rename", "domain.xml", "domain.lookup")
def test_a_renamed_guest_is_the_same_guest(bench: Bench, connection: Connection, defined: Domain) -> None:
    old, uuid, new = defined.name, defined.uuid, bench.fresh_name()
    assert defined.rename(new).name == new
    assert connection.domain(new).uuid == uuid
    assert connection.domain(uuid=uuid).name == new
    assert defined.config().name == new
    with pytest.raises(NoSuchDomain):
        connection.domain(old)


@needs("domain.rename", "domain.xml")
def test_nothing_but_the_name_changes(bench: Bench, defined: Domain) -> None:
    old, new, before = defined.name, bench.fresh_name(), defined.xml()
    defined.rename(new)
    assert defined.xml() == before.replace(f"<name>{old}</name>", f"<name>{new}</name>")


@needs("domain.rename", "domain.list")
def test_the_old_name_is_free(bench: Bench, defined: Domain) -> None:
    old = defined.name
    defined.rename(bench.fresh_name())
    again = bench.define(old)
    assert again.uuid != defined.uuid


@needs("domain.rename", "domain.list")
def test_a_name_in_use_is_refused(bench: Bench, connection: Connection) -> None:
    first, second = bench.define(), bench.define()
    names = (first.name, second.name)
    with pytest.raises(AlreadyExists, match=second.name):
        first.rename(second.name)
    assert (first.refresh().name, second.refresh().name) == names


@needs("domain.rename")
def test_a_running_guest_keeps_its_name(bench: Bench, running: Domain) -> None:
    old = running.name
    with pytest.raises(InvalidState):
        running.rename(bench.fresh_name())
    assert running.refresh().name == old


@needs("domain.rename")
def test_the_name_that_it_has(defined: Domain) -> None:
    """A rename to the same name either does nothing or is refused; the guest is there afterwards."""
    old = defined.name
    try:
        defined.rename(old)
    except PolyvisorError as refusal:
        assert refusal.operation == "rename"
    assert defined.refresh().name == old


@needs("domain.rename")
@pytest.mark.parametrize("name", ["", "a/b", "with\nbreak", "nul\0"])
def test_what_can_be_no_name_changes_nothing(defined: Domain, name: str) -> None:
    old = defined.name
    with pytest.raises(PolyvisorError):
        defined.rename(name)
    assert defined.refresh().name == old


@needs("domain.rename", "event.any")
def test_a_rename_is_told_as_one(bench: Bench, defined: Domain, events: Heard) -> None:
    old, new = defined.name, bench.fresh_name()
    defined.rename(new)
    told = events.take(2, of=defined)
    assert {Told(event.event, event.detail) for event in told} == {
        Told("undefined", "renamed"),
        Told("defined", "renamed"),
    }
    names = {event.event: event.domain.name for event in told if event.domain}
    assert names == {"undefined": old, "defined": new}


@needs("domain.rename", "domain.metadata", "domain.metadata.set", "domain.autostart", "domain.autostart.set")
def test_what_is_known_of_a_guest_follows_it(bench: Bench, defined: Domain) -> None:
    defined.set_metadata(MetadataKind.TITLE, "The same")
    defined.set_autostart(True)
    defined.rename(bench.fresh_name())
    assert defined.metadata(MetadataKind.TITLE) == "The same"
    assert defined.autostart() is True
    defined.set_autostart(False)


@needs("domain.rename", "snapshot.create", "snapshot.list")
def test_snapshots_follow_their_guest_or_hold_it(bench: Bench, defined: Domain) -> None:
    defined.create_snapshot("<domainsnapshot><name>kept</name></domainsnapshot>")
    old = defined.name
    try:
        defined.rename(bench.fresh_name())
    except InvalidState:
        assert defined.refresh().name == old
    assert [row.name for row in defined.list_snapshots()] == ["kept"]


@needs("domain.rename", "domain.start")
def test_a_renamed_guest_starts(bench: Bench, defined: Domain) -> None:
    new = bench.fresh_name()
    bench.start(defined.rename(new))
    assert defined.refresh().name == new
    assert defined.is_active


@needs("domain.rename")
def test_a_guest_that_is_gone_has_no_name(bench: Bench, defined: Domain) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.rename(bench.fresh_name())
