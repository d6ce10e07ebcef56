"""Simulated servers and connections to them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyvisor

sys.path.append(str(Path(__file__).parent / "vcsim"))
import simulator
from simulator import Simulator

Start = Callable[..., Simulator]


@pytest.fixture(scope="session")
def start_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts servers that end with the test run: ``start_simulator("vpx", guests=100)``."""
    running: list[Simulator] = []

    def start(mode: str, **options: int) -> Simulator:
        try:
            running.append(simulator.start(mode, tmp_path_factory.mktemp(mode), **options))
        except simulator.Absent as missing:
            pytest.skip(str(missing))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture(scope="session", params=["esx", "vpx"])
def server(request: pytest.FixtureRequest, start_simulator: Start) -> Simulator:
    """A single host, and a vCenter."""
    return start_simulator(request.param)


@pytest.fixture
def connection(server: Simulator) -> Iterator[polyvisor.Connection]:
    """A connection to a server: to its first host, as one manages guests."""
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    with polyvisor.open(server.uri(path), credentials=server.credentials) as opened:
        yield opened
