"""What happens when a server, or the way to it, fails: calls that change nothing are made again, tasks never."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from simulator import Simulator
from trouble import Trouble

import polyvisor
from polyvisor.config import Configuration
from polyvisor.errors import Busy, ConnectFailed, HypervisorError, InvalidState, OperationTimeout, PolyvisorError
from polyvisor.objects.domain import Domain
from polyvisor_esx import session, tasks

pytestmark = pytest.mark.live

DOCUMENT = (
    "<domain type='vmware'><name>troubled</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)


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
    made = connection.define(DOCUMENT)
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
    ours: Any = connection._invoker.session
    key = ours.content.sessionManager.currentSession.key
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


# -- answers --------------------------------------------------------------------------------------------------------


def envelope(inside: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def fault(name: str, words: str, more: str = "") -> bytes:
    """What a server answers that refuses a call, in the user's language."""
    detail = f'<{name}Fault xmlns="urn:vim25" xsi:type="{name}">{more}</{name}Fault>'
    return envelope(
        f"<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{words}</faultstring>"
        f"<detail>{detail}</detail></soapenv:Fault>"
    )


def instead(called: str, answer: bytes) -> Callable[[str, bytes, bytes], bytes]:
    """Rewrites the answers to one call."""
    return lambda name, request, given: answer if name == called else given


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"Service Unavailable",
        b"<html><body>Log in</body></html>",
        b"<?xml version='1.0'?><soapenv:Envelope",
        envelope(""),
    ],
)
@pytest.mark.parametrize("method", ["RetrievePropertiesEx", "CurrentTime"])
def test_an_answer_that_is_none_is_trouble_with_the_server(
    connection: polyvisor.Connection, trouble: Trouble, method: str, answer: bytes
) -> None:
    trouble.rewrite = instead(method, answer)
    if method == "CurrentTime":
        assert not connection.alive()
    else:
        with pytest.raises(HypervisorError, match="answer"):
            connection.list_domains()
    trouble.rewrite = lambda name, request, given: given
    assert connection.alive() and connection.list_domains()


def test_a_task_whose_answer_makes_no_sense_may_have_begun(guest: Domain, trouble: Trouble) -> None:
    trouble.rewrite = instead("PowerOnVM_Task", b"<html/>")
    with pytest.raises(HypervisorError) as failure:
        guest.start()
    assert "look before you try again" in str(failure.value)
    assert trouble.calls.count("PowerOnVM_Task") == 1
    assert guest.is_active, "it had: only the answer was lost"


REFUSALS = {
    "InvalidHostState": (
        "Der Vorgang ist im aktuellen Zustand des Hosts nicht zulässig.",
        HypervisorError,
        "maintenance",
    ),
    "InvalidState": ("The host is in maintenance mode.", InvalidState, "maintenance"),
    "HostNotConnected": ("主机未连接", HypervisorError, "reconnect"),
    "InsufficientCpuResourcesFault": ("Les ressources CPU sont insuffisantes", HypervisorError, None),
    "NotEnoughLicenses": ("No license", HypervisorError, None),
    "TaskInProgress": ("Another task is already in progress.", Busy, "when the task has ended"),
}
"""Faults that a start meets, words of servers in their users' languages, what they become, and what the hint says."""


@pytest.mark.parametrize("name", list(REFUSALS))
def test_a_refusal_keeps_the_servers_words(guest: Domain, trouble: Trouble, name: str) -> None:
    words, kind, hint = REFUSALS[name]
    trouble.rewrite = instead("PowerOnVM_Task", fault(name, words))
    with pytest.raises(kind) as refusal:
        guest.start()
    assert words in refusal.value.message
    assert name in refusal.value.message
    assert refusal.value.details["fault"] == name
    assert hint is None or hint in (refusal.value.hint or "")
    assert not trouble.calls.count("PowerOnVM_Task") > 1


def test_a_task_that_fails_keeps_vmwares_reason(guest: Domain, trouble: Trouble) -> None:
    """The fault is in the task; the call that began it went well."""
    failed = (
        b'<changeSet xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><name>info.error</name><op>assign</op>'
        b'<val xsi:type="LocalizedMethodFault"><fault xsi:type="InsufficientMemoryResourcesFault">'
        b"<unreserved>1</unreserved><requested>2</requested></fault>"
        b"<localizedMessage>Der Host hat nicht genug Speicher.</localizedMessage></val></changeSet>"
    )

    def fails(name: str, request: bytes, answer: bytes) -> bytes:
        if name != "WaitForUpdatesEx":
            return answer
        state = re.compile(rb'(<val[^>]*"TaskInfoState"[^>]*>)success')
        return state.sub(rb"\1error", answer).replace(b"</objectSet>", failed + b"</objectSet>", 1)

    trouble.rewrite = fails
    with pytest.raises(HypervisorError) as failure:
        guest.start()
    trouble.rewrite = lambda name, request, answer: answer
    assert "Der Host hat nicht genug Speicher." in failure.value.message
    assert failure.value.details["fault"] == "InsufficientMemoryResourcesFault"


