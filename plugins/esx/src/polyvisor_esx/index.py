"""Names, UUIDs and states of all guests of a connection, kept current: read once, then only what has changed.

A property collector of its own keeps the place of the last look on the server (WaitForUpdatesEx with no time to wait),
so each look is one small request whose answer is as new as a full one's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyVmomi import vim, vmodl

from polyvisor.errors import NotFound, PolyvisorError
from polyvisor_esx import replies
from polyvisor_esx.guests import STATE
from polyvisor_esx.properties import Row, related_filter, view_filter
from polyvisor_esx.session import IDENTITY

if TYPE_CHECKING:
    from polyvisor_esx.session import EsxSession

log = logging.getLogger(__name__)
Collector = vmodl.query.PropertyCollector

PATHS = tuple(dict.fromkeys((*IDENTITY, *STATE)))
"""What is kept of each guest."""


class Index:
    """The index of one session. Any thread may ask."""

    def __init__(self, session: EsxSession) -> None:
        self._session = session
        self._collector: Any = None
        self._version = ""
        self._rows: dict[Any, Row] = {}
        self._lock = threading.Lock()

    def covers(self, paths: Iterable[str]) -> bool:
        """Whether these properties are kept."""
        return set(paths) <= set(PATHS)

    def rows(self, paths: Iterable[str]) -> dict[Any, Row]:
        """Every guest as it is now, with these properties of it; unset ones are left out."""
        wanted = tuple(paths)
        with self._lock:
            try:
                self._look()
            except NotFound:  # a collector ends with the login it was made in
                self._look()
            return {ref: {path: row[path] for path in wanted if path in row} for ref, row in self._rows.items()}

    def close(self) -> None:
        """Have the server forget the collector."""
        with self._lock:
            collector, self._collector = self._collector, None
        if collector is not None:
            try:
                collector.DestroyPropertyCollector()
            except PolyvisorError as error:
                log.debug("the collector of the index could not be removed: %s", error)

    def _look(self) -> None:
        if self._collector is None:
            collector = self._session.content.propertyCollector.CreatePropertyCollector()
            collector.CreateFilter(spec=self._filter(), partialUpdates=False)
            self._version, self._rows = "", {}
            self._collector = collector
        more = True
        try:
            while more:
                more = self._merge(self._changes())
        except BaseException:
            self._collector = None  # what was lost on the way is not told again: the next look begins anew
            raise

    def _changes(self) -> Iterator[Any]:
        """UpdateSets; none where nothing has changed."""
        options = Collector.WaitOptions(maxWaitSeconds=0)
        transport = self._session.transport
        answer = transport.answer(self._collector, Collector.WaitForUpdatesEx, version=self._version, options=options)
        for each in replies.children(answer, "returnval"):
            yield replies.value(each, transport, Collector.UpdateSet)

    def _merge(self, changes: Iterable[Any]) -> bool:
        """Take in what has changed; whether the server has more of it."""
        more = False
        for updates in changes:
            for each in (changed for one in updates.filterSet for changed in one.objectSet):
                if each.kind == "leave":
                    self._rows.pop(each.obj, None)
                    continue
                row = self._rows.setdefault(each.obj, {})
                for change in each.changeSet:
                    if change.val is None:
                        row.pop(change.name, None)
                    else:
                        row[change.name] = change.val
            self._version, more = updates.version, bool(updates.truncated)
        return more

    def _filter(self) -> Any:
        scope = self._session.place.reference
        if isinstance(scope, vim.HostSystem):
            return related_filter(vim.VirtualMachine, PATHS, scope, "vm")
        view = self._session.content.viewManager.CreateContainerView(
            container=scope, type=[vim.VirtualMachine], recursive=True
        )
        return view_filter(vim.VirtualMachine, PATHS, view)
