"""What a command works with: the connection, opened when first used, and the ways to print."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli import output

if TYPE_CHECKING:
    from polyvisor.config import Configuration
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain
    from polyvisor.operations.records import DomainRef
    from polyvisor.services.jobs import Job


LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "0": logging.DEBUG,
    "1": logging.INFO,
    "2": logging.INFO,
    "3": logging.WARNING,
    "4": logging.ERROR,
}
"""Levels of ``-d`` and of ``log.level``; the numbers are virsh's."""


def logger() -> logging.Logger:
    """The logger above all of the library's."""
    return logging.getLogger("polyvisor")


class Shell:
    """One run of ``polyvisor``: its global options and its connection.

    :param uri: the connection named by ``-c``; None for the default.
    :param escape: the character that leaves a console.
    """

    def __init__(
        self,
        uri: str | None = None,
        *,
        readonly: bool = False,
        quiet: bool = False,
        json: bool = False,
        log_level: str | None = None,
        escape: str = "^]",
    ) -> None:
        self.uri = uri
        self.escape = escape
        self.log_level = log_level
        self.readonly = readonly
        self.quiet = quiet
        self.json = json
        self._connection: Connection | None = None
        self._configuration: Configuration | None = None

    # -- what it works on -----------------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        """The settings of the configuration files, read now if they are not yet."""
        if self._configuration is None:
            from polyvisor import config

            self._configuration = config.load()
            if self.log_level is None and self._configuration.log_level is not None:
                logger().setLevel(LEVELS[self._configuration.log_level])
        return self._configuration

    @property
    def connection(self) -> Connection:
        """The connection, opened now if it is not yet."""
        if self._connection is None:
            from polyvisor.objects.connection import open_connection

            self._connection = open_connection(
                self.uri, readonly=self.readonly, credentials=ask, configuration=self.configuration
            )
        return self._connection

    def domain(self, text: str) -> Domain:
        """The domain that ``text`` means: its id, UUID or name."""
        return self.connection.lookup(text)

    def handle(self, ref: DomainRef) -> Domain:
        """The domain of a row in a table."""
        from polyvisor.objects.domain import Domain

        return Domain(self.connection, ref)

    def close(self) -> None:
        """Close the connection if one was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- what it prints -------------------------------------------------------------------------------------

    def print(self, text: str = "") -> None:
        """Write ``text`` to standard output."""
        if sys.stdout is None:
            raise OSError("standard output is closed")
        click.echo(text)

    def note(self, text: str) -> None:
        """Write ``text`` to standard error, unless quiet: progress and remarks, never data."""
        if not self.quiet:
            click.echo(text, err=True)

    def done(self, message: str, **facts: Any) -> None:
        """Say that something was done: ``message`` to people, nothing if it is empty, and ``facts`` to programs."""
        if self.json:
            self.print(output.as_json({"message": message, **facts}))
        elif message:
            self.print(message)

    def data(self, value: Any, text: str | Callable[[], str]) -> None:
        """Print ``value`` as JSON if asked for, else ``text``."""
        if self.json:
            self.print(output.as_json(value))
        else:
            self.print(text if isinstance(text, str) else text())

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]], data: Any = None) -> None:
        """Print a table; as JSON ``data``, or else the rows as objects keyed by the heads in lower case."""
        if self.json:
            keys = [head.lower().replace(" ", "_") for head in heads]
            self.print(
                output.as_json(data if data is not None else [dict(zip(keys, row, strict=True)) for row in rows])
            )
            return
        text = output.table(heads, rows, heading=not self.quiet)
        if text:
            self.print(text if self.quiet else text + "\n")

    # -- long work ------------------------------------------------------------------------------------------

    def follow(self, label: str, work: Callable[[Job[Any]], Any], timeout: float | None = None) -> Any:
        """Do ``work``, handing it a job whose progress a terminal shows; an interrupt cancels it, and so do
        ``timeout`` seconds."""
        from polyvisor.cli.progress import Abandoned, follow

        try:
            return follow(label, work, timeout=timeout, visible=not self.quiet and not self.json)
        except Abandoned:
            self._connection = None  # closing it would wait for the work after all
            raise
        except KeyboardInterrupt:
            self.note(f"{label} cancelled")
            raise


def ask(names: tuple[str, ...], prompt: str) -> dict[str, str]:
    """Ask on the terminal for the credentials ``names``; passwords are not shown. Never on a pipe."""
    from polyvisor.errors import ConnectFailed

    if not sys.stdin.isatty():
        raise ConnectFailed(
            f"{prompt}: credentials are needed ({', '.join(names)}) and nobody is at the terminal",
            hint="run it on a terminal, or configure the driver with credentials",
        )
    click.echo(prompt, err=True)
    return {name: click.prompt(name, hide_input=name != "username", err=True) for name in names}
