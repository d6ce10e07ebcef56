"""Opening and closing sessions, and hearing what happens to guests, whoever causes it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from uuid import UUID

import pytest
from sleeping import SleepDriver, SleepSession, config, journal_of, start

from polyvisor.errors import Busy, ConnectFailed, HostError, InvalidURI
from polyvisor.local.session import local_paths
from polyvisor.operations.session import ConnectContext
from polyvisor.spi import DomainRef, EventKind, Lifecycle
from polyvisor.uri import URI

driver = SleepDriver()
EMBED = (("root", "relative"),)


@pytest.fixture
def web(session) -> DomainRef:
    return driver.define(session, config())


def details(events):
    return [event.detail or event.data.get("said") for event in events]


# -- places -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (URI("sleep", "/nowhere"), "no place the sleep driver knows"),
        (URI("sleep", "/session", host="far"), "another host"),
        (URI("sleep", "/session", parameters=(("x", "y"),)), "x"),
        (URI("sleep", "/embed"), "needs a directory"),
        (URI("sleep", "/embed", parameters=EMBED), "absolute"),
    ],
)
def test_a_place_that_is_none_is_refused(uri, said):
    with pytest.raises(InvalidURI, match=said):
        local_paths(uri)


def test_the_guests_of_the_system_are_roots(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ConnectFailed, match="needs root"):
        local_paths(URI("sleep", "/system"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert local_paths(URI("sleep", "/system")).config == Path("/etc/polyvisor/sleep")


def test_what_cannot_be_put_right_keeps_a_session_from_being_opened(tmp_path, monkeypatch):
    def fail(session):
        raise Busy("somebody is at it", hint="wait")

    monkeypatch.setattr(SleepSession, "recover", fail)
    uri = URI("sleep", "/embed", parameters=(("root", str(tmp_path)),))
    with pytest.raises(ConnectFailed, match="somebody is at it") as caught:
        SleepSession.open(uri, ConnectContext(events=lambda event: None))
    assert caught.value.hint == "wait"
    assert SleepSession.open(uri, ConnectContext(events=lambda event: None, read_only=True)).readable()


# -- guests that end with their session -------------------------------------------------------------------


def test_a_guest_that_is_tied_to_a_session_ends_with_it_and_no_other_does(session, opened, web):
    mail = driver.define(session, config("mail", uuid=8))
    running = start(session, web, owner=[1, 2])
    start(session, mail)
    other = opened()
    other.tie(running.uuid)
    other.close()
    session.started[0].wait()
    assert [row.ref.name for row in rows(session)] == ["mail"]


def rows(session):
    return driver.list_domains(session, active=True, persistent=None, autostart=None, states=None, columns=())


# -- events -----------------------------------------------------------------------------------------------


def test_what_others_do_is_heard_from_when_somebody_listens(session, opened, heard):
    other = opened()
    web = driver.define(other, config())
    driver.watch_events(session, True)
    start(other, web)
    events = heard.wait(lambda found: len(found) == 2)
    assert events[0].event == Lifecycle.STARTED
    assert details(events) == ["booted", "old"], "the journal of a guest that has just begun is news from its beginning"
    driver.watch_events(session, False)
    driver.define(other, config("mail", uuid=8))
    assert len(heard.events) == 2


def test_what_this_session_does_is_heard_before_the_call_returns(session, heard):
    driver.watch_events(session, True)
    web = driver.define(session, config())
    start(session, web)
    assert details(heard.events) == ["added", "booted", "old"]


def test_a_journal_tells_what_is_new_in_it(session, web, heard):
    start(session, web)
    driver.watch_events(session, True)
    with open(journal_of(session, web.uuid), "a") as file:
        file.write("one\ntwo\n")
    events = heard.wait(lambda found: len(found) == 2)
    assert details(events) == ["one", "two"] and {event.kind for event in events} == {EventKind.TUNABLE}


def test_an_end_that_nobody_causes_is_told_after_the_last_words(session, web, heard):
    driver.watch_events(session, True)
    start(session, web)
    with open(journal_of(session, web.uuid), "a") as file:
        file.write("last words\n")
    session.started[0].kill()
    events = heard.wait(lambda found: len(found) == 4)
    assert details(events) == ["booted", "old", "last words", "crashed"]
    assert session.store.read_status(web.uuid) is None


def test_a_dead_guest_that_somebody_works_on_is_tidied_up_after_him(session, opened, web, heard):
    driver.watch_events(session, True)
    start(session, web)
    with opened().store.lock(web.uuid):
        session.started[0].kill()
        session.started[0].wait()
        session.flush()
        assert "crashed" not in details(heard.events)
    heard.wait(lambda found: "crashed" in details(found))


def test_a_guest_that_died_before_anybody_watched_is_tidied_up_when_somebody_does(session, web, heard):
    start(session, web)
    session.started[0].kill()
    session.started[0].wait()
    driver.watch_events(session, True)
    heard.wait(lambda found: "crashed" in details(found))


def test_a_status_without_a_journal_stops_nobody_from_watching(session, web, heard):
    session.store.write_status(UUID(int=9), {"name": "gone", "id": 4, "phase": "starting"})
    driver.watch_events(session, True)
    driver.define(session, config("mail", uuid=8))
    assert details(heard.events) == ["added"]


def test_a_watch_that_broke_can_be_ended_and_touches_nothing_of_others(session, web, heard, monkeypatch):
    driver.watch_events(session, True)
    start(session, web)
    Path(journal_of(session, web.uuid)).unlink()
    driver.define(session, config("mail", uuid=8))  # wakes the watcher, which finds the journal gone
    heard.wait(lambda found: found[-1].kind is EventKind.CONTROL_ERROR)
    session._watcher._thread.join()
    counters = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(8)]  # of the numbers it had
    try:
        driver.watch_events(session, False)
        for counter in counters:
            with pytest.raises(BlockingIOError):
                os.eventfd_read(counter)
    finally:
        for counter in counters:
            os.close(counter)


def test_a_watch_that_cannot_begin_holds_nothing(session, web, monkeypatch):
    from polyvisor.state.inotify import Inotify

    def full(self, path, mask):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Inotify, "watch", full)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(HostError, match="cannot watch"):
        driver.watch_events(session, True)
    assert len(os.listdir("/proc/self/fd")) == before
