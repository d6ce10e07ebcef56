"""Wrappers around operations where pluggy is older than they are.

``@hookimpl(wrapper=True)`` marks a generator that is sent the result and returns what the caller shall see. pluggy
has such wrappers since 1.2; 1.0, which Debian 12 has, knows generators that are sent an outcome object to change.
Nobody who writes a plugin need know: :func:`outcome_wrapper` makes the one kind from the other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

import pluggy

NATIVE = "wrapper" in pluggy.HookimplMarker.__call__.__code__.co_varnames
"""Whether the installed pluggy has such wrappers itself."""


def outcome_wrapper(wrapper: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Generator[None, Any, None]]:
    """``wrapper`` as the older kind, for ``hookwrapper=True``, with the parameters it has."""

    @functools.wraps(wrapper)
    def wrapped(*arguments: Any) -> Generator[None, Any, None]:
        running = wrapper(*arguments)
        next(running)
        outcome = yield
        try:
            if outcome.excinfo is None:
                running.send(outcome.get_result())
            else:
                running.throw(outcome.excinfo[1])
        except StopIteration as done:
            outcome.force_result(done.value)
        except BaseException as error:
            _force_exception(outcome, error)
        else:
            running.close()
            _force_exception(outcome, RuntimeError(f"wrapper {wrapper.__qualname__} has second yield"))

    wrapped.__signature__ = inspect.signature(wrapper)  # type: ignore[attr-defined]  # what pluggy reads
    return wrapped


def _force_exception(outcome: Any, error: BaseException) -> None:
    """Have wrappers further out see ``error``."""
    if hasattr(outcome, "force_exception"):
        outcome.force_exception(error)
    else:  # pluggy 1.0 has no public way that lets the wrappers further out run to their ends
        outcome._excinfo = (type(error), error, error.__traceback__)
