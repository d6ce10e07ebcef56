"""Choices of words: the same ones stand in the same order everywhere.

Python takes ``Literal["a", "b"] | None`` and ``Literal["b", "a"] | None`` for one type and remembers the first it met:
with two orders, schemas and pages would follow from which module was imported first."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]


def literals(source: str) -> Iterator[tuple[tuple[object, ...], int]]:
    """The words of each ``Literal[...]``, and its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            several = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            yield tuple(each.value for each in several if isinstance(each, ast.Constant)), node.lineno


def in_several_orders(sources: dict[str, str]) -> list[list[str]]:
    """Places of literals that differ in nothing but their order."""
    found: defaultdict[frozenset[object], dict[tuple[object, ...], str]] = defaultdict(dict)
    for name, source in sources.items():
        for words, line in literals(source):
            found[frozenset(words)].setdefault(words, f"{name}:{line}: {words}")
    return [list(orders.values()) for orders in found.values() if len(orders) > 1]


def test_the_same_words_are_in_the_same_order():
    files = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    assert len(files) > 300
    assert in_several_orders({str(each.relative_to(ROOT)): each.read_text() for each in files}) == []


def test_another_order_is_seen():
    first, second = 'a: Literal["x", "y"] | None', 'b: Literal["y", "x"]'
    assert in_several_orders({"a.py": first, "b.py": second}) == [["a.py:1: ('x', 'y')", "b.py:1: ('y', 'x')"]]
    assert in_several_orders({"a.py": first, "b.py": first, "c.py": 'c: Literal["x"]'}) == []
