"""The life of real containers: started, frozen, asked, ended, found again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import InvalidState, PolyvisorError
from polyvisor.operations.records import DomainState

from .conftest import read_until, ready, until

pytestmark = pytest.mark.live


def processes(domain: polyvisor.Domain) -> list[int]:
    """The pids on the host of what runs in a container, asked of the kernel; what waits to be reaped does not run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                group, state = (
                    (entry / "cgroup").read_text(),
                    (entry / "stat").read_text().rpartition(")")[2].split()[0],
                )
            except OSError:
                continue
            if f"lxc.payload.{domain.uuid}" in group and state != "Z":
                found.append(int(entry.name))
    return found


def init_of(domain: polyvisor.Domain) -> int:
    """The pid on the host of a container's init: number 1 in the innermost of its PID namespaces."""
    for pid in processes(domain):
        line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("NSpid"))
        if line.split()[-1] == "1":
            return pid
    raise AssertionError("the container has no init")


def test_a_container_runs_and_leaves_nothing_when_it_is_destroyed(connection, document) -> None:
    domain = connection.define(document()).start()
    assert domain.state().state is DomainState.RUNNING
    pids = processes(domain)
    assert pids
    domain.destroy()
    assert processes(domain) == []
    assert (domain.state().state, domain.state().reason) == (DomainState.SHUT_OFF, "destroyed")
    groups = [path for path in Path("/sys/fs/cgroup").glob(f"**/*{domain.uuid}*") if path.is_dir()]
    assert groups == []


def test_a_frozen_container_is_destroyed_too(box) -> None:
    box.suspend()
    assert box.state().state is DomainState.PAUSED
    box.destroy()
    assert processes(box) == []


def test_a_frozen_container_stands_still_and_goes_on(box) -> None:
    with box.open_console() as console:
        box.suspend()
        console.write(b"anybody?\n")
        assert box.state().state is DomainState.PAUSED
        box.resume()
        read_until(console, b"anybody?")
    assert box.state().state is DomainState.RUNNING


def test_a_container_that_begins_paused_has_run_nothing_of_its_init(connection, document, root) -> None:
    mark = root / "tmp" / "ran"
    mark.parent.chmod(0o777)
    domain = connection.define(document(init="/bin/sh", arguments=("-c", "touch /tmp/ran; sleep 1000")))
    with domain.events() as events:
        domain.start(paused=True)
        told = [(event.event, event.detail) for event in (events.get(timeout=20), events.get(timeout=20))]
    assert told == [("started", "booted"), ("suspended", "paused")]
    assert domain.state().state is DomainState.PAUSED
    fields = Path(f"/proc/{init_of(domain)}/stat").read_text().rpartition(")")[2].split()
    assert fields[11:13] == ["0", "0"], "it has taken no CPU time"
    assert not mark.exists()
    domain.resume()
    assert until(mark.exists)
    assert domain.state().state is DomainState.RUNNING


def test_a_container_that_began_paused_reboots_and_runs(connection, document) -> None:
    domain = connection.define(document()).start(paused=True)
    domain.resume()
    ready(domain)
    with domain.events() as events:
        domain.reboot()
        assert until(lambda: any(event.kind == "reboot" for event in iter(lambda: events.get(timeout=1), None)))
    assert domain.state().state is DomainState.RUNNING


def test_a_container_that_began_paused_is_destroyed(connection, document) -> None:
    domain = connection.create(document("still"), paused=True)
    assert domain.state().state is DomainState.PAUSED
    domain.destroy()
    assert processes(domain) == []


def test_a_running_container_cannot_be_started(box) -> None:
    with pytest.raises(InvalidState, match="already running"):
        box.start()


def test_init_ends_when_it_is_asked(box) -> None:
    with box.events() as events:
        box.shutdown()
        assert until(lambda: box.state().state is DomainState.SHUT_OFF)
        told = [(event.event, event.detail) for event in iter(lambda: events.get(timeout=1), None)]
    assert ("stopped", "shutdown") in told
    assert box.state().reason == "shutdown"


def test_an_init_that_would_not_hear_is_not_said_to_have_been_asked(connection, document) -> None:
    deaf = connection.define(
        document(init="/bin/sleep", arguments=("1000",)).replace(
            "<container:signals xmlns:container='urn:polyvisor:lxc:1' halt='term' reboot='int'/>", ""
        )
    ).start()
    with pytest.raises(InvalidState, match="no handler for"):
        deaf.shutdown()
    with pytest.raises(InvalidState, match="would not reboot"):
        deaf.reboot()
    assert deaf.state().state is DomainState.RUNNING


def test_a_container_reboots_as_the_same_instance(box, inside) -> None:
    identity = box.id
    with box.events() as events:
        box.reboot()
        told = next(event for event in iter(lambda: events.get(timeout=20), None) if event.kind == "reboot")
    assert told.domain.id == identity
    assert box.refresh().id == identity
    assert inside(box, "ls", "-ln", "/init").split()[2] == "0", "its root belongs to it, as before"
    box.destroy()
    assert processes(box) == []


