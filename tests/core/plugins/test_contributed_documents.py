"""What a connection's documents may hold: what its driver brings, and what those bring who are no drivers."""

from __future__ import annotations

import sys
import types

import pytest

from polyvisor.documents import Element, element
from polyvisor.entrypoints import EntryPoint
from polyvisor.errors import InvalidDocument, UnknownScheme
from polyvisor.model.domaintype import DOMAIN_TYPE
from polyvisor.plugins import DRIVERS, Plugins
from polyvisor.services.documents import Documents
from polyvisor.spi import hookimpl


@element("own", namespace="urn:acme", prefix="acme", extends="domain")
class Own(Element):
    """The driver's."""


@element("bridge", namespace="urn:bridges", prefix="b", extends="network")
class Shared(Element):
    """Of a package that holds no driver."""


XEN = "http://libvirt.org/schemas/domain/xen/1.0"


@element("other", namespace=XEN, prefix="x", extends="domain")
class Other(Element):
    """Another driver's."""


class Acme:
    name = "acme"
    hooks_version = (1, 0)

    @hookimpl
    def document_classes(self):
        return (Own, DOMAIN_TYPE.word("acme"))


@pytest.fixture
def plugins(monkeypatch):
    points = [
        EntryPoint("acme", "made_up_acme:BROUGHT", "polyvisor-acme", "1"),
        EntryPoint("bridges", "made_up_bridges:BROUGHT", "bridges", "1"),
        EntryPoint("xen", "made_up_xen:BROUGHT", "polyvisor-xen", "1"),
        EntryPoint("zeta", "made_up_zeta:BROUGHT", "polyvisor-zeta", "1"),
    ]
    for name, brought in (("acme", (Own,)), ("bridges", (Shared,)), ("xen", (Other,)), ("zeta", ())):
        module = types.ModuleType(f"made_up_{name}")
        module.BROUGHT = brought
        monkeypatch.setitem(sys.modules, module.__name__, module)
    drivers = [EntryPoint("zeta", "made_up_zeta:driver", "polyvisor-zeta", "1")]
    return Plugins(find=lambda group: drivers if group == DRIVERS else points)


@pytest.fixture
def documents(plugins):
    return Documents(plugins, plugins.register_driver(Acme()))


DOMAIN = "<domain type='acme'><name>d</name><memory>1</memory><os><type>hvm</type></os>{}</domain>"


def test_the_driver_s_own_elements_and_words_count(documents):
    config = documents.prepare(None, "domain", DOMAIN.format("<a:own xmlns:a='urn:acme'/>"))
    assert (config.type, config.extensions) == ("acme", [Own()])
    again = documents.prepare(None, "domain", config)
    assert again == config


def test_those_of_other_drivers_do_not(documents):
    with pytest.raises(InvalidDocument, match="belongs to polyvisor-xen, which is for connections of its own"):
        documents.prepare(None, "domain", DOMAIN.format(f"<x:other xmlns:x='{XEN}'/>"))
    with pytest.raises(InvalidDocument, match="'urn:zeta' of <other> belongs to no installed driver"):
        documents.prepare(None, "domain", DOMAIN.format("<x:other xmlns:x='urn:zeta'/>"))


def test_those_of_packages_without_a_driver_count_everywhere(documents):
    network = documents.prepare(None, "network", "<network><name>n</name><b:bridge xmlns:b='urn:bridges'/></network>")
    assert network.extensions == [Shared()]


def test_a_package_that_is_there_without_its_driver_is_not_recommended(plugins):
    with pytest.raises(UnknownScheme) as caught:
        plugins.driver("xen")
    assert caught.value.hint == "polyvisor-xen is installed, but holds no driver yet"
