"""What a driver does not fill is refused by name, before the driver sees anything of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from polyvisor.errors import UnsupportedOperation
from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import Operation
from polyvisor.testing.bench import Bench
from polyvisor.testing.report import PROVES

OPERATIONS = [operation for name, operation in every().items() if name not in ("connect", "probe_uri")]
"""All that are called on a session; the two others are asked for in opening one."""

OPTIONS = [(operation, option) for operation in OPERATIONS for option in operation.options]


def anything(operation: Operation) -> dict[str, Any]:
    """Something for each positional argument: the call must be refused before anybody looks at it."""
    made: dict[str, Any] = dict.fromkeys(name for name in operation.arguments if name != "session")
    return made | {"name": "anything"} if "name" in made else made  # names are looked at for what they must not hold


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_a_driver_lacks_is_refused_by_name(
    bench: Bench, operation: Operation, record_property: Callable[[str, object], None]
) -> None:
    record_property(PROVES, operation.name)
    bench.require(not bench.has(operation.name), "the driver has it")
    with pytest.raises(UnsupportedOperation) as refusal:
        bench.connection._call(operation, anything(operation), None)
    assert refusal.value.operation == operation.name
    assert refusal.value.driver == bench.driver.name
    assert operation.capability in refusal.value.message
    assert not bench.connection.supports(operation.name)
