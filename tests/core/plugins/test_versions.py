"""Drivers built for other versions of the hooks: what works, what is refused, and in which words."""

from __future__ import annotations

import logging
import sys
import types

import pytest

from polyvisor import plugins as plugins_module
from polyvisor.config import Configuration
from polyvisor.errors import PluginError, UnsupportedOption
from polyvisor.objects.connection import Connection, open_connection
from polyvisor.operations.catalogue import every
from polyvisor.plugins import DRIVERS, EntryPoint, Plugins
from polyvisor.spi import DomainRef, DomainRow, DomainState, Session, StateInfo, hookimpl


class Acme:
    """A driver that states whatever version a test gives it."""

    name = "acme"
    hooks_version = (1, 0)

    @hookimpl
    def connect(self, uri, context):
        return Session(uri, context)

    @hookimpl
    def list_domains(self, session, *, active=None):
        return [DomainRow(DomainRef("web", uuid_of("web"), 1), DomainState.RUNNING)]

    @hookimpl
    def lookup_domain(self, session, *, name=None, uuid=None, id=None):
        return DomainRef("web", uuid_of("web"), 1)

    @hookimpl
    def domain_state(self, session, domain):
        return StateInfo(DomainState.RUNNING)


def uuid_of(name):
    from uuid import NAMESPACE_URL, uuid5

    return uuid5(NAMESPACE_URL, name)


def stating(version: object, base: type = Acme) -> object:
    return type("Acme", (base,), {"hooks_version": version})()


def installed(driver: object, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """As if ``driver`` were the one of the distribution polyvisor-acme 3.2."""
    module = types.ModuleType("acme_of_another_time")
    module.driver = driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    point = EntryPoint("acme", f"{module.__name__}:driver", "polyvisor-acme", "3.2")
    return Plugins(find=lambda group: [point] if group == DRIVERS else [])


def connect(plugins: Plugins) -> Connection:
    return open_connection("acme:///", plugins=plugins, configuration=Configuration())


@pytest.fixture
def core_of(monkeypatch):
    """Make this a core of another version of the hooks."""
    return lambda *version: monkeypatch.setattr(plugins_module, "HOOKS_VERSION", version)


def test_a_driver_for_an_older_minor_version_works_without_a_word(core_of, monkeypatch, caplog, recwarn):
    core_of(1, 4)
    plugins = installed(stating((1, 0)), monkeypatch)
    with connect(plugins) as connection:
        assert [row.name for row in connection.list_domains(active=True)] == ["web"]
        assert connection.domain("web").state().state is DomainState.RUNNING
        with pytest.raises(UnsupportedOption):  # an option that came after it, as this one could have
            connection.list_domains(persistent=True)
    assert plugins.verify(plugins.driver("acme"), every()) == []
    assert caplog.records == [] and recwarn.list == []


def test_a_driver_for_this_version_works_without_a_word(monkeypatch, caplog):
    connect(installed(stating(plugins_module.HOOKS_VERSION), monkeypatch)).close()
    assert caplog.records == []


class FromTheFuture(Acme):
    @hookimpl
    def teleport(self, session, domain):
        """An operation that came with hooks 1.7."""

    @hookimpl
    def domain_state(self, session, domain, *, precisely=False):
        """An option that came with hooks 1.7."""
        return StateInfo(DomainState.RUNNING)


def test_a_driver_for_a_newer_minor_version_works_as_far_as_it_can_and_is_named_in_the_log(
    core_of, monkeypatch, caplog
):
    core_of(1, 2)
    plugins = installed(stating((1, 7), FromTheFuture), monkeypatch)
    with caplog.at_level(logging.WARNING, "polyvisor"), connect(plugins) as connection:
        assert [row.name for row in connection.list_domains()] == ["web"]
        with pytest.raises(PluginError, match=r"domain_state.*precisely") as refused:
            connection.domain("web").state()
    assert "install a newer polyvisor" in (refused.value.hint or "")
    assert "acme (polyvisor-acme 3.2) was built for hooks 1.7, this is 1.2" in caplog.text
    problems = plugins.verify(plugins.driver("acme"), every())
    assert "implements teleport, which came with newer hooks than these" in problems


@pytest.mark.parametrize(
    ("core", "stated", "message"),
    [
        ((1, 0), (2, 0), r"acme \(polyvisor-acme 3\.2\).*version 2\.0 of the hooks, this is.*1\.0.*a newer polyvisor"),
        ((2, 3), (1, 9), r"acme \(polyvisor-acme 3\.2\).*1\.9 of the hooks.*2\.3.*a newer version of acme"),
        ((1, 0), None, "acme.*does not say for which version"),
        ((1, 0), "1.0", "acme.*does not say for which version"),
        ((1, 0), (1,), "acme.*does not say for which version"),
    ],
)
def test_another_major_version_and_none_are_refused_by_name(core_of, monkeypatch, core, stated, message):
    core_of(*core)
    plugins = installed(stating(stated), monkeypatch)
    with pytest.raises(PluginError, match=message):
        connect(plugins)


def test_a_driver_without_the_attribute_is_told_what_to_write(monkeypatch):
    bare = type("Bare", (), {"name": "acme"})()
    with pytest.raises(PluginError, match="does not say") as refused:
        connect(installed(bare, monkeypatch))
    assert "hooks_version = (1, " in (refused.value.hint or "")


def test_an_import_of_a_name_this_core_lacks_is_explained(monkeypatch):
    module = types.ModuleType("acme_of_another_time")

    def load(name: str) -> object:
        from polyvisor.spi import Wormhole  # type: ignore[attr-defined]

        return Wormhole

    module.__getattr__ = load  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    point = EntryPoint("acme", f"{module.__name__}:driver", "polyvisor-acme", "3.2")
    with pytest.raises(PluginError, match="Wormhole") as refused:
        Plugins(find=lambda group: [point] if group == DRIVERS else []).driver("acme")
    assert "polyvisor-acme may need a newer polyvisor" in (refused.value.hint or "")
