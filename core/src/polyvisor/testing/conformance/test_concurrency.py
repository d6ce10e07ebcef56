"""Several at once: threads of one connection, connections, processes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import AlreadyExists, PolyvisorError
from polyvisor.operations.records import Affect, DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

OFF, RUNNING = DomainState.SHUT_OFF, DomainState.RUNNING
ROUNDS = 5
"""How often a race is run: whoever loses one in two is found."""


def race(*runners: Callable[[], object]) -> list[object]:
    """Let them run at the same moment; what each returned or raised, in their order."""
    start = threading.Barrier(len(runners))
    results: list[object] = [None] * len(runners)

    def run(number: int, runner: Callable[[], object]) -> None:
        start.wait()
        try:
            results[number] = runner()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def codes(results: list[object]) -> Counter[str]:
    """How often each error occurred; ``"done"`` for none."""
    return Counter(
        found.code if isinstance(found, PolyvisorError) else repr(found) if isinstance(found, Exception) else "done"
        for found in results
    )


# -- one guest ------------------------------------------------------------------------------------------------------


@needs("domain.start", "domain.destroy", "domain.state")
def test_one_of_two_starts_a_guest(defined: Domain) -> None:
    for _ in range(ROUNDS):
        assert codes(race(*[defined.start] * 3)) == {"done": 1, "invalid-state": 2}
        assert defined.state().state is RUNNING
        defined.destroy()


@needs("domain.destroy", "domain.state")
def test_one_of_two_ends_a_guest(bench: Bench, defined: Domain) -> None:
    for _ in range(ROUNDS):
        bench.start(defined)
        assert codes(race(*[defined.destroy] * 3)) == {"done": 1, "invalid-state": 2}
        assert defined.state().state is OFF


@needs("domain.start", "domain.destroy", "domain.state", "event.any")
def test_a_race_is_told_as_it_ended(defined: Domain, events: Heard) -> None:
    race(defined.start, defined.start)
    defined.destroy()
    assert events.lifecycle(2) == [("started", "booted"), ("stopped", "destroyed")]
    assert [event for event in events.rest() if event.event == "started"] == []


@needs("domain.undefine", "domain.list")
def test_one_of_two_forgets_a_guest(bench: Bench, connection: Connection) -> None:
    for _ in range(ROUNDS):
        domain = bench.define()
        assert codes(race(*[domain.undefine] * 3)) == {"done": 1, "no-such-domain": 2}
        assert domain.uuid not in bench.present()


@needs("domain.start", "domain.undefine", "domain.destroy", "domain.list")
def test_a_guest_is_started_or_forgotten_or_both(bench: Bench, connection: Connection) -> None:
    """Whoever comes first: a guest that runs is there, one that does not is gone."""
    bench.require(bench.target.undefines_running, "the hypervisor forgets no guest that runs")
    for _ in range(ROUNDS):
        domain = bench.define()
        started, forgotten = race(domain.start, domain.undefine)
        rows = [row for row in connection.list_domains() if row.ref.uuid == domain.uuid]
        assert forgotten is None, forgotten
        if isinstance(started, Exception):
            assert isinstance(started, PolyvisorError) and started.code == "no-such-domain", started
            assert rows == []
        else:
            assert [row.state for row in rows] == [RUNNING]
            domain.destroy()
            assert domain.uuid not in bench.present()


@needs("domain.suspend", "domain.resume", "domain.destroy", "domain.state")
def test_a_guest_that_is_pulled_to_and_fro_ends_in_a_state(running: Domain) -> None:
    for _ in range(ROUNDS):
        results = race(running.suspend, running.resume, running.suspend, running.resume)
        assert codes(results) == {"done": 4}
        assert running.state().state in (RUNNING, DomainState.PAUSED)
    running.resume()
    assert running.state().state is RUNNING


# -- one name -------------------------------------------------------------------------------------------------------


@needs("domain.define", "domain.undefine", "domain.list")
def test_one_of_two_gets_a_name(bench: Bench, connection: Connection) -> None:
    for _ in range(ROUNDS):
        name = bench.fresh_name()
        texts = [bench.document(name) for _ in range(3)]
        results = race(*[lambda text=text: connection.define(text) for text in texts])
        assert codes(results) == {"done": 1, "already-exists": 2}
        assert [row.name for row in connection.list_domains()].count(name) == 1


@needs("domain.create-transient", "domain.destroy", "domain.list")
def test_one_of_two_runs_under_a_name(bench: Bench, connection: Connection) -> None:
    for _ in range(ROUNDS):
        name = bench.fresh_name()
        texts = [bench.document(name) for _ in range(2)]
        results = race(*[lambda text=text: connection.create(text) for text in texts])
        assert codes(results) == {"done": 1, "already-exists": 1}, results
        assert [row.name for row in connection.list_domains()].count(name) == 1
        connection.domain(name).destroy()


@needs("domain.rename", "domain.list")
def test_one_of_two_is_given_a_name(bench: Bench, connection: Connection) -> None:
    bench.require((bench.target.max_guests or 2) >= 2, "the hypervisor has no room for two guests")
    first, second = bench.define(), bench.define()
    for _ in range(ROUNDS):
        name = bench.fresh_name()
        results = race(lambda name=name: first.rename(name), lambda name=name: second.rename(name))  # type: ignore[misc]
        assert codes(results) == {"done": 1, "already-exists": 1}, results
        assert [row.name for row in connection.list_domains()].count(name) == 1


# -- many -----------------------------------------------------------------------------------------------------------


@needs("domain.define", "domain.undefine", "domain.list")
def test_everybody_defines_a_guest(bench: Bench, connection: Connection) -> None:
    bench.require((bench.target.max_guests or 8) >= 8, "the hypervisor has no room for eight guests")
    texts = [bench.document() for _ in range(8)]
    results = race(*[lambda text=text: connection.define(text) for text in texts])
    assert codes(results) == {"done": 8}
    uuids = {found.uuid for found in results}  # type: ignore[attr-defined]
    assert uuids <= bench.present() and len(uuids) == 8


@needs("domain.start", "domain.destroy", "domain.state")
def test_guests_start_side_by_side(bench: Bench) -> None:
    bench.require((bench.target.max_running or 3) >= 3, "the hypervisor does not run three guests at a time")
    guests = [bench.define() for _ in range(3)]
    assert codes(race(*[guest.start for guest in guests])) == {"done": 3}
    assert len({guest.id for guest in guests}) == 3
    assert {guest.state().state for guest in guests} == {RUNNING}


@needs("domain.start", "domain.destroy", "domain.list", "domain.state")
def test_looking_on_disturbs_nobody(bench: Bench, connection: Connection) -> None:
    """Whoever lists while guests come and go sees each of them in a state that it has."""
    mine = bench.define()
    over = threading.Event()

    def look() -> set[str]:
        seen = set()
        while not over.is_set():
            for row in connection.list_domains():
                if row.ref.uuid == mine.uuid:
                    assert (row.ref.id is not None) == row.state.active, row
                    seen.add(row.state.value)
            mine.state()
        return seen

    def live() -> None:
        try:
            for _ in range(ROUNDS):
                mine.start()
                mine.destroy()
        finally:
            over.set()

    found, lived = race(look, live)
    assert lived is None, lived
    assert isinstance(found, set) and found <= {"running", "shut off", "paused", "in shutdown"}, found  # on the way


@needs("domain.define", "domain.undefine", "domain.list", "domain.xml")
def test_a_document_is_read_whole_while_it_is_replaced(bench: Bench, connection: Connection, defined: Domain) -> None:
    """A reader sees the old document or the new one, never some of both."""
    pair = "<title>{0}</title><description>{0}</description>"
    texts = [bench.document(defined.name, uuid=defined.uuid, extra=pair.format(each)) for each in "ab"]
    connection.define(texts[0])
    over = threading.Event()

    def read() -> set[tuple[Any, Any]]:
        seen = set()
        while not over.is_set():
            config: Any = defined.config()
            seen.add((config.title, config.description))
        return seen

    def replace() -> None:
        try:
            for number in range(4 * ROUNDS):
                connection.define(texts[number % 2])
        finally:
            over.set()

    seen, replaced = race(read, replace)
    assert replaced is None, replaced
    assert isinstance(seen, set) and seen <= {("a", "a"), ("b", "b")}, seen


@needs("domain.metadata", "set_metadata(affect)")
def test_changes_of_two_threads_are_both_kept(bench: Bench, defined: Domain) -> None:
    from polyvisor.operations.configuration import MetadataKind

    for number in range(ROUNDS):
        title, description = f"title {number}", f"description {number}"
        results = race(
            lambda text=title: defined.set_metadata(MetadataKind.TITLE, text, affect=Affect.CONFIG),  # type: ignore[misc]
            lambda text=description: defined.set_metadata(  # type: ignore[misc]
                MetadataKind.DESCRIPTION, text, affect=Affect.CONFIG
            ),
        )
        assert codes(results) == {"done": 2}
        assert defined.metadata(MetadataKind.TITLE) == title
        assert defined.metadata(MetadataKind.DESCRIPTION) == description


# -- two connections ------------------------------------------------------------------------------------------------


@needs("domain.define", "domain.list")
def test_connections_see_the_same_guests_or_none_of_each_others(bench: Bench, defined: Domain) -> None:
    seen = [row.ref.uuid for row in bench.open().list_domains()]
    assert seen.count(defined.uuid) == int(bench.target.shared)


@needs("domain.define", "domain.list")
def test_a_name_is_taken_for_those_who_see_it(bench: Bench, defined: Domain) -> None:
    other = bench.open()
    if bench.target.shared:
        with pytest.raises(AlreadyExists):
            other.define(bench.document(defined.name))
    else:
        assert other.define(bench.document(defined.name)).name == defined.name


@needs("domain.start", "domain.destroy", "domain.state")
def test_two_connections_race_like_two_threads(second_connection: Connection, defined: Domain) -> None:
    other = second_connection.domain(uuid=defined.uuid)
    for _ in range(ROUNDS):
        assert codes(race(defined.start, other.start)) == {"done": 1, "invalid-state": 1}
        assert other.state().state is defined.state().state is RUNNING
        other.destroy()
        assert defined.state().state is OFF


@needs("domain.xml", "domain.undefine")
def test_what_one_connection_changes_the_other_sees(
    bench: Bench, second_connection: Connection, defined: Domain
) -> None:
    other = second_connection.domain(uuid=defined.uuid)
    bench.connection.define(bench.document(defined.name, uuid=defined.uuid, extra="<title>seen</title>"))
    config: Any = other.config()
    assert config.title == "seen"
    defined.undefine()
    with pytest.raises(PolyvisorError) as refusal:
        other.config()
    assert refusal.value.code == "no-such-domain"


# -- two processes --------------------------------------------------------------------------------------------------


@needs("domain.start", "domain.destroy", "domain.state")
def test_another_process_sees_the_same_guest(bench: Bench, defined: Domain) -> None:
    with bench.another() as other:
        assert other.call(defined, "start").keys() == {"result"}
        assert defined.state().state is RUNNING
        defined.destroy()
        assert other.call(defined, "destroy") == {"error": "invalid-state"}


@needs("domain.start", "domain.destroy", "domain.state")
def test_two_processes_race_like_two_threads(bench: Bench, defined: Domain) -> None:
    with bench.another() as other:
        other.call(defined, "state")
        for _ in range(ROUNDS):
            other.ask(defined, "start")
            (mine,) = race(defined.start)
            found = Counter([*codes([mine]), other.answer().get("error", "done")])
            assert found == {"done": 1, "invalid-state": 1}
            assert defined.state().state is RUNNING
            defined.destroy()


@needs("domain.start", "domain.destroy", "domain.state")
def test_a_guest_outlives_the_process_that_started_it(bench: Bench, defined: Domain) -> None:
    with bench.another() as other:
        other.call(defined, "start")
        identity = defined.refresh().id
        other.kill()
    assert defined.state().state is RUNNING
    assert defined.refresh().id == identity
    defined.destroy()
    assert defined.state().state is OFF


@needs("domain.start", "domain.destroy", "domain.state")
def test_a_process_that_is_killed_in_the_middle_leaves_a_guest_that_can_be_used(bench: Bench, defined: Domain) -> None:
    with bench.another() as other:
        other.call(defined, "state")
        other.ask(defined, "start")
        other.kill()
    with bench.open() as connection:
        again = connection.domain(uuid=defined.uuid)
        bench.until(lambda: again.state().state in (RUNNING, OFF), "a state")
        if again.state().state is OFF:
            again.start()
        again.destroy()
        assert again.state().state is OFF


@needs("domain.start", "domain.destroy", "event.any")
def test_what_another_process_does_is_told(bench: Bench, defined: Domain, events: Heard) -> None:
    with bench.another() as other:
        other.call(defined, "start")
        other.call(defined, "destroy")
    assert events.lifecycle(2, of=defined) == [("started", "booted"), ("stopped", "destroyed")]
