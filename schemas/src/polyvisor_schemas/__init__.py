"""Schemas of every document: RELAX NG (``.rng``) and XSD 1.1 (``.xsd``) of XML, JSON Schema (``.json``) of the rest.

They are generated from the declarations in ``polyvisor.model``; this package only says where they are, so that tools
without Polyvisor can use them too.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def path(name: str) -> Path:
    """Where a schema file is: ``path("domain.rng")``. The file need not exist."""
    return _HERE / name


def names() -> tuple[str, ...]:
    """The schema files there are, in alphabetical order."""
    return tuple(sorted(file.name for file in _HERE.iterdir() if file.suffix in (".json", ".rng", ".xsd")))
