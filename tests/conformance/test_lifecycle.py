"""Which calls each state of a guest allows, where they lead, and what is told."""

from __future__ import annotations

import pytest

from polyvisor.errors import AlreadyExists, InvalidState, NoSuchDomain
from polyvisor.spi import DomainState, EventKind

CAPABILITY = {
    "start": "domain.start",
    "suspend": "domain.suspend",
    "resume": "domain.resume",
    "reboot": "domain.reboot",
    "reset": "domain.reset",
    "destroy": "domain.destroy",
    "shutdown": "domain.shutdown",
}
OFF, RUNNING, PAUSED = DomainState.SHUT_OFF, DomainState.RUNNING, DomainState.PAUSED


def bring(domain, state):
    if state is not OFF:
        domain.start(paused=state is PAUSED)
    assert domain.state().state is state


def require(domain, *calls):
    for call in calls:
        if not domain.connection.supports(CAPABILITY[call]):
            pytest.skip(f"the {domain.connection.driver} driver does not claim {CAPABILITY[call]}")


@pytest.mark.parametrize(
    ("state", "call", "after", "reason"),
    [
        (OFF, "start", RUNNING, "booted"),
        (RUNNING, "suspend", PAUSED, "user"),
        (RUNNING, "resume", RUNNING, "booted"),
        (RUNNING, "reset", RUNNING, None),
        (RUNNING, "destroy", OFF, "destroyed"),
        (PAUSED, "suspend", PAUSED, "user"),
        (PAUSED, "resume", RUNNING, "unpaused"),
        (PAUSED, "destroy", OFF, "destroyed"),
    ],
)
def test_calls_lead_from_state_to_state(domain, state, call, after, reason):
    require(domain, call)
    bring(domain, state)
    getattr(domain, call)()
    found = domain.state()
    assert found.state is after
    assert reason in (None, found.reason)


@pytest.mark.parametrize(
    ("state", "call"),
    [
        (OFF, "suspend"),
        (OFF, "resume"),
        (OFF, "reset"),
        (OFF, "reboot"),
        (OFF, "destroy"),
        (OFF, "shutdown"),
        (RUNNING, "start"),
        (PAUSED, "start"),
    ],
)
def test_calls_that_a_state_does_not_allow_change_nothing(domain, state, call):
    require(domain, call)
    bring(domain, state)
    with pytest.raises(InvalidState) as refusal:
        getattr(domain, call)()
    assert refusal.value.operation == call
    assert "conformance" in refusal.value.message
    assert domain.state().state is state


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        (["start"], [("started", "booted")]),
        (["start", "suspend"], [("started", "booted"), ("suspended", "paused")]),
        (["start", "suspend", "resume"], [("started", "booted"), ("suspended", "paused"), ("resumed", "unpaused")]),
        (["start", "destroy"], [("started", "booted"), ("stopped", "destroyed")]),
        (["undefine"], [("undefined", "removed")]),
    ],
)
def test_what_happens_is_told_in_order(domain, calls, told):
    require(domain, *(call for call in calls if call in CAPABILITY))
    with domain.connection.events(kinds=[EventKind.LIFECYCLE], domain=str(domain.uuid)) as events:
        for call in calls:
            getattr(domain, call)()
        assert take(events, len(told)) == told


def take(events, count):
    """The next ``count`` lifecycle events, as (event, detail), without how a guest that stops was asked to."""
    found = []
    while len(found) < count:
        event = events.get(timeout=20)
        assert event is not None, f"only {found} were told"
        if event.event != "shutdown":
            found.append((event.event, event.detail))
    return found


def test_events_say_whose_and_when(domain):
    with domain.connection.events(kinds=[EventKind.LIFECYCLE]) as events:
        domain.start()
        event = events.get(timeout=20)
    assert (event.domain.name, event.domain.uuid, event.domain.id) == ("conformance", domain.uuid, domain.id)
    assert event.when > 1e9


@pytest.mark.needs("domain.shutdown")
def test_shutdown_is_up_to_the_guest(hypervisor, running):
    hypervisor.wait_until_up(running)
    running.shutdown()
    assert running.wait_for(OFF, timeout=60) is OFF
    assert running.state().reason == "shutdown"
    assert running.refresh().id is None


def test_ids_belong_to_instances(domain):
    first = domain.start().id
    domain.destroy()
    assert domain.refresh().id is None
    assert domain.start().id != first


def test_a_running_guest_survives_its_definition(connection, running):
    running.undefine()
    assert running.is_active
    assert not running.info().persistent
    running.destroy()
    with pytest.raises(NoSuchDomain):
        running.state()


@pytest.mark.needs("domain.create-transient")
def test_a_transient_guest_leaves_nothing(hypervisor, connection):
    brief = connection.create(hypervisor.document("brief"))
    assert brief.is_active and brief.id is not None
    assert not brief.info().persistent
    brief.destroy()
    with pytest.raises(NoSuchDomain):
        connection.domain("brief")


@pytest.mark.needs("domain.create-transient")
def test_a_name_in_use_is_not_created(hypervisor, connection, running):
    with pytest.raises(AlreadyExists):
        connection.create(hypervisor.document("conformance"))


@pytest.mark.needs("domain.create-transient")
def test_a_transient_guest_may_be_kept_after_all(hypervisor, connection):
    brief = connection.create(hypervisor.document("brief"))
    connection.define(brief.xml(inactive=True))
    assert brief.info().persistent
    brief.destroy()
    assert brief.state().state is OFF


def test_handles_of_the_gone_say_so(domain):
    domain.undefine()
    for ask in (domain.state, domain.info, domain.start, domain.config, domain.undefine):
        with pytest.raises(NoSuchDomain):
            ask()


@pytest.mark.needs("domain.autostart")
def test_autostart_is_remembered(connection, domain):
    assert domain.autostart() is False
    domain.set_autostart(True)
    assert domain.autostart() is True
    assert "conformance" in [row.name for row in connection.list_domains(autostart=True)]
    domain.set_autostart(False)
    assert domain.autostart() is False
