"""Which guests there are, what is known of them, and what may be done to their configurations."""

from __future__ import annotations

import os
import subprocess
from uuid import UUID

import pytest
from sleeping import SleepDriver, config, start

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, NoSuchDomain, NoSuchMetadata
from polyvisor.local import bus, configuration, ended, guests
from polyvisor.operations.configuration import MetadataKind
from polyvisor.spi import Affect, Column, DomainRef, DomainState
from polyvisor.state import Entry

driver = SleepDriver()
COLUMNS = tuple(Column)


def rows(session, **wanted):
    asked = {"active": None, "persistent": None, "autostart": None, "states": None, "columns": (), **wanted}
    return driver.list_domains(session, **asked)


def named(session, **wanted):
    return [row.ref.name for row in rows(session, **wanted)]


def stop(session, domain):
    session.end(session.look(domain.uuid))
    for child in session.started:
        child.wait()
    return session.settle(domain.uuid)


@pytest.fixture
def web(session) -> DomainRef:
    return driver.define(session, config())


# -- finding ----------------------------------------------------------------------------------------------


def test_guests_that_run_come_first_by_number_and_the_rest_by_name(session, web):
    driver.define(session, config("mail", uuid=8))
    third = driver.define(session, config("db", uuid=9))
    start(session, third)
    assert named(session) == ["db", "mail", "web"]
    assert named(session, active=True) == ["db"] and named(session, active=False) == ["mail", "web"]
    assert named(session, states=[DomainState.SHUT_OFF]) == ["mail", "web"]


def test_a_column_is_there_for_those_who_ask(session, web):
    (bare,) = rows(session)
    assert (bare.persistent, bare.memory_kib, bare.title) == (None, None, None)
    (row,) = rows(session, columns=COLUMNS)
    assert (row.persistent, row.autostart, row.managed_save) == (True, False, False)
    assert (row.memory_kib, row.max_memory_kib, row.vcpus, row.cpu_time_ns) == (1024, 1024, 1, None)
    start(session, web)
    (row,) = rows(session, columns=COLUMNS)
    assert row.ref.id == 1 and row.memory_kib == 1024 and row.cpu_time_ns is not None


def test_flags_choose_rows(session, web):
    driver.define(session, config("mail", uuid=8))
    driver.set_autostart(session, web, True)
    assert named(session, autostart=True) == ["web"] and named(session, autostart=False) == ["mail"]
    assert driver.autostart(session, web)


def test_a_guest_is_found_by_each_of_its_keys_and_by_one_at_a_time(session, web):
    running = start(session, web)
    for key in ({"name": "web"}, {"uuid": web.uuid}, {"id": running.id}):
        assert driver.lookup_domain(session, **{"name": None, "uuid": None, "id": None, **key}) == running
    with pytest.raises(InvalidArgument, match="exactly one"):
        driver.lookup_domain(session, name="web", uuid=web.uuid, id=None)
    for key in ({"name": "mail"}, {"uuid": UUID(int=1)}, {"id": 7}):
        with pytest.raises(NoSuchDomain):
            driver.lookup_domain(session, **{"name": None, "uuid": None, "id": None, **key})


def test_a_transient_guest_is_listed_and_found_while_it_runs(session, web):
    start(session, web)
    with configuration.undefining(session, web) as entry:
        assert isinstance(entry, Entry)
    assert named(session, persistent=False) == ["web"]
    assert driver.lookup_domain(session, name="web", uuid=None, id=None).id == 1
    assert driver.domain_info(session, web).persistent is False
    with pytest.raises(InvalidState, match="transient"):
        driver.set_autostart(session, web, True)


def test_what_is_known_of_a_guest_follows_its_life(session, web):
    assert driver.domain_state(session, web).reason == "unknown"
    start(session, web, taints=["custom-argv"])
    found = driver.domain_info(session, web)
    assert (found.state, found.memory_kib, found.os_type) == (DomainState.RUNNING, 1024, "exe")
    assert driver.control_info(session, web).state == "ok"
    stop(session, web)
    assert driver.domain_state(session, web).reason == "crashed"
    assert driver.domain_info(session, web).cpu_time_ns is None
    with pytest.raises(InvalidState, match="not running"):
        driver.control_info(session, web)


def test_numbers_are_not_given_twice(session, web):
    first = start(session, web)
    stop(session, web)
    assert start(session, web).id == (first.id or 0) + 1


