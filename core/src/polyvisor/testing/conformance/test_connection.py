"""Opening, asking about and closing connections."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import ConnectionClosed, InvalidArgument, InvalidURI, PolyvisorError, UnknownScheme
from polyvisor.operations.catalogue import every
from polyvisor.operations.connection import Security, Version, probe_uri
from polyvisor.operations.declaration import HOOKS_VERSION, declared
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain


def test_every_hook_is_as_declared(bench: Bench) -> None:
    assert bench.connection
    assert bench.plugins.verify(bench.driver, every()) == []


def test_the_driver_says_for_which_hooks_it_was_built(bench: Bench) -> None:
    assert bench.driver.plugin.hooks_version[0] == HOOKS_VERSION[0]


@needs("connect.open")
def test_a_connection_knows_what_was_opened(bench: Bench, connection: Connection) -> None:
    assert str(connection.uri).partition(":")[0] == bench.target.uri.partition(":")[0]
    assert connection.driver == bench.driver.name
    assert not connection.closed


@needs("connect.open")
def test_closing_twice_is_harmless(bench: Bench) -> None:
    connection = bench.open()
    connection.close()
    connection.close()
    assert connection.closed


@needs("domain.list")
def test_a_closed_connection_says_so(bench: Bench) -> None:
    connection = bench.open()
    connection.close()
    with pytest.raises(ConnectionClosed):
        connection.list_domains()
    with pytest.raises(ConnectionClosed):
        connection.domain("anybody")


@needs("domain.list")
def test_leaving_the_block_closes(bench: Bench) -> None:
    with bench.open() as connection:
        connection.list_domains()
    assert connection.closed


@needs("domain.list")
def test_one_connection_closes_without_the_other(bench: Bench, connection: Connection) -> None:
    bench.open().close()
    assert isinstance(connection.list_domains(), list)


@needs("domain.state")
def test_guests_go_on_when_a_connection_closes(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.shared, "connections do not share their guests")
    bench.connection.close()
    assert bench.open().domain(uuid=running.uuid).is_active


@needs("start(autodestroy)", "domain.destroy", "domain.lookup")
def test_a_guest_may_end_with_its_connection(bench: Bench, defined: Domain) -> None:
    bench.require(bench.target.shared, "connections do not share their guests")
    owner = bench.open()
    owner.domain(uuid=defined.uuid).start(autodestroy=True)
    assert defined.is_active
    owner.close()
    bench.until(lambda: not defined.is_active, "the end of a guest that was to end with its connection")


@needs("start(autodestroy)", "event.any")
def test_the_end_of_a_guest_with_its_connection_is_told(bench: Bench, defined: Domain) -> None:
    with bench.connection.events() as stream:
        defined.start(autodestroy=True)
        bench.connection.close()
        told = [(event.event, event.detail) for event in stream if event.event]
    assert ("stopped", "destroyed") in told


@needs("connect.open")
def test_an_unknown_parameter_of_the_uri_is_refused(bench: Bench) -> None:
    uri = bench.target.uri
    with pytest.raises(InvalidURI, match="colour"):
        bench.open(f"{uri}{'&' if '?' in uri else '?'}colour=blue")


def test_an_unknown_scheme_is_refused(bench: Bench) -> None:
    with pytest.raises(UnknownScheme):
        bench.open("no-such-hypervisor:///")


@pytest.mark.parametrize("tail", ["://[half", "", "://host:port/"])
def test_what_is_no_uri_is_refused(bench: Bench, tail: str) -> None:
    with pytest.raises(InvalidURI):
        bench.open(bench.target.uri.partition(":")[0] + tail)


def test_a_typo_is_not_a_missing_feature(connection: Connection) -> None:
    with pytest.raises(InvalidArgument, match="did you mean"):
        connection.supports("domain.strat")


def test_what_is_supported_is_what_is_implemented(bench: Bench, connection: Connection) -> None:
    for name in every():
        assert connection.supports(name) == (name in bench.driver.implements)


@needs("connect.type")
def test_the_hypervisor_has_a_name(connection: Connection) -> None:
    name = connection.hypervisor_type()
    assert isinstance(name, str) and name == name.strip() != ""
    assert connection.hypervisor_type() == name


@needs("connect.version")
def test_the_hypervisor_has_a_version(connection: Connection) -> None:
    version = connection.version()
    assert isinstance(version, Version)
    assert min(version.major, version.minor, version.micro) >= 0
    assert (version.major, version.minor, version.micro) != (0, 0, 0)
    assert connection.version() == version


@needs("connect.secure")
def test_what_is_encrypted_is_secure(connection: Connection) -> None:
    found = connection.security()
    assert isinstance(found, Security)
    assert found.secure or not found.encrypted


@needs("connect.alive")
def test_an_open_connection_is_alive(connection: Connection) -> None:
    assert connection.alive() is True


@needs("connect.uri-probe")
def test_the_uri_that_is_found_is_served(bench: Bench) -> None:
    uri = bench.plugins.call(bench.driver, declared(probe_uri), {})
    assert uri == "" or uri.partition(":")[0] in bench.driver.schemes


@needs("connect.uri-probe")
def test_looking_for_a_uri_gives_the_same_each_time(bench: Bench) -> None:
    found = {bench.plugins.call(bench.driver, declared(probe_uri), {}) for _ in range(3)}
    assert len(found) == 1


@needs("connect.features")
def test_features_are_there_or_not(connection: Connection) -> None:
    assert isinstance(connection.has_feature("remote-peer-to-peer"), bool)


@needs("connect.close-event")
def test_nobody_tells_of_the_other_side_when_this_side_closes(bench: Bench) -> None:
    told: list[str] = []
    connection = bench.open()
    connection.watch_close(told.append)
    connection.watch_close(None)
    connection.close()
    assert told == []


@needs("connect.identity")
def test_an_identity_of_nobody_is_refused(connection: Connection) -> None:
    with pytest.raises(PolyvisorError):
        connection.set_identity({"no-such-key": "value"})


@needs("domain.list")
def test_calls_are_counted(connection: Connection) -> None:
    before = connection.metrics().get("list_domains")
    connection.list_domains()
    account = connection.metrics()["list_domains"]
    assert account.calls == (before.calls if before else 0) + 1


@needs("domain.list")
def test_closing_waits_for_calls_under_way(bench: Bench) -> None:
    """Either a call is let through to its end, or it is refused as closed; none sees a half-closed session."""
    connection = bench.open()
    found: list[BaseException] = []
    begun = threading.Event()

    def ask() -> None:
        try:
            while True:
                connection.list_domains()
                begun.set()
        except ConnectionClosed:
            pass
        except BaseException as error:
            found.append(error)
        finally:
            begun.set()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.wait(bench.target.patience)
    connection.close()
    for thread in threads:
        thread.join(bench.target.patience)
        assert not thread.is_alive()
    assert found == []
