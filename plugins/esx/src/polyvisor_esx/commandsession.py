"""What commands of this package share: a session of the driver's own on what the shell is connected to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from polyvisor.errors import ConnectFailed, InvalidArgument, ReadOnly
from polyvisor.spi import ConnectContext, Event
from polyvisor.uri import parse_uri
from polyvisor_esx.session import EsxSession, open_session


def _ignore(event: Event) -> None:
    """Nobody listens to the events of a command."""


@contextmanager
def opened(shell: Any) -> Iterator[EsxSession]:
    """A session of the driver's own on what the shell is connected to. Raises InvalidArgument where that is none."""
    uri = parse_uri(str(shell.connection.uri))
    if uri.scheme not in ("esx", "vpx"):
        raise InvalidArgument(f"{uri} is no connection to VMware", hint="name one: polyvisor -c esx://host/ esx ...")
    session = open_session(uri, ConnectContext(events=_ignore, read_only=shell.readonly, credentials=ask))
    try:
        yield session
    finally:
        session.close()


def ask(names: tuple[str, ...], prompt: str) -> dict[str, str]:
    """Ask on the terminal, and on nothing else."""
    if not sys.stdin.isatty():
        raise ConnectFailed(f"{prompt}: nobody is at the terminal", hint="set POLYVISOR_ESX_PASSWORD")
    click.echo(prompt, err=True)
    return {name: click.prompt(name, hide_input=name != "username", err=True) for name in names}


def require_changes(shell: Any, what: str) -> None:
    """Raise ReadOnly on a connection that changes nothing."""
    if shell.readonly:
        raise ReadOnly(f"the connection is read-only, and {what} changes something", hint="leave --readonly out")
