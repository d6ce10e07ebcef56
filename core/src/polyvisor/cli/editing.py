"""Changing a text in the user's editor, again if it turns out wrong."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import TypeVar

import click

from polyvisor.errors import HostError, InvalidDocument, PolyvisorError

Result = TypeVar("Result")

GO_TO_LINE = frozenset(
    {"vi", "vim", "nvim", "view", "nano", "emacs", "emacsclient", "joe", "jed", "mg", "micro", "kak"}
)
"""Editors that open a file at a line given as ``+LINE``."""


class Draft:
    """A text being edited, in a file that nobody else can read; gone after the ``with`` block unless kept."""

    def __init__(self, text: str, *, suffix: str = ".xml") -> None:
        descriptor, self.path = tempfile.mkstemp(prefix="polyvisor-", suffix=suffix)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self.keep = False

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self.keep:
            os.unlink(self.path)

    def edit(self, line: int | None = None) -> str:
        """Let the user edit the file, beginning at ``line``; returns what it holds then. Raises HostError."""
        words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        if line is not None and os.path.basename(words[0]) in GO_TO_LINE:
            words.append(f"+{line}")
        try:
            status = subprocess.run([*words, self.path], check=False).returncode
        except OSError as error:
            raise HostError(
                f"cannot run the editor {words[0]!r}: {error.strerror}", hint="set EDITOR to an editor you have"
            ) from error
        if status:
            raise HostError(f"the editor {words[0]!r} ended with status {status}; nothing was changed")
        with open(self.path, encoding="utf-8") as file:
            return file.read()


def edit_until(text: str, accept: Callable[[str], Result], *, suffix: str = ".xml") -> Result | None:
    """Let the user edit ``text`` until ``accept`` takes it; returns what that returned, None if nothing changed.

    Whatever PolyvisorError ``accept`` raises is shown and the user asked whether to go on; the last one is raised
    when the user has enough, or when nobody is at a terminal to be asked. The draft is then kept in its file."""
    with Draft(text, suffix=suffix) as draft:
        line: int | None = None
        while True:
            edited = draft.edit(line)
            if edited == text:
                return None
            try:
                return accept(edited)
            except PolyvisorError as error:
                line = _first_line(error)
                if not _again(error, edited):
                    draft.keep = True
                    error.hint = f"your changes are kept in {draft.path}"
                    raise


def _first_line(error: PolyvisorError) -> int | None:
    if isinstance(error, InvalidDocument):
        return next((fault.line for fault in error.faults if fault.line), None)
    return None


def _again(error: PolyvisorError, edited: str) -> bool:
    if not (sys.stdin is not None and sys.stdin.isatty()):
        return False
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    line = _first_line(error)
    lines = edited.splitlines()
    if line is not None and line <= len(lines):
        click.echo(f"{line:>6} | {lines[line - 1]}", err=True)
    return click.confirm("Edit it again?", default=True, err=True)
