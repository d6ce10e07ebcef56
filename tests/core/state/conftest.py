"""Disks that fail on purpose, and a store to try them on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polyvisor.state import Disk, ObjectStore, Paths


class Killed(BaseException):
    """The process died here, as far as the store can tell."""


class DyingDisk(Disk):
    """Dies at step ``last``: ``before`` it, ``after`` it, or (a write) with half of it done; then it is dead."""

    def __init__(self, last: int, manner: str = "before", die: Callable[[], None] | None = None) -> None:
        self.left = last
        self.manner = manner
        self.dead = False
        self.die = die

    def _step(self, real: Callable[[], Any]) -> Any:
        if self.dead:
            raise Killed
        self.left -= 1
        if self.left >= 0:
            return real()
        self.dead = True
        if self.manner == "after":
            real()
        if self.die:
            self.die()
        raise Killed

    def create(self, path: str, mode: int) -> int:
        return self._step(lambda: super(DyingDisk, self).create(path, mode))

    def write(self, descriptor: int, data: bytes) -> None:
        if self.left == 0 and not self.dead and self.manner == "torn":
            super().write(descriptor, data[: len(data) // 2])
        self._step(lambda: super(DyingDisk, self).write(descriptor, data))

    def sync(self, descriptor: int) -> None:
        self._step(lambda: super(DyingDisk, self).sync(descriptor))

    def replace(self, source: str, target: str) -> None:
        self._step(lambda: super(DyingDisk, self).replace(source, target))

    def remove(self, path: str) -> None:
        self._step(lambda: super(DyingDisk, self).remove(path))

    def resize(self, descriptor: int, size: int) -> None:
        self._step(lambda: super(DyingDisk, self).resize(descriptor, size))

    def sync_directory(self, path: str) -> None:
        self._step(lambda: super(DyingDisk, self).sync_directory(path))


class FailingDisk(Disk):
    """One kind of step fails with an error number, the first time or always."""

    def __init__(self, step: str, number: int, *, always: bool = False) -> None:
        real = getattr(self, step)

        def fail(*_: object) -> None:
            if not always:
                setattr(self, step, real)
            raise OSError(number, os.strerror(number))

        setattr(self, step, fail)


MANNERS = ("before", "torn", "after")


@pytest.fixture
def dying() -> type[DyingDisk]:
    return DyingDisk


@pytest.fixture
def killed() -> type[Killed]:
    return Killed


@pytest.fixture
def full_disk() -> Disk:
    return FailingDisk("write", errno.ENOSPC)


@pytest.fixture
def failing() -> type[FailingDisk]:
    return FailingDisk


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.embedded("acme", tmp_path)


@pytest.fixture
def store(paths: Paths) -> ObjectStore:
    return ObjectStore(paths)


@pytest.fixture
def each_death() -> Callable[[], Iterator[tuple[int, str]]]:
    """Every step an operation can have, with every way to die there; far more steps than any operation takes."""
    return lambda: ((step, manner) for step in range(16) for manner in MANNERS)
