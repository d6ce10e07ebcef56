"""What a test needs of a driver: capabilities, operations, options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import Operation

_SHAPE = re.compile(r"(?P<name>[a-z][a-z0-9._-]*)(?:\((?P<options>[a-z_, ]+)\))?")


class Need(NamedTuple):
    """One thing that a test needs: an operation and options of it."""

    operation: Operation
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.operation.capability + (f" with {', '.join(self.options)}" if self.options else "")


@cache
def parse_need(text: str) -> tuple[Need, ...]:
    """What ``text`` asks for: a capability, or an operation with its options in brackets.

    Raises ValueError for names that nothing has: a typo would skip the test for ever."""
    shape = _SHAPE.fullmatch(text)
    name = shape["name"] if shape else text
    options = tuple(part.strip() for part in (shape["options"] or "").split(",") if part.strip()) if shape else ()
    found = [operation for operation in every().values() if name in (operation.name, operation.capability)]
    if not found:
        raise ValueError(f"a test needs {text!r}, and there is no such capability or operation")
    for operation in found:
        if unknown := set(options) - operation.options.keys() - ({"job"} if operation.job else set()):
            raise ValueError(f"a test needs {text!r}, and {operation.name} has no option {', '.join(sorted(unknown))}")
    return tuple(Need(operation, options) for operation in found)


def needs(*wanted: str) -> pytest.MarkDecorator:
    """Mark a test as one for drivers that have all of these; see :mod:`polyvisor.testing`."""
    for text in wanted:
        parse_need(text)
    return pytest.mark.needs(*wanted)


def needs_of(item: pytest.Item) -> Iterator[str]:
    """What a test was marked as needing."""
    for marker in item.iter_markers("needs"):
        arguments: tuple[Any, ...] = marker.args
        yield from arguments
