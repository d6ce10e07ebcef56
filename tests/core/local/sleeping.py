"""A driver of the plainest guests there are, each a process that sleeps, made of what the core has for such drivers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from polyvisor.documents import read
from polyvisor.host.process import Process
from polyvisor.local import bus, configuration, ended, guests
from polyvisor.local.driver import LocalDriver
from polyvisor.local.guests import Look
from polyvisor.local.session import LocalSession
from polyvisor.local.watcher import Followed, Watcher
from polyvisor.model.domain import Domain
from polyvisor.model.domain.completion import complete
from polyvisor.spi import DomainRef, DomainState, Event, EventKind, Lifecycle, StateInfo
from polyvisor.state import write_atomic

DOCUMENT = "<domain type='test'><name>{name}</name><memory unit='MiB'>{mib}</memory><os><type>exe</type></os></domain>"


class Diary(Followed):
    """A guest that is watched; each line that is added to its journal is news."""

    def __init__(self, domain: DomainRef, path: str, known: int) -> None:
        super().__init__(domain)
        self.path, self.known = path, known

    def lines(self) -> list[str]:
        every = Path(self.path).read_text().splitlines()
        news, self.known = every[self.known :], len(every)
        return news


class SleepWatcher(Watcher[Diary]):
    def journal(self, uuid: UUID) -> str:
        return journal_of(self.session, uuid)

    def begin(self, domain: DomainRef, status: dict[str, Any], *, from_now: bool) -> Diary:
        followed = Diary(domain, self.journal(domain.uuid), 0)
        if from_now:
            followed.lines()
        return followed

    def tell(self, followed: Diary) -> None:
        for line in followed.lines():
            self.session.events(Event(EventKind.TUNABLE, followed.domain, data={"said": line}))


class SleepSession(LocalSession[Look]):
    started: list[subprocess.Popen[bytes]]

    def recover(self) -> None:
        self.store.recover()

    def look(self, uuid: UUID) -> Look:
        status = self.store.read_status(uuid)
        if status is None:
            return Look(uuid, None, False, StateInfo(DomainState.SHUT_OFF, ended.reason(self, uuid)))
        return self.examine(uuid, status)

    def examine(self, uuid: UUID, status: dict[str, Any]) -> Look:
        alive = status["phase"] == guests.RUNNING and Process(status["pid"], status["started"]).alive
        state = StateInfo(DomainState.RUNNING, "booted") if alive else StateInfo(DomainState.SHUT_OFF, "crashed")
        return Look(uuid, status, alive, state)

    def settle(self, uuid: UUID) -> Look:
        found = self.look(uuid)
        if found.status is not None and not found.alive:
            ended.remember(self, uuid, "crashed", {"status": 1})
            bus.tell(self, DomainRef(found.status["name"], uuid, found.status["id"]), Lifecycle.STOPPED, "crashed")
            self.store.remove_status(uuid)
        return self.look(uuid)

    def cpu_time_ns(self, look: Look) -> int | None:
        return look.process.cpu_time_ns if look.process is not None else None

    def live(self, uuid: UUID) -> str:
        return f"{self.paths.run}/{uuid}.xml"

    def parse(self, document: bytes) -> Domain:
        return read(document, Domain, trusted=True)

    def watcher(self) -> SleepWatcher:
        return SleepWatcher(self)

    def end(self, look: Look) -> None:
        assert look.process is not None
        look.process.kill()


class SleepDriver(LocalDriver):
    name = "sleep"
    hooks_version = (1, 0)


def journal_of(session: LocalSession[Any], uuid: UUID) -> str:
    return f"{session.paths.run}/{uuid}.journal"


class Heard:
    """The events of a session, and a way to wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._more = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def wait(self, true: Callable[[list[Event]], bool]) -> list[Event]:
        with self._more:
            assert self._more.wait_for(lambda: true(self.events), timeout=10), self.events
            return list(self.events)


def config(name: str = "web", mib: int = 1, uuid: int = 7) -> Domain:
    made = complete(read(DOCUMENT.format(name=name, mib=mib), Domain))
    made.uuid = str(UUID(int=uuid))
    return made


def start(session: SleepSession, domain: DomainRef, **more: Any) -> DomainRef:
    """Run a stored guest: a process that sleeps, a status record, a live document, an empty journal."""
    running = configuration.load(session, configuration.stored(session, domain))
    session.started.append(child := subprocess.Popen(["/bin/sleep", "60"]))
    process = Process.running(child.pid)
    assert process is not None
    running.id = guests.next_id(session)
    write_atomic(session.live(domain.uuid), configuration.live_text(running), durable=False)
    Path(journal_of(session, domain.uuid)).write_text("old\n")
    status = {"name": running.name, "id": running.id, "phase": guests.RUNNING, "pid": process.pid}
    status |= {"started": process.started, **configuration.summary(running), **more}
    session.store.write_status(domain.uuid, status)
    ended.forget(session, domain.uuid)
    ref = DomainRef(running.name, domain.uuid, running.id)
    bus.tell(session, ref, Lifecycle.STARTED, "booted")
    return ref
