"""The nearest right name to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher


def nearest(wrong: str, right: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The most similar of the ``right`` names, None when none is similar.

    Case and ``-``, ``_`` do not make names differ (``currentmemory`` is near ``currentMemory``)."""
    folded = _fold(wrong)
    best, best_score = None, cutoff
    matcher = SequenceMatcher(b=folded)
    for name in right:
        matcher.set_seq1(_fold(name))
        if matcher.real_quick_ratio() > best_score and matcher.quick_ratio() > best_score:
            score = matcher.ratio()
            if score > best_score:
                best, best_score = name, score
    return best


def _fold(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")[:200]
