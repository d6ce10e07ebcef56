"""The fixtures that conformance tests take; :mod:`polyvisor.testing` lists them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import PolyvisorError, UnsupportedOperation
from polyvisor.plugins import Plugins
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs_of
from polyvisor.testing.report import note_driver, note_needs
from polyvisor.testing.target import Target, find_target

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(*capabilities): for drivers that have all of these capabilities, operations, options"
    )


_BENCH: pytest.StashKey[Bench] = pytest.StashKey()


@contextmanager
def _excusing(item: pytest.Item) -> Iterator[None]:
    """A test that meets an operation that the driver lacks is no test of that driver, whatever it says it needs."""
    try:
        yield
    except UnsupportedOperation as refusal:
        if _BENCH in item.stash:
            item.stash[_BENCH].excuse(refusal)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with _excusing(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with _excusing(item):
        yield


@pytest.fixture(scope="session")
def polyvisor_target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """The hypervisor to be asked. Tests of a project may have a fixture of this name of its own."""
    config = request.config
    scratch = tmp_path_factory.mktemp("target")
    named: Target | None = config.hook.pytest_polyvisor_target(scratch=scratch)
    if named is not None:
        return named
    try:
        return find_target(config.getoption("--polyvisor-uri"), config.getoption("--polyvisor-target"), scratch)
    except PolyvisorError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def polyvisor_plugins(polyvisor_target: Target) -> Plugins:
    """The registry that every test opens its connections with, so that the driver is loaded once."""
    return polyvisor_target.plugins or Plugins()


@pytest.fixture
def target(polyvisor_target: Target) -> Target:
    """The hypervisor that is asked."""
    return polyvisor_target


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, polyvisor_target: Target, polyvisor_plugins: Plugins, tmp_path: Path
) -> Iterator[Bench]:
    """A driver that meets what the test needs, as clean afterwards as before."""
    found = Bench(polyvisor_target, polyvisor_plugins, tmp_path)
    request.node.stash[_BENCH] = found
    note_driver(request.node, found)
    found.noted = lambda needed: note_needs(request.node, needed)
    found.need(*needs_of(request.node))
    if polyvisor_target.reset:
        polyvisor_target.reset(found.connection)
    before = found.present()
    try:
        yield found
    finally:
        found.clear(before)


@pytest.fixture
def connection(bench: Bench) -> Connection:
    """The connection of this test."""
    return bench.connection


@pytest.fixture
def second_connection(bench: Bench) -> Connection:
    """Another connection that sees the same guests."""
    bench.require(bench.target.shared, "connections do not share their guests")
    assert bench.connection
    return bench.open()


@pytest.fixture
def read_only(bench: Bench) -> Connection:
    """A read-only connection that sees the same guests."""
    bench.require(bench.target.shared, "connections do not share their guests")
    assert bench.connection
    return bench.open(readonly=True)


@pytest.fixture
def make_guest(bench: Bench) -> Callable[..., Domain]:
    """Defines guests that are off: ``make_guest(name=None, *, extra="", devices="")``."""
    return bench.define


@pytest.fixture
def defined(bench: Bench) -> Domain:
    """A guest that is off."""
    return bench.define()


@pytest.fixture
def running(bench: Bench, defined: Domain) -> Domain:
    """A guest that runs."""
    return bench.start(defined)


@pytest.fixture
def scratch(bench: Bench) -> Path:
    """A directory that both the test and the hypervisor can read and write."""
    bench.require(bench.target.local, "the hypervisor does not see the files of this host")
    return bench.scratch


@pytest.fixture
def events(bench: Bench) -> Iterator[Heard]:
    """What the connection tells, from the moment the fixture is made: name it last to hear the test only."""
    bench.need("event.any")
    with bench.connection.events() as stream:
        yield Heard(stream, bench.target.patience)
