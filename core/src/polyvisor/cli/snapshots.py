"""Snapshots of a domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.output import listing, yes
from polyvisor.cli.parameters import data, domain, exclusive, flag, read_file
from polyvisor.cli.xpath import select
from polyvisor.errors import NoSuchSnapshot
from polyvisor.operations.snapshots import SnapshotExtent, SnapshotRow, SnapshotState

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain
    from polyvisor.objects.snapshots import Snapshot

OPTIONS = {
    "no-metadata": "Keep no record; only what it does to the disks stays.",
    "halt": "Stop the domain once it is taken.",
    "disk-only": "Of the disks only, not of memory.",
    "reuse-external": "Use files that exist.",
    "quiesce": "Have the guest's agent freeze its file systems for the moment.",
    "atomic": "All disks or none.",
    "live": "Keep the guest running while memory is saved.",
    "validate": "For virsh's sake: documents are always validated.",
}


def creation(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that both ways to take a snapshot have."""
    for name, help in reversed(OPTIONS.items()):
        function = flag(name, help)(function)
    return function


def _take(shell: Shell, domain: str, xml: str | bytes, no_metadata: bool, options: dict[str, bool]) -> str:
    options.pop("validate")
    found = shell.domain(domain)
    taken = shell.follow(
        "Snapshot", lambda job: found.create_snapshot(xml, metadata=not no_metadata, job=job, **options)
    )
    return str(taken.name)


@command("snapshot-create")
@domain()
@data("xmlfile", required=False, help="File with the <domainsnapshot>; - is standard input.")
@flag("redefine", "Take nothing: record a snapshot that exists.")
@flag("current", "With --redefine: make it the current one.")
@creation
def snapshot_create(shell: Shell, domain: str, xmlfile: str | None, no_metadata: bool, **options: bool) -> None:
    """It becomes the current snapshot, and the parent of the next one."""
    xml = "<domainsnapshot/>" if xmlfile is None else read_file(xmlfile)
    name = _take(shell, domain, xml, no_metadata, options)
    source = f" from '{xmlfile}'" if xmlfile else ""
    shell.done(f"Domain snapshot {name} created{source}", name=name)


@command("snapshot-create-as")
@domain()
@data("name", required=False, help="Its name; default: seconds since the epoch.")
@data("description", required=False, help="What it is good for.")
@flag("print-xml", "Print the XML and take nothing.")
@click.option("--memspec", metavar="[file=]NAME[,snapshot=TYPE]", help="Where memory goes.")
@data(
    "diskspec", rest=True, required=False, help="DISK[,snapshot=TYPE][,driver=TYPE][,stype=TYPE][,file=NAME]: a disk."
)
@creation
def snapshot_create_as(
    shell: Shell,
    domain: str,
    name: str | None,
    description: str | None,
    print_xml: bool,
    memspec: str | None,
    diskspec: tuple[str, ...],
    no_metadata: bool,
    **options: bool,
) -> None:
    """For what these options cannot say, write the XML and use snapshot-create."""
    from polyvisor.cli.snapshotxml import snapshot_xml

    xml = snapshot_xml(name, description, memspec, diskspec)
    if print_xml:
        shell.data({"xml": xml}, xml)
        return
    taken = _take(shell, domain, xml, no_metadata, options)
    shell.done(f"Domain snapshot {taken} created", name=taken)


# -- which one --------------------------------------------------------------------------------------------------

which = data("snapshotname", required=False, help="Name of the snapshot.")
or_current = flag("current", "The current one.")


def chosen(found: Domain, name: str | None, current: bool) -> Snapshot:
    """The snapshot that the words mean. Raises NoSuchSnapshot, or a usage error for none or two."""
    if current == (name is not None):
        raise UsageFault("exactly one of <snapshotname> and --current")
    if name is not None:
        return found.snapshot(name)
    if (snapshot := found.current_snapshot()) is None:
        raise NoSuchSnapshot(f"domain {found.name!r} has no current snapshot")
    return snapshot


@command("snapshot-revert")
@domain()
@which
@or_current
@flag("running", "Leave the guest running, whatever was recorded.")
@flag("paused", "Leave the guest paused, whatever was recorded.")
@flag("force", "Allow what is risky: a new process for a running guest, a snapshot without a document.")
@flag("reset-nvram", "Start from the firmware's template of variables.")
def snapshot_revert(
    shell: Shell,
    domain: str,
    snapshotname: str | None,
    current: bool,
    running: bool,
    paused: bool,
    force: bool,
    reset_nvram: bool,
) -> None:
    """What came after it is lost, unless another snapshot holds it."""
    exclusive("running", "paused")
    snapshot = chosen(shell.domain(domain), snapshotname, current)
    state = True if paused else False if running else None
    shell.follow("Revert", lambda job: snapshot.revert(paused=state, force=force, reset_nvram=reset_nvram, job=job))
    shell.done(f"Domain snapshot {snapshot.name} reverted", name=snapshot.name)


