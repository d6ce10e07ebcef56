"""What happens when a server, or the way to it, fails: calls that change nothing are made again, tasks never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simulator import Simulator
from trouble import Trouble

import polyvisor
from polyvisor.config import Configuration
from polyvisor.errors import ConnectFailed, HypervisorError, OperationTimeout, PolyvisorError
from polyvisor.objects.domain import Domain

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server(start_simulator: Callable[[str], Simulator]) -> Simulator:
    """A host: the way to a server is the same for both kinds."""
    return start_simulator("esx")


@pytest.fixture
def trouble(server: Simulator) -> Iterator[Trouble]:
    made = Trouble(server)
    yield made
    made.stop()


@pytest.fixture
def connection(trouble: Trouble) -> Iterator[polyvisor.Connection]:
    with polyvisor.open(trouble.uri, credentials=trouble.server.credentials) as opened:
        yield opened


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    made = connection.define(
        "<domain type='vmware'><name>troubled</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine()


def test_a_wrong_password_is_told_and_not_shown(server: Simulator) -> None:
    def wrong(names: tuple[str, ...], prompt: str) -> dict[str, str]:
        return {"username": server.user, "password": "open-sesame"}

    with pytest.raises(ConnectFailed) as refusal:
        polyvisor.open(server.uri(), credentials=wrong)
    assert "password" in str(refusal.value)
    assert "open-sesame" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["503", "drop", "lose"])
def test_a_question_is_asked_again(connection: polyvisor.Connection, trouble: Trouble, kind: str) -> None:
    trouble.once(kind, "RetrievePropertiesEx")
    before = trouble.calls.count("RetrievePropertiesEx")
    assert connection.list_domains()
    assert trouble.calls.count("RetrievePropertiesEx") == before + 2


def test_a_server_that_stays_busy_is_told(connection: polyvisor.Connection, trouble: Trouble) -> None:
    trouble.once("503", "RetrievePropertiesEx", times=100)
    with pytest.raises(HypervisorError, match="503"):
        connection.list_domains()
    trouble.make = lambda name: ""
    assert connection.list_domains()


@pytest.mark.parametrize("kind", ["503", "drop", "lose"])
def test_a_task_is_never_started_twice(guest: Domain, trouble: Trouble, kind: str) -> None:
    trouble.once(kind, "PowerOnVM_Task")
    with pytest.raises(PolyvisorError) as failure:
        guest.start()
    assert "look before you try again" in str(failure.value)
    assert trouble.calls.count("PowerOnVM_Task") == 1


def test_a_server_that_does_not_answer_in_time(trouble: Trouble) -> None:
    hurried = Configuration(drivers={"esx": {"timeout": 1.0}})
    with polyvisor.open(trouble.uri, credentials=trouble.server.credentials, configuration=hurried) as connection:
        trouble.once("hold", "RetrievePropertiesEx", times=100)
        with pytest.raises(OperationTimeout, match="in time"):
            connection.list_domains()
        trouble.release.set()
        assert connection.list_domains()


def expire(connection: polyvisor.Connection, server: Simulator) -> None:
    """End the login of a connection, as a server does with idle ones."""
    session: Any = connection._invoker.session
    key = session.content.sessionManager.currentSession.key
    with polyvisor.open(server.uri(), credentials=server.credentials) as other:
        there: Any = other._invoker.session
        there.content.sessionManager.TerminateSession(sessionId=[key])


def test_a_login_that_expired_is_renewed(guest: Domain, trouble: Trouble) -> None:
    expire(guest.connection, trouble.server)
    before = trouble.calls.count("Login")
    guest.start()
    assert guest.state().state.active
    assert trouble.calls.count("Login") == before + 1
    assert trouble.calls.count("PowerOnVM_Task") == 1


def test_events_go_on_after_the_login_expired(guest: Domain, trouble: Trouble) -> None:
    with guest.connection.events(domain=str(guest.uuid)) as events:
        guest.start()
        first = events.get(timeout=20)
        expire(guest.connection, trouble.server)
        guest.destroy()
        second = events.get(timeout=40)
    assert [(each.event, each.detail) for each in (first, second) if each] == [
        ("started", "booted"),
        ("stopped", "destroyed"),
    ]
