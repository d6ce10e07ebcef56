"""NUMA cells: CPUs, memory, page sizes and distances.

Source: Documentation/ABI/stable/sysfs-devices-node and Documentation/admin-guide/mm/hugetlbpage.rst of the kernel.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from polyvisor.host.cpulist import parse_cpu_list
from polyvisor.host.topology import CPUS
from polyvisor.host.tree import Tree

NODES = "/sys/devices/system/node"
_HUGE = re.compile(r"hugepages-(\d+)kB")
_FIELD = re.compile(r"^(?:Node \d+ )?(\w+(?:\(\w+\))?):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PagePool:
    """Pages of one size: all of them, and those that are free. ``total`` of the base size leaves out the huge ones."""

    size_kib: int
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A NUMA cell. ``cpus`` are those the kernel puts there; ``distances`` go to every online cell, 10 to itself."""

    id: int
    cpus: tuple[int, ...]
    memory_kib: int
    free_kib: int
    pages: tuple[PagePool, ...] = ()
    distances: dict[int, int] = field(default_factory=dict)


def read_cells(tree: Tree) -> tuple[Cell, ...]:
    """The online cells. A kernel without NUMA has one, numbered 0, with all there is."""
    online = tree.cpus(f"{NODES}/online")
    numbers = online if online is not None else tuple(tree.numbered(NODES, "node"))
    if not numbers:
        return (_sole_cell(tree),)
    return tuple(_cell(tree, number, numbers) for number in numbers)


def cell_members(tree: Tree) -> list[list[int]]:
    """CPU numbers of each cell, offline ones as well where the kernel links them there."""
    nodes = tree.numbered(NODES, "node")
    if not nodes:
        return [tree.numbered(CPUS, "cpu")]
    return [tree.numbered(f"{NODES}/node{number}", "cpu") for number in nodes]


def read_meminfo(tree: Tree, path: str) -> dict[str, int]:
    """The fields of /proc/meminfo or of a node's: KiB, except the HugePages counts."""
    return {name: int(value) for name, value in _FIELD.findall(tree.text(path) or "")}


def _cell(tree: Tree, number: int, online: tuple[int, ...]) -> Cell:
    base = f"{NODES}/node{number}"
    listed = tree.cpus(f"{base}/cpulist")
    memory = read_meminfo(tree, f"{base}/meminfo")
    total, free = memory.get("MemTotal", 0), memory.get("MemFree", 0)
    values = (tree.text(f"{base}/distance") or "").split()
    return Cell(
        id=number,
        cpus=tuple(tree.numbered(base, "cpu")) if listed is None else listed,
        memory_kib=total,
        free_kib=free,
        pages=_pools(tree, f"{base}/hugepages", total, free),
        distances=dict(zip(online, map(int, values), strict=False)),
    )


def _sole_cell(tree: Tree) -> Cell:
    memory = read_meminfo(tree, "/proc/meminfo")
    total, free = memory.get("MemTotal", 0), memory.get("MemFree", 0)
    cpus = tree.text(f"{CPUS}/online")
    return Cell(
        id=0,
        cpus=tuple(tree.numbered(CPUS, "cpu")) if cpus is None else parse_cpu_list(cpus),
        memory_kib=total,
        free_kib=free,
        pages=_pools(tree, "/sys/kernel/mm/hugepages", total, free),
    )


def _pools(tree: Tree, directory: str, total_kib: int, free_kib: int) -> tuple[PagePool, ...]:
    huge = []
    for name in tree.names(directory):
        if match := _HUGE.fullmatch(name):
            count = tree.number(f"{directory}/{name}/nr_hugepages") or 0
            free = tree.number(f"{directory}/{name}/free_hugepages") or 0
            huge.append(PagePool(int(match[1]), count, free))
    base = os.sysconf("SC_PAGESIZE") // 1024
    taken = sum(pool.size_kib * pool.total for pool in huge)
    small = PagePool(base, max(total_kib - taken, 0) // base, free_kib // base)
    return (small, *sorted(huge, key=lambda pool: pool.size_kib))
