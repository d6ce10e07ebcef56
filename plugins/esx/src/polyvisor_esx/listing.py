"""Finding guests and telling what they do: one request for all of them, whatever is asked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import InvalidState, NoSuchDomain
from polyvisor.operations.listing import ControlInfo, DomainInfo
from polyvisor.spi import Column, DomainRef, DomainRow, DomainState
from polyvisor_esx import extraconfig, startup
from polyvisor_esx.guests import SAVES, STATE, mark_of, read_marks, state_of, told_state
from polyvisor_esx.session import IDENTITY, EsxSession, guest_name, number_of, ref_of, uuid_of

MEMORY = ("config.hardware.memoryMB", "config.memoryAllocation.limit")
PATHS: dict[Column, tuple[str, ...]] = {
    Column.MEMORY: MEMORY,
    Column.VCPUS: ("config.hardware.numCPU",),
    Column.TITLE: ("config.extraConfig",),
}
"""Properties that fill a column; the others need none, or another request."""


def rows(
    session: EsxSession,
    *,
    active: bool | None,
    persistent: bool | None,
    autostart: bool | None,
    states: Collection[DomainState] | None,
    columns: Collection[Column],
) -> list[DomainRow]:
    """The table of guests. Every guest of VMware's is persistent."""
    if persistent is False:
        return []
    paths = dict.fromkeys((*IDENTITY, *STATE, *(path for column in columns for path in PATHS.get(column, ()))))
    started = startup.enabled(session) if autostart is not None or Column.AUTOSTART in columns else None
    found = []
    everything = session.properties(vim.VirtualMachine, tuple(paths))
    read_marks(session, everything)
    for machine, facts in everything.items():
        uuid = uuid_of(facts)
        if uuid is None:
            continue  # the server is still making it, or cannot read its configuration
        session.learn(uuid, machine)
        row = _row(session, machine, facts, frozenset(columns), None if started is None else machine in started)
        fits = active in (None, row.state.active) and (states is None or row.state in states)
        if fits and (autostart is None or (started is not None and (machine in started) is autostart)):
            found.append(row)
    return sorted(found, key=lambda row: (row.ref.id is None, row.ref.id or 0, row.ref.name))


def _row(
    session: EsxSession, machine: Any, facts: dict[str, Any], columns: frozenset[Column], autostart: bool | None
) -> DomainRow:
    state = state_of(session, machine, facts)
    wanted: dict[str, Any] = {}
    if Column.PERSISTENT in columns:
        wanted["persistent"] = True
    if Column.AUTOSTART in columns:
        wanted["autostart"] = autostart
    if Column.MANAGED_SAVE in columns:
        wanted["managed_save"] = mark_of(session, machine, facts) in SAVES
    if Column.MEMORY in columns:
        wanted["memory_kib"], wanted["max_memory_kib"] = memory_kib(facts)
    if Column.VCPUS in columns:
        wanted["vcpus"] = facts.get("config.hardware.numCPU")
    if Column.TITLE in columns:
        wanted["title"] = extraconfig.values(facts.get("config.extraConfig")).get(extraconfig.TITLE)
    ref = DomainRef(
        guest_name(facts), uuid_of(facts) or UUID(int=0), number_of(machine) if state.state.active else None
    )
    return DomainRow(ref, state.state, state.reason, **wanted)


def memory_kib(facts: dict[str, Any]) -> tuple[int | None, int | None]:
    """What a guest may use and what it is configured with, from :data:`MEMORY`."""
    size = facts.get("config.hardware.memoryMB")
    if size is None:
        return None, None
    limit = facts.get("config.memoryAllocation.limit")
    used = min(size, limit) if limit is not None and limit > 0 else size
    return used * 1024, size * 1024


def lookup(session: EsxSession, *, name: str | None, uuid: UUID | None, id: int | None) -> DomainRef:
    """One guest by name, UUID or id. Raises NoSuchDomain; InvalidState when several have the name."""
    found = []
    rows = session.properties(vim.VirtualMachine, IDENTITY)
    for machine, facts in rows.items():
        ref = ref_of(machine, facts)
        asked = ((name, ref.name), (uuid, uuid_of(facts)), (id, ref.id))
        if any(wanted is not None and wanted == has for wanted, has in asked):
            found.append((machine, ref))
    said = f"named {name!r}" if name is not None else f"with UUID {uuid}" if uuid is not None else f"with id {id}"
    if not found:
        raise NoSuchDomain(f"there is no domain {said}", driver="esx")
    if len(found) > 1:
        raise InvalidState(
            f"{len(found)} guests in this part of the inventory are {said}",
            driver="esx",
            hint="connect to one data centre, cluster or host of them, or say what only one has: name, UUID or id",
        )
    machine, ref = found[0]
    session.learn(ref.uuid, machine)
    if mark_of(session, machine, rows[machine]) in SAVES:
        return DomainRef(ref.name, ref.uuid)  # it is off, and what is off has no id
    return ref


def info(session: EsxSession, domain: DomainRef) -> DomainInfo:
    """State, memory, vCPUs and flags of one guest."""
    machine, facts = session.read(domain, (*STATE, *MEMORY, "config.hardware.numCPU"))
    state = told_state(session, machine, facts)
    used, size = memory_kib(facts)
    return DomainInfo(
        state=state.state,
        reason=state.reason,
        max_memory_kib=size or 0,
        memory_kib=used or 0,
        vcpus=facts.get("config.hardware.numCPU", 0),
        cpu_time_ns=None,  # the server tells megahertz in use, not time
        persistent=True,
        autostart=machine in startup.enabled(session),
        managed_save=mark_of(session, machine, facts) in SAVES,
        os_type="hvm",
    )


def control_info(session: EsxSession, domain: DomainRef) -> ControlInfo:
    """Whether a task is at work on the running guest, or a question stops it."""
    machine, facts = session.read(domain, (*STATE, "runtime.question", "recentTask"))
    if not state_of(session, machine, facts).state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    if (question := facts.get("runtime.question")) is not None:
        return ControlInfo("occupied", details=question.text)
    tasks = session.properties(vim.Task, ("info.state", "info.descriptionId"), facts.get("recentTask", ()))
    for task in tasks.values():
        if str(task.get("info.state")) == "running":
            return ControlInfo("job", details=task.get("info.descriptionId", ""))
    return ControlInfo("ok")
