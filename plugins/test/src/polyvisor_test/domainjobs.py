"""The job at work on a guest."""

from __future__ import annotations

from polyvisor.errors import InvalidState
from polyvisor.operations.domainjobs import DomainJob, JobType
from polyvisor.spi import DomainRef, hookimpl
from polyvisor_test.session import TestSession


class JobOperations:
    """The operations of ``polyvisor.operations.domainjobs``."""

    @hookimpl
    def domain_job(
        self, session: TestSession, domain: DomainRef, *, completed: bool = False, keep: bool = False
    ) -> DomainJob:
        with session.machine(domain) as machine:
            if not completed:
                machine.require_active()
                return machine.work.account() if machine.work else DomainJob(JobType.NONE)
            ended = machine.finished_work
            if not keep:
                machine.finished_work = None
            return ended.account() if ended else DomainJob(JobType.NONE)

    @hookimpl
    def abort_job(self, session: TestSession, domain: DomainRef) -> None:
        with session.machine(domain) as machine:
            if machine.work is None:
                raise InvalidState(f"no job is at work on {machine.ref}", target=str(machine.ref))
            machine.work.abort()
