"""Operations that follow from what a session on guests of this host knows: a driver inherits them.

Each is a line or two into the module that does the work, which is imported when it is needed. A driver that has more to
say about one of them writes a method of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.operations.declaration import hookimpl
from polyvisor.operations.records import Affect, Column, DomainRef, DomainRow, DomainState, StateInfo

if TYPE_CHECKING:
    from polyvisor.local.session import LocalSession
    from polyvisor.model.domain import Domain
    from polyvisor.operations.configuration import MetadataKind
    from polyvisor.operations.host import CpuMap, CpuTimes, FreeMemory, HostInfo, MemoryStats
    from polyvisor.operations.listing import ControlInfo, DomainInfo
    from polyvisor.operations.session import Session


class HostOperations:
    """What the kernel tells of this host, whatever runs guests on it."""

    @hookimpl
    def hostname(self, session: Session) -> str:
        from polyvisor.host import host_name

        return host_name()

    @hookimpl
    def host_info(self, session: Session) -> HostInfo:
        from polyvisor.local import host

        return host.host_info()

    @hookimpl
    def cpu_map(self, session: Session) -> CpuMap:
        from polyvisor.local import host

        return host.cpu_map()

    @hookimpl
    def host_cpu_stats(self, session: Session, *, cpu: int | None) -> CpuTimes:
        from polyvisor.local import host

        return host.cpu_times(cpu)

    @hookimpl
    def host_memory_stats(self, session: Session, *, cell: int | None) -> MemoryStats:
        from polyvisor.local import host

        return host.memory_stats(cell)

    @hookimpl
    def free_memory(self, session: Session) -> FreeMemory:
        from polyvisor.local import host

        return host.free_memory()

    @hookimpl
    def free_pages(
        self, session: Session, *, sizes_kib: Sequence[int], cells: Sequence[int]
    ) -> dict[int, dict[int, int]]:
        from polyvisor.host import Host

        return Host().free_pages(sizes_kib, cells)

    @hookimpl
    def allocate_pages(self, session: Session, pages: Mapping[int, int], *, cells: Sequence[int], add: bool) -> int:
        from polyvisor.host import Host

        return Host().allocate_pages(pages, cells, add=add)

    @hookimpl
    def memory_parameters(self, session: Session) -> dict[str, int]:
        from polyvisor.host import Host

        return Host().memory_parameters()

    @hookimpl
    def set_memory_parameters(self, session: Session, parameters: Mapping[str, int]) -> None:
        from polyvisor.host import Host

        Host().set_memory_parameters(parameters)

    @hookimpl
    def sysinfo(self, session: Session) -> str:
        import platform

        from polyvisor.documents import write
        from polyvisor.host import Host
        from polyvisor.host.sysinfo import read_sysinfo

        return write(read_sysinfo(Host().tree, platform.machine()))


class LocalDriver(HostOperations):
    """What a :class:`~polyvisor.local.session.LocalSession` keeps: which guests there are, and their configurations."""

    @hookimpl
    def watch_events(self, session: LocalSession[Any], enabled: bool) -> None:
        session.watch(enabled)

    # -- listing ------------------------------------------------------------------------------------------

    @hookimpl
    def list_domains(
        self,
        session: LocalSession[Any],
        *,
        active: bool | None,
        persistent: bool | None,
        autostart: bool | None,
        states: Collection[DomainState] | None,
        columns: Collection[Column],
    ) -> list[DomainRow]:
        from polyvisor.local import listing

        return listing.rows(
            session, active=active, persistent=persistent, autostart=autostart, states=states, columns=columns
        )

    @hookimpl
    def lookup_domain(
        self, session: LocalSession[Any], *, name: str | None, uuid: UUID | None, id: int | None
    ) -> DomainRef:
        from polyvisor.local import listing

        return listing.lookup(session, name=name, uuid=uuid, id=id)

    @hookimpl
    def domain_state(self, session: LocalSession[Any], domain: DomainRef) -> StateInfo:
        from polyvisor.local import guests

        state: StateInfo = guests.require(session, domain).state
        return state

    @hookimpl
    def domain_info(self, session: LocalSession[Any], domain: DomainRef) -> DomainInfo:
        from polyvisor.local import listing

        return listing.info(session, domain)

    @hookimpl
    def control_info(self, session: LocalSession[Any], domain: DomainRef) -> ControlInfo:
        from polyvisor.local import listing

        return listing.control_info(session, domain)

    @hookimpl
    def os_type(self, session: LocalSession[Any], domain: DomainRef) -> str:
        from polyvisor.local import listing

        return listing.info(session, domain).os_type

    # -- configuration ------------------------------------------------------------------------------------

    @hookimpl
    def define(self, session: LocalSession[Any], config: Domain) -> DomainRef:
        from polyvisor.local import configuration

        return configuration.define(session, config)

    @hookimpl
    def domain_config(self, session: LocalSession[Any], domain: DomainRef, *, inactive: bool, secure: bool) -> Domain:
        from polyvisor.local import configuration

        # the core takes the secrets out unless they were asked for
        return configuration.current(session, domain, inactive=inactive)

    @hookimpl
    def rename(self, session: LocalSession[Any], domain: DomainRef, name: str) -> DomainRef:
        from polyvisor.local import configuration

        return configuration.rename(session, domain, name)

    @hookimpl
    def metadata(
        self, session: LocalSession[Any], domain: DomainRef, kind: MetadataKind, *, uri: str | None, affect: Affect
    ) -> str:
        from polyvisor.local import metadata

        return metadata.get(session, domain, kind, uri, affect)

    @hookimpl
    def set_metadata(
        self,
        session: LocalSession[Any],
        domain: DomainRef,
        kind: MetadataKind,
        value: str | None,
        *,
        uri: str | None,
        key: str | None,
        affect: Affect,
    ) -> None:
        from polyvisor.local import metadata

        metadata.put(session, domain, kind, value, uri, key, affect)

    @hookimpl
    def autostart(self, session: LocalSession[Any], domain: DomainRef) -> bool:
        from polyvisor.local import configuration

        return configuration.flag(session, domain, "autostart")

    @hookimpl
    def set_autostart(self, session: LocalSession[Any], domain: DomainRef, enabled: bool) -> None:
        from polyvisor.local import configuration

        configuration.set_flag(session, domain, "autostart", enabled)
