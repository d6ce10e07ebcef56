"""The host's memory, its pages, and the kernel's merging of equal ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from polyvisor.errors import HostError, InvalidArgument
from polyvisor.host.numa import NODES, Cell, read_cells, read_meminfo
from polyvisor.host.records import FreeMemory, MemoryStats
from polyvisor.host.tree import Tree
from polyvisor.state.disk import reported

_KSM = "/sys/kernel/mm/ksm"
_KSM_FILES = (
    "pages_to_scan",
    "sleep_millisecs",
    "pages_shared",
    "pages_sharing",
    "pages_unshared",
    "pages_volatile",
    "full_scans",
    "merge_across_nodes",
)
_KSM_SETTABLE = ("pages_to_scan", "sleep_millisecs", "merge_across_nodes")


def memory_stats(tree: Tree, cell: int | None = None) -> MemoryStats:
    """KiB of the host, or of one cell. Raises InvalidArgument for a cell there is not."""
    if cell is not None:
        found = _chosen(read_cells(tree), (cell,))[0]
        return MemoryStats(total=found.memory_kib, free=found.free_kib)
    memory = read_meminfo(tree, "/proc/meminfo")
    return MemoryStats(memory.get("MemTotal", 0), memory.get("MemFree", 0), memory.get("Buffers"), memory.get("Cached"))


def free_memory(tree: Tree) -> FreeMemory:
    """Free bytes."""
    total = read_meminfo(tree, "/proc/meminfo").get("MemFree", 0) * 1024
    return FreeMemory(total, {cell.id: cell.free_kib * 1024 for cell in read_cells(tree)})


def free_pages(tree: Tree, sizes_kib: Sequence[int] = (), cells: Sequence[int] = ()) -> dict[int, dict[int, int]]:
    """``{cell: {size in KiB: free pages}}``; empty arguments mean all.

    Raises InvalidArgument for a cell or a size there is not."""
    found = {}
    for cell in _chosen(read_cells(tree), cells):
        free = {pool.size_kib: pool.free for pool in cell.pages}
        found[cell.id] = {size: free[_known(size, free, cell.id)] for size in sizes_kib or free}
    return found


def allocate_pages(tree: Tree, pages: Mapping[int, int], cells: Sequence[int] = (), *, add: bool = True) -> int:
    """Reserve huge pages ``{size in KiB: count}`` in each cell, on top of those reserved or in their place.

    Returns how many cells and sizes the kernel served in full. Raises InvalidArgument, HostError."""
    served = 0
    for cell in _chosen(read_cells(tree), cells):
        reserved = {pool.size_kib: pool.total for pool in cell.pages[1:]}
        for size, count in pages.items():
            wanted = count + (reserved[_known(size, reserved, cell.id)] if add else 0)
            path = f"{NODES}/node{cell.id}/hugepages/hugepages-{size}kB/nr_hugepages"
            _write(tree, path, wanted)
            served += tree.number(path) == wanted
    return served


def merging_parameters(tree: Tree) -> dict[str, int]:
    """Kernel same-page merging by libvirt's names (``shm_pages_to_scan``, ...); empty when the kernel has none."""
    values = {name: tree.number(f"{_KSM}/{name}") for name in _KSM_FILES}
    return {f"shm_{name}": value for name, value in values.items() if value is not None}


def set_merging_parameters(tree: Tree, parameters: Mapping[str, int]) -> None:
    """Change ``shm_pages_to_scan``, ``shm_sleep_millisecs`` or ``shm_merge_across_nodes``.

    Raises InvalidArgument before anything is changed when one of the names is none of these; HostError when the
    kernel refuses (it changes ``merge_across_nodes`` only while nothing is merged)."""
    settable = [f"shm_{name}" for name in _KSM_SETTABLE]
    for name in parameters:
        if name not in settable:
            raise InvalidArgument(f"{name!r} cannot be set", hint=f"these can: {', '.join(settable)}")
    if not tree.exists(_KSM):
        raise HostError("this kernel was built without same-page merging")
    for name, value in parameters.items():
        _write(tree, f"{_KSM}/{name.removeprefix('shm_')}", value)


def _chosen(cells: Sequence[Cell], numbers: Sequence[int]) -> list[Cell]:
    existing = {cell.id: cell for cell in cells}
    for number in numbers:
        if number not in existing:
            raise InvalidArgument(f"the host has no NUMA cell {number}", hint=f"it has {', '.join(map(str, existing))}")
    return [existing[number] for number in numbers or existing]


def _known(size: int, sizes: Mapping[int, int], cell: int) -> int:
    if size not in sizes:
        hint = f"it has {', '.join(f'{size} KiB' for size in sizes)}" if sizes else "it has none that can be reserved"
        raise InvalidArgument(f"NUMA cell {cell} has no pages of {size} KiB", hint=hint)
    return size


def _write(tree: Tree, path: str, value: int) -> None:
    real = tree.path(path)
    with reported("write", real), open(real, "w", encoding="ascii") as file:
        file.write(f"{value}\n")
