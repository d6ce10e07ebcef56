"""Sets of CPUs or NUMA cells that a document may leave out."""

from __future__ import annotations


def parse_set(text: str | None) -> frozenset[int]:
    """The numbers of a set such as ``0-3,8,^2``; none when there is no set."""
    from polyvisor.model.domain.consistency import cpu_numbers

    return frozenset(cpu_numbers(text)) if text else frozenset()