def test_a_container_that_may_not_reboot_ends(connection, document) -> None:
    domain = connection.define(document(extra="").replace("<devices>", "<on_reboot>destroy</on_reboot><devices>", 1))
    domain.start()
    ready(domain)
    domain.reboot()
    assert until(lambda: domain.state().state is DomainState.SHUT_OFF)
    assert processes(domain) == []


def test_a_container_that_is_to_be_restarted_starts_by_itself(connection, document) -> None:
    domain = connection.define(document().replace("<devices>", "<on_poweroff>restart</on_poweroff><devices>", 1))
    domain.start()
    ready(domain)
    first = domain.id
    domain.shutdown()
    assert until(lambda: domain.state().state is DomainState.RUNNING and domain.refresh().id not in (None, first))
    domain.destroy()
    assert not until(lambda: domain.state().state is DomainState.RUNNING, 0.5), "destroyed is destroyed"


@pytest.mark.parametrize(
    ("command", "reason", "said"),
    [("exit 0", "shutdown", {"status": 0}), ("exit 7", "shutdown", {"status": 7})],
)
def test_how_init_ended_is_kept(connection, document, uri, command, reason, said) -> None:
    domain = connection.define(document(init="/bin/sh", arguments=("-c", f"sleep 0.1; {command}"))).start()
    assert until(lambda: domain.state().state is DomainState.SHUT_OFF)
    assert domain.state().reason == reason
    words = [sys.executable, "-m", "polyvisor.cli", "-c", uri, "--json", "lxc", "last", domain.name]
    connection.list_domains()
    with polyvisor.open(uri):  # whoever opens tidies up
        pass
    import json

    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert said.items() <= found.items()


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_a_destroyed_container_has_no_exit_status(box, uri, frozen) -> None:
    if frozen:
        box.suspend()
    box.destroy()
    words = [sys.executable, "-m", "polyvisor.cli", "-c", uri, "lxc", "last", box.name]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said == "destroyed, signal 9\n"


def test_containers_outlive_who_started_them(uri, document, connection) -> None:
    program = "import polyvisor, sys; c = polyvisor.open(sys.argv[1]); c.create(sys.argv[2])"
    subprocess.run([sys.executable, "-c", program, uri, document("orphan")], check=True, timeout=60)
    domain = connection.domain("orphan")
    assert domain.state().state is DomainState.RUNNING
    ready(domain)
    domain.destroy()
    assert [row.name for row in connection.domains()] == []


def test_one_tied_to_its_connection_goes_with_it(uri, document, connection) -> None:
    with polyvisor.open(uri) as owner:
        owner.create(document("tied"), autodestroy=True)
        assert [row.name for row in connection.domains(active=True)] == ["tied"]
    assert connection.domains(active=True) == []


def test_a_start_killed_in_the_middle_leaves_nothing(uri, document, connection) -> None:
    domain = connection.define(document("half"))
    program = "import polyvisor, sys; polyvisor.open(sys.argv[1]).domain('half').start()"
    for delay in (0.25, 0.3, 0.35, 0.4):
        manager = subprocess.Popen([sys.executable, "-c", program, uri])
        try:
            manager.wait(delay)
        except subprocess.TimeoutExpired:
            manager.kill()
            manager.wait()
        with polyvisor.open(uri) as other:
            found = other.domain("half")
            if found.state().state is DomainState.RUNNING:
                found.destroy()
            assert found.state().state is DomainState.SHUT_OFF
    assert processes(domain) == []


def test_two_starts_at_once_are_one(connection, uri, document) -> None:
    domain = connection.define(document("twice"))
    with polyvisor.open(uri) as other, ThreadPoolExecutor(2) as threads:
        second = other.domain("twice")
        futures = [threads.submit(one.start) for one in (domain, second)]
        errors = [future.exception() for future in futures]
    assert sorted(type(error).__name__ for error in errors) == ["InvalidState", "NoneType"]
    assert len({os.readlink(f"/proc/{pid}/ns/pid") for pid in processes(domain)}) == 1


def test_a_container_killed_from_outside_is_told_as_crashed(box) -> None:
    with box.events() as events:
        os.kill(init_of(box), signal.SIGKILL)
        told = next(event for event in iter(lambda: events.get(timeout=20), None) if event.event == "stopped")
    assert (told.detail, told.data["signal"]) == ("crashed", signal.SIGKILL)
    assert (box.state().state, box.state().reason) == (DomainState.SHUT_OFF, "crashed")


def test_a_monitor_killed_from_outside_takes_its_container_with_it(box, uri) -> None:
    monitor = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and f"[lxc monitor] /run {box.uuid}".encode() in _line(entry)
    )
    os.kill(monitor, signal.SIGKILL)
    assert until(lambda: box.state().state is DomainState.SHUT_OFF)
    with polyvisor.open(uri) as other:  # whoever opens tidies up
        assert other.domain(box.name).state().reason == "crashed"
    assert until(lambda: processes(box) == [])
    box.start()
    ready(box)


def _line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_transient_container_is_gone_when_it_ends(connection, document) -> None:
    domain = connection.create(document("brief", init="/bin/sleep", arguments=("0.2",)))
    assert until(lambda: connection.domains() == [])
    with pytest.raises(PolyvisorError):
        domain.state()
