"""Run-time status of objects: small JSON files in a directory that a reboot empties."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from polyvisor.errors import InvalidArgument, StateError
from polyvisor.state.atomic import sweep, write_atomic
from polyvisor.state.disk import Disk, make_private_directory, reported
from polyvisor.state.locks import remove_unused

_SUFFIX = ".json"
_LOCK_SUFFIX = ".lock"


class Records:
    """Status files ``UUID.json`` and lock files ``UUID.lock`` in one directory."""

    def __init__(self, directory: str, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk

    def lock_path(self, uuid: UUID) -> str:
        return f"{self._directory}/{uuid}{_LOCK_SUFFIX}"

    def write(self, uuid: UUID, status: Mapping[str, Any]) -> None:
        try:
            data = json.dumps(status, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"the status of {uuid} cannot be kept as JSON: {error}") from error
        if not os.path.isdir(self._directory):
            make_private_directory(self._directory)
        write_atomic(self._path(uuid), data, durable=False, disk=self._disk)

    def read(self, uuid: UUID) -> dict[str, Any] | None:
        path = self._path(uuid)
        with reported("read", path):
            try:
                with open(path, "rb") as file:
                    data = file.read()
            except FileNotFoundError:
                return None
        try:
            return dict(json.loads(data))
        except (ValueError, TypeError) as error:
            raise StateError(
                f"the status file {path} is damaged: {error}", hint="remove it when the object does not run"
            ) from error

    def remove(self, uuid: UUID) -> None:
        path = self._path(uuid)
        with reported("remove", path):
            try:
                self._disk.remove(path)
            except FileNotFoundError:
                pass  # gone is what was wanted

    def uuids(self) -> set[UUID]:
        with reported("read", self._directory):
            try:
                names = os.listdir(self._directory)
            except FileNotFoundError:
                return set()
        return set(uuids(names, _SUFFIX))

    def recover(self, kept: Container[str]) -> list[str]:
        """Remove unfinished files, and locks of objects that are not ``kept`` and do not run."""
        done = [f"removed the unfinished status file {name}" for name in sweep(self._directory, disk=self._disk)]
        running = self.uuids()
        for uuid in uuids(os.listdir(self._directory) if os.path.isdir(self._directory) else (), _LOCK_SUFFIX):
            if str(uuid) not in kept and uuid not in running:
                remove_unused(self.lock_path(uuid))
        return done

    def _path(self, uuid: UUID) -> str:
        return f"{self._directory}/{uuid}{_SUFFIX}"


def uuids(names: Iterable[str], suffix: str = "") -> Iterator[UUID]:
    """The UUIDs of the files named ``UUID`` + ``suffix``; other names are passed over."""
    length = 36 + len(suffix)
    for name in names:
        if len(name) == length and name.endswith(suffix):
            try:
                yield UUID(name[:36])
            except ValueError:
                continue  # a file of somebody else's
