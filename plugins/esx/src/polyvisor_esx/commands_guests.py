"""``polyvisor esx clone|template|delete|ticket ...``: copies of guests, their files, their screens."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from polyvisor.errors import InvalidArgument
from polyvisor_esx.commandsession import complete_guest, opened, require_changes

DOMAIN = click.argument("domain", shell_complete=complete_guest)


@click.command("clone")
@DOMAIN
@click.argument("name")
@click.option("--template", is_flag=True, help="Make the copy a template.")
@click.option("--linked", is_flag=True, help="Share the disks of the guest's current snapshot.")
@click.option("--datastore", metavar="NAME", help="Where the files of the copy go; default: beside the guest's.")
@click.option("--host", metavar="HOST", help="The host of the copy, by name or path; default: the guest's.")
@click.pass_obj
def clone(
    shell: Any, domain: str, name: str, template: bool, linked: bool, datastore: str | None, host: str | None
) -> None:
    """Copy a guest under another NAME (CloneVM_Task); needs a vCenter."""
    from polyvisor_esx import clones

    require_changes(shell, "a copy")
    ref = shell.domain(domain).ref
    with opened(shell) as session:
        made = shell.follow(
            f"Copy of {ref.name}",
            lambda job: clones.clone(
                session, ref, name, job, template=template, linked=linked, datastore=datastore, host=host
            ),
        )
    facts = {"name": made.name, "uuid": str(made.uuid), "source": ref.name, "template": template, "linked": linked}
    shell.data(facts, f"Domain '{made.name}' cloned from '{ref.name}'")


@click.command("template")
@DOMAIN
@click.option("--on/--off", "wanted", default=None, help="Make it one, or a guest again; without, tell which it is.")
@click.pass_obj
def template(shell: Any, domain: str, wanted: bool | None) -> None:
    """Make a guest a template, which is copied and never started, or a guest again; needs a vCenter."""
    from polyvisor_esx import clones

    ref = shell.domain(domain).ref
    if wanted is not None:
        require_changes(shell, "a template")
    with opened(shell) as session:
        changed = wanted is not None and clones.set_template(session, ref, wanted)
        now = clones.is_template(session, ref)
    kind = "a template" if now else "no template"
    shell.data({"domain": ref.name, "template": now, "changed": changed}, f"Domain '{ref.name}' is {kind}")


@click.command("delete")
@DOMAIN
@click.option("--yes", "sure", is_flag=True, help="Delete; without, the files are only listed.")
@click.pass_obj
def delete(shell: Any, domain: str, sure: bool) -> None:
    """Undefine a guest that is off and delete ALL its files, disks and snapshots too (Destroy_Task)."""
    from polyvisor_esx import clones

    ref = shell.domain(domain).ref
    if sure:
        require_changes(shell, "deleting files")
    with opened(shell) as session:
        names = clones.files(session, ref)
        if sure:
            shell.follow(f"Deletion of {ref.name}", lambda job: clones.destroy_files(session, ref, job))
    done = "is gone, and with it" if sure else "would go, and with it (say --yes):"
    text = "\n".join([f"Domain '{ref.name}' {done}", *(f"  {name}" for name in names)])
    shell.data({"domain": ref.name, "files": names, "deleted": sure}, text)


@click.command("ticket")
@DOMAIN
@click.option("--kind", default="webmks", show_default=True, help="webmks (WebSocket) or mks.")
@click.pass_obj
def ticket(shell: Any, domain: str, kind: str) -> None:
    """Print where a guest's screen is (AcquireTicket). Who has the URL sees it and types: keep it to yourself."""
    from polyvisor_esx import tickets

    require_changes(shell, "typing on a guest's keyboard")
    if kind not in tickets.KINDS:
        raise InvalidArgument(f"there are no tickets of kind {kind!r}", hint=f"use {' or '.join(tickets.KINDS)}")
    ref = shell.domain(domain).ref
    with opened(shell) as session:
        given = tickets.acquire(session, ref, kind)
    shell.data({"domain": ref.name, **asdict(given)}, given.url)


COMMANDS = (clone, template, delete, ticket)
