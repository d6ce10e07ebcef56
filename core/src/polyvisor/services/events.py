"""Events from drivers to whoever listens.

The hub is the driver's event sink. Each listener has a bounded queue of its own: a slow listener loses its oldest
events and is told how many, a driver never waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from types import TracebackType

from polyvisor.errors import ConnectionClosed
from polyvisor.operations.events import Event, EventKind

Filter = Callable[[Event], bool]

DEFAULT_CAPACITY = 4096
"""Events a listener may be behind before it loses the oldest."""


class EventStream:
    """One listener's events, oldest first. Iterate it, or take them with :meth:`get`; close it when done.

    When events were lost, the next one taken is of kind ``dropped`` with their number in ``data["count"]``.
    Iteration ends when the stream or its connection is closed.
    """

    def __init__(self, hub: EventHub, wanted: Filter, capacity: int) -> None:
        self._hub = hub
        self._wanted = wanted
        self._queue: deque[Event] = deque()
        self._capacity = capacity
        self._dropped = 0
        self._closed = False
        self._arrival = threading.Condition()

    def _offer(self, event: Event) -> None:
        if not self._wanted(event):
            return
        with self._arrival:
            if len(self._queue) >= self._capacity:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(event)
            self._arrival.notify()

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; None if none came within ``timeout`` seconds (None waits for ever).

        Raises ConnectionClosed once the stream is closed and empty."""
        with self._arrival:
            self._arrival.wait_for(lambda: self._queue or self._dropped or self._closed, timeout)
            if self._dropped:
                lost, self._dropped = self._dropped, 0
                return Event(EventKind.DROPPED, data={"count": lost}, when=time.time())
            if self._queue:
                return self._queue.popleft()
            if self._closed:
                raise ConnectionClosed("the event stream is closed")
            return None

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        try:
            event = self.get()
        except ConnectionClosed:
            raise StopIteration from None
        assert event is not None
        return event

    def close(self) -> None:
        """Stop listening. What is queued can still be taken."""
        self._hub.forget(self)
        with self._arrival:
            self._closed = True
            self._arrival.notify_all()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EventHub:
    """Hands every event to every listener. Called by drivers from any thread; never blocks, never raises.

    ``watch`` is called with True before the first listener is served and with False after the last one has gone,
    so that drivers watch their hypervisor only while somebody wants to know.
    """

    def __init__(self) -> None:
        self.watch: Callable[[bool], None] = lambda enabled: None
        self._streams: tuple[EventStream, ...] = ()
        self._lock = threading.RLock()
        self._closed = False

    def __call__(self, event: Event, /) -> None:
        for stream in self._streams:
            stream._offer(event)

    def listen(
        self,
        *,
        kinds: Collection[EventKind] | None = None,
        domain: str | None = None,
        capacity: int = DEFAULT_CAPACITY,
    ) -> EventStream:
        """A new stream of events: of ``kinds``, about the domain with the name or UUID ``domain``; None means all."""
        wanted_kinds = None if kinds is None else frozenset(kinds)

        def wanted(event: Event) -> bool:
            if wanted_kinds is not None and event.kind not in wanted_kinds:
                return False
            return domain is None or (
                event.domain is not None and domain in (event.domain.name, str(event.domain.uuid))
            )

        stream = EventStream(self, wanted, max(1, capacity))
        with self._lock:
            if self._closed:
                raise ConnectionClosed("the connection is closed")
            first = not self._streams
            self._streams = (*self._streams, stream)
            if first:
                try:
                    self.watch(True)
                except BaseException:
                    self._streams = ()
                    raise
        return stream

    @property
    def listening(self) -> bool:
        """Whether anybody listens."""
        return bool(self._streams)

    def forget(self, stream: EventStream) -> None:
        """Hand no more events to ``stream``."""
        with self._lock:
            if stream not in self._streams:
                return
            self._streams = tuple(other for other in self._streams if other is not stream)
            if not self._streams:
                self.watch(False)

    def close(self) -> None:
        """End every stream."""
        with self._lock:
            self._closed = True
        for stream in self._streams:
            stream.close()
