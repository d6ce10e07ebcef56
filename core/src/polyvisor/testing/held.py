"""Long work that a test holds up, so that it can look at a guest while a job is at work on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any

import pytest

from polyvisor.operations.jobs import Progress
from polyvisor.services.jobs import Job


class WatchedJob(Job[Any]):
    """A job that keeps all its news."""

    def __init__(self, name: str = "watched") -> None:
        super().__init__(name)
        self.news: list[Progress] = []

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        super().progress(done, total, unit=unit, phase=phase)
        self.news.append(self.current)


class ShortLivedJob(WatchedJob):
    """A job whose owner gives it up as soon as he hears of it."""

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        super().progress(done, total, unit=unit, phase=phase)
        self.cancel()


class HeldJob(WatchedJob):
    """A job that stands still when it first tells how far it is, until it is let go, or for ``longest`` seconds."""

    def __init__(self, longest: float) -> None:
        super().__init__("held")
        self.longest = longest
        self.gave_up = False
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        super().progress(done, total, unit=unit, phase=phase)
        self.reached.set()
        if not self.gave_up:
            self.gave_up = not self.let_go.wait(self.longest)


class Held:
    """Work that stands still in another thread."""

    def __init__(self, job: HeldJob, future: Future[Any]) -> None:
        self.job = job
        self.future = future

    def require_at_work(self) -> None:
        """Nothing that was asked in the meantime had to wait for the work's end."""
        waited = self.job.gave_up or self.future.done()
        assert not waited, "a question was answered only when the work went on"

    def go_on(self) -> None:
        """Let the work go on, without waiting for its end."""
        self.job.let_go.set()

    def end(self, patience: float) -> BaseException | None:
        """Let the work go on to its end; what it raised, None if it did what it was to do."""
        self.go_on()
        try:
            return self.future.exception(patience)
        except FutureTimeout:
            raise AssertionError(f"the work had not ended {patience} s after it was let go") from None


@contextmanager
def held(work: Callable[[HeldJob], object], patience: float) -> Iterator[Held]:
    """Have ``work`` done in another thread until it first tells of its progress.

    Skips the test when the work ends without a word: there was no moment to look at it."""
    job = HeldJob(patience)
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(work, job)
        future.add_done_callback(lambda done: job.reached.set())
        try:
            assert job.reached.wait(patience), f"the work told nothing within {patience} s"
            if not job.news:
                wait([future])
                if error := future.exception():
                    raise error
                pytest.skip("this work is done before it has anything to tell")
            yield Held(job, future)
        finally:
            job.let_go.set()
