"""Everything a driver or an extension needs from Polyvisor, in one place.

Third-party plugins import from here, from ``polyvisor.errors``, ``polyvisor.units``, ``polyvisor.uri``,
``polyvisor.model``, ``polyvisor.documents``, ``polyvisor.host``, ``polyvisor.state`` and the subject modules of
``polyvisor.operations`` (for their records). Names with a leading underscore are ours alone.
"""

from polyvisor.operations.declaration import HOOKS_VERSION, hookimpl
from polyvisor.operations.events import Event, EventKind, Lifecycle, lifecycle
from polyvisor.operations.jobs import JobControl, Progress
from polyvisor.operations.records import (
    Affect,
    Column,
    DomainRef,
    DomainRow,
    DomainState,
    StateInfo,
)
from polyvisor.operations.session import ConnectContext, EventSink, Session
from polyvisor.uri import URI

__all__ = [
    "HOOKS_VERSION",
    "URI",
    "Affect",
    "Column",
    "ConnectContext",
    "DomainRef",
    "DomainRow",
    "DomainState",
    "Event",
    "EventKind",
    "EventSink",
    "JobControl",
    "Lifecycle",
    "Progress",
    "Session",
    "StateInfo",
    "hookimpl",
    "lifecycle",
]
