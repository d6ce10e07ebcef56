"""The one way from a caller to a driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from polyvisor.errors import ConnectionClosed, DriverFault, PolyvisorError
from polyvisor.operations.declaration import Operation, declared
from polyvisor.operations.session import Session
from polyvisor.operations.watching import watch_events
from polyvisor.plugins import LoadedDriver, Plugins
from polyvisor.services import audit
from polyvisor.services.access import Policy
from polyvisor.services.arguments import converted
from polyvisor.services.documents import Documents
from polyvisor.services.events import EventHub, EventStream
from polyvisor.services.jobs import Job
from polyvisor.services.metrics import Metrics


class Invoker:
    """Calls operations for one connection: access, documents, jobs, audit, metrics and errors in one place.

    Thread-safe. :meth:`close` waits for calls under way, so a driver's session is never closed under a call.
    """

    def __init__(self, plugins: Plugins, driver: LoadedDriver, session: Session, policy: Policy, events: EventHub):
        self.plugins = plugins
        self.driver = driver
        self.session = session
        self.policy = policy
        self.events = events
        self.metrics = Metrics()
        self.documents = Documents(plugins, driver)
        events.watch = self._watch
        self._uri = str(session.uri)
        self._closing = False
        self._running = 0
        self._idle = threading.Condition()

    def __call__(self, operation: Operation, arguments: Mapping[str, Any], job: Job[Any] | None = None) -> Any:
        """Call ``operation``; ``arguments`` are by name, without session. Raises PolyvisorError and nothing else."""
        target = _target(arguments)
        started = time.perf_counter()
        error: BaseException | None = None
        self._enter()
        try:
            self.policy.require(operation, arguments)
            return self._run(operation, arguments, job)
        except PolyvisorError as raised:
            error = raised
            raised.operation = raised.operation or operation.name
            raised.driver = raised.driver or self.driver.name
            raised.target = raised.target or target
            raise
        except Exception as raised:
            error = raised
            raise DriverFault(
                f"the {self.driver.name} driver broke in {operation.name}: {type(raised).__name__}: "
                f"{_masked(str(raised), operation, arguments)}",
                operation=operation.name,
                driver=self.driver.name,
                target=target,
                hint="this is a defect of the driver or of a plugin around it; the traceback is in the cause",
            ) from raised
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._leave()
            seconds = time.perf_counter() - started
            self.metrics.add(operation.name, seconds, error is not None)
            audit.record(operation, uri=self._uri, driver=self.driver.name, target=target, seconds=seconds, error=error)

    def _run(self, operation: Operation, arguments: Mapping[str, Any], job: Job[Any] | None) -> Any:
        complete = {**operation.options, **converted(operation, arguments), "session": self.session}
        for argument, kind in operation.documents.items():
            if complete[argument] is not None:
                complete[argument] = self.documents.prepare(self.session, kind, complete[argument])
        if operation.job:
            work = job if job is not None else Job(operation.name)
            complete["job"] = work
            result = work.run(lambda: self.plugins.call(self.driver, operation, complete))
        else:
            result = self.plugins.call(self.driver, operation, complete)
        return _concealed(result) if complete.get("secure") is False else result

    def listen(self, **wanted: Any) -> EventStream:
        """A stream of this connection's events; arguments are those of :meth:`EventHub.listen`."""
        self.policy.require(declared(watch_events), {})
        return self.events.listen(**wanted)

    def _watch(self, enabled: bool) -> None:
        operation = declared(watch_events)
        if operation.name in self.driver.implements:
            self.plugins.call(self.driver, operation, {"session": self.session, "enabled": enabled})

    def _enter(self) -> None:
        with self._idle:
            if self._closing:
                raise ConnectionClosed("the connection is closed")
            self._running += 1

    def _leave(self) -> None:
        with self._idle:
            self._running -= 1
            self._idle.notify_all()

    @property
    def closed(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Let calls under way finish, then close the session. Closing twice is harmless."""
        with self._idle:
            if self._closing:
                return
            self._closing = True
            self._idle.wait_for(lambda: not self._running)
        try:
            self.session.close()  # guests that end with their connection are still heard to end
        finally:
            self.events.watch = lambda enabled: None
            self.events.close()


def _masked(text: str, operation: Operation, arguments: Mapping[str, Any]) -> str:
    """``text``, which a driver has worded, without the arguments that are declared to be secrets."""
    for name in operation.secrets:
        if secret := arguments.get(name):
            text = text.replace(str(secret), "***")
    return text


def _concealed(result: Any) -> Any:
    """A document without its secrets, whatever the driver left in it; the driver's own object keeps them."""
    if not any(_secrets(result)):
        return result
    shown = result.copy()
    for element, attribute in list(_secrets(shown)):
        setattr(element, attribute, None)
    return shown


def _secrets(document: Any) -> Iterator[tuple[Any, str]]:
    """Each element with a field that holds a secret, and that field's name."""
    walk = getattr(document, "walk", None)
    for element in walk() if walk is not None else ():
        for field in type(element).fields():
            if field.secret and getattr(element, field.attr) is not None:
                yield element, field.attr


def _target(arguments: Mapping[str, Any]) -> str | None:
    for name in ("domain", "snapshot", "checkpoint", "name", "path"):
        if value := arguments.get(name):
            return str(value)
    return None
