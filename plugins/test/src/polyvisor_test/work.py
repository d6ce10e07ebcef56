"""Long work on a guest, simulated: it moves bytes that do not exist, at a pace the configuration sets.

``[drivers.test] job_seconds`` in ``polyvisor.toml``, or ``test:///default?job_seconds=5``, says how long a job takes;
by default none takes any time. While a job is at work the node's lock is free: everything can be asked, and the
job cancelled, from other threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from polyvisor.errors import Busy, InvalidState, OperationCancelled
from polyvisor.operations.domainjobs import DomainJob, JobOperation, JobType
from polyvisor.spi import DomainRef, EventKind, JobControl, Progress
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession

STEPS = 16
"""In how many steps a job does its work, at least."""

LONGEST_STEP = 0.05
"""Seconds after which a job that takes its time looks whether it was cancelled."""


class Work:
    """One job on a guest: how far it is, and whether somebody wants it to end."""

    def __init__(self, operation: JobOperation, total: int, seconds: float) -> None:
        self.operation = operation
        self.total = total
        self.seconds = seconds
        self.done = 0
        self.ended = JobType.BOUNDED
        self._abort = threading.Event()

    def abort(self) -> None:
        """Ask the work to end; whoever waits for it gets OperationCancelled."""
        self._abort.set()

    def run(self, job: JobControl) -> None:
        """Do the work; raises OperationCancelled when either side wants it to end."""
        steps = max(STEPS, round(self.seconds / LONGEST_STEP))
        for step in range(1, steps + 1):
            job.wait(self.seconds / steps)
            job.check()
            if self._abort.is_set():
                raise OperationCancelled(f"the {self.operation.value.lower()} job was aborted")
            self.done = self.total * step // steps
            job.progress(self.done, self.total, phase=self.operation.value.lower())

    def account(self) -> DomainJob:
        """The work as ``domain_job`` shows it. Times follow from how much is done: nothing here reads a clock."""
        elapsed = self.seconds * 1000 * self.done / self.total if self.total else 0.0
        left = self.seconds * 1000 - elapsed
        return DomainJob(
            self.ended,
            self.operation,
            elapsed_ms=round(elapsed),
            remaining_ms=round(left) if self.ended is JobType.BOUNDED else None,
            memory=Progress(self.done, self.total),
        )


@contextmanager
def working(
    session: TestSession,
    domain: DomainRef,
    operation: JobOperation,
    job: JobControl,
    *,
    begin: Callable[[Machine], object] = lambda machine: None,
) -> Iterator[Machine]:
    """Do a job's work on a running guest, then run the block under the lock, as the job's last step.

    ``begin`` is what happens at the moment the work begins; if it raises, the work does not begin. The work is as
    large as the guest's memory. Raises Busy while another job is at work, InvalidState when the guest is off or
    stops meanwhile, OperationCancelled when the job was cancelled; the block does not run then."""
    with session.machine(domain) as machine:
        machine.require_active()
        if machine.work is not None:
            raise Busy(f"{machine.ref} is busy: {machine.work.operation.value.lower()}", target=str(machine.ref))
        begin(machine)
        instance = machine.id
        work = machine.work = Work(operation, machine.memory_kib * 1024, session.job_seconds)
    try:
        work.run(job)
        with session.node.lock:
            if machine.id != instance:
                raise InvalidState(f"{machine.ref} stopped meanwhile", target=str(machine.ref))
            yield machine
        work.ended = JobType.COMPLETED
    except OperationCancelled:
        work.ended = JobType.CANCELLED
        raise
    except BaseException:
        work.ended = JobType.FAILED
        raise
    finally:
        with session.node.lock:
            machine.work, machine.finished_work = None, work
            session.tell(EventKind.JOB_COMPLETED, machine, operation=operation.value, result=work.ended.value)
