"""What of the contract goes away, since when, and what takes its place.

A hook, an option or a name is never taken away from under a driver: it is entered here in a minor version, goes on
working, and is removed in a major one. From here come the warnings that name the driver, the notes of
``polyvisor drivers``; docs/stability.md has the rules, and a test holds every entry to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple


class Deprecation(NamedTuple):
    """One thing that goes away.

    :param what: a hook (``"reset"``), an option of one (``"start.force_boot"``), or a public name with its module
        (``"polyvisor.spi.Stream"``).
    :param since: version of the hooks that first warned.
    :param removed_in: version of the hooks that no longer has it; a major one.
    :param instead: what to use: for a name that moved, the new one with its module; else a few words.
    """

    what: str
    since: tuple[int, int]
    removed_in: tuple[int, int]
    instead: str

    @property
    def verdict(self) -> str:
        """``is deprecated since ... and goes away with ...: use ...``"""
        since, removed_in = (".".join(map(str, version)) for version in (self.since, self.removed_in))
        return f"is deprecated since version {since} of the hooks and goes away with {removed_in}: use {self.instead}"


DEPRECATIONS: tuple[Deprecation, ...] = ()
"""Everything that goes away."""


def used(
    hooks: Mapping[str, Iterable[str]], registry: Sequence[Deprecation] | None = None
) -> Iterator[tuple[str, Deprecation]]:
    """Those of ``hooks`` (with the arguments that each takes) that go away, or an option of theirs: hook and entry."""
    for entry in DEPRECATIONS if registry is None else registry:
        hook, _, option = entry.what.partition(".")
        if hook in hooks and (not option or option in hooks[hook]):
            yield hook, entry


def moved(module: str, name: str, registry: Sequence[Deprecation] | None = None) -> Any:
    """For ``__getattr__`` of a public module: what is now called otherwise, with a DeprecationWarning at the importer.

    Raises AttributeError for a name that never was there."""
    import warnings

    for entry in DEPRECATIONS if registry is None else registry:
        if entry.what == f"{module}.{name}":
            warnings.warn(f"{entry.what} {entry.verdict}", DeprecationWarning, stacklevel=3)
            home, _, current = entry.instead.rpartition(".")
            return getattr(import_module(home), current)
    raise AttributeError(f"module {module!r} has no attribute {name!r}")
