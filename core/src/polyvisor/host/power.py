"""How the host can sleep, and whether it can give devices away safely.

Sources: Documentation/admin-guide/pm/sleep-states.rst and ABI/testing/sysfs-kernel-iommu_groups of the kernel.
"""

from __future__ import annotations

from polyvisor.host.tree import Tree

_POWER = "/sys/power"


def suspend_targets(tree: Tree) -> tuple[str, ...]:
    """``suspend_mem``, ``suspend_disk`` and ``suspend_hybrid``, those the kernel offers."""
    states = set((tree.text(f"{_POWER}/state") or "").split())
    modes = {mode.strip("[]") for mode in (tree.text(f"{_POWER}/disk") or "").split()}
    hibernates = "disk" in states and "disabled" not in modes
    offered = {
        "suspend_mem": "mem" in states,
        "suspend_disk": hibernates,
        "suspend_hybrid": hibernates and "mem" in states and "suspend" in modes,
    }
    return tuple(name for name, possible in offered.items() if possible)


def has_iommu(tree: Tree) -> bool:
    """Does an IOMMU stand between devices and memory? Then the kernel has put the devices into groups."""
    return bool(tree.names("/sys/kernel/iommu_groups"))
