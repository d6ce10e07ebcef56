"""Snapshots: VMware keeps them, their memory and their disks' state; here is no record beside it.

A guest's property ``snapshot`` (VirtualMachineSnapshotInfo) is the whole tree, so each question is one request. Two
snapshots may have the same name on VMware's side; this driver takes none of a name that is there, and refuses to
guess which one is meant.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from polyvisor.errors import AlreadyExists, InvalidState, NoSuchSnapshot, UnsupportedConfiguration
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRef, SnapshotRow, SnapshotState
from polyvisor.spi import DomainRef, Lifecycle, lifecycle
from polyvisor_esx.guests import remember
from polyvisor_esx.session import EsxSession, number_of, plain_name, written_name

if TYPE_CHECKING:
    from polyvisor.model.snapshot import DomainSnapshot
    from polyvisor.spi import JobControl

STATES = {
    "poweredOn": SnapshotState.RUNNING,
    "poweredOff": SnapshotState.SHUT_OFF,
    "suspended": SnapshotState.PAUSED,
}
"""VirtualMachineSnapshotTree.state -> state in a document."""

TOOLS_RUN = "guestToolsRunning"


@dataclass(frozen=True, slots=True)
class Node:
    """A snapshot in its tree. ``reference`` is the VirtualMachineSnapshot, ``power`` the state it was taken in."""

    reference: Any
    name: str
    description: str
    created: int
    power: str
    parent: str | None
    children: tuple[Node, ...]

    def subtree(self) -> Iterator[Node]:
        """It and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.subtree()


@dataclass(frozen=True, slots=True)
class Tree:
    """A guest's snapshots. ``current`` is the reference of the one that the guest stands on."""

    domain: DomainRef
    roots: tuple[Node, ...]
    current: Any = None

    def __iter__(self) -> Iterator[Node]:
        """All, parents before their children, else by name."""
        for root in self.roots:
            yield from root.subtree()

    def find(self, name: str) -> Node:
        """The one of that name. Raises NoSuchSnapshot; InvalidState when there are several."""
        found = [node for node in self if node.name == name]
        if not found:
            there = ", ".join(node.name for node in self) or "none"
            raise NoSuchSnapshot(
                f"{self.domain} has no snapshot {name!r}",
                target=str(self.domain),
                driver="esx",
                hint=f"snapshots it has: {there}",
            )
        if len(found) > 1:
            raise InvalidState(
                f"{self.domain} has {len(found)} snapshots named {name!r}",
                target=str(self.domain),
                driver="esx",
                hint="rename all but one of them in VMware's own client",
            )
        return found[0]

    def row(self, node: Node) -> SnapshotRow:
        """What a list tells of one."""
        return SnapshotRow(
            SnapshotRef(self.domain, node.name),
            node.created,
            STATES.get(node.power, SnapshotState.NO_STATE),
            parent=node.parent,
            current=node.reference == self.current,
            children=len(node.children),
            description=node.description or None,
        )


def tree_of(domain: DomainRef, info: Any) -> Tree:
    """The tree from a guest's property ``snapshot``; an empty one for None."""
    if info is None:
        return Tree(domain, ())
    return Tree(domain, _nodes(info.rootSnapshotList, None), info.currentSnapshot)


def _nodes(entries: Any, parent: str | None) -> tuple[Node, ...]:
    return tuple(sorted((_node(each, parent) for each in entries or ()), key=lambda node: node.name))


def _node(entry: Any, parent: str | None) -> Node:
    name = plain_name(entry.name)
    return Node(
        reference=entry.snapshot,
        name=name,
        description=entry.description or "",
        created=int(entry.createTime.timestamp()),
        power=str(entry.state),
        parent=parent,
        children=_nodes(entry.childSnapshotList, name),
    )


def read(session: EsxSession, domain: DomainRef) -> Tree:
    """A guest's snapshots. Raises NoSuchDomain."""
    _machine, facts = session.read(domain, ("snapshot",))
    return tree_of(domain, facts.get("snapshot"))


def current(session: EsxSession, domain: DomainRef) -> SnapshotRef | None:
    """The snapshot a guest stands on."""
    tree = read(session, domain)
    return next((SnapshotRef(domain, node.name) for node in tree if node.reference == tree.current), None)


def children(session: EsxSession, snapshot: SnapshotRef, *, descendants: bool) -> list[SnapshotRow]:
    """What hangs on a snapshot."""
    tree = read(session, snapshot.domain)
    node = tree.find(snapshot.name)
    below = list(node.subtree())[1:] if descendants else node.children
    return [tree.row(each) for each in below]


def document(session: EsxSession, snapshot: SnapshotRef) -> str:
    """The ``<domainsnapshot>`` document: VMware keeps memory and disks itself, so both are internal."""
    from polyvisor.documents import write
    from polyvisor.model.snapshot import CapturedState, ContainedMemory, DomainIdentity, DomainSnapshot, Parent

    node = read(session, snapshot.domain).find(snapshot.name)
    return write(
        DomainSnapshot(
            name=node.name,
            description=node.description or None,
            state=CapturedState(STATES.get(node.power, SnapshotState.NO_STATE)),
            parent=Parent(name=node.parent) if node.parent else None,
            creation_time=node.created,
            memory=ContainedMemory(snapshot="internal" if node.power == "poweredOn" else "no"),
            domain=DomainIdentity(uuid=str(snapshot.domain.uuid)),
        )
    )


# -- taking -----------------------------------------------------------------------------------------------


