"""Listening to a connection in a test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from polyvisor.operations.events import Event, EventKind, Lifecycle

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain
    from polyvisor.services.events import EventStream


class Told(NamedTuple):
    """A lifecycle event, without whose and when."""

    event: str
    detail: str


class Heard:
    """The events of a connection, waited for with a deadline."""

    def __init__(self, stream: EventStream, patience: float) -> None:
        self.stream = stream
        self.patience = patience

    def next(self, *kinds: EventKind, of: Domain | None = None) -> Event:
        """The next event of one of ``kinds`` (any when there are none), of that guest if one is named."""
        found = self._next(time.monotonic() + self.patience, kinds, of.uuid if of else None)
        assert found is not None, f"no event {', '.join(kinds) or 'at all'} came within {self.patience} s"
        return found

    def take(self, count: int, *kinds: EventKind, of: Domain | None = None) -> list[Event]:
        """The next ``count`` events; as :meth:`next`."""
        return [self.next(*kinds, of=of) for _ in range(count)]

    def lifecycle(self, count: int, of: Domain | None = None) -> list[Told]:
        """The next ``count`` lifecycle events as pairs of event and detail.

        Leaves out ``shutdown``, which says that a guest that is going to stop was asked to: not every hypervisor
        can tell."""
        deadline = time.monotonic() + self.patience
        found: list[Told] = []
        while len(found) < count:
            event = self._next(deadline, (EventKind.LIFECYCLE,), of.uuid if of else None)
            assert event is not None, f"{count} lifecycle events ought to come, and there were only {found}"
            if event.event != Lifecycle.SHUTDOWN:
                found.append(Told(event.event, event.detail))
        return found

    def rest(self, *kinds: EventKind) -> list[Event]:
        """What has been told and not taken yet, without waiting for more."""
        found = []
        while (event := self._next(time.monotonic(), kinds, None)) is not None:
            found.append(event)
        return found

    def _next(self, deadline: float, kinds: tuple[EventKind, ...], uuid: UUID | None) -> Event | None:
        while (event := self.stream.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
            if kinds and event.kind not in kinds:
                continue
            if uuid is None or (event.domain is not None and event.domain.uuid == uuid):
                return event
        return None
