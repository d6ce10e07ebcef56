"""How the CPUs have spent their time since boot, from /proc/stat (proc_stat(5))."""

from __future__ import annotations

import os

from polyvisor.errors import InvalidArgument
from polyvisor.host.records import CpuTimes
from polyvisor.host.tree import Tree


def read_cpu_times(tree: Tree, cpu: int | None = None) -> CpuTimes:
    """The time account of one CPU, or of all of them together. Raises InvalidArgument for a CPU without one."""
    return parse_cpu_times(tree.text("/proc/stat") or "", cpu, 1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def parse_cpu_times(text: str, cpu: int | None = None, tick: int = 1) -> CpuTimes:
    """Read the text of /proc/stat; ``tick`` is the length of its unit in nanoseconds.

    Interrupts count as the kernel's work, guests' time (part of ``user`` there) as the user's."""
    label = "cpu" if cpu is None else f"cpu{cpu}"
    for line in text.splitlines():
        name, *numbers = line.split()[:8] or [""]
        if name == label and len(numbers) >= 4:
            user, nice, system, idle, iowait, interrupt, soft = (*(int(number) * tick for number in numbers), 0, 0, 0)[
                :7
            ]
            return CpuTimes(kernel=system + interrupt + soft, user=user + nice, idle=idle, iowait=iowait)
    raise InvalidArgument(f"the host keeps no time account of CPU {cpu}", hint="it may be offline; see the CPU map")
