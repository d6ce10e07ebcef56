"""A guest as it is at one moment, from its status record and whatever tells its driver that it lives.

Keys that a status record has, whoever writes it: ``name``, ``id``, ``phase`` (:data:`STARTING` or :data:`RUNNING`),
``pid`` and ``started`` (ticks, see :class:`polyvisor.host.process.Process`) once there is a process, ``owner`` (those
of the process whose connection the guest is tied to), and what tables show: ``memory_kib``, ``max_memory_kib``,
``vcpus``, ``title``, ``os_type``, ``taints``. A driver keeps there what else it has to know again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from polyvisor.errors import InvalidState, NoSuchDomain
from polyvisor.host.process import Process
from polyvisor.operations.records import DomainRef, StateInfo
from polyvisor.state import locked, reported, write_atomic

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession

STARTING = "starting"
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Look:
    """One guest at one moment. ``status`` is None for one that was not run since it was last tidied up after."""

    uuid: UUID
    status: dict[str, Any] | None
    alive: bool
    state: StateInfo

    @property
    def id(self) -> int | None:
        """Its number while it runs."""
        return self.status["id"] if self.alive and self.status else None

    @property
    def process(self) -> Process | None:
        """Its process, or the one that stands for it, once that is known."""
        if self.status is None or not self.status.get("pid"):
            return None
        return Process(self.status["pid"], self.status["started"])

    def ref(self, name: str) -> DomainRef:
        """The reference for lists, with its present id."""
        return DomainRef(name, self.uuid, self.id)


AnyLook = TypeVar("AnyLook", bound=Look)


def require(session: LocalSession[AnyLook], domain: DomainRef) -> AnyLook:
    """The guest, which must exist: stored or running. Raises NoSuchDomain."""
    found = session.look(domain.uuid)
    if not found.alive and session.store.find(uuid=domain.uuid) is None:
        raise NoSuchDomain(f"there is no {domain}", target=str(domain))
    return found


def require_active(session: LocalSession[AnyLook], domain: DomainRef) -> AnyLook:
    """The guest, which must run. Raises NoSuchDomain, InvalidState."""
    found = require(session, domain)
    if not found.alive:
        raise InvalidState(f"{domain} is not running", target=str(domain), hint="start it first")
    return found


@contextmanager
def active(session: LocalSession[AnyLook], domain: DomainRef) -> Iterator[AnyLook]:
    """Hold the lock of a guest that must run. Raises NoSuchDomain, InvalidState, Busy."""
    require(session, domain)  # so that a missing domain is told without making a lock file for it
    with session.store.lock(domain.uuid):
        session.settle(domain.uuid)
        yield require_active(session, domain)


def owner() -> list[int]:
    """This process, as the ``owner`` of a guest that is to end with a connection of it."""
    myself = Process.running(os.getpid())
    assert myself is not None
    return [myself.pid, myself.started]


def ownerless(status: dict[str, Any]) -> bool:
    """Whether a guest was to live no longer than a connection whose process is gone."""
    found = status.get("owner")
    return found is not None and not Process(*found).alive


def next_id(session: LocalSession[Any]) -> int:
    """A number that no guest of these directories has had since the host came up."""
    path = f"{session.paths.run}/last-id"
    with locked(f"{path}.lock", subject="the counter of domain ids"):
        try:
            with open(path, "rb") as file:
                number = int(file.read()) + 1
        except (FileNotFoundError, ValueError):
            number = 1 + max((status.get("id", 0) for status in session.store.statuses().values()), default=0)
        write_atomic(path, b"%d" % number, durable=False)
    return number


def remove_files(directory: str) -> None:
    """Remove a guest's run-time directory, if it is there."""
    import shutil

    with reported("remove", directory):
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            pass  # gone is what was wanted
