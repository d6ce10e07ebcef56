"""What happens is told: all of it, once, in order, to everybody who listens."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import ConnectionClosed, PolyvisorError
from polyvisor.operations.events import LIFECYCLE_DETAILS, Event, EventKind, Lifecycle
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

STORIES = {
    "a start": (["start"], [("started", "booted")]),
    "a pause": (["start", "suspend"], [("started", "booted"), ("suspended", "paused")]),
    "a pause that ends": (
        ["start", "suspend", "resume"],
        [("started", "booted"), ("suspended", "paused"), ("resumed", "unpaused")],
    ),
    "an end": (["start", "destroy"], [("started", "booted"), ("stopped", "destroyed")]),
    "an end while paused": (
        ["start", "suspend", "destroy"],
        [("started", "booted"), ("suspended", "paused"), ("stopped", "destroyed")],
    ),
    "two lives": (
        ["start", "destroy", "start", "destroy"],
        [("started", "booted"), ("stopped", "destroyed"), ("started", "booted"), ("stopped", "destroyed")],
    ),
    "being forgotten": (["undefine"], [("undefined", "removed")]),
}


@pytest.mark.parametrize(
    ("calls", "told"),
    [pytest.param(*story, marks=needs(*dict.fromkeys(story[0])), id=name) for name, story in STORIES.items()],
)
def test_what_happens_is_told_in_order(
    defined: Domain, events: Heard, calls: list[str], told: list[tuple[str, str]]
) -> None:
    for call in calls:
        getattr(defined, call)()
    assert events.lifecycle(len(told)) == told


@needs("domain.destroy")
def test_nothing_is_told_twice(bench: Bench, defined: Domain, events: Heard) -> None:
    bench.start(defined).destroy()
    defined.undefine()
    assert events.lifecycle(3) == [("started", "booted"), ("stopped", "destroyed"), ("undefined", "removed")]
    assert events.rest(EventKind.LIFECYCLE) == []


def test_a_definition_is_told(bench: Bench, events: Heard) -> None:
    domain = bench.define()
    assert events.lifecycle(1, of=domain) == [("defined", "added")]


@needs("domain.xml")
def test_a_redefinition_is_told_as_such(bench: Bench, connection: Connection, defined: Domain, events: Heard) -> None:
    connection.define(defined.xml(inactive=True))
    assert events.lifecycle(1, of=defined) == [("defined", "updated")]


@needs("domain.start", "domain.destroy")
def test_events_say_whose_and_when(defined: Domain, events: Heard) -> None:
    begun = time.time()
    defined.start()
    event = events.next(EventKind.LIFECYCLE, of=defined)
    assert event.domain is not None
    assert (event.domain.name, event.domain.uuid, event.domain.id) == (defined.name, defined.uuid, defined.id)
    assert begun - 60 < event.when < time.time() + 60


@needs("domain.start", "domain.destroy")
def test_the_end_is_told_of_the_instance_that_ended(running: Domain, events: Heard) -> None:
    identity = running.id
    running.destroy()
    event = events.next(EventKind.LIFECYCLE, of=running)
    while event.event != Lifecycle.STOPPED:
        event = events.next(EventKind.LIFECYCLE, of=running)
    assert event.domain is not None and event.domain.id == identity


@needs("domain.start", "domain.destroy")
def test_details_belong_to_their_events(bench: Bench, defined: Domain, events: Heard) -> None:
    defined.start()
    defined.destroy()
    for event in events.take(2, EventKind.LIFECYCLE):
        assert isinstance(event, Event)
        assert event.detail in LIFECYCLE_DETAILS[Lifecycle(event.event)]


@needs("domain.start", "domain.state", "domain.destroy")
def test_what_is_told_has_happened(defined: Domain, events: Heard) -> None:
    defined.start()
    events.lifecycle(1)
    assert defined.state().state is DomainState.RUNNING
    defined.destroy()
    events.lifecycle(1)
    assert defined.state().state is DomainState.SHUT_OFF


@needs("domain.start")
def test_a_refused_call_tells_nothing(running: Domain, events: Heard) -> None:
    with pytest.raises(PolyvisorError):
        running.start()
    running.destroy()
    assert events.lifecycle(1) == [("stopped", "destroyed")]


@needs("event.any", "domain.start", "domain.destroy")
def test_everybody_who_listens_hears_it(bench: Bench, defined: Domain) -> None:
    patience = bench.target.patience
    with bench.connection.events() as first, bench.connection.events() as second:
        defined.start()
        defined.destroy()
        story = Heard(first, patience).lifecycle(2)
        assert Heard(second, patience).lifecycle(2) == story == [("started", "booted"), ("stopped", "destroyed")]


@needs("event.any", "domain.start", "domain.destroy")
def test_only_what_one_listens_for_is_heard(bench: Bench) -> None:
    bench.require((bench.target.max_guests or 2) >= 2, "the hypervisor has no room for two guests")
    mine, other = bench.define(), bench.define()
    with mine.events() as stream:
        bench.start(other).destroy()
        bench.start(mine).destroy()
        heard = Heard(stream, bench.target.patience)
        assert heard.lifecycle(2) == [("started", "booted"), ("stopped", "destroyed")]
        assert all(event.domain and event.domain.uuid == mine.uuid for event in heard.rest())


@needs("event.any", "domain.start", "domain.destroy")
def test_listening_again_after_nobody_did(bench: Bench, defined: Domain) -> None:
    for _ in range(3):
        with bench.connection.events() as stream:
            defined.start()
            defined.destroy()
            told = Heard(stream, bench.target.patience).lifecycle(2)
            assert told == [("started", "booted"), ("stopped", "destroyed")]


@needs("event.any", "domain.start", "domain.destroy")
def test_what_happened_before_is_not_told(bench: Bench, defined: Domain) -> None:
    defined.start()
    with bench.connection.events() as stream:
        defined.destroy()
        assert Heard(stream, bench.target.patience).lifecycle(1) == [("stopped", "destroyed")]


@needs("event.any", "domain.start", "domain.destroy")
def test_a_slow_listener_is_told_how_much_it_lost(bench: Bench, defined: Domain) -> None:
    kinds = [EventKind.LIFECYCLE]
    with bench.connection.events(kinds=kinds) as watch, bench.connection.events(kinds=kinds, capacity=2) as stream:
        for _ in range(3):
            defined.start()
            defined.destroy()
        Heard(watch, bench.target.patience).lifecycle(6)
        lost = stream.get(timeout=bench.target.patience)
        assert lost is not None and lost.kind is EventKind.DROPPED
        assert lost.data["count"] >= 4


@needs("event.any")
def test_closing_the_connection_ends_listening(bench: Bench) -> None:
    connection = bench.open()
    stream = connection.events()
    threading.Thread(target=connection.close).start()
    assert [event for event in stream if event.kind is EventKind.LIFECYCLE] == []
    with pytest.raises(ConnectionClosed):
        stream.get(timeout=0)


@needs("event.any", "domain.start", "domain.destroy")
def test_what_another_connection_does_is_told(
    bench: Bench, second_connection: Connection, defined: Domain, events: Heard
) -> None:
    other = second_connection.domain(uuid=defined.uuid)
    other.start()
    other.destroy()
    assert events.lifecycle(2, of=defined) == [("started", "booted"), ("stopped", "destroyed")]


@needs("domain.shutdown")
def test_a_guest_that_ends_by_itself_is_told(bench: Bench, running: Domain, events: Heard) -> None:
    bench.require(bench.target.answers, "the system inside does not answer requests")
    bench.wait_until_up(running)
    running.shutdown()
    events.patience = bench.target.boot_seconds
    assert events.lifecycle(1, of=running) == [("stopped", "shutdown")]


@needs("domain.reset")
def test_a_reset_is_told_as_a_reboot(running: Domain, events: Heard) -> None:
    running.reset()
    event = events.next(EventKind.REBOOT, of=running)
    assert event.domain is not None and event.domain.uuid == running.uuid


@needs("domain.rename")
def test_a_rename_is_told_of_both_names(defined: Domain, events: Heard) -> None:
    old = defined.name
    defined.rename(f"{old}-renamed")
    told = [event for event in events.take(2, EventKind.LIFECYCLE) if event.domain]
    assert [(event.event, event.detail, event.domain.name) for event in told if event.domain] == [
        ("undefined", "renamed", old),
        ("defined", "renamed", f"{old}-renamed"),
    ]


@needs("domain.metadata.set")
def test_metadata_that_changes_is_told(defined: Domain, events: Heard) -> None:
    from polyvisor.operations.configuration import MetadataKind

    defined.set_metadata(MetadataKind.TITLE, "told")
    assert events.next(EventKind.METADATA_CHANGE, of=defined).data["type"] == "title"


@needs("domain.create-transient", "domain.destroy")
def test_a_transient_guest_is_told_of(bench: Bench, connection: Connection, events: Heard) -> None:
    brief = connection.create(bench.document())
    brief.destroy()
    assert events.lifecycle(2, of=brief) == [("started", "booted"), ("stopped", "destroyed")]


@needs("event.any", "domain.start", "domain.suspend", "domain.resume", "domain.destroy")
def test_events_of_many_threads_are_in_order_for_each_guest(bench: Bench) -> None:
    bench.require((bench.target.max_running or 3) >= 3, "the hypervisor does not run three guests at a time")
    guests = [bench.define() for _ in range(3)]

    def live(domain: Domain) -> None:
        domain.start()
        domain.suspend()
        domain.resume()
        domain.destroy()

    with bench.connection.events(kinds=[EventKind.LIFECYCLE]) as stream:
        threads = [threading.Thread(target=live, args=(guest,)) for guest in guests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heard = Heard(stream, bench.target.patience)
        told: list[Event] = []
        while len(told) < 12:
            event = heard.next()
            if event.event != Lifecycle.SHUTDOWN:
                told.append(event)
    for guest in guests:
        story = [event.event for event in told if event.domain and event.domain.uuid == guest.uuid]
        assert story == ["started", "suspended", "resumed", "stopped"]
