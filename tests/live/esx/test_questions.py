"""Questions of guests. The simulator's guests ask nothing: what stands between adds the question, in the shape that the
vSphere Web Services SDK documents, and takes the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from simulator import Simulator
from trouble import Trouble

import polyvisor
from polyvisor.cli.root import polyvisor as program
from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor_esx import questions

pytestmark = pytest.mark.live

QUESTION = b"""<propSet><name>runtime.question</name><val xsi:type="VirtualMachineQuestionInfo"><id>7</id>
<text>This virtual machine might have been moved or copied.</text><choice>
<choiceInfo xsi:type="ElementDescription"><label>Cancel</label><summary>Cancel</summary><key>0</key></choiceInfo>
<choiceInfo xsi:type="ElementDescription"><label>I moved it</label><summary>moved</summary><key>1</key></choiceInfo>
<choiceInfo xsi:type="ElementDescription"><label>I copied it</label><summary>copied</summary><key>2</key></choiceInfo>
<defaultIndex>2</defaultIndex></choice></val></propSet>"""
DONE = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<AnswerVMResponse xmlns="urn:vim25"/></soapenv:Body></soapenv:Envelope>"""


class Asking:
    """Has the first guest of each list ask, until somebody answers."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []

    def __call__(self, name: str, request: bytes, answer: bytes) -> bytes:
        if name == "AnswerVM":
            self.answers.append(request)
            return DONE
        asked = name == "RetrievePropertiesEx" and b"runtime.question" in request and not self.answers
        return answer.replace(b"</objects>", QUESTION + b"</objects>", 1) if asked else answer


@pytest.fixture(scope="module")
def server(start_simulator: Callable[[str], Simulator]) -> Simulator:
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


def test_nobody_asks(connection: polyvisor.Connection) -> None:
    session: Any = connection._invoker.session
    assert questions.pending(session) == []
    with pytest.raises(InvalidState, match="asks nothing"):
        questions.answer(session, connection.list_domains()[0].ref)


def test_a_question_is_listed_and_answered(connection: polyvisor.Connection, trouble: Trouble) -> None:
    session: Any = connection._invoker.session
    trouble.rewrite = asking = Asking()
    (question,) = questions.pending(session)
    assert question.text == "This virtual machine might have been moved or copied."
    assert question.answers == {"0": "Cancel", "1": "I moved it", "2": "I copied it"}
    assert question.suggested == "2"
    questions.answer(session, question.domain, "I moved it")
    assert b">1</answerChoice>" in asking.answers[0]
    assert questions.pending(session) == []


def test_what_is_no_answer_is_not_given(connection: polyvisor.Connection, trouble: Trouble) -> None:
    session: Any = connection._invoker.session
    trouble.rewrite = asking = Asking()
    (question,) = questions.pending(session)
    with pytest.raises(InvalidArgument, match="Perhaps"):
        questions.answer(session, question.domain, "Perhaps")
    assert asking.answers == []


def test_the_command_lists_and_answers(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", trouble.server.password)
    trouble.rewrite = asking = Asking()

    def run(*words: str) -> str:
        done = CliRunner().invoke(
            program, ["--connect", trouble.uri, "esx", "questions", *words], prog_name="polyvisor"
        )
        assert done.exit_code == 0, done.output
        return done.output

    listed = run()
    assert "might have been moved" in listed and "2: I copied it (suggested)" in listed
    name = next(line.split()[0] for line in listed.splitlines() if "might have been moved" in line)
    assert "I copied it" in run("--answer", name)
    assert b">2</answerChoice>" in asking.answers[0]
