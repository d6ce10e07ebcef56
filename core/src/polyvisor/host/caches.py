"""The CPUs' caches that are worth telling apart: second level and above, one record for each bank.

Source: Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel (``cache/index*``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from polyvisor.host.topology import CPUS
from polyvisor.host.tree import Tree
from polyvisor.units import factor

CacheType = Literal["both", "code", "data"]

_TYPES: dict[str, CacheType] = {"Unified": "both", "Instruction": "code", "Data": "data"}
_SIZE = re.compile(r"(\d+)([KMG]?)")
_LOWEST_LEVEL = 2


@dataclass(frozen=True, slots=True)
class CacheBank:
    """``type`` is both, code or data; ``size`` counts bytes; ``cpus`` share the bank."""

    level: int
    id: int
    type: CacheType
    size: int
    cpus: tuple[int, ...]


def read_caches(tree: Tree, cpus: Iterable[int]) -> tuple[CacheBank, ...]:
    """The banks that serve ``cpus``, by level and number. A bank the kernel gives no number is left out."""
    found: dict[tuple[int, int, str], CacheBank] = {}
    for cpu in cpus:
        base = f"{CPUS}/cpu{cpu}/cache"
        for index in tree.numbered(base, "index"):
            level = tree.number(f"{base}/index{index}/level") or 0
            if level >= _LOWEST_LEVEL and (bank := _bank(tree, f"{base}/index{index}", level)):
                found[bank.level, bank.id, bank.type] = bank
    return tuple(found[key] for key in sorted(found))


def _bank(tree: Tree, base: str, level: int) -> CacheBank | None:
    number = tree.number(f"{base}/id")
    kind = _TYPES.get(tree.text(f"{base}/type") or "")
    size = _SIZE.fullmatch(tree.text(f"{base}/size") or "")
    shared = tree.cpus(f"{base}/shared_cpu_list")
    if number is None or kind is None or size is None or shared is None:
        return None
    return CacheBank(level, number, kind, int(size[1]) * factor(size[2] or "bytes"), shared)
