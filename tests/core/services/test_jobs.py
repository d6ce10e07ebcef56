"""Jobs: progress, cancellation, results, errors."""

from __future__ import annotations

import threading

import pytest

from polyvisor.errors import InvalidState, OperationCancelled, OperationTimeout, PolyvisorError
from polyvisor.services.jobs import Job, JobState


def test_work_reports_progress_and_returns_its_result():
    job = Job("copy")

    def work():
        job.progress(50, 100, phase="copying")
        job.progress(100, 100, phase="copying")
        return "copied"

    seen = list(job.start(work))
    assert job.result(5) == "copied"
    assert seen[-1].fraction == 1.0
    assert job.state is JobState.DONE


def test_cancelling_ends_work_that_checks():
    job, started = Job("copy"), threading.Event()

    def work():
        started.set()
        job.wait(5)
        job.check()

    job.start(work)
    assert started.wait(5)
    job.cancel()
    with pytest.raises(OperationCancelled, match="copy was cancelled"):
        job.result(5)
    assert job.state is JobState.CANCELLED


def test_a_job_cancelled_before_it_starts_does_nothing():
    job, done = Job("copy"), []
    job.cancel()
    with pytest.raises(OperationCancelled):
        job.run(lambda: done.append(1))
    assert done == []


def test_an_error_is_raised_where_the_result_is_taken():
    def work():
        raise InvalidState("not running")

    job = Job("copy").start(work)
    assert list(job) == []
    with pytest.raises(InvalidState):
        job.result(5)
    assert job.state is JobState.FAILED


def test_waiting_for_a_result_has_a_limit_and_work_goes_on():
    job, release = Job("copy"), threading.Event()
    job.start(lambda: release.wait(5))
    with pytest.raises(OperationTimeout):
        job.result(0)
    release.set()
    assert job.result(5) is True


def test_a_job_serves_one_call():
    job = Job("copy")
    job.run(lambda: None)
    with pytest.raises(PolyvisorError, match="was used before"):
        job.run(lambda: None)


def test_progress_without_a_total_has_no_fraction():
    job = Job()
    job.progress(5)
    assert job.current.fraction is None