# -- the way --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["503", "drop", "lose"])
@pytest.mark.parametrize(
    "method", ["CreatePropertyCollector", "CreateFilter", "WaitForUpdatesEx", "DestroyPropertyCollector"]
)
def test_a_task_that_was_begun_is_seen_through(guest: Domain, trouble: Trouble, kind: str, method: str) -> None:
    trouble.once(kind, method)
    guest.start()
    assert guest.is_active
    assert trouble.calls.count("PowerOnVM_Task") == 1


def test_a_task_that_cannot_be_watched_goes_on(
    guest: Domain, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PAUSE", 0.001)
    trouble.once("drop", "WaitForUpdatesEx", times=1000)
    with pytest.raises(HypervisorError) as failure:
        guest.start()
    trouble.make = lambda name: ""
    assert "goes on at the server" in str(failure.value)
    assert trouble.calls.count("PowerOnVM_Task") == 1
    assert guest.is_active


CHANGES: dict[str, tuple[str, Callable[[Domain], object]]] = {
    "ReconfigVM_Task": ("off", lambda guest: guest.set_max_memory(131072)),
    "Rename_Task": ("off", lambda guest: guest.rename("other")),
    "CreateSnapshot_Task": (
        "off",
        lambda guest: guest.create_snapshot("<domainsnapshot><name>one</name></domainsnapshot>"),
    ),
    "UnregisterVM": ("off", lambda guest: guest.undefine()),
    "PowerOffVM_Task": ("running", lambda guest: guest.destroy()),
    "SuspendVM_Task": ("running", lambda guest: guest.suspend()),
    "ResetVM_Task": ("running", lambda guest: guest.reset()),
    "ShutdownGuest": ("running", lambda guest: guest.shutdown()),
    "CreateVM_Task": (
        "off",
        lambda guest: guest.connection.define(
            guest.xml().replace("troubled", "copied").replace(str(guest.uuid), str(uuid4()))
        ),
    ),
}
"""Calls that change something, the state that a guest is in before, and what makes them."""


@pytest.mark.parametrize("kind", ["503", "lose"])
@pytest.mark.parametrize("method", list(CHANGES))
def test_no_change_is_asked_for_twice(
    connection: polyvisor.Connection, trouble: Trouble, method: str, kind: str
) -> None:
    state, change = CHANGES[method]
    guest = connection.define(DOCUMENT)
    if state == "running":
        guest.start()
    before = trouble.calls.count(method)
    trouble.once(kind, method, times=100)
    try:
        with pytest.raises(PolyvisorError) as failure:
            change(guest)
        assert trouble.calls.count(method) == before + 1
        assert "look before you try again" in str(failure.value)
    finally:
        trouble.make = lambda name: ""
        clear(connection)


def clear(connection: polyvisor.Connection) -> None:
    """Take away what a change may have left, done or not."""
    for row in connection.list_domains():
        if row.name in ("troubled", "other", "copied"):
            left = connection.domain(uuid=row.ref.uuid)
            if left.is_active:
                left.destroy()
            left.undefine(snapshots_metadata=True)


def test_an_expired_login_repeats_a_change_that_was_not_begun(guest: Domain, trouble: Trouble) -> None:
    """The server refuses calls of strangers before it does anything."""
    expire(guest.connection, trouble.server)
    guest.set_max_memory(131072)
    assert guest.max_memory() == 131072


def test_a_login_that_is_refused_later_is_told(connection: polyvisor.Connection, trouble: Trouble) -> None:
    expire(connection, trouble.server)
    trouble.rewrite = instead("Login", fault("InvalidLogin", "Anmeldung fehlgeschlagen"))
    with pytest.raises(ConnectFailed, match="Anmeldung fehlgeschlagen"):
        connection.list_domains()
    assert trouble.calls.count("Login") == 2, "an account is not locked by trying again and again"
    trouble.rewrite = lambda name, request, answer: answer
    assert connection.list_domains()


def test_a_connection_that_nobody_uses_is_kept(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = threading.Event()

    def noted(name: str) -> str:
        if name == "CurrentTime":
            kept.set()
        return ""

    monkeypatch.setattr(session, "KEEP_ALIVE", 0.01)
    trouble.make = noted
    with polyvisor.open(trouble.uri, credentials=trouble.server.credentials):
        assert kept.wait(20)


def test_a_server_that_is_gone_lets_one_close(trouble: Trouble) -> None:
    connection = polyvisor.open(trouble.uri, credentials=trouble.server.credentials)
    trouble.make = lambda name: "drop"
    connection.close()
    assert connection.closed


def test_a_server_that_is_silent_does_not_keep_one(
    trouble: Trouble, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "LAST_WORD", 0.1)
    caplog.set_level("INFO")
    connection = polyvisor.open(trouble.uri, credentials=trouble.server.credentials)
    trouble.once("hold", "Logout")
    connection.close()
    assert "did not answer Logout in time" in caplog.text
