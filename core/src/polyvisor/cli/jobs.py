"""The job at work on a domain, and settings of migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.output import listing
from polyvisor.cli.parameters import data, domain, flag
from polyvisor.operations.domainjobs import DomainJob, JobType
from polyvisor.units import format_size

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


@command("domjobinfo")
@domain()
@flag("completed", "Of the job that ended last.")
@flag("keep-completed", "With --completed: leave the account for the next who asks.")
@flag("anystats", "For virsh's sake: jobs that failed are shown, too.")
@flag("rawstats", "Every figure, by the hypervisor's names.")
def domjobinfo(
    shell: Shell, domain: str, completed: bool, keep_completed: bool, anystats: bool, rawstats: bool
) -> None:
    """How far it is."""
    job = shell.domain(domain).job(completed=completed or keep_completed, keep=keep_completed)
    if rawstats:
        shell.data(job, "\n".join(f"{name}: {value}" for name, value in job.statistics.items()))
    else:
        shell.data(job, listing(_facts(job), margin=17))


def _facts(job: DomainJob) -> dict[str, Any]:
    facts: dict[str, Any] = {"Job type": job.type.value}
    if job.type is JobType.NONE:
        return facts
    facts |= {"Operation": job.operation.value, "Time elapsed": f"{job.elapsed_ms} ms"}
    if job.remaining_ms is not None:
        facts["Time remaining"] = f"{job.remaining_ms} ms"
    for name, progress in (("Memory", job.memory), ("File", job.disk)):
        if progress.total:
            facts[f"{name} processed"] = format_size(progress.done)
            facts[f"{name} remaining"] = format_size(progress.total - progress.done)
            facts[f"{name} total"] = format_size(progress.total)
    if job.error:
        facts["Error message"] = job.error
    return facts


@command("domjobabort")
@domain()
@flag("postcopy", "Interrupt a migration that has switched to post-copy.")
def domjobabort(shell: Shell, domain: str, postcopy: bool) -> None:
    """As if it had not begun."""
    shell.domain(domain).abort_job(post_copy=postcopy)
    shell.done("")


@command("migrate-setmaxdowntime")
@domain()
@data("downtime", type=click.IntRange(min=1), help="Milliseconds.")
def migrate_setmaxdowntime(shell: Shell, domain: str, downtime: int) -> None:
    """May be changed while it migrates."""
    shell.domain(domain).set_migration_downtime(downtime)
    shell.done("", downtime_ms=downtime)


@command("migrate-getmaxdowntime")
@domain()
def migrate_getmaxdowntime(shell: Shell, domain: str) -> None:
    """In milliseconds."""
    downtime = shell.domain(domain).migration_downtime()
    shell.data({"downtime_ms": downtime}, str(downtime))


postcopy = flag("postcopy", "After the switch to post-copy.")


@command("migrate-setspeed")
@domain()
@data("bandwidth", type=click.IntRange(min=0), help="MiB per second; 0 is no limit.")
@postcopy
def migrate_setspeed(shell: Shell, domain: str, bandwidth: int, postcopy: bool) -> None:
    """May be changed while it migrates."""
    shell.domain(domain).set_migration_speed(bandwidth * 2**20, post_copy=postcopy)
    shell.done("", bandwidth=bandwidth * 2**20)


@command("migrate-getspeed")
@domain()
@postcopy
def migrate_getspeed(shell: Shell, domain: str, postcopy: bool) -> None:
    """In MiB per second."""
    speed = shell.domain(domain).migration_speed(post_copy=postcopy)
    shell.data({"bandwidth": speed}, str(-(-speed // 2**20)))


@command("migrate-compcache")
@domain()
@click.option("--size", type=click.IntRange(min=1), metavar="BYTES", help="Make it so large.")
def migrate_compcache(shell: Shell, domain: str, size: int | None) -> None:
    """The cache in which pages that are sent again are compressed."""
    found = shell.domain(domain)
    if size is not None:
        found.set_migration_compression_cache(size)
    now = found.migration_compression_cache()
    shell.data({"size": now}, f"Compression cache: {format_size(now)}")


@command("migrate-postcopy")
@domain()
def migrate_postcopy(shell: Shell, domain: str) -> None:
    """The migration must have been started with leave to do so."""
    shell.domain(domain).start_post_copy()
    shell.done("")
