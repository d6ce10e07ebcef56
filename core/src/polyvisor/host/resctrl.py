"""What of caches and memory bandwidth can be divided among guests and watched (Intel RDT, AMD QoS).

Source: Documentation/arch/x86/resctrl.rst of the kernel (the ``info`` directory).
"""

from __future__ import annotations

from dataclasses import dataclass

from polyvisor.host.caches import CacheType
from polyvisor.host.tree import Tree

INFO = "/sys/fs/resctrl/info"
_SUFFIXES: dict[str, CacheType] = {"": "both", "CODE": "code", "DATA": "data"}
_CACHE_MONITOR, _BANDWIDTH_MONITOR = "llc_", "mbm_"


@dataclass(frozen=True, slots=True)
class CacheControl:
    """Caches of ``level`` can be divided in steps: ``ways`` in all, at least ``least`` for a group."""

    level: int
    type: CacheType
    ways: int
    least: int
    groups: int


@dataclass(frozen=True, slots=True)
class BandwidthControl:
    """Memory bandwidth can be limited in steps of ``granularity`` per cent, down to ``least``, for that many groups."""

    granularity: int
    least: int
    groups: int


@dataclass(frozen=True, slots=True)
class Monitor:
    """Groups can be watched: ``monitors`` at once; ``threshold`` bytes of a cache left when a number is used again."""

    features: tuple[str, ...]
    monitors: int
    threshold: int | None = None


@dataclass(frozen=True, slots=True)
class ResourceControl:
    """All of it; empty on a host that has no resctrl file system mounted."""

    caches: tuple[CacheControl, ...] = ()
    bandwidth: BandwidthControl | None = None
    cache_monitor: Monitor | None = None
    bandwidth_monitor: Monitor | None = None


def read_resource_control(tree: Tree) -> ResourceControl:
    names = tree.names(INFO)
    return ResourceControl(
        caches=tuple(
            control
            for level in (2, 3)
            for suffix in _SUFFIXES
            if f"L{level}{suffix}" in names and (control := _cache_control(tree, level, suffix))
        ),
        bandwidth=_bandwidth_control(tree) if "MB" in names else None,
        cache_monitor=_monitor(tree, _CACHE_MONITOR),
        bandwidth_monitor=_monitor(tree, _BANDWIDTH_MONITOR),
    )


def _cache_control(tree: Tree, level: int, suffix: str) -> CacheControl | None:
    base = f"{INFO}/L{level}{suffix}"
    try:
        ways = int(tree.text(f"{base}/cbm_mask") or "", 16).bit_count()
    except ValueError:
        return None
    least, groups = tree.number(f"{base}/min_cbm_bits") or 0, tree.number(f"{base}/num_closids") or 0
    return CacheControl(level, _SUFFIXES[suffix], ways, least, groups) if ways else None


def _bandwidth_control(tree: Tree) -> BandwidthControl:
    def number(name: str) -> int:
        return tree.number(f"{INFO}/MB/{name}") or 0

    return BandwidthControl(number("bandwidth_gran"), number("min_bandwidth"), number("num_closids"))


def _monitor(tree: Tree, prefix: str) -> Monitor | None:
    base = f"{INFO}/L3_MON"
    named = (tree.text(f"{base}/mon_features") or "").split()
    features = tuple(name for name in named if name.startswith(prefix))
    if not features:
        return None
    threshold = tree.number(f"{base}/max_threshold_occupancy") if prefix == _CACHE_MONITOR else None
    return Monitor(features, tree.number(f"{base}/num_rmids") or 0, threshold)
