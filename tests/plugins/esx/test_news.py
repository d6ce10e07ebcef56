"""What is made of a server's own events and of changes it tells, without a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pyVmomi import vim, vmodl

from polyvisor.errors import HypervisorError, NotFound, OperationTimeout
from polyvisor.spi import EventKind
from polyvisor_esx import guests, history, index, watching
from polyvisor_esx.watching import Seen, told

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Events = vim.event
HERE, THERE = vim.HostSystem("host-1"), vim.HostSystem("host-2")


def event(kind: str, key: int = 1, *, minutes: float = 0, user: str = "") -> Any:
    at = NOON + timedelta(minutes=minutes)
    return getattr(Events, kind)(key=key, createdTime=at, userName=user, fullFormattedMessage=f"{kind} happened")


# -- why --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "power", "reason"),
    [
        ([], "", ""),
        (["VmReconfiguredEvent"], "", ""),
        (["VmPoweredOnEvent"], "poweredOn", "booted"),
        (["DrsVmPoweredOnEvent", "VmMigratedEvent"], "poweredOn", "migrated"),
        (["VmSuspendedEvent", "VmResumingEvent"], "poweredOn", "unpaused"),
        (["VmPoweredOnEvent", "VmPoweredOffEvent"], "poweredOff", "destroyed"),
        (["VmGuestShutdownEvent", "VmPoweredOffEvent"], "poweredOff", "shutdown"),
        (["VmGuestOSCrashedEvent", "VmPoweredOffEvent"], "poweredOff", "crashed"),
        (["VmGuestShutdownEvent", "VmPoweredOnEvent", "VmPoweredOffEvent"], "poweredOff", "destroyed"),
        (["VmFailedToPowerOnEvent"], "poweredOff", "failed"),
    ],
)
def test_events_explain_a_state(kinds: list[str], power: str, reason: str) -> None:
    assert history.explained(event(kind) for kind in kinds)[:2] == (power, reason)


def test_a_shutdown_that_did_not_happen_explains_no_later_end() -> None:
    events = [event("VmGuestShutdownEvent"), event("VmPoweredOffEvent", minutes=60)]
    assert history.explained(events)[1] == "destroyed"


def test_each_change_takes_its_own_events() -> None:
    kinds = ["VmReconfiguredEvent", "VmPoweredOnEvent", "VmGuestShutdownEvent", "VmPoweredOffEvent", "VmPoweredOnEvent"]
    waiting = deque(event(kind, key) for key, kind in enumerate(kinds))
    assert history.taken(waiting, "suspended") == []
    assert [each.key for each in history.taken(waiting, "poweredOn")] == [1]
    assert [each.key for each in history.taken(waiting, "poweredOff")] == [2, 3]
    assert [each.key for each in waiting] == [4]


def test_who_did_it_is_said_where_somebody_did() -> None:
    assert history.who(event("VmPoweredOffEvent", user="LAB\\ann")) == {
        "user": "LAB\\ann",
        "message": "VmPoweredOffEvent happened",
    }
    assert "user" not in history.who(event("VmPoweredOffEvent"))


def test_a_disk_that_fails_is_an_error_of_input_and_output() -> None:
    ref = Seen(7, "web", UUID(int=7)).off
    failed = event("VmDiskFailedEvent")
    failed.disk, failed.reason = "[ds] web/web.vmdk", vmodl.MethodFault(msg="lost")
    made = history.NEWS["VmDiskFailedEvent"](ref, failed)
    assert (made.kind, made.data["device"], made.data["reason"]) == (EventKind.IO_ERROR, "[ds] web/web.vmdk", "lost")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"runtime.powerState": "poweredOn"}, ""),
        ({"runtime.powerState": "poweredOn", "runtime.bootTime": NOON}, "booted"),
        (
            {
                "runtime.powerState": "poweredOn",
                "runtime.bootTime": NOON,
                "runtime.suspendTime": NOON + timedelta(hours=1),
            },
            "unpaused",
        ),
        (
            {
                "runtime.powerState": "poweredOn",
                "runtime.bootTime": NOON,
                "runtime.suspendTime": NOON - timedelta(days=1),
            },
            "booted",
        ),
        ({"runtime.powerState": "poweredOff", "runtime.cleanPowerOff": True}, ""),
        ({"runtime.powerState": "poweredOff", "runtime.cleanPowerOff": False}, "crashed"),
        ({"runtime.powerState": "poweredOff"}, ""),
    ],
)
def test_times_tell_why(row: dict[str, Any], reason: str) -> None:
    assert guests.reason_of(row) == reason


# -- moves ------------------------------------------------------------------------------------------------------------

ON = Seen(42, "web", UUID(int=7), "poweredOn", host=HERE)
OFF = Seen(42, "web", UUID(int=7), "poweredOff", host=HERE)


@pytest.mark.parametrize(
    ("before", "now", "events"),
    [
        (ON, Seen(42, "web", UUID(int=7), "poweredOn", host=THERE), [("resumed", "migrated")]),
        (OFF, Seen(42, "web", UUID(int=7), "poweredOff", host=THERE), []),
        (ON, Seen(42, "web", UUID(int=7), "poweredOff", host=THERE), [("stopped", "destroyed")]),
        (ON, None, [("stopped", "migrated"), ("undefined", "removed")]),
        (OFF, None, [("undefined", "removed")]),
        (None, ON, [("defined", "added"), ("started", "migrated")]),
        (None, OFF, [("defined", "added")]),
    ],
)
def test_guests_move_between_hosts(before: Seen | None, now: Seen | None, events: list[tuple[str, str]]) -> None:
    assert [(each.event, each.detail) for each in told(before, now, moved=True)] == events


def test_what_the_server_says_goes_with_the_change() -> None:
    (made,) = told(ON, Seen(42, "web", UUID(int=7), "poweredOff", host=HERE), "crashed", data={"user": "ann"})
    assert (made.event, made.detail, made.data) == ("stopped", "crashed", {"user": "ann"})


# -- following --------------------------------------------------------------------------------------------------------


class Manager:
    """An EventManager: its events by key; ``refuses`` is what it answers instead."""

    def __init__(self, *events: Any, refuses: Exception | None = None) -> None:
        self.events, self.refuses = list(events), refuses
        self.asked: list[Any] = []

    def CreateCollectorForEvents(self, filter: Any) -> Any:
        if self.refuses is not None:
            raise self.refuses
        return self

    def SetCollectorPageSize(self, maxCount: int) -> None:
        self.size = maxCount

    def QueryEvents(self, filter: Any) -> list[Any]:
        self.asked.append(filter)
        if self.refuses is not None:
            raise self.refuses
        return self.events

    def DestroyCollector(self) -> None:
        pass


class Session:
    """What a History needs of a session."""

    def __init__(self, manager: Manager | None) -> None:
        self.manager = manager
        self.content = self.address = self
        self.eventManager = manager
        self.host = "esx.example.org"

    def properties(self, kind: Any, paths: Any, refs: list[Any]) -> dict[Any, Any]:
        assert self.manager is not None
        return {self.manager: {"latestPage": self.manager.events[-history.PAGE :][::-1]}}


def following(manager: Manager | None) -> history.History:
    return history.History(Session(manager), vim.Folder("group-d1"))  # type: ignore[arg-type]


def keys(events: list[Any]) -> list[int]:
    return [each.key for each in events]


def test_what_happened_before_is_not_told() -> None:
    manager = Manager(event("VmPoweredOnEvent", 1), event("VmPoweredOffEvent", 2))
    followed = following(manager)
    assert followed.begin() == []
    assert keys(followed.fresh([event("VmPoweredOnEvent", 3), *manager.events])) == [3]
    assert followed.fresh(manager.events) == []


def test_the_first_event_of_all_is_told() -> None:
    followed = following(Manager())
    assert followed.begin() == []
    assert keys(followed.fresh([event("VmPoweredOnEvent", 1)])) == [1]


def test_a_new_collector_goes_on_where_the_last_one_stopped() -> None:
    manager = Manager(event("VmPoweredOnEvent", 1))
    followed = following(manager)
    followed.begin()
    manager.events += [event("VmPoweredOffEvent", 2), event("VmPoweredOnEvent", 3)]
    assert keys(followed.begin()) == [2, 3]


def test_events_that_a_page_has_no_room_for_are_asked_for() -> None:
    manager = Manager(event("VmPoweredOnEvent", 1))
    followed = following(manager)
    followed.begin()
    manager.events += [event("VmReconfiguredEvent", key, minutes=key) for key in range(2, 60)]
    assert keys(followed.fresh(manager.events[-history.PAGE :])) == list(range(2, 60))
    assert manager.asked[0].time.beginTime == NOON


@pytest.mark.parametrize("manager", [None, Manager(refuses=HypervisorError("no", details={"fault": "NotImplemented"}))])
def test_a_server_without_events_is_watched_all_the_same(manager: Manager | None) -> None:
    followed = following(manager)
    assert followed.begin() == []
    assert followed.collector is None
    assert history.reason(Session(manager), vim.VirtualMachine("vm-1"), "poweredOff") == "unknown"  # type: ignore[arg-type]


def test_a_way_that_is_cut_is_not_a_server_without_events() -> None:
    with pytest.raises(HypervisorError):
        following(Manager(refuses=HypervisorError("cut"))).begin()


def test_the_last_events_say_why_a_guest_is_off() -> None:
    session: Any = Session(Manager(event("VmPoweredOffEvent", 9), event("VmGuestShutdownEvent", 8)))
    assert history.reason(session, vim.VirtualMachine("vm-1"), "poweredOff") == "shutdown"
    assert history.reason(session, vim.VirtualMachine("vm-1"), "poweredOn") == "unknown"


# -- the index --------------------------------------------------------------------------------------------------------


def change(number: int, kind: str, truncated: bool = False, **values: str | None) -> str:
    told = "".join(
        f"<changeSet><name>{name.replace('_', '.')}</name><op>assign</op>"
        + (f'<val xsi:type="xsd:string">{value}</val>' if value is not None else "")
        + "</changeSet>"
        for name, value in values.items()
    )
    return f'<objectSet><kind>{kind}</kind><obj type="VirtualMachine">vm-{number}</obj>{told}</objectSet>'


class Transport:
    """Answers WaitForUpdatesEx with UpdateSets in turn, an exception among them raised, and with none at the end."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.versions: list[str] = []

    def answer(self, mo: Any, method: Any, *, version: str, options: Any) -> Any:
        from lxml import etree

        self.versions.append(version)
        inner = self.answers.pop(0) if self.answers else ""
        if isinstance(inner, Exception):
            raise inner
        return etree.fromstring(
            '<r xmlns="urn:vim25" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xmlns:xsd="http://www.w3.org/2001/XMLSchema">{inner}</r>'
        )


