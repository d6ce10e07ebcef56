"""What a server's EventManager keeps of its guests: who did something to one, and why it is as it is.

Names are those of the event types in the vSphere Web Services SDK. A server need not keep events, nor show them to
every user: then there are none, and nothing else changes.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyVmomi import vim, vmodl

from polyvisor.errors import PolyvisorError
from polyvisor.spi import DomainRef, Event, EventKind, Lifecycle, lifecycle

if TYPE_CHECKING:
    from polyvisor_esx.session import EsxSession

log = logging.getLogger(__name__)
Collector = vmodl.query.PropertyCollector
Filter = vim.event.EventFilterSpec

PAGE = 20
"""Events in the page that is watched: the server sends all of it with each news."""

MOST = 100
"""Events that are asked for at once."""

PATIENCE = timedelta(minutes=10)
"""How long a guest may take from being told to shut down until it is off."""

EXPLAINS: dict[str, tuple[str, str]] = {
    "VmPoweredOnEvent": ("poweredOn", "booted"),
    "DrsVmPoweredOnEvent": ("poweredOn", "booted"),
    "VmRestartedOnAlternateHostEvent": ("poweredOn", "booted"),
    "VmResumingEvent": ("poweredOn", "unpaused"),
    "VmMigratedEvent": ("poweredOn", "migrated"),
    "DrsVmMigratedEvent": ("poweredOn", "migrated"),
    "VmPoweredOffEvent": ("poweredOff", "destroyed"),
    "VmPowerOffOnIsolationEvent": ("poweredOff", "destroyed"),
    "VmGuestShutdownEvent": ("poweredOff", "shutdown"),
    "VmShutdownOnIsolationEvent": ("poweredOff", "shutdown"),
    "VmGuestOSCrashedEvent": ("poweredOff", "crashed"),
    "VmFailedToPowerOnEvent": ("poweredOff", "failed"),
    "VmSuspendedEvent": ("suspended", "user"),
}
"""Event -> the power state it leads to, and the reason for that."""

BETTER = ("shutdown", "crashed")
"""Reasons for being off that the event of going off does not take back."""


def name_of(event: Any) -> str:
    """The type's name: ``VmPoweredOffEvent``."""
    return type(event).__name__.rpartition(".")[2]


def explained(events: Iterable[Any]) -> tuple[str, str, Any]:
    """The power state that events of one guest, in their order, lead to, the reason, and the event that tells it.

    Empty strings and None where none of them does."""
    power, reason, teller = "", "", None
    for event in events:
        found = EXPLAINS.get(name_of(event))
        if found is None:
            continue
        soon = teller is not None and event.createdTime - teller.createdTime <= PATIENCE
        if found == ("poweredOff", "destroyed") and power == "poweredOff" and reason in BETTER and soon:
            continue
        (power, reason), teller = found, event
    return power, reason, teller


def taken(events: deque[Any], power: str) -> list[Any]:
    """Takes from the front those that lead to a power state, and what stands before them; nothing if none does."""
    states = [EXPLAINS.get(name_of(event), ("", ""))[0] for event in events]
    if power not in states:
        return []
    first = states.index(power)
    end = next((at for at in range(first, len(states)) if states[at] not in ("", power)), len(states))
    return [events.popleft() for _ in range(end)][first:]


def who(event: Any) -> dict[str, str]:
    """What is told beside the fact: the user, where one did it, and the server's own words."""
    said = {"user": event.userName, "message": event.fullFormattedMessage}
    return {key: str(value) for key, value in said.items() if value}


# -- what properties do not tell ------------------------------------------------------------------------------------


def _updated(ref: DomainRef, event: Any) -> Event:
    return lifecycle(ref, Lifecycle.DEFINED, "updated", **who(event))


def _rebooted(ref: DomainRef, event: Any) -> Event:
    return Event(EventKind.REBOOT, ref, data=who(event))


def _crashed(ref: DomainRef, event: Any) -> Event:
    return lifecycle(ref, Lifecycle.CRASHED, "panicked", **who(event))


def _disk_failed(ref: DomainRef, event: Any) -> Event:
    disk, reason = str(event.disk or ""), str(getattr(event.reason, "msg", "") or "")
    return Event(EventKind.IO_ERROR, ref, data={"device": disk, "action": "report", "reason": reason, **who(event)})


