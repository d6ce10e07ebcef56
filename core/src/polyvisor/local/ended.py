"""Why guests that do not run ended: a file for each, the reason in its name, so a table reads no file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.state import make_private_directory, reported, write_atomic

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession


def reasons(session: LocalSession[Any]) -> dict[UUID, str]:
    """The reason by guest, spelt as in :data:`polyvisor.operations.records.REASONS`; one directory scan."""
    return {UUID(name[:36]): name[37:].replace("-", " ") for name in _names(_directory(session)) if _noted(name)}


def reason(session: LocalSession[Any], uuid: UUID) -> str:
    """Why that guest ended, ``unknown`` when it never ran since the host came up."""
    return reasons(session).get(uuid, "unknown")


def remember(session: LocalSession[Any], uuid: UUID, reason: str, details: dict[str, Any] | None = None) -> None:
    """Note why a guest ended, and in ``details`` what else there is to know of it (kept as JSON)."""
    directory = _directory(session)
    make_private_directory(directory)
    path = f"{directory}/{uuid}.{reason.replace(' ', '-')}"
    write_atomic(path, json.dumps(details).encode() if details else b"", durable=False)
    _drop(directory, uuid, keep=path)


def details(session: LocalSession[Any], uuid: UUID) -> dict[str, Any]:
    """What is known of the end of that guest beside its reason; nothing where nothing was noted."""
    directory = _directory(session)
    for name in _names(directory):
        if name.startswith(f"{uuid}."):
            with reported("read", directory), open(f"{directory}/{name}", "rb") as file:
                found: dict[str, Any] = json.loads(file.read() or b"{}")
                return found
    return {}


def forget(session: LocalSession[Any], uuid: UUID) -> None:
    """The guest runs again, or is no more."""
    _drop(_directory(session), uuid)


def _noted(name: str) -> bool:
    """Whether a file is a note and not one that is being written."""
    return len(name) > 37 and name[36] == "." and not name.startswith(".")


def _drop(directory: str, uuid: UUID, keep: str = "") -> None:
    for name in _names(directory):
        path = f"{directory}/{name}"
        if name.startswith(str(uuid)) and path != keep:
            with reported("remove", path):
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    pass  # another process was quicker


def _directory(session: LocalSession[Any]) -> str:
    return f"{session.paths.run}/ended"


def _names(directory: str) -> list[str]:
    with reported("read", directory):
        try:
            return os.listdir(directory)
        except FileNotFoundError:
            return []
