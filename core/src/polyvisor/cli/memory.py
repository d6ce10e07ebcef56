"""Memory of a domain: how much it has, uses, and may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.output import plain, settings
from polyvisor.cli.parameters import affects, cpu_set, data, domain, given, numbers, size_kib
from polyvisor.operations.memory import UNLIMITED
from polyvisor.operations.numa import NumaMode
from polyvisor.operations.records import Affect

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

SIZE = data("size", type=size_kib, help="The size, such as 512M or 2GiB; a bare number counts KiB.")


@command("setmem")
@domain()
@SIZE
@affects()
def setmem(shell: Shell, domain: str, size: int, affect: Affect) -> None:
    """A running guest's balloon is asked to get there; dommemstat shows how far it went."""
    shell.domain(domain).set_memory(size, affect=affect)
    shell.done("", memory_kib=size)


@command("setmaxmem")
@domain()
@SIZE
@affects()
def setmaxmem(shell: Shell, domain: str, size: int, affect: Affect) -> None:
    """Most hypervisors can change it only for the next start: --config."""
    shell.domain(domain).set_max_memory(size, affect=affect)
    shell.done("", max_memory_kib=size)


_MEMORY_NAMES = {
    "major_faults": "major_fault",
    "minor_faults": "minor_fault",
    "hugetlb_allocations": "hugetlb_pgalloc",
    "hugetlb_failures": "hugetlb_pgfail",
}
"""Names that virsh spells differently."""


@command("dommemstat")
@domain()
@click.option("--period", type=click.IntRange(min=0), metavar="SECONDS", help="Report so often; 0: never.")
@affects()
def dommemstat(shell: Shell, domain: str, period: int | None, affect: Affect) -> None:
    """In KiB, except for the faults, which are counted, and the time of the last report."""
    found = shell.domain(domain)
    if period is not None:
        found.set_memory_stats_period(period, affect=affect)
        shell.done("", period=period)
        return
    stats = {key: value for key, value in plain(found.memory_stats()).items() if value is not None}
    shell.data(stats, "\n".join(f"{_MEMORY_NAMES.get(key, key)} {value}" for key, value in stats.items()))


def limit(text: str) -> int:
    """A size in KiB, or -1 for no limit. A type for Click."""
    return UNLIMITED if text == "-1" else size_kib(text)


@command("memtune")
@domain()
@numbers(
    {
        "hard-limit": "Most memory in RAM; -1 is no limit.",
        "soft-limit": "Memory it is pressed down to when the host runs short; -1 is no limit.",
        "swap-hard-limit": "Most memory in RAM and swap; -1 is no limit.",
        "min-guarantee": "Memory it is never pressed below.",
    },
    type=limit,
)
@affects()
def memtune(shell: Shell, domain: str, affect: Affect, **limits: int | None) -> None:
    """Without limits, show the present ones. Bare numbers count KiB."""
    found = shell.domain(domain)
    if wanted := given(limits):
        found.set_memory_limits(wanted, affect=affect)
        shell.done("", **wanted)
        return
    values = found.memory_limits(affect=affect).values
    shown = {name: "unlimited" if value == UNLIMITED else value for name, value in values.items()}
    shell.data(values, settings(shown))


@command("numatune")
@domain()
@click.option("--mode", type=click.Choice([mode.value for mode in NumaMode]), help="How it is bound.")
@click.option("--nodeset", type=cpu_set, metavar="CELLS", help="Cells of the host: 0-1,3.")
@affects()
def numatune(shell: Shell, domain: str, mode: str | None, nodeset: frozenset[int] | None, affect: Affect) -> None:
    """Which NUMA cells the memory comes from. Without options, show that."""
    from polyvisor.cli.host import ranges

    found = shell.domain(domain)
    if mode is not None or nodeset is not None:
        found.set_numa_parameters(mode=None if mode is None else NumaMode(mode), nodeset=nodeset, affect=affect)
        shell.done("")
        return
    binding = found.numa_parameters(affect=affect)
    shell.data(binding, settings({"numa_mode": binding.mode.value, "numa_nodeset": ranges(binding.nodeset)}))


@command("domdirtyrate-calc")
@domain()
@data("seconds", required=False, type=click.IntRange(1, 60), default=1, help="Measure for so long.")
@click.option(
    "--mode",
    type=click.Choice(("page-sampling", "dirty-bitmap", "dirty-ring")),
    default="page-sampling",
    help="How it is measured.",
)
def domdirtyrate_calc(shell: Shell, domain: str, seconds: int, mode: str) -> None:
    """Returns at once; domstats --dirtyrate shows the result."""
    shell.domain(domain).start_dirty_rate(seconds=seconds, mode=mode)
    shell.done("Start to calculate domain's memory dirty rate successfully.")
