"""Everything a driver or an extension needs from Polyvisor, in one place.

Third-party plugins import from here, from ``polyvisor.errors``, ``polyvisor.units``, ``polyvisor.uri``,
``polyvisor.model``, ``polyvisor.documents``, ``polyvisor.host``, ``polyvisor.state``, ``polyvisor.local`` and the
subject modules of ``polyvisor.operations`` (for their records). Names with a leading underscore are ours alone.

All of it has a version, :data:`HOOKS_VERSION`, apart from the product's; docs/stability.md says what it promises.
A plugin writes the numbers it was written for into its source, ``hooks_version = (1, 0)``: taking the constant
would make it claim whatever it is run with.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from polyvisor.operations.checkpoints import CheckpointRef
    from polyvisor.operations.consoles import Stream
    from polyvisor.operations.snapshots import SnapshotRef

__all__ = [
    "HOOKS_VERSION",
    "URI",
    "Affect",
    "CheckpointRef",
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
    "SnapshotRef",
    "StateInfo",
    "Stream",
    "hookimpl",
    "lifecycle",
]

_SUBJECTS = {"CheckpointRef": "checkpoints", "SnapshotRef": "snapshots", "Stream": "consoles"}
"""Names whose subjects few drivers have: imported when they are asked for."""


def __getattr__(name: str) -> object:
    if name not in _SUBJECTS:
        from polyvisor.operations.deprecation import moved

        return moved(__name__, name)
    return getattr(import_module(f"polyvisor.operations.{_SUBJECTS[name]}"), name)
