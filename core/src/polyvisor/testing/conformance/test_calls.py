"""Every operation on a guest, called when it cannot be and with what nobody means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDomain, PolyvisorError, UnsupportedOption
from polyvisor.operations.declaration import Operation
from polyvisor.operations.jobs import JobControl
from polyvisor.services.jobs import Job
from polyvisor.testing.bench import Bench
from polyvisor.testing.calls import NEED_A_RUNNING_GUEST, ODD, ON_GUESTS, PARTS, arguments, odd_arguments
from polyvisor.testing.equipment import Kit
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain


def each(operations: list[Operation]) -> list[Any]:
    """A parameter for each operation, for drivers that have it."""
    return [pytest.param(operation, marks=needs(operation.name), id=operation.name) for operation in operations]


def call(domain: Domain, operation: Operation, given: dict[str, Any]) -> object:
    """Call an operation on a guest; closes what it opens."""
    job: JobControl | None = Job(operation.name) if operation.job else None
    found = domain._call(operation, given, job)  # type: ignore[arg-type]
    close = getattr(found, "close", None)
    if callable(close):
        close()
    return found


def equipped(kit: Kit) -> Domain:
    """A guest that is off and has as many of the parts as this hypervisor can give it."""
    from _pytest.outcomes import Skipped

    try:
        return kit.guest(*PARTS)
    except Skipped:
        return kit.guest()


@pytest.mark.parametrize("operation", each([each for each in ON_GUESTS if each.name != "define"]))
def test_a_guest_that_is_gone_is_missed_whatever_is_asked(kit: Kit, operation: Operation) -> None:
    guest = equipped(kit)
    given = arguments(operation, kit)
    if operation.name == "migrate":
        given["destination"] = kit.bench.target.uri  # a place that is there
    guest.undefine()
    with pytest.raises(NoSuchDomain) as refusal:
        call(guest, operation, given)
    assert refusal.value.operation == operation.name
    assert guest.name in str(refusal.value)


@pytest.mark.parametrize("operation", each([each for each in ON_GUESTS if each.name in NEED_A_RUNNING_GUEST]))
def test_what_needs_a_running_guest_is_refused_by_one_that_is_off(kit: Kit, operation: Operation) -> None:
    guest = equipped(kit)
    before = guest.state()
    with pytest.raises(InvalidState) as refusal:
        call(guest, operation, arguments(operation, kit))
    assert refusal.value.operation == operation.name
    assert guest.state() == before


@pytest.mark.parametrize("active", [False, True], ids=["off", "running"])
@pytest.mark.parametrize("operation", each(ON_GUESTS))
def test_a_refusal_is_of_a_kind_that_is_declared(kit: Kit, bench: Bench, operation: Operation, active: bool) -> None:
    guest = equipped(kit)
    if active:
        bench.start(guest)
    try:
        call(guest, operation, arguments(operation, kit))
    except PolyvisorError as refusal:
        assert isinstance(refusal, operation.raises), f"{operation.name} does not declare {refusal.code}: {refusal}"
        assert refusal.message.strip()


@pytest.mark.parametrize(
    ("operation", "argument"),
    [
        pytest.param(operation, name, marks=needs(operation.name), id=f"{operation.name}-{name}")
        for operation, name in odd_arguments()
    ],
)
@pytest.mark.parametrize("active", [False, True], ids=["off", "running"])
def test_odd_values_are_taken_or_refused_and_break_nothing(
    kit: Kit, bench: Bench, monkeypatch: pytest.MonkeyPatch, operation: Operation, argument: str, active: bool
) -> None:
    """A driver that breaks on a value (DriverFault), or keeps one that no document can hold, has not looked at it."""
    monkeypatch.chdir(bench.scratch)
    if argument in operation.options:
        bench.need(f"{operation.name}({argument})")
    guest = equipped(kit)
    if active:
        bench.start(guest)
    sensible = arguments(operation, kit)
    for value in ODD[operation.function.__annotations__[argument]]:
        try:
            call(guest, operation, {**sensible, argument: value})
        except UnsupportedOption:
            continue
        except PolyvisorError as refusal:
            allowed = (*operation.raises, InvalidArgument)
            assert isinstance(refusal, allowed), f"{value!r:.60}: does not declare {refusal.code}: {refusal}"
        if bench.has("domain.xml") and operation.name not in ("undefine", "destroy"):
            assert bench.connection.domain(uuid=guest.uuid).xml(), f"{value!r:.60}: there is no document any more"
