"""Stored guests, through the public face, with no QEMU to run them."""

from __future__ import annotations

import subprocess
import sys
import threading
from uuid import UUID

import pytest

import polyvisor
from polyvisor.errors import (
    AlreadyExists,
    ConnectFailed,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    InvalidURI,
    NoSuchDomain,
    NoSuchMetadata,
    ReadOnly,
    UnsupportedConfiguration,
    UnsupportedOption,
)
from polyvisor.operations.records import Affect, Column, DomainState

SMALL = """<domain type='qemu'><name>{name}</name>{more}<memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"""


def small(name: str = "demo", more: str = "") -> str:
    return SMALL.format(name=name, more=more)


def names(connection) -> list[str]:
    return [row.name for row in connection.domains()]


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("qemu:///", InvalidURI),
        ("qemu:///sesion", InvalidURI),
        ("qemu://host/system", InvalidURI),
        ("qemu+ssh://host/system", InvalidURI),
        ("qemu:///embed", InvalidURI),
        ("qemu:///embed?root=relative", InvalidURI),
        ("qemu:///embed?root=/tmp&rot=/x", InvalidURI),
        ("qemu:///session?socket=/x", InvalidURI),
    ],
)
def test_other_uris_are_refused_with_a_word_of_advice(uri, error):
    with pytest.raises(error):
        polyvisor.open(uri)


def test_a_place_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "qemu").write_text("a file")
    with pytest.raises(ConnectFailed, match="qemu"):
        polyvisor.open(f"qemu:///embed?root={tmp_path}")


def test_opening_leaves_nothing_behind(tmp_path):
    with polyvisor.open(f"qemu:///embed?root={tmp_path}") as connection:
        assert names(connection) == []
    assert list(tmp_path.iterdir()) == []


