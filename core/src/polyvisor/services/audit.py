"""The audit trail: one record for each operation, through ``logging``.

The logger ``polyvisor.audit`` gets INFO for operations that change something, DEBUG for the others, WARNING for
refused ones. The message is one line; the same facts are on the record's ``audit`` attribute as a dict, for
handlers that write JSON. Arguments are not recorded: they may hold secrets.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from polyvisor.errors import AccessDenied, PolyvisorError
from polyvisor.operations.declaration import Operation

audit_log = logging.getLogger("polyvisor.audit")


def record(
    operation: Operation, *, uri: str, driver: str, target: str | None, seconds: float, error: BaseException | None
) -> None:
    """Write the record of one finished (or refused) call."""
    level = logging.INFO if operation.changes else logging.DEBUG
    if isinstance(error, AccessDenied):
        level = logging.WARNING
    if not audit_log.isEnabledFor(level):
        return
    facts: dict[str, Any] = {
        "operation": operation.name,
        "capability": operation.capability,
        "uri": uri,
        "driver": driver,
        "target": target,
        "uid": os.geteuid(),
        "pid": os.getpid(),
        "outcome": _outcome(error),
        "milliseconds": round(seconds * 1000, 3),
    }
    audit_log.log(
        level,
        "%s %s on %s by uid %d: %s in %.1f ms",
        operation.name,
        target or "-",
        uri,
        facts["uid"],
        facts["outcome"],
        seconds * 1000,
        extra={"audit": facts},
    )


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return error.code if isinstance(error, PolyvisorError) else type(error).__name__
