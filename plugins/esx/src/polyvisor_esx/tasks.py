"""Waiting for vSphere's tasks.

A task is watched through ``info.state``, ``info.error``, ``info.result`` and ``info.progress`` only, by
WaitForUpdatesEx on a collector of its own: the server answers when something changes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pyVmomi import vim, vmodl

from polyvisor.errors import HypervisorError, InvalidState, OperationCancelled, PolyvisorError
from polyvisor_esx.faults import named, translated

if TYPE_CHECKING:
    from polyvisor.spi import JobControl
    from polyvisor_esx.session import EsxSession

log = logging.getLogger(__name__)

LOOK = 1
"""Seconds after which a task with a job is looked at again, to see whether the job was cancelled."""

PATIENCE = 60
"""Seconds the server holds a question about a task without a job."""

PATHS = ("info.state", "info.progress", "info.error", "info.result")
Collector = vmodl.query.PropertyCollector


def wait(session: EsxSession, task: Any, job: JobControl | None = None, *, machine: Any = None) -> Any:
    """The result of a task. Raises the error of its fault, OperationCancelled when ``job`` was cancelled.

    With ``machine``, a question that this guest waits with is answered as VMware suggests where the URI says
    ``auto_answer=1``; else the task is cancelled and InvalidState raised."""
    collector = session.content.propertyCollector.CreatePropertyCollector()
    try:
        return _watched(session, collector, task, job, machine)
    finally:
        try:
            collector.DestroyPropertyCollector()
        except PolyvisorError as error:
            if not named(error, "ManagedObjectNotFound"):
                raise


def _watched(session: EsxSession, collector: Any, task: Any, job: JobControl | None, machine: Any) -> Any:
    collector.CreateFilter(spec=_filter(task, machine), partialUpdates=False)
    known: dict[str, Any] = {}
    version, cancelled, answered = "", False, ""
    patience = max(1, min(PATIENCE, int(session.transport.timeout / 2)))  # it must not look like a server that is stuck
    while str(known.get("info.state")) not in ("success", "error"):
        limit = Collector.WaitOptions(maxWaitSeconds=LOOK if job is not None else patience)
        updates = collector.WaitForUpdatesEx(version=version, options=limit)
        if updates is not None:
            version = updates.version
            _merge(known, updates)
        question = known.get("runtime.question")
        if question is not None and question.id != answered:
            _ask(session, task, machine, question)
            answered = question.id
        if job is not None:
            if (percent := known.get("info.progress")) is not None:
                job.progress(int(percent), 100, unit="percent")
            if job.cancelled and not cancelled:
                cancelled = _cancel(task)
    if str(known["info.state"]) == "success":
        return known.get("info.result")
    return _failed(known.get("info.error"))


def _filter(task: Any, machine: Any) -> Any:
    objects, kinds = [Collector.ObjectSpec(obj=task)], [(vim.Task, list(PATHS))]
    if machine is not None:
        objects.append(Collector.ObjectSpec(obj=machine))
        kinds.append((vim.VirtualMachine, ["runtime.question"]))
    return Collector.FilterSpec(
        objectSet=objects,
        propSet=[Collector.PropertySpec(type=kind, pathSet=paths, all=False) for kind, paths in kinds],
    )


def _ask(session: EsxSession, task: Any, machine: Any, question: Any) -> None:
    """Answer a guest's question as VMware suggests, where the URI allows it."""
    choices = question.choice.choiceInfo or []
    suggested = question.choice.defaultIndex
    if session.address.auto_answer and suggested is not None:
        log.info("%s asks %r; answered %r", machine, question.text, choices[suggested].label)
        machine.AnswerVM(questionId=question.id, answerChoice=choices[suggested].key)
        return
    _cancel(task)
    words = ", ".join(f"{each.key} ({each.label})" for each in choices)
    raise InvalidState(
        f"the guest waits for an answer: {question.text.strip()}",
        driver="esx",
        hint=f"answers are {words}; with ?auto_answer=1 the suggested one is given",
        details={"question": question.id, "answers": [each.key for each in choices]},
    )


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
