"""Beginning a driver of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import data, flag

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


@command("driver")
@data("action", type=click.Choice(("new",)), help="What to do.")
@data("name", help="What the driver is called: small letters, digits and single hyphens.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write the package; default: ./polyvisor-NAME.",
)
@click.option("--scheme", metavar="SCHEME", help="Scheme of its URIs; default: its name.")
@click.option("--author", metavar="AUTHOR", help="Name, or Name <mail@example.org>.")
@click.option(
    "--licence",
    "--license",
    "licence",
    metavar="SPDX",
    default="Apache-2.0",
    show_default=True,
    help="SPDX identifier of its licence; Apache-2.0 and MIT come with their text.",
)
@flag("force", "Write into a directory that is not empty; a file that is replaced is kept beside the new one.")
def driver(
    shell: Shell,
    action: str,
    name: str,
    directory: Path | None,
    scheme: str | None,
    author: str | None,
    licence: str,
    force: bool,
) -> None:
    """``driver new acme`` writes a package that builds, installs, is found, runs guests that are remembered while a
    connection lasts, and passes the conformance suite for what it has; with tests, documentation and CI. Replace what
    it does, operation by operation. Nothing is fetched.
    """
    from polyvisor.cli.scaffold import Package, licence_text, next_steps, write

    package = Package(name, scheme, author, licence)
    where = directory or Path(package.distribution)
    fates = write(package, where, force=force)
    steps = next_steps(package, where)
    lines = [f"The {name} driver is in {where}, for {package.uri_scheme}:// URIs"]
    lines += [
        f"  {path}: what was there is now {fate}" for path, fate in fates.items() if fate not in ("written", "kept")
    ]
    lines += ["Next:", *(f"  {step}" for step in steps)]
    shell.data({"directory": where, "files": fates, "next": steps}, "\n".join(lines))
    if licence_text(licence) is None:
        shell.note(f"put the text of {licence} into {where / 'LICENSE'}")
