"""The first line of a kept document: an XML comment with the format's version and a summary of the object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from polyvisor.errors import InvalidArgument, StateError

VERSION = 1
"""Version of the files and of the directory's layout that this program writes."""

LONGEST = 65536
"""Bytes of a header; a reader takes no more."""

_OPEN = b"<!-- polyvisor "
_CLOSE = b" -->\n"


def compose(revision: int, summary: Mapping[str, Any]) -> bytes:
    """The header as a line. ``revision`` tells which of two files of one object is the newer, after a rename cut short.

    Raises InvalidArgument for a summary that is no JSON or too large."""
    try:
        text = json.dumps({"revision": revision, "summary": dict(summary)}, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"the summary of the object cannot be kept: {error}") from error
    line = b"%s%d %s%s" % (_OPEN, VERSION, text.replace("--", "-\\u002d").encode(), _CLOSE)
    if len(line) > LONGEST:
        raise InvalidArgument(f"the summary of the object takes {len(line)} bytes, more than the {LONGEST} it may have")
    return line


def parse(line: bytes, path: str) -> tuple[int, dict[str, Any]]:
    """Revision and summary; ``path`` is for messages.

    Raises StateError when the line is damaged or a newer version's."""
    if not (line.startswith(_OPEN) and line.endswith(_CLOSE)):
        raise StateError(
            f"{path} is damaged: its first line is not that of a kept document",
            hint="restore the file from a backup, or remove it and define the object again",
        )
    version, _, text = line[len(_OPEN) : -len(_CLOSE)].partition(b" ")
    if version.isdigit() and int(version) > VERSION:
        raise StateError(
            f"{path} was written in format {int(version)}; this program knows up to {VERSION}",
            hint="use the newer Polyvisor that wrote it",
        )
    try:
        content = json.loads(text)
        return int(content["revision"]), dict(content["summary"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path} is damaged: its first line cannot be read: {error}",
            hint="restore the file from a backup, or remove it and define the object again",
        ) from error