@command("snapshot-delete")
@domain()
@which
@or_current
@flag("children", "And all that were taken on top of it.")
@flag("children-only", "All that were taken on top of it, but not it.")
@flag("metadata", "Forget the record only; the disks' state stays.")
def snapshot_delete(
    shell: Shell,
    domain: str,
    snapshotname: str | None,
    current: bool,
    children: bool,
    children_only: bool,
    metadata: bool,
) -> None:
    """The domain's present state stays."""
    exclusive("children", "children-only")
    snapshot = chosen(shell.domain(domain), snapshotname, current)
    extent = extent_of(children, children_only)
    shell.follow("Delete", lambda job: snapshot.delete(extent=extent, metadata_only=metadata, job=job))
    what = f"{snapshot.name} children" if children_only else snapshot.name
    shell.done(f"Domain snapshot {what} deleted", name=snapshot.name)


def extent_of(children: bool, children_only: bool) -> SnapshotExtent:
    """How much of a tree two options mean."""
    return SnapshotExtent.CHILDREN if children_only else SnapshotExtent.SUBTREE if children else SnapshotExtent.ONE


@command("snapshot-dumpxml")
@domain()
@data("snapshotname", help="Name of the snapshot.")
@flag("security-info", "Passwords, too.")
@data("xpath", required=False, help="Print only what this XPath expression selects.")
@flag("wrap", "Put what --xpath selects into one element <nodes>.")
def snapshot_dumpxml(
    shell: Shell, domain: str, snapshotname: str, security_info: bool, xpath: str | None, wrap: bool
) -> None:
    """The <domainsnapshot>, with the domain's configuration at that time."""
    xml = shell.domain(domain).snapshot(snapshotname).xml(secure=security_info)
    text = select(xml, xpath, wrap=wrap) if xpath is not None else xml
    shell.data({"xml": text}, text.rstrip("\n"))


@command("snapshot-edit")
@domain()
@which
@or_current
@flag("rename", "Allow another name in the XML: the snapshot is recorded under it instead.")
@flag("clone", "Allow another name in the XML: the snapshot is recorded under it as well.")
def snapshot_edit(
    shell: Shell,
    domain: str,
    snapshotname: str | None,
    current: bool,
    rename: bool,
    clone: bool,
) -> None:
    """Only the record changes, not what was saved."""
    from polyvisor.cli.editing import edit_until

    exclusive("rename", "clone")
    found = shell.domain(domain)
    snapshot = chosen(found, snapshotname, current)
    standing = found.current_snapshot()
    is_current = standing is not None and standing.name == snapshot.name

    def accept(edited: str) -> Snapshot:
        new = select(edited, "string(/domainsnapshot/name)")
        if new != snapshot.name and not (rename or clone):
            from polyvisor.errors import InvalidArgument

            raise InvalidArgument("the name was changed", hint="use --rename or --clone, or leave the name")
        return found.create_snapshot(edited, redefine=True, current=is_current)

    changed = edit_until(snapshot.xml(secure=True), accept)
    if changed is None:
        shell.done(f"Snapshot {snapshot.name} XML configuration not changed.", changed=False)
        return
    if rename and changed.name != snapshot.name:
        snapshot.delete(metadata_only=True)
    shell.done(f"Snapshot {changed.name} edited.", changed=True, name=changed.name)


@command("snapshot-current")
@domain()
@data("snapshotname", required=False, help="Make this one the current one.")
@flag("name", "Show its name instead of its XML.")
@flag("security-info", "Passwords, too.")
def snapshot_current(shell: Shell, domain: str, snapshotname: str | None, name: bool, security_info: bool) -> None:
    """The one that the present state comes from."""
    found = shell.domain(domain)
    if snapshotname is not None:
        xml = found.snapshot(snapshotname).xml(secure=True)
        found.create_snapshot(xml, redefine=True, current=True)
        shell.done(f"Snapshot {snapshotname} set as current", name=snapshotname)
        return
    snapshot = chosen(found, None, True)
    if name:
        shell.data({"name": snapshot.name}, snapshot.name)
    else:
        xml = snapshot.xml(secure=security_info)
        shell.data({"name": snapshot.name, "xml": xml}, xml.rstrip("\n"))


@command("snapshot-parent")
@domain()
@which
@or_current
def snapshot_parent(shell: Shell, domain: str, snapshotname: str | None, current: bool) -> None:
    """The one it was taken on top of."""
    snapshot = chosen(shell.domain(domain), snapshotname, current)
    parent = snapshot.parent()
    if parent is None:
        raise NoSuchSnapshot(f"snapshot {snapshot.name!r} has no parent")
    shell.data({"name": parent.name}, parent.name)


@command("snapshot-info")
@domain()
@which
@or_current
def snapshot_info(shell: Shell, domain: str, snapshotname: str | None, current: bool) -> None:
    """Its state, its place in the tree, and where the data is."""
    found = shell.domain(domain)
    snapshot = chosen(found, snapshotname, current)
    rows = {row.name: row for row in found.list_snapshots()}
    row = rows[snapshot.name]
    facts = {
        "Name": row.name,
        "Domain": found.name,
        "Current": yes(row.current),
        "State": row.state.value,
        "Location": "external" if row.external else "internal",
        "Parent": row.parent or "-",
        "Children": row.children,
        "Descendants": len(below(rows.values(), row.name, deep=True)),
        "Metadata": yes(row.metadata),
    }
    shell.data(row, listing(facts, margin=15))


