"""Long work on a terminal: one line of progress on standard error; an interrupt cancels the work, not the program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from polyvisor.operations.jobs import Progress
from polyvisor.services.jobs import Job

ERASE = "\r\x1b[K"
PAUSE = 0.1
"""Seconds between two looks at the work; also how late its end is noticed at most."""


def follow(label: str, work: Callable[[Job[Any]], Any], *, visible: bool = True) -> Any:
    """Call ``work`` with a job and return its result; progress goes to a terminal, if there is one.

    A first interrupt asks the job to stop and waits for it: OperationCancelled, or the result if it was too
    late. A second one gives up waiting."""
    job: Job[Any] = Job(label)
    if not (visible and sys.stderr is not None and sys.stderr.isatty()):
        return work(job)
    watched: Job[Any] = Job(label)
    watched.start(lambda: work(job))
    try:
        _show(label, job, watched)
    except KeyboardInterrupt:
        click.echo(f"{ERASE}{label}: stopping ...", err=True, nl=False)
        job.cancel()
    finally:
        click.echo(ERASE, err=True, nl=False)
    return watched.result()


def _show(label: str, job: Job[Any], watched: Job[Any]) -> None:
    while not watched.finished:
        click.echo(f"{ERASE}{label}: {describe(job.current)}", err=True, nl=False)
        watched.wait_for(lambda _: False, PAUSE)


def describe(progress: Progress) -> str:
    """How far the work is, in words."""
    phase = f"{progress.phase} " if progress.phase else ""
    if progress.fraction is not None:
        return f"{phase}{progress.fraction:4.0%}"
    return f"{phase}{progress.done} {progress.unit}" if progress.done else f"{phase}..."
