"""Which calls each state of a guest allows and where they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    PolyvisorError,
)
from polyvisor.operations.lifecycle import ShutdownMode, SuspendTarget
from polyvisor.operations.records import REASONS, DomainState, StateInfo
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

OFF, RUNNING, PAUSED = DomainState.SHUT_OFF, DomainState.RUNNING, DomainState.PAUSED


def bring(bench: Bench, domain: Domain, state: DomainState) -> None:
    """Take a guest that is off into ``state``; skips the test when the driver cannot."""
    if state is not OFF:
        bench.start(domain)
    if state is PAUSED:
        bench.need("domain.suspend")
        domain.suspend()
    assert domain.state().state is state


# -- from state to state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "call", "after", "reason"),
    [
        pytest.param(*row, marks=needs("domain.state", row[1]), id=f"{row[1]} when {row[0]}")
        for row in [
            (OFF, "start", RUNNING, "booted"),
            (RUNNING, "suspend", PAUSED, "user"),
            (RUNNING, "resume", RUNNING, None),
            (RUNNING, "reset", RUNNING, None),
            (RUNNING, "destroy", OFF, "destroyed"),
            (PAUSED, "suspend", PAUSED, "user"),
            (PAUSED, "resume", RUNNING, "unpaused"),
            (PAUSED, "destroy", OFF, "destroyed"),
        ]
    ],
)
def test_calls_lead_from_state_to_state(
    bench: Bench, defined: Domain, state: DomainState, call: str, after: DomainState, reason: str | None
) -> None:
    bring(bench, defined, state)
    getattr(defined, call)()
    found = defined.state()
    assert found.state is after
    assert reason in (None, found.reason)


@pytest.mark.parametrize(
    ("state", "call"),
    [
        pytest.param(*row, marks=needs("domain.state", row[1]), id=f"{row[1]} when {row[0]}")
        for row in [
            (OFF, "suspend"),
            (OFF, "resume"),
            (OFF, "reset"),
            (OFF, "reboot"),
            (OFF, "destroy"),
            (OFF, "shutdown"),
            (OFF, "pm_wakeup"),
            (RUNNING, "start"),
            (PAUSED, "start"),
        ]
    ],
)
def test_calls_that_a_state_does_not_allow_change_nothing(
    bench: Bench, defined: Domain, state: DomainState, call: str
) -> None:
    bring(bench, defined, state)
    before = defined.state()
    with pytest.raises(InvalidState) as refusal:
        getattr(defined, call)()
    assert refusal.value.operation == call
    assert refusal.value.driver == bench.driver.name
    assert defined.name in f"{refusal.value.message} {refusal.value.target}"
    assert defined.state() == before


@needs("domain.start", "domain.destroy", "domain.state")
def test_a_guest_lives_as_often_as_it_is_started(bench: Bench, defined: Domain) -> None:
    for _ in range(3):
        assert defined.start().state().state is RUNNING
        defined.destroy()
        assert defined.state() == StateInfo(OFF, "destroyed")


@needs("domain.suspend", "domain.resume", "domain.state")
def test_a_guest_is_paused_as_often_as_one_likes(running: Domain) -> None:
    for _ in range(3):
        running.suspend()
        assert running.state().state is PAUSED
        running.resume()
        assert running.state().state is RUNNING


@needs("start(paused)", "domain.state", "domain.destroy")
def test_a_guest_may_begin_paused(defined: Domain) -> None:
    defined.start(paused=True)
    assert defined.state().state is PAUSED
    assert defined.id is not None


@needs("start(paused)", "domain.resume", "domain.state", "domain.destroy")
def test_a_guest_that_began_paused_goes_on(defined: Domain) -> None:
    defined.start(paused=True).resume()
    assert defined.state().state is RUNNING


@needs("domain.state")
def test_a_guest_that_was_just_defined_is_off(defined: Domain) -> None:
    assert defined.state().state is OFF
    assert not defined.is_active
    assert defined.id is None


@needs("domain.state", "domain.suspend")
def test_reasons_belong_to_their_states(bench: Bench, defined: Domain) -> None:
    found = [defined.state()]
    found.append(bench.start(defined).state())
    defined.suspend()
    found.append(defined.state())
    defined.destroy()
    found.append(defined.state())
    for state in found:
        assert isinstance(state, StateInfo)
        assert state.reason in REASONS[state.state]


# -- ids --------------------------------------------------------------------------------------------------------


@needs("domain.lookup", "domain.destroy")
def test_ids_belong_to_instances(bench: Bench, defined: Domain) -> None:
    first = bench.start(defined).id
    assert first is not None
    defined.destroy()
    assert defined.refresh().id is None
    second = bench.start(defined).id
    assert second is not None
    assert (second != first) is bench.target.fresh_ids


@needs("domain.lookup")
def test_the_id_that_start_gives_is_the_guests(bench: Bench, defined: Domain) -> None:
    identity = bench.start(defined).id
    assert bench.connection.domain(uuid=defined.uuid).id == identity
    assert bench.connection.domain(id=identity) == defined


@needs("domain.lookup")
def test_an_old_id_finds_nobody(bench: Bench, running: Domain) -> None:
    old = running.id
    running.destroy()
    with pytest.raises(NoSuchDomain):
        bench.connection.domain(id=old)


@needs("domain.destroy", "domain.state")
def test_a_handle_with_an_old_id_still_means_the_guest(bench: Bench, defined: Domain) -> None:
    stale = bench.connection.domain(uuid=defined.uuid)
    bench.start(defined)
    assert stale.is_active
    stale.destroy()
    assert not defined.is_active


# -- what the system inside has a say in --------------------------------------------------------------------------


@needs("domain.shutdown", "domain.state")
def test_a_guest_shuts_down_when_it_is_asked(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.answers, "the system inside does not answer requests")
    bench.wait_until_up(running)
    running.shutdown()
    assert running.wait_for(OFF, timeout=bench.target.boot_seconds) is OFF
    assert running.state().reason == "shutdown"
    assert running.refresh().id is None


@needs("domain.reboot", "domain.state")
def test_a_guest_reboots_when_it_is_asked(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.answers, "the system inside does not answer requests")
    identity = running.id
    bench.wait_until_up(running)
    running.reboot()
    bench.until(lambda: running.state().state is RUNNING, "the guest running again after a reboot")
    assert running.refresh().id == identity


@needs("domain.reset", "domain.lookup")
def test_a_reset_keeps_the_instance(running: Domain) -> None:
    identity = running.id
    running.reset()
    assert running.refresh().id == identity


@needs("shutdown(modes)", "domain.state")
def test_a_way_to_shut_down_is_taken_or_refused(bench: Bench, running: Domain) -> None:
    """Ways that a hypervisor does not have are refused; none is silently replaced by another."""
    for mode in ShutdownMode:
        if running.state().state is not RUNNING:
            bench.start(running)
            bench.wait_until_up(running)
        try:
            running.shutdown(modes=[mode])
        except PolyvisorError as refusal:
            assert refusal.code != "driver-fault", refusal


@needs("domain.pm-suspend", "domain.pm-wakeup", "domain.state")
def test_a_guest_sleeps_and_wakes(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.agent, "nothing inside can send the guest to sleep")
    bench.wait_until_up(running)
    running.pm_suspend(SuspendTarget.MEMORY)
    assert running.wait_for(DomainState.PM_SUSPENDED, timeout=bench.target.patience)
    with pytest.raises(InvalidState):
        running.resume()
    running.pm_wakeup()
    assert running.wait_for(RUNNING, timeout=bench.target.patience)


@needs("domain.pm-suspend")
def test_a_guest_that_is_off_does_not_go_to_sleep(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.pm_suspend(SuspendTarget.MEMORY)


@needs("domain.pm-wakeup")
def test_a_guest_that_is_awake_is_not_woken(running: Domain) -> None:
    with pytest.raises(InvalidState):
        running.pm_wakeup()


@needs("domain.lifecycle-action", "domain.xml")
@pytest.mark.parametrize(("event", "action"), [("poweroff", "restart"), ("reboot", "destroy"), ("crash", "preserve")])
def test_what_follows_can_be_changed(defined: Domain, event: str, action: str) -> None:
    defined.set_lifecycle_action(event, action)
    assert getattr(defined.config(), f"on_{event}") == action


@needs("domain.lifecycle-action", "domain.xml")
@pytest.mark.parametrize(("event", "action"), [("poweroff", "dance"), ("weekend", "destroy"), ("poweroff", "")])
def test_what_cannot_follow_is_refused(defined: Domain, event: str, action: str) -> None:
    before = defined.xml()
    with pytest.raises(InvalidArgument):
        defined.set_lifecycle_action(event, action)
    assert defined.xml() == before


# -- stored and running -------------------------------------------------------------------------------------------


@needs("domain.undefine", "domain.info", "domain.destroy")
def test_a_running_guest_survives_its_definition(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.undefines_running, "the hypervisor forgets no guest that runs")
    running.undefine()
    assert running.is_active
    assert not running.info().persistent
    running.destroy()
    with pytest.raises(NoSuchDomain):
        running.state()


@needs("domain.undefine", "domain.destroy")
def test_what_runs_without_a_definition_is_not_undefined_again(bench: Bench, running: Domain) -> None:
    if bench.target.undefines_running:
        running.undefine()
    with pytest.raises(InvalidState):
        running.undefine()
    assert running.is_active


@needs("domain.create-transient", "domain.destroy", "domain.info", "domain.lookup")
def test_a_transient_guest_leaves_nothing(bench: Bench, connection: Connection) -> None:
    brief = connection.create(bench.document("brief"))
    assert brief.state().state is RUNNING and brief.id is not None
    assert not brief.info().persistent
    brief.destroy()
    with pytest.raises(NoSuchDomain):
        connection.domain("brief")
    with pytest.raises(NoSuchDomain):
        connection.domain(uuid=brief.uuid)


@needs("create(paused)", "domain.destroy", "domain.state")
def test_a_transient_guest_may_begin_paused(bench: Bench, connection: Connection) -> None:
    assert connection.create(bench.document(), paused=True).state().state is PAUSED


@needs("domain.create-transient", "domain.destroy", "domain.list")
def test_a_name_that_runs_is_not_created_again(bench: Bench, connection: Connection, running: Domain) -> None:
    before = connection.list_domains()
    with pytest.raises(AlreadyExists):
        connection.create(bench.document(running.name))
    assert connection.list_domains() == before


@needs("domain.create-transient", "domain.destroy", "domain.list")
def test_a_uuid_that_runs_is_not_created_again(bench: Bench, connection: Connection, running: Domain) -> None:
    before = connection.list_domains()
    with pytest.raises(AlreadyExists):
        connection.create(bench.document(uuid=running.uuid))
    assert connection.list_domains() == before


@needs("domain.create-transient", "domain.destroy", "domain.info")
def test_creating_what_is_defined_starts_it(bench: Bench, connection: Connection, defined: Domain) -> None:
    created = connection.create(bench.document(defined.name, uuid=defined.uuid))
    assert created == defined
    assert defined.is_active and defined.info().persistent
    defined.destroy()
    assert defined.state().state is OFF


@needs("domain.create-transient", "domain.define", "domain.undefine", "domain.destroy", "domain.info")
def test_a_transient_guest_may_be_kept_after_all(bench: Bench, connection: Connection) -> None:
    brief = connection.create(bench.document("brief"))
    connection.define(brief.xml(inactive=True))
    assert brief.info().persistent
    brief.destroy()
    assert brief.state().state is OFF


@needs("domain.create-transient", "domain.autostart.set", "domain.destroy")
def test_a_transient_guest_is_not_started_with_the_host(bench: Bench, connection: Connection) -> None:
    brief = connection.create(bench.document())
    with pytest.raises(InvalidState):
        brief.set_autostart(True)


@needs("domain.create-transient", "domain.list")
def test_a_broken_document_creates_nothing(bench: Bench, connection: Connection) -> None:
    before = connection.list_domains()
    with pytest.raises(InvalidDocument):
        connection.create(bench.document().replace("<vcpu", "<vcpuu").replace("</vcpu", "</vcpuu"))
    assert connection.list_domains() == before


@needs("destroy(graceful)", "domain.state")
def test_a_guest_may_be_ended_gracefully(bench: Bench, running: Domain) -> None:
    bench.wait_until_up(running)  # a system that is not up yet hears of nothing
    running.destroy(graceful=True)
    assert running.state().state is OFF


# -- nobody -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(name, marks=needs(name))
        for name in ("start", "shutdown", "reboot", "reset", "destroy", "suspend", "resume", "pm_wakeup", "undefine")
    ],
)
def test_calls_on_the_gone_say_so(defined: Domain, call: str) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain) as refusal:
        getattr(defined, call)()
    assert refusal.value.operation == call
    assert defined.name in str(refusal.value.target)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(name, marks=needs(operation))
        for name, operation in {
            "state": "domain.state",
            "info": "domain.info",
            "os_type": "domain.os-type",
            "messages": "domain.messages",
            "config": "domain.xml",
            "refresh": "domain.lookup",
            "control_info": "domain.control-info",
        }.items()
    ],
)
def test_questions_about_the_gone_say_so(defined: Domain, call: str) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        getattr(defined, call)()


# -- failures leave nothing ----------------------------------------------------------------------------------------


@needs("domain.start", "domain.list", "domain.state")
def test_a_guest_that_cannot_start_stays_off(bench: Bench) -> None:
    """A disk without its file stops a start, where the hypervisor looks; whatever happens, nothing is half done."""
    bench.require(bench.target.local, "the hypervisor does not see the files of this host")
    missing = bench.scratch / "missing.img"
    source, disk = f"<source file='{missing}'/>", f"<target dev='{bench.target.parts.targets[0]}'/>"
    domain = bench.define(devices=f"<disk type='file'><driver type='raw'/>{source}{disk}</disk>")
    try:
        domain.start()
    except PolyvisorError as refusal:
        assert refusal.code != "driver-fault", refusal
        assert domain.state().state is OFF
        assert domain.refresh().id is None
        missing.write_bytes(bytes(1 << 20))
        domain.start()
    assert domain.state().state is RUNNING
    domain.destroy()
    assert domain.state().state is OFF


@needs("domain.qemu-attach")
def test_a_process_that_is_no_guest_is_not_adopted(connection: Connection) -> None:
    import os

    with pytest.raises(PolyvisorError):
        connection.adopt(os.getpid())


@needs("domain.create-with-fds")
def test_descriptors_are_given_to_somebody(bench: Bench, defined: Domain) -> None:
    with (bench.scratch / "file").open("wb") as file:
        defined.undefine()
        with pytest.raises(NoSuchDomain):
            defined.associate_fds("group", [file.fileno()])


@needs("create(autodestroy)", "domain.lookup")
def test_a_transient_guest_ends_with_its_connection(bench: Bench) -> None:
    bench.require(bench.target.shared, "connections do not share their guests")
    owner = bench.open()
    brief = owner.create(bench.document("brief"), autodestroy=True)
    assert bench.connection.domain(uuid=brief.uuid).is_active
    owner.close()

    def gone() -> bool:
        return brief.uuid not in bench.present()

    bench.until(gone, "the end of a transient guest that was to end with its connection")
