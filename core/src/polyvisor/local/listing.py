"""Finding guests and telling what they do, from files alone: no hypervisor is asked.

The table of N guests costs one scan of the stored ones, one of the status records and one of the ended; a file is
read only for each guest that runs, or where a column asks for it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import Busy, InvalidArgument, NoSuchDomain
from polyvisor.local import ended, guests
from polyvisor.local.guests import Look
from polyvisor.operations.records import Column, DomainRef, DomainRow, DomainState, StateInfo

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession
    from polyvisor.operations.listing import ControlInfo, DomainInfo
    from polyvisor.state import Entry

_OFF = StateInfo(DomainState.SHUT_OFF, "unknown")


def rows(
    session: LocalSession[Any],
    *,
    active: bool | None,
    persistent: bool | None,
    autostart: bool | None,
    states: Collection[DomainState] | None,
    columns: Collection[Column],
) -> list[DomainRow]:
    """The table of guests."""
    table = _Table(session, frozenset(columns), flagged=autostart is not None or Column.AUTOSTART in columns)
    found = [
        row
        for row in (table.off(active) + table.run(active))
        if (persistent is None or (row.ref.uuid in table.stored) is persistent)
        and (autostart is None or (row.ref.uuid in table.autostarted) is autostart)
        and (states is None or row.state in states)
    ]
    return sorted(found, key=lambda row: (row.ref.id is None, row.ref.id or 0, row.ref.name))


class _Table:
    """What the scans found."""

    def __init__(self, session: LocalSession[Any], columns: frozenset[Column], *, flagged: bool) -> None:
        self._session = session
        self._columns = columns
        self._looks = _running(session)
        self.stored: dict[UUID, Entry] = {entry.uuid: entry for entry in session.store.entries()}
        self.autostarted = session.store.flagged("autostart") if flagged else frozenset()

    def run(self, active: bool | None) -> list[DomainRow]:
        """Rows of guests that run."""
        if active is False:
            return []
        return [
            self._row(look, look.status["name"], look.status)
            for look in self._looks.values()
            if look.alive and look.status
        ]

    def off(self, active: bool | None) -> list[DomainRow]:
        """Rows of stored guests that do not run."""
        if active is True:
            return []
        why = ended.reasons(self._session)
        made = []
        for uuid, entry in self.stored.items():
            look = self._looks.get(uuid)
            if look is not None and look.alive:
                continue
            if look is None:
                reason = why.get(uuid)
                state = _OFF if reason is None else StateInfo(DomainState.SHUT_OFF, reason)
                look = Look(uuid, None, False, state)
            made.append(self._row(look, entry.name, None))
        return made

    def _row(self, look: Look, name: str, status: dict[str, Any] | None) -> DomainRow:
        if not self._columns:
            return DomainRow(look.ref(name), look.state.state, look.state.reason)
        facts = status if status is not None else self._summary(look.uuid)
        wanted: dict[str, Any] = {}
        if Column.PERSISTENT in self._columns:
            wanted["persistent"] = look.uuid in self.stored
        if Column.AUTOSTART in self._columns:
            wanted["autostart"] = look.uuid in self.autostarted
        if Column.MANAGED_SAVE in self._columns:
            wanted["managed_save"] = self._session.saved(look.uuid)
        if Column.MEMORY in self._columns:
            wanted |= {"memory_kib": facts.get("memory_kib"), "max_memory_kib": facts.get("max_memory_kib")}
        if Column.VCPUS in self._columns:
            wanted["vcpus"] = facts.get("vcpus")
        if Column.TITLE in self._columns:
            wanted["title"] = facts.get("title")
        if Column.CPU_TIME in self._columns and look.alive:
            wanted["cpu_time_ns"] = self._session.cpu_time_ns(look)
        return DomainRow(look.ref(name), look.state.state, look.state.reason, **wanted)

    def _summary(self, uuid: UUID) -> dict[str, Any]:
        if not self._columns & {Column.MEMORY, Column.VCPUS, Column.TITLE}:
            return {}
        try:
            return self._session.store.summary(self.stored[uuid])
        except NoSuchDomain:
            return {}  # undefined while we were looking


def _running(session: LocalSession[Any]) -> dict[UUID, Look]:
    return {uuid: session.examine(uuid, status) for uuid, status in session.store.statuses().items()}


def lookup(session: LocalSession[Any], *, name: str | None, uuid: UUID | None, id: int | None) -> DomainRef:
    """One guest by name, UUID or id. Raises NoSuchDomain, InvalidArgument."""
    if sum(key is not None for key in (name, uuid, id)) != 1:
        raise InvalidArgument("look a domain up by exactly one of name, uuid and id")
    if uuid is not None:
        return _by_uuid(session, uuid)
    if id is None and (entry := session.store.find(name=name)) is not None:
        found: Look = session.look(entry.uuid)
        return found.ref(entry.name)
    for look in _running(session).values():
        if look.alive and look.status is not None and (look.id == id if name is None else look.status["name"] == name):
            return look.ref(look.status["name"])
    what = f"named {name!r}" if id is None else f"with id {id}"
    raise NoSuchDomain(f"there is no domain {what}")


def _by_uuid(session: LocalSession[Any], uuid: UUID) -> DomainRef:
    found: Look = session.look(uuid)
    if found.alive and found.status is not None:
        return found.ref(found.status["name"])
    if (entry := session.store.find(uuid=uuid)) is not None:
        return DomainRef(entry.name, uuid)
    raise NoSuchDomain(f"there is no domain with UUID {uuid}")


def info(session: LocalSession[Any], domain: DomainRef) -> DomainInfo:
    """State, memory, vCPUs, CPU time and flags of one guest. Raises NoSuchDomain."""
    from polyvisor.operations.listing import DomainInfo

    look: Look = guests.require(session, domain)
    entry = session.entry(domain)
    facts = look.status if look.alive else None
    if facts is None:
        if entry is None:
            raise NoSuchDomain(f"there is no {domain}", target=str(domain))
        facts = session.store.summary(entry)
    return DomainInfo(
        state=look.state.state,
        reason=look.state.reason,
        max_memory_kib=facts["max_memory_kib"],
        memory_kib=facts["memory_kib"],
        vcpus=facts["vcpus"],
        cpu_time_ns=session.cpu_time_ns(look) if look.alive else None,
        persistent=entry is not None,
        autostart=entry is not None and session.store.get_flag(domain.uuid, "autostart"),
        managed_save=session.saved(domain.uuid),
        os_type=facts["os_type"],
    )


def control_info(session: LocalSession[Any], domain: DomainRef) -> ControlInfo:
    """Whether somebody holds the guest's lock, and with it the way to what controls it. Raises InvalidState."""
    from polyvisor.operations.listing import ControlInfo

    guests.require_active(session, domain)
    try:
        with session.store.lock(domain.uuid, timeout=0):
            return ControlInfo("ok")
    except Busy as error:
        return ControlInfo("occupied", details=f"held by process {error.details.get('pid')}")


def taints(session: LocalSession[Any], domain: DomainRef) -> list[str]:
    """What stands against a guest that runs, by the ``taints`` of its status record. Raises NoSuchDomain."""
    look: Look = guests.require(session, domain)
    if not look.alive or look.status is None:
        return []
    return [f"tainted: {reason}" for reason in look.status.get("taints", ())]
