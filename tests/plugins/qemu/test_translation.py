"""QEMU's events as the events people subscribe to."""

from __future__ import annotations

import uuid

import pytest

from polyvisor.operations.events import EventKind
from polyvisor.operations.records import DomainRef
from polyvisor_qemu.journal import Entry
from polyvisor_qemu.translation import MAKERS, Translator

DOMAIN = DomainRef("demo", uuid.UUID(int=1), 1)


def told(*entries: tuple[str, dict], starts_paused: bool = False) -> list[tuple[str, str]]:
    translator = Translator(starts_paused=starts_paused)
    events = [event for name, data in entries for event in translator.translate(DOMAIN, Entry(name, data, 5.0))]
    assert all(event.when == 5.0 and event.domain == DOMAIN for event in events)
    return [(event.event or event.kind.value, event.detail) for event in events]


def test_the_resume_that_starts_a_guest_is_no_event_of_its_own():
    assert told(("RESUME", {}), ("STOP", {}), ("RESUME", {})) == [("suspended", "paused"), ("resumed", "unpaused")]


def test_the_first_resume_of_a_guest_started_paused_is_one():
    assert told(("RESUME", {}), starts_paused=True) == [("resumed", "unpaused")]


@pytest.mark.parametrize(
    ("cause", "detail"),
    [
        (("BLOCK_IO_ERROR", {"action": "stop"}), "io-error"),
        (("WATCHDOG", {"action": "pause"}), "watchdog"),
        (("SHUTDOWN", {"guest": True}), "guest-shutdown"),
    ],
)
def test_a_pause_says_what_brought_it_about(cause, detail):
    assert told(("RESUME", {}), cause, ("STOP", {}))[-1] == ("suspended", detail)


def test_a_cause_counts_for_one_pause_only():
    found = told(("RESUME", {}), ("WATCHDOG", {"action": "pause"}), ("STOP", {}), ("RESUME", {}), ("STOP", {}))
    assert found[-1] == ("suspended", "paused")


def test_who_shut_the_guest_down():
    assert told(("SHUTDOWN", {"guest": True})) == [("shutdown", "guest")]
    assert told(("SHUTDOWN", {"guest": False})) == [("shutdown", "host")]


def test_sleep_and_wakeup_have_both_faces():
    assert told(("SUSPEND", {})) == [("pm-suspend", ""), ("pmsuspended", "memory")]
    assert told(("WAKEUP", {})) == [("pm-wakeup", ""), ("started", "wakeup")]


def test_every_maker_can_do_without_data():
    for name, maker in MAKERS.items():
        for event in maker(DOMAIN, {}):
            assert isinstance(event.kind, EventKind), name


def test_unknown_events_are_left_out():
    assert told(("VSERPORT_CHANGE", {"id": "channel0", "open": True}), ("SOME_NEW_EVENT", {})) == [
        ("agent-lifecycle", "")
    ]
