"""Guests of simulated servers are saved, sent to sleep, looked at and typed on.

What the simulator lacks of that the tests' own server adds, in the shapes that the vSphere Web Services SDK documents.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from simulator import Simulator

import polyvisor
from polyvisor.errors import (
    InvalidArgument,
    InvalidState,
    OperationCancelled,
    UnsupportedConfiguration,
    UnsupportedOption,
)
from polyvisor.objects.domain import Domain
from polyvisor.operations.input import Codeset
from polyvisor.operations.lifecycle import SuspendTarget
from polyvisor.services.jobs import Job
from polyvisor.spi import DomainState, EventKind, StateInfo

pytestmark = pytest.mark.live

NUMBERS = count()


def moref(guest: Domain) -> str:
    return guest.xml().partition("<vmware:moref>")[2].partition("<")[0]


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    """A guest that runs."""
    made = connection.define(
        f"<domain type='vmware'><name>inside-{next(NUMBERS)}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    made.start()
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine(snapshots_metadata=True, managed_save=True)


# -- saved ----------------------------------------------------------------------------------------------------------


def test_a_saved_guest_is_off_for_everybody(guest: Domain, connection: polyvisor.Connection, server: Simulator) -> None:
    guest.managed_save()
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    with polyvisor.open(server.uri(path), credentials=server.credentials) as other:
        same = other.domain(name=guest.name)
        assert same.state() == StateInfo(DomainState.SHUT_OFF, "saved")
        assert (same.id, same.has_managed_save()) == (None, True)
        assert "<domain type='vmware'>" in same.xml() or " id=" not in same.xml().splitlines()[0]
    (row,) = [row for row in connection.list_domains() if row.ref.uuid == guest.uuid]
    assert (row.state, row.reason) == (DomainState.SHUT_OFF, "saved")


def test_a_list_takes_one_request_more_where_guests_are_suspended(
    guest: Domain, connection: polyvisor.Connection
) -> None:
    session: Any = connection._invoker.session
    taken = []
    for _ in range(2):
        before = session.transport.calls
        connection.list_domains()
        taken.append(session.transport.calls - before)
        guest.managed_save() if not guest.has_managed_save() else None
    assert taken == [1, 2]


def test_pausing_after_a_save_is_a_pause(guest: Domain) -> None:
    guest.managed_save()
    guest.start()
    guest.suspend()
    assert guest.state().state is DomainState.PAUSED
    assert not guest.has_managed_save()


def test_what_a_save_does_is_told(guest: Domain) -> None:
    with guest.connection.events(domain=str(guest.uuid)) as events:

        def heard() -> tuple[str, str]:
            event = events.get(timeout=20)
            assert event is not None
            return event.event, event.detail

        guest.managed_save()
        assert heard() == ("stopped", "saved")
        guest.start()
        assert heard() == ("started", "restored")
        guest.managed_save()
        assert heard() == ("stopped", "saved")
        guest.remove_managed_save()
        guest.start()
        assert heard() == ("started", "booted")


class Impatient(Job[None]):
    """A job whose owner gives it up as soon as he hears of it."""

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        super().progress(done, total, unit=unit, phase=phase)
        self.cancel()


def test_a_save_that_is_cancelled_leaves_the_guest_running(guest: Domain, server: Simulator) -> None:
    server.hold("SuspendVM_Task")
    with pytest.raises(OperationCancelled):
        guest.managed_save(job=Impatient())
    assert guest.state().state is DomainState.RUNNING
    guest.suspend()
    assert guest.state().state is DomainState.PAUSED


# -- asleep ---------------------------------------------------------------------------------------------------------


def test_a_guest_sleeps_and_wakes(guest: Domain) -> None:
    with guest.connection.events(domain=str(guest.uuid)) as events:
        guest.pm_suspend(SuspendTarget.MEMORY)
        assert guest.state().state is DomainState.PM_SUSPENDED
        with pytest.raises(InvalidState):
            guest.resume()
        with pytest.raises(InvalidState, match="pm_wakeup"):
            guest.start()
        heard = [events.get(timeout=20) for _ in range(2)]
        guest.pm_wakeup()
        assert guest.state() == StateInfo(DomainState.RUNNING, "wakeup")
        heard += [events.get(timeout=20) for _ in range(2)]
    told = {(each.kind, each.event, each.detail) for each in heard if each}
    assert told == {
        (EventKind.PM_SUSPEND, "", ""),
        (EventKind.LIFECYCLE, "pmsuspended", "memory"),
        (EventKind.PM_WAKEUP, "", ""),
        (EventKind.LIFECYCLE, "started", "wakeup"),
    }


def test_there_is_one_way_to_sleep(guest: Domain) -> None:
    with pytest.raises(UnsupportedConfiguration, match="disk"):
        guest.pm_suspend(SuspendTarget.DISK)
    with pytest.raises(UnsupportedOption):
        guest.pm_suspend(SuspendTarget.MEMORY, seconds=5)
    with pytest.raises(InvalidState, match="does not sleep"):
        guest.pm_wakeup()
    assert guest.state().state is DomainState.RUNNING


# -- screens and keys -----------------------------------------------------------------------------------------------


def test_a_guest_reboots_and_shows_another_picture(guest: Domain, server: Simulator) -> None:
    before = guest.screenshot()
    assert before.media_type == "image/png" and before.data.startswith(b"\x89PNG")
    guest.reboot()
    assert server.inside(moref(guest))["boots"] == 2
    assert guest.screenshot().data != before.data


def test_a_picture_leaves_no_file_and_no_password(
    guest: Domain, server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    from pyVmomi import vim

    caplog.set_level(logging.DEBUG)
    guest.screenshot()
    assert server.password not in caplog.text
    session: Any = guest.connection._invoker.session
    browser = next(iter(session.properties(vim.Datastore, ("browser",)).values()))["browser"]
    spec = vim.host.DatastoreBrowser.SearchSpec(matchPattern=["*.png"])
    store = next(iter(session.properties(vim.Datastore, ("name",)).values()))["name"]
    folder = f"[{store}] {guest.name}"
    found = session.wait(browser.SearchDatastore_Task(datastorePath=folder, searchSpec=spec))
    assert [each.path for each in found.file or ()] == []


@pytest.mark.parametrize(
    ("codeset", "code"),
    [
        (Codeset.LINUX, 111),
        (Codeset.USB, 0x4C),
        (Codeset.ATSET1, 0xE053),
        (Codeset.XT, 0x153),
        (Codeset.QNUM, 0xD3),
        (Codeset.XT_KBD, 0xD3),
        (Codeset.ATSET2, 0xE071),
        (Codeset.ATSET3, 0x64),
        (Codeset.OSX, 0x75),
        (Codeset.WIN32, 0x2E),
    ],
)
def test_a_key_is_the_same_in_every_numbering(guest: Domain, server: Simulator, codeset: Codeset, code: int) -> None:
    guest.send_key([code], codeset=codeset)
    assert server.inside(moref(guest))["keys"] == [{"code": 0x4C, "modifiers": []}]


def test_modifiers_are_held_while_keys_are_typed(guest: Domain, server: Simulator) -> None:
    guest.send_key([29, 56, 111])
    guest.send_key([42, 30, 48])
    guest.send_key([125])
    assert [(each["code"], each["modifiers"]) for each in server.inside(moref(guest))["keys"]] == [
        (0x4C, ["leftControl", "leftAlt"]),
        (4, ["leftShift"]),
        (5, ["leftShift"]),
        (0xE3, []),
    ]


@pytest.mark.parametrize(("codeset", "code"), [(Codeset.LINUX, 84), (Codeset.USB, 0), (Codeset.WIN32, 0x07)])
def test_what_is_no_key_is_not_typed(guest: Domain, server: Simulator, codeset: Codeset, code: int) -> None:
    with pytest.raises(InvalidArgument, match=codeset.value):
        guest.send_key([30 if codeset is Codeset.LINUX else 4, code], codeset=codeset)
    assert server.inside(moref(guest))["keys"] == []


def test_a_guest_is_interrupted(guest: Domain, server: Simulator) -> None:
    guest.inject_nmi()
    assert server.inside(moref(guest))["interrupts"] == 1
