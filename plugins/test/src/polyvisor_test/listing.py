"""Finding guests and asking what they are doing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import NoSuchDomain
from polyvisor.operations.listing import ControlInfo, DomainInfo
from polyvisor.spi import Column, DomainRef, DomainRow, DomainState, StateInfo, hookimpl
from polyvisor_test.machine import Machine
from polyvisor_test.node import Node
from polyvisor_test.processors import plugged
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

COLUMNS: dict[Column, Callable[[Machine, Node], dict[str, Any]]] = {
    Column.PERSISTENT: lambda machine, node: {"persistent": machine.persistent},
    Column.AUTOSTART: lambda machine, node: {"autostart": machine.autostart},
    Column.MANAGED_SAVE: lambda machine, node: {"managed_save": machine.managed_save is not None},
    Column.MEMORY: lambda machine, node: {
        "memory_kib": machine.config.current_memory_kib,
        "max_memory_kib": machine.config.memory_kib,
    },
    Column.VCPUS: lambda machine, node: {"vcpus": len(plugged(machine.config))},
    Column.CPU_TIME: lambda machine, node: {"cpu_time_ns": machine.cpu_time_ns(node.clock) if machine.active else None},
    Column.TITLE: lambda machine, node: {"title": machine.config.title},
}
"""What fills each column of the table."""


class ListingOperations:
    """The operations of ``polyvisor.operations.listing``."""

    @hookimpl
    def list_domains(
        self,
        session: TestSession,
        *,
        active: bool | None = None,
        persistent: bool | None = None,
        autostart: bool | None = None,
        states: Collection[DomainState] | None = None,
        columns: Collection[Column] = (),
    ) -> list[DomainRow]:
        def wanted(machine: Machine) -> bool:
            facts = ((active, machine.active), (persistent, machine.persistent), (autostart, machine.autostart))
            return all(asked in (None, fact) for asked, fact in facts) and (
                states is None or machine.state.state in states
            )

        with session.node.lock:
            return _rows(filter(wanted, session.node.machines.values()), session.node, columns)

    @hookimpl
    def lookup_domain(
        self, session: TestSession, *, name: str | None = None, uuid: UUID | None = None, id: int | None = None
    ) -> DomainRef:
        with session.node.lock:
            for machine in session.node.machines.values():
                if machine.name == name or machine.uuid == uuid or (id is not None and machine.id == id):
                    return machine.ref
        asked = {"name": name, "UUID": uuid, "id": id}
        said = " and ".join(f"{key} {value}" for key, value in asked.items() if value is not None)
        raise NoSuchDomain(f"there is no domain with {said or 'no name'}")

    @hookimpl
    def domain_state(self, session: TestSession, domain: DomainRef) -> StateInfo:
        with session.machine(domain) as machine:
            return machine.state

    @hookimpl
    def domain_info(self, session: TestSession, domain: DomainRef) -> DomainInfo:
        with session.machine(domain) as machine:
            config = machine.config
            return DomainInfo(
                state=machine.state.state,
                reason=machine.state.reason,
                max_memory_kib=config.memory_kib,
                memory_kib=config.current_memory_kib,
                vcpus=len(plugged(config)),
                cpu_time_ns=machine.cpu_time_ns(session.node.tick()) if machine.active else None,
                persistent=machine.persistent,
                autostart=machine.autostart,
                managed_save=machine.managed_save is not None,
                os_type=config.os.type.value,
                updated=machine.updated,
            )

    @hookimpl
    def control_info(self, session: TestSession, domain: DomainRef) -> ControlInfo:
        with session.machine(domain) as machine:
            machine.require_active()
            return ControlInfo("job", details=machine.work.operation.value) if machine.work else ControlInfo("ok")

    @hookimpl
    def os_type(self, session: TestSession, domain: DomainRef) -> str:
        with session.machine(domain) as machine:
            return machine.config.os.type.value

    @hookimpl
    def domain_messages(
        self, session: TestSession, domain: DomainRef, *, deprecation: bool = True, tainting: bool = True
    ) -> list[str]:
        with session.machine(domain) as machine:
            config = machine.config
            return [*(_deprecations(config) if deprecation else ()), *(_taints(config) if tainting else ())]


def _rows(machines: Iterable[Machine], node: Node, columns: Collection[Column]) -> list[DomainRow]:
    def row(machine: Machine) -> DomainRow:
        extra: dict[str, Any] = {}
        for column in columns:
            extra |= COLUMNS[column](machine, node)
        return DomainRow(machine.ref, machine.state.state, machine.state.reason, **extra)

    # Running guests by id, then the others by name.
    return sorted(map(row, machines), key=lambda row: (row.ref.id is None, row.ref.id or 0, row.ref.name))


def _deprecations(config: Domain) -> list[str]:
    """One CPU model is deprecated so that clients can see what that looks like, as with libvirt's test driver."""
    model = config.cpu.model.name if config.cpu and config.cpu.model else None
    return [f"deprecated configuration: CPU model {model!r}"] if model == "Deprecated-Test" else []


def _taints(config: Domain) -> list[str]:
    """What would make a guest of a real hypervisor behave differently elsewhere."""
    mode = config.cpu.mode if config.cpu else None
    return ["tainted: use of host CPU passthrough"] if mode == "host-passthrough" else []
