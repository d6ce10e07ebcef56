"""Recorded hosts, written down as a few lines each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from polyvisor.host import Host

CPUS, NODES = "sys/devices/system/cpu", "sys/devices/system/node"


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Host]:
    """Make a host of ``{file: text}``; its architecture is x86_64 unless said."""

    def make(files: Mapping[str, object], arch: str = "x86_64") -> Host:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")
        return Host(tmp_path, arch=arch)

    return make


def cpu(number: int, *, socket: int = 0, core: int = 0, siblings: str | None = None, **more: int) -> dict[str, object]:
    """The files of an online CPU."""
    base = f"{CPUS}/cpu{number}/topology"
    return {
        f"{base}/physical_package_id": socket,
        f"{base}/core_id": core,
        f"{base}/thread_siblings_list": number if siblings is None else siblings,
        **{f"{base}/{name}_id": value for name, value in more.items()},
    }


@pytest.fixture
def two_cells() -> dict[str, object]:
    """Two cells of one socket each, two cores of two threads in each; CPU 7 is offline."""
    files: dict[str, object] = {
        f"{CPUS}/present": "0-7",
        f"{CPUS}/online": "0-6",
        f"{CPUS}/cpu7/online": 0,
        f"{NODES}/online": "0-1",
        "proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nBuffers: 100 kB\nCached: 200 kB",
        "proc/cpuinfo": "processor : 0\nvendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\n"
        "model name : Some CPU\nstepping : 4\nmicrocode : 0x10\ncpu MHz : 2100.5\nflags : fpu vmx\n",
    }
    for number in range(7):
        pair = number // 2 * 2
        siblings = f"{pair}-{pair + 1}" if pair + 1 < 7 else str(pair)
        files |= cpu(number, socket=number // 4, core=number // 2 % 2, siblings=siblings, die=0)
    for node in (0, 1):
        base = f"{NODES}/node{node}"
        files |= {
            f"{base}/cpulist": "0-3" if node == 0 else "4-6",
            f"{base}/distance": "10 21" if node == 0 else "21 10",
            f"{base}/meminfo": f"Node {node} MemTotal: 4194304 kB\nNode {node} MemFree: 2097152 kB",
            f"{base}/hugepages/hugepages-2048kB/nr_hugepages": 512,
            f"{base}/hugepages/hugepages-2048kB/free_hugepages": 100 + node,
            **{f"{base}/cpu{number}/here": "" for number in range(node * 4, node * 4 + 4)},
        }
    return files
