"""Copies of guests of simulated servers, templates, guests that go with their files, tickets for their screens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from click.testing import CliRunner
from simulator import Simulator

import polyvisor
from polyvisor.cli.root import polyvisor as program
from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidState,
    NoSuchDomain,
    OperationCancelled,
    UnsupportedConfiguration,
)
from polyvisor.objects.domain import Domain
from polyvisor.operations.domainjobs import JobType
from polyvisor.services.jobs import Job
from polyvisor_esx import clones, tickets

pytestmark = pytest.mark.live

NUMBERS = count()


@pytest.fixture(scope="module")
def center(start_simulator: Callable[..., Simulator]) -> Simulator:
    return start_simulator("vpx", guests=1)


@pytest.fixture
def connection(center: Simulator) -> Iterator[polyvisor.Connection]:
    with polyvisor.open(center.uri("DC0"), credentials=center.credentials) as opened:
        yield opened


@pytest.fixture
def session(connection: polyvisor.Connection) -> Any:
    return connection._invoker.session


@pytest.fixture
def guest(connection: polyvisor.Connection, session: Any) -> Iterator[Domain]:
    """A guest with a disk of its own, and a description. What is copied from it goes with it."""
    yield connection.domain("DC0_C0_RP0_VM0")
    for each in connection.list_domains():
        if each.name.startswith("copy-"):
            connection.domain(each.name).undefine(snapshots_metadata=True)


@pytest.fixture
def name() -> str:
    return f"copy-{next(NUMBERS)}"


def disks(guest: Domain) -> list[str]:
    found: Any = guest.config().devices
    return [disk.source.file for disk in found.disks if disk.device == "disk"]


def test_a_copy_is_a_guest_of_its_own(connection: polyvisor.Connection, session: Any, guest: Domain, name: str) -> None:
    before = guest.xml()
    made = connection.domain(uuid=clones.clone(session, guest.ref, name).uuid)
    assert (made.name, made.state().state.active) == (name, False)
    assert made.uuid != guest.uuid
    assert made.config().memory_kib == guest.config().memory_kib
    assert disks(made) and not set(disks(made)) & set(disks(guest))
    assert guest.xml() == before


def test_a_copy_goes_where_it_was_asked_to(session: Any, guest: Domain, name: str) -> None:
    from pyVmomi import vim

    made = clones.clone(session, guest.ref, name, host="DC0_C0_H2", datastore="LocalDS_0")
    machine, row = session.read(made, ("runtime.host",))
    assert session.inventory.places[row["runtime.host"]].name == "DC0_C0_H2"
    hosts = session.properties(vim.HostSystem, ("name", "vm"))
    assert [each["name"] for each in hosts.values() if machine in each.get("vm", ())] == ["DC0_C0_H2"]


def test_a_linked_copy_stands_on_a_snapshot(session: Any, guest: Domain, name: str) -> None:
    with pytest.raises(InvalidState, match="no snapshot"):
        clones.clone(session, guest.ref, name, linked=True)
    snapshot = guest.create_snapshot("<domainsnapshot><name>base</name></domainsnapshot>")
    try:
        made = clones.clone(session, guest.ref, name, linked=True)
        _machine, row = session.read(made, ("config.hardware.device",))
        parents = [each.backing.parent for each in row["config.hardware.device"] if hasattr(each.backing, "parent")]
        assert [each.fileName for each in parents if each] == disks(guest)
    finally:
        snapshot.delete()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"host": "nowhere"}, InvalidArgument, "nowhere"),
        ({"datastore": "none"}, InvalidArgument, "LocalDS_0"),
    ],
)
def test_what_is_not_there_is_named(
    session: Any, guest: Domain, name: str, options: Any, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        clones.clone(session, guest.ref, name, **options)
    with pytest.raises(AlreadyExists):
        clones.clone(session, guest.ref, guest.name)


class Impatient(Job[None]):
    """A job that is given up when it is first heard of."""

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        super().progress(done, total, unit=unit, phase=phase)
        self.cancel()


def test_a_copy_may_be_given_up(
    center: Simulator, connection: polyvisor.Connection, session: Any, guest: Domain, name: str
) -> None:
    center.hold("CloneVM_Task")
    job = Impatient()
    with pytest.raises(OperationCancelled):
        clones.clone(session, guest.ref, name, job)
    assert (job.current.done, job.current.total, job.current.unit) == (40, 100, "percent")
    with pytest.raises(NoSuchDomain):
        connection.domain(name)


def test_a_template_is_copied_and_not_started(
    connection: polyvisor.Connection, session: Any, guest: Domain, name: str
) -> None:
    template = connection.domain(uuid=clones.clone(session, guest.ref, name, template=True).uuid)
    assert clones.is_template(session, template.ref)
    with pytest.raises(InvalidState, match="is a template"):
        template.start()
    copy = connection.domain(uuid=clones.clone(session, template.ref, f"copy-{next(NUMBERS)}").uuid)
    copy.start()
    copy.destroy()
    assert clones.set_template(session, template.ref, False)
    assert not clones.set_template(session, template.ref, False)
    template.start()
    with pytest.raises(InvalidState, match="running"):
        clones.set_template(session, template.ref, True)
    template.destroy()


def test_a_single_host_copies_nothing(start_simulator: Callable[..., Simulator]) -> None:
    server = start_simulator("esx")
    with polyvisor.open(server.uri(), credentials=server.credentials) as host:
        session: Any = host._invoker.session
        ref = host.list_domains()[0].ref
        with pytest.raises(UnsupportedConfiguration, match="single host"):
            clones.clone(session, ref, "copy")
        with pytest.raises(UnsupportedConfiguration, match="single host"):
            clones.set_template(session, ref, True)


# -- commands -------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(center: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs ``polyvisor esx ...`` and returns what it says as JSON."""
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", center.password)

    def do(*words: str, refused: str = "", options: tuple[str, ...] = ("--json",)) -> Any:
        command = ["--connect", center.uri("DC0"), *options, "esx", *words]
        done = CliRunner().invoke(program, command, prog_name="polyvisor")
        assert bool(done.exit_code) is bool(refused) and refused in done.output, done.output
        return None if refused else json.loads(done.stdout)

    return do


