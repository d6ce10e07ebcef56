"""Having a driver watch for what happens to domains."""

from __future__ import annotations

from polyvisor.errors import HypervisorError
from polyvisor.operations.declaration import operation
from polyvisor.operations.session import Session


@operation(capability="event.any", permission="connect:search_domains", raises=(HypervisorError,))
def watch_events(session: Session, enabled: bool) -> None:
    """Begin to report what happens to domains, whoever causes it, or end that.

    The core calls it with True when a connection gets its first listener, and with False when the last one has
    gone. In between every event goes to ``session.events``: those of this session's own calls, of other processes
    and of guests themselves, each once and those of a domain in order. When this returns, nothing that happens
    later is missed. A driver that would have to poll or to keep a thread for it does so only in between.

    A driver may report events of its own session's calls at any time; without this operation a connection has no
    others, and ``supports("event.any")`` says so."""
    raise NotImplementedError
