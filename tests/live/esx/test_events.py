"""Events by what others do: who and why from the server's own events, and none lost with a login."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyVmomi import vim
from simulator import Simulator
from trouble import Trouble

import polyvisor
from polyvisor.objects.domain import Domain
from polyvisor.spi import Event, EventKind

pytestmark = pytest.mark.live

DOCUMENT = (
    "<domain type='vmware'><name>{}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)


@pytest.fixture(scope="module")
def center(start_simulator: Callable[[str], Simulator]) -> Simulator:
    """A vCenter: the simulated single host keeps no events."""
    return start_simulator("vpx")


@pytest.fixture
def other(center: Simulator) -> Iterator[polyvisor.Connection]:
    """Somebody else, at a host of it."""
    with polyvisor.open(center.uri("DC0/DC0_C0/DC0_C0_H0"), credentials=center.credentials) as opened:
        yield opened


@pytest.fixture
def guest(other: polyvisor.Connection, request: pytest.FixtureRequest) -> Iterator[Domain]:
    made = other.define(DOCUMENT.format("told-" + re.sub(r"\W", "-", request.node.name[-20:])))
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine()


def heard(events: Any, count: int, **limits: Any) -> list[Event]:
    """The next events, in their order."""
    found = [events.get(timeout=20) for _ in range(count)]
    assert all(found), found
    return found


def story(events: list[Event]) -> list[tuple[str, str]]:
    return [(each.event or each.kind.value, each.detail) for each in events]


def test_what_others_do_is_told_with_who_did_it(center: Simulator, guest: Domain) -> None:
    with (
        polyvisor.open(center.uri(), credentials=center.credentials) as connection,
        connection.events(domain=str(guest.uuid)) as events,
    ):
        guest.start()
        guest.set_memory(32 << 10)
        guest.destroy()
        found = heard(events, 3)
    assert sorted(story(found)) == [("defined", "updated"), ("started", "booted"), ("stopped", "destroyed")]
    assert {each.data["user"] for each in found} == {center.user}
    assert all(guest.name in each.data["message"] for each in found)


def test_what_we_change_is_told_once(center: Simulator, guest: Domain) -> None:
    with polyvisor.open(center.uri(), credentials=center.credentials) as connection:
        mine = connection.domain(uuid=guest.uuid)
        with connection.events(domain=str(guest.uuid)) as events:
            connection.define(mine.xml())
            mine.start()
            found = heard(events, 2)
            mine.destroy()
            found += heard(events, 1)
    assert story(found) == [("defined", "updated"), ("started", "booted"), ("stopped", "destroyed")]


def test_reasons_come_from_what_the_server_kept(center: Simulator, guest: Domain) -> None:
    guest.start()
    guest.destroy()
    with polyvisor.open(center.uri(), credentials=center.credentials) as connection:
        assert connection.domain(uuid=guest.uuid).state().reason == "destroyed"


def test_reasons_are_kept_while_events_are_watched(center: Simulator, guest: Domain) -> None:
    with (
        polyvisor.open(center.uri(), credentials=center.credentials) as connection,
        connection.events(domain=str(guest.uuid)) as events,
    ):
        guest.start()
        heard(events, 1)
        row = next(each for each in connection.list_domains() if each.ref.uuid == guest.uuid)
    assert row.reason == "booted"


def test_a_guest_that_moves_between_hosts_we_see_is_told_as_moved(center: Simulator, guest: Domain) -> None:
    guest.start()
    with (
        polyvisor.open(center.uri(), credentials=center.credentials) as connection,
        connection.events(domain=str(guest.uuid)) as events,
    ):
        move(connection, guest, "DC0_C0_H1")
        (event,) = heard(events, 1)
    assert story([event]) == [("resumed", "migrated")]


def test_a_guest_that_leaves_our_host_is_told_as_gone_to_another(center: Simulator, guest: Domain) -> None:
    guest.start()
    with (
        polyvisor.open(center.uri("DC0/DC0_C0/DC0_C0_H0"), credentials=center.credentials) as left,
        polyvisor.open(center.uri("DC0/DC0_C0/DC0_C0_H1"), credentials=center.credentials) as reached,
        left.events(domain=str(guest.uuid)) as gone,
        reached.events(domain=str(guest.uuid)) as come,
    ):
        move(left, guest, "DC0_C0_H1")
        assert story(heard(gone, 2)) == [("stopped", "migrated"), ("undefined", "removed")]
        assert story(heard(come, 2)) == [("defined", "added"), ("started", "migrated")]
        move(left, guest, "DC0_C0_H0")
        assert story(heard(come, 2)) == [("stopped", "migrated"), ("undefined", "removed")]


def move(connection: polyvisor.Connection, guest: Domain, host: str) -> None:
    """As somebody does in another client."""
    session: Any = connection._invoker.session
    places = session.inventory.root.all(vim.HostSystem)
    target = next(place.reference for place in places if place.name == host)
    found = session.properties(vim.VirtualMachine, ("config.uuid",), [number(guest, session)])
    spec = vim.vm.RelocateSpec(host=target)
    session.wait(next(iter(found)).RelocateVM_Task(spec=spec))


def number(guest: Domain, session: Any) -> Any:
    """The guest's object."""
    return vim.VirtualMachine(f"vm-{guest.id}", session.transport)


def test_nothing_is_lost_with_a_login(center: Simulator, guest: Domain) -> None:
    """What happened while nobody was logged in is told, with who did it, after the next login."""
    trouble = Trouble(center)
    try:
        with (
            polyvisor.open(trouble.uri, credentials=center.credentials) as connection,
            connection.events(domain=str(guest.uuid)) as events,
        ):
            guest.start()
            heard(events, 1)
            expire(connection, center)
            guest.set_memory(32 << 10)
            guest.destroy()
            found = heard(events, 2)
    finally:
        trouble.stop()
    assert sorted(story(found)) == [("defined", "updated"), ("stopped", "destroyed")]
    assert all(each.kind is EventKind.LIFECYCLE and each.data["user"] == center.user for each in found)


@pytest.mark.parametrize("path", ["", "DC0/DC0_C0/DC0_C0_H0"], ids=["all", "host"])
def test_lists_ask_for_what_changed_while_events_are_watched(center: Simulator, guest: Domain, path: str) -> None:
    trouble = Trouble(center)
    try:
        uri = trouble.uri.replace("/?", f"/{path}?")
        with polyvisor.open(uri, credentials=center.credentials) as connection, connection.events():
            before = {row.ref.name for row in connection.list_domains()}
            assert guest.name in before
            trouble.calls.clear()
            added = guest.connection.define(DOCUMENT.format("told-later"))
            assert {row.ref.name for row in connection.list_domains()} == before | {"told-later"}
            assert connection.domain(name="told-later").uuid == added.uuid
            guest.start()
            states = {row.ref.name: row.state for row in connection.list_domains()}
            assert states[guest.name].active
            added.undefine()
            assert {row.ref.name for row in connection.list_domains()} == before
            assert "RetrievePropertiesEx" not in trouble.calls
            expire(connection, center)
            assert {row.ref.name for row in connection.list_domains()} == before
    finally:
        trouble.stop()


def expire(connection: polyvisor.Connection, center: Simulator) -> None:
    """End the login of a connection."""
    session: Any = connection._invoker.session
    key = session.content.sessionManager.currentSession.key
    with polyvisor.open(center.uri(), credentials=center.credentials) as third:
        there: Any = third._invoker.session
        there.content.sessionManager.TerminateSession(sessionId=[key])
