"""What a driver's ``connect`` returns and every later call is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from polyvisor.operations.events import Event
    from polyvisor.uri import URI


class EventSink(Protocol):
    """Where a driver puts what happened. Never blocks, never raises, callable from any thread."""

    def __call__(self, event: Event, /) -> None: ...


@dataclass(frozen=True, slots=True)
class ConnectContext:
    """What the core hands to ``connect`` beside the URI.

    :param events: sink for this session's events.
    :param read_only: the caller promised not to change anything; the core enforces it, a driver may use it
        to ask its hypervisor for less.
    :param settings: the driver's own table of the configuration file (``[drivers.qemu]``).
    :param credentials: asks the caller for credentials; called with the names of what is needed
        (``("username", "password")``) and a prompt, returns them by name. None when nobody can be asked.
    """

    events: EventSink
    read_only: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    credentials: Callable[[tuple[str, ...], str], Mapping[str, str]] | None = None


class Session:
    """One open connection, seen from the driver. Drivers subclass it and keep there what the connection needs.

    A session is used from several threads at once. ``close`` is called once, after the last call has returned.
    """

    def __init__(self, uri: URI, context: ConnectContext) -> None:
        self.uri = uri
        self.events = context.events
        self.read_only = context.read_only
        self.settings = context.settings

    def close(self) -> None:
        """Release what the session holds. Guests are left as they are."""
