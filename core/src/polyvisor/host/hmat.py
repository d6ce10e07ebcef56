"""What the firmware's heterogeneous memory attribute table says: how fast each cell's memory is, and from where.

Source: Documentation/admin-guide/mm/numaperf.rst of the kernel. Latency is in nanoseconds, bandwidth in MiB/s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyvisor.host.numa import NODES
from polyvisor.host.tree import Tree

_ASSOCIATIVITY: dict[int, Literal["direct", "full"]] = {0: "direct", 1: "full"}
_POLICY: dict[int, Literal["writeback", "writethrough"]] = {0: "writeback", 1: "writethrough"}


@dataclass(frozen=True, slots=True)
class MemorySideCache:
    """A cache before a cell's memory. ``associativity`` is none, direct or full; ``policy`` none, writeback or
    writethrough; ``size`` and ``line`` count bytes."""

    level: int
    associativity: Literal["none", "direct", "full"]
    policy: Literal["none", "writeback", "writethrough"]
    size: int
    line: int


@dataclass(frozen=True, slots=True)
class Access:
    """How fast the CPUs of cell ``initiator`` reach the memory of cell ``target``: ``type`` is read or write."""

    initiator: int
    target: int
    type: Literal["access", "read", "write"]
    latency_ns: int | None
    bandwidth_kib: int | None


def read_memory_side_caches(tree: Tree, cell: int) -> tuple[MemorySideCache, ...]:
    base = f"{NODES}/node{cell}/memory_side_cache"
    found = []
    for level in tree.numbered(base, "index"):
        numbers = {
            name: tree.number(f"{base}/index{level}/{name}")
            for name in ("indexing", "write_policy", "size", "line_size")
        }
        found.append(
            MemorySideCache(
                level=level,
                associativity=_ASSOCIATIVITY.get(numbers["indexing"] or 0, "none"),
                policy=_POLICY.get(numbers["write_policy"] or 0, "none"),
                size=numbers["size"] or 0,
                line=numbers["line_size"] or 0,
            )
        )
    return tuple(found)


def read_accesses(tree: Tree, cells: tuple[int, ...]) -> tuple[Access, ...]:
    """By initiator, then target, reading before writing. Only the fastest initiators of a target are known."""
    found = []
    for target in cells:
        # class 1 counts CPUs only; kernels before 5.15 have just class 0
        base = next((path for path in _classes(target) if tree.exists(path)), None)
        if base is None:
            continue
        for initiator in tree.numbered(base, "node"):
            kinds: tuple[Literal["read", "write"], ...] = ("read", "write")
            for kind in kinds:
                bandwidth = tree.number(f"{base}/{kind}_bandwidth")
                latency = tree.number(f"{base}/{kind}_latency")
                scaled = None if bandwidth is None else bandwidth * 1024
                found.append(Access(initiator, target, kind, latency, scaled))
    return tuple(sorted(found, key=lambda access: (access.initiator, access.target)))


def _classes(target: int) -> tuple[str, ...]:
    return tuple(f"{NODES}/node{target}/access{number}/initiators" for number in (1, 0))
