"""Long work on a disk's images while the guest uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.parameters import data, domain, exclusive, flag, read_file
from polyvisor.cli.tuning import size_bytes

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

disk = data("path", help="Target or source of the disk.")
timeout = click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Cancel it after so long; waits."
)
verbose = flag("verbose", "For virsh's sake: a terminal always sees the progress.")
wait = flag("wait", "Return when the work is done, not when it has begun.")


def bandwidth(ctx: click.Context, param: click.Parameter, value: str | None) -> int:
    """Bytes per second; a bare number counts MiB/s, or with ``--bytes`` bytes/s."""
    if value is None:
        return 0
    if value.isdigit():
        return int(value) * (1 if ctx.params.get("bytes") else 2**20)
    return size_bytes(value)


limit = click.option(
    "--bandwidth", metavar="RATE", callback=bandwidth, help="At most so much each second: 10M; a number counts MiB."
)
in_bytes = click.option("--bytes", is_flag=True, is_eager=True, help="A number of --bandwidth counts bytes.")


@command("blockpull")
@domain()
@disk
@limit
@in_bytes
@click.option("--base", metavar="PATH", help="Image that stays below; default: none does.")
@flag("keep-relative", "Keep the path to the base relative.")
@wait
@timeout
@verbose
def blockpull(
    shell: Shell,
    domain: str,
    path: str,
    bandwidth: int,
    bytes: bool,
    base: str | None,
    keep_relative: bool,
    wait: bool,
    timeout: float | None,
    verbose: bool,
) -> None:
    """Copies what the backing images hold into the active one."""
    waits = wait or timeout is not None
    found = shell.domain(domain)
    shell.follow(
        "Block Pull",
        lambda job: found.block_pull(path, base=base, bandwidth=bandwidth, relative=keep_relative, wait=waits, job=job),
        timeout,
    )
    shell.done("Pull complete" if waits else "Block Pull started")


@command("blockcommit")
@domain()
@disk
@limit
@in_bytes
@click.option("--base", metavar="PATH", help="Image that takes the data; default: the last one.")
@click.option("--top", metavar="PATH", help="Topmost image that is committed; default: the active one.")
@flag("shallow", "The base is the image right below the top.")
@flag("active", "Allow the active image to be committed.")
@flag("delete", "Remove the files that are no longer needed.")
@flag("keep-relative", "Keep paths to backing images relative.")
@flag("pivot", "Move the guest to the base when the active image is committed.")
@flag("keep-overlay", "Stay on the active image when it is committed.")
@wait
@timeout
@verbose
def blockcommit(
    shell: Shell,
    domain: str,
    path: str,
    bytes: bool,
    active: bool,
    pivot: bool,
    keep_overlay: bool,
    keep_relative: bool,
    wait: bool,
    timeout: float | None,
    verbose: bool,
    **options: Any,
) -> None:
    """Writes what upper images hold into a lower one and drops them from the chain."""
    exclusive("pivot", "keep-overlay")
    waits = wait or pivot or keep_overlay or timeout is not None
    found = shell.domain(domain)
    shell.follow(
        "Block Commit",
        lambda job: found.block_commit(
            path,
            active=active or pivot or keep_overlay,
            pivot=pivot,
            relative=keep_relative,
            wait=waits,
            job=job,
            **options,
        ),
        timeout,
    )
    if keep_overlay:
        found.abort_block_job(path)
    done = "Successfully pivoted" if pivot else "Commit complete" if waits else "Block Commit started"
    shell.done(done)


@command("blockcopy")
@domain()
@disk
@data("dest", required=False, help="File to copy to.")
@click.option("--xml", metavar="FILE", help="File with the <disk> to copy to, instead of dest.")
@click.option("--format", metavar="FORMAT", help="Format of dest: raw, qcow2, ...")
@flag("blockdev", "dest is a block device.")
@limit
@in_bytes
@flag("shallow", "Copy the active image only.")
@flag("reuse-external", "Fill a file that exists.")
@flag("transient-job", "Allow it for a persistent domain: the job is lost when the domain stops.")
@flag("synchronous-writes", "The guest waits until both images have its writes.")
@click.option("--granularity", type=size_bytes, default="0", metavar="SIZE", help="Smallest piece to copy.")
@click.option("--buf-size", type=size_bytes, default="0", metavar="SIZE", help="Most data on its way.")
@flag("pivot", "Move the guest to the copy when it has caught up.")
@flag("print-xml", "Print the XML of the copy and do nothing.")
@flag("finish", "Stay on the old image when the copy has caught up; it is then a backup.")
@wait
@timeout
@verbose
def blockcopy(
    shell: Shell,
    domain: str,
    path: str,
    dest: str | None,
    xml: str | None,
    format: str | None,
    blockdev: bool,
    bytes: bool,
    transient_job: bool,
    buf_size: int,
    print_xml: bool,
    pivot: bool,
    finish: bool,
    wait: bool,
    timeout: float | None,
    verbose: bool,
    **options: Any,
) -> None:
    """The copy follows the guest's writes until it is pivoted to or finished; see blockjob."""
    exclusive("pivot", "finish")
    if (dest is None) == (xml is None):
        raise UsageFault("exactly one of <dest> and --xml")
    destination = read_file(xml).decode() if xml is not None else _destination(dest or "", format, blockdev)
    if print_xml:
        shell.data({"xml": destination}, destination)
        return
    waits = wait or pivot or finish or timeout is not None
    found = shell.domain(domain)
    shell.follow(
        "Block Copy",
        lambda job: found.block_copy(
            path,
            destination,
            transient=transient_job,
            buffer_size=buf_size,
            pivot=pivot,
            wait=waits,
            job=job,
            **options,
        ),
        timeout,
    )
    if finish:
        found.abort_block_job(path)
    done = "Successfully pivoted" if pivot else "Successfully copied" if finish else "Block Copy started"
    shell.done("Now in mirroring phase" if waits and not (pivot or finish) else done)