# -- configurations ---------------------------------------------------------------------------------------


def test_a_name_belongs_to_one_guest(session, web):
    with pytest.raises(AlreadyExists, match="with UUID"):
        driver.define(session, config("web", uuid=8))
    with pytest.raises(AlreadyExists, match="belongs to domain 'web'"):
        driver.define(session, config("mail", uuid=7))
    assert named(session) == ["web"]


def test_a_name_is_taken_by_a_guest_that_merely_runs(session, web):
    start(session, web)
    with configuration.undefining(session, web):
        pass
    with pytest.raises(AlreadyExists, match="exists already"):
        driver.define(session, config("web", uuid=8))
    with pytest.raises(AlreadyExists, match="running domain 'web'"):
        driver.define(session, config("mail", uuid=7))


def test_a_guest_is_renamed_while_it_is_off(session, web):
    renamed = driver.rename(session, web, "site")
    assert named(session) == ["site"] and driver.domain_config(session, renamed, inactive=False, secure=False).name
    start(session, renamed)
    with pytest.raises(InvalidState, match="is running"):
        driver.rename(session, renamed, "other")


def test_what_refuses_to_be_forgotten_stays(session, web):
    with pytest.raises(InvalidState, match="not yet"), configuration.undefining(session, web):
        raise InvalidState("not yet")
    assert named(session) == ["web"]
    with configuration.undefining(session, web):
        pass
    assert named(session) == [] and ended.reasons(session) == {}
    with pytest.raises(NoSuchDomain), configuration.undefining(session, web):
        pass


def test_a_change_of_both_configurations_is_made_to_both_or_to_neither(session, web):
    start(session, web)
    driver.set_metadata(session, web, MetadataKind.TITLE, "now", uri=None, key=None, affect=Affect.BOTH)
    assert [row.title for row in rows(session, columns=[Column.TITLE])] == ["now"]
    assert driver.metadata(session, web, MetadataKind.TITLE, uri=None, affect=Affect.CONFIG) == "now"

    def stubborn(config):
        config.title = "torn"
        if config.id is None:
            raise InvalidArgument("the stored one does not take it")

    with session.store.lock(web.uuid), pytest.raises(InvalidArgument):
        configuration.update(session, web, stubborn, live_one=True, stored_one=True)
    assert driver.metadata(session, web, MetadataKind.TITLE, uri=None, affect=Affect.LIVE) == "now"


def test_what_is_live_goes_with_the_instance(session, web):
    start(session, web)
    driver.set_metadata(session, web, MetadataKind.TITLE, "now", uri=None, key=None, affect=Affect.LIVE)
    with pytest.raises(NoSuchMetadata):
        driver.metadata(session, web, MetadataKind.TITLE, uri=None, affect=Affect.CONFIG)
    assert driver.domain_config(session, web, inactive=False, secure=False).title == "now"
    assert driver.domain_config(session, web, inactive=True, secure=False).title is None
    stop(session, web)
    with pytest.raises(InvalidState, match="not running"):
        driver.metadata(session, web, MetadataKind.TITLE, uri=None, affect=Affect.LIVE)


# -- ends -------------------------------------------------------------------------------------------------


def test_the_reason_of_an_end_is_kept_with_what_else_is_known_until_the_next_life(session, web):
    assert ended.reason(session, web.uuid) == "unknown" and ended.details(session, web.uuid) == {}
    ended.remember(session, web.uuid, "from snapshot")
    ended.remember(session, web.uuid, "crashed", {"signal": 11})
    assert ended.reasons(session) == {web.uuid: "crashed"}
    assert ended.details(session, web.uuid) == {"signal": 11}
    start(session, web)
    assert ended.reasons(session) == {}


def test_a_guest_is_ownerless_when_its_process_is_gone():
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert guests.owner()[0] == os.getpid()
    assert guests.ownerless({"owner": [child.pid, 1]})
    assert not guests.ownerless({"owner": guests.owner()}) and not guests.ownerless({})


def test_each_thing_done_is_told_to_all_managers(session, web):
    driver.rename(session, web, "site")
    with open(bus.path(session), "rb") as file:
        told = [(event.domain.name, event.detail) for event in map(bus.parse, file)]
    assert told == [("web", "added"), ("web", "renamed"), ("site", "renamed")]
