"""What every operation passes through: access, errors, audit, metrics, closing."""

from __future__ import annotations

import logging
import threading
from uuid import uuid4

import pytest

from polyvisor import model
from polyvisor.config import Configuration
from polyvisor.errors import AccessDenied, ConnectionClosed, DriverFault, InvalidArgument, InvalidState, ReadOnly
from polyvisor.objects.connection import open_connection
from polyvisor.operations.lifecycle import ShutdownMode
from polyvisor.plugins import Plugins
from polyvisor.services.access import Policy
from polyvisor.spi import DomainRef, DomainState, Lifecycle, Session, StateInfo, hookimpl, lifecycle


class Driver:
    name = "probe"
    schemes = ("probe",)
    hooks_version = (1, 0)

    def __init__(self):
        self.called: list[str] = []
        self.entered, self.release = threading.Event(), threading.Event()

    @hookimpl
    def connect(self, uri, context):
        self.session = Session(uri, context)
        self.session.close = lambda: self.called.append("close")
        return self.session

    @hookimpl
    def lookup_domain(self, session, name):
        return DomainRef(name, uuid4(), None)

    @hookimpl
    def domain_state(self, session, domain):
        self.called.append("domain_state")
        return StateInfo(DomainState.SHUT_OFF, "unknown")

    @hookimpl
    def destroy(self, session, domain):
        self.called.append("destroy")
        raise InvalidState("domain 'web' is not running")

    @hookimpl
    def set_guest_password(self, session, domain, user, password):
        raise ValueError(f"cannot set {password!r} for {user}")

    @hookimpl
    def shutdown(self, session, domain, modes):
        self.called.append(list(modes))

    @hookimpl
    def domain_config(self, session, domain, secure):
        return self.config

    @hookimpl
    def hostname(self, session):
        raise ZeroDivisionError("1/0")

    @hookimpl
    def version(self, session):
        self.entered.set()
        assert self.release.wait(5)
        self.called.append("version")


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def opened(driver):
    def open_(**options):
        plugins = Plugins(find=lambda group: [])
        plugins.register_driver(driver)
        return open_connection("probe:///", plugins=plugins, configuration=Configuration(), **options)

    return open_


def test_a_read_only_connection_refuses_changes_before_any_driver_is_called(opened, driver):
    domain = opened(readonly=True).domain("web")
    with pytest.raises(ReadOnly) as caught:
        domain.destroy()
    assert caught.value.operation == "destroy"
    assert caught.value.target == "domain 'web'"
    assert driver.called == []
    assert domain.state().state is DomainState.SHUT_OFF


def test_a_read_only_connection_shows_no_secrets(opened):
    with pytest.raises(ReadOnly, match="secrets"):
        opened(readonly=True).domain("web").config(secure=True)


def test_a_policy_grants_what_it_names_and_nothing_else(opened, driver):
    domain = opened(policy=Policy.allow("connect:*", "domain:getattr", "domain:stop")).domain("web")
    with pytest.raises(AccessDenied, match="domain:read") as caught:
        domain.state()
    assert caught.value.details == {"permission": "domain:read"}
    with pytest.raises(InvalidState):
        domain.destroy()
    assert driver.called == ["destroy"]


def test_denied_wins_over_granted(opened):
    domain = opened(policy=Policy.allow("*", deny=["domain:stop"])).domain("web")
    with pytest.raises(AccessDenied):
        domain.destroy()


def test_an_option_may_need_a_permission_more(opened):
    domain = opened(policy=Policy.allow("*", deny=["domain:read_secure"])).domain("web")
    with pytest.raises(AccessDenied, match="read_secure"):
        domain.config(secure=True)


def test_a_policy_pattern_without_a_colon_is_refused():
    with pytest.raises(InvalidArgument, match="'domain' is not a permission pattern"):
        Policy.allow("domain")


def test_a_driver_that_breaks_is_named_and_its_exception_kept(opened):
    with pytest.raises(DriverFault, match="the probe driver broke in hostname: ZeroDivisionError") as caught:
        opened().hostname()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_errors_carry_operation_driver_and_target(opened):
    with pytest.raises(InvalidState) as caught:
        opened().domain("web").destroy()
    facts = caught.value.as_dict()
    assert facts["code"] == "invalid-state"
    assert (facts["operation"], facts["driver"], facts["target"]) == ("destroy", "probe", "domain 'web'")


def test_audit_records_changes_refusals_and_no_arguments(opened, caplog):
    connection = opened()
    with caplog.at_level(logging.INFO, "polyvisor.audit"), pytest.raises(InvalidState):
        connection.domain("web").destroy()
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.audit["outcome"] == "invalid-state"
    assert record.audit["target"] == "domain 'web'"
    caplog.clear()
    with caplog.at_level(logging.INFO, "polyvisor.audit"), pytest.raises(ReadOnly):
        opened(readonly=True).domain("web").destroy()
    (record,) = caplog.records
    assert (record.levelno, record.audit["outcome"]) == (logging.WARNING, "read-only")


def test_metrics_count_calls_and_errors(opened):
    connection = opened()
    domain = connection.domain("web")
    domain.state()
    with pytest.raises(InvalidState):
        domain.destroy()
    accounts = connection.metrics()
    assert (accounts["domain_state"].calls, accounts["domain_state"].errors) == (1, 0)
    assert (accounts["destroy"].calls, accounts["destroy"].errors) == (1, 1)


def test_close_waits_for_calls_under_way_and_refuses_later_ones(opened, driver):
    connection = opened()
    call = threading.Thread(target=connection.version)
    call.start()
    assert driver.entered.wait(5)
    closer = threading.Thread(target=connection.close)
    closer.start()
    with pytest.raises(ConnectionClosed):
        while True:
            connection.lookup_domain(name="web")
    assert "close" not in driver.called
    driver.release.set()
    call.join(5)
    closer.join(5)
    assert driver.called[-2:] == ["version", "close"]
    connection.close()
    assert driver.called.count("close") == 1


def test_words_become_members_of_the_enumerations_that_are_declared(opened, driver):
    domain = opened().domain("web")
    domain.shutdown(modes=["acpi"])
    assert driver.called == [[ShutdownMode.ACPI]]
    assert type(driver.called[0][0]) is ShutdownMode
    with pytest.raises(InvalidArgument, match=r"modes of shutdown cannot be 'apci'.*'acpi', 'agent'"):
        domain.shutdown(modes=["apci"])


def test_a_document_is_shown_without_secrets_and_the_drivers_own_keeps_them(opened, driver):
    driver.config = model.parse(
        "domain",
        "<domain type='test'><name>web</name><os><type>hvm</type></os><devices>"
        "<graphics type='vnc' passwd='secret'/></devices></domain>",
    )
    domain = opened().domain("web")
    assert "secret" not in domain.xml()
    assert domain.config().devices.graphics[0].passwd is None
    assert driver.config.devices.graphics[0].passwd == "secret"
    assert "secret" in domain.xml(secure=True)


def test_what_happens_while_a_connection_closes_is_still_heard(opened, driver):
    connection = opened()
    events = connection.events()
    ref = DomainRef("web", uuid4(), 1)
    driver.session.close = lambda: driver.session.events(lifecycle(ref, Lifecycle.STOPPED, "destroyed"))
    connection.close()
    assert [event.detail for event in events] == ["destroyed"]


def test_what_is_declared_a_secret_stays_out_of_the_words_of_a_broken_driver(opened):
    with pytest.raises(DriverFault, match=r"ValueError: cannot set '\*\*\*' for root") as caught:
        opened().domain("web").set_guest_password("root", "hunter2")
    assert "hunter2" not in str(caught.value)
