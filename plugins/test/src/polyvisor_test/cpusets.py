"""Sets of CPUs or NUMA cells as documents spell them: ``0-3,^2,8``."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def parse_set(text: str | None) -> frozenset[int]:
    """The numbers of ``text``; none for None. A part with ``^`` takes numbers away from the parts before it."""
    found: set[int] = set()
    for part in (text or "").replace(" ", "").split(","):
        if not part:
            continue
        first, _, last = part.removeprefix("^").partition("-")
        numbers = range(int(first), int(last or first) + 1)
        if part.startswith("^"):
            found.difference_update(numbers)
        else:
            found.update(numbers)
    return frozenset(found)


def format_set(numbers: Collection[int]) -> str:
    """The shortest spelling: ``0-3,8``; empty for no numbers."""
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in _runs(sorted(set(numbers))))


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
