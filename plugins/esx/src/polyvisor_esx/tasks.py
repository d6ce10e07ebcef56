"""Waiting for vSphere's tasks.

A task is watched through ``info.state``, ``info.error``, ``info.result`` and ``info.progress`` only, by
WaitForUpdatesEx on a collector of its own: the server answers when something changes.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyVmomi import vim, vmodl

from polyvisor.errors import (
    HypervisorError,
    InvalidState,
    NotFound,
    OperationCancelled,
    OperationTimeout,
    PolyvisorError,
)
from polyvisor_esx.faults import named, translated

if TYPE_CHECKING:
    from polyvisor.spi import JobControl
    from polyvisor_esx.session import EsxSession

log = logging.getLogger(__name__)

LOOK = 1
"""Seconds after which a task with a job is looked at again, to see whether the job was cancelled."""

PATIENCE = 60
"""Seconds the server holds a question about a task without a job."""

ATTEMPTS = 5
PAUSE = 0.1
"""Breaks of the connection in a row that end the wait, and seconds before the task is looked at again: twice as long
each time."""

PATHS = ("info.state", "info.progress", "info.error", "info.result")
Collector = vmodl.query.PropertyCollector


@dataclass(slots=True)
class _Watch:
    """A task that is waited for: what is known of it, and what was done about it."""

    task: Any
    job: JobControl | None
    machine: Any
    known: dict[str, Any] = field(default_factory=dict)
    answered: str = ""
    cancelled: bool = False
    failures: int = 0

    @property
    def ended(self) -> bool:
        return str(self.known.get("info.state")) in ("success", "error")


def wait(session: EsxSession, task: Any, job: JobControl | None = None, *, machine: Any = None) -> Any:
    """The result of a task. Raises the error of its fault, OperationCancelled when ``job`` was cancelled.

    The task is at work, whatever happens to the connection: when it breaks, the task is looked at again on another.

    With ``machine``, a question that this guest waits with is answered as VMware suggests where the URI says
    ``auto_answer=1``; else the task is cancelled and InvalidState raised."""
    watch = _Watch(task, job, machine)
    while not watch.ended:
        try:
            _collected(session, watch)
        except (HypervisorError, OperationTimeout, NotFound) as error:
            watch.failures += 1
            if not _mends(error) or watch.failures == ATTEMPTS:
                error.hint = "the task was begun and goes on at the server: look before you try again"
                raise
            log.info("a task at %s is looked at again: %s", session.address.host, error)
            time.sleep(PAUSE * 2**watch.failures)
    if str(watch.known["info.state"]) == "success":
        return watch.known.get("info.result")
    return _failed(watch.known.get("info.error"))


def _mends(error: PolyvisorError) -> bool:
    """Whether it is trouble on the way, or the collector that was lost with its login."""
    return "fault" not in error.details or named(error, "ManagedObjectNotFound", "InvalidCollectorVersion")


def _collected(session: EsxSession, watch: _Watch) -> None:
    """Watch a task with a collector of its own, until it has ended."""
    collector = session.content.propertyCollector.CreatePropertyCollector()
    try:
        collector.CreateFilter(spec=_filter(watch.task, watch.machine), partialUpdates=False)
        _watched(session, collector, watch)
    finally:
        try:
            collector.DestroyPropertyCollector()
        except PolyvisorError as error:  # it ends with the login
            log.debug("a collector at %s stays behind: %s", session.address.host, error)


def _watched(session: EsxSession, collector: Any, watch: _Watch) -> None:
    version, job = "", watch.job
    patience = max(1, min(PATIENCE, int(session.transport.timeout / 2)))  # it must not look like a server that is stuck
    while not watch.ended:
        limit = Collector.WaitOptions(maxWaitSeconds=LOOK if job is not None else patience)
        updates = collector.WaitForUpdatesEx(version=version, options=limit)
        watch.failures = 0
        if updates is not None:
            version = updates.version
            _merge(watch.known, updates)
        question = watch.known.get("runtime.question")
        if question is not None and question.id != watch.answered:
            _ask(session, watch.task, watch.machine, question)
            watch.answered = question.id
        if job is not None:
            if (percent := watch.known.get("info.progress")) is not None:
                job.progress(int(percent), 100, unit="percent")
            if job.cancelled and not watch.cancelled:
                watch.cancelled = _cancel(watch.task)


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
