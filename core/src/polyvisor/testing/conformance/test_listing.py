"""Finding guests, and the table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDomain
from polyvisor.operations.listing import ControlInfo, DomainInfo
from polyvisor.operations.records import Column, DomainRow, DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from collections.abc import Collection

    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

ABSENT = UUID("00000000-1111-4222-8333-444444444444")
PATTERN_MEMORY = "<memory unit='KiB'>131072</memory>"


def rows(connection: Connection, of: Collection[Domain], **wanted: object) -> list[DomainRow]:
    """The rows of the table that are about these guests, in the table's order."""
    uuids = {domain.uuid for domain in of}
    return [row for row in connection.list_domains(**wanted) if row.ref.uuid in uuids]  # type: ignore[arg-type]


def trio(bench: Bench) -> tuple[Domain, Domain, Domain]:
    """Guests ``c`` that runs, and ``a`` and ``b`` that are off."""
    bench.require((bench.target.max_guests or 3) >= 3, "the hypervisor has no room for three guests")
    b, a, c = (bench.define(f"conformance-{letter}") for letter in "bac")
    return a, b, bench.start(c)


# -- one ----------------------------------------------------------------------------------------------------------


@needs("domain.lookup")
def test_a_guest_is_found_by_everything_that_names_it(connection: Connection, running: Domain) -> None:
    assert connection.domain(running.name) == running
    assert connection.domain(uuid=running.uuid) == running
    assert connection.domain(id=running.id) == running


@needs("domain.lookup")
def test_a_guest_that_is_off_is_found_too(connection: Connection, defined: Domain) -> None:
    found = connection.domain(uuid=defined.uuid)
    assert (found.name, found.uuid, found.id) == (defined.name, defined.uuid, None)


@needs("domain.lookup")
def test_text_of_a_command_line_finds_a_guest(connection: Connection, running: Domain) -> None:
    for text in (running.name, str(running.uuid), str(running.id)):
        assert connection.lookup(text) == running


@needs("domain.lookup")
@pytest.mark.parametrize(
    "lost", [{"name": "no such guest"}, {"uuid": ABSENT}, {"id": 987654321}], ids=["name", "uuid", "id"]
)
def test_nobody_is_not_found(connection: Connection, lost: dict[str, object]) -> None:
    with pytest.raises(NoSuchDomain) as refusal:
        connection.domain(**lost)  # type: ignore[arg-type]
    assert str(next(iter(lost.values()))) in refusal.value.message


@needs("domain.lookup")
def test_a_guest_is_named_in_exactly_one_way(connection: Connection, running: Domain) -> None:
    ways = {"name": running.name, "uuid": running.uuid, "id": running.id}
    for left_out in ways:
        with pytest.raises(InvalidArgument):
            connection.lookup_domain(**{way: value for way, value in ways.items() if way != left_out})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument):
        connection.lookup_domain()


@needs("domain.lookup")
def test_part_of_a_name_is_no_name(connection: Connection, defined: Domain) -> None:
    for text in (defined.name[:-1], defined.name + "x", defined.name.upper(), f" {defined.name}"):
        with pytest.raises(NoSuchDomain):
            connection.domain(text)


# -- all ----------------------------------------------------------------------------------------------------------


@needs("domain.list")
def test_every_guest_is_listed_once(bench: Bench, connection: Connection) -> None:
    guests = trio(bench)
    assert len(rows(connection, guests)) == 3
    uuids = [row.ref.uuid for row in connection.list_domains()]
    assert len(set(uuids)) == len(uuids)


@needs("domain.list")
def test_the_table_is_sorted_by_id_then_name(bench: Bench, connection: Connection) -> None:
    a, b, c = trio(bench)
    assert [row.name for row in rows(connection, (a, b, c))] == [c.name, a.name, b.name]


@needs("domain.list")
def test_rows_say_who_and_in_which_state(bench: Bench, connection: Connection) -> None:
    a, b, c = trio(bench)
    found = rows(connection, (a, b, c))
    assert [row.ref.uuid for row in found] == [c.uuid, a.uuid, b.uuid]
    assert [row.ref.id for row in found] == [c.id, None, None]
    assert [row.state for row in found] == [DomainState.RUNNING, DomainState.SHUT_OFF, DomainState.SHUT_OFF]


@needs("domain.list", "domain.state", "domain.suspend")
def test_the_table_agrees_with_the_guest(bench: Bench, connection: Connection) -> None:
    guests = trio(bench)
    guests[2].suspend()
    by_uuid = {guest.uuid: guest for guest in guests}
    for row in rows(connection, guests):
        state = by_uuid[row.ref.uuid].state()
        assert (row.state, row.reason) == (state.state, state.reason)


@needs("list_domains(active)")
@pytest.mark.parametrize("active", [True, False])
def test_the_table_of_those_that_run(bench: Bench, connection: Connection, active: bool) -> None:
    a, b, c = trio(bench)
    expected = {c.uuid} if active else {a.uuid, b.uuid}
    assert {row.ref.uuid for row in rows(connection, (a, b, c), active=active)} == expected
    assert all(row.state.active is active for row in connection.list_domains(active=active))


@needs("list_domains(states)", "domain.suspend")
@pytest.mark.parametrize("state", [DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUT_OFF], ids=str)
def test_the_table_of_those_in_a_state(bench: Bench, connection: Connection, state: DomainState) -> None:
    a, b, c = trio(bench)
    if state is DomainState.PAUSED:
        c.suspend()
    expected = {a.uuid, b.uuid} if state is DomainState.SHUT_OFF else {c.uuid}
    assert {row.ref.uuid for row in rows(connection, (a, b, c), states=[state])} == expected
    assert {row.state for row in connection.list_domains(states=[state])} == {state}


