"""Discovery, blocking, order and wrapping of plugins; their versions are in test_versions.py."""

from __future__ import annotations

import sys
import types
from uuid import uuid4

import pytest

from polyvisor.config import Configuration
from polyvisor.errors import PluginError, PolyvisorError, UnknownScheme, UnsupportedOperation, UnsupportedOption
from polyvisor.objects.connection import open_connection
from polyvisor.operations.catalogue import every
from polyvisor.plugins import DRIVERS, EXTENSIONS, EntryPoint, Plugins
from polyvisor.spi import DomainRef, DomainRow, DomainState, Session, hookimpl


class Acme:
    name = "acme"
    schemes = ("acme", "acme2")
    hooks_version = (1, 0)

    @hookimpl
    def connect(self, uri, context):
        return Session(uri, context)

    @hookimpl
    def list_domains(self, session, active):
        return [DomainRow(DomainRef("web", uuid4(), 1), DomainState.RUNNING)]

    @hookimpl
    def hostname(self, session):
        return "acme-host"


class Environment:
    """An environment of entry points whose modules count their imports."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.points: dict[str, list[EntryPoint]] = {DRIVERS: [], EXTENSIONS: []}
        self._monkeypatch = monkeypatch
        self.imported: list[str] = []

    def add(self, group: str, name: str, plugin: object, distribution: str = "acme-dist") -> None:
        module = f"entry_{name.replace('-', '_')}_{id(plugin)}"
        recorder = self.imported

        class Lazy(types.ModuleType):
            def __getattr__(self, attribute: str) -> object:
                if attribute != "plugin":
                    raise AttributeError(attribute)
                recorder.append(name)
                if isinstance(plugin, Exception):
                    raise plugin
                return plugin

        self._monkeypatch.setitem(sys.modules, module, Lazy(module))
        self.points[group].append(EntryPoint(name, f"{module}:plugin", distribution, "1.2"))

    def plugins(self, **settings: object) -> Plugins:
        return Plugins(find=lambda group: self.points.get(group, []), **settings)  # type: ignore[arg-type]


@pytest.fixture
def environment(monkeypatch):
    return Environment(monkeypatch)


def connect(plugins, uri="acme:///", **options):
    return open_connection(uri, plugins=plugins, configuration=Configuration(), **options)


def test_listing_drivers_imports_none(environment):
    environment.add(DRIVERS, "acme", Acme())
    drivers = environment.plugins().drivers()
    assert [(d.name, d.schemes, d.distribution, d.version) for d in drivers] == [
        ("acme", ("acme",), "acme-dist", "1.2")
    ]
    assert environment.imported == []


def test_a_connection_imports_its_own_driver_only(environment):
    environment.add(DRIVERS, "acme", Acme())
    environment.add(DRIVERS, "other", ImportError("must not be imported"))
    with connect(environment.plugins()) as connection:
        assert connection.driver == "acme"
    assert environment.imported == ["acme"]


def test_a_driver_with_two_schemes_registers_once(environment):
    driver = Acme()
    environment.add(DRIVERS, "acme", driver)
    point = environment.points[DRIVERS][0]
    environment.points[DRIVERS].append(EntryPoint("acme2", point.value, point.distribution, point.version))
    plugins = environment.plugins()
    assert plugins.driver("acme") is plugins.driver("acme2")
    assert plugins.drivers()[0].schemes == ("acme", "acme2")
    assert connect(plugins, "acme2:///x").hostname() == "acme-host"


def test_unknown_scheme_names_the_known_ones_and_the_package(environment):
    environment.add(DRIVERS, "acme", Acme())
    plugins = environment.plugins()
    with pytest.raises(UnknownScheme, match=r"known schemes: acme.*pip install polyvisor-xen"):
        plugins.driver("xen")
    with pytest.raises(UnknownScheme, match=r"did you mean acme://\?"):
        plugins.driver("acne")


@pytest.mark.parametrize("name", ["acme", "acme-dist"])
def test_a_blocked_driver_is_never_imported(environment, name):
    environment.add(DRIVERS, "acme", Acme())
    plugins = environment.plugins(block=[name])
    with pytest.raises(PluginError, match="blocked by configuration"):
        plugins.driver("acme")
    assert environment.imported == []
    assert plugins.drivers()[0].blocked
    assert plugins.schemes() == []


def test_a_driver_that_fails_to_import_is_named_with_its_reason(environment):
    environment.add(DRIVERS, "acme", ImportError("No module named 'acmelib'"))
    with pytest.raises(PluginError, match=r"plugin acme of acme-dist 1\.2 cannot be imported: ImportError.*acmelib"):
        environment.plugins().driver("acme")


def test_what_a_driver_lacks_is_unsupported_by_name(environment):
    environment.add(DRIVERS, "acme", Acme())
    connection = connect(environment.plugins())
    with pytest.raises(UnsupportedOperation, match=r"the acme driver does not support connect\.version") as caught:
        connection.version()
    assert (caught.value.operation, caught.value.driver) == ("version", "acme")


def test_an_option_that_a_driver_lacks_is_refused_not_ignored(environment):
    environment.add(DRIVERS, "acme", Acme())
    connection = connect(environment.plugins())
    assert len(connection.list_domains(active=True)) == 1
    assert len(connection.list_domains(persistent=None)) == 1
    with pytest.raises(UnsupportedOption, match="no option 'persistent'"):
        connection.list_domains(persistent=True)


def test_an_implementation_with_arguments_of_its_own_is_a_broken_plugin(environment):
    class Wrong(Acme):
        @hookimpl
        def hostname(self, session, flavour):
            return "never"

    environment.add(DRIVERS, "acme", Wrong())
    plugins = environment.plugins()
    with pytest.raises(
        PluginError, match="driver acme implements hostname with arguments that it is not declared with: flavour"
    ):
        connect(plugins).hostname()
    assert any("hostname" in problem for problem in plugins.verify(plugins.driver("acme"), every()))


def test_verify_finds_hooks_that_are_no_operation(environment):
    class Typo(Acme):
        @hookimpl
        def hostnam(self, session):
            return "x"

    environment.add(DRIVERS, "acme", Typo())
    plugins = environment.plugins()
    assert plugins.verify(plugins.driver("acme"), every()) == ["implements hostnam, which is no operation"]


class Wrapper:
    hooks_version = (1, 0)

    def __init__(self, name, trace):
        self.name, self.trace = name, trace

    @hookimpl(wrapper=True)
    def hostname(self, session):
        self.trace.append(f"{self.name} in")
        result = yield
        self.trace.append(f"{self.name} out")
        return f"{self.name}({result})"


def test_an_extension_wraps_an_operation_of_any_driver(environment):
    environment.add(DRIVERS, "acme", Acme())
    environment.add(EXTENSIONS, "tracer", Wrapper("tracer", []))
    assert connect(environment.plugins()).hostname() == "tracer(acme-host)"


@pytest.mark.parametrize("order", [("inner", "outer"), ("outer", "inner"), ("outer",), ()])
def test_configuration_orders_extensions_outermost_first(environment, order):
    trace: list[str] = []
    environment.add(DRIVERS, "acme", Acme())
    environment.add(EXTENSIONS, "inner", Wrapper("inner", trace))
    environment.add(EXTENSIONS, "outer", Wrapper("outer", trace))
    connect(environment.plugins(order=order)).hostname()
    first, second = ("outer", "inner") if order[:1] == ("outer",) else ("inner", "outer")
    assert trace == [f"{first} in", f"{second} in", f"{second} out", f"{first} out"]


def test_an_extension_can_refuse_before_the_driver_is_called(environment):
    class Quota:
        name = "quota"
        hooks_version = (1, 0)

        @hookimpl(wrapper=True)
        def hostname(self, session):
            raise PolyvisorError("over quota")
            yield

    environment.add(DRIVERS, "acme", Acme())
    environment.add(EXTENSIONS, "quota", Quota())
    with pytest.raises(PolyvisorError, match="over quota"):
        connect(environment.plugins()).hostname()


def test_a_broken_extension_stops_the_connection(environment):
    environment.add(DRIVERS, "acme", Acme())
    environment.add(EXTENSIONS, "guard", RuntimeError("cannot reach the policy server"))
    with pytest.raises(PluginError, match=r"guard.*cannot reach the policy server"):
        connect(environment.plugins())


def test_two_drivers_in_one_process_do_not_answer_for_each_other(environment):
    class Other(Acme):
        name = "other"
        schemes = ("other",)

        @hookimpl
        def hostname(self, session):
            return "other-host"

    environment.add(DRIVERS, "acme", Acme())
    environment.add(DRIVERS, "other", Other())
    plugins = environment.plugins()
    first = connect(plugins)
    assert first.hostname() == "acme-host"
    second = connect(plugins, "other:///")
    assert (first.hostname(), second.hostname()) == ("acme-host", "other-host")


def test_one_driver_with_wrong_arguments_does_not_stop_another(environment):
    class Wrong(Acme):
        name = "wrong"

        @hookimpl
        def hostname(self, session, flavour):
            return "never"

    environment.add(DRIVERS, "wrong", Wrong())
    environment.add(DRIVERS, "acme", Acme())
    plugins = environment.plugins()
    wrong, right = connect(plugins, "wrong:///"), connect(plugins)
    assert right.hostname() == "acme-host"
    with pytest.raises(PluginError, match="flavour"):
        wrong.hostname()


def test_an_extension_around_no_operation_is_refused(environment):
    class Typo:
        name = "typo"
        hooks_version = (1, 0)

        @hookimpl(wrapper=True)
        def strat(self, session, domain):
            return (yield)

    environment.add(DRIVERS, "acme", Acme())
    environment.add(EXTENSIONS, "typo", Typo())
    with pytest.raises(PluginError, match="extension typo wraps strat, which is no operation"):
        connect(environment.plugins())
