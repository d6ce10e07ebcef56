"""Lists of CPU or node numbers as the kernel and the documents write them: ``0-3,8,10-11``."""

from __future__ import annotations

from collections.abc import Iterable


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The numbers, ascending; an empty text has none. Raises ValueError for anything that is no such list."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, dash, last = part.partition("-")
        found.update(range(int(first), int(last) + 1) if dash else [int(first)])
    return tuple(sorted(found))


def format_cpu_list(numbers: Iterable[int]) -> str:
    """The shortest spelling, ascending: neighbours from two on become a range."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in ranges)