@needs("list_domains(states)")
def test_no_state_has_no_guests(bench: Bench, connection: Connection) -> None:
    guests = trio(bench)
    assert rows(connection, guests, states=[DomainState.CRASHED]) == []


@needs("list_domains(persistent)", "domain.create-transient", "domain.destroy")
def test_the_table_of_those_that_are_stored(bench: Bench, connection: Connection, defined: Domain) -> None:
    brief = connection.create(bench.document())
    both = (brief, defined)
    assert [row.ref.uuid for row in rows(connection, both, persistent=True)] == [defined.uuid]
    assert [row.ref.uuid for row in rows(connection, both, persistent=False)] == [brief.uuid]


@needs("list_domains(autostart)", "domain.autostart.set")
def test_the_table_of_those_that_start_with_the_host(bench: Bench, connection: Connection) -> None:
    first, second = bench.define(), bench.define()
    first.set_autostart(True)
    assert [row.ref.uuid for row in rows(connection, (first, second), autostart=True)] == [first.uuid]
    assert [row.ref.uuid for row in rows(connection, (first, second), autostart=False)] == [second.uuid]


@needs("list_domains(active, columns)")
def test_filters_and_columns_go_together(bench: Bench, connection: Connection) -> None:
    a, b, c = trio(bench)
    (found,) = rows(connection, (a, b, c), active=True, columns=[Column.VCPUS])
    assert found.ref.uuid == c.uuid and found.vcpus is not None


@needs("list_domains(columns)", "domain.info")
def test_columns_are_those_of_the_guest(bench: Bench, connection: Connection) -> None:
    guests = trio(bench)
    by_uuid = {guest.uuid: guest for guest in guests}
    for row in rows(connection, guests, columns=tuple(Column)):
        info = by_uuid[row.ref.uuid].info()
        told = {
            "persistent": info.persistent,
            "autostart": info.autostart,
            "managed_save": info.managed_save,
            "memory_kib": info.memory_kib,
            "max_memory_kib": info.max_memory_kib,
            "vcpus": info.vcpus,
        }
        for column, value in told.items():
            assert getattr(row, column) in (None, value), f"{column} of {row.name}"
        assert row.vcpus is not None and row.max_memory_kib is not None


@needs("list_domains(columns)")
def test_titles_are_listed(bench: Bench, connection: Connection) -> None:
    domain = bench.define(extra="<title>Größe</title>")
    (row,) = rows(connection, (domain,), columns=[Column.TITLE])
    assert row.title == "Größe"


@needs("domain.list")
def test_a_forgotten_guest_is_not_listed(bench: Bench, connection: Connection) -> None:
    guests = bench.define(), bench.define()
    guests[0].undefine()
    assert [row.ref.uuid for row in rows(connection, guests)] == [guests[1].uuid]


@needs("domain.list")
def test_the_table_is_the_callers_own(bench: Bench, connection: Connection, defined: Domain) -> None:
    connection.list_domains().clear()
    assert len(rows(connection, (defined,))) == 1


@needs("domain.list")
def test_asking_twice_gives_the_same(bench: Bench, connection: Connection) -> None:
    guests = trio(bench)
    assert rows(connection, guests) == rows(connection, guests)


# -- facts of one ---------------------------------------------------------------------------------------------------


@needs("domain.info", "domain.state")
def test_the_facts_of_a_guest(bench: Bench) -> None:
    domain = bench.define(extra=PATTERN_MEMORY + "<vcpu>2</vcpu>")
    info = domain.info()
    assert isinstance(info, DomainInfo)
    assert (info.max_memory_kib, info.vcpus, info.persistent) == (131072, 2, True)
    assert (info.autostart, info.managed_save) == (False, False)
    state = domain.state()
    assert (info.state, info.reason) == (state.state, state.reason)


@needs("domain.info")
def test_a_guest_that_is_off_uses_no_time(bench: Bench, defined: Domain) -> None:
    assert defined.info().cpu_time_ns is None
    running = bench.start(defined).info()
    assert running.cpu_time_ns is None or running.cpu_time_ns >= 0
    assert 0 < running.memory_kib <= running.max_memory_kib


@needs("domain.info")
def test_time_used_does_not_run_backwards(running: Domain) -> None:
    first, second = running.info().cpu_time_ns, running.info().cpu_time_ns
    assert first is None or second is None or first <= second


@needs("domain.os-type", "domain.xml")
def test_the_kind_of_system_is_that_of_the_document(defined: Domain) -> None:
    system = defined.config().os
    assert system is not None and system.type is not None
    assert defined.os_type() == str(system.type.value)


@needs("domain.control-info")
def test_the_control_channel_of_an_idle_guest_is_free(running: Domain) -> None:
    found = running.control_info()
    assert isinstance(found, ControlInfo)
    assert found.state == "ok"


@needs("domain.control-info")
def test_a_guest_that_is_off_has_no_control_channel(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.control_info()


@needs("domain.messages")
def test_messages_are_sentences(running: Domain) -> None:
    found = running.messages()
    assert isinstance(found, list)
    assert all(isinstance(message, str) and message.strip() for message in found)


@needs("domain_messages(deprecation, tainting)")
def test_messages_of_no_kind_are_none(running: Domain) -> None:
    assert running.messages(deprecation=False, tainting=False) == []
