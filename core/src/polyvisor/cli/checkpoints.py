"""Checkpoints of a domain's disks, and backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.output import listing
from polyvisor.cli.parameters import data, domain, exclusive, flag, read_file
from polyvisor.cli.snapshots import below, extent_of, print_rows
from polyvisor.cli.xpath import select
from polyvisor.errors import NoSuchCheckpoint

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.snapshots import Checkpoint

which = data("checkpointname", help="Name of the checkpoint.")
quiesce = flag("quiesce", "Have the guest's agent freeze its file systems for the moment.")


@command("checkpoint-create")
@domain()
@data("xmlfile", required=False, help="File with the <domaincheckpoint>; - is standard input.")
@flag("redefine", "Begin nothing: record a checkpoint whose bitmaps are in the images.")
@flag("redefine-validate", "With --redefine: verify that they are.")
@quiesce
def checkpoint_create(shell: Shell, domain: str, xmlfile: str | None, **options: bool) -> None:
    """From here on it is known which blocks change."""
    xml = "<domaincheckpoint/>" if xmlfile is None else read_file(xmlfile)
    made = shell.domain(domain).create_checkpoint(xml, **options)
    source = f" from '{xmlfile}'" if xmlfile else ""
    shell.done(f"Domain checkpoint {made.name} created{source}", name=made.name)


@command("checkpoint-create-as")
@domain()
@data("name", required=False, help="Its name; default: seconds since the epoch.")
@data("description", required=False, help="What it is good for.")
@flag("print-xml", "Print the XML and begin nothing.")
@data("diskspec", rest=True, required=False, help="DISK[,checkpoint=TYPE][,bitmap=NAME]: a disk.")
@quiesce
def checkpoint_create_as(
    shell: Shell,
    domain: str,
    name: str | None,
    description: str | None,
    print_xml: bool,
    diskspec: tuple[str, ...],
    quiesce: bool,
) -> None:
    """For what these options cannot say, write the XML and use checkpoint-create."""
    from polyvisor.cli.snapshotxml import checkpoint_xml

    xml = checkpoint_xml(name, description, diskspec)
    if print_xml:
        shell.data({"xml": xml}, xml)
        return
    made = shell.domain(domain).create_checkpoint(xml, quiesce=quiesce)
    shell.done(f"Domain checkpoint {made.name} created", name=made.name)


@command("checkpoint-delete")
@domain()
@which
@flag("children", "And all that follow it.")
@flag("children-only", "All that follow it, but not it.")
@flag("metadata", "Forget the record only; the bitmaps stay.")
def checkpoint_delete(
    shell: Shell,
    domain: str,
    checkpointname: str,
    children: bool,
    children_only: bool,
    metadata: bool,
) -> None:
    """What it tracked counts to the one before it."""
    exclusive("children", "children-only")
    checkpoint = shell.domain(domain).checkpoint(checkpointname)
    checkpoint.delete(extent=extent_of(children, children_only), metadata_only=metadata)
    what = f"{checkpoint.name} children" if children_only else checkpoint.name
    shell.done(f"Domain checkpoint {what} deleted", name=checkpoint.name)


@command("checkpoint-dumpxml")
@domain()
@which
@flag("security-info", "Passwords, too.")
@flag("no-domain", "Without the domain's document.")
@flag("size", "With the bytes that changed since, for each disk.")
@data("xpath", required=False, help="Print only what this XPath expression selects.")
@flag("wrap", "Put what --xpath selects into one element <nodes>.")
def checkpoint_dumpxml(
    shell: Shell,
    domain: str,
    checkpointname: str,
    security_info: bool,
    no_domain: bool,
    size: bool,
    xpath: str | None,
    wrap: bool,
) -> None:
    """The <domaincheckpoint>."""
    checkpoint = shell.domain(domain).checkpoint(checkpointname)
    xml = checkpoint.xml(secure=security_info, with_domain=not no_domain, size=size)
    text = select(xml, xpath, wrap=wrap) if xpath is not None else xml
    shell.data({"xml": text}, text.rstrip("\n"))


@command("checkpoint-edit")
@domain()
@which
def checkpoint_edit(shell: Shell, domain: str, checkpointname: str) -> None:
    """Only the record changes."""
    from polyvisor.cli.editing import edit_until

    found = shell.domain(domain)
    checkpoint = found.checkpoint(checkpointname)

    def accept(edited: str) -> Checkpoint:
        return found.create_checkpoint(edited, redefine=True)

    changed = edit_until(checkpoint.xml(secure=True), accept)
    how = "XML configuration not changed." if changed is None else "edited."
    shell.done(f"Checkpoint {checkpoint.name} {how}", changed=changed is not None)


@command("checkpoint-info")
@domain()
@which
def checkpoint_info(shell: Shell, domain: str, checkpointname: str) -> None:
    """Its place in the tree."""
    found = shell.domain(domain)
    checkpoint = found.checkpoint(checkpointname)
    rows = {row.name: row for row in found.list_checkpoints()}
    row = rows[checkpoint.name]
    facts = {
        "Name": row.name,
        "Domain": found.name,
        "Parent": row.parent or "-",
        "Children": row.children,
        "Descendants": len(below(rows.values(), row.name, deep=True)),
    }
    shell.data(row, listing(facts, margin=15))


@command("checkpoint-list")
@domain()
@flag("parent", "A column with the parent.")
@flag("roots", "Only those without a parent.")
@flag("leaves", "Only those without children.")
@flag("no-leaves", "Only those with children.")
@flag("tree", "Draw the tree.")
@click.option("--from", "origin", metavar="NAME", help="Only those that follow this one.")
@flag("descendants", "With --from: those that follow them, too.")
@flag("name", "Names only.")
@flag("topological", "Parents before their children, not by name.")
def checkpoint_list(
    shell: Shell,
    domain: str,
    parent: bool,
    roots: bool,
    leaves: bool,
    no_leaves: bool,
    tree: bool,
    origin: str | None,
    descendants: bool,
    name: bool,
    topological: bool,
) -> None:
    """Options that choose add up."""
    exclusive("tree", "name")
    found = shell.domain(domain)
    rows = found.list_checkpoints()
    if origin is not None:
        top = found.checkpoint(origin).name
        rows = [row for row in rows if tree and row.name == top] + below(rows, top, deep=descendants or tree)
    rows = [
        row
        for row in rows
        if not ((roots and row.parent) or (leaves and row.children) or (no_leaves and not row.children))
    ]
    if not topological:
        rows.sort(key=lambda row: row.name)
    print_rows(shell, rows, as_tree=tree, names=name, parent=parent, state=False)


@command("checkpoint-parent")
@domain()
@which
def checkpoint_parent(shell: Shell, domain: str, checkpointname: str) -> None:
    """The one before it."""
    checkpoint = shell.domain(domain).checkpoint(checkpointname)
    parent = checkpoint.parent()
    if parent is None:
        raise NoSuchCheckpoint(f"checkpoint {checkpoint.name!r} has no parent")
    shell.data({"name": parent.name}, parent.name)


@command("backup-begin")
@domain()
@data("backupxml", required=False, help="File with the <domainbackup>; default: push every disk beside itself.")
@data("checkpointxml", required=False, help="File with a <domaincheckpoint> to begin at the same moment.")
@flag("reuse-external", "Use files that exist.")
@flag("preserve-on-shutdown", "Keep a domain that shuts down until the backup has ended.")
def backup_begin(
    shell: Shell,
    domain: str,
    backupxml: str | None,
    checkpointxml: str | None,
    reuse_external: bool,
    preserve_on_shutdown: bool,
) -> None:
    """Returns when it has begun; domjobinfo shows how far it is, domjobabort ends it."""
    shell.domain(domain).begin_backup(
        "<domainbackup/>" if backupxml is None else read_file(backupxml),
        checkpoint=None if checkpointxml is None else read_file(checkpointxml),
        reuse_external=reuse_external,
        preserve_on_shutdown=preserve_on_shutdown,
        wait=False,
    )
    shell.done("Backup started")


@command("backup-dumpxml")
@domain()
@data("xpath", required=False, help="Print only what this XPath expression selects.")
@flag("wrap", "Put what --xpath selects into one element <nodes>.")
def backup_dumpxml(shell: Shell, domain: str, xpath: str | None, wrap: bool) -> None:
    """The <domainbackup> at work, with the ports and targets that were chosen."""
    xml = shell.domain(domain).backup_config()
    text = select(xml, xpath, wrap=wrap) if xpath is not None else xml
    shell.data({"xml": text}, text.rstrip("\n"))
