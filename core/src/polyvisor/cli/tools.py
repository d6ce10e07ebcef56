"""Commands about the command line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.parameters import data

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

SHELLS = ("bash", "fish", "zsh")


@command("completion")
@data("shell", type=click.Choice(SHELLS), help="Which shell the script is for.")
@click.pass_context
def completion(ctx: click.Context, out: Shell, shell: str) -> None:
    """Commands, options and names of domains are completed.

    bash: polyvisor completion bash > ~/.local/share/bash-completion/completions/polyvisor
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:
        raise UsageFault(f"no completion for {shell}")
    root = ctx.find_root()
    script = made(root.command, {}, "polyvisor", "_POLYVISOR_COMPLETE").source()
    out.data({"script": script}, script)


@command("demo")
def demo(shell: Shell) -> int:
    """The guest is one boot sector; it is defined, started, listened to, shut down and undefined, and nothing of
    it is left. Each step is shown as the command that anybody could type."""
    from polyvisor.cli.demo import run

    return run()


@command("help")
@data("command", required=False, help="A command, or a word to look for among the commands.")
@click.pass_context
def help_command(ctx: click.Context, shell: Shell, command: str | None) -> None:
    """Without a name, list all commands."""
    root = ctx.find_root()
    group = root.command
    assert isinstance(group, click.Group)
    if command is None:
        shell.print(root.get_help())
        return
    found = group.get_command(root, command)
    if found is None:
        raise UsageFault(f"unknown command: {command!r}")
    with click.Context(found, info_name=command, parent=root) as about:
        shell.print(found.get_help(about))
