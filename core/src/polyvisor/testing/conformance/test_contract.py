"""What holds for every operation on a guest, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import NoSuchDomain, PolyvisorError
from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import Operation
from polyvisor.operations.records import DomainRef, DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

PLAIN = [
    pytest.param(operation, marks=needs(operation.name), id=operation.name)
    for operation in every().values()
    if operation.arguments == ("session", "domain")
]
"""Operations that want to know nothing but which guest they are about."""

STATES = ("off", "running", "paused")


@pytest.mark.parametrize("operation", PLAIN)
def test_an_operation_on_the_gone_says_so(bench: Bench, defined: Domain, operation: Operation) -> None:
    gone = defined.ref
    defined.undefine()
    with pytest.raises(NoSuchDomain) as refusal:
        bench.connection._call(operation, {"domain": gone}, None)
    assert refusal.value.operation == operation.name
    assert refusal.value.driver == bench.driver.name


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", PLAIN)
def test_an_operation_works_or_says_why_not(bench: Bench, defined: Domain, operation: Operation, state: str) -> None:
    """Whatever state the guest is in: the refusal is a sentence of a documented kind, and the guest is still there."""
    if state != "off":
        bench.start(defined)
    if state == "paused":
        bench.need("domain.suspend")
        defined.suspend()
    try:
        bench.connection._call(operation, {"domain": defined.ref}, None)
    except PolyvisorError as refusal:
        assert refusal.code != "driver-fault", refusal
        assert isinstance(refusal, operation.raises), f"{operation.name} does not declare {refusal.code}: {refusal}"
        assert refusal.message.strip() and refusal.operation == operation.name
    assert operation.name == "undefine" or bench.connection.domain(uuid=defined.uuid) == defined


@pytest.mark.parametrize("operation", PLAIN)
def test_a_guest_is_known_by_its_uuid(bench: Bench, defined: Domain, operation: Operation) -> None:
    """A name that another guest has, or an id that is old, does not lead an operation astray."""
    bench.require((bench.target.max_guests or 2) >= 2, "the hypervisor has no room for two guests")
    other = bench.start(bench.define())
    mixed = DomainRef(other.name, defined.uuid, other.id)
    before = other.state() if bench.has("domain.state") else None
    try:
        bench.connection._call(operation, {"domain": mixed}, None)
    except PolyvisorError as refusal:
        assert refusal.code != "driver-fault", refusal
    assert bench.connection.domain(uuid=other.uuid).id == other.id
    assert before is None or other.state() == before
    assert before is None or before.state is DomainState.RUNNING
