"""The task at work on a guest, whoever started it: its ``recentTask``."""

from __future__ import annotations

import time
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidState
from polyvisor.operations.domainjobs import DomainJob, JobOperation, JobType
from polyvisor.spi import DomainRef, Progress
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.session import EsxSession

FACTS = (
    "info.state",
    "info.descriptionId",
    "info.progress",
    "info.startTime",
    "info.completeTime",
    "info.cancelable",
    "info.error",
)
OPERATIONS = {
    "VirtualMachine.createSnapshot": JobOperation.SNAPSHOT,
    "VirtualMachine.revertToCurrentSnapshot": JobOperation.SNAPSHOT_REVERT,
    "VirtualMachine.removeAllSnapshots": JobOperation.SNAPSHOT_DELETE,
    "vm.Snapshot.revert": JobOperation.SNAPSHOT_REVERT,
    "vm.Snapshot.remove": JobOperation.SNAPSHOT_DELETE,
    "VirtualMachine.relocate": JobOperation.MIGRATION_OUT,
    "VirtualMachine.migrate": JobOperation.MIGRATION_OUT,
    "VirtualMachine.powerOn": JobOperation.START,
}
"""TaskInfo.descriptionId -> what the job does."""

AT_WORK = ("running", "queued")
Row = dict[str, Any]


def current(session: EsxSession, domain: DomainRef, *, completed: bool) -> DomainJob:
    """The task at work, or the one that ended last."""
    machine, row = session.read(domain, (*STATE, "recentTask"))
    if not completed and not state_of(session, machine, row).state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    tasks = _tasks(session, row)
    if completed:
        ended = [task for task in tasks.values() if task.get("info.completeTime") is not None]
        return job_of(max(ended, key=lambda task: task["info.completeTime"])) if ended else DomainJob(JobType.NONE)
    working = [task for task in tasks.values() if str(task.get("info.state")) in AT_WORK]
    return job_of(working[0]) if working else DomainJob(JobType.NONE)


def _tasks(session: EsxSession, row: Row) -> dict[Any, Row]:
    refs = list(row.get("recentTask") or ())
    return session.properties(vim.Task, FACTS, refs) if refs else {}


def job_of(task: Row) -> DomainJob:
    """A job from the properties of a task. VMware counts progress in per cent of the whole, not in bytes."""
    state, percent = str(task.get("info.state")), task.get("info.progress")
    kind = {"success": JobType.COMPLETED, "error": JobType.FAILED}.get(
        state, JobType.UNBOUNDED if percent is None else JobType.BOUNDED
    )
    error = task.get("info.error")
    if error is not None and type(error).__name__.endswith("RequestCanceled"):
        kind = JobType.CANCELLED
    begun, ended = task.get("info.startTime"), task.get("info.completeTime")
    elapsed = (ended.timestamp() if ended else time.time()) - begun.timestamp() if begun else 0
    return DomainJob(
        kind,
        OPERATIONS.get(task.get("info.descriptionId", ""), JobOperation.UNKNOWN),
        elapsed_ms=max(0, int(elapsed * 1000)),
        memory=Progress(),
        error=str(getattr(error, "msg", "") or "") if error is not None else "",
        statistics={} if percent is None else {"percent": int(percent)},
    )


def abort(session: EsxSession, domain: DomainRef) -> None:
    """Cancel the task at work. Raises InvalidState when there is none, or when VMware cannot end it."""
    _machine, row = session.read(domain, ("recentTask",))
    working = {ref: task for ref, task in _tasks(session, row).items() if str(task.get("info.state")) in AT_WORK}
    if not working:
        raise InvalidState(f"there is no job at work on {domain}", target=str(domain), driver="esx")
    for ref, task in working.items():
        if not task.get("info.cancelable"):
            what = task.get("info.descriptionId", "the task")
            raise InvalidState(f"VMware cannot end {what} of {domain}", target=str(domain), driver="esx")
        ref.CancelTask()
