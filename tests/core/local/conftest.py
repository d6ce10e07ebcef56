"""Sessions of the plainest driver there is, in ``sleeping.py`` beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyvisor.operations.session import ConnectContext
from polyvisor.uri import URI

sys.path.insert(0, str(Path(__file__).parent))

from sleeping import Heard, SleepSession


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def opened(tmp_path: Path, heard: Heard) -> Iterator[Callable[[], SleepSession]]:
    """Opens sessions on the same directories; only the first one is heard."""
    made: list[SleepSession] = []

    def make() -> SleepSession:
        sink = heard if not made else lambda event: None
        uri = URI("sleep", "/embed", parameters=(("root", str(tmp_path)),))
        session = SleepSession.open(uri, ConnectContext(events=sink))
        session.started = []
        made.append(session)
        return session

    yield make
    for session in made:
        session.watch(False)
        session.close()
        for child in session.started:
            with child:
                child.kill()


@pytest.fixture
def session(opened: Callable[[], SleepSession]) -> SleepSession:
    return opened()