def updates(version: str, *changes: str, truncated: bool = False) -> str:
    more = f"<truncated>{str(truncated).lower()}</truncated>"
    filters = f'<filterSet><filter type="PropertyFilter">f</filter>{"".join(changes)}</filterSet>'
    return f"<returnval><version>{version}</version>{filters}{more}</returnval>"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes an index that is answered so; the collectors it made are counted."""

    def make(*answers: str | Exception) -> Any:
        transport = Transport(*answers)

        class Server:
            def __init__(self) -> None:
                self.transport, self.content, self.propertyCollector, self.made = transport, self, self, 0

            def CreatePropertyCollector(self) -> Any:
                self.made += 1
                return self

            def CreateFilter(self, spec: Any, partialUpdates: bool) -> None:
                pass

        made = index.Index(Server())  # type: ignore[arg-type]
        monkeypatch.setattr(made, "_filter", lambda: None)
        return made, transport

    yield make


def names(rows: dict[Any, Any]) -> dict[str, Any]:
    return {ref._GetMoId(): row.get("name") for ref, row in rows.items()}


def test_an_index_takes_in_what_changes(looked: Any) -> None:
    made, transport = looked(
        updates("1", change(1, "enter", name="a"), change(2, "enter", name="b")),
        updates("2", change(1, "modify", name="c"), change(2, "leave"), change(3, "enter", name="d")),
    )
    assert names(made.rows(["name"])) == {"vm-1": "a", "vm-2": "b"}
    assert names(made.rows(["name"])) == {"vm-1": "c", "vm-3": "d"}
    assert names(made.rows(["name"])) == {"vm-1": "c", "vm-3": "d"}
    assert transport.versions == ["", "1", "2"]


def test_an_index_asks_for_the_rest_of_a_long_answer(looked: Any) -> None:
    made, transport = looked(
        updates("1", change(1, "enter", name="a"), truncated=True), updates("2", change(2, "enter", name="b"))
    )
    assert len(made.rows(["name"])) == 2
    assert transport.versions == ["", "1"]


def test_what_is_unset_again_is_left_out(looked: Any) -> None:
    made, _transport = looked(
        updates("1", change(1, "enter", name="a", runtime_bootTime="x")),
        updates("2", change(1, "modify", runtime_bootTime=None)),
    )
    assert next(iter(made.rows(["runtime.bootTime"]).values())) == {"runtime.bootTime": "x"}
    assert next(iter(made.rows(["runtime.bootTime"]).values())) == {}


def test_rows_may_be_changed_by_those_who_asked(looked: Any) -> None:
    made, _transport = looked(updates("1", change(1, "enter", name="a")))
    next(iter(made.rows(["name"]).values()))["name"] = "spoilt"
    assert names(made.rows(["name"])) == {"vm-1": "a"}


def test_an_index_begins_again_after_a_new_login(looked: Any) -> None:
    made, transport = looked(
        updates("1", change(1, "enter", name="a")), NotFound("gone"), updates("1", change(2, "enter", name="b"))
    )
    assert names(made.rows(["name"])) == {"vm-1": "a"}
    assert names(made.rows(["name"])) == {"vm-2": "b"}
    assert transport.versions == ["", "1", ""]


def test_an_index_begins_again_when_an_answer_was_lost(looked: Any) -> None:
    made, transport = looked(
        updates("1", change(1, "enter", name="a")),
        OperationTimeout("no answer"),
        updates("1", change(2, "enter", name="b")),
    )
    assert names(made.rows(["name"])) == {"vm-1": "a"}
    with pytest.raises(OperationTimeout):
        made.rows(["name"])
    assert names(made.rows(["name"])) == {"vm-2": "b"}
    assert transport.versions == ["", "1", ""]


def test_an_index_is_asked_for_what_it_has(looked: Any) -> None:
    made, _transport = looked()
    assert made.covers(["name", "config.uuid", *guests.STATE])
    assert not made.covers(["name", "config.hardware"])


# -- beginning again --------------------------------------------------------------------------------------------------


def test_a_watch_whose_part_of_the_inventory_is_gone_does_not_ask_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pauses(list[float]):
        def wait(self, seconds: float) -> None:
            self.append(seconds)

    gone = NotFound("gone", details={"fault": "ManagedObjectNotFound"})

    def begin(self: watching.Watcher) -> None:
        self._collector = object()
        raise gone

    class Server:
        class address:
            host = "lab"

    monkeypatch.setattr(watching.Watcher, "_begin", begin)
    watcher = object.__new__(watching.Watcher)
    pauses = watcher._ended = Pauses()  # type: ignore[assignment]
    watcher._session, watcher._collector, watcher._seen = Server(), object(), {}  # type: ignore[assignment]
    watcher._lost(gone)  # the collector ends with its login: it is made anew at once
    assert pauses == []
    with pytest.raises(NotFound):
        watcher._resume()
    watcher._lost(gone)
    assert pauses == [watching.AGAIN]
