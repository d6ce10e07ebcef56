"""Arguments as drivers may count on them: words become members of the enumerations that operations declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import EnumMeta
from importlib import import_module
from typing import Any

from polyvisor.errors import InvalidArgument
from polyvisor.operations.declaration import Operation

_NAMED = re.compile(r"(?:(Sequence|Collection)\[)?(\w+)\]?(?: \| None)?")


def converted(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``arguments`` with plain strings in the place of enumerations (``affect="config"``) made members of them.

    Raises InvalidArgument for a word that is none of the enumeration's values, unless exactly one of those
    arguments is given of which the operation wants one, and what the operation's checks raise."""
    if operation.one_of and sum(arguments.get(name) is not None for name in operation.one_of) != 1:
        *others, last = operation.one_of
        raise InvalidArgument(f"{operation.name} takes exactly one of {', '.join(others)} and {last}")
    for name, check in operation.checks.items():
        module, _, function = check.partition(":")
        getattr(import_module(module), function)(arguments.get(name))
    return {name: _member(operation, name, value) for name, value in arguments.items()}


def _member(operation: Operation, name: str, value: Any) -> Any:
    if type(value) is str:
        enumeration = _enumeration(operation, name, many=False)
        return value if enumeration is None else _look_up(operation, name, enumeration, value)
    if isinstance(value, list | tuple | set | frozenset) and any(type(each) is str for each in value):
        enumeration = _enumeration(operation, name, many=True)
        if enumeration is not None:
            return type(value)(_look_up(operation, name, enumeration, each) for each in value)
    return value


def _enumeration(operation: Operation, name: str, *, many: bool) -> EnumMeta | None:
    """The enumeration that the argument (or with ``many`` each item of it) is declared with."""
    function = operation.function
    match = _NAMED.fullmatch(str(function.__annotations__.get(name, "")))
    if match is None or bool(match[1]) is not many:
        return None
    found = function.__globals__.get(match[2])
    return found if isinstance(found, EnumMeta) else None


def _look_up(operation: Operation, name: str, enumeration: EnumMeta, word: str) -> Any:
    try:
        return enumeration(word)
    except ValueError:
        known = ", ".join(repr(member.value) for member in enumeration)  # type: ignore[var-annotated]
        raise InvalidArgument(
            f"{name} of {operation.name} cannot be {word!r}", operation=operation.name, hint=f"it may be {known}"
        ) from None
