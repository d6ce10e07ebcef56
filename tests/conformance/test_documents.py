"""What goes in as a document comes out as that document."""

from __future__ import annotations

from uuid import UUID

import pytest

from polyvisor import model
from polyvisor.errors import (
    AlreadyExists,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    NoSuchMetadata,
    UnsupportedConfiguration,
)
from polyvisor.operations.configuration import MetadataKind
from polyvisor.spi import Affect

NAMES = {
    "letters": "web",
    "unicode": "größe-数据-нода",
    "emoji": "🚀",
    "blanks": "two words",
    "quotes": "a'b\"c",
    "markup": "a<b>&c;",
    "dash": "--all",
    "dots": "..",
    "hidden": ".hidden",
    "percent": "100%25",
    "comma": "a,b=c",
    "dollar": "$(reboot)`id`",
    "semicolon": "a; rm -rf b",
    "backslash": "a\\b",
    "digits": "42",
    "uuid": "6695eb01-0000-0000-0000-97f2502e193f",
    "long": "n" * 200,
    "wide": "ж" * 100,
}
PARTS = {
    "title": ("more", "<title>A title</title>", lambda found: found.title == "A title"),
    "description": ("more", "<description>Two\nlines</description>", lambda found: found.description == "Two\nlines"),
    "metadata": (
        "more",
        "<metadata><n:note xmlns:n='http://example.org/n'>kept</n:note></metadata>",
        lambda found: "kept" in found.metadata.get("http://example.org/n"),
    ),
    "uuid": (
        "more",
        "<uuid>01234567-89ab-cdef-0123-456789abcdef</uuid>",
        lambda found: UUID(found.uuid) == UUID("01234567-89ab-cdef-0123-456789abcdef"),
    ),
    "clock": ("rest", "<clock offset='localtime'/>", lambda found: found.clock.offset == "localtime"),
    "on_reboot": ("rest", "<on_reboot>destroy</on_reboot>", lambda found: found.on_reboot == "destroy"),
    "topology": (
        "rest",
        "<cpu><topology sockets='1' cores='1' threads='1'/></cpu>",
        lambda found: found.cpu.topology.sockets == 1,
    ),
}


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_name_names_a_domain(hypervisor, connection, name):
    domain = hypervisor.define(escaped(name))
    assert domain.name == connection.domain(name).name == name
    assert name in [row.name for row in connection.list_domains()]
    assert domain.config().name == name
    assert model.parse("domain", domain.xml()).name == name
    domain.undefine()
    with pytest.raises(NoSuchDomain):
        connection.domain(name)


@pytest.mark.parametrize("name", ["percent", "quotes", "unicode", "dollar", "comma"])
def test_any_name_runs(hypervisor, name):
    domain = hypervisor.define(escaped(NAMES[name])).start()
    assert domain.is_active
    domain.destroy()


@pytest.mark.parametrize("name", ["", "a/b", "a&#10;b", "&#9;", "a&#0;b"])
def test_what_is_no_name_is_refused(hypervisor, connection, name):
    before = connection.list_domains()
    with pytest.raises(InvalidDocument):
        hypervisor.define(name)
    assert connection.list_domains() == before


@pytest.mark.parametrize("part", PARTS)
def test_what_a_document_says_is_kept(hypervisor, part):
    where, text, kept = PARTS[part]
    domain = hypervisor.define(**{where: text})
    assert kept(domain.config())
    domain.start()
    assert kept(domain.config(inactive=True))


def test_a_dumped_document_defines_the_same_domain(connection, domain):
    text = domain.xml()
    domain.undefine()
    again = connection.define(text)
    assert again == domain
    assert again.xml() == text


def test_a_dumped_document_of_a_running_guest_is_valid(running):
    config = model.parse("domain", running.xml())
    assert config.id == running.id
    assert model.parse("domain", running.xml(inactive=True)).id is None


def test_secrets_are_shown_only_to_those_who_ask_and_may(hypervisor, connection):
    from polyvisor.errors import ReadOnly

    try:
        domain = hypervisor.define(devices="<graphics type='vnc' passwd='hush'/>")
    except UnsupportedConfiguration as refusal:
        pytest.skip(str(refusal))
    reader = hypervisor.open(readonly=True)
    seen = reader.domain("conformance") if hypervisor.shared else domain
    assert seen.config().devices.graphics[0].passwd is None
    assert "hush" not in seen.xml() + seen.xml(inactive=True)
    assert "hush" in domain.xml(secure=True)
    assert domain.config(secure=True).devices.graphics[0].passwd == "hush"
    if hypervisor.shared:
        with pytest.raises(ReadOnly):
            seen.config(secure=True)


