"""The job at work on a container: copying it for a snapshot. It is in the status record, for every process to see."""

from __future__ import annotations

import os
import time
from typing import Any

from polyvisor.errors import Busy, InvalidState, OperationCancelled
from polyvisor.host.process import Process
from polyvisor.local import bus
from polyvisor.operations.domainjobs import DomainJob, JobOperation, JobType
from polyvisor.operations.jobs import Progress
from polyvisor.spi import DomainRef, DomainState, Event, EventKind, JobControl
from polyvisor_lxc import guests, stopping
from polyvisor_lxc.session import LxcSession

_PAUSE = 0.001
_LONGEST_FREEZE = 5.0


class Work:
    """A job at work: tells its progress, and ends when it is cancelled, aborted, or the container is gone."""

    def __init__(self, session: LxcSession, domain: DomainRef, found: guests.Look, job: JobControl) -> None:
        self._session = session
        self._domain = domain
        self._id = found.id
        self._job = job

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        """Tell how far the work is, to who asked for it and to who asks about it."""
        self._job.progress(done, total, unit=unit, phase=phase)

    @property
    def cancelled(self) -> bool:
        """Whether the work is to end."""
        try:
            self.check()
        except OperationCancelled:
            return True
        return False

    def wait(self, seconds: float) -> bool:
        """Sleep until cancelled; returns whether it was."""
        return self._job.wait(seconds)

    def check(self) -> None:
        """Raise OperationCancelled when the work is to end."""
        self._job.check()
        if self._id is None:
            return
        status = self._session.store.read_status(self._domain.uuid)
        if status is None or status["id"] != self._id or "ending" in status:
            raise OperationCancelled(f"{self._domain} has stopped meanwhile", target=str(self._domain), driver="lxc")
        if "job" not in status or status["job"].get("abort"):
            raise OperationCancelled(f"the job of {self._domain} was aborted", target=str(self._domain), driver="lxc")

    def end(self) -> None:
        """Let the container go on as before; the caller holds its lock."""
        status = self._session.store.read_status(self._domain.uuid)
        if status is None or status["id"] != self._id or "job" not in status:
            return
        if not status["job"]["paused"]:
            stopping.thaw(guests.look(self._session, self._domain.uuid).group)
        kept = {key: value for key, value in status.items() if key != "job"}
        self._session.store.write_status(self._domain.uuid, kept)
        data = {"operation": status["job"]["operation"], "aborted": bool(status["job"].get("abort"))}
        bus.publish(self._session, Event(EventKind.JOB_COMPLETED, self._domain, data=data))


def begin(
    session: LxcSession,
    domain: DomainRef,
    found: guests.Look,
    job: JobControl,
    operation: str,
    *,
    scratch: str | None = None,
) -> Work:
    """Have a container stand still for work on it; the caller holds its lock. Raises Busy during other work.

    ``scratch`` is a directory to be removed if this process is killed."""
    work = Work(session, domain, found, job)
    if not found.alive or found.status is None:
        return work
    refuse_work(domain, found)
    myself = Process.running(os.getpid())
    assert myself is not None
    paused = found.state.state is DomainState.PAUSED
    owner = [myself.pid, myself.started]
    told = {"operation": operation, "owner": owner, "paused": paused, "since": time.time(), "scratch": scratch}
    session.store.write_status(domain.uuid, {**found.status, "job": told})
    if not paused:
        found.group.freeze(True)
        deadline = time.monotonic() + _LONGEST_FREEZE
        while not found.group.settled(True) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
    return work


def refuse_work(domain: DomainRef, found: guests.Look) -> None:
    """Raise Busy while somebody works on the container."""
    job = (found.status or {}).get("job")
    if job is not None and Process(*job["owner"]).alive:
        raise Busy(
            f"process {job['owner'][0]} works on {domain} ({job['operation']})",
            target=str(domain),
            driver="lxc",
            hint="wait for it, or abort the job",
        )


def current(session: LxcSession, domain: DomainRef) -> DomainJob:
    """The job at work on a running container."""
    found = guests.require_active(session, domain)
    job: dict[str, Any] | None = (found.status or {}).get("job")
    if job is None or not Process(*job["owner"]).alive:
        return DomainJob(JobType.NONE)
    elapsed = round((time.time() - job["since"]) * 1000)
    return DomainJob(JobType.UNBOUNDED, JobOperation(job["operation"]), elapsed, None, Progress(), Progress())


def abort(session: LxcSession, domain: DomainRef) -> None:
    """Have the job at work end. Raises InvalidState when there is none."""
    with guests.active(session, domain) as found:
        job: dict[str, Any] | None = (found.status or {}).get("job")
        if job is None or found.status is None:
            raise InvalidState(f"{domain} has no job at work", target=str(domain), driver="lxc")
        session.store.write_status(domain.uuid, {**found.status, "job": {**job, "abort": True}})
