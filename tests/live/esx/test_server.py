"""The tests' own server in front of the simulator keeps what it says: calls the simulator lacks do what the vSphere Web
Services SDK says they do, and answers come in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from simulator import Simulator

import polyvisor
from polyvisor.cli.root import polyvisor as program
from polyvisor.errors import HypervisorError, InvalidArgument, PolyvisorError
from polyvisor.objects.domain import Domain

pytestmark = pytest.mark.live


@pytest.fixture
def session(connection: polyvisor.Connection) -> Any:
    return connection._invoker.session


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    made = connection.define(
        "<domain type='vmware'><name>served</name><description>before</description><memory unit='MiB'>64</memory>"
        "<vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os></domain>"
    )
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine(snapshots_metadata=True)


@pytest.mark.parametrize("mode", ["esx", "vpx"])
def test_answers_come_in_pages(start_simulator: Callable[..., Simulator], mode: str) -> None:
    server = start_simulator(mode, guests=5, page=2)
    with polyvisor.open(server.uri(), credentials=server.credentials) as connection:
        session: Any = connection._invoker.session
        before = session.transport.calls
        rows = connection.list_domains()
        assert len(rows) >= 5
        assert session.transport.calls - before >= len(rows) / 2
        assert len({connection.domain(uuid=row.ref.uuid).xml() for row in rows}) == len(rows)


def test_a_page_is_given_once(session: Any) -> None:
    with pytest.raises(PolyvisorError, match="InvalidProperty"):
        session.content.propertyCollector.ContinueRetrievePropertiesEx(token="42")


def test_a_client_says_how_large_pages_are(session: Any) -> None:
    from pyVmomi import vim, vmodl

    from polyvisor_esx.properties import view_filter

    collector = session.content.propertyCollector
    view = session.content.viewManager.CreateContainerView(
        container=session.content.rootFolder, type=[vim.VirtualMachine], recursive=True
    )
    asked = view_filter(vim.VirtualMachine, ("name",), view)
    options = vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=1)
    page, found = collector.RetrievePropertiesEx(specSet=[asked], options=options), []
    while page.token:
        found += page.objects
        page = collector.ContinueRetrievePropertiesEx(token=page.token)
    found += page.objects
    everything = session.properties(vim.VirtualMachine, ("name",))
    assert len(found) == len({each.obj for each in found}) >= max(2, len(everything))
    first = collector.RetrievePropertiesEx(specSet=[asked], options=options)
    collector.CancelRetrievePropertiesEx(token=first.token)
    with pytest.raises(PolyvisorError, match="InvalidProperty"):
        collector.ContinueRetrievePropertiesEx(token=first.token)


def test_nobody_is_served_without_a_login(server: Simulator) -> None:
    with polyvisor.open(server.uri(), credentials=server.credentials) as connection:
        session: Any = connection._invoker.session
        machine = session.vm(connection.list_domains()[0].ref)
        session.transport.login = None
        session.content.sessionManager.Logout()
        with pytest.raises(PolyvisorError, match="NotAuthenticated"):
            machine.RebootGuest()


def test_a_snapshot_is_renamed(session: Any, guest: Domain) -> None:
    guest.create_snapshot("<domainsnapshot><name>old</name></domainsnapshot>")
    _machine, row = session.read(guest.ref, ("snapshot",))
    row["snapshot"].currentSnapshot.RenameSnapshot(name="new", description="said")
    (found,) = guest.list_snapshots()
    assert (found.name, found.description) == ("new", "said")


def test_a_disk_is_extended_and_never_made_smaller(session: Any) -> None:
    from pyVmomi import vim

    manager = session.content.virtualDiskManager
    place = next(session.inventory.root.all(vim.Datacenter)).reference
    store = next(iter(session.properties(vim.Datastore, ("name",)).values()))["name"]
    name = f"[{store}] extended-{id(session)}.vmdk"
    spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(diskType="thin", adapterType="lsiLogic", capacityKb=1024)
    session.wait(manager.CreateVirtualDisk_Task(name=name, datacenter=place, spec=spec))
    session.wait(manager.ExtendVirtualDisk_Task(name=name, datacenter=place, newCapacityKb=4096))
    with pytest.raises(InvalidArgument, match="newCapacityKb"):
        session.wait(manager.ExtendVirtualDisk_Task(name=name, datacenter=place, newCapacityKb=2048))
    with pytest.raises(HypervisorError, match="FileNotFound"):
        session.wait(manager.ExtendVirtualDisk_Task(name=name + "x", datacenter=place, newCapacityKb=8192))


def test_a_guest_is_migrated_and_its_host_lists_it(start_simulator: Callable[..., Simulator]) -> None:
    from pyVmomi import vim

    server = start_simulator("vpx")
    with polyvisor.open(server.uri(), credentials=server.credentials) as connection:
        session: Any = connection._invoker.session
        ref = connection.domain("DC0_C0_RP0_VM0").ref
        machine, row = session.read(ref, ("runtime.host",))
        hosts = session.properties(vim.HostSystem, ("name", "vm"))
        other = next(host for host, facts in hosts.items() if "C0" in facts["name"] and host != row["runtime.host"])
        session.wait(machine.MigrateVM_Task(host=other, priority="defaultPriority"))
        hosts = session.properties(vim.HostSystem, ("vm",))
        assert [host for host, facts in hosts.items() if machine in facts.get("vm", ())] == [other]


def test_a_task_that_is_held_is_a_job(guest: Domain, server: Simulator, session: Any) -> None:
    guest.start()
    server.hold("CreateSnapshot_Task")
    task = session.vm(guest.ref).CreateSnapshot_Task(name="slow", memory=False, quiesce=False)
    assert guest.job().statistics == {"percent": 40}
    server.release()
    session.wait(task)
    assert [row.name for row in guest.list_snapshots()] == ["slow"]


def test_leftovers_are_joined_by_command(
    guest: Domain, server: Simulator, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", server.password)
    server.leave_behind(session.vm(guest.ref)._GetMoId())
    assert any("consolidated" in each for each in guest.messages())
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    done = CliRunner().invoke(
        program, ["--connect", server.uri(path), "esx", "consolidate", guest.name], prog_name="polyvisor"
    )
    assert done.exit_code == 0, done.output
    assert not any("consolidated" in each for each in guest.messages())
