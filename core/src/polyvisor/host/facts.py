"""One host, whose facts are read when they are asked for; those that do not change, once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from uuid import UUID

from polyvisor.host import memory, topology
from polyvisor.host.cpuinfo import CpuInfo, read_cpuinfo
from polyvisor.host.identity import host_arch, host_uuid
from polyvisor.host.numa import Cell, cell_members, read_cells, read_meminfo
from polyvisor.host.records import CpuMap, CpuTimes, FreeMemory, HostInfo, MemoryStats
from polyvisor.host.tree import Tree


class Host:
    """The host below ``root``, this one unless told otherwise; ``places`` as for :class:`~polyvisor.host.tree.Tree`.

    :param arch: the recorded host's architecture; None means this machine's."""

    def __init__(
        self,
        root: str | os.PathLike[str] = "/",
        *,
        places: Mapping[str, str | os.PathLike[str]] | None = None,
        arch: str | None = None,
    ) -> None:
        self.tree = Tree(root, places)
        self.arch = arch or host_arch()

    # -- what stays as it is (CPUs may come and go: make another Host to see that) ------------------------------

    @cached_property
    def uuid(self) -> UUID | None:
        return host_uuid(self.tree)

    @cached_property
    def cpus(self) -> topology.Cpus:
        """Numbers of the CPUs present and online."""
        return topology.read_cpus(self.tree)

    @cached_property
    def topology(self) -> dict[int, topology.Cpu]:
        """Where each online CPU sits, by number."""
        existing = topology.existing_cpus(self.tree)
        placed = (topology.read_cpu(self.tree, number) for number in self.cpus.online if number in existing)
        return {cpu.id: cpu for cpu in placed if cpu is not None}

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The NUMA cells; their counts of free memory are those of the first look."""
        return read_cells(self.tree)

    @cached_property
    def cpu(self) -> CpuInfo:
        """What the CPUs are."""
        return read_cpuinfo(self.tree, self.arch)

    def info(self) -> HostInfo:
        """CPU model, memory and topology, as ``virsh nodeinfo`` sums them up."""
        shape = topology.shape(cell_members(self.tree), self.topology, self.cpus.online, self.arch)
        return HostInfo(
            model=self.arch,
            memory_kib=read_meminfo(self.tree, "/proc/meminfo").get("MemTotal", 0),
            cpus=shape.cpus,
            mhz=self.cpu.mhz,
            cells=shape.cells,
            sockets=shape.sockets,
            cores=shape.cores,
            threads=shape.threads,
        )

    def cpu_map(self) -> CpuMap:
        """Which CPUs exist and which are online."""
        return CpuMap(present=len(self.cpus.present), online=frozenset(self.cpus.online))

    # -- what changes, read anew each time --------------------------------------------------------------------

    def cpu_times(self, cpu: int | None = None) -> CpuTimes:
        """Nanoseconds of one CPU, or of all together. Raises InvalidArgument."""
        from polyvisor.host.cputimes import read_cpu_times

        return read_cpu_times(self.tree, cpu)

    def memory_stats(self, cell: int | None = None) -> MemoryStats:
        """KiB of the host or of one NUMA cell. Raises InvalidArgument."""
        return memory.memory_stats(self.tree, cell)

    def free_memory(self) -> FreeMemory:
        """Free bytes, in all and by cell."""
        return memory.free_memory(self.tree)

    def free_pages(self, sizes_kib: Sequence[int] = (), cells: Sequence[int] = ()) -> dict[int, dict[int, int]]:
        """``{cell: {size in KiB: pages}}``; empty arguments mean all. Raises InvalidArgument."""
        return memory.free_pages(self.tree, sizes_kib, cells)

    def allocate_pages(self, pages: Mapping[int, int], cells: Sequence[int] = (), *, add: bool = True) -> int:
        """Reserve huge pages; returns how many cells and sizes were served in full.

        Raises InvalidArgument, HostError."""
        return memory.allocate_pages(self.tree, pages, cells, add=add)

    def memory_parameters(self) -> dict[str, int]:
        """Kernel same-page merging, by libvirt's names."""
        return memory.merging_parameters(self.tree)

    def set_memory_parameters(self, parameters: Mapping[str, int]) -> None:
        """Change some of them. Raises InvalidArgument, HostError."""
        memory.set_merging_parameters(self.tree, parameters)
