"""Parameters that several commands share: a domain, a file, a size, which configuration a change affects."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from polyvisor.cli.command import Data
from polyvisor.cli.failure import UsageFault
from polyvisor.errors import InvalidArgument, PolyvisorError
from polyvisor.operations.records import Affect

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Function = Callable[..., Any]


def data(name: str, *, required: bool = True, **settings: Any) -> Callable[[Decorated], Decorated]:
    """A datum, given by name or as a bare word; see :mod:`polyvisor.cli.command`."""
    return click.option(f"--{name}", cls=Data, required=required, **settings)


def flag(name: str, help: str) -> Callable[[Decorated], Decorated]:
    """An option without a value."""
    return click.option(f"--{name}", is_flag=True, help=help)


def texts(options: Mapping[str, str]) -> Callable[[Decorated], Decorated]:
    """Options that take a word, by name with their help."""

    def decorate(function: Decorated) -> Decorated:
        for name, help in reversed(list(options.items())):
            metavar = name.rpartition("-")[2].upper()
            function = click.option(f"--{name}", metavar=metavar, help=help)(function)
        return function

    return decorate


def numbers(options: Mapping[str, str], *, type: Any = click.INT) -> Callable[[Decorated], Decorated]:
    """Options that take a number, or what else ``type`` reads, by name with their help."""

    def decorate(function: Decorated) -> Decorated:
        for name, help in reversed(list(options.items())):
            function = click.option(f"--{name}", type=type, metavar="N", help=help)(function)
        return function

    return decorate


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in options.items() if value is not None}


# -- domains --------------------------------------------------------------------------------------------------


def complete_domain(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of domains that begin with what was typed."""
    from click.shell_completion import CompletionItem

    from polyvisor.cli.shell import Shell

    settings = ctx.find_root().params
    shell = Shell(settings.get("uri"), readonly=True)
    try:
        rows = shell.connection.list_domains()
    except PolyvisorError:
        return []  # a prompt is no place for errors; the command itself will tell
    finally:
        shell.close()
    return [CompletionItem(row.name, help=row.state.value) for row in rows if row.name.startswith(incomplete)]


def domain(**settings: Any) -> Callable[[Decorated], Decorated]:
    """The domain a command is about."""
    return data("domain", help="Name, UUID or id of the domain.", shell_complete=complete_domain, **settings)


# -- values ---------------------------------------------------------------------------------------------------


def size_kib(text: str) -> int:
    """A size such as ``512M`` or ``1.5GiB`` as KiB, rounded up; a bare number counts KiB. A type for Click."""
    from polyvisor.units import parse_size

    try:
        return parse_size(text, unit="KiB").kib
    except InvalidArgument as error:
        raise click.BadParameter(str(error)) from error


def cpu_set(text: str) -> frozenset[int]:
    """CPUs as documents write them, ``0-3,^2,8``. A type for Click."""
    chosen: set[int] = set()
    try:
        for part in text.split(","):
            first, _, last = part.removeprefix("^").partition("-")
            span = range(int(first), int(last or first) + 1)
            chosen = chosen - set(span) if part.startswith("^") else chosen | set(span)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of CPUs such as 0-3,^2,8") from None
    return frozenset(chosen)


def read_file(path: str) -> bytes:
    """The content of ``path``; ``-`` is standard input. Raises OSError."""
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def xml_file(name: str = "file", *, help: str = "File with the XML; - is standard input.") -> Callable[..., Any]:
    """A file to read a document from."""
    return data(name, help=help, type=click.Path(allow_dash=True, dir_okay=False))


# -- which configuration ----------------------------------------------------------------------------------------


def exclusive(*names: str) -> None:
    """Raise a usage error when more than one of the options ``names`` was given to the command at work."""
    ctx = click.get_current_context()
    given = [name for name in names if ctx.params.get(name.replace("-", "_"))]
    if len(given) > 1:
        raise UsageFault(f"Options --{given[0]} and --{given[1]} are mutually exclusive")


def affects(*, persistent: bool = False) -> Callable[[Function], Function]:
    """``--config``, ``--live`` and ``--current``, which the command gets as ``affect``.

    With ``persistent`` also ``--persistent``, which it gets under that name: the stored configuration, and the
    running domain as well if it runs."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def chosen(shell: Any, /, *, current: bool, config: bool, live: bool, **others: Any) -> Any:
            for name in ("config", "live", "persistent"):
                exclusive("current", name)
            affect = _AFFECTS[config, live]
            return function(shell, affect=affect, **others)

        if persistent:
            chosen = flag("persistent", "Affect the next start, and the domain if it is running.")(chosen)
        chosen = flag("current", "Affect what counts now: the running domain, or the configuration of another.")(chosen)
        chosen = flag("live", "Affect the running domain.")(chosen)
        return flag("config", "Affect the next start.")(chosen)

    return decorate


_AFFECTS = {
    (False, False): Affect.CURRENT,
    (True, False): Affect.CONFIG,
    (False, True): Affect.LIVE,
    (True, True): Affect.BOTH,
}
"""By --config and --live."""