NEWS: dict[str, Callable[[DomainRef, Any], Event]] = {
    "VmReconfiguredEvent": _updated,
    "VmGuestRebootEvent": _rebooted,
    "VmResettingEvent": _rebooted,
    "VmDasBeingResetEvent": _rebooted,
    "VmGuestOSCrashedEvent": _crashed,
    "VmDiskFailedEvent": _disk_failed,
}
"""Event -> what is told of it."""

WANTED = sorted({*EXPLAINS, *NEWS})


class History:
    """Follows a server's events of the guests below ``container``.

    What was read is remembered by time and key, so that a new collector (the old one ends with its login) goes on
    where the last one stopped."""

    def __init__(self, session: EsxSession, container: Any) -> None:
        self._session = session
        self._manager = session.content.eventManager
        self._container = container
        self._collector: Any = None
        self._key: int | None = None
        self._time: datetime | None = None

    @property
    def collector(self) -> Any:
        """The EventHistoryCollector, whose ``latestPage`` changes with each event; None without one."""
        return self._collector

    def begin(self) -> list[Any]:
        """Follow from now on, or from where it stopped; returns what happened since then."""
        self._collector = None
        if self._manager is None:
            return []
        again = self._key is not None
        try:
            self._collector = self._manager.CreateCollectorForEvents(filter=self._filter())
            self._collector.SetCollectorPageSize(maxCount=PAGE)
            page = self.page()
        except PolyvisorError as error:
            if "fault" not in error.details:
                raise
            log.info("%s keeps no events to follow: %s", self._session.address.host, error)
            self._collector, self._manager = None, None
            return []
        found = self.fresh(page)
        return found if again else []

    def page(self) -> list[Any]:
        """The last events as they are now."""
        row = self._session.properties(type(self._collector), ("latestPage",), [self._collector])
        return list(row.get(self._collector, {}).get("latestPage") or ())

    def fresh(self, page: Iterable[Any]) -> list[Any]:
        """Those of a page that are new, the oldest first; with those that the page had no room for."""
        events = sorted(page, key=lambda event: int(event.key))
        if self._key is not None and len(events) >= PAGE and int(events[0].key) > self._key + 1:
            events = sorted([*self._since(), *events], key=lambda event: int(event.key))
        found = {int(each.key): each for each in events if self._key is None or int(each.key) > self._key}
        if found:
            self._key, self._time = max(found), max(each.createdTime for each in found.values())
        elif self._key is None:
            self._key = -1
        return list(found.values())

    def _since(self) -> list[Any]:
        try:
            return list(self._manager.QueryEvents(filter=self._filter(self._time)) or ())
        except PolyvisorError as error:
            log.warning("events at %s may be missing: %s", self._session.address.host, error)
            return []

    def _filter(self, since: datetime | None = None) -> Any:
        spec = Filter(entity=Filter.ByEntity(entity=self._container, recursion="all"), eventTypeId=WANTED)
        if since is not None:
            spec.time = Filter.ByTime(beginTime=since)
        return spec

    def watched(self) -> Any:
        """The filter under which a property collector tells of new events."""
        kind = Collector.PropertySpec(type=type(self._collector), pathSet=["latestPage"], all=False)
        return Collector.FilterSpec(objectSet=[Collector.ObjectSpec(obj=self._collector)], propSet=[kind])

    def drop(self) -> None:
        """Have the server forget the collector."""
        if self._collector is None:
            return
        try:
            self._collector.DestroyCollector()
        except PolyvisorError as error:
            log.debug("the collector of events could not be removed: %s", error)


def reason(session: EsxSession, machine: Any, power: str) -> str:
    """Why one guest is in its power state, by the server's last events of it; ``unknown`` where they do not say."""
    manager = session.content.eventManager
    if manager is None:
        return "unknown"
    spec = Filter(entity=Filter.ByEntity(entity=machine, recursion="self"), eventTypeId=sorted(EXPLAINS))
    spec.maxCount = MOST
    try:
        events = manager.QueryEvents(filter=spec) or ()
    except PolyvisorError as error:
        if "fault" not in error.details:
            raise
        log.debug("no events of %s: %s", machine, error)
        return "unknown"
    found, why, _teller = explained(sorted(events, key=lambda event: int(event.key)))
    return why if found == power else "unknown"
