"""What guests ask: VMware stops a guest until somebody answers (a moved disk, a full datastore).

A question is the property ``runtime.question`` (VirtualMachineQuestionInfo); AnswerVM answers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.spi import DomainRef
from polyvisor_esx.session import IDENTITY, EsxSession, ref_of

PATH = "runtime.question"


@dataclass(frozen=True, slots=True)
class Question:
    """What a guest asks. ``answers`` are keys and words; ``suggested`` is the key of VMware's choice, if it has one."""

    domain: DomainRef
    id: str
    text: str
    answers: dict[str, str]
    suggested: str | None = None

    def choose(self, answer: str | None) -> str:
        """The key of an answer, given by key or words; of the suggested one for None. Raises InvalidArgument."""
        known = "; ".join(f"{key} ({words})" for key, words in self.answers.items())
        if answer is None and self.suggested is None:
            raise InvalidArgument(f"VMware suggests no answer to {self.domain}", hint=f"answers are {known}")
        wanted = self.suggested if answer is None else answer
        for key, words in self.answers.items():
            if wanted in (key, words):
                return key
        raise InvalidArgument(f"{answer!r} is no answer to what {self.domain} asks", hint=f"answers are {known}")


def question_of(domain: DomainRef, asked: Any) -> Question:
    """A question from the property."""
    choices = list(asked.choice.choiceInfo or ())
    index = asked.choice.defaultIndex
    return Question(
        domain,
        id=asked.id,
        text=asked.text.strip(),
        answers={each.key: each.label for each in choices},
        suggested=choices[index].key if index is not None and 0 <= index < len(choices) else None,
    )


def pending(session: EsxSession) -> list[Question]:
    """What guests ask now, by name; one request for all of them."""
    rows = session.properties(vim.VirtualMachine, (*IDENTITY, PATH))
    found = [question_of(ref_of(ref, row), row[PATH]) for ref, row in rows.items() if row.get(PATH) is not None]
    return sorted(found, key=lambda question: question.domain.name)


def answer(session: EsxSession, domain: DomainRef, choice: str | None = None) -> Question:
    """Answer what a guest asks, with VMware's suggestion when no choice is made; returns what was answered.

    Raises InvalidState when it asks nothing, InvalidArgument for what is no answer."""
    machine, row = session.read(domain, (PATH,))
    if row.get(PATH) is None:
        raise InvalidState(f"{domain} asks nothing", target=str(domain), driver="esx")
    question = question_of(domain, row[PATH])
    machine.AnswerVM(questionId=question.id, answerChoice=question.choose(choice))
    return question
