"""How a command is declared: virsh's rules of options and data on top of Click's.

In virsh, data (a domain, a file, a size) may be given by name or as bare words: ``setmem web 1G``,
``setmem --domain web --size 1G`` and ``setmem --size 1G web`` mean the same. A bare word fills the next datum that
has no value yet, in the order of declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.failure import UsageFault
from polyvisor.cli.vocabulary import SUMMARIES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Function = Callable[..., Any]

REGISTRY: dict[str, Command] = {}
"""Commands whose modules have been imported."""


class Data(click.Option):
    """An option that may also be given as a bare word. With ``rest`` it takes every bare word that is left."""

    def __init__(self, declarations: Sequence[str], *, rest: bool = False, **settings: Any) -> None:
        self.rest = rest
        super().__init__(declarations, metavar=f"<{declarations[0][2:]}>", multiple=rest, **settings)

    @property
    def usage(self) -> str:
        """The datum in a line of usage."""
        word = f"<{self.opts[0][2:]}>{'...' if self.rest else ''}"
        return word if self.required else f"[{word}]"

    def get_error_hint(self, ctx: click.Context | None) -> str:
        return f"<{self.opts[0][2:]}>"


HELP_NAMES = ["-h", "--help"]


class Command(click.Command):
    """A command of ``polyvisor``."""

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Whoever uses the command first, maybe without its group: Click keeps the option it makes then."""
        return HELP_NAMES

    @property
    def data(self) -> list[Data]:
        """The parameters that bare words fill, in order."""
        return [param for param in self.params if isinstance(param, Data)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._name_words(ctx, args))

    def _name_words(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        """``args`` with each bare word turned into the option it stands for."""
        named, words = self._sort_words(args)
        given = {arg.partition("=")[0] for arg in named if arg.startswith("--")}
        for datum in self.data:
            if not words:
                break
            if datum.rest:
                named += [f"{datum.opts[0]}={word}" for word in words]
                words = []
            elif datum.opts[0] not in given:
                named.append(f"{datum.opts[0]}={words.pop(0)}")
        if words and not ctx.resilient_parsing:
            raise UsageFault(f"unexpected data {words[0]!r}", ctx)
        return named

    def _sort_words(self, args: Sequence[str]) -> tuple[list[str], list[str]]:
        """Options with their values, and bare words; everything behind ``--`` is bare."""
        takes_value = {
            name
            for param in self.params
            if isinstance(param, click.Option) and not param.is_flag and not param.count
            for name in param.opts
        }
        named: list[str] = []
        words: list[str] = []
        waiting = iter(args)
        for arg in waiting:
            if arg == "--":
                words.extend(waiting)
            elif not arg.startswith("-") or arg == "-":
                words.append(arg)
            else:
                named.append(arg)
                if arg in takes_value:
                    named.extend([value] if (value := next(waiting, None)) is not None else [])
        return named, words

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        pieces = [datum.usage for datum in self.data]
        others = [param for param in self.params if not isinstance(param, Data)]
        return [*pieces, "[OPTIONS]"] if others else pieces

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if not incomplete.startswith("-"):
            for datum in self.data:
                if datum.rest or not ctx.params.get(datum.name or ""):
                    return datum.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


def command(name: str, **settings: Any) -> Callable[[Function], Command]:
    """Declare ``function(shell, **parameters)`` as the command ``name``, whose summary the vocabulary has.

    Every command takes ``--json``, behind its name as well as before it."""

    def declare(function: Function) -> Command:
        summary = SUMMARIES[name]
        details = inspect.cleandoc(function.__doc__ or "")
        made = click.command(
            name,
            cls=Command,
            help=f"{summary[0].upper()}{summary[1:]}.\n\n{details}",
            short_help=summary,
            **settings,
        )(click.pass_obj(function))
        made.params.append(_json_option())
        REGISTRY[name] = made
        return made

    return declare


def _json_option() -> click.Option:
    def switch(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and ctx.obj is not None:
            ctx.obj.json = True

    return click.Option(["--json"], is_flag=True, expose_value=False, callback=switch, help="Print JSON, for programs.")