def _destination(dest: str, format: str | None, blockdev: bool) -> str:
    from xml.sax.saxutils import quoteattr

    kind, attribute = ("block", "dev") if blockdev else ("file", "file")
    driver = f"<driver type={quoteattr(format)}/>" if format else ""
    return f"<disk type='{kind}'><source {attribute}={quoteattr(dest)}/>{driver}</disk>"


@command("blockjob")
@domain()
@disk
@flag("abort", "End the job; the guest stays on its old image.")
@flag("pivot", "End the job; the guest moves to the new image.")
@flag("info", "Show how far it is; the default.")
@flag("async", "With --abort or --pivot: do not wait for the end.")
@flag("raw", "Figures only.")
@in_bytes
@click.option("--bandwidth", metavar="RATE", callback=bandwidth, help="Let it use so much each second: 10M.")
def blockjob(
    shell: Shell,
    domain: str,
    path: str,
    abort: bool,
    pivot: bool,
    info: bool,
    raw: bool,
    bytes: bool,
    bandwidth: int,
    **options: bool,
) -> None:
    """The job at work on a disk, if there is one."""
    found = shell.domain(domain)
    if abort or pivot:
        found.abort_block_job(path, pivot=pivot, wait=not options["async"])
        shell.done("")
        return
    if bandwidth:
        found.set_block_job_speed(path, bandwidth)
        shell.done("", bandwidth=bandwidth)
        return
    job = found.block_job(path)
    if job is None:
        shell.data(None, "" if raw else f"No current block job for {path}")
        return
    share = 100 * job.done / job.total if job.total else 0
    speed = f"    Bandwidth limit: {job.bandwidth} bytes/s" if job.bandwidth else ""
    figures = f" type={job.type}\n bandwidth={job.bandwidth}\n cur={job.done}\n end={job.total}"
    shell.data(job, figures if raw else f"{job.type}: [{share:3.0f} %]{speed}")
