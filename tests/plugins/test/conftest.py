"""A connection to the default node for each test, and a way to open others; no configuration files are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.objects.connection import Connection
from polyvisor.objects.domain import Domain

Opener = Callable[..., Connection]


@pytest.fixture
def connect() -> Iterator[Opener]:
    """Opens connections that are closed when the test ends."""
    opened: list[Connection] = []

    def open_one(uri: str = "test:///default", **options: Any) -> Connection:
        options.setdefault("configuration", Configuration())
        opened.append(polyvisor.open(uri, **options))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect: Opener) -> Connection:
    return connect()


@pytest.fixture
def guest(connection: Connection) -> Domain:
    """The running guest of the default node."""
    return connection.domain("test")


@pytest.fixture
def off(guest: Domain) -> Domain:
    """The same guest, shut off."""
    guest.destroy()
    return guest.refresh()


@pytest.fixture
def told(connection: Connection) -> Callable[[], list[tuple[str, str, str]]]:
    """Tells the events since it was asked last, as (kind, event, detail)."""
    stream = connection.events()

    def news() -> list[tuple[str, str, str]]:
        found = []
        while (event := stream.get(timeout=0)) is not None:
            found.append((event.kind.value, event.event, event.detail))
        return found

    return news
