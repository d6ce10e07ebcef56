"""Reading a guest's state from the events QEMU wrote down."""

from __future__ import annotations

import json

import pytest

from polyvisor.operations.records import REASONS, DomainState
from polyvisor_qemu import journal

GREETING = '{"QMP": {"version": {}}}\r\n{"return": {}}\r\n'


def line(name: str, seconds: int = 1, **data: object) -> str:
    return json.dumps({"timestamp": {"seconds": seconds, "microseconds": 500000}, "event": name, "data": data}) + "\r\n"


def story(tmp_path, *lines: str) -> journal.Story:
    path = tmp_path / "events.out"
    path.write_text(GREETING + "".join(lines))
    return journal.story(path)


SHUTDOWN = line("SHUTDOWN", guest=True, reason="guest-shutdown")
STORIES = [
    ((), DomainState.PAUSED, "starting up"),
    (("RESUME",), DomainState.RUNNING, "booted"),
    (("RESUME", "STOP"), DomainState.PAUSED, "user"),
    (("RESUME", "STOP", "RESUME"), DomainState.RUNNING, "unpaused"),
    (("RESUME", line("BLOCK_IO_ERROR", action="stop"), "STOP"), DomainState.PAUSED, "I/O error"),
    (("RESUME", line("BLOCK_IO_ERROR", action="report")), DomainState.RUNNING, "booted"),
    (("RESUME", line("WATCHDOG", action="pause"), "STOP"), DomainState.PAUSED, "watchdog"),
    (("RESUME", line("WATCHDOG", action="pause"), "STOP", "RESUME", "STOP"), DomainState.PAUSED, "user"),
    (("RESUME", line("GUEST_PANICKED", action="pause"), "STOP"), DomainState.CRASHED, "panicked"),
    (("RESUME", line("GUEST_PANICKED", action="run")), DomainState.RUNNING, "booted"),
    (("RESUME", "SUSPEND"), DomainState.PM_SUSPENDED, "unknown"),
    (("RESUME", "SUSPEND", "WAKEUP"), DomainState.RUNNING, "event wakeup"),
    (("RESUME", "RESET"), DomainState.RUNNING, "booted"),
    (("RESUME", SHUTDOWN), DomainState.SHUTDOWN, "user"),
    (("RESUME", SHUTDOWN, "STOP"), DomainState.PAUSED, "shutting down"),
]


@pytest.mark.parametrize(("events", "state", "reason"), STORIES)
def test_the_state_follows_from_the_events(tmp_path, events, state, reason):
    found = story(tmp_path, *(event if event.startswith("{") else line(event) for event in events))
    assert (found.state.state, found.state.reason) == (state, reason)
    assert reason in REASONS[state]


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("guest-shutdown", "shutdown"),
        ("host-signal", "shutdown"),
        ("host-qmp-quit", "shutdown"),
        ("guest-panic", "crashed"),
        ("host-error", "crashed"),
    ],
)
def test_the_end_follows_from_the_last_shutdown(tmp_path, reason, end):
    assert story(tmp_path, line("RESUME"), line("SHUTDOWN", reason=reason)).end_reason == end


def test_an_end_without_a_word_is_a_crash(tmp_path):
    assert story(tmp_path, line("RESUME")).end_reason == "crashed"


def test_no_journal_is_a_guest_that_starts(tmp_path):
    assert journal.story(tmp_path / "none").state.reason == "starting up"


def test_a_long_journal_is_read_from_its_end(tmp_path):
    noise = line("RTC_CHANGE", offset=1) * 5000
    found = story(tmp_path, line("RESUME"), line("STOP"), noise, line("RESUME"), noise)
    assert (found.state.state, found.state.reason) == (DomainState.RUNNING, "unpaused")


def test_a_long_journal_of_noise_alone_is_read_to_its_beginning(tmp_path):
    found = story(tmp_path, line("RESUME"), line("RTC_CHANGE", offset=1) * 20000)
    assert (found.state.state, found.state.reason) == (DomainState.RUNNING, "booted")


def test_half_a_line_is_left_for_the_next_time(tmp_path):
    path = tmp_path / "events.out"
    whole = line("RESUME", seconds=7)
    path.write_text(whole + '{"event": "ST')
    events, offset = journal.read(path)
    assert [event.name for event in events] == ["RESUME"] and offset == len(whole)
    assert events[0].when == 7.5
    path.write_text(whole + line("STOP"))
    assert [event.name for event in journal.read(path, offset)[0]] == ["STOP"]


def test_what_is_no_event_is_passed_over():
    lines = [b"garbage", b'{"return": {}}', b'{"event": broken', b"\0\0" + line("STOP").encode()]
    assert [event.name for event in journal.entries(lines)] == ["STOP"]


def test_a_guest_started_paused_is_unpaused_first(tmp_path):
    story(tmp_path, line("RESUME"))
    assert journal.story(tmp_path / "events.out", starts_paused=True).state.reason == "unpaused"
