"""Starting, stopping and pausing simulated guests."""

from __future__ import annotations

import pytest

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, NoSuchDomain, UnsupportedOption
from polyvisor.operations.lifecycle import ShutdownMode, SuspendTarget
from polyvisor.spi import Affect, DomainState

DOCUMENT = "<domain type='test'><name>{}</name><memory>65536</memory><os><type>hvm</type></os></domain>"


def state(domain):
    found = domain.state()
    return found.state, found.reason


def test_the_default_node_has_one_running_guest(connection):
    (row,) = connection.domains()
    assert (row.name, row.ref.id, str(row.ref.uuid)) == ("test", 1, "6695eb01-f6a4-8304-79aa-97f2502e193f")
    assert (row.state, row.vcpus, row.max_memory_kib) == (DomainState.RUNNING, 2, 8388608)


def test_every_connection_has_a_node_of_its_own(connect):
    first, second = connect(), connect()
    first.domain("test").destroy()
    assert not first.domain("test").is_active
    assert second.domain("test").is_active


def test_shutdown_ends_a_guest_with_its_events_in_order(guest, told):
    guest.shutdown()
    assert state(guest) == (DomainState.SHUT_OFF, "shutdown")
    assert told() == [("lifecycle", "shutdown", "finished"), ("lifecycle", "stopped", "shutdown")]


def test_a_stopped_guest_starts_with_a_new_id(off, told):
    off.start()
    assert off.id == 2
    assert state(off) == (DomainState.RUNNING, "booted")
    assert told() == [("lifecycle", "started", "booted")]


def test_a_guest_may_start_paused(off):
    off.start(paused=True)
    assert state(off) == (DomainState.PAUSED, "user")


@pytest.mark.parametrize("call", ["start", "resume_off", "suspend_off", "shutdown_off", "destroy_off", "reset_off"])
def test_calls_in_the_wrong_state_are_refused(guest, call):
    name, _, where = call.partition("_")
    if where:
        guest.destroy()
    with pytest.raises(InvalidState):
        getattr(guest, name)()


def test_suspend_and_resume_are_told_once(guest, told):
    guest.suspend()
    guest.suspend()
    assert state(guest) == (DomainState.PAUSED, "user")
    guest.resume()
    guest.resume()
    assert state(guest) == (DomainState.RUNNING, "unpaused")
    assert told() == [("lifecycle", "suspended", "paused"), ("lifecycle", "resumed", "unpaused")]


def test_a_paused_guest_cannot_hear_a_shutdown(guest):
    guest.suspend()
    with pytest.raises(InvalidState, match="resume"):
        guest.shutdown()


def test_reboot_and_reset_keep_the_instance(guest, told):
    guest.reboot()
    guest.reset()
    assert guest.refresh().id == 1
    assert [kind for kind, _, _ in told()] == ["reboot", "reboot"]


def test_lifecycle_actions_say_what_follows(guest):
    guest.set_lifecycle_action("poweroff", "restart")
    guest.shutdown()
    assert guest.is_active
    guest.set_lifecycle_action("reboot", "destroy", affect=Affect.BOTH)
    guest.reboot()
    assert not guest.is_active
    assert guest.config().on_reboot == "destroy"


def test_a_panic_follows_on_crash(guest):
    guest.set_lifecycle_action("crash", "preserve")
    guest.send_key([56, 99, 46])
    assert state(guest) == (DomainState.CRASHED, "panicked")
    guest.destroy()
    assert state(guest) == (DomainState.SHUT_OFF, "destroyed")


def test_actions_that_do_not_exist_are_refused(guest):
    with pytest.raises(InvalidArgument, match="poweroff"):
        guest.set_lifecycle_action("sneeze", "destroy")
    with pytest.raises(InvalidArgument, match="restart"):
        guest.set_lifecycle_action("reboot", "coredump-restart")


def test_sleep_and_wake(guest, told):
    guest.pm_suspend(SuspendTarget.MEMORY)
    assert state(guest) == (DomainState.PM_SUSPENDED, "unknown")
    guest.pm_wakeup()
    assert state(guest) == (DomainState.RUNNING, "event wakeup")
    assert told() == [
        ("pm-suspend", "", ""),
        ("lifecycle", "pmsuspended", "memory"),
        ("pm-wakeup", "", ""),
        ("lifecycle", "started", "wakeup"),
    ]


def test_sleep_to_disk_turns_the_guest_off(guest):
    guest.pm_suspend(SuspendTarget.DISK)
    assert state(guest) == (DomainState.SHUT_OFF, "shutdown")


def test_an_option_the_driver_lacks_is_refused_not_ignored(guest):
    with pytest.raises(UnsupportedOption, match="seconds"):
        guest.pm_suspend(SuspendTarget.MEMORY, seconds=5)


def test_a_transient_guest_is_gone_when_it_stops(connection):
    domain = connection.create(DOCUMENT.format("brief"))
    assert domain.id == 2
    domain.destroy()
    with pytest.raises(NoSuchDomain):
        domain.state()


def test_autodestroyed_guests_end_with_the_connection(connect):
    connection = connect()
    domain = connection.create(DOCUMENT.format("brief"), autodestroy=True)
    session = connection._invoker.session
    connection.close()
    assert domain.uuid not in session.node.machines


def test_a_running_name_cannot_be_created_again(connection):
    connection.create(DOCUMENT.format("one"))
    with pytest.raises(AlreadyExists, match="one"):
        connection.create(DOCUMENT.format("one"))


def test_create_of_a_defined_guest_runs_this_configuration_and_keeps_the_stored_one(connection, off):
    text = off.xml().replace("<currentMemory unit='KiB'>2097152", "<currentMemory unit='KiB'>1048576")
    domain = connection.create(text)
    assert domain.config().current_memory_kib == 1048576
    assert domain.config(inactive=True).current_memory_kib == 2097152
    domain.destroy()
    assert not domain.is_active


def test_an_agent_shutdown_needs_an_agent(connection, guest):
    guest.shutdown(modes=[ShutdownMode.AGENT])
    assert not guest.is_active
    without = connection.create(DOCUMENT.format("mute"))
    with pytest.raises(InvalidState, match="agent"):
        without.shutdown(modes=[ShutdownMode.AGENT])


def test_keys_reach_the_guest(guest, told):
    guest.send_key([29, 56, 111])
    assert told() == [("reboot", "", "")]
    guest.send_key([30])
    guest.send_key([116])
    assert not guest.is_active


def test_signals_reach_the_first_process(guest):
    with pytest.raises(InvalidArgument, match="no process"):
        guest.send_signal(2, "term")
    with pytest.raises(InvalidArgument, match="no signal"):
        guest.send_signal(1, "shout")
    guest.send_signal(1, "hup")
    assert guest.is_active
    guest.send_signal(1, "term")
    assert state(guest) == (DomainState.SHUT_OFF, "shutdown")
