"""Guests move between the hosts and datastores of a simulated vCenter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from simulator import Simulator

import polyvisor
from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidURI, OperationCancelled, UnsupportedConfiguration
from polyvisor.objects.domain import Domain
from polyvisor.operations.domainjobs import JobOperation, JobType
from polyvisor.operations.migration import MigrationPlan
from polyvisor.services.jobs import Job

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
        told = [events.get(timeout=20), events.get(timeout=20)]
    assert [(event.event, event.detail) for event in told if event] == [
        ("stopped", "migrated"),
        ("undefined", "removed"),
    ]


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


# -- under way ------------------------------------------------------------------------------------------------------


@pytest.fixture
def under_way(guest: Domain, center: Simulator) -> Iterator[Job[Any]]:
    """A migration to another host that is at 40 per cent."""
    center.hold("RelocateVM_Task")
    job: Job[Any] = Job("migration")
    with ThreadPoolExecutor(1) as threads:
        threads.submit(guest.migrate, elsewhere(guest), job=job)
        assert job.wait_for(lambda progress: progress.done > 0, 20)
        yield job
        center.release()


def test_progress_is_told_to_who_migrates_and_to_who_asks(
    under_way: Job[Any], guest: Domain, center: Simulator
) -> None:
    before = host_of(guest)
    assert (under_way.current.done, under_way.current.total, under_way.current.unit) == (40, 100, "percent")
    found = guest.job()
    assert (found.type, found.operation) == (JobType.BOUNDED, JobOperation.MIGRATION_OUT)
    assert found.statistics == {"percent": 40}
    center.release()
    under_way.result()
    assert host_of(guest) != before


def test_a_migration_that_is_given_up_leaves_the_guest_where_it_was(under_way: Job[Any], guest: Domain) -> None:
    before = host_of(guest)
    under_way.cancel()
    with pytest.raises(OperationCancelled):
        under_way.result()
    assert host_of(guest) == before
    assert guest.state().state.active


def test_others_may_end_a_migration(under_way: Job[Any], guest: Domain, center: Simulator) -> None:
    before = host_of(guest)
    with polyvisor.open(center.uri(), credentials=center.credentials) as other:
        other.domain(uuid=guest.uuid).abort_job()
    with pytest.raises(OperationCancelled):
        under_way.result()
    assert host_of(guest) == before
    assert guest.state().state.active


def test_names_do_not_meet_on_a_host(guest: Domain, connection: polyvisor.Connection) -> None:
    """Guests of one name can be in different folders of a vCenter, but not on one host of ours."""
    from pyVmomi import vim

    session: Any = connection._invoker.session
    target, place = elsewhere(guest), session.inventory
    host = next(each for each in place.root.all(vim.HostSystem) if each.name == target)
    compute, center = place.above(host, vim.ComputeResource), place.above(host, vim.Datacenter)
    pool = session.properties(vim.ComputeResource, ("resourcePool",), [compute.reference])[compute.reference]
    folders = session.properties(vim.Datacenter, ("vmFolder",), [center.reference])[center.reference]
    folder = folders["vmFolder"].CreateFolder(name="namesakes")
    spec = vim.vm.ConfigSpec(name=guest.name, files=vim.vm.FileInfo(vmPathName="[LocalDS_0]"))
    task = folder.CreateVM_Task(config=spec, pool=pool["resourcePool"], host=host.reference)
    namesake, before = session.wait(task), host_of(guest)
    try:
        with pytest.raises(AlreadyExists, match=guest.name):
            guest.migrate(target)
        assert host_of(guest) == before
    finally:
        namesake.UnregisterVM()
        session.wait(folder.Destroy_Task())


@pytest.mark.parametrize("option", ["post_copy", "auto_converge", "zero_copy", "paused", "tls"])
def test_a_way_that_vmware_does_not_go_is_refused(guest: Domain, option: str) -> None:
    before = host_of(guest)
    with pytest.raises(UnsupportedConfiguration, match=option):
        guest.migrate(elsewhere(guest), plan=MigrationPlan(**{option: True}))  # type: ignore[arg-type]
    assert host_of(guest) == before
