"""Guests on their way to another host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    InvalidArgument,
    InvalidState,
    NoSuchDomain,
    OperationCancelled,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.operations.migration import MigrationPlace, MigrationPlan
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard
from polyvisor.testing.held import ShortLivedJob, held
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

PLAN = MigrationPlan()
STEPS = ("migrate.begin", "migrate.prepare", "migrate.perform", "migrate.finish", "migrate.confirm")


@pytest.fixture
def destination(bench: Bench) -> Connection:
    """A connection to the host that guests go to."""
    uri = bench.target.destination
    bench.require(uri, "the target names no host to migrate to")
    assert bench.connection
    return bench.open(uri)


@pytest.fixture
def guest(bench: Bench, destination: Connection, running: Domain) -> Domain:
    """A running guest that is not on the other host."""
    bench.wait_until_up(running)
    with pytest.raises(NoSuchDomain):
        destination.domain(uuid=running.uuid)
    return running


# -- left to the hypervisor -----------------------------------------------------------------------------------


@needs("migrate.whole")
def test_a_guest_runs_on_the_other_side_afterwards(guest: Domain, destination: Connection) -> None:
    guest.migrate(str(destination.uri))
    arrived = destination.domain(uuid=guest.uuid)
    try:
        assert arrived.state().state is DomainState.RUNNING
        assert (arrived.name, arrived.state().reason) == (guest.name, "migrated")
        assert guest.state().state is DomainState.SHUT_OFF
    finally:
        arrived.destroy()


@needs("migrate.whole")
def test_a_guest_may_arrive_paused_and_be_kept(guest: Domain, destination: Connection) -> None:
    guest.migrate(str(destination.uri), plan=MigrationPlan(paused=True, persist=True, undefine_source=True))
    arrived = destination.domain(uuid=guest.uuid)
    try:
        assert arrived.state().state is DomainState.PAUSED
        assert arrived.info().persistent
        with pytest.raises(NoSuchDomain):
            guest.state()
    finally:
        arrived.destroy()
        arrived.undefine()


@needs("migrate.whole")
def test_a_guest_may_change_its_name_on_the_way(guest: Domain, destination: Connection) -> None:
    guest.migrate(str(destination.uri), plan=MigrationPlan(name="conformance-arrived"))
    arrived = destination.domain("conformance-arrived")
    try:
        assert arrived.uuid == guest.uuid
    finally:
        arrived.destroy()


@needs("migrate.whole")
def test_a_cancelled_migration_leaves_the_guest_here(bench: Bench, guest: Domain, destination: Connection) -> None:
    job = ShortLivedJob()
    try:
        guest.migrate(str(destination.uri), job=job)
    except OperationCancelled:
        assert guest.state().state is DomainState.RUNNING
        with pytest.raises(NoSuchDomain):
            destination.domain(uuid=guest.uuid)
    else:
        destination.domain(uuid=guest.uuid).destroy()
        bench.require(len(job.news) > 1, "this work is done before it can be cancelled")
        raise AssertionError("the job was cancelled while it was at work, and went on to its end")


@needs("migrate.whole", "job.abort")
def test_an_aborted_migration_leaves_the_guest_here(bench: Bench, guest: Domain, destination: Connection) -> None:
    with held(lambda job: guest.migrate(str(destination.uri), job=job), bench.target.patience) as work:
        assert guest.state().state.active
        work.require_at_work()
        guest.abort_job()
        assert isinstance(work.end(bench.target.patience), OperationCancelled)
    assert guest.state().state is DomainState.RUNNING


@needs("migrate.whole")
@pytest.mark.parametrize("uri", ["nonsense://nowhere.invalid/", "", "not a uri"])
def test_a_place_that_is_not_there(running: Domain, uri: str) -> None:
    with pytest.raises(PolyvisorError):
        running.migrate(uri)
    assert running.state().state is DomainState.RUNNING


@needs("migrate.whole")
def test_an_off_guest_does_not_go_live(bench: Bench, defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.migrate(bench.target.destination or bench.target.uri)
    assert defined.state().state is DomainState.SHUT_OFF


# -- step by step ---------------------------------------------------------------------------------------------


@needs(*STEPS)
def test_a_client_leads_a_guest_across(guest: Domain, destination: Connection) -> None:
    offer = guest.begin_migration(PLAN)
    place = destination.prepare_migration(offer.config, PLAN, offer.cookie)
    assert place.uri
    told = guest.perform_migration(PLAN, place)
    there = destination.domain(uuid=guest.uuid)
    arrival = there.finish_migration(PLAN, told)
    try:
        assert arrival.domain is not None and arrival.domain.uuid == guest.uuid
        guest.confirm_migration(PLAN, arrival.cookie)
        assert there.state().state is DomainState.RUNNING
        assert guest.state().state is DomainState.SHUT_OFF
    finally:
        there.destroy()


def lead(guest: Domain, destination: Connection, plan: MigrationPlan) -> Domain:
    """Lead a guest across, as a client does; returns it as the destination knows it."""
    offer = guest.begin_migration(plan)
    place = destination.prepare_migration(offer.config, plan, offer.cookie)
    told = guest.perform_migration(plan, place)
    there = destination.domain(uuid=guest.uuid)
    arrival = there.finish_migration(plan, told)
    assert arrival.domain is not None
    guest.confirm_migration(plan, arrival.cookie)
    return there


@needs(*STEPS)
def test_a_led_guest_may_arrive_paused(guest: Domain, destination: Connection) -> None:
    there = lead(guest, destination, MigrationPlan(paused=True))
    assert there.state().state is DomainState.PAUSED
    there.resume()
    assert there.state().state is DomainState.RUNNING
    there.destroy()


@needs(*STEPS)
def test_a_led_guest_may_be_kept_there_and_forgotten_here(guest: Domain, destination: Connection) -> None:
    there = lead(guest, destination, MigrationPlan(persist=True, undefine_source=True))
    try:
        assert there.info().persistent
        with pytest.raises(NoSuchDomain):
            guest.state()
    finally:
        there.destroy()
        there.undefine()


@needs(*STEPS)
def test_a_led_guest_is_transient_there_unless_told(guest: Domain, destination: Connection) -> None:
    there = lead(guest, destination, PLAN)
    assert not there.info().persistent
    there.destroy()
    with pytest.raises(NoSuchDomain):
        destination.domain(uuid=guest.uuid)
    assert guest.info().persistent


@needs(*STEPS)
def test_a_led_guest_may_change_its_name_on_the_way(guest: Domain, destination: Connection) -> None:
    there = lead(guest, destination, MigrationPlan(name="conformance-arrived"))
    try:
        assert (there.name, there.config().name) == ("conformance-arrived", "conformance-arrived")
        assert guest.refresh().name != there.name
    finally:
        there.destroy()


@needs(*STEPS, "event.any")
def test_both_sides_tell_of_a_guest_that_moved(guest: Domain, destination: Connection, events: Heard) -> None:
    with destination.events() as stream:
        there = lead(guest, destination, PLAN)
        arrivals = Heard(stream, events.patience)
        assert ("started", "migrated") in arrivals.lifecycle(1, of=there)
    assert events.lifecycle(2, of=guest)[-1] == ("stopped", "migrated")
    assert guest.state().reason == "migrated"
    there.destroy()


@needs(*STEPS)
def test_a_guest_that_is_about_to_leave_does_not_leave_twice(guest: Domain) -> None:
    guest.begin_migration(PLAN)
    with pytest.raises(Busy):
        guest.begin_migration(PLAN)
    guest.confirm_migration(PLAN, b"", cancelled=True)
    guest.begin_migration(PLAN)
    guest.confirm_migration(PLAN, b"", cancelled=True)
    assert guest.state().state is DomainState.RUNNING


@needs(*STEPS)
def test_a_guest_that_is_there_is_not_prepared_for(guest: Domain, destination: Connection) -> None:
    offer = guest.begin_migration(PLAN)
    destination.prepare_migration(offer.config, PLAN, offer.cookie)
    with pytest.raises(AlreadyExists):
        destination.prepare_migration(offer.config, PLAN, offer.cookie)
    destination.domain(uuid=guest.uuid).finish_migration(PLAN, b"", cancelled=True)
    guest.confirm_migration(PLAN, b"", cancelled=True)


@needs(*STEPS)
def test_nobody_waits_where_nothing_was_prepared(guest: Domain) -> None:
    guest.begin_migration(PLAN)
    with pytest.raises(PolyvisorError) as refusal:
        guest.perform_migration(PLAN, MigrationPlace("nonsense:nowhere.invalid"))
    assert refusal.value.code in ("hypervisor", "host", "timeout", "invalid-argument")
    guest.confirm_migration(PLAN, b"", cancelled=True)
    assert guest.state().state is DomainState.RUNNING


@needs(*STEPS)
def test_a_guest_that_is_given_up_on_its_way_goes_on_here(bench: Bench, guest: Domain, destination: Connection) -> None:
    offer = guest.begin_migration(PLAN)
    place = destination.prepare_migration(offer.config, PLAN, offer.cookie)
    with pytest.raises(OperationCancelled):
        guest.perform_migration(PLAN, place, job=ShortLivedJob())
    destination.domain(uuid=guest.uuid).finish_migration(PLAN, b"", cancelled=True)
    guest.confirm_migration(PLAN, b"", cancelled=True)
    assert guest.state().state is DomainState.RUNNING
    with pytest.raises(NoSuchDomain):
        destination.domain(uuid=guest.uuid)


@needs(*STEPS)
def test_a_guest_that_is_not_awaited_does_not_arrive(running: Domain) -> None:
    with pytest.raises(InvalidState):
        running.finish_migration(PLAN, b"")
    with pytest.raises(InvalidState):
        running.confirm_migration(PLAN, b"")
    assert running.state().state is DomainState.RUNNING


@needs(*STEPS)
@pytest.mark.parametrize("cookie", [b"", b"nonsense", b"\xff" * 100, b"{" * 100000])
def test_a_cookie_that_nobody_baked_brings_no_guest(guest: Domain, destination: Connection, cookie: bytes) -> None:
    offer = guest.begin_migration(PLAN)
    destination.prepare_migration(offer.config, PLAN, offer.cookie)
    there = destination.domain(uuid=guest.uuid)
    try:
        assert there.finish_migration(PLAN, cookie).domain is None
    except PolyvisorError as refusal:
        assert refusal.code != "driver-fault", "raising counts as not arrived, but not in this way"
    guest.confirm_migration(PLAN, b"", cancelled=True)
    assert guest.state().state is DomainState.RUNNING


@needs(*STEPS)
def test_a_plan_that_cannot_be_followed_is_refused_at_the_start(running: Domain) -> None:
    plan = MigrationPlan(options={"levitate": True})
    with pytest.raises((UnsupportedConfiguration, InvalidArgument)):
        running.begin_migration(plan)
    assert running.state().state is DomainState.RUNNING


@needs(*STEPS)
def test_a_client_may_turn_back(guest: Domain, destination: Connection) -> None:
    offer = guest.begin_migration(PLAN)
    destination.prepare_migration(offer.config, PLAN, offer.cookie)
    there = destination.domain(uuid=guest.uuid)
    assert there.finish_migration(PLAN, b"", cancelled=True).domain is None
    guest.confirm_migration(PLAN, b"", cancelled=True)
    assert guest.state().state is DomainState.RUNNING
    with pytest.raises(NoSuchDomain):
        destination.domain(uuid=guest.uuid)


@needs("migrate.begin", "migrate.tunnelled", "migrate.finish", "migrate.confirm")
def test_a_tunnel_is_prepared_and_cleared_away(guest: Domain, destination: Connection) -> None:
    offer = guest.begin_migration(PLAN)
    place = destination.prepare_migration_tunnel(offer.config, PLAN, offer.cookie)
    assert place.tunnel is not None
    place.tunnel.close()
    destination.domain(uuid=guest.uuid).finish_migration(PLAN, b"", cancelled=True)
    guest.confirm_migration(PLAN, b"", cancelled=True)
    assert guest.state().state is DomainState.RUNNING


@needs("migrate.begin", "migrate.confirm")
def test_what_is_offered_is_the_guest(running: Domain) -> None:
    offer = running.begin_migration(PLAN)
    try:
        assert (offer.config.name, str(offer.config.uuid)) == (running.name, str(running.uuid))
        assert len(offer.cookie) <= 4 << 20
    finally:
        running.confirm_migration(PLAN, b"", cancelled=True)
    assert running.state().state is DomainState.RUNNING


@needs("migrate.begin")
def test_an_off_guest_is_not_offered(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.begin_migration(PLAN)


# -- limits ---------------------------------------------------------------------------------------------------


@needs("migrate.downtime", "migrate.downtime.set")
def test_the_guest_may_stand_still_for_as_long_as_was_set(running: Domain) -> None:
    assert running.migration_downtime() > 0
    running.set_migration_downtime(150)
    assert running.migration_downtime() == 150


@needs("migrate.downtime.set")
@pytest.mark.parametrize("milliseconds", [-1, 0])
def test_a_downtime_is_some_time(running: Domain, milliseconds: int) -> None:
    with pytest.raises(InvalidArgument):
        running.set_migration_downtime(milliseconds)


@needs("migrate.compression", "migrate.compression.set")
def test_the_cache_is_as_large_as_was_set(running: Domain) -> None:
    running.set_migration_compression_cache(64 << 20)
    assert running.migration_compression_cache() == 64 << 20


@needs("migrate.compression.set", "migrate.compression")
@pytest.mark.parametrize("size", [-1, 0])
def test_a_cache_has_a_size(running: Domain, size: int) -> None:
    before = running.migration_compression_cache()
    with pytest.raises(InvalidArgument):
        running.set_migration_compression_cache(size)
    assert running.migration_compression_cache() == before


@needs("migrate.speed", "migrate.speed.set")
def test_speeds_are_bytes_per_second_and_none_is_unlimited(running: Domain) -> None:
    for speed in (10 << 20, 0):
        running.set_migration_speed(speed)
        assert running.migration_speed() == speed


@needs("migration_speed(post_copy)", "set_migration_speed(post_copy)")
def test_the_speed_after_the_switch_is_another(running: Domain) -> None:
    running.set_migration_speed(10 << 20)
    running.set_migration_speed(20 << 20, post_copy=True)
    assert (running.migration_speed(), running.migration_speed(post_copy=True)) == (10 << 20, 20 << 20)


@needs("migrate.speed", "migrate.speed.set")
def test_a_speed_is_no_negative_number(running: Domain) -> None:
    before = running.migration_speed()
    with pytest.raises(InvalidArgument):
        running.set_migration_speed(-1)
    assert running.migration_speed() == before


@needs("migrate.post-copy")
@pytest.mark.parametrize("active", [False, True])
def test_without_a_migration_there_is_nothing_to_switch(bench: Bench, defined: Domain, active: bool) -> None:
    if active:
        bench.start(defined)
    before = defined.state()
    with pytest.raises(InvalidState):
        defined.start_post_copy()
    assert defined.state() == before
