"""Long work seen from a terminal: a line of progress on standard error, and an interrupt that cancels it properly."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from polyvisor.errors import OperationCancelled
from polyvisor.operations.jobs import Progress
from polyvisor.services.jobs import Job

ERASE = "\r\x1b[K"
PAUSE = 0.1
"""Seconds between two looks at the work; also how late its end is noticed at most."""


class Abandoned(KeyboardInterrupt):
    """The work was interrupted and is not waited for; it may still be going on in its thread."""


def follow(label: str, work: Callable[[Job[Any]], Any], *, timeout: float | None = None, visible: bool = True) -> Any:
    """Call ``work`` with a job, in a thread, and return its result; progress goes to a terminal, if there is one.

    A first interrupt asks the job to stop and waits for that: KeyboardInterrupt once it has, or the result if it
    was too late. A second one gives up waiting: Abandoned. After ``timeout`` seconds the job is asked to stop as
    well, and OperationCancelled says that it did."""
    job: Job[Any] = Job(label)
    watched: Job[Any] = Job(label)
    draws = visible and sys.stderr is not None and sys.stderr.isatty()
    deadline = None if timeout is None else time.monotonic() + timeout

    def look() -> None:
        if deadline is not None and time.monotonic() >= deadline:
            job.cancel()
        if draws:
            _draw(f"{label}: {describe(job.current)}")

    watched.start(lambda: work(job))
    try:
        _wait(watched, look)
    except KeyboardInterrupt:
        job.cancel()
        try:
            _wait(watched, lambda: _draw(f"{label}: stopping ...") if draws else None)
            return watched.result()
        except OperationCancelled:
            raise KeyboardInterrupt from None
        except KeyboardInterrupt:
            raise Abandoned from None
    finally:
        if draws:
            _draw("")
    return watched.result()


def _wait(watched: Job[Any], look: Callable[[], None]) -> None:
    while not watched.finished:
        look()
        watched.wait_for(lambda _: False, PAUSE)


def _draw(text: str) -> None:
    click.echo(ERASE + text, err=True, nl=False)


def describe(progress: Progress) -> str:
    """How far the work is, in words."""
    phase = f"{progress.phase} " if progress.phase else ""
    if progress.fraction is not None:
        return f"{phase}{progress.fraction:4.0%}"
    return f"{phase}{progress.done} {progress.unit}" if progress.done else f"{phase}..."
