"""Questions of guests. The simulator's guests ask nothing; those of the tests' own server do when a test wants it, in
the shape that the vSphere Web Services SDK documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from simulator import Simulator

import polyvisor
from polyvisor.cli.root import polyvisor as program
from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.objects.domain import Domain
from polyvisor_esx import questions

pytestmark = pytest.mark.live

TEXT = "This virtual machine might have been moved or copied."
CHOICES = ["Cancel", "I moved it", "I copied it"]


@pytest.fixture(scope="module")
def server(start_simulator: Callable[[str], Simulator]) -> Simulator:
    return start_simulator("esx")


@pytest.fixture
def connection(server: Simulator) -> Iterator[polyvisor.Connection]:
    with polyvisor.open(server.uri(), credentials=server.credentials) as opened:
        yield opened


@pytest.fixture
def session(connection: polyvisor.Connection) -> Any:
    return connection._invoker.session


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    made = connection.define(
        "<domain type='vmware'><name>asker</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine()


@pytest.fixture
def moref(session: Any, guest: Domain) -> str:
    return str(session.vm(guest.ref)._GetMoId())


def test_nobody_asks(session: Any, guest: Domain) -> None:
    assert questions.pending(session) == []
    with pytest.raises(InvalidState, match="asks nothing"):
        questions.answer(session, guest.ref)


def test_a_question_is_listed_and_answered(session: Any, server: Simulator, guest: Domain, moref: str) -> None:
    server.ask(moref, TEXT, CHOICES, suggested=2)
    (question,) = questions.pending(session)
    assert (question.domain.name, question.text) == ("asker", TEXT)
    assert question.answers == {"0": "Cancel", "1": "I moved it", "2": "I copied it"}
    assert question.suggested == "2"
    questions.answer(session, question.domain, "I moved it")
    assert server.inside(moref)["answers"] == ["1"]
    assert questions.pending(session) == []


def test_what_is_no_answer_is_not_given(session: Any, server: Simulator, guest: Domain, moref: str) -> None:
    server.ask(moref, TEXT, CHOICES, suggested=1)
    with pytest.raises(InvalidArgument, match="Perhaps"):
        questions.answer(session, guest.ref, "Perhaps")
    assert server.inside(moref)["answers"] == []
    questions.answer(session, guest.ref)


def test_a_running_guest_that_asks_is_occupied(server: Simulator, guest: Domain, moref: str, session: Any) -> None:
    guest.start()
    server.ask(moref, TEXT, CHOICES, suggested=1)
    told = guest.control_info()
    assert (told.state, told.details) == ("occupied", TEXT)
    questions.answer(session, guest.ref)
    assert guest.control_info().state == "ok"


def test_a_start_that_runs_into_a_question_ends(session: Any, server: Simulator, guest: Domain, moref: str) -> None:
    server.ask(moref, TEXT, CHOICES, suggested=2, at_start=True)
    with pytest.raises(InvalidState, match="moved or copied") as refusal:
        guest.start()
    assert "2 (I copied it)" in str(refusal.value.hint)
    assert server.inside(moref)["answers"] == []
    assert not guest.state().state.active
    assert questions.pending(session) == []


def test_a_start_is_answered_where_the_uri_says_so(server: Simulator, guest: Domain, moref: str) -> None:
    server.ask(moref, TEXT, CHOICES, suggested=2, at_start=True)
    uri = server.uri(cacert=str(server.certificate.file), auto_answer="1")
    with polyvisor.open(uri, credentials=server.credentials) as obliging:
        obliging.domain("asker").start()
    assert server.inside(moref)["answers"] == ["2"]
    assert guest.state().state.active


def test_the_command_lists_and_answers(
    server: Simulator, guest: Domain, moref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", server.password)
    server.ask(moref, TEXT, CHOICES, suggested=2)

    def run(*words: str) -> str:
        done = CliRunner().invoke(
            program, ["--connect", server.uri(), "esx", "questions", *words], prog_name="polyvisor"
        )
        assert done.exit_code == 0, done.output
        return done.output

    listed = run()
    assert TEXT in listed and "2: I copied it (suggested)" in listed
    assert "I copied it" in run("--answer", "asker")
    assert server.inside(moref)["answers"] == ["2"]
