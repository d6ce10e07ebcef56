"""``polyvisor esx ...``: what only VMware has. Brought by the entry-point group ``polyvisor.commands``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from polyvisor.errors import HostError, InvalidArgument, UnsupportedConfiguration
from polyvisor_esx import commands_guests, commands_networks, commands_storage
from polyvisor_esx.commandsession import complete_guest, opened, require_changes


@click.group()
def esx() -> None:
    """What only VMware has: questions, copies, templates, tickets; datastores and files; networks, cards, devices."""


for command in (*commands_guests.COMMANDS, *commands_storage.COMMANDS, *commands_networks.COMMANDS):
    esx.add_command(command)


@esx.command("questions")
@click.option(
    "--answer", "domain", metavar="DOMAIN", shell_complete=complete_guest, help="Answer what this guest asks."
)
@click.option("--choice", metavar="ANSWER", help="The answer, by key or words; VMware's suggestion by default.")
@click.pass_obj
def questions(shell: Any, domain: str | None, choice: str | None) -> None:
    """List what guests wait to be told, or answer one of them."""
    from polyvisor_esx import questions as asking

    if domain is None and choice is not None:
        raise InvalidArgument("an answer is for a guest", hint="name it with --answer DOMAIN")
    if domain is not None:
        require_changes(shell, "an answer")
        ref = shell.domain(domain).ref
        with opened(shell) as session:
            answered = asking.answer(session, ref, choice)
        given = answered.answers[answered.choose(choice)]
        shell.data({"domain": ref.name, "answer": given}, f"Domain '{ref.name}' was told: {given}")
        return
    with opened(shell) as session:
        found = asking.pending(session)
    rows = [(each.domain.name, each.text, _choices(each)) for each in found]
    data = [
        {"domain": each.domain.name, "question": each.text, "answers": each.answers, "suggested": each.suggested}
        for each in found
    ]
    shell.table(("Domain", "Question", "Answers"), rows, data=data)


def _choices(question: Any) -> str:
    """The answers, the suggested one marked."""
    return ", ".join(
        f"{key}: {words}{' (suggested)' if key == question.suggested else ''}"
        for key, words in question.answers.items()
    )


@esx.command("consolidate")
@click.argument("domain", shell_complete=complete_guest)
@click.pass_obj
def consolidate(shell: Any, domain: str) -> None:
    """Join the images that deleted snapshots have left behind (ConsolidateVMDisks_Task)."""
    require_changes(shell, "joining images")
    ref = shell.domain(domain).ref
    with opened(shell) as session:
        session.wait(session.vm(ref).ConsolidateVMDisks_Task())
    shell.data({"domain": ref.name}, f"The disks of domain '{ref.name}' are consolidated")


@esx.command("dumpall")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def dump_all(shell: Any, directory: Path) -> None:
    """Save the document of every guest as DIRECTORY/UUID.xml, in few requests, however many guests there are.

    Guests that no document can be made of are named, and the others are saved."""
    from polyvisor.documents import write
    from polyvisor_esx import documents

    count, failures = 0, []
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with opened(shell) as session:
            for ref, config in documents.every(session, failed=lambda ref, error: failures.append((ref, error))):
                (directory / f"{ref.uuid}.xml").write_text(write(config), encoding="utf-8")
                count += 1
    except OSError as error:
        raise HostError(f"{directory} cannot be written: {error}") from error
    if failures:
        named = "; ".join(f"{ref}: {error}" for ref, error in failures)
        raise UnsupportedConfiguration(
            f"{count} documents saved in {directory}, but not of {len(failures)} guests: {named}",
            driver="esx",
            details={"saved": count, "failed": {str(ref.uuid): str(error) for ref, error in failures}},
        )
    shell.data({"directory": str(directory), "domains": count}, f"{count} documents saved in {directory}")