@pytest.mark.needs("domain.define")
def test_units_are_kib_in_the_end(hypervisor):
    text = hypervisor.document().replace("<memory unit='KiB'>65536<", "<memory unit='MiB'>64<")
    domain = hypervisor.connection.define(text)
    assert (domain.config().memory_kib, domain.config().memory.unit) == (65536, "KiB")
    assert domain.info().max_memory_kib == 65536


def test_a_uuid_is_made_and_kept(hypervisor):
    first, second = hypervisor.define("first"), hypervisor.define("second")
    assert first.uuid != second.uuid
    assert UUID(first.config().uuid) == first.uuid


def test_redefining_replaces_what_is_stored(connection, domain):
    connection.define(domain.xml().replace("65536", "131072"))
    assert domain.config().memory_kib == 131072


def test_redefining_leaves_a_running_guest_as_it_is(connection, running):
    connection.define(running.xml(inactive=True).replace("65536", "131072"))
    assert running.config().memory_kib == 65536
    assert running.config(inactive=True).memory_kib == 131072


def test_a_name_belongs_to_one_domain(hypervisor, domain):
    with pytest.raises(AlreadyExists, match="conformance"):
        hypervisor.define("conformance")


@pytest.mark.needs("domain.define")
def test_another_hypervisors_domain_is_refused(hypervisor):
    with pytest.raises(UnsupportedConfiguration):
        hypervisor.connection.define(hypervisor.document().replace(f"type='{hypervisor.type}'", "type='hyperv'"))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda text: text.replace("<vcpu>1</vcpu>", "<vcpuu>1</vcpuu>"), "vcpu"),
        (lambda text: text.replace("unit='KiB'", "unti='KiB'"), "unit"),
        (lambda text: text.replace("65536", "much"), "much"),
        (lambda text: text.replace("<vcpu>", "stray <vcpu>"), "stray"),
        (lambda text: text.replace("</domain>", ""), ""),
        (lambda text: "<!DOCTYPE domain [<!ENTITY a 'b'>]>" + text, "DOCTYPE"),
        (lambda text: "", ""),
    ],
)
def test_broken_documents_are_refused_and_store_nothing(hypervisor, connection, spoil, expected):
    before = connection.list_domains()
    with pytest.raises(InvalidDocument) as refusal:
        connection.define(spoil(hypervisor.document()))
    assert expected in str(refusal.value)
    assert connection.list_domains() == before


@pytest.mark.needs("domain.rename")
def test_renaming(connection, hypervisor, domain):
    hypervisor.define("taken")
    with pytest.raises(AlreadyExists):
        domain.rename("taken")
    domain.rename("größe/2".replace("/", "-"))
    assert connection.domain("größe-2") == domain
    assert domain.config().name == "größe-2"
    with pytest.raises(NoSuchDomain):
        connection.domain("conformance")
    domain.start()
    with pytest.raises(InvalidState):
        domain.rename("other")


@pytest.mark.needs("domain.metadata", "domain.metadata.set")
def test_metadata_of_both_configurations(running):
    with pytest.raises(NoSuchMetadata):
        running.metadata(MetadataKind.TITLE)
    running.set_metadata(MetadataKind.TITLE, "Größe", affect=Affect.BOTH)
    running.set_metadata(MetadataKind.DESCRIPTION, "only now", affect=Affect.LIVE)
    assert running.metadata(MetadataKind.TITLE, affect=Affect.CONFIG) == "Größe"
    assert running.metadata(MetadataKind.DESCRIPTION) == "only now"
    with pytest.raises(NoSuchMetadata):
        running.metadata(MetadataKind.DESCRIPTION, affect=Affect.CONFIG)
    running.set_metadata(MetadataKind.ELEMENT, "<note>&lt;kept&gt;</note>", uri="http://example.org/n", key="n")
    assert "&lt;kept&gt;" in running.metadata(MetadataKind.ELEMENT, uri="http://example.org/n")
    running.set_metadata(MetadataKind.TITLE, None, affect=Affect.BOTH)
    with pytest.raises(NoSuchMetadata):
        running.metadata(MetadataKind.TITLE)


@pytest.mark.needs("domain.metadata", "domain.metadata.set")
def test_metadata_of_the_off_is_that_of_the_stored(domain):
    domain.set_metadata(MetadataKind.TITLE, "stored")
    assert domain.config().title == "stored"
    with pytest.raises(InvalidState):
        domain.set_metadata(MetadataKind.TITLE, "live", affect=Affect.LIVE)
