"""All operations together.

Subjects are imported when they are needed; :func:`every` imports them all.
"""

from __future__ import annotations

from importlib import import_module

from polyvisor.operations.declaration import OPERATIONS, Operation

SUBJECTS = (
    "connection",
    "host",
    "listing",
    "lifecycle",
    "configuration",
    "devices",
    "memory",
    "numa",
    "vcpus",
    "tuning",
    "statistics",
    "blockjobs",
    "snapshots",
    "checkpoints",
    "saving",
    "migration",
    "domainjobs",
    "guest",
    "input",
    "consoles",
    "security",
    "watching",
    "passthrough",
)
"""The subject modules, in reading order. A new subject is a new module and a line here."""


def every() -> dict[str, Operation]:
    """Every operation by name, in reading order. Imports every subject."""
    for subject in SUBJECTS:
        import_module(f"polyvisor.operations.{subject}")
    return {
        operation.name: operation
        for subject in SUBJECTS
        for operation in OPERATIONS.values()
        if operation.subject == subject
    }
