"""Polyvisor: one Python API over many hypervisors.

::

    import polyvisor

    with polyvisor.open("qemu:///session") as connection:
        for row in connection.domains():
            print(row.name, row.state)

Names are imported when they are first used, so ``import polyvisor`` is nearly free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyvisor.errors import PolyvisorError
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.connection import open_connection as open
    from polyvisor.objects.domain import Domain
    from polyvisor.operations.events import Event, EventKind
    from polyvisor.operations.records import Affect, Column, DomainRow, DomainState
    from polyvisor.services.access import Policy
    from polyvisor.services.events import EventStream
    from polyvisor.services.jobs import Job

_HOMES = {
    "open": "polyvisor.objects.connection:open_connection",
    "Connection": "polyvisor.objects.connection",
    "Domain": "polyvisor.objects.domain",
    "Policy": "polyvisor.services.access",
    "EventStream": "polyvisor.services.events",
    "Job": "polyvisor.services.jobs",
    "Event": "polyvisor.operations.events",
    "EventKind": "polyvisor.operations.events",
    "Affect": "polyvisor.operations.records",
    "Column": "polyvisor.operations.records",
    "DomainRow": "polyvisor.operations.records",
    "DomainState": "polyvisor.operations.records",
    "PolyvisorError": "polyvisor.errors",
}

__all__ = [
    "Affect",
    "Column",
    "Connection",
    "Domain",
    "DomainRow",
    "DomainState",
    "Event",
    "EventKind",
    "EventStream",
    "Job",
    "Policy",
    "PolyvisorError",
    "__version__",
    "open",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("polyvisor")
    if name not in _HOMES:
        raise AttributeError(f"module 'polyvisor' has no attribute {name!r}")
    import importlib

    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
