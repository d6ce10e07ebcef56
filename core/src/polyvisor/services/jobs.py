"""Long work: running it in the background, its progress, cancelling it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Generic, TypeVar

from polyvisor.errors import OperationCancelled, OperationTimeout, PolyvisorError
from polyvisor.operations.jobs import Progress

Result = TypeVar("Result")


class JobState(StrEnum):
    """Where a job is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[Result]):
    """One piece of long work. The driver sees it as :class:`~polyvisor.operations.jobs.JobControl`.

    Made by the caller and handed to an operation, the operation blocks as usual and another thread may watch or
    cancel; started with :meth:`start`, the work runs in a thread of its own. Iterating yields each new
    :class:`Progress` until the work has ended; it does not raise the work's error, :meth:`result` does.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.state = JobState.PENDING
        self._progress = Progress()
        self._news = 0
        self._change = threading.Condition()
        self._cancel = threading.Event()
        self._error: BaseException | None = None
        self._value: Result | None = None

    # -- the driver's side --------------------------------------------------------------------------

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        """Tell how far the work is."""
        self._change_to(Progress(done, total, unit, phase))

    @property
    def cancelled(self) -> bool:
        """True once somebody asked the job to stop."""
        return self._cancel.is_set()

    def check(self) -> None:
        """Raise OperationCancelled if somebody asked the job to stop."""
        if self._cancel.is_set():
            raise OperationCancelled(f"{self.name or 'the job'} was cancelled")

    def wait(self, seconds: float) -> bool:
        """Sleep until cancelled, at most ``seconds``; returns whether it was."""
        return self._cancel.wait(seconds)

    # -- the caller's side ----------------------------------------------------------------------------

    @property
    def current(self) -> Progress:
        """The newest progress."""
        return self._progress

    @property
    def finished(self) -> bool:
        """Whether the work has ended, well or badly."""
        return self.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

    def cancel(self) -> None:
        """Ask the work to stop; returns at once. The work ends by OperationCancelled, or has finished before."""
        self._cancel.set()

    def run(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` in this thread, as this job."""
        with self._change:
            if self.state is not JobState.PENDING:
                raise PolyvisorError(f"job {self.name!r} was used before", hint="make a new Job for each call")
            self.state = JobState.RUNNING
        try:
            self.check()
            value = work()
        except BaseException as error:
            self._error = error
            self._end(JobState.CANCELLED if isinstance(error, OperationCancelled) else JobState.FAILED)
            raise
        self._value = value
        self._end(JobState.DONE)
        return value

    def start(self, work: Callable[[], Result]) -> Job[Result]:
        """Do ``work`` in a thread of its own; returns this job at once."""

        def body() -> None:
            try:
                self.run(work)
            except BaseException as error:  # kept for result(), where the caller sees it
                self._error = error

        threading.Thread(target=body, name=f"polyvisor-job {self.name}", daemon=True).start()
        return self

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end and return what the work returned, or raise what it raised.

        Raises OperationTimeout when it has not ended within ``timeout`` seconds; the work goes on."""
        with self._change:
            if not self._change.wait_for(lambda: self.finished, timeout):
                raise OperationTimeout(f"{self.name or 'the job'} is still running after {timeout} s")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Progress]:
        seen = 0
        while True:
            with self._change:
                self._change.wait_for(lambda known=seen: self._news > known or self.finished)  # type: ignore[misc]
                fresh, seen = self._news > seen, self._news
                progress, ended = self._progress, self.finished
            if fresh:
                yield progress
            if ended:
                return

    def wait_for(self, done: Callable[[Progress], bool], timeout: float) -> bool:
        """Wait until the progress satisfies ``done`` or the work ends; returns whether ``done`` holds."""
        deadline = time.monotonic() + timeout
        with self._change:
            self._change.wait_for(lambda: done(self._progress) or self.finished, max(0.0, deadline - time.monotonic()))
            return done(self._progress)

    def _change_to(self, progress: Progress) -> None:
        with self._change:
            self._progress = progress
            self._news += 1
            self._change.notify_all()

    def _end(self, state: JobState) -> None:
        with self._change:
            self.state = state
            self._change.notify_all()
