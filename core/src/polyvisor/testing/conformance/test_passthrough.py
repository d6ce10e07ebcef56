"""Speaking to a hypervisor in its own words."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.operations.passthrough import MonitorEvent
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

# -- QEMU's monitor -------------------------------------------------------------------------------------------


@needs("qemu.monitor")
def test_a_monitor_answers_in_json(running: Domain) -> None:
    answer: Any = json.loads(running.monitor_command('{"execute": "query-status"}'))
    assert answer["return"]["status"] == "running"


@needs("qemu.monitor", "domain.suspend")
def test_a_monitor_and_the_manager_agree(running: Domain) -> None:
    running.suspend()
    answer: Any = json.loads(running.monitor_command('{"execute": "query-status"}'))
    assert answer["return"]["running"] is False


@needs("qemu.monitor")
def test_errors_of_a_command_are_in_its_answer(running: Domain) -> None:
    answer: Any = json.loads(running.monitor_command('{"execute": "no-such-command"}'))
    assert answer["error"]["class"] == "CommandNotFound"


@needs("monitor_command(human)")
def test_a_monitor_answers_people_in_lines(running: Domain) -> None:
    assert "VM status: running" in running.monitor_command("info status", human=True)


@needs("qemu.monitor")
@pytest.mark.parametrize("command", ["", "query-status", "[]", "{}", '{"execute": "query-status"', "\0"])
def test_what_is_no_command_is_not_sent(running: Domain, command: str) -> None:
    with pytest.raises(InvalidArgument):
        running.monitor_command(command)
    assert running.state().state is DomainState.RUNNING


@needs("qemu.monitor")
def test_one_call_is_one_command(running: Domain) -> None:
    """Two commands in one text are refused, or one of them is answered and the next caller gets his own answer."""
    try:
        running.monitor_command('{"execute": "query-status"}\n{"execute": "query-name"}')
    except InvalidArgument:
        pass  # the better answer; what matters is what the next caller gets
    answer: Any = json.loads(running.monitor_command('{"execute": "query-version"}'))
    assert "qemu" in answer["return"]


@needs("qemu.monitor")
def test_an_off_guest_has_no_monitor(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.monitor_command('{"execute": "query-status"}')


# -- its events -----------------------------------------------------------------------------------------------


@needs("qemu.monitor-event", "domain.suspend", "domain.resume")
def test_events_of_a_monitor_are_heard_until_nobody_listens(
    bench: Bench, connection: Connection, running: Domain
) -> None:
    heard: list[MonitorEvent] = []
    connection.watch_monitor_events(heard.append, watched=running.ref)
    running.suspend()
    bench.until(lambda: bool(heard), "the event's coming")
    assert heard[0].domain.uuid == running.uuid
    assert heard[0].event == "STOP"
    connection.watch_monitor_events(None)
    count = len(heard)
    running.resume()
    assert len(heard) == count


@needs("watch_monitor_events(pattern)", "domain.suspend", "domain.resume")
def test_only_events_that_match_are_heard(bench: Bench, connection: Connection, running: Domain) -> None:
    heard: list[MonitorEvent] = []
    arrived = threading.Event()

    def hear(event: MonitorEvent) -> None:
        heard.append(event)
        arrived.set()

    connection.watch_monitor_events(hear, watched=running.ref, pattern="RES.*")
    running.suspend()
    running.resume()
    assert arrived.wait(bench.target.patience)
    assert all(re.fullmatch("RES.*", event.event) for event in heard)


@needs("watch_monitor_events(pattern)")
def test_a_pattern_that_is_none(connection: Connection) -> None:
    with pytest.raises(InvalidArgument):
        connection.watch_monitor_events(print, pattern="(")


# -- namespaces of containers ---------------------------------------------------------------------------------


@needs("lxc.namespace")
def test_namespaces_of_a_container_are_handed_over(running: Domain) -> None:
    descriptors = running.open_namespaces()
    try:
        assert descriptors
        assert len(set(descriptors)) == len(descriptors)
        for descriptor in descriptors:
            assert not os.get_inheritable(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@needs("lxc.namespace")
def test_an_off_container_has_no_namespaces(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.open_namespaces()


# -- taking over ----------------------------------------------------------------------------------------------


@needs("domain.qemu-attach")
@pytest.mark.parametrize("pid", [-1, 0, 4_000_000])
def test_a_process_that_is_no_guest_is_not_adopted(connection: Connection, bench: Bench, pid: int) -> None:
    from polyvisor.errors import PolyvisorError

    before = bench.present()
    with pytest.raises(PolyvisorError):
        connection.adopt(pid)
    assert bench.present() == before


@needs("domain.qemu-attach")
def test_the_caller_itself_is_no_guest(connection: Connection, bench: Bench) -> None:
    from polyvisor.errors import PolyvisorError

    before = bench.present()
    with pytest.raises(PolyvisorError):
        connection.adopt(os.getpid())
    assert bench.present() == before
