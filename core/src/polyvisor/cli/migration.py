"""Moving domains to other hosts."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import data, domain, exclusive, flag, given, numbers, read_file, texts
from polyvisor.operations.migration import MigrationPlan
from polyvisor.units import format_size

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

_RENAMED = {
    "persistent": "persist",
    "undefinesource": "undefine_source",
    "suspend": "paused",
    "copy_storage_synchronous_writes": "disk_synchronous_writes",
    "postcopy": "post_copy",
    "postcopy_resume": "post_copy_resume",
    "rdma_pin_all": "pin_memory",
    "zerocopy": "zero_copy",
    "migrateuri": "uri",
    "dname": "name",
    "parallel_connections": "connections",
}
"""Options of virsh's that the plan has by other names."""

_OF_ONE_HYPERVISOR = (
    "graphicsuri",
    "comp_mt_level",
    "comp_mt_threads",
    "comp_mt_dthreads",
    "comp_xbzrle_cache",
    "auto_converge_initial",
    "auto_converge_increment",
    "change_protection",
    "postcopy_after_precopy",
)
"""Options that the plan hands on by virsh's name; a driver refuses those it does not know."""


@command("migrate")
@domain()
@data("desturi", help="Connection URI of the destination, as the source host would open it.")
@flag("live", "For virsh's sake: a running domain always migrates live, unless --offline.")
@flag("p2p", "For virsh's sake: the source's hypervisor always leads.")
@flag("direct", "For virsh's sake: the source's hypervisor always leads.")
@flag("offline", "Move the configuration of a domain that is off.")
@flag("persistent", "Define it on the destination.")
@flag("undefinesource", "Undefine it on the source when it has gone.")
@flag("suspend", "Leave it paused on the destination.")
@flag("copy-storage-all", "Copy the disks, whole.")
@flag("copy-storage-inc", "Copy the topmost image of each disk; the others are there.")
@flag("copy-storage-synchronous-writes", "The guest waits until both sides have its writes.")
@flag("change-protection", "Refuse changes to the domain until it has gone.")
@flag("unsafe", "Even if caches of disks may be stale on the destination.")
@flag("verbose", "For virsh's sake: a terminal always sees the progress.")
@flag("compressed", "Compress pages that are sent again.")
@flag("auto-converge", "Slow the guest down if it changes memory faster than it is sent.")
@flag("rdma-pin-all", "Lock all memory for RDMA before the start.")
@flag("abort-on-error", "Give up when the guest meets an I/O error.")
@flag("postcopy", "Allow migrate-postcopy.")
@flag("postcopy-after-precopy", "Switch to post-copy after one pass.")
@flag("postcopy-resume", "Go on with a post-copy migration that was interrupted.")
@flag("zerocopy", "Send memory without copying it in the kernel.")
@flag("tls", "Encrypt what the hypervisors send each other.")
@flag("parallel", "Send memory over several connections: two, or --parallel-connections.")
@texts(
    {
        "migrateuri": "Where the destination listens for the guest; default: it chooses.",
        "graphicsuri": "Where the guest's display is on the destination.",
        "listen-address": "Address that the destination binds.",
        "dname": "Name on the destination.",
        "xml": "File with XML for the destination.",
        "persistent-xml": "File with XML to define on the destination.",
        "migrate-disks": "Targets of the disks to copy, separated by commas.",
        "disks-uri": "Where the destination listens for disks.",
        "comp-methods": "Methods to compress memory with, separated by commas.",
        "tls-destination": "Name to expect in the destination's certificate.",
    }
)
@numbers(
    {
        "disks-port": "Port on which the destination listens for disks.",
        "comp-mt-level": "Level of multithreaded compression.",
        "comp-mt-threads": "Threads that compress.",
        "comp-mt-dthreads": "Threads that decompress.",
        "comp-xbzrle-cache": "Cache for compression, in bytes.",
        "auto-converge-initial": "How much to slow the guest down at first, in percent.",
        "auto-converge-increment": "How much more each time, in percent.",
        "parallel-connections": "How many connections.",
        "bandwidth": "MiB per second at most.",
        "postcopy-bandwidth": "MiB per second at most, after the switch to post-copy.",
    },
    type=click.IntRange(min=0),
)
def migrate(
    shell: Shell, domain: str, desturi: str, live: bool, p2p: bool, direct: bool, verbose: bool, **options: Any
) -> None:
    """The source's hypervisor reaches the destination by itself. If it fails, or is interrupted, the domain runs on
    where it was, unless it had switched to post-copy."""
    exclusive("copy-storage-all", "copy-storage-inc")
    plan = plan_of(options)
    found = shell.domain(domain)
    shell.follow("Migration", lambda job: found.migrate(desturi, plan=plan, job=job))
    shell.done(f"Domain '{found.name}' migrated to {desturi}", name=plan.name or found.name, uuid=found.uuid)


def plan_of(options: dict[str, Any]) -> MigrationPlan:
    """The plan that virsh's options mean."""
    wanted = {_RENAMED.get(name, name): value for name, value in given(options).items()}
    if wanted.pop("copy_storage_all"):
        wanted["copy_storage"] = "all"
    if wanted.pop("copy_storage_inc"):
        wanted["copy_storage"] = "incremental"
    if wanted.pop("parallel"):
        wanted.setdefault("connections", 2)
    for name, field in (("bandwidth", "bandwidth"), ("postcopy_bandwidth", "post_copy_bandwidth")):
        if name in wanted:
            wanted[field] = wanted.pop(name) * 2**20
    wanted["compression"] = tuple(filter(None, wanted.pop("comp_methods", "").split(",")))
    if wanted.pop("compressed") and not wanted["compression"]:
        wanted["compression"] = ("xbzrle",)
    wanted["disks"] = tuple(filter(None, wanted.pop("migrate_disks", "").split(",")))
    for name in ("xml", "persistent_xml"):
        if name in wanted:
            wanted[name] = read_file(wanted[name]).decode()
    special = {name: wanted.pop(name) for name in _OF_ONE_HYPERVISOR if name in wanted}
    assert wanted.keys() <= {field.name for field in fields(MigrationPlan)}
    return MigrationPlan(**wanted, options={name: value for name, value in special.items() if value is not False})


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
