"""Waiting for vSphere's tasks.

A task is watched through ``info.state``, ``info.error``, ``info.result`` and ``info.progress`` only, by
WaitForUpdatesEx on a collector of its own: the server answers when something changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyVmomi import vim, vmodl

from polyvisor.errors import HypervisorError, OperationCancelled, PolyvisorError
from polyvisor_esx.faults import named, translated

if TYPE_CHECKING:
    from polyvisor.spi import JobControl
    from polyvisor_esx.session import EsxSession

LOOK = 1
"""Seconds after which a task with a job is looked at again, to see whether the job was cancelled."""

PATIENCE = 60
"""Seconds the server holds a question about a task without a job."""

PATHS = ("info.state", "info.progress", "info.error", "info.result")
Collector = vmodl.query.PropertyCollector


def wait(session: EsxSession, task: Any, job: JobControl | None = None) -> Any:
    """The result of a task. Raises the error of its fault, OperationCancelled when ``job`` was cancelled."""
    collector = session.content.propertyCollector.CreatePropertyCollector()
    try:
        return _watched(collector, task, job)
    finally:
        try:
            collector.DestroyPropertyCollector()
        except PolyvisorError as error:
            if not named(error, "ManagedObjectNotFound"):
                raise


def _watched(collector: Any, task: Any, job: JobControl | None) -> Any:
    collector.CreateFilter(
        spec=Collector.FilterSpec(
            objectSet=[Collector.ObjectSpec(obj=task)],
            propSet=[Collector.PropertySpec(type=vim.Task, pathSet=list(PATHS), all=False)],
        ),
        partialUpdates=False,
    )
    known: dict[str, Any] = {}
    version, cancelled = "", False
    while str(known.get("info.state")) not in ("success", "error"):
        limit = Collector.WaitOptions(maxWaitSeconds=LOOK if job is not None else PATIENCE)
        updates = collector.WaitForUpdatesEx(version=version, options=limit)
        if updates is not None:
            version = updates.version
            _merge(known, updates)
        if job is not None:
            if (percent := known.get("info.progress")) is not None:
                job.progress(int(percent), 100, unit="percent")
            if job.cancelled and not cancelled:
                cancelled = _cancel(task)
    if str(known["info.state"]) == "success":
        return known.get("info.result")
    return _failed(known.get("info.error"))


def _merge(known: dict[str, Any], updates: Any) -> None:
    for each in updates.filterSet:
        for changed in each.objectSet:
            for change in changed.changeSet:
                known[change.name] = change.val


def _cancel(task: Any) -> bool:
    """Ask the server to end a task; some cannot be ended, and go on."""
    try:
        task.CancelTask()
    except PolyvisorError as error:
        if not named(error, "NotSupported", "InvalidState", "MethodNotFound"):
            raise
    return True


def _failed(fault: Any) -> Any:
    if fault is None:
        raise HypervisorError("the task failed and VMware does not say why", driver="esx")
    error = translated(fault)
    if isinstance(error, OperationCancelled):
        raise OperationCancelled("the task was cancelled", driver="esx", details=error.details)
    raise error
