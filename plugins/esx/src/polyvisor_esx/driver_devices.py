"""The esx driver's operations about the devices and the resources of guests, and what they have used.

VMware keeps one configuration: a change counts at once and for good, so none of these has a choice of ``affect``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from polyvisor.spi import DomainRef, DomainState, hookimpl
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.operations.domainjobs import DomainJob
    from polyvisor.operations.guest import (
        AddressSource,
        GuestFilesystem,
        GuestInfo,
        GuestInfoGroup,
        GuestInterface,
    )
    from polyvisor.operations.records import Parameters
    from polyvisor.operations.statistics import BlockInfo, DomainStats, MemoryUse, StatsGroup
    from polyvisor.operations.vcpus import Scheduler


class DeviceOperations:
    """Devices, resources and statistics."""

    # -- devices ------------------------------------------------------------------------------------------

    @hookimpl
    def attach_device(self, session: EsxSession, domain: DomainRef, device: Element) -> None:
        from polyvisor_esx import devices

        devices.attach(session, domain, device)

    @hookimpl
    def detach_device(self, session: EsxSession, domain: DomainRef, device: Element, *, timeout: float) -> None:
        from polyvisor_esx import devices

        devices.detach(session, domain, device)  # VMware takes devices out whether guests let go or not

    @hookimpl
    def detach_device_alias(self, session: EsxSession, domain: DomainRef, alias: str, *, timeout: float) -> None:
        from polyvisor_esx import devices

        devices.detach_alias(session, domain, alias)

    @hookimpl
    def update_device(self, session: EsxSession, domain: DomainRef, device: Element) -> None:
        from polyvisor_esx import devices

        devices.update(session, domain, device)

    @hookimpl
    def resize_block(
        self,
        session: EsxSession,
        domain: DomainRef,
        disk: str,
        size: int | None,
        *,
        extend: bool,  # VMware never makes a disk smaller
    ) -> None:
        from polyvisor_esx import disks

        disks.resize(session, domain, disk, size)

    @hookimpl
    def block_io_tune(self, session: EsxSession, domain: DomainRef, disk: str) -> Parameters:
        from polyvisor_esx import disks

        return disks.io_tune(session, domain, disk)

    @hookimpl
    def set_block_io_tune(
        self, session: EsxSession, domain: DomainRef, disk: str, parameters: Mapping[str, int | str]
    ) -> None:
        from polyvisor_esx import disks

        disks.set_io_tune(session, domain, disk, parameters)

    # -- resources ----------------------------------------------------------------------------------------

    @hookimpl
    def scheduler(self, session: EsxSession, domain: DomainRef) -> Scheduler:
        from polyvisor_esx import allocation

        return allocation.scheduler(session, domain)

    @hookimpl
    def set_scheduler_parameters(self, session: EsxSession, domain: DomainRef, parameters: Mapping[str, int]) -> None:
        from polyvisor_esx import allocation

        allocation.set_scheduler(session, domain, parameters)

    @hookimpl
    def memory_limits(self, session: EsxSession, domain: DomainRef) -> Parameters:
        from polyvisor_esx import allocation

        return allocation.memory_limits(session, domain)

    @hookimpl
    def set_memory_limits(self, session: EsxSession, domain: DomainRef, limits: Mapping[str, int]) -> None:
        from polyvisor_esx import allocation

        allocation.set_memory_limits(session, domain, limits)

    # -- statistics ---------------------------------------------------------------------------------------

    @hookimpl
    def block_info(self, session: EsxSession, domain: DomainRef, disk: str) -> BlockInfo:
        from polyvisor_esx import disks

        return disks.info(session, domain, disk)

    @hookimpl
    def domain_stats(
        self,
        session: EsxSession,
        *,
        domains: Sequence[DomainRef],
        groups: Collection[StatsGroup],
        active: bool | None,
        persistent: bool | None,
        states: Collection[DomainState] | None,
        enforce: bool,
    ) -> list[DomainStats]:
        from polyvisor_esx import statistics

        return statistics.collect(
            session,
            domains=domains,
            groups=groups,
            active=active,
            persistent=persistent,
            states=states,
            enforce=enforce,
        )

    @hookimpl
    def memory_stats(self, session: EsxSession, domain: DomainRef) -> MemoryUse:
        from polyvisor_esx import statistics

        return statistics.memory(session, domain)

    # -- the system inside --------------------------------------------------------------------------------

    @hookimpl
    def guest_hostname(self, session: EsxSession, domain: DomainRef) -> str:
        from polyvisor_esx import tools

        return tools.hostname(session, domain)

    @hookimpl
    def guest_interfaces(
        self, session: EsxSession, domain: DomainRef, *, source: AddressSource
    ) -> list[GuestInterface]:
        from polyvisor_esx import tools

        return tools.interfaces(session, domain, source)

    @hookimpl
    def guest_filesystems(self, session: EsxSession, domain: DomainRef) -> list[GuestFilesystem]:
        from polyvisor_esx import tools

        return tools.filesystems(session, domain)

    @hookimpl
    def guest_info(
        self, session: EsxSession, domain: DomainRef, *, groups: Collection[GuestInfoGroup], enforce: bool
    ) -> GuestInfo:
        from polyvisor_esx import tools

        return tools.info(session, domain, groups, enforce=enforce)

    # -- jobs ---------------------------------------------------------------------------------------------

    @hookimpl
    def domain_job(self, session: EsxSession, domain: DomainRef, *, completed: bool) -> DomainJob:
        from polyvisor_esx import jobs

        return jobs.current(session, domain, completed=completed)

    @hookimpl
    def abort_job(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import jobs

        jobs.abort(session, domain)
