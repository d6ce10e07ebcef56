"""Guests move between the hosts and datastores of a simulated vCenter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simulator import Simulator

import polyvisor
from polyvisor.errors import InvalidArgument, InvalidURI, UnsupportedConfiguration
from polyvisor.objects.domain import Domain
from polyvisor.operations.migration import MigrationPlan

pytestmark = pytest.mark.live

CLUSTER = "DC0/DC0_C0"


@pytest.fixture(scope="module")
def center(start_simulator: Callable[[str], Simulator]) -> Simulator:
    return start_simulator("vpx")


@pytest.fixture
def connection(center: Simulator) -> Iterator[polyvisor.Connection]:
    with polyvisor.open(center.uri(), credentials=center.credentials) as opened:
        yield opened


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Domain:
    """One that runs on a host of the cluster."""
    name = next(row.name for row in connection.list_domains(active=True) if row.name.startswith("DC0_C0"))
    return connection.domain(name=name)


def host_of(guest: Domain) -> str:
    session: Any = guest.connection._invoker.session
    _machine, row = session.read(guest.ref, ("runtime.host",))
    return str(session.inventory.places[row["runtime.host"]].name)


def elsewhere(guest: Domain) -> str:
    """A host of the cluster that the guest is not on."""
    return "DC0_C0_H1" if host_of(guest) != "DC0_C0_H1" else "DC0_C0_H2"


@pytest.mark.parametrize("written", ["{host}", CLUSTER + "/{host}", "uri"])
def test_a_running_guest_moves_to_a_host(guest: Domain, center: Simulator, written: str) -> None:
    target = elsewhere(guest)
    destination = center.uri(f"{CLUSTER}/{target}") if written == "uri" else written.format(host=target)
    guest.migrate(destination)
    assert host_of(guest) == target
    assert guest.state().state.active


def test_a_guest_that_moved_away_is_told_gone(guest: Domain, center: Simulator) -> None:
    before = center.uri(f"{CLUSTER}/{host_of(guest)}")
    with (
        polyvisor.open(before, credentials=center.credentials) as watching,
        watching.events(domain=str(guest.uuid)) as events,
    ):
        guest.migrate(elsewhere(guest))
        event = events.get(timeout=20)
    assert event is not None and event.event == "undefined"


def test_files_move_to_a_datastore(guest: Domain) -> None:
    plan = MigrationPlan(options={"datastore": "LocalDS_0"})
    guest.migrate("", plan=plan)
    assert guest.state().state.active


@pytest.mark.parametrize(
    ("destination", "plan", "error", "words"),
    [
        ("nowhere", None, InvalidArgument, "nowhere"),
        ("vpx://elsewhere/DC0/DC0_C0/DC0_C0_H0", None, InvalidURI, "another server"),
        ("", None, InvalidArgument, "already"),
        ("", MigrationPlan(options={"datastore": "none"}), InvalidArgument, "LocalDS_0"),
        ("DC0_C0_H0", MigrationPlan(post_copy=True), UnsupportedConfiguration, "post_copy"),
        ("DC0_C0_H0", MigrationPlan(copy_storage="all"), UnsupportedConfiguration, "datastore"),
        ("DC0_C0_H0", MigrationPlan(options={"speed": 1}), InvalidArgument, "speed"),
    ],
)
def test_what_vmware_cannot_do_is_refused(
    guest: Domain, destination: str, plan: MigrationPlan | None, error: type, words: str
) -> None:
    before = host_of(guest)
    with pytest.raises(error, match=words):
        guest.migrate(destination, plan=plan)
    assert host_of(guest) == before


def test_a_single_host_moves_nothing(start_simulator: Callable[[str], Simulator]) -> None:
    server = start_simulator("esx")
    with polyvisor.open(server.uri(), credentials=server.credentials) as connection:
        guest = connection.domain(name=connection.list_domains()[0].name)
        with pytest.raises(UnsupportedConfiguration, match="single host"):
            guest.migrate("other")
