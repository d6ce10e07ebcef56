"""The esx driver's operations about what guests may take of their hosts, and what they and the hosts have used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from polyvisor.spi import Affect, DomainRef, hookimpl
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.operations.host import CpuTimes
    from polyvisor.operations.numa import NumaMode, NumaParameters
    from polyvisor.operations.records import Parameters
    from polyvisor.operations.statistics import BlockStats, CpuStats, InterfaceStats
    from polyvisor.operations.tuning import Bandwidth, InterfaceBandwidth
    from polyvisor.operations.vcpus import VcpuInfo


class TuningOperations:
    """Where guests run and what they may take, what was used, what is wrong, and the connection itself."""

    # -- the connection -----------------------------------------------------------------------------------

    @hookimpl
    def has_feature(self, session: EsxSession, feature: str) -> bool:
        from polyvisor_esx import hostfacts

        return hostfacts.has_feature(session, feature)

    @hookimpl
    def watch_close(self, session: EsxSession, callback: Callable[[str], None] | None) -> None:
        from polyvisor_esx import closing

        closing.watch(session, callback)

    @hookimpl
    def cpu_models(self, session: EsxSession, arch: str) -> list[str]:
        from polyvisor_esx import capabilities

        return capabilities.cpu_models(session, arch)

    # -- what is wrong with a guest -----------------------------------------------------------------------

    @hookimpl
    def domain_messages(
        self, session: EsxSession, domain: DomainRef, *, deprecation: bool, tainting: bool
    ) -> list[str]:
        from polyvisor_esx import messages

        return messages.messages(session, domain, deprecation=deprecation, tainting=tainting)

    @hookimpl
    def disk_errors(self, session: EsxSession, domain: DomainRef) -> dict[str, str]:
        from polyvisor_esx import messages

        return messages.disk_errors(session, domain)

    # -- what was used since the start --------------------------------------------------------------------

    @hookimpl
    def host_cpu_stats(self, session: EsxSession) -> CpuTimes:
        from polyvisor_esx import usage

        return usage.host_times(session)

    @hookimpl
    def cpu_stats(self, session: EsxSession, domain: DomainRef) -> CpuStats:
        from polyvisor_esx import usage

        return usage.cpu(session, domain)

    @hookimpl
    def block_stats(self, session: EsxSession, domain: DomainRef, *, disk: str | None) -> BlockStats:
        from polyvisor_esx import usage

        return usage.block(session, domain, disk)

    @hookimpl
    def interface_stats(self, session: EsxSession, domain: DomainRef, interface: str) -> InterfaceStats:
        from polyvisor_esx import usage

        return usage.interface(session, domain, interface)

    # -- CPUs and NUMA nodes ------------------------------------------------------------------------------

    @hookimpl
    def vcpu_info(self, session: EsxSession, domain: DomainRef) -> list[VcpuInfo]:
        from polyvisor_esx import affinity

        return affinity.vcpus(session, domain)

    @hookimpl
    def vcpu_pins(self, session: EsxSession, domain: DomainRef, *, affect: Affect) -> dict[int, frozenset[int]]:
        from polyvisor_esx import affinity

        return affinity.pins(session, domain, affect)

    @hookimpl
    def pin_vcpu(
        self, session: EsxSession, domain: DomainRef, vcpu: int, cpus: Collection[int] | None, *, affect: Affect
    ) -> None:
        from polyvisor_esx import affinity

        affinity.pin(session, domain, vcpu, cpus, affect)

    @hookimpl
    def numa_parameters(self, session: EsxSession, domain: DomainRef, *, affect: Affect) -> NumaParameters:
        from polyvisor_esx import affinity

        return affinity.numa(session, domain, affect)

    @hookimpl
    def set_numa_parameters(
        self,
        session: EsxSession,
        domain: DomainRef,
        *,
        mode: NumaMode | None,
        nodeset: Collection[int] | None,
        affect: Affect,
    ) -> None:
        from polyvisor_esx import affinity

        affinity.set_numa(session, domain, mode, nodeset, affect)

    # -- disks and networks -------------------------------------------------------------------------------

    @hookimpl
    def blkio_parameters(self, session: EsxSession, domain: DomainRef, *, affect: Affect) -> Parameters:
        from polyvisor_esx import diskshares

        return diskshares.parameters(session, domain, affect)

    @hookimpl
    def set_blkio_parameters(
        self, session: EsxSession, domain: DomainRef, parameters: Mapping[str, int | str], *, affect: Affect
    ) -> None:
        from polyvisor_esx import diskshares

        diskshares.put(session, domain, parameters, affect)

    @hookimpl
    def interface_bandwidth(
        self, session: EsxSession, domain: DomainRef, interface: str, *, affect: Affect
    ) -> InterfaceBandwidth:
        from polyvisor_esx import bandwidth

        return bandwidth.get(session, domain, interface, affect)

    @hookimpl
    def set_interface_bandwidth(
        self,
        session: EsxSession,
        domain: DomainRef,
        interface: str,
        *,
        inbound: Bandwidth | None,
        outbound: Bandwidth | None,
        affect: Affect,
    ) -> None:
        from polyvisor_esx import bandwidth

        bandwidth.put(session, domain, interface, inbound, outbound, affect)
