"""``polyvisor esx ...``: what only VMware has. Brought by the entry-point group ``polyvisor.commands``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from polyvisor.errors import ConnectFailed, HostError, InvalidArgument, ReadOnly
from polyvisor.spi import ConnectContext, Event
from polyvisor.uri import parse_uri
from polyvisor_esx.session import EsxSession, open_session


@click.group()
def esx() -> None:
    """Answer what guests ask, consolidate their disks, save the documents of all of them."""


def _ignore(event: Event) -> None:
    """Nobody listens to the events of a command."""


@contextmanager
def _session(shell: Any) -> Iterator[EsxSession]:
    """A session of the driver's own on what the shell is connected to. Raises InvalidArgument where that is none."""
    uri = parse_uri(str(shell.connection.uri))
    if uri.scheme not in ("esx", "vpx"):
        raise InvalidArgument(f"{uri} is no connection to VMware", hint="name one: polyvisor -c esx://host/ esx ...")
    session = open_session(uri, ConnectContext(events=_ignore, read_only=shell.readonly, credentials=_ask))
    try:
        yield session
    finally:
        session.close()


def _ask(names: tuple[str, ...], prompt: str) -> dict[str, str]:
    """Ask on the terminal, and on nothing else."""
    if not sys.stdin.isatty():
        raise ConnectFailed(f"{prompt}: nobody is at the terminal", hint="set POLYVISOR_ESX_PASSWORD")
    click.echo(prompt, err=True)
    return {name: click.prompt(name, hide_input=name != "username", err=True) for name in names}


def _require_changes(shell: Any, what: str) -> None:
    if shell.readonly:
        raise ReadOnly(f"the connection is read-only, and {what} changes something", hint="leave --readonly out")


@esx.command("questions")
@click.option("--answer", "domain", metavar="DOMAIN", help="Answer what this guest asks.")
@click.option("--choice", metavar="ANSWER", help="The answer, by key or words; VMware's suggestion by default.")
@click.pass_obj
def questions(shell: Any, domain: str | None, choice: str | None) -> None:
    """List what guests wait to be told, or answer one of them."""
    from polyvisor_esx import questions as asking

    if domain is None and choice is not None:
        raise InvalidArgument("an answer is for a guest", hint="name it with --answer DOMAIN")
    if domain is not None:
        _require_changes(shell, "an answer")
        ref = shell.domain(domain).ref
        with _session(shell) as session:
            answered = asking.answer(session, ref, choice)
        given = answered.answers[answered.choose(choice)]
        shell.data({"domain": ref.name, "answer": given}, f"Domain '{ref.name}' was told: {given}")
        return
    with _session(shell) as session:
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
@click.argument("domain")
@click.pass_obj
def consolidate(shell: Any, domain: str) -> None:
    """Join the images that deleted snapshots have left behind (ConsolidateVMDisks_Task)."""
    _require_changes(shell, "joining images")
    ref = shell.domain(domain).ref
    with _session(shell) as session:
        session.wait(session.vm(ref).ConsolidateVMDisks_Task())
    shell.data({"domain": ref.name}, f"The disks of domain '{ref.name}' are consolidated")


@esx.command("dumpall")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def dump_all(shell: Any, directory: Path) -> None:
    """Save the document of every guest as DIRECTORY/UUID.xml; two requests, however many guests there are."""
    from polyvisor.documents import write
    from polyvisor_esx import documents

    count = 0
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _session(shell) as session:
            for ref, config in documents.every(session):
                (directory / f"{ref.uuid}.xml").write_text(write(config), encoding="utf-8")
                count += 1
    except OSError as error:
        raise HostError(f"{directory} cannot be written: {error}") from error
    shell.data({"directory": str(directory), "domains": count}, f"{count} documents saved in {directory}")