# -- lists and trees ----------------------------------------------------------------------------------------------


def below(rows: Iterable[Any], name: str, *, deep: bool) -> list[Any]:
    """The rows whose parent is ``name``, or with ``deep`` all below it."""
    rows = list(rows)
    found = [row for row in rows if row.parent == name]
    return found + [row for child in found for row in below(rows, child.name, deep=True)] if deep else found


def tree(rows: Iterable[Any]) -> str:
    """Rows with ``name`` and ``parent`` drawn as virsh draws them."""
    rows = list(rows)
    names = {row.name for row in rows}
    roots = [row for row in rows if row.parent not in names]
    return "\n\n".join("\n".join([root.name, *_branches(rows, root.name, "")]) for root in roots)


def _branches(rows: list[Any], parent: str, indent: str) -> list[str]:
    children = below(rows, parent, deep=False)
    lines = [f"{indent}  |"] if children else []
    for child in children:
        lines.append(f"{indent}  +- {child.name}")
        lines += _branches(rows, child.name, indent + ("    " if child is children[-1] else "  | "))
    return lines


def moment(seconds: int) -> str:
    """A time as virsh's tables have it, in the local zone."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S %z}"


_ACTIVE = {SnapshotState.RUNNING, SnapshotState.PAUSED, SnapshotState.BLOCKED, SnapshotState.SHUTDOWN}
_FILTERS: dict[str, Callable[[SnapshotRow], bool]] = {
    "roots": lambda row: row.parent is None,
    "leaves": lambda row: row.children == 0,
    "no_leaves": lambda row: row.children > 0,
    "metadata": lambda row: row.metadata,
    "no_metadata": lambda row: not row.metadata,
    "internal": lambda row: not row.external,
    "external": lambda row: row.external,
}
_STATES: dict[str, Callable[[SnapshotRow], bool]] = {
    "inactive": lambda row: row.state is SnapshotState.SHUT_OFF,
    "active": lambda row: row.state in _ACTIVE,
    "disk_only": lambda row: row.state is SnapshotState.DISK,
}
"""Those that were given widen the choice; each of the others narrows it."""


@command("snapshot-list")
@domain()
@flag("parent", "A column with the parent.")
@flag("roots", "Only those without a parent.")
@flag("leaves", "Only those without children.")
@flag("no-leaves", "Only those with children.")
@flag("metadata", "Only those that a record is kept of.")
@flag("no-metadata", "Only those that no record is kept of.")
@flag("inactive", "Only those taken while the domain was off.")
@flag("active", "Only those taken while the domain ran.")
@flag("disk-only", "Only those of disks alone.")
@flag("internal", "Only those inside the disks' images.")
@flag("external", "Only those in files of their own.")
@flag("tree", "Draw the tree.")
@click.option("--from", "origin", metavar="NAME", help="Only those taken on top of this one.")
@flag("current", "Only those taken on top of the current one.")
@flag("descendants", "With --from or --current: on top of those, too.")
@flag("name", "Names only.")
@flag("topological", "Parents before their children, not by name.")
def snapshot_list(
    shell: Shell,
    domain: str,
    parent: bool,
    tree: bool,
    origin: str | None,
    current: bool,
    descendants: bool,
    name: bool,
    topological: bool,
    **filters: bool,
) -> None:
    """Options that choose add up."""
    exclusive("tree", "name")
    found = shell.domain(domain)
    rows = found.list_snapshots()
    if origin is not None or current:
        top = chosen(found, origin, current).name
        rows = [row for row in rows if tree and row.name == top] + below(rows, top, deep=descendants or tree)
    rows = [row for row in rows if _kept(row, filters)]
    if not topological:
        rows.sort(key=lambda row: row.name)
    print_rows(shell, rows, as_tree=tree, names=name, parent=parent, state=True)


def _kept(row: SnapshotRow, filters: dict[str, bool]) -> bool:
    states = [test for option, test in _STATES.items() if filters[option]]
    return all(test(row) for option, test in _FILTERS.items() if filters[option]) and (
        not states or any(test(row) for test in states)
    )


def print_rows(shell: Shell, rows: list[Any], *, as_tree: bool, names: bool, parent: bool, state: bool) -> None:
    """Snapshots or checkpoints as a tree, as names, or as a table."""
    if shell.json:
        shell.data(rows, "")
    elif as_tree or names:
        text = tree(rows) if as_tree else "\n".join(row.name for row in rows)
        if text:
            shell.print(text)
    else:
        heads = ["Name", "Creation Time", *(["State"] if state else []), *(["Parent"] if parent else [])]
        lines = []
        for row in rows:
            line = [row.name, moment(row.created)]
            line += [row.state.value] if state else []
            lines.append([*line, row.parent or ""] if parent else line)
        shell.table(heads, lines)
