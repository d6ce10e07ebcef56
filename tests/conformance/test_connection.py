"""What every connection does, whatever its hypervisor."""

from __future__ import annotations

from typing import Any

import pytest

from polyvisor.errors import ConnectionClosed, InvalidArgument, InvalidURI, NoSuchDomain, ReadOnly, UnsupportedOperation
from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import Operation
from polyvisor.services.access import Policy
from polyvisor.spi import DomainState

OPERATIONS = [operation for name, operation in every().items() if name not in ("connect", "probe_uri")]
CHANGING = [operation for operation in OPERATIONS if operation.changes]


def arguments(operation: Operation) -> dict[str, Any]:
    """Something for each positional argument: the call must be refused before anybody looks at it."""
    return dict.fromkeys(name for name in operation.arguments if name != "session")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_a_driver_lacks_is_refused_by_name(connection, operation):
    if connection.supports(operation.name):
        return  # the other tests are about those
    with pytest.raises(UnsupportedOperation) as refusal:
        connection._call(operation, arguments(operation), None)
    assert refusal.value.operation == operation.name
    assert refusal.value.driver == connection.driver


@pytest.mark.parametrize("operation", CHANGING, ids=lambda operation: operation.name)
def test_a_read_only_connection_changes_nothing(hypervisor, operation):
    reader = hypervisor.open(readonly=True)
    with pytest.raises(ReadOnly):
        reader._call(operation, arguments(operation), None)


def test_every_hook_is_as_declared(connection):
    invoker = connection._invoker
    assert invoker.plugins.verify(invoker.driver, every()) == []


def test_a_reader_may_look(hypervisor, domain):
    reader = hypervisor.open(readonly=True)
    assert isinstance(reader.list_domains(), list)
    assert reader.policy.read_only


def test_a_policy_of_few_permissions_grants_no_more(hypervisor, domain):
    from polyvisor.errors import AccessDenied

    lister = hypervisor.open(policy=Policy.allow("connect:*"))
    assert isinstance(lister.list_domains(), list)
    with pytest.raises(AccessDenied, match="domain:"):
        lister.define(hypervisor.document("other"))


def test_a_closed_connection_says_so(hypervisor):
    connection = hypervisor.open()
    connection.close()
    connection.close()
    assert connection.closed
    with pytest.raises(ConnectionClosed):
        connection.list_domains()


def test_a_typo_is_not_a_missing_feature(connection):
    with pytest.raises(InvalidArgument, match="did you mean"):
        connection.supports("domain.strat")


@pytest.mark.needs("connect.version", "connect.type", "connect.alive")
def test_the_hypervisor_introduces_itself(connection):
    assert connection.hypervisor_type().strip()
    assert connection.version().major >= 0
    assert connection.alive() is True


def test_an_unknown_parameter_of_the_uri_is_refused(hypervisor):
    hypervisor.uri += ("&" if "?" in hypervisor.uri else "?") + "colour=blue"
    with pytest.raises(InvalidURI, match="colour"):
        hypervisor.open()
    hypervisor.uri = hypervisor.uri.removesuffix("colour=blue")[:-1]


@pytest.mark.needs("host.info", "host.cpu-map", "host.free-mem")
def test_the_host_adds_up(connection):
    host = connection.host_info()
    assert host.cpus >= 1 and host.memory_kib > 0
    assert len(connection.cpu_map().online) <= connection.cpu_map().present
    assert 0 < connection.free_memory().total <= host.memory_kib * 1024


@pytest.mark.needs("caps.host")
def test_capabilities_name_the_guests_that_can_run(hypervisor, connection):
    found = connection.capabilities()
    types = {domain.type for guest in found.guests for domain in guest.arch.domains}
    assert hypervisor.type in types


# -- finding domains --------------------------------------------------------------------------------------------


def test_a_domain_is_found_by_everything_that_names_it(connection, running):
    assert connection.domain("conformance") == running
    assert connection.domain(uuid=running.uuid) == running
    assert connection.domain(id=running.id) == running
    for text in ("conformance", str(running.uuid), str(running.id)):
        assert connection.lookup(text) == running


@pytest.mark.parametrize("lost", [{"name": "nobody"}, {"uuid": "00000000-1111-2222-3333-444444444444"}, {"id": 987654}])
def test_nobody_is_not_found(connection, lost):
    with pytest.raises(NoSuchDomain):
        connection.domain(**lost)


def test_the_table_has_every_domain_once(connection, hypervisor):
    for name in ("b", "a", "c"):
        hypervisor.define(name)
    connection.domain("c").start()
    rows = [row for row in connection.domains() if row.name in "abc"]
    assert [row.name for row in rows] == ["c", "a", "b"]
    assert [row.state for row in rows] == [DomainState.RUNNING, DomainState.SHUT_OFF, DomainState.SHUT_OFF]
    assert [row.ref.id is None for row in rows] == [False, True, True]
    assert {(row.memory_kib, row.vcpus, row.persistent) for row in rows} == {(65536, 1, True)}


def test_the_table_is_filtered(connection, hypervisor):
    hypervisor.define("off")
    hypervisor.define("on").start()
    assert "off" not in [row.name for row in connection.list_domains(active=True)]
    assert "on" not in [row.name for row in connection.list_domains(active=False)]
    assert "off" in [row.name for row in connection.list_domains(states=[DomainState.SHUT_OFF])]
