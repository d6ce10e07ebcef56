"""Who may: read-only connections, policies, and questions that only ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import AccessDenied, PolyvisorError, ReadOnly, UnsupportedOption
from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import Operation
from polyvisor.operations.records import DomainRow
from polyvisor.services.access import Policy
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

OPERATIONS = [operation for name, operation in every().items() if name not in ("connect", "probe_uri")]
CHANGES = [pytest.param(each, marks=needs(each.name), id=each.name) for each in OPERATIONS if each.changes]
QUESTIONS = [
    pytest.param(each, marks=needs(each.name), id=each.name)
    for each in OPERATIONS
    if not each.changes and each.arguments in (("session",), ("session", "domain")) and each.name != "lookup_domain"
]
"""Operations that change nothing and want to know nothing but whom they are about."""


def arguments(operation: Operation, domain: Domain) -> dict[str, Any]:
    """The domain, for an operation on one."""
    return {"domain": domain.ref} if operation.on_domain else {}


def picture(bench: Bench, domain: Domain) -> list[Any]:
    """All that can be seen of the domains here, without what changes by itself."""
    seen: list[Any] = []
    if bench.has("domain.list"):
        rows = bench.connection.list_domains()
        seen += [DomainRow(row.ref, row.state, row.reason) for row in rows]
    if bench.has("domain.xml"):
        seen += [domain.xml(), domain.xml(inactive=True)]
    if bench.has("domain.autostart"):
        seen.append(domain.autostart())
    if bench.has("managedsave.has"):
        seen.append(domain.has_managed_save())
    return seen


# -- read-only connections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", CHANGES)
def test_a_read_only_connection_changes_nothing(bench: Bench, operation: Operation) -> None:
    reader = bench.open(readonly=True)
    with pytest.raises(ReadOnly) as refusal:
        reader._call(operation, dict.fromkeys(operation.arguments[1:]), None)
    assert refusal.value.operation == operation.name


@pytest.mark.parametrize("operation", QUESTIONS)
def test_a_read_only_connection_may_ask(
    bench: Bench, read_only: Connection, running: Domain, operation: Operation
) -> None:
    try:
        read_only._call(operation, arguments(operation, running), None)
    except AccessDenied as refusal:
        pytest.fail(f"{operation.name} is closed to readers: {refusal}")
    except PolyvisorError as refusal:
        assert refusal.code != "driver-fault", refusal


@needs("domain.state")
def test_a_reader_may_not_stop_a_guest(read_only: Connection, running: Domain) -> None:
    seen = read_only.domain(uuid=running.uuid)
    for change in (seen.destroy, seen.undefine, seen.suspend, seen.shutdown):
        with pytest.raises(ReadOnly):
            change()
    assert running.is_active


@needs("domain.define", "domain.list")
def test_a_reader_may_not_define(bench: Bench) -> None:
    reader = bench.open(readonly=True)
    before = reader.list_domains()
    with pytest.raises(ReadOnly):
        reader.define(bench.document())
    assert reader.list_domains() == before


@needs("domain_config(secure)")
def test_a_reader_may_not_see_secrets(read_only: Connection, defined: Domain) -> None:
    seen = read_only.domain(uuid=defined.uuid)
    with pytest.raises(ReadOnly):
        seen.config(secure=True)
    assert seen.config() is not None


def test_a_read_only_connection_knows_that_it_is(bench: Bench) -> None:
    assert bench.open(readonly=True).policy.read_only
    assert not bench.open().policy.read_only


# -- policies -------------------------------------------------------------------------------------------------------


@needs("domain.list", "domain.define")
def test_a_policy_of_few_permissions_grants_no_more(bench: Bench) -> None:
    lister = bench.open(policy=Policy.allow("connect:*"))
    assert isinstance(lister.list_domains(), list)
    with pytest.raises(AccessDenied, match="domain:"):
        lister.define(bench.document())


@needs("domain.lookup", "domain.destroy", "domain.state")
def test_a_permission_that_is_taken_away_is_missed(bench: Bench, running: Domain) -> None:
    bench.require(bench.target.shared, "connections do not share their guests")
    allowed = [f"{kind}:*" for kind in ("connect", "domain")]
    some = bench.open(policy=Policy.allow(*allowed, deny=["domain:stop"]))
    with pytest.raises(AccessDenied, match="domain:stop"):
        some.domain(uuid=running.uuid).destroy()
    assert running.is_active


# -- questions only ask ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", QUESTIONS)
@pytest.mark.parametrize("active", [False, True], ids=["off", "running"])
def test_a_question_changes_nothing(bench: Bench, defined: Domain, operation: Operation, active: bool) -> None:
    if active:
        bench.start(defined)
    before = picture(bench, defined)
    for _ in range(2):
        try:
            bench.connection._call(operation, _asked(operation, defined), None)
        except PolyvisorError as refusal:
            assert refusal.code != "driver-fault", refusal
    assert picture(bench, defined) == before


def _asked(operation: Operation, domain: Domain) -> dict[str, Any]:
    found = arguments(operation, domain)
    return {**found, "enabled": True} if "enabled" in operation.arguments else found


@pytest.mark.parametrize(
    ("operation", "option"),
    [
        pytest.param(each, option, marks=needs(each.name), id=f"{each.name}({option})")
        for each in OPERATIONS
        for option, default in each.options.items()
        if each.arguments in (("session",), ("session", "domain")) and default is False
    ],
)
def test_an_option_that_a_driver_lacks_is_refused(bench: Bench, operation: Operation, option: str) -> None:
    """Asked for, it is not ignored: what the caller relies on would not happen."""
    bench.require(not bench.has(f"{operation.name}({option})"), "the driver has it")
    domain = bench.define() if operation.on_domain else None
    given = {"domain": domain.ref} if domain else {}
    with pytest.raises(UnsupportedOption) as refusal:
        bench.connection._call(operation, {**given, option: True}, None)
    assert option in refusal.value.message
    assert domain is None or domain.refresh().id is None
