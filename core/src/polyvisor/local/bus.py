"""What managers did to guests, for all managers to see: one file of JSON lines, appended to by each.

What happens inside a guest's life its hypervisor may write down; that a guest was defined, started, renamed or found
dead only managers know. Lines are appended under a lock, so that none goes into a file that has just been put aside.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import PolyvisorError
from polyvisor.operations.events import Event, EventKind, Lifecycle, lifecycle
from polyvisor.operations.records import DomainRef
from polyvisor.state import locked, make_private_directory, reported

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession

log = logging.getLogger(__name__)

_LONGEST = 1024 * 1024


def path(session: LocalSession[Any]) -> str:
    """The file of the events."""
    return f"{session.paths.run}/events"


def tell(session: LocalSession[Any], domain: DomainRef, event: Lifecycle, detail: str, **data: Any) -> None:
    """Append a lifecycle event."""
    publish(session, lifecycle(domain, event, detail, **data))


def publish(session: LocalSession[Any], event: Event) -> None:
    """Append any event about a domain. What it tells of is done: where it cannot be told, that is logged."""
    try:
        _append(session, event)
        session.flush()
    except PolyvisorError as error:
        log.warning("other processes will not hear that %s is %s: %s", event.domain, event.event or event.kind, error)


def _append(session: LocalSession[Any], event: Event) -> None:
    assert event.domain is not None
    line = {
        "kind": event.kind.value,
        "name": event.domain.name,
        "uuid": str(event.domain.uuid),
        "id": event.domain.id,
        "event": event.event,
        "detail": event.detail,
        "data": event.data,
        "when": event.when,
    }
    file = path(session)
    make_private_directory(session.paths.run)
    with locked(f"{file}.lock", subject="the file of events"), reported("write", file):
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            before, text = os.fstat(descriptor).st_size, json.dumps(line, separators=(",", ":")).encode() + b"\n"
            if os.write(descriptor, text) < len(text):
                os.ftruncate(descriptor, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if os.fstat(descriptor).st_size > _LONGEST:
                os.replace(file, f"{file}.old")
        finally:
            os.close(descriptor)


def parse(line: bytes) -> Event:
    """The event of one line."""
    found = json.loads(line)
    return Event(
        EventKind(found["kind"]),
        DomainRef(found["name"], UUID(found["uuid"]), found["id"]),
        found["event"],
        found["detail"],
        found["data"],
        found["when"],
    )


class Reader:
    """Follows the file from where it ends now, also when it is replaced by a new one."""

    def __init__(self, session: LocalSession[Any]) -> None:
        self._path = path(session)
        self._file = self._open()
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def read(self) -> list[Event]:
        """What was appended since the last time."""
        found = self._lines()
        if self._replaced():
            found += self._lines()  # of the old file, written until it was replaced
            self.close()
            self._file = self._open()
            found += self._lines()
        return [parse(line) for line in found]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> list[bytes]:
        if self._file is None:
            return []
        data: bytes = self._rest + self._file.read()
        *lines, self._rest = data.split(b"\n")
        return lines

    def _open(self) -> Any:
        try:
            return open(self._path, "rb", buffering=0)
        except FileNotFoundError:
            return None

    def _replaced(self) -> bool:
        try:
            now = os.stat(self._path).st_ino
        except FileNotFoundError:
            return False
        return self._file is None or os.fstat(self._file.fileno()).st_ino != now
