"""The job at work on a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.cli.command import command
from polyvisor.cli.output import listing
from polyvisor.cli.parameters import domain, flag
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
