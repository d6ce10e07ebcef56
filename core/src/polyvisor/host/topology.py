"""Which CPUs the host has, which are online, and how they sit in sockets, dies, clusters and cores.

Source: Documentation/ABI/stable/sysfs-devices-system-cpu of the kernel (``topology/*``).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import NamedTuple

from polyvisor.host.tree import Tree

CPUS = "/sys/devices/system/cpu"


class Cpu(NamedTuple):
    """An online CPU's place. ``siblings`` are the threads of its core that are online, itself among them."""

    id: int
    socket: int
    die: int
    cluster: int
    core: int
    siblings: tuple[int, ...]


class Cpus(NamedTuple):
    """Numbers of the CPUs that are plugged in, and of those that the kernel runs on."""

    present: tuple[int, ...]
    online: tuple[int, ...]


class Shape(NamedTuple):
    """The host as ``virsh nodeinfo`` sums it up. ``cpus`` counts the online ones."""

    cpus: int
    cells: int
    sockets: int
    cores: int
    threads: int


def existing_cpus(tree: Tree) -> frozenset[int]:
    """CPUs that the kernel shows, online or not."""
    return frozenset(tree.numbered(CPUS, "cpu"))


def read_cpus(tree: Tree) -> Cpus:
    online = tree.cpus(f"{CPUS}/online") or tuple(sorted(existing_cpus(tree)))
    return Cpus(tree.cpus(f"{CPUS}/present") or online, online)


def read_cpu(tree: Tree, number: int) -> Cpu | None:
    """The CPU's place, or None while it is offline and has none."""
    base = f"{CPUS}/cpu{number}/topology"
    siblings = tree.cpus(f"{base}/thread_siblings_list")
    if siblings is None:
        siblings = tree.cpu_mask(f"{base}/thread_siblings")  # old kernels write masks only
    if siblings is None:
        if not tree.exists(f"{base}/core_id"):
            return None
        siblings = (number,)

    def identifier(name: str) -> int:
        return max(tree.number(f"{base}/{name}") or 0, 0)  # some ARM kernels write -1 for "not known"

    return Cpu(
        number,
        identifier("physical_package_id"),
        identifier("die_id"),
        identifier("cluster_id"),
        identifier("core_id"),
        siblings,
    )


def shape(cells: Iterable[Iterable[int]], cpus: dict[int, Cpu], online: Iterable[int], arch: str) -> Shape:
    """Sum the host up from the CPU numbers, online or not, of each cell.

    Sockets are counted in a cell, cores in a socket, threads in a core, each where there are most. When their product
    is not the number of CPUs, the host is told as one cell and one socket of that many cores, as libvirt does."""
    running = set(online)
    populated = [numbers for numbers in map(list, cells) if numbers]
    total = sum(map(len, populated))
    subcore = _threads_of_subcore(running, cpus) if arch.startswith("ppc64") else 1
    alone = arch.startswith("s390")  # what the kernel calls a core there is shared; each CPU is told as its own
    sockets = cores = threads = 0
    for numbers in populated:
        placed = [cpus[number] for number in numbers if number in running and number in cpus]
        cores_of: dict[int, set[int]] = {}
        for cpu in placed:
            cores_of.setdefault(cpu.socket, set()).add(cpu.id if alone else cpu.core)
        sockets = max(sockets, len(cores_of))
        cores = max([cores, *map(len, cores_of.values())])
        threads = max([threads, subcore, *(1 if alone else len(cpu.siblings) for cpu in placed)])
    active = sum(1 for numbers in populated for number in numbers if number in running) * subcore
    if len(populated) * sockets * cores * threads != total:
        return Shape(active, 1, 1, total, 1)
    return Shape(active, len(populated), sockets, cores, threads)


def _threads_of_subcore(online: set[int], cpus: dict[int, Cpu]) -> int:
    """Threads that a guest gets of each online CPU of a POWER host.

    KVM there wants a core's secondary threads offline and runs guests on all of them; the distance between the
    online CPUs is then the number of threads. 1 where some secondary thread is online."""
    if any(len(cpus[number].siblings) > 1 for number in online if number in cpus):
        return 1
    return gcd(*online) or 1
