"""The lxc driver's operations about resources: memory, CPUs, block devices, networks, and what was used of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from polyvisor.spi import Affect, DomainRef, DomainState, hookimpl
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.operations.numa import NumaMode, NumaParameters
    from polyvisor.operations.records import Parameters
    from polyvisor.operations.statistics import (
        BlockStats,
        CpuStats,
        DomainStats,
        InterfaceStats,
        MemoryUse,
        StatsGroup,
    )
    from polyvisor.operations.tuning import Bandwidth, InterfaceBandwidth
    from polyvisor.operations.vcpus import Scheduler, VcpuInfo


class ResourceOperations:
    """What containers may take from the host, and have taken."""

    # -- memory -------------------------------------------------------------------------------------------

    @hookimpl
    def max_memory(self, session: LxcSession, domain: DomainRef) -> int:
        from polyvisor_lxc import memory

        return memory.maximum(session, domain)

    @hookimpl
    def set_max_memory(self, session: LxcSession, domain: DomainRef, kib: int, *, affect: Affect) -> None:
        from polyvisor_lxc import memory

        memory.set_maximum(session, domain, kib, affect)

    @hookimpl
    def set_memory(self, session: LxcSession, domain: DomainRef, kib: int, *, affect: Affect) -> None:
        from polyvisor_lxc import memory

        memory.set_current(session, domain, kib, affect)

    @hookimpl
    def memory_limits(self, session: LxcSession, domain: DomainRef, *, affect: Affect) -> Parameters:
        from polyvisor_lxc import memory

        return memory.limits(session, domain, affect)

    @hookimpl
    def set_memory_limits(
        self, session: LxcSession, domain: DomainRef, limits: Mapping[str, int], *, affect: Affect
    ) -> None:
        from polyvisor_lxc import memory

        memory.set_limits(session, domain, limits, affect)

    @hookimpl
    def numa_parameters(self, session: LxcSession, domain: DomainRef, *, affect: Affect) -> NumaParameters:
        from polyvisor_lxc import numa

        return numa.parameters(session, domain, affect)

    @hookimpl
    def set_numa_parameters(
        self,
        session: LxcSession,
        domain: DomainRef,
        *,
        mode: NumaMode | None,
        nodeset: Collection[int] | None,
        affect: Affect,
    ) -> None:
        from polyvisor_lxc import numa

        numa.set_parameters(session, domain, mode, nodeset, affect)

    # -- CPUs ---------------------------------------------------------------------------------------------

    @hookimpl
    def vcpu_count(self, session: LxcSession, domain: DomainRef, *, maximum: bool, affect: Affect) -> int:
        from polyvisor_lxc import vcpus

        return vcpus.count(session, domain, maximum=maximum, affect=affect)

    @hookimpl
    def set_vcpu_count(
        self, session: LxcSession, domain: DomainRef, count: int, *, maximum: bool, affect: Affect
    ) -> None:
        from polyvisor_lxc import vcpus

        vcpus.set_count(session, domain, count, maximum=maximum, affect=affect)

    @hookimpl
    def vcpu_info(self, session: LxcSession, domain: DomainRef) -> list[VcpuInfo]:
        from polyvisor_lxc import vcpus

        return vcpus.info(session, domain)

    @hookimpl
    def vcpu_pins(self, session: LxcSession, domain: DomainRef, *, affect: Affect) -> dict[int, frozenset[int]]:
        from polyvisor_lxc import vcpus

        return vcpus.pins(session, domain, affect)

    @hookimpl
    def pin_vcpu(
        self, session: LxcSession, domain: DomainRef, vcpu: int, cpus: Collection[int] | None, *, affect: Affect
    ) -> None:
        from polyvisor_lxc import vcpus

        vcpus.pin(session, domain, vcpu, cpus, affect)

    @hookimpl
    def emulator_pin(self, session: LxcSession, domain: DomainRef, *, affect: Affect) -> frozenset[int]:
        from polyvisor_lxc import vcpus

        return vcpus.emulator_pin(session, domain, affect)

    @hookimpl
    def pin_emulator(
        self, session: LxcSession, domain: DomainRef, cpus: Collection[int] | None, *, affect: Affect
    ) -> None:
        from polyvisor_lxc import vcpus

        vcpus.pin_emulator(session, domain, cpus, affect)

    @hookimpl
    def scheduler(self, session: LxcSession, domain: DomainRef, *, affect: Affect) -> Scheduler:
        from polyvisor_lxc import vcpus

        return vcpus.scheduler(session, domain, affect)

    @hookimpl
    def set_scheduler_parameters(
        self, session: LxcSession, domain: DomainRef, parameters: Mapping[str, int], *, affect: Affect
    ) -> None:
        from polyvisor_lxc import vcpus

        vcpus.set_scheduler(session, domain, parameters, affect)

    # -- block devices and networks -----------------------------------------------------------------------

    @hookimpl
    def blkio_parameters(self, session: LxcSession, domain: DomainRef, *, affect: Affect) -> Parameters:
        from polyvisor_lxc import blkio

        return blkio.parameters(session, domain, affect)

    @hookimpl
    def set_blkio_parameters(
        self, session: LxcSession, domain: DomainRef, parameters: Mapping[str, int | str], *, affect: Affect
    ) -> None:
        from polyvisor_lxc import blkio

        blkio.set_parameters(session, domain, parameters, affect)

    @hookimpl
    def interface_bandwidth(
        self, session: LxcSession, domain: DomainRef, interface: str, *, affect: Affect
    ) -> InterfaceBandwidth:
        from polyvisor_lxc import bandwidth

        return bandwidth.limits(session, domain, interface, affect)

    @hookimpl
    def set_interface_bandwidth(
        self,
        session: LxcSession,
        domain: DomainRef,
        interface: str,
        *,
        inbound: Bandwidth | None,
        outbound: Bandwidth | None,
        affect: Affect,
    ) -> None:
        from polyvisor_lxc import bandwidth

        bandwidth.set_limits(session, domain, interface, inbound, outbound, affect)

    # -- statistics ---------------------------------------------------------------------------------------

    @hookimpl
    def cpu_stats(self, session: LxcSession, domain: DomainRef) -> CpuStats:
        from polyvisor_lxc import statistics

        return statistics.cpu_stats(session, domain)

    @hookimpl
    def memory_stats(self, session: LxcSession, domain: DomainRef) -> MemoryUse:
        from polyvisor_lxc import statistics

        return statistics.memory_stats(session, domain)

    @hookimpl
    def block_stats(self, session: LxcSession, domain: DomainRef, *, disk: str | None) -> BlockStats:
        from polyvisor_lxc import statistics

        return statistics.block_stats(session, domain, disk)

    @hookimpl
    def interface_stats(self, session: LxcSession, domain: DomainRef, interface: str) -> InterfaceStats:
        from polyvisor_lxc import statistics

        return statistics.interface_stats(session, domain, interface)

    @hookimpl
    def domain_stats(
        self,
        session: LxcSession,
        *,
        domains: Sequence[DomainRef],
        groups: Collection[StatsGroup],
        active: bool | None,
        persistent: bool | None,
        states: Collection[DomainState] | None,
        nowait: bool,
        enforce: bool,
    ) -> list[DomainStats]:
        from polyvisor_lxc import statistics

        # nothing has to be waited for: all figures are files, so nowait is kept anyway
        return statistics.domain_stats(
            session,
            domains=domains,
            groups=groups,
            active=active,
            persistent=persistent,
            states=states,
            enforce=enforce,
        )