def create(
    session: EsxSession,
    domain: DomainRef,
    config: DomainSnapshot,
    job: JobControl,
    *,
    disk_only: bool,
    quiesce: bool,
    halt: bool,
) -> SnapshotRef:
    """CreateSnapshot_Task. VMware saves memory while the guest runs, and takes all disks or none."""
    machine, facts = session.read(domain, ("snapshot", "runtime.powerState", "guest.toolsRunningStatus"))
    tree, running = tree_of(domain, facts.get("snapshot")), str(facts.get("runtime.powerState")) == "poweredOn"
    memory = running and not disk_only and (config.memory is None or config.memory.snapshot != "no")
    _require_possible(session, domain, config)
    if quiesce:
        _require_tools(domain, facts, memory)
    name = _name(tree, config)
    session.wait(
        machine.CreateSnapshot_Task(
            name=written_name(name), description=config.description or "", memory=memory, quiesce=quiesce and running
        ),
        job,
    )
    if halt and str(facts.get("runtime.powerState")) != "poweredOff":
        _bring(session, domain, machine, "poweredOff")
    return SnapshotRef(domain, name)


def _name(tree: Tree, config: DomainSnapshot) -> str:
    taken = {node.name for node in tree}
    if config.name is None:
        stamp = int(time.time())
        return next(name for name in (str(stamp + more) for more in range(len(taken) + 1)) if name not in taken)
    if config.name in taken:
        raise AlreadyExists(
            f"{tree.domain} has a snapshot {config.name!r} already", target=str(tree.domain), driver="esx"
        )
    return config.name


def _require_possible(session: EsxSession, domain: DomainRef, config: DomainSnapshot) -> None:
    """Raise InvalidDocument for disks that are not there, UnsupportedConfiguration for what VMware decides itself."""
    from polyvisor.model.snapshot import MemoryFile, align
    from polyvisor_esx import configuration

    if isinstance(config.memory, MemoryFile):
        raise UnsupportedConfiguration("VMware keeps memory beside the guest's files, not in a file of one's choice")
    asked = {disk.name: disk for disk in config.disks.disks} if config.disks else {}
    if not asked:
        return
    devices = configuration.document(session, domain).devices
    disks = devices.disks if devices else []
    align(config.copy(), {disk.target.dev: getattr(disk.source, "file", None) for disk in disks})
    for name, disk in asked.items():
        if disk.snapshot not in (None, "internal") or disk.has_image:
            raise UnsupportedConfiguration(
                f"the disk {name} cannot be left out of a snapshot or get an image of one's choice on VMware",
                driver="esx",
                hint="make the disk independent to keep it out of snapshots",
            )


def _require_tools(domain: DomainRef, facts: dict[str, Any], memory: bool) -> None:
    if str(facts.get("guest.toolsRunningStatus")) != TOOLS_RUN:
        raise InvalidState(
            f"the file systems of {domain} cannot be frozen: VMware Tools do not run in it",
            target=str(domain),
            driver="esx",
        )
    if memory:
        raise UnsupportedConfiguration(
            "VMware freezes file systems only for a snapshot without memory", driver="esx", hint="add disk_only"
        )


# -- going back and deleting --------------------------------------------------------------------------------


def revert(session: EsxSession, snapshot: SnapshotRef, job: JobControl, *, paused: bool | None) -> DomainRef:
    """RevertToSnapshot_Task; then the guest is taken where the snapshot, or ``paused``, wants it."""
    domain = snapshot.domain
    machine, facts = session.read(domain, ("snapshot", "runtime.powerState"))
    node = tree_of(domain, facts.get("snapshot")).find(snapshot.name)
    wanted = node.power if paused is None else "suspended" if paused else "poweredOn"
    before = str(facts.get("runtime.powerState"))
    remember(session, machine, wanted, "from snapshot")
    session.wait(node.reference.RevertToSnapshot_Task(suppressPowerOn=wanted == "poweredOff"), job)
    told = _bring(session, domain, machine, wanted)
    if not told and before != wanted:
        _tell(session, domain, machine, before, wanted)
    return DomainRef(domain.name, domain.uuid, None if wanted == "poweredOff" else number_of(machine))


def _bring(session: EsxSession, domain: DomainRef, machine: Any, wanted: str) -> bool:
    """Take a guest into a power state; returns whether something had to be done, which is told then."""
    before = now = _power(session, machine)
    if now == wanted:
        return False
    remember(session, machine, wanted, "from snapshot")
    if wanted == "poweredOff":
        session.wait(machine.PowerOffVM_Task())
    else:
        if now != "poweredOn":
            session.wait(machine.PowerOnVM_Task())
        if wanted == "suspended":
            session.wait(machine.SuspendVM_Task())
    _tell(session, domain, machine, before, wanted)
    return True


def _power(session: EsxSession, machine: Any) -> str:
    found = session.properties(vim.VirtualMachine, ("runtime.powerState",), [machine])
    return str(found[machine].get("runtime.powerState"))


def _tell(session: EsxSession, domain: DomainRef, machine: Any, before: str, after: str) -> None:
    kinds = {"poweredOff": Lifecycle.STOPPED, "suspended": Lifecycle.SUSPENDED, "poweredOn": Lifecycle.RESUMED}
    kind = Lifecycle.STARTED if before == "poweredOff" else kinds[after]
    session.tell(lifecycle(DomainRef(domain.name, domain.uuid, number_of(machine)), kind, "from-snapshot"))


def delete(session: EsxSession, snapshot: SnapshotRef, job: JobControl, *, extent: SnapshotExtent) -> None:
    """RemoveSnapshot_Task of it, of each child with what is below, or of it with all below."""
    node = read(session, snapshot.domain).find(snapshot.name)
    gone = node.children if extent is SnapshotExtent.CHILDREN else (node,)
    for each in gone:
        job.check()
        whole = extent is not SnapshotExtent.ONE
        session.wait(each.reference.RemoveSnapshot_Task(removeChildren=whole, consolidate=True), job)
