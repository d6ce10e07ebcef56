"""Every operation a driver may implement, a module for each subject. These pages are the contract.

The subjects are imported when they are needed: :func:`every` imports them all, in reading order, and returns
each operation by name.
"""

from polyvisor.operations.declaration import OPERATIONS, Operation

__all__ = ["OPERATIONS", "SUBJECTS", "Operation", "every"]

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
)
"""The subject modules, in reading order. A new subject is a new module and a line here."""


def every() -> dict[str, Operation]:
    """Every operation by name, in reading order. Imports every subject."""
    from importlib import import_module

    for subject in SUBJECTS:
        import_module(f"polyvisor.operations.{subject}")
    return {
        operation.name: operation
        for subject in SUBJECTS
        for operation in OPERATIONS.values()
        if operation.subject == subject
    }
