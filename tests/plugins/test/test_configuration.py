"""The stored configuration of simulated guests."""

from __future__ import annotations

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    NoSuchMetadata,
    UnsupportedConfiguration,
)
from polyvisor.operations.configuration import MetadataKind
from polyvisor.spi import Affect, Column

DOCUMENT = "<domain type='test'><name>{}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
NAMESPACE = "http://example.org/notes"


def test_define_completes_and_stores(connection, told):
    domain = connection.define(DOCUMENT.format("web"))
    config = domain.config()
    assert (config.os.type.arch, config.current_memory_kib, config.max_vcpu_count) == ("i686", 65536, 1)
    assert told() == [("lifecycle", "defined", "added")]
    assert connection.lookup("web") == domain


def test_define_again_replaces_the_configuration(connection, told):
    domain = connection.define(DOCUMENT.format("web"))
    connection.define(domain.xml().replace("65536", "131072"))
    assert domain.config().memory_kib == 131072
    assert [detail for _, _, detail in told()] == ["added", "updated"]


def test_a_running_guest_runs_on_with_what_it_has(connection, guest):
    connection.define(guest.xml(inactive=True).replace(">2097152<", ">1048576<"))
    assert guest.config().current_memory_kib == 2097152
    assert guest.config(inactive=True).current_memory_kib == 1048576
    assert guest.info().updated
    guest.destroy()
    guest.start()
    assert guest.config().current_memory_kib == 1048576
    assert not guest.info().updated


def test_a_name_belongs_to_one_uuid(connection):
    connection.define(DOCUMENT.format("web"))
    with pytest.raises(AlreadyExists, match="web"):
        connection.define(DOCUMENT.format("web"))


def test_a_uuid_keeps_its_name(connection, off):
    with pytest.raises(InvalidState, match="rename"):
        connection.define(off.xml().replace("<name>test<", "<name>other<"))


def test_domains_of_other_hypervisors_are_refused(connection):
    with pytest.raises(UnsupportedConfiguration, match="type 'test'"):
        connection.define(DOCUMENT.format("web").replace("'test'", "'kvm'"))


def test_a_document_never_changes_under_its_reader(guest):
    guest.config().name = "changed"
    assert guest.config().name == "test"


def test_undefine_leaves_a_running_guest_transient(connection, guest, told):
    guest.undefine()
    assert connection.domains(columns=[Column.PERSISTENT])[0].persistent is False
    assert told() == [("lifecycle", "undefined", "removed")]
    guest.destroy()
    with pytest.raises(NoSuchDomain):
        guest.info()


@pytest.mark.parametrize(
    ("own", "option"),
    [
        (lambda guest: guest.managed_save(), "managed_save"),
        (lambda guest: guest.create_snapshot(), "snapshots_metadata"),
        (lambda guest: guest.create_checkpoint(), "checkpoints_metadata"),
    ],
)
def test_undefine_leaves_no_belongings_behind_unasked(guest, own, option):
    own(guest)
    with pytest.raises(InvalidState, match=option):
        guest.undefine()
    guest.undefine(**{option: True})


def test_rename_an_inactive_guest(connection, off, told):
    off.rename("other")
    assert off.name == off.config().name == "other"
    assert told() == [("lifecycle", "undefined", "renamed"), ("lifecycle", "defined", "renamed")]
    with pytest.raises(NoSuchDomain):
        connection.domain("test")


def test_rename_is_refused_while_running_and_for_taken_names(connection, guest):
    with pytest.raises(InvalidState):
        guest.rename("other")
    connection.define(DOCUMENT.format("web"))
    guest.destroy()
    with pytest.raises(AlreadyExists):
        guest.rename("web")
    assert guest.refresh().name == "test"


def test_title_and_description(guest, told):
    with pytest.raises(NoSuchMetadata):
        guest.metadata(MetadataKind.TITLE)
    guest.set_metadata(MetadataKind.TITLE, "Web server", affect=Affect.BOTH)
    guest.set_metadata(MetadataKind.DESCRIPTION, "Two\nlines")
    assert guest.metadata(MetadataKind.TITLE, affect=Affect.CONFIG) == "Web server"
    assert guest.metadata(MetadataKind.DESCRIPTION) == "Two\nlines"
    with pytest.raises(NoSuchMetadata):
        guest.metadata(MetadataKind.DESCRIPTION, affect=Affect.CONFIG)
    with pytest.raises(InvalidDocument, match="one line"):
        guest.set_metadata(MetadataKind.TITLE, "Two\nlines")
    assert [kind for kind, _, _ in told()] == ["metadata-change"] * 2
    guest.set_metadata(MetadataKind.TITLE, None)
    assert guest.config().title is None


def test_custom_metadata_lives_in_its_namespace(guest):
    guest.set_metadata(MetadataKind.ELEMENT, "<note>keep</note>", uri=NAMESPACE, key="n")
    assert "keep" in guest.metadata(MetadataKind.ELEMENT, uri=NAMESPACE)
    assert f'<n:note xmlns:n="{NAMESPACE}">keep</n:note>' in guest.xml()
    guest.set_metadata(MetadataKind.ELEMENT, None, uri=NAMESPACE)
    with pytest.raises(NoSuchMetadata, match="notes"):
        guest.metadata(MetadataKind.ELEMENT, uri=NAMESPACE)
    with pytest.raises(InvalidArgument):
        guest.metadata(MetadataKind.ELEMENT)


def test_autostart_is_for_persistent_guests(connection, guest):
    guest.set_autostart(True)
    guest.set_autostart_once(True)
    assert guest.autostart() and guest.autostart_once()
    assert [row.name for row in connection.domains(autostart=True)] == ["test"]
    with pytest.raises(InvalidState, match="transient"):
        connection.create(DOCUMENT.format("brief")).set_autostart(True)


def test_lists_are_filtered_and_sorted(connection, guest):
    for name in ("b", "a"):
        connection.define(DOCUMENT.format(name))
    connection.create(DOCUMENT.format("z"))
    assert [row.name for row in connection.domains()] == ["test", "z", "a", "b"]
    assert [row.name for row in connection.domains(active=False)] == ["a", "b"]
    assert [row.name for row in connection.domains(persistent=False)] == ["z"]
    assert connection.list_domains()[0].memory_kib is None


def test_messages_name_what_is_deprecated_and_what_taints(connection):
    text = DOCUMENT.format("old").replace("</domain>", "{}</domain>")
    old = connection.define(text.format("<cpu mode='custom'><model>Deprecated-Test</model></cpu>"))
    assert old.messages() == ["deprecated configuration: CPU model 'Deprecated-Test'"]
    assert old.messages(deprecation=False) == []
    tied = connection.define(text.replace("old", "tied").format("<cpu mode='host-passthrough'/>"))
    assert [message.partition(":")[0] for message in tied.messages()] == ["tainted"]
