"""Why guests that do not run ended: one empty file a guest, the reason in its name, so a table reads no file."""

from __future__ import annotations

import os
from uuid import UUID

from polyvisor.state.disk import make_private_directory, reported
from polyvisor_qemu.session import QemuSession


def reasons(session: QemuSession) -> dict[UUID, str]:
    """The reason by guest, spelt as in :data:`polyvisor.operations.records.REASONS`; one directory scan."""
    return {UUID(name[:36]): name[37:].replace("-", " ") for name in _names(_directory(session)) if len(name) > 37}


def reason(session: QemuSession, uuid: UUID) -> str:
    """Why that guest ended, ``unknown`` when it never ran since the host came up."""
    return reasons(session).get(uuid, "unknown")


def remember(session: QemuSession, uuid: UUID, reason: str) -> None:
    """Note why a guest ended."""
    directory = _directory(session)
    make_private_directory(directory)
    path = f"{directory}/{uuid}.{reason.replace(' ', '-')}"
    with reported("write", path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    _drop(directory, uuid, keep=path)


def forget(session: QemuSession, uuid: UUID) -> None:
    """The guest runs again, or is no more."""
    _drop(_directory(session), uuid)


def _drop(directory: str, uuid: UUID, keep: str = "") -> None:
    for name in _names(directory):
        path = f"{directory}/{name}"
        if name.startswith(str(uuid)) and path != keep:
            with reported("remove", path):
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    pass  # another process was quicker


def _directory(session: QemuSession) -> str:
    return f"{session.paths.run}/ended"


def _names(directory: str) -> list[str]:
    with reported("read", directory):
        try:
            return os.listdir(directory)
        except FileNotFoundError:
            return []
