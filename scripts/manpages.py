"""Writes the manual pages polyvisor(1) and polyvisor.toml(5) from the commands and keys as they are declared.

python scripts/manpages.py DIRECTORY

Packages are built with it, so the pages are never older than the program.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from polyvisor import config
from polyvisor.cli.command import Command
from polyvisor.cli.failure import MEANINGS
from polyvisor.cli.root import polyvisor
from polyvisor.cli.vocabulary import SECTIONS

VERSION = (Path(__file__).resolve().parents[1] / "VERSION").read_text().strip()

DESCRIPTION = """\
polyvisor manages the guests of any hypervisor for which a driver is installed. Its commands, their options and what
they print are those of virsh(1).

A domain is named by its name, its UUID or its id. What a command is about (a domain, a file, a size) may be given by
name or as bare words, which fill what is still missing in the order of the command's usage. Everything behind -- is
bare words.

The connection is the one of -c: a URI, or an alias from polyvisor.toml(5); else the one of the environment; else
default_uri of the configuration; else the first installed driver that finds its hypervisor.

Errors, remarks and progress go to standard error. With --json, which every command takes, the answer is JSON, and so
are errors."""

FILES = {
    config.SYSTEM_FILE: "The configuration of the host; see polyvisor.toml(5).",
    "~/.config/polyvisor/polyvisor.toml": "The configuration of the user.",
    "/etc/polyvisor/DRIVER": "Documents of the guests that a driver keeps for the host.",
    "/var/lib/polyvisor/DRIVER": "What belongs to these guests and is no document: variables of their firmware, ...",
    "/var/log/polyvisor/DRIVER": "Logs of hypervisors and consoles.",
    "/etc/default/polyvisor-guests": "Further options of the service polyvisor-guests, which starts marked guests "
    "when the host comes up and shuts guests down before it goes: POLYVISOR_GUESTS_START and POLYVISOR_GUESTS_STOP.",
}

TOML = """\
Polyvisor needs no configuration. What is settled once for every program that uses it stands in a TOML file for the
host and one for the user. Tables of both merge; of a key in both the user's counts. An unknown key and a value of the
wrong type are errors."""

EXAMPLE = """\
default_uri = "lab"

[uri_aliases]
lab = "qemu:///embed?root=/srv/lab"

[plugins]
block = ["test"]

[log]
level = "info\""""


def escaped(text: str) -> str:
    """``text`` so that troff shows it as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").replace("~", "\\(ti").replace("^", "\\(ha")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def bold(text: str) -> str:
    return f"\\fB{escaped(text)}\\fR"


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs of prose, filled; indented lines stay as they are."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        if paragraph.startswith("    "):
            yield f".nf\n{escaped(paragraph)}\n.fi"
        else:
            yield escaped(" ".join(paragraph.split()))


def terms(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A list of terms with what they mean."""
    for term, meaning in pairs:
        yield f".TP\n{bold(term)}\n{escaped(' '.join(meaning.split()))}"


def options(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """The options of a command and what they mean, without those that every command has."""
    found = []
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        common = command is not polyvisor and {"--help", "--json"} & {*param.opts}
        if record is not None and isinstance(param, click.Option) and not common:
            found.append((record[0], param.help or ""))
    return found


def manual_entry(name: str, command: click.Command, ctx: click.Context) -> Iterator[str]:
    """A command: its usage, what it does, its options."""
    about = click.Context(command, info_name=name, parent=ctx)
    assert isinstance(command, Command)
    yield ".TP"
    yield f"{bold(name)} {escaped(' '.join(command.collect_usage_pieces(about)))}".rstrip()
    first, *others = re.split(r"\n\s*\n", (command.help or "").strip())
    yield escaped(" ".join(first.split()))
    yield ".RS"
    for text in others:
        yield ".PP"
        yield from paragraphs(text)
    yield from terms(options(command, about))
    yield ".RE"


def command_page() -> str:
    """polyvisor(1)."""
    with click.Context(polyvisor, info_name="polyvisor") as ctx:
        lines = [
            f'.TH POLYVISOR 1 "" "Polyvisor {VERSION}" "User Commands"',
            ".SH NAME\npolyvisor \\- manage the guests of any hypervisor",
            ".SH SYNOPSIS\n\\fBpolyvisor\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
            ".SH DESCRIPTION",
            *paragraphs(DESCRIPTION),
            ".SH OPTIONS",
            *terms(options(polyvisor, ctx)),
            ".SH COMMANDS",
        ]
        for section, modules in SECTIONS.items():
            lines.append(f".SS {escaped(section)}")
            for name in (name for names in modules.values() for name in names):
                command = polyvisor.get_command(ctx, name)
                assert command is not None
                lines += manual_entry(name, command, ctx)
    lines += [".SH EXIT STATUS", *terms((str(int(status)), meaning) for status, meaning in MEANINGS.items())]
    lines += [".SH ENVIRONMENT", *terms(config.ENVIRONMENT.items())]
    lines += [".SH FILES", *terms(FILES.items())]
    lines.append(".SH SEE ALSO\n\\fBpolyvisor.toml\\fR(5), \\fBvirsh\\fR(1)")
    return "\n".join(lines) + "\n"


def configuration_page() -> str:
    """polyvisor.toml(5)."""
    lines = [
        f'.TH POLYVISOR.TOML 5 "" "Polyvisor {VERSION}" "File Formats"',
        ".SH NAME\npolyvisor.toml \\- configuration of Polyvisor",
        f".SH SYNOPSIS\n{escaped(config.SYSTEM_FILE)}\n.br\n{escaped('~/.config/polyvisor/polyvisor.toml')}",
        ".SH DESCRIPTION",
        *paragraphs(TOML),
        ".SH KEYS",
        *terms((name, f"{key.type}: {key.doc}.") for name, key in config.KEYS.items()),
        f".SH EXAMPLE\n.nf\n{escaped(EXAMPLE)}\n.fi",
        ".SH ENVIRONMENT",
        *terms(config.ENVIRONMENT.items()),
        ".SH SEE ALSO\n\\fBpolyvisor\\fR(1)",
    ]
    return "\n".join(lines) + "\n"


def main(directory: str) -> int:
    where = Path(directory)
    where.mkdir(parents=True, exist_ok=True)
    (where / "polyvisor.1").write_text(command_page(), "utf-8")
    (where / "polyvisor.toml.5").write_text(configuration_page(), "utf-8")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("which directory? python scripts/manpages.py DIRECTORY")
    sys.exit(main(sys.argv[1]))
