"""Commands that plugins bring: entry points of the group ``polyvisor.commands``.

An entry point's name is the name of the command, its value a :class:`click.Command`, most often a group
(``polyvisor lxc exec ...``). It is imported when it is called, and listed without being imported. Its context's
``obj`` is the :class:`~polyvisor.cli.shell.Shell`, of which these are for plugins: ``connection``, ``domain(text)``,
``print(text)``, ``note(text)``, ``data(value, text)`` and ``table(heads, rows)``. A command of Polyvisor's own cannot
be replaced, and what is blocked brings no commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.vocabulary import MODULES
from polyvisor.entrypoints import installed
from polyvisor.errors import PluginError

if TYPE_CHECKING:
    from polyvisor.entrypoints import EntryPoint

GROUP = "polyvisor.commands"


def points() -> dict[str, EntryPoint]:
    """What plugins bring, by name of the command."""
    from polyvisor import config

    blocked = config.load().blocked
    return {
        point.name: point
        for point in installed(GROUP)
        if point.name not in MODULES and not {point.name, point.distribution} & set(blocked)
    }


def load(point: EntryPoint) -> click.Command:
    """Import a command. Raises PluginError when that fails or it is none."""
    try:
        found = point.load()
    except Exception as error:
        raise PluginError(
            f"the command {point.name} of {point.distribution} cannot be imported: {type(error).__name__}: {error}",
            hint=f"install {point.distribution} anew, or block it",
        ) from error
    if not isinstance(found, click.Command):
        raise PluginError(
            f"{point.value} of {point.distribution} is a {type(found).__name__}, not a command",
            hint="its author has to name a click.Command in the entry point",
        )
    return found
