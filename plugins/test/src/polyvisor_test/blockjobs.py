"""Long work on the disks of running guests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from polyvisor.errors import Busy, InvalidArgument, InvalidState, OperationCancelled
from polyvisor.operations.blockjobs import BlockJob, BlockJobType
from polyvisor.spi import DomainRef, EventKind, JobControl, hookimpl
from polyvisor_test import chains
from polyvisor_test.finding import devices_of, find_disk
from polyvisor_test.machine import Machine
from polyvisor_test.session import TestSession
from polyvisor_test.work import LONGEST_STEP, STEPS

if TYPE_CHECKING:
    from polyvisor.model.domain.devices.disk import Disk

Finish = Callable[["Disk"], None]
"""What a job does to its disk in the configuration once its work is done."""


class DiskJob:
    """A job on one disk. Once ``ready`` it waits for somebody to pivot or abort it."""

    def __init__(self, disk: str, type: BlockJobType, total: int, bandwidth: int, finish: Finish) -> None:
        self.disk = disk
        self.type = type
        self.total = total
        self.bandwidth = bandwidth
        self.finish = finish
        self.done = 0
        self.ready = False
        self.aborted = threading.Event()

    def account(self) -> BlockJob:
        return BlockJob(self.disk, self.type, self.done, self.total, self.bandwidth, self.ready)

    def run(self, job: JobControl, seconds: float) -> None:
        """Do the work; raises OperationCancelled when the caller or ``abort_block_job`` wants it to end."""
        steps = max(STEPS, round(seconds / LONGEST_STEP))
        for step in range(1, steps + 1):
            job.wait(seconds / steps)
            job.check()
            if self.aborted.is_set():
                raise OperationCancelled(f"the {self.type.value.lower()} of disk {self.disk} was aborted")
            self.done = self.total * step // steps
            job.progress(self.done, self.total, phase=self.type.value.lower())


class BlockJobOperations:
    """The operations of ``polyvisor.operations.blockjobs``."""

    @hookimpl
    def block_job(self, session: TestSession, domain: DomainRef, disk: str) -> BlockJob | None:
        with session.machine(domain) as machine:
            job = machine.disk_jobs.get(_active_disk(machine, disk).target.dev)
            return job.account() if job else None

    @hookimpl
    def abort_block_job(self, session: TestSession, domain: DomainRef, disk: str, *, pivot: bool = False) -> None:
        with session.machine(domain) as machine:
            job = _job(machine, disk)
            if pivot and not job.ready:
                raise InvalidState(f"the {job.type.value.lower()} of disk {job.disk} is not ready to pivot")
            if not job.ready:
                job.aborted.set()
            else:
                _end(session, machine, job, "completed" if pivot else "canceled", finish=pivot)

    @hookimpl
    def set_block_job_speed(self, session: TestSession, domain: DomainRef, disk: str, bandwidth: int) -> None:
        """The limit is kept and shown; how long a simulated job takes is settled elsewhere."""
        _require_bandwidth(bandwidth)
        with session.machine(domain) as machine:
            _job(machine, disk).bandwidth = bandwidth

    @hookimpl
    def block_pull(
        self,
        session: TestSession,
        domain: DomainRef,
        disk: str,
        job: JobControl,
        *,
        base: str | None = None,
        bandwidth: int = 0,
    ) -> None:
        with session.machine(domain) as machine:
            found = _active_disk(machine, disk)
            below = None if base is None else chains.position(found, base)
            if below == 0:
                raise InvalidArgument("the active image cannot be its own base")
            work = _begin(session, machine, found, BlockJobType.PULL, bandwidth, lambda d: chains.pull(d, below))
        _run(session, machine, work, job)

    @hookimpl
    def block_copy(
        self,
        session: TestSession,
        domain: DomainRef,
        disk: str,
        destination: str | bytes,
        job: JobControl,
        *,
        transient: bool = False,
        bandwidth: int = 0,
        pivot: bool = False,
    ) -> None:
        from polyvisor.documents import read
        from polyvisor_test.documents import CopyDestination

        target = read(destination, CopyDestination)
        with session.machine(domain) as machine:
            found = _active_disk(machine, disk)
            if machine.persistent and not transient:
                raise InvalidState(
                    f"{machine.ref} is persistent, and its stored configuration does not follow a copy",
                    target=str(machine.ref),
                    hint="pass transient to allow it",
                )

            def move(moved: Disk) -> None:
                moved.type, moved.source, moved.backing_store = target.type, target.source, None
                moved.driver = target.driver or moved.driver

            work = _begin(session, machine, found, BlockJobType.COPY, bandwidth, move)
        _run(session, machine, work, job, stay=not pivot)

    @hookimpl
    def block_commit(
        self,
        session: TestSession,
        domain: DomainRef,
        disk: str,
        job: JobControl,
        *,
        base: str | None = None,
        top: str | None = None,
        shallow: bool = False,
        active: bool = False,
        bandwidth: int = 0,
        pivot: bool = False,
    ) -> None:
        with session.machine(domain) as machine:
            found = _active_disk(machine, disk)
            images = chains.chain(found)
            upper = 0 if top is None else chains.position(found, top)
            if base is not None and shallow:
                raise InvalidArgument("a shallow commit goes into the image below top; leave base out")
            lower = chains.position(found, base) if base else upper + 1 if shallow else len(images) - 1
            if not upper < lower < len(images):
                raise InvalidArgument(f"disk {found.target.dev} has no image below to commit into")
            if upper == 0 and not active:
                raise InvalidArgument("top is the active image", hint="pass active to commit it")
            kind = BlockJobType.COMMIT if upper else BlockJobType.ACTIVE_COMMIT
            work = _begin(session, machine, found, kind, bandwidth, lambda d: chains.commit(d, upper, lower))
        _run(session, machine, work, job, stay=upper == 0 and not pivot)


def _require_bandwidth(bandwidth: int) -> None:
    if bandwidth < 0:
        raise InvalidArgument(f"{bandwidth} bytes per second is no bandwidth", hint="0 is unlimited")


def _active_disk(machine: Machine, disk: str) -> Disk:
    machine.require_active()
    return find_disk(machine.config, disk)


def _job(machine: Machine, disk: str) -> DiskJob:
    found = machine.disk_jobs.get(_active_disk(machine, disk).target.dev)
    if found is None:
        raise InvalidState(f"no job is at work on disk {disk!r} of {machine.ref}", target=str(machine.ref))
    return found


def _begin(
    session: TestSession, machine: Machine, disk: Disk, type: BlockJobType, bandwidth: int, finish: Finish
) -> DiskJob:
    """Claim the disk for a job, under the lock; raises Busy when another has it."""
    _require_bandwidth(bandwidth)
    target = disk.target.dev
    if target in machine.disk_jobs:
        raise Busy(f"disk {target} of {machine.ref} is busy: {machine.disk_jobs[target].type.value.lower()}")
    job = machine.disk_jobs[target] = DiskJob(target, type, machine.capacity(disk), bandwidth, finish)
    return job


def _run(session: TestSession, machine: Machine, work: DiskJob, job: JobControl, *, stay: bool = False) -> None:
    """Do the work without the lock; then finish it, or with ``stay`` leave it ready for ``abort_block_job``."""
    try:
        work.run(job, session.job_seconds)
    except OperationCancelled:
        with session.node.lock:
            _end(session, machine, work, "canceled", finish=False)
        raise
    with session.node.lock:
        if machine.disk_jobs.get(work.disk) is not work:
            raise InvalidState(f"{machine.ref} stopped meanwhile", target=str(machine.ref))
        if stay:
            work.ready = True
            session.tell(EventKind.BLOCK_JOB, machine, disk=work.disk, type=work.type.value, status="ready")
        else:
            _end(session, machine, work, "completed", finish=True)


def _end(session: TestSession, machine: Machine, work: DiskJob, status: str, *, finish: bool) -> None:
    """Let go of the disk, and if the job came to its end do to the configurations what it was for."""
    if machine.disk_jobs.get(work.disk) is not work:
        return
    del machine.disk_jobs[work.disk]
    if finish:
        for config in filter(None, (machine.live, machine.stored)):
            for disk in devices_of(config).disks:
                if disk.target.dev == work.disk:
                    work.finish(disk)
    session.tell(EventKind.BLOCK_JOB, machine, disk=work.disk, type=work.type.value, status=status)
