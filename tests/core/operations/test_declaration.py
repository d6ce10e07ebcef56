"""Declaring operations and implementing them through pluggy."""

from __future__ import annotations

from enum import StrEnum
from types import SimpleNamespace

import pluggy
import pytest

from polyvisor.errors import NoSuchDomain
from polyvisor.operations import declaration
from polyvisor.operations.declaration import PROJECT, STORES, declared, hookimpl, operation, positional_twin


class Source(StrEnum):
    LEASE = "lease"
    AGENT = "agent"


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """A registry of the test's own, so that declaring here leaves no trace."""
    monkeypatch.setattr(declaration, "OPERATIONS", {})
    return declaration.OPERATIONS


@pytest.fixture
def wake():
    @operation(
        capability="test.wake",
        permission="domain:read",
        raises=(NoSuchDomain,),
        extra_permissions={"secure": "domain:read_secure", "source=agent": "domain:write"},
    )
    def wake(session, domain, *, secure=False, source=Source.LEASE, at=0):
        """Wake it.

        More about it."""

    return wake


def manager(function, *plugins):
    """A plugin manager that knows the one operation, with ``plugins`` registered."""
    found = pluggy.PluginManager(PROJECT)
    spec = pluggy.HookspecMarker(PROJECT)(declared(function).specification(), firstresult=True)
    found.add_hookspecs(SimpleNamespace(**{function.__name__: spec}))
    for plugin in plugins:
        found.register(plugin)
    return found


def test_a_declaration_is_read_off_the_signature(wake):
    found = declared(wake)
    assert (found.name, found.capability, found.summary) == ("wake", "test.wake", "Wake it.")
    assert found.arguments == ("session", "domain")
    assert found.options == {"secure": False, "source": Source.LEASE, "at": 0}
    assert found.on_domain and not found.changes and not found.job


def test_a_name_is_declared_once(wake):
    with pytest.raises(ValueError, match="wake is declared twice"):

        @operation(capability="test.other", permission="domain:read")
        def wake(session): ...


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, ("domain:read",)),
        ({"secure": False}, ("domain:read",)),
        ({"secure": True}, ("domain:read", "domain:read_secure")),
        ({"source": Source.LEASE}, ("domain:read",)),
        ({"source": Source.AGENT}, ("domain:read", "domain:write")),
        ({"source": "agent", "secure": True}, ("domain:read", "domain:read_secure", "domain:write")),
    ],
)
def test_an_option_may_need_a_permission_more(wake, options, needed):
    assert declared(wake).permissions_for(options) == needed
    assert declared(wake).open_to_readers(options) is (len(needed) == 1)


def test_a_default_counts_when_an_option_is_left_out():
    @operation(capability="test.tune", permission="domain:write", changes=True, extra_permissions=STORES)
    def tune(session, domain, *, affect="current"): ...

    assert declared(tune).permissions_for({}) == ("domain:write", "domain:save")
    assert declared(tune).permissions_for({"affect": "live"}) == ("domain:write",)


def test_readers_are_refused_what_changes_something():
    @operation(capability="test.kick", permission="domain:read", changes=True)
    def kick(session, domain): ...

    assert not declared(kick).open_to_readers({})


def test_an_implementation_may_take_options_by_keyword(wake):
    class Driver:
        @hookimpl
        def wake(self, session, domain, *, secure=False, at=0):
            return session, domain, secure, at

    call = manager(wake, Driver()).hook.wake
    assert call(session=1, domain=2, secure=True, source=Source.LEASE, at=7) == (1, 2, True, 7)


def test_an_implementation_takes_only_what_it_needs(wake):
    class Driver:
        @hookimpl
        def wake(self, domain):
            return domain

    assert manager(wake, Driver()).hook.wake(session=1, domain=2, secure=True, source=Source.LEASE, at=0) == 2


def test_an_implementation_keeps_its_closure_and_its_super(wake):
    class Base:
        def answer(self):
            return 40

    class Driver(Base):
        @hookimpl
        def wake(self, session, domain, *, at=0):
            """The driver's own words."""
            return super().answer() + at

    driver = Driver()
    assert manager(wake, driver).hook.wake(session=1, domain=2, secure=False, source=Source.LEASE, at=2) == 42
    assert (driver.wake.__name__, driver.wake.__doc__) == ("wake", "The driver's own words.")


def test_a_wrapper_sees_keyword_options_and_the_result(wake):
    seen = []

    class Driver:
        @hookimpl
        def wake(self, session, domain):
            return "awake"

    class Wrapper:
        @hookimpl(wrapper=True)
        def wake(self, domain, *, at=0):
            result = yield
            seen.append((domain, at, result))
            return result.upper()

    call = manager(wake, Driver(), Wrapper()).hook.wake
    assert call(session=1, domain=2, secure=False, source=Source.LEASE, at=3) == "AWAKE"
    assert seen == [(2, 3, "awake")]


def test_an_implementation_under_another_name(wake):
    class Driver:
        @hookimpl(specname="wake")
        def rouse(self, session, *, at=0):
            return at

    assert manager(wake, Driver()).hook.wake(session=1, domain=2, secure=False, source=Source.LEASE, at=5) == 5


def test_an_argument_that_was_never_declared_is_refused(wake):
    class Driver:
        @hookimpl
        def wake(self, session, *, loudly=False): ...

    with pytest.raises(pluggy.PluginValidationError, match="loudly"):
        manager(wake, Driver())


def test_a_function_without_options_is_its_own_twin():
    def plain(session, domain): ...

    assert positional_twin(plain) is plain
