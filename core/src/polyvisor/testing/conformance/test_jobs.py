"""Long work on a guest: it tells how far it is, stands in nobody's way, and can be ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import Busy, InvalidState, OperationCancelled, PolyvisorError
from polyvisor.operations.domainjobs import JobOperation, JobType
from polyvisor.operations.events import EventKind
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard
from polyvisor.testing.held import ShortLivedJob, WatchedJob, held
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

Work = Callable[["Domain", Path, Any], object]

WORK: dict[str, tuple[JobOperation, Work]] = {
    "save": (JobOperation.SAVE, lambda guest, path, job: guest.save(str(path), job=job)),
    "managed_save": (JobOperation.SAVE, lambda guest, path, job: guest.managed_save(job=job)),
    "core_dump": (JobOperation.DUMP, lambda guest, path, job: guest.core_dump(str(path), live=True, job=job)),
    "create_snapshot": (JobOperation.SNAPSHOT, lambda guest, path, job: guest.create_snapshot(job=job)),
}
"""Work that takes long, by operation."""


class Task:
    """One kind of long work, on a guest that runs."""

    def __init__(self, name: str, bench: Bench, guest: Domain) -> None:
        self.operation, self._work = WORK[name]
        self.bench = bench
        self.guest = guest
        self.path = bench.scratch / "outcome"

    def do(self, job: Any = None) -> object:
        """Do the work."""
        return self._work(self.guest, self.path, job)

    def held(self) -> Any:
        """Have it done in another thread that stands still."""
        return held(self.do, self.bench.target.patience)

    def require_running_on(self) -> None:
        """The guest is as if the work had not begun."""
        assert self.guest.state().state is DomainState.RUNNING
        assert self.guest.refresh().id is not None
        assert not self.path.exists(), "a file was left"
        if self.bench.has("managedsave.has"):
            assert not self.guest.has_managed_save()
        if self.bench.has("snapshot.list"):
            assert self.guest.list_snapshots() == []


@pytest.fixture(params=list(WORK))
def task(request: pytest.FixtureRequest, bench: Bench, scratch: Path) -> Task:
    bench.need(request.param)
    guest = bench.start(bench.define())
    bench.wait_until_up(guest)
    return Task(request.param, bench, guest)


# -- what the caller sees -------------------------------------------------------------------------------------


def test_progress_goes_forward_and_stays_within_the_whole(task: Task) -> None:
    job = WatchedJob()
    task.do(job)
    assert job.finished
    done = [news.done for news in job.news]
    assert done == sorted(done)
    assert all(news.done <= news.total for news in job.news if news.total)
    assert all(news.unit for news in job.news)


def test_a_cancelled_job_leaves_the_guest_as_it_was(task: Task) -> None:
    job = ShortLivedJob()
    try:
        task.do(job)
    except OperationCancelled as error:
        assert error.operation
        task.require_running_on()
    else:
        task.bench.require(job.news and len(job.news) > 1, "this work is done before it can be cancelled")
        raise AssertionError("the job was cancelled while it was at work, and went on to its end")


def test_a_job_cancelled_before_it_begins_does_not_begin(task: Task) -> None:
    job = WatchedJob()
    job.cancel()
    with pytest.raises(OperationCancelled):
        task.do(job)
    assert job.news == []
    task.require_running_on()


def test_work_can_be_done_after_it_was_cancelled(task: Task) -> None:
    job = ShortLivedJob()
    try:
        task.do(job)
    except OperationCancelled:
        task.do()
    task.bench.require(len(job.news) == 1, "this work is done before it can be cancelled")


# -- what everybody sees --------------------------------------------------------------------------------------


def test_a_guest_at_work_can_be_asked(task: Task) -> None:
    with task.held() as work:
        assert task.guest.state().state.active
        assert task.guest.info().max_memory_kib > 0
        assert task.guest.uuid in [row.ref.uuid for row in task.guest.connection.list_domains()]
        assert task.guest.xml()
        work.require_at_work()
        assert work.end(task.bench.target.patience) is None


@needs("job.info")
def test_a_job_at_work_is_told_of(task: Task) -> None:
    with task.held() as work:
        found = task.guest.job()
        assert found.type in (JobType.BOUNDED, JobType.UNBOUNDED)
        assert found.operation is task.operation
        assert found.elapsed_ms >= 0
        assert not found.memory.total or found.memory.done <= found.memory.total
        work.require_at_work()
        assert work.end(task.bench.target.patience) is None


@needs("job.info", "domain_job(completed)")
def test_a_job_that_ended_is_told_of_once(task: Task) -> None:
    task.do()
    if task.bench.has("domain_job(keep)"):
        assert task.guest.job(completed=True, keep=True).type is JobType.COMPLETED
    found = task.guest.job(completed=True)
    assert (found.type, found.operation) == (JobType.COMPLETED, task.operation)
    assert task.guest.job(completed=True).type is JobType.NONE


@needs("job.info", "domain_job(completed)", "job.abort")
def test_an_aborted_job_is_told_of_as_cancelled(task: Task) -> None:
    with task.held() as work:
        task.guest.abort_job()
        assert isinstance(work.end(task.bench.target.patience), OperationCancelled)
    assert task.guest.job().type is JobType.NONE
    assert task.guest.job(completed=True).type is JobType.CANCELLED


@needs("job.abort")
def test_whoever_aborts_a_job_its_owner_hears_of_it(task: Task) -> None:
    with task.held() as work:
        task.guest.abort_job()
        assert isinstance(work.end(task.bench.target.patience), OperationCancelled)
    task.require_running_on()


@needs("job.info", "domain_job(completed)")
def test_a_job_that_its_owner_cancelled_is_at_work_no_longer(task: Task) -> None:
    with task.held() as work:
        work.job.cancel()
        assert isinstance(work.end(task.bench.target.patience), OperationCancelled)
    assert task.guest.job().type is JobType.NONE
    task.require_running_on()


def test_one_job_at_a_time(task: Task) -> None:
    with task.held() as work:
        with pytest.raises(Busy):
            task.do()
        assert work.end(task.bench.target.patience) is None


@needs("event.any", "job.info")
def test_the_end_of_a_job_is_told(task: Task, events: Heard) -> None:
    task.do()
    event = events.next(EventKind.JOB_COMPLETED, of=task.guest)
    assert event.domain is not None and event.domain.name == task.guest.name


def test_a_guest_that_is_destroyed_ends_its_job(task: Task) -> None:
    """Or the job keeps it: then ``destroy`` says so in time, and the work is done."""
    with task.held() as work:
        try:
            task.guest.destroy()
        except Busy:
            assert task.guest.state().state.active
            assert work.end(task.bench.target.patience) is None
            return
        error = work.end(task.bench.target.patience)
    assert isinstance(error, PolyvisorError), "the guest was gone before the work was done"
    assert task.guest.state().state is DomainState.SHUT_OFF
    task.guest.start()
    assert task.guest.state().state is DomainState.RUNNING


# -- when there is none ---------------------------------------------------------------------------------------


@needs("job.info")
def test_an_idle_guest_has_no_job(running: Domain) -> None:
    found = running.job()
    assert (found.type, found.memory.done, found.disk.done) == (JobType.NONE, 0, 0)


@needs("job.info")
def test_an_off_guest_has_no_job_to_tell_of(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.job()


@needs("domain_job(completed)")
def test_a_guest_that_never_worked_has_no_account(defined: Domain) -> None:
    assert defined.job(completed=True).type is JobType.NONE


@needs("job.abort")
@pytest.mark.parametrize("active", [False, True])
def test_there_is_nothing_to_abort(bench: Bench, defined: Domain, active: bool) -> None:
    if active:
        bench.start(defined)
    before = defined.state()
    with pytest.raises(InvalidState):
        defined.abort_job()
    assert defined.state() == before
