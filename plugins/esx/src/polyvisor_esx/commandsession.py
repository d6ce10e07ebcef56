"""What commands of this package share: a session of the driver's own on what the shell is connected to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from polyvisor.errors import ConnectFailed, InvalidArgument, PolyvisorError, ReadOnly
from polyvisor.spi import ConnectContext, Event
from polyvisor.uri import parse_uri
from polyvisor_esx.session import EsxSession, open_session

if TYPE_CHECKING:
    from polyvisor.documents import Element


def _ignore(event: Event) -> None:
    """Nobody listens to the events of a command."""


@contextmanager
def opened(shell: Any) -> Iterator[EsxSession]:
    """A session of the driver's own on what the shell is connected to. Raises InvalidArgument where that is none."""
    uri = parse_uri(shell.configuration.resolve_uri(shell.uri) or str(shell.connection.uri))
    if uri.scheme not in ("esx", "vpx"):
        raise InvalidArgument(f"{uri} is no connection to VMware", hint="name one: polyvisor -c esx://host/ esx ...")
    settings = shell.configuration.driver_settings("esx")
    session = open_session(
        uri, ConnectContext(events=_ignore, read_only=shell.readonly, settings=settings, credentials=ask)
    )
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


def document_of(shell: Any, document: Element) -> None:
    """Print a document: XML, or as JSON where that is asked for."""
    from polyvisor.documents import write
    from polyvisor.documents.plain import to_plain

    shell.data(to_plain(document) if shell.json else None, lambda: write(document).rstrip("\n"))


# -- completion -----------------------------------------------------------------------------------------------


def _offered(context: click.Context, begun: str, names: Callable[[EsxSession], Iterable[str]]) -> list[str]:
    """Names on the server that begin with what was typed. A prompt is no place for errors: the command will tell."""
    from polyvisor import config

    try:
        wanted = config.load().resolve_uri(context.find_root().params.get("uri"))
        uri = parse_uri(wanted or "")
        if uri.scheme not in ("esx", "vpx"):
            return []
        settings = config.load().driver_settings("esx")
        session = open_session(uri, ConnectContext(events=_ignore, read_only=True, settings=settings))
    except PolyvisorError:
        return []
    try:
        return [name for name in names(session) if name.startswith(begun)]
    except PolyvisorError:
        return []
    finally:
        session.close()


def complete_guest(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Names of guests."""
    from pyVmomi import vim

    from polyvisor_esx.session import guest_name

    return _offered(
        context, begun, lambda session: map(guest_name, session.properties(vim.VirtualMachine, ("name",)).values())
    )


def complete_pool(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Names of datastores."""
    from polyvisor_esx import pools

    return _offered(context, begun, lambda session: (pool.name for pool in pools.pools(session)))


def complete_file(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Datastores as ``[name] ``, and what is in the folder that was typed."""
    from polyvisor.model.storagevol import VolumeFormat
    from polyvisor_esx import pools, volumes
    from polyvisor_esx.datastores import parse_path

    def names(session: EsxSession) -> Iterable[str]:
        if "]" not in begun:
            return [f"[{pool.name}] " for pool in pools.pools(session)]
        path = parse_path(begun)
        found = volumes.files(session, pools.find(session, name=path.datastore), path.directory)
        return [f"{each.key}/" if each.format is VolumeFormat.DIR else each.key for each in found]

    return _offered(context, begun, names)


def complete_network(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Names of standard switches, and of distributed ones."""
    from polyvisor_esx import distributed, networks

    def names(session: EsxSession) -> Iterable[str]:
        standard = [each.name for each in networks.switches(session)]
        return standard + [each.name for each in distributed.switches(session)]

    return _offered(context, begun, names)
