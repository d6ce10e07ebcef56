"""Waiting for events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.output import as_json, plain, printable
from polyvisor.cli.parameters import complete_domain, exclusive, flag
from polyvisor.errors import ConnectionClosed
from polyvisor.operations.events import Event, EventKind

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.services.events import EventStream

KINDS = tuple(kind.value for kind in EventKind if kind is not EventKind.DROPPED)


@command("event")
@click.option("--domain", metavar="DOMAIN", shell_complete=complete_domain, help="Only events of this domain.")
@click.option("--event", "kind", type=click.Choice(KINDS), metavar="KIND", help="Only events of this kind; see --list.")
@flag("all", "Events of every kind; the default.")
@flag("loop", "Go on until the time is over or an interrupt; else one event is enough.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Wait so long at most.")
@flag("list", "List the kinds of events and wait for none.")
@flag("timestamp", "Print when each event happened.")
def event(
    shell: Shell,
    domain: str | None,
    kind: str | None,
    all: bool,
    loop: bool,
    timeout: float | None,
    list: bool,
    timestamp: bool,
) -> int | None:
    """With --json, each event is a JSON object on a line of its own."""
    exclusive("kind", "all")
    if list:
        shell.data(KINDS, "\n".join(KINDS))
        return None
    if not (kind or all):
        raise UsageFault("one of --list, --all or --event <KIND> is required")
    uuid = str(shell.domain(domain).uuid) if domain is not None else None
    kinds = {EventKind(kind), EventKind.DROPPED} if kind else None
    count = 0
    with shell.connection.events(kinds=kinds, domain=uuid) as stream:
        try:
            for happened in _arrivals(stream, timeout):
                shell.print(as_json(happened, indent=None) if shell.json else sentence(happened, timestamp))
                count += 1
                if not loop:
                    break
            else:
                shell.note("event loop timed out")
        except KeyboardInterrupt:
            shell.note("event loop interrupted")
    shell.note(f"events received: {count}")
    return None if count or loop else 1


def _arrivals(stream: EventStream, timeout: float | None) -> Iterator[Event]:
    """Events as they come, until ``timeout`` seconds are over or the connection is."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return
        try:
            happened = stream.get(timeout=left)
        except ConnectionClosed:
            return
        if happened is not None:
            yield happened


_WORDS = {value: value.capitalize() for value in ("defined", "undefined", "started", "suspended", "resumed", "stopped")}
_WORDS |= {"shutdown": "Shutdown", "pmsuspended": "PMSuspended", "crashed": "Crashed"}


def sentence(happened: Event, timestamp: bool) -> str:
    """An event as virsh prints it, ``event 'lifecycle' for domain 'web': Started Booted``, with its data behind."""
    when = datetime.fromtimestamp(happened.when).astimezone()
    begin = f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d}{when:%z}: " if timestamp else ""
    subject = f" for domain '{happened.domain.name}'" if happened.domain else ""
    words = [_WORDS.get(happened.event, happened.event), happened.detail.replace("-", " ").capitalize()]
    words += [f"{key}={value}" for key, value in plain(happened.data).items()]
    said = " ".join(word for word in words if word)
    return printable(f"{begin}event '{happened.kind}'{subject}{': ' if said else ''}{said}")
