"""Event streams: order, filters, bounded queues, closing."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from polyvisor.errors import ConnectionClosed
from polyvisor.operations.events import Event, EventKind, Lifecycle, lifecycle
from polyvisor.operations.records import DomainRef
from polyvisor.services.events import EventHub

WEB, MAIL = DomainRef("web", uuid4(), 1), DomainRef("mail", uuid4(), 2)


def started(domain):
    return lifecycle(domain, Lifecycle.STARTED, "booted")


def test_events_arrive_in_order_at_every_listener():
    hub = EventHub()
    first, second = hub.listen(), hub.listen()
    for domain in (WEB, MAIL, WEB):
        hub(started(domain))
    for stream in (first, second):
        assert [stream.get(0).domain for _ in range(3)] == [WEB, MAIL, WEB]
        assert stream.get(0) is None


def test_a_stream_filters_by_kind_and_domain():
    hub = EventHub()
    by_name, by_uuid = hub.listen(domain="web"), hub.listen(domain=str(MAIL.uuid))
    reboots = hub.listen(kinds=[EventKind.REBOOT])
    hub(started(WEB))
    hub(Event(EventKind.REBOOT, MAIL))
    assert by_name.get(0).domain == WEB and by_name.get(0) is None
    assert by_uuid.get(0).kind is EventKind.REBOOT and by_uuid.get(0) is None
    assert reboots.get(0).domain == MAIL and reboots.get(0) is None


def test_a_slow_listener_loses_the_oldest_and_is_told_how_many():
    hub = EventHub()
    stream = hub.listen(capacity=3)
    for number in range(10):
        hub(Event(EventKind.REBOOT, WEB, data={"number": number}))
    lost = stream.get(0)
    assert (lost.kind, lost.data) == (EventKind.DROPPED, {"count": 7})
    assert [stream.get(0).data["number"] for _ in range(3)] == [7, 8, 9]


def test_closing_ends_iteration_after_what_is_queued():
    hub = EventHub()
    stream = hub.listen()
    hub(started(WEB))
    hub.close()
    assert [event.domain for event in stream] == [WEB]
    with pytest.raises(ConnectionClosed):
        stream.get()
    with pytest.raises(ConnectionClosed):
        hub.listen()


def test_a_closed_stream_gets_nothing_more():
    hub = EventHub()
    with hub.listen() as stream:
        assert hub.listening
    hub(started(WEB))
    assert not hub.listening
    assert list(stream) == []


def test_a_waiting_listener_is_woken():
    hub = EventHub()
    stream = hub.listen()
    taken = []
    reader = threading.Thread(target=lambda: taken.append(stream.get(5)))
    reader.start()
    hub(started(MAIL))
    reader.join(5)
    assert taken[0].domain == MAIL


def test_lifecycle_details_are_those_of_the_event():
    with pytest.raises(ValueError, match="'booted' is not a detail of stopped"):
        lifecycle(WEB, Lifecycle.STOPPED, "booted")
