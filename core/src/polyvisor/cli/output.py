"""What commands print: tables in virsh's layout, listings of facts, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any
from uuid import UUID

GAP = "   "


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, heading: bool = True) -> str:
    """Rows under their heads, each column as wide as its widest cell; one leading space, three between columns.

    ``heading=False`` leaves out heads and rule, as ``virsh -q`` does."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    shown = [[*heads], *cells] if heading else cells
    if not shown:
        return ""
    widths = [max(map(width, column)) for column in zip(*shown, strict=True)]
    lines = [_line(row, widths) for row in shown]
    if heading:
        lines.insert(1, "-" * sum(cell + len(GAP) for cell in widths))
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (size - width(cell)) for cell, size in zip(row[:-1], widths[:-1], strict=True)]
    return " " + GAP.join([*padded, row[-1]])


def listing(facts: Mapping[str, object], *, margin: int | None = None) -> str:
    """``Name:    value`` lines with the values in one column, ``margin`` wide or as wide as the names need."""
    margin = margin or max(map(len, facts)) + 3
    return "\n".join(f"{name + ':':<{margin}} {printable(str(value))}".rstrip() for name, value in facts.items())


def settings(values: Mapping[str, object]) -> str:
    """``name           : value`` lines, as virsh shows tunable parameters; truths as yes and no."""
    shown = {name: ("yes" if value else "no") if isinstance(value, bool) else value for name, value in values.items()}
    return "\n".join(f"{name:<15}: {printable(str(value))}" for name, value in shown.items())


def printable(text: str) -> str:
    """``text`` with control characters written as escapes, so that a name cannot move the cursor."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def width(text: str) -> int:
    """Columns that ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def plain(value: Any) -> Any:
    """``value`` as data that JSON has: records become objects, sets become sorted lists, enumerations their values."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str | UUID):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """``value`` as JSON text; characters beyond ASCII stay as they are."""
    import json

    return json.dumps(plain(value), indent=indent, ensure_ascii=False)


def yes(flag: bool | None) -> str:
    """A truth as virsh prints it; ``-`` when it is not known."""
    return "-" if flag is None else "yes" if flag else "no"


def seconds(nanoseconds: int) -> str:
    """A span of CPU time as virsh prints it."""
    return f"{nanoseconds / 1e9:.1f}s"