def test_opening_and_listing_load_neither_documents_nor_prober(tmp_path):
    program = f"""
import sys, polyvisor
with polyvisor.open("qemu:///embed?root={tmp_path}") as connection:
    assert connection.domains() == []
heavy = [name for name in sys.modules if name.startswith(("lxml", "polyvisor.model", "polyvisor.documents",
         "polyvisor_qemu.probe", "polyvisor_qemu.argv", "subprocess_", "ctypes", "asyncio"))]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_defined_is_found_and_has_its_hardware_written_down(connection):
    domain = connection.define(small())
    assert names(connection) == ["demo"]
    config = domain.config()
    assert config.os.type.machine == "pc-i440fx-7.2" and config.cpu.model.name == "qemu64"
    assert connection.domain("demo").uuid == domain.uuid == connection.domain(uuid=domain.uuid).uuid


def test_what_cannot_be_run_cannot_be_defined(connection):
    with pytest.raises(UnsupportedConfiguration, match="<tpm>"):
        connection.define(
            small().replace("</domain>", "<devices><tpm><backend type='passthrough'/></tpm></devices></domain>")
        )
    assert names(connection) == []


def test_another_connection_sees_the_same_guests(connection, tmp_path):
    connection.define(small())
    with polyvisor.open(f"qemu:///embed?root={tmp_path}") as other:
        assert names(other) == ["demo"]
        other.domain("demo").undefine()
    assert names(connection) == []


def test_defining_again_replaces(connection):
    domain = connection.define(small())
    connection.define(small(more=f"<uuid>{domain.uuid}</uuid><title>again</title>"))
    assert [row.title for row in connection.domains(columns=[Column.TITLE])] == ["again"]


def test_names_and_uuids_belong_to_one_guest(connection):
    domain = connection.define(small())
    with pytest.raises(AlreadyExists, match="'demo' exists already"):
        connection.define(small(more=f"<uuid>{UUID(int=5)}</uuid>"))
    with pytest.raises(AlreadyExists, match="belongs to domain 'demo'"):
        connection.define(small("other", more=f"<uuid>{domain.uuid}</uuid>"))
    assert names(connection) == ["demo"]


def test_two_at_once_do_not_get_one_name(connection):
    won: list[object] = []

    def define(number: int) -> None:
        try:
            won.append(connection.define(small(more=f"<uuid>{UUID(int=number + 1)}</uuid>")))
        except AlreadyExists:
            pass

    threads = [threading.Thread(target=define, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and names(connection) == ["demo"]


@pytest.mark.parametrize("name", ["ünïcödé 名前", ".hidden", "a b", "-x", "%41", "'; rm -rf ~", "x" * 150])
def test_any_name_is_a_name(connection, name):
    escaped = name.replace("&", "&amp;")
    connection.define(small(escaped))
    assert names(connection) == [name]
    connection.domain(name).undefine()
    assert names(connection) == []


def test_the_table_has_what_was_asked_for(connection):
    connection.define(small(more="<title>A title</title><vcpu>3</vcpu>"))
    plain = connection.list_domains()[0]
    assert (plain.state, plain.reason, plain.ref.id) == (DomainState.SHUT_OFF, "unknown", None)
    assert {plain.memory_kib, plain.title, plain.persistent} == {None}
    full = connection.domains(columns=list(Column))[0]
    assert (full.memory_kib, full.vcpus, full.title) == (65536, 3, "A title")
    assert full.persistent is True and full.autostart is False and full.cpu_time_ns is None


def test_filters_keep_what_they_say(connection):
    connection.define(small("a"))
    connection.define(small("b")).set_autostart(True)
    assert [row.name for row in connection.domains(autostart=True)] == ["b"]
    assert [row.name for row in connection.domains(autostart=False)] == ["a"]
    assert connection.domains(active=True) == [] and connection.domains(persistent=False) == []
    assert len(connection.domains(active=False, states=[DomainState.SHUT_OFF])) == 2


def test_info_of_a_guest_that_is_off(connection):
    info = connection.define(small()).info()
    assert (info.state, info.max_memory_kib, info.vcpus, info.cpu_time_ns) == (DomainState.SHUT_OFF, 65536, 1, None)
    assert info.persistent and not info.autostart and info.os_type == "hvm"


def test_rename_is_all_or_nothing(connection):
    domain = connection.define(small("old"))
    connection.define(small("taken"))
    with pytest.raises(AlreadyExists):
        domain.rename("taken")
    with pytest.raises(InvalidArgument):
        domain.rename("a/b")
    domain.rename("new")
    assert names(connection) == ["new", "taken"] and domain.config().name == "new"
    with pytest.raises(NoSuchDomain):
        connection.domain("old")


def test_metadata_of_every_kind(connection):
    domain = connection.define(small())
    with pytest.raises(NoSuchMetadata):
        domain.metadata("title")
    domain.set_metadata("title", "A title")
    domain.set_metadata("description", "Two\nlines")
    domain.set_metadata("element", "<app a='1'/>", uri="urn:x", key="x")
    assert domain.metadata("title") == "A title" and domain.metadata("description") == "Two\nlines"
    assert 'a="1"' in domain.metadata("element", uri="urn:x")
    domain.set_metadata("element", None, uri="urn:x")
    with pytest.raises(NoSuchMetadata):
        domain.metadata("element", uri="urn:x")
    with pytest.raises(InvalidState):
        domain.set_metadata("title", "x", affect=Affect.LIVE)
    with pytest.raises(InvalidDocument):
        domain.set_metadata("title", "two\nlines")


def test_firmware_variables_are_not_lost_by_accident(connection, tmp_path):
    variables = tmp_path / "vars.fd"
    variables.write_bytes(b"x")
    system = f"""<os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/fw.fd</loader>
      <nvram>{variables}</nvram></os>"""
    domain = connection.define(f"<domain type='qemu'><name>efi</name><memory>65536</memory>{system}</domain>")
    with pytest.raises(InvalidState, match="nvram"):
        domain.undefine()
    domain.undefine(nvram=False)
    assert variables.exists()
    connection.define(f"<domain type='qemu'><name>efi</name><memory>65536</memory>{system}</domain>").undefine(
        nvram=True
    )
    assert not variables.exists()


def test_what_needs_a_running_guest_says_so(connection):
    domain = connection.define(small())
    for operation in (
        domain.suspend,
        domain.resume,
        domain.reset,
        domain.shutdown,
        domain.destroy,
        domain.open_console,
    ):
        with pytest.raises(InvalidState, match="not running"):
            operation()


def test_a_guest_that_is_gone_is_missed_by_name(connection):
    domain = connection.define(small())
    domain.undefine()
    for operation in (
        domain.start,
        domain.destroy,
        domain.undefine,
        domain.info,
        domain.xml,
        lambda: domain.rename("x"),
    ):
        with pytest.raises(NoSuchDomain, match="demo"):
            operation()


def test_options_that_are_not_there_are_not_ignored(connection):
    domain = connection.define(small())
    with pytest.raises(UnsupportedOption):
        domain.start(bypass_cache=True)
    with pytest.raises(UnsupportedOption):
        domain.xml(migratable=True)
    with pytest.raises(UnsupportedOption):
        domain.shutdown(modes=["agent"])


def test_a_read_only_connection_changes_nothing(installed, tmp_path):
    with polyvisor.open(f"qemu:///embed?root={tmp_path}", readonly=True) as connection:
        with pytest.raises(ReadOnly):
            connection.define(small())
        assert names(connection) == []


def test_native_is_a_command_line_a_shell_can_read(connection):
    import shlex

    words = shlex.split(connection.to_native("qemu-argv", small("a b")))
    assert words[0] == "/usr/bin/qemu-system-x86_64" and "guest=a b,debug-threads=on" in words
    assert names(connection) == []
    with pytest.raises(InvalidArgument, match="qemu-argv"):
        connection.to_native("xen-xl", small())


def test_events_tell_what_managers_did(connection):
    with connection.events() as events:
        domain = connection.define(small())
        domain.rename("new")
        connection.domain("new").undefine()
        seen = [events.get(timeout=5) for _ in range(4)]
    assert [(event.event, event.detail, event.domain.name) for event in seen] == [
        ("defined", "added", "demo"),
        ("undefined", "renamed", "demo"),
        ("defined", "renamed", "new"),
        ("undefined", "removed", "new"),
    ]


def test_a_thousand_guests_are_listed_without_reading_one(connection, tmp_path, monkeypatch):
    from polyvisor.state import Disk, ObjectStore, Paths

    class Hasty(Disk):
        """A disk that need not survive a power failure."""

        def sync(self, descriptor: int) -> None: ...

        def sync_directory(self, path: str) -> None: ...

    store = ObjectStore(Paths.embedded("qemu", tmp_path), "domain", disk=Hasty())
    for number in range(1000):
        store.put(f"guest{number}", UUID(int=number + 1), b"", {})
    monkeypatch.setattr(ObjectStore, "load", None)
    monkeypatch.setattr(ObjectStore, "summary", None)
    assert len(connection.list_domains()) == 1000
