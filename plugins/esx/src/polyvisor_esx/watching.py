"""Events from what the server tells of its guests: a filter on their properties, and a thread that waits for news.

A guest that enters the filter was defined, one that leaves it undefined; its power state and its host tell the rest.
Why, and who did it, the server's events tell where it keeps any (:mod:`polyvisor_esx.history`). Without them little is
known: what a call of this session did, and that a guest whose system was shutting down when it went off shut down;
whoever else switched it off is not told, so it counts as destroyed.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pyVmomi import vim, vmodl

from polyvisor.errors import PolyvisorError
from polyvisor.spi import DomainRef, Event, EventKind, Lifecycle, lifecycle
from polyvisor_esx.faults import named
from polyvisor_esx.history import NEWS, History, explained, name_of, taken, who
from polyvisor_esx.session import guest_name, number_of, uuid_of

if TYPE_CHECKING:
    from polyvisor_esx.session import EsxSession

log = logging.getLogger(__name__)
Collector = vmodl.query.PropertyCollector

PATHS = ("name", "config.uuid", "runtime.powerState", "guest.guestState", "runtime.host")
HOLD = 60
"""Seconds the server holds a question when there is no news."""

AGAIN = 2.0
"""Seconds until the server is asked again when it could not be reached."""

RECENT = 20
"""Events of a guest that are kept until they explain something."""

LATE = 0.2
ATTEMPTS = 25
"""Seconds that ``stop`` gives a wait to end before it is cancelled again, and how often it is. A server that is out of
reach cancels nothing; the thread then ends by itself, in silence."""


MEANT = {
    ("suspended", "saved"): (Lifecycle.STOPPED, "saved"),
    ("suspended", "standby"): (Lifecycle.PM_SUSPENDED, "memory"),
    ("poweredOn", "restored"): (Lifecycle.STARTED, "restored"),
    ("poweredOn", "wakeup"): (Lifecycle.STARTED, "wakeup"),
}
"""Power state, and why our own call led there -> what that is called, where it is no pause and no start."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a guest. ``number`` is that of its reference; ``closing`` says that its system shuts down;
    ``host`` is the HostSystem it is on; ``saved`` says that it is suspended because we saved it, and so is off."""

    number: int
    name: str = ""
    uuid: UUID | None = None
    power: str = "poweredOff"
    closing: bool = False
    host: Any = None
    saved: bool = False

    @property
    def off(self) -> DomainRef:
        """The guest as one that does not run."""
        return DomainRef(self.name, self.uuid or UUID(int=0))

    @property
    def on(self) -> DomainRef:
        """The guest as one that runs."""
        return DomainRef(self.name, self.uuid or UUID(int=0), self.number)


def after(before: Seen, changes: dict[str, Any]) -> Seen:
    """What is known once these properties have changed."""
    now = before
    if changes.get("name") is not None:
        now = replace(now, name=guest_name(changes))
    if changes.get("config.uuid") is not None:
        now = replace(now, uuid=uuid_of(changes))
    if changes.get("runtime.powerState") is not None:
        now = replace(now, power=str(changes["runtime.powerState"]), closing=False, saved=False)
    if changes.get("runtime.host") is not None:
        now = replace(now, host=changes["runtime.host"])
    if "guest.guestState" in changes:
        state = str(changes["guest.guestState"])
        if now.power == "poweredOn" or "runtime.powerState" in changes:
            now = replace(now, closing=state == "shuttingDown")
    return now


def told(
    before: Seen | None,
    now: Seen | None,
    reason: str = "",
    *,
    moved: bool = False,
    data: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Event]:
    """The events between two looks at a guest, None while it is not there.

    ``reason`` is what this session or the server noted when the guest got into its power state, ``data`` what is to be
    said beside it; ``moved`` says that a guest came from, or went to, a host that this session does not see."""
    if now is None:
        if before is not None:
            if moved and before.power == "poweredOn":
                yield lifecycle(before.on, Lifecycle.STOPPED, "migrated", **data)
            yield lifecycle(before.off, Lifecycle.UNDEFINED, "removed")
        return
    if before is None:
        yield lifecycle(now.off, Lifecycle.DEFINED, "added")
        before = replace(now, power="poweredOff")
        if moved and now.power == "poweredOn":
            yield lifecycle(now.on, Lifecycle.STARTED, "migrated", **data)
            return
    elif before.name != now.name:
        yield lifecycle(before.off, Lifecycle.UNDEFINED, "renamed")
        yield lifecycle(now.off, Lifecycle.DEFINED, "renamed")
    if before.power != now.power and not (before.saved and now.power == "poweredOff"):
        event, detail = MEANT.get((now.power, reason)) or _change(before, now, reason)
        yield lifecycle(now.on, event, detail, **data)
    elif now.power == "poweredOn" and None not in (before.host, now.host) and before.host != now.host:
        yield lifecycle(now.on, Lifecycle.RESUMED, "migrated", **data)


def _change(before: Seen, now: Seen, reason: str) -> tuple[Lifecycle, str]:
    """What a new power state is called."""
    reverted = "from-snapshot" if reason == "from snapshot" else ""
    if now.power == "poweredOff":
        known = reason if reason in ("shutdown", "destroyed", "crashed", "failed") else ""
        return Lifecycle.STOPPED, reverted or known or ("shutdown" if before.closing else "destroyed")
    if before.saved and now.power == "poweredOn" and not reason:
        return Lifecycle.STARTED, "restored"
    if before.power == "poweredOff" or before.saved:
        return Lifecycle.STARTED, reverted or "booted"
    if now.power == "suspended":
        return Lifecycle.SUSPENDED, reverted or "paused"
    return Lifecycle.RESUMED, reverted or "unpaused"


def told_by_server(event: Event) -> bool:
    """Whether a watcher tells an event of that kind, so that the call that caused it need not."""
    if event.kind is not EventKind.LIFECYCLE or event.event == Lifecycle.SHUTDOWN:
        return False
    return (event.event, event.detail) != (Lifecycle.DEFINED, "updated")


class Watcher:
    """Watches the guests of a session until ``stop``. Nothing that happens after the constructor is missed."""

    def __init__(self, session: EsxSession) -> None:
        self._session = session
        self._seen: dict[Any, Seen] = {}
        self._ended = threading.Event()
        self._collector: Any = None
        self._version = ""
        self._container, self._hosts = _scope(session)
        self._history = History(session, self._container)
        self._recent: defaultdict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=RECENT))
        self._news: list[Any] = []
        self._begin()
        self._thread = threading.Thread(target=self._run, name="polyvisor-esx-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; no event is told after this returns."""
        self._ended.set()
        for _ in range(ATTEMPTS):
            if not self._thread.is_alive():
                break
            try:
                if (collector := self._collector) is not None:
                    collector.CancelWaitForUpdates()
            except PolyvisorError as error:
                log.debug("the wait for news could not be cancelled: %s", error)
            self._thread.join(LATE)
        self._drop()

    def _begin(self) -> None:
        """Make a filter and read the guests as they are."""
        from polyvisor_esx.properties import view_filter

        self._collector = self._session.content.propertyCollector.CreatePropertyCollector()
        view = self._session.content.viewManager.CreateContainerView(
            container=self._container, type=[vim.VirtualMachine], recursive=True
        )
        self._collector.CreateFilter(spec=view_filter(vim.VirtualMachine, PATHS, view), partialUpdates=False)
        self._hear(self._history.begin())
        if self._history.collector is not None:
            self._collector.CreateFilter(spec=self._history.watched(), partialUpdates=False)
        first = self._collector.WaitForUpdatesEx(version="", options=Collector.WaitOptions(maxWaitSeconds=0))
        self._version = first.version if first is not None else ""
        self._hear_pages(first)
        self._seen = {ref: seen for ref, seen in self._looked(first) if seen is not None}

    def _looked(self, updates: Any) -> Iterator[tuple[Any, Seen | None]]:
        """Each guest of an answer, and what is known of it now."""
        for each in updates.filterSet if updates is not None else ():
            for changed in each.objectSet:
                if not isinstance(changed.obj, vim.VirtualMachine):
                    continue
                if changed.kind == "leave":
                    yield changed.obj, None
                    continue
                before = self._seen.get(changed.obj) or Seen(number_of(changed.obj))
                yield changed.obj, after(before, {change.name: change.val for change in changed.changeSet})

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if self._collector is None:
                    self._resume()
                options = Collector.WaitOptions(maxWaitSeconds=HOLD)
                updates = self._collector.WaitForUpdatesEx(version=self._version, options=options)
            except PolyvisorError as error:
                if not self._ended.is_set():
                    self._lost(error)
                continue
            if updates is not None and not self._ended.is_set():
                self._version = updates.version
                self._hear_pages(updates)
                for ref, now in self._looked(updates):
                    if not self._ended.is_set():
                        self._note(ref, now)
                self._tell_news()

    def _lost(self, error: PolyvisorError) -> None:
        """The collector is gone with its login, or the server is out of reach: begin again, after a while."""
        log.info("watching guests at %s begins again: %s", self._session.address.host, error)
        watched, self._collector = self._collector is not None, None
        if not (watched and named(error, "ManagedObjectNotFound")):
            self._ended.wait(AGAIN)

    def _resume(self) -> None:
        """Watch again, and tell what happened meanwhile."""
        before, self._seen = self._seen, {}
        try:
            self._begin()
        except PolyvisorError:
            self._seen, self._collector = before, None
            raise
        now, self._seen = self._seen, before
        for ref in [*before, *(ref for ref in now if ref not in before)]:
            self._note(ref, now.get(ref))
        self._tell_news()

    # -- the server's events --------------------------------------------------------------------------------

    def _hear(self, events: Iterable[Any]) -> None:
        """Keep events of guests until what they explain is seen, and told."""
        for event in events:
            if event.vm is not None:
                self._recent[event.vm.vm._GetMoId()].append(event)
                self._news.append(event)

    def _hear_pages(self, updates: Any) -> None:
        for each in updates.filterSet if updates is not None else ():
            for changed in each.objectSet:
                if changed.obj == self._history.collector:
                    for change in changed.changeSet:
                        self._hear(self._history.fresh(change.val or ()))

    def _why(self, ref: Any, now: Seen, known: str) -> tuple[str, dict[str, str]]:
        """Why a guest got into its power state, and what is said of it, by the server's events; ``known`` is why by
        our own calls, which the server knows better only of guests that are off."""
        if not self._recent[ref._GetMoId()] and not known and self._history.collector is not None:
            try:
                self._hear(self._history.fresh(self._history.page()))
            except PolyvisorError as error:
                log.info("what happened to %s is not known: %s", now.name, error)
        power, reason, teller = explained(taken(self._recent[ref._GetMoId()], now.power))
        if teller is None:
            return known, {}
        self._session.heard[ref._GetMoId()] = power, reason
        takes = power == "poweredOff" and known in ("", "destroyed", "shutdown")
        return reason if takes else known, who(teller)

    def _tell_news(self) -> None:
        """Tell what properties do not."""
        news, self._news = self._news, []
        for event in news:
            seen, made = self._ours(self._seen.get(event.vm.vm)), NEWS.get(name_of(event))
            if seen is None or made is None or self._session.transport.is_echo(event.vm.vm, name_of(event)):
                continue
            ref = seen.off if seen.power == "poweredOff" else seen.on
            if not self._ended.is_set():
                self._session.events(replace(made(ref, event), when=event.createdTime.timestamp()))

    # -- changes --------------------------------------------------------------------------------------------

    def _note(self, ref: Any, now: Seen | None) -> None:
        before = self._seen.get(ref)
        power, reason = self._session.remembered.get(ref._GetMoId(), ("", ""))
        passing = power == "suspended" and reason == "from snapshot"  # on its way there it is switched on
        known = reason if now is not None and (power == now.power or (passing and now.power == "poweredOn")) else ""
        if now is not None and now.power == "suspended" and known == "saved":
            now = replace(now, saved=True)
        if now is None:
            self._seen.pop(ref, None)
        else:
            self._seen[ref] = now
        data: dict[str, str] = {}
        if before is not None and now is not None and (before.power, before.host) != (now.power, now.host):
            known, data = self._why(ref, now, known)
        moved = before is not None and now is not None
        for event in told(self._ours(before), self._ours(now), known, moved=moved, data=data):
            self._session.events(event)
        if now is None:
            self._recent.pop(ref._GetMoId(), None)

    def _ours(self, seen: Seen | None) -> Seen | None:
        """None for a guest that is elsewhere, or that the server is still making."""
        if seen is None or seen.uuid is None or (self._hosts is not None and seen.host not in self._hosts):
            return None
        return seen

    def _drop(self) -> None:
        """Have the server forget what is followed."""
        self._history.drop()
        if self._collector is None:
            return
        try:
            self._collector.DestroyPropertyCollector()
        except PolyvisorError as error:
            log.debug("the filter could not be removed: %s", error)


def _scope(session: EsxSession) -> tuple[Any, frozenset[Any] | None]:
    """The container whose guests are watched, and the hosts that theirs have to be on; None for any.

    A host's or a cluster's guests are watched in its data centre: they come and go there by migration, too."""
    place = session.place
    if isinstance(place.reference, vim.Folder | vim.Datacenter):
        return place.reference, None
    hosts = frozenset(each.reference for each in place.all(vim.HostSystem))
    datacenter = session.inventory.above(place, vim.Datacenter)
    return (datacenter or session.inventory.root).reference, hosts
