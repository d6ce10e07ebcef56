"""The ``polyvisor`` command itself: global options, and commands that are imported when they are called."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import click

from polyvisor.cli import failure
from polyvisor.cli.shell import LEVELS, Shell, logger
from polyvisor.cli.vocabulary import MODULES, SECTIONS


class Root(click.Group):
    """The group of all commands; none is imported before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*MODULES, *contributed().points()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            point = contributed().points().get(cmd_name)
            return contributed().load(point) if point is not None else None
        import_module(f"polyvisor.cli.{MODULES[cmd_name]}")
        from polyvisor.cli.command import REGISTRY

        return REGISTRY[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in MODULES and not ctx.resilient_parsing and name not in (brought := contributed().points()):
            from difflib import get_close_matches

            near = get_close_matches(name, [*MODULES, *brought], n=1)
            suggestion = f"; did you mean {near[0]!r}?" if near else ""
            raise failure.UsageFault(f"unknown command: {name!r}{suggestion}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, modules in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([pair for names in modules.values() for pair in names.items()])
        if brought := contributed().points():
            with formatter.section("Brought by plugins"):
                formatter.write_dl([(name, f"of {point.distribution}") for name, point in brought.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and exit with the status; every error ends in :func:`polyvisor.cli.failure.report`."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        _accept_any_text()
        with _log_on_stderr():
            try:
                status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
                if sys.stdout is not None:
                    sys.stdout.flush()
            except (Exception, KeyboardInterrupt) as error:
                # asked of the words themselves, for what failed may be the reading of them
                words = sys.argv[1:] if args is None else args
                status = failure.report(
                    error.error if isinstance(error, _Passed) else error,
                    as_json="--json" in words,
                    color=False if "--no-color" in words or os.environ.get("NO_COLOR") else None,
                )
        failure.settle()
        sys.exit(status or 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _Passed(error) from error


def contributed() -> ModuleType:
    """The commands that plugins bring; looked at only when one of them may be meant."""
    return import_module("polyvisor.cli.contributed")


class _Passed(Exception):
    """Carries a BrokenPipeError past Click, which would end the process with a status of its own."""

    def __init__(self, error: BrokenPipeError) -> None:
        self.error = error


def _accept_any_text() -> None:
    """What the locale's encoding lacks is written as escapes instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")


@contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Messages of the library go to standard error: warnings, or as much as ``-d`` asks for."""
    ours = logger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    # What was refused is told as an error already; the record for the administrator is for where logs are kept.
    handler.addFilter(lambda record: ours.level < logging.WARNING or record.name != "polyvisor.audit")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.WARNING)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)


@click.group(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-c", "--connect", "uri", metavar="URI", help="Connection to open: a URI or an alias of one.")
@click.option("-r", "--readonly", is_flag=True, help="Refuse everything that changes something.")
@click.option("-q", "--quiet", is_flag=True, help="No heads of tables, no remarks.")
@click.option(
    "-d",
    "--debug",
    "level",
    type=click.Choice(tuple(LEVELS)),
    metavar="LEVEL",
    help="Log to standard error: debug, info, warning, error, or virsh's 0 to 4.",
)
@click.option("-e", "--escape", metavar="CHAR", default="^]", help="Character that leaves a console; default ^].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--no-color", is_flag=True, help="No colours; so does the variable NO_COLOR.")
@click.option("-v", "--version", is_flag=True, help="Show the version of Polyvisor.")
@click.pass_context
def polyvisor(
    ctx: click.Context,
    uri: str | None,
    readonly: bool,
    quiet: bool,
    level: str | None,
    escape: str,
    as_json: bool,
    no_color: bool,
    version: bool,
) -> int:
    """Manage the guests of any hypervisor.

    Commands, options and what they mean are those of virsh. A domain is named by its name, its UUID or its id.
    """
    if no_color or os.environ.get("NO_COLOR"):
        ctx.color = False
    if level is not None:
        logger().setLevel(LEVELS[level])
    ctx.obj = shell = Shell(uri, readonly=readonly, quiet=quiet, json=as_json, log_level=level, escape=escape)
    ctx.call_on_close(shell.close)
    if version:
        from importlib.metadata import version as version_of

        ours = version_of("polyvisor")
        shell.data({"polyvisor": ours}, ours)
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        return failure.Status.USAGE
    return failure.Status.OK
