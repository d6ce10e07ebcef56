"""Entry points of the installed distributions, read straight from their metadata.

``importlib.metadata`` finds the same, but importing it costs more than all of a short command's own work (it brings
the email and zip packages). What is read here is what installers write: directories ``*.dist-info`` and ``*.egg-info``
on the path, each with ``entry_points.txt``. Where distributions may be kept in another way (zip files on the path, an
import hook with a search of its own), ``importlib.metadata`` is asked after all.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}


class EntryPoint(NamedTuple):
    """One line of a distribution's entry points, not yet imported."""

    name: str
    value: str
    distribution: str
    version: str

    def load(self) -> Any:
        """Import and return the object; whatever the import raises comes through."""
        import importlib

        module, _, attribute = self.value.partition(":")
        target: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            target = getattr(target, part)
        return target


def installed(group: str, path: Sequence[str] | None = None) -> list[EntryPoint]:
    """The entry points of ``group`` in this environment, or in the directories ``path``, sorted by name.

    Of a distribution that is there twice, the one earlier on the path counts."""
    directories = [directory or "." for directory in (sys.path if path is None else path)]
    points = _scan(group, directories) if _plain(directories) else _ask(group, path)
    found = {(point.name, point.value): point for point in points}
    return [found[key] for key in sorted(found)]


def _plain(directories: Sequence[str]) -> bool:
    """Whether looking into directories finds every distribution there is."""
    from importlib.machinery import PathFinder

    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return False
    return not any(os.path.isfile(directory) for directory in directories)


def _scan(group: str, directories: Sequence[str]) -> Iterator[EntryPoint]:
    seen = set()
    for directory in dict.fromkeys(directories):
        try:
            names = os.listdir(directory)
        except OSError:
            continue  # a path need not exist
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix in _METADATA:
                project = re.sub(r"[-_.]+", "-", stem.partition("-")[0]).lower()
                if project not in seen:
                    seen.add(project)
                    yield from _points(group, os.path.join(directory, name), _METADATA[suffix])


def _points(group: str, info: str, metadata: str) -> Iterator[EntryPoint]:
    try:
        with open(os.path.join(info, "entry_points.txt"), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return  # most distributions have none
    lines = list(section_lines(text, group))
    if lines:
        project, version = _identity(os.path.join(info, metadata))
        for line in lines:
            name, _, value = line.partition("=")
            yield EntryPoint(name.strip(), value.partition("[")[0].strip(), project, version)


def section_lines(text: str, section: str) -> Iterator[str]:
    """The lines of one section of an INI file, without blank lines and comments."""
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{section}]"
        elif inside and line and line[0] not in "#;":
            yield line


def _identity(path: str) -> tuple[str, str]:
    """Name and version of a distribution, ``?`` for what its metadata does not tell."""
    fields = {"name": "?", "version": "?"}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, colon, value = line.partition(":")
                if not colon:
                    break  # the end of the fields
                if key.lower() in fields and fields[key.lower()] == "?":
                    fields[key.lower()] = value.strip()
    except OSError:
        pass  # metadata that cannot be read tells nothing
    return fields["name"], fields["version"]


def _ask(group: str, path: Sequence[str] | None) -> Iterator[EntryPoint]:
    """As ``importlib.metadata`` sees it."""
    from importlib.metadata import distributions

    found = distributions() if path is None else distributions(path=list(path))
    seen = set()
    for distribution in found:
        if distribution.name not in seen:
            seen.add(distribution.name)
            for point in distribution.entry_points:
                if point.group == group:
                    yield EntryPoint(point.name, point.value, distribution.name, distribution.version)