def test_commands_copy_and_delete(
    run: Callable[..., Any], connection: polyvisor.Connection, guest: Domain, name: str
) -> None:
    made = run("clone", guest.name, name)
    assert (made["name"], made["source"], made["template"]) == (name, guest.name, False)
    files = run("delete", name)
    assert not files["deleted"] and any(each.endswith(".vmdk") for each in files["files"])
    assert connection.domain(name)
    assert run("delete", name, "--yes")["deleted"]
    with pytest.raises(NoSuchDomain):
        connection.domain(name)
    assert run("clone", guest.name, name)["name"] == name  # the files are gone, or it could not have its own


def test_commands_make_templates(run: Callable[..., Any], guest: Domain, name: str) -> None:
    run("clone", guest.name, name, "--template")
    assert run("template", name)["template"]
    assert run("template", name, "--off") == {"domain": name, "template": False, "changed": True}
    assert run("template", name, "--on")["template"]


def test_what_runs_is_not_deleted(run: Callable[..., Any], guest: Domain, name: str) -> None:
    run("clone", guest.name, name)
    guest.connection.domain(name).start()
    run("delete", name, "--yes", refused="running")
    assert guest.connection.domain(name).state().state.active
    guest.connection.domain(name).destroy()


def test_a_read_only_command_changes_nothing(run: Callable[..., Any], guest: Domain, name: str) -> None:
    for words in (("clone", guest.name, name), ("delete", guest.name, "--yes"), ("ticket", guest.name)):
        run(*words, refused="read-only", options=("--readonly", "--json"))
    assert guest.name in [row.name for row in guest.connection.list_domains()]


def test_a_ticket_opens_a_screen(center: Simulator, run: Callable[..., Any], session: Any, guest: Domain) -> None:
    active = guest.state().state.active
    if not active:
        guest.start()
    found = run("ticket", guest.name)
    moref = session.vm(guest.ref)._GetMoId()
    assert found["ticket"] in center.inside(moref)["tickets"]
    assert found["url"] == f"wss://{found['host']}:{found['port']}/ticket/{found['ticket']}"
    given = tickets.acquire(session, guest.ref, "mks")
    assert given.port == 902 and given.ticket not in repr(given)
    run("ticket", guest.name, "--kind", "vnc", refused="webmks")
    guest.destroy()
    run("ticket", guest.name, refused="shut off")


def test_an_interrupted_command_copies_nothing(
    center: Simulator, connection: polyvisor.Connection, guest: Domain, name: str
) -> None:
    if not guest.state().state.active:
        guest.start()  # jobs are told of guests that run
    center.hold("CloneVM_Task")
    command = [sys.executable, "-m", "polyvisor.cli", "-c", center.uri("DC0"), "esx", "clone", guest.name, name]
    environment = {**os.environ, "POLYVISOR_ESX_PASSWORD": center.password}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 30
        while guest.job().type not in (JobType.BOUNDED, JobType.UNBOUNDED):
            assert running.poll() is None and time.monotonic() < deadline
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    with pytest.raises(NoSuchDomain):
        connection.domain(name)
