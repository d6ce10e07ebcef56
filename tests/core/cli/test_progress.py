"""Long work on the command line: progress on terminals, results, failures, interrupts."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from polyvisor.cli import progress
from polyvisor.cli.progress import describe, follow
from polyvisor.cli.shell import Shell
from polyvisor.errors import InvalidState, OperationCancelled
from polyvisor.operations.jobs import Progress


class Terminal(io.StringIO):
    def __init__(self):
        super().__init__()
        self.drawn = threading.Event()

    def isatty(self):
        return True

    def write(self, text):
        if "%" in text:
            self.drawn.set()
        return super().write(text)


def test_the_result_comes_back_and_the_line_is_erased(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def work(job):
        def steps():
            job.progress(1, 4, phase="memory")
            assert terminal.drawn.wait(20)
            return "done"

        return job.run(steps)

    assert follow("Save", work) == "done"
    assert "Save: memory  25%" in terminal.getvalue()
    assert terminal.getvalue().endswith(progress.ERASE)


def test_nothing_is_drawn_where_nobody_looks(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert follow("Save", lambda job: job.run(lambda: 1)) == 1
    assert stream.getvalue() == ""


def test_a_failure_comes_through_even_before_the_job_began():
    def work(job):
        raise InvalidState("not now")

    with pytest.raises(InvalidState, match="not now"):
        follow("Save", work)


@pytest.fixture
def interrupted(monkeypatch):
    """The first look at the work is interrupted, as by ^C."""
    wait, looks = progress._wait, []

    def interrupt(watched, look):
        looks.append(look)
        if len(looks) == 1:
            raise KeyboardInterrupt
        wait(watched, look)

    monkeypatch.setattr(progress, "_wait", interrupt)


def test_an_interrupt_cancels_the_work_and_waits_for_that(interrupted):
    ended = threading.Event()

    def work(job):
        def steps():
            assert job.wait(20)
            ended.set()
            job.check()

        return job.run(steps)

    with pytest.raises(KeyboardInterrupt):
        follow("Save", work)
    assert ended.is_set()


def test_a_second_interrupt_does_not_wait_for_work_that_will_not_stop(monkeypatch):
    def interrupt(watched, look):
        raise KeyboardInterrupt

    monkeypatch.setattr(progress, "_wait", interrupt)
    release = threading.Event()
    shell = Shell()
    shell._connection = object()  # closing this would fail
    with pytest.raises(KeyboardInterrupt):
        shell.follow("Save", lambda job: release.wait(20))
    shell.close()
    release.set()


def test_work_that_takes_too_long_is_cancelled():
    def work(job):
        def steps():
            assert job.wait(20)
            job.check()

        return job.run(steps)

    with pytest.raises(OperationCancelled):
        follow("Pull", work, timeout=0.01)


def test_an_interrupt_that_comes_too_late_does_not_lose_the_result(interrupted):
    assert follow("Save", lambda job: "already done") == "already done"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Progress(), "..."),
        (Progress(512, 1024), " 50%"),
        (Progress(7, unit="pages", phase="copy"), "copy 7 pages"),
        (Progress(2, 1), "100%"),
    ],
)
def test_progress_in_words(state, words):
    assert describe(state) == words
