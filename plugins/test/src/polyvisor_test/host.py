"""Facts about the simulated host, and the few things that can be changed on it."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument
from polyvisor.operations.host import (
    CpuMap,
    CpuTimes,
    FreeMemory,
    HostInfo,
    MemoryStats,
    SecurityModel,
)
from polyvisor.spi import hookimpl
from polyvisor_test.node import HUGE_PAGES_KIB, Node
from polyvisor_test.session import TestSession
from polyvisor_test.vitals import SECOND

if TYPE_CHECKING:
    from polyvisor.model.capabilities import Capabilities
    from polyvisor.model.domaincaps import DomainCapabilities

SECURITY_MODEL = "testSecurity"
"""The mandatory access control model that the host simulates."""

MAX_VCPUS = 32
"""Most vCPUs of a guest."""

PAGE_KIB = 4
"""Size of an ordinary page in KiB."""


class HostOperations:
    """The operations of ``polyvisor.operations.host``."""

    @hookimpl
    def hostname(self, session: TestSession) -> str:
        return socket.gethostname()

    @hookimpl
    def sysinfo(self, session: TestSession) -> str:
        from polyvisor_test.hostdocuments import SYSINFO

        return SYSINFO

    @hookimpl
    def host_info(self, session: TestSession) -> HostInfo:
        host = session.node.host
        return HostInfo(
            model=host.model,
            memory_kib=host.memory_kib,
            cpus=host.active,
            mhz=host.mhz,
            cells=host.cells,
            sockets=host.sockets,
            cores=host.cores,
            threads=host.threads,
        )

    @hookimpl
    def max_vcpus(self, session: TestSession, *, domain_type: str | None = None) -> int:
        if domain_type not in (None, "test"):
            raise InvalidArgument(f"the test driver runs no {domain_type!r} guests", hint="the only type is 'test'")
        return MAX_VCPUS

    @hookimpl
    def host_cpu_stats(self, session: TestSession, *, cpu: int | None = None) -> CpuTimes:
        with session.node.lock:
            node = session.node
            if cpu is not None and cpu not in range(node.host.cpus):
                raise InvalidArgument(f"the host has no CPU {cpu}", hint=f"CPUs are 0 to {node.host.cpus - 1}")
            seconds = node.tick()
            count = 1 if cpu is not None else node.host.active
            return CpuTimes(*(share * seconds * count for share in CPU_SHARES))

    @hookimpl
    def cpu_map(self, session: TestSession) -> CpuMap:
        host = session.node.host
        return CpuMap(host.cpus, frozenset(range(min(host.active, host.cpus))))

    @hookimpl
    def host_memory_stats(self, session: TestSession, *, cell: int | None = None) -> MemoryStats:
        with session.node.lock:
            node = session.node
            if cell is None:
                return MemoryStats(node.host.memory_kib, node.free_kib(), buffers=0, cached=0)
            node.require_cell(cell)
            return MemoryStats(node.host.cell_memory_kib(cell), node.cell_free_kib(cell))

    @hookimpl
    def free_memory(self, session: TestSession) -> FreeMemory:
        with session.node.lock:
            node = session.node
            cells = {cell: node.cell_free_kib(cell) * 1024 for cell in range(node.host.cells)}
            return FreeMemory(node.free_kib() * 1024, cells)

    @hookimpl
    def free_pages(
        self, session: TestSession, *, sizes_kib: Sequence[int] = (), cells: Sequence[int] = ()
    ) -> dict[int, dict[int, int]]:
        sizes = tuple(sizes_kib) or (PAGE_KIB, *HUGE_PAGES_KIB)
        with session.node.lock:
            node = session.node
            for size in sizes:
                _require_page_size(size, PAGE_KIB, *HUGE_PAGES_KIB)
            return {cell: {size: _free_pages(node, cell, size) for size in sizes} for cell in node.cells(cells)}

    @hookimpl
    def allocate_pages(
        self, session: TestSession, pages: Mapping[int, int], *, cells: Sequence[int] = (), add: bool = True
    ) -> int:
        with session.node.lock:
            for size in pages:
                _require_page_size(size, *HUGE_PAGES_KIB)
            return sum(
                _reserve(session.node, cell, size, count, add)
                for cell in session.node.cells(cells)
                for size, count in pages.items()
            )

    @hookimpl
    def memory_parameters(self, session: TestSession) -> dict[str, int]:
        with session.node.lock:
            return dict(session.node.memory_parameters)

    @hookimpl
    def set_memory_parameters(self, session: TestSession, parameters: Mapping[str, int]) -> None:
        with session.node.lock:
            known = session.node.memory_parameters
            for name, value in parameters.items():
                if name not in known:
                    raise InvalidArgument(f"there is no memory parameter {name!r}", hint=f"known: {', '.join(known)}")
                if value < 0 or (name == "shm_merge_across_nodes" and value > 1):
                    raise InvalidArgument(f"{value} is out of range for {name}")
            known.update(parameters)

    @hookimpl
    def security_models(self, session: TestSession) -> list[SecurityModel]:
        return [SecurityModel(SECURITY_MODEL, "0")]

    @hookimpl
    def capabilities(self, session: TestSession) -> Capabilities:
        from polyvisor_test.hostdocuments import host_capabilities

        return host_capabilities(session.node.host)

    @hookimpl
    def domain_capabilities(
        self,
        session: TestSession,
        *,
        emulator: str | None = None,
        arch: str | None = None,
        machine: str | None = None,
        domain_type: str | None = None,
    ) -> DomainCapabilities:
        from polyvisor_test.hostdocuments import guest_capabilities

        return guest_capabilities(session.node.host, emulator, arch, machine, domain_type)

    @hookimpl
    def cpu_models(self, session: TestSession, arch: str) -> list[str]:
        from polyvisor_test.hostdocuments import cpu_models

        return cpu_models(arch)


CPU_SHARES = tuple(SECOND * part // 100 for part in (5, 15, 78, 1, 1))
"""Nanoseconds of a simulated second that a host CPU spends on kernel, user, idle, iowait and interrupt."""


def _require_page_size(size: int, *known: int) -> None:
    if size not in known:
        sizes = ", ".join(map(str, known))
        raise InvalidArgument(f"the host has no pages of {size} KiB", hint=f"sizes are {sizes} KiB")


def _free_pages(node: Node, cell: int, size: int) -> int:
    return node.cell_free_kib(cell) // PAGE_KIB if size == PAGE_KIB else node.huge_pages.get((cell, size), 0)


def _reserve(node: Node, cell: int, size: int, count: int, add: bool) -> bool:
    """Reserve huge pages in one cell as far as its free memory goes; whether they could be had in full."""
    if count < 0:
        raise InvalidArgument(f"{count} is no number of pages")
    had = node.huge_pages.get((cell, size), 0)
    wanted = had + count if add else count
    room = had + node.cell_free_kib(cell) // size
    node.huge_pages[cell, size] = min(wanted, room)
    return wanted <= room
