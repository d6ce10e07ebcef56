"""The typed face: methods made of operations, handles, waiting."""

from __future__ import annotations

import inspect
import subprocess
import sys
from uuid import uuid4

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.errors import InvalidArgument, NoSuchDomain, OperationTimeout
from polyvisor.objects.connection import Connection
from polyvisor.objects.domain import Domain
from polyvisor.objects.face import _Method
from polyvisor.objects.snapshots import Checkpoint, Snapshot
from polyvisor.operations.catalogue import every
from polyvisor.plugins import Plugins
from polyvisor.spi import DomainRef, DomainState, Lifecycle, Session, StateInfo, hookimpl, lifecycle

NOT_METHODS = {
    "connect": "polyvisor.open",
    "probe_uri": "polyvisor.open without a URI",
    "watch_events": "Connection.events",
}
"""Operations that have no method, and what stands for them."""

REF = DomainRef("web", uuid4())


class Driver:
    name = "probe"
    schemes = ("probe",)
    hooks_version = (1, 0)

    def __init__(self):
        self.states = [DomainState.RUNNING]
        self.calls = []

    @hookimpl
    def connect(self, uri, context):
        self.session = Session(uri, context)
        return self.session

    @hookimpl
    def lookup_domain(self, session, name, uuid, id):
        self.calls.append((name, uuid, id))
        if id == 7:
            return DomainRef("web", REF.uuid, 7)
        if uuid not in (None, REF.uuid) or name not in (None, "web", "12") or id is not None:
            raise NoSuchDomain("no")
        return REF

    @hookimpl
    def domain_state(self, session, domain):
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        return StateInfo(state, "unknown")

    @hookimpl
    def start(self, session, domain, paused):
        return DomainRef(domain.name, domain.uuid, 7)

    @hookimpl
    def rename(self, session, domain, name):
        return DomainRef(name, domain.uuid, None)

    @hookimpl
    def shutdown(self, session, domain, modes):
        self.states = [DomainState.SHUT_OFF]
        session.events(lifecycle(domain, Lifecycle.STOPPED, "shutdown"))


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def connection(driver):
    plugins = Plugins(find=lambda group: [])
    plugins.register_driver(driver)
    with polyvisor.open("probe:///", plugins=plugins, configuration=Configuration()) as connection:
        yield connection


def test_every_operation_has_a_method():
    reached = {
        member.operation.name
        for face in (Connection, Domain, Snapshot, Checkpoint)
        for member in vars(face).values()
        if isinstance(member, _Method)
    }
    missing = set(every()) - reached - NOT_METHODS.keys()
    assert not missing, f"operations without a method: {sorted(missing)}"


def test_a_method_has_the_documentation_of_its_operation(connection):
    assert inspect.getdoc(connection.hostname) == inspect.getdoc(every()["hostname"].function)


def test_wrong_arguments_are_type_errors_as_in_any_function(connection):
    domain = connection.domain("web")
    with pytest.raises(TypeError, match="unexpected keyword argument 'pausd'"):
        domain.shutdown(pausd=True)
    with pytest.raises(TypeError, match="missing arguments: name"):
        domain._rename()
    with pytest.raises(TypeError, match="takes 0 positional"):
        domain.shutdown("x")


def test_a_handle_follows_start_and_rename(connection):
    domain = connection.domain("web")
    assert domain.id is None
    assert domain.start().id == 7
    assert domain.rename("mail").name == "mail"
    assert domain == connection.domain(uuid=REF.uuid)
    assert len({domain, connection.domain("web")}) == 1


def test_lookup_takes_what_virsh_takes(connection, driver):
    assert connection.lookup("7").id == 7
    assert connection.lookup(str(REF.uuid)).uuid == REF.uuid
    assert connection.lookup("web").name == "web"
    assert connection.lookup("12").uuid == REF.uuid  # no such id: a name
    with pytest.raises(NoSuchDomain):
        connection.lookup(str(uuid4()))


def test_supports_answers_for_capabilities_and_operations(connection):
    assert connection.supports("domain.start")
    assert connection.supports("start")
    assert not connection.supports("domain.destroy")
    with pytest.raises(InvalidArgument, match=r"no capability 'domain.strt' \(did you mean 'domain.start'\?\)"):
        connection.supports("domain.strt")


def test_waiting_ends_when_the_state_is_reached(connection, driver):
    domain = connection.domain("web")
    driver.states = [DomainState.RUNNING, DomainState.RUNNING, DomainState.SHUT_OFF]
    assert domain.wait_for(DomainState.SHUT_OFF, timeout=5) is DomainState.SHUT_OFF


def test_waiting_says_what_it_waited_for(connection):
    with pytest.raises(OperationTimeout, match="domain 'web' is running and did not get shut off within 0"):
        connection.domain("web").wait_for(DomainState.SHUT_OFF, timeout=0)


def test_events_of_one_domain(connection):
    domain = connection.domain("web")
    with domain.events() as events:
        domain.shutdown()
        assert events.get(5).detail == "shutdown"


def test_importing_polyvisor_imports_nothing_heavy():
    code = "import sys, polyvisor; print([m for m in ('lxml', 'click', 'pluggy', 'dataclasses') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_public_names_are_there():
    for name in polyvisor.__all__:
        if name != "__version__":
            assert getattr(polyvisor, name) is not None
    with pytest.raises(AttributeError):
        polyvisor.nonsense  # noqa: B018
