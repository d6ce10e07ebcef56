"""Simulated guests on their way between simulated hosts: what is particular; the conformance suite asks the rest."""

from __future__ import annotations

import pytest

from polyvisor.errors import Busy, UnsupportedConfiguration
from polyvisor.operations.migration import MigrationPlan
from polyvisor.spi import DomainState

PLAN = MigrationPlan()
WEB = "<domain type='test'><name>web</name><memory>65536</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def web(connection):
    return connection.define(WEB).start()


def test_the_time_a_guest_has_run_goes_along(web, connect):
    there = connect()
    for _ in range(5):
        used = web.cpu_stats().total.total_ns
    offer = web.begin_migration(PLAN)
    place = there.prepare_migration(offer.config, PLAN, offer.cookie)
    assert there.domain("web").state().reason == "migrating"
    told = web.perform_migration(PLAN, place)
    assert (web.state().state, web.state().reason) == (DomainState.PAUSED, "migrating")
    there.domain("web").finish_migration(PLAN, told)
    web.confirm_migration(PLAN, b"")
    assert there.domain("web").cpu_stats().total.total_ns >= used


def test_a_guest_that_is_leaving_is_not_changed(web):
    web.begin_migration(PLAN)
    with pytest.raises(Busy, match="migrating"):
        web.set_memory_limits({"hard_limit": 1048576})
    web.confirm_migration(PLAN, b"", cancelled=True)
    web.set_memory_limits({"hard_limit": 1048576})


@pytest.mark.parametrize("plan", [MigrationPlan(post_copy=True), MigrationPlan(tls=True), MigrationPlan(offline=True)])
def test_what_simulated_hosts_cannot_do_is_named(web, plan):
    with pytest.raises(UnsupportedConfiguration, match=r"post_copy|tls|offline"):
        web.begin_migration(plan)
