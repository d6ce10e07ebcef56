"""What a store keeps, finds, refuses and forgets."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HostError,
    InvalidArgument,
    NoSuchDomain,
    NotFound,
    StateError,
)
from polyvisor.state import ObjectStore, Paths

A, B = UUID(int=1), UUID(int=2)


def test_what_is_put_is_found_by_name_and_by_uuid(store: ObjectStore) -> None:
    entry = store.put("web", A, b"<domain/>", {"memory": 1024})
    assert store.find(name="web") == store.find(uuid=A) == store.find(name="web", uuid=A) == entry
    assert store.load(entry) == b"<domain/>"
    assert store.summary(entry) == {"memory": 1024}
    assert entry.path.is_file()


def test_another_process_sees_it_at_once(store: ObjectStore, paths: Paths) -> None:
    other = ObjectStore(paths)
    assert other.entries() == []
    store.put("web", A, b"<domain/>", {})
    assert [entry.name for entry in other.entries()] == ["web"]


def test_a_store_that_is_only_read_creates_nothing(store: ObjectStore, tmp_path: Path) -> None:
    assert store.entries() == []
    assert store.find(name="web") is None
    assert store.statuses() == {}
    assert store.flagged("autostart") == set()
    assert store.recover() == []
    assert list(tmp_path.iterdir()) == []


def test_a_second_put_replaces_the_document(store: ObjectStore) -> None:
    store.put("web", A, b"<old/>", {"n": 1})
    entry = store.put("web", A, b"<new/>", {"n": 2})
    assert (store.load(entry), store.summary(entry), len(store.entries())) == (b"<new/>", {"n": 2}, 1)


def test_put_without_replace_refuses_an_object_that_exists(store: ObjectStore) -> None:
    entry = store.put("web", A, b"<old/>", {})
    with pytest.raises(AlreadyExists, match="web"):
        store.put("web", A, b"<new/>", {}, replace=False)
    assert store.load(entry) == b"<old/>"


def test_a_name_belongs_to_one_uuid_and_a_uuid_to_one_name(store: ObjectStore) -> None:
    store.put("web", A, b"<a/>", {})
    with pytest.raises(AlreadyExists, match=str(A)):
        store.put("web", B, b"<b/>", {})
    with pytest.raises(AlreadyExists, match="'web'"):
        store.put("db", A, b"<b/>", {})
    assert [entry.name for entry in store.entries()] == ["web"]


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".hidden",
        "a/b",
        "../../etc/passwd",
        "%2F",
        "100%",
        "x.xml",
        "Ünïcödé 名前 🦊",
        "a\nb",
        " ",
        "-rf",
        "\u202etxt",
    ],
)
def test_any_name_is_kept_as_it_is(store: ObjectStore, paths: Paths, name: str) -> None:
    entry = store.put(name, A, b"<domain/>", {})
    assert ObjectStore(paths).find(name=name) == entry
    assert [found.name for found in ObjectStore(paths).entries()] == [name]
    assert entry.path.parent == paths.config / "domain"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), max_size=5))
def test_different_names_are_different_objects(tmp_path: Path, names: set[str]) -> None:
    store = ObjectStore(Paths.embedded("acme", tmp_path / uuid4().hex))
    for name in names:
        store.put(name, uuid4(), name.encode(), {})
    assert {entry.name: store.load(entry).decode() for entry in store.entries()} == {name: name for name in names}


@pytest.mark.parametrize(
    ("name", "reason"), [("", "empty"), ("x" * 300, "room"), ("名" * 80, "room"), ("\ud800", "Unicode")]
)
def test_names_no_file_can_carry_are_refused(store: ObjectStore, name: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        store.put(name, A, b"<domain/>", {})
    assert store.entries() == []


def test_the_longest_name_is_accepted(store: ObjectStore) -> None:
    name = "x" * 214
    assert store.put(name, A, b"<domain/>", {}) == store.find(name=name)


def test_the_document_comes_back_byte_for_byte(store: ObjectStore) -> None:
    document = bytes(range(256)) + b"\n\n<!-- polyvisor -->\r\n\0"
    assert store.load(store.put("web", A, document, {})) == document


def test_a_summary_may_hold_anything_json_can(store: ObjectStore) -> None:
    summary = {"title": "a --> b -- c ---\n<!--", "unicode": "名 🦊", "list": [1, None, True], "f": 1.5}
    assert store.summary(store.put("web", A, b"<domain/>", summary)) == summary


def test_a_kept_file_is_well_formed_xml(store: ObjectStore) -> None:
    etree = pytest.importorskip("lxml.etree")
    entry = store.put("web", A, b"<domain/>", {"title": "a --> b -- c"})
    assert etree.parse(str(entry.path)).getroot().tag == "domain"


@pytest.mark.parametrize("summary", [{"when": object()}, {"text": "x" * 70000}])
def test_a_summary_that_cannot_be_kept_is_refused(store: ObjectStore, summary: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match="summary"):
        store.put("web", A, b"<domain/>", summary)
    assert store.entries() == []


def test_rename_changes_name_and_document_together(store: ObjectStore) -> None:
    old = store.put("web", A, b"<old/>", {})
    new = store.rename(old, "www", b"<new/>", {"n": 2})
    assert store.entries() == [new]
    assert (new.name, new.uuid, store.load(new), store.summary(new)) == ("www", A, b"<new/>", {"n": 2})
    assert store.find(name="web") is None


def test_an_entry_held_from_before_a_rename_still_loads(store: ObjectStore) -> None:
    old = store.put("web", A, b"<old/>", {})
    store.rename(old, "www", b"<new/>", {})
    assert store.load(old) == b"<new/>"


def test_rename_to_a_taken_name_is_refused(store: ObjectStore) -> None:
    web, db = store.put("web", A, b"<a/>", {}), store.put("db", B, b"<b/>", {})
    with pytest.raises(AlreadyExists, match=str(B)):
        store.rename(web, "db", b"<a/>", {})
    assert store.entries() == [db, web]


def test_rename_there_and_back(store: ObjectStore) -> None:
    entry = store.put("a", A, b"0", {})
    for turn in range(1, 5):
        entry = store.rename(entry, "ab"[turn % 2], b"%d" % turn, {})
    assert [store.load(found) for found in store.entries()] == [b"4"]


def test_what_is_removed_is_gone_with_its_flags(store: ObjectStore) -> None:
    entry = store.put("web", A, b"<domain/>", {})
    store.set_flag(A, "autostart")
    store.remove(entry)
    assert store.find(uuid=A) is None
    assert not store.get_flag(A, "autostart")
    with pytest.raises(NotFound, match="web"):
        store.load(entry)
    for again in (lambda: store.remove(entry), lambda: store.rename(entry, "x", b"", {})):
        with pytest.raises(NotFound):
            again()


def test_the_driver_says_which_error_a_missing_object_is(paths: Paths) -> None:
    store = ObjectStore(paths, missing=NoSuchDomain)
    with pytest.raises(NoSuchDomain):
        store.set_flag(A, "autostart")


def test_flags_are_set_listed_and_cleared(store: ObjectStore) -> None:
    store.put("web", A, b"<domain/>", {})
    store.put("db", B, b"<domain/>", {})
    for _ in range(2):
        store.set_flag(A, "autostart")
    assert store.get_flag(A, "autostart") and not store.get_flag(B, "autostart")
    assert store.flagged("autostart") == {A}
    for _ in range(2):
        store.set_flag(A, "autostart", False)
    assert store.flagged("autostart") == set()


@pytest.mark.parametrize("flag", ["", "../x", "Auto", ".lock"])
def test_flags_have_plain_names(store: ObjectStore, flag: str) -> None:
    with pytest.raises(InvalidArgument):
        store.set_flag(A, flag)


def test_status_is_kept_apart_from_documents(store: ObjectStore, paths: Paths) -> None:
    store.write_status(A, {"pid": 7, "name": "名"})
    other = ObjectStore(paths)
    assert other.read_status(A) == {"pid": 7, "name": "名"}
    assert other.statuses() == {A: {"pid": 7, "name": "名"}}
    assert other.running() == {A}
    for _ in range(2):
        store.remove_status(A)
    assert other.read_status(A) is None


def test_a_damaged_status_is_named(store: ObjectStore, paths: Paths) -> None:
    store.write_status(A, {})
    (paths.run / "domain" / f"{A}.json").write_text("{")
    with pytest.raises(StateError, match=f"{A}.json"):
        store.read_status(A)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"<domain/>", b"<!-- polyvisor 1 {} -->\n", b"<!-- polyvisor 1 x -->\n"]
)
def test_a_damaged_document_is_named_and_does_not_hide_the_others(store: ObjectStore, content: bytes) -> None:
    bad, good = store.put("bad", A, b"<a/>", {}), store.put("good", B, b"<b/>", {})
    bad.path.write_bytes(content)
    assert store.entries() == [bad, good]
    for read in (store.load, store.summary):
        with pytest.raises(StateError, match=str(A)):
            read(bad)
    assert store.load(good) == b"<b/>"


def test_a_document_of_a_newer_format_is_refused(store: ObjectStore) -> None:
    entry = store.put("web", A, b"<a/>", {})
    entry.path.write_bytes(b'<!-- polyvisor 2 {"whatever": 1} -->\n<a/>')
    with pytest.raises(StateError, match="format 2"):
        store.load(entry)


def test_a_directory_of_a_newer_format_is_refused_for_reading_and_writing(store: ObjectStore, paths: Paths) -> None:
    store.put("web", A, b"<a/>", {})
    stamp = paths.config / "domain" / ".format"
    assert stamp.read_text() == "1\n"
    stamp.write_text("2\n")
    later = ObjectStore(paths)
    for use in (later.entries, later.recover, lambda: later.put("db", B, b"<b/>", {})):
        with pytest.raises(StateError, match="format 2"):
            use()
    stamp.write_text("what?")
    with pytest.raises(StateError, match="damaged"):
        later.entries()


def test_a_directory_without_a_stamp_gets_one(store: ObjectStore, paths: Paths) -> None:
    store.put("web", A, b"<a/>", {})
    (paths.config / "domain" / ".format").unlink()
    later = ObjectStore(paths)
    later.put("db", B, b"<b/>", {})
    assert (paths.config / "domain" / ".format").read_text() == "1\n"
    assert len(later.entries()) == 2


def test_strange_files_in_the_directory_are_left_alone(store: ObjectStore, paths: Paths) -> None:
    entry = store.put("web", A, b"<a/>", {})
    strange = [paths.config / "domain" / name for name in ("notes.txt", "x" * 36 + ".web.xml", "web.xml")]
    for path in strange:
        path.write_text("mine")
    assert store.entries() == [entry]
    store.recover()
    assert all(path.read_text() == "mine" for path in strange)


def test_files_put_there_by_hand_are_noticed(store: ObjectStore, paths: Paths) -> None:
    entry = store.put("web", A, b"<a/>", {})
    assert store.entries() == [entry]
    copy = paths.config / "domain" / f"{B}.copy.xml"
    copy.write_bytes(entry.path.read_bytes())
    os.utime(copy.parent, ns=(1, 1))
    assert {found.name for found in store.entries()} == {"web", "copy"}


def test_only_the_owner_may_read_what_is_kept(store: ObjectStore, paths: Paths) -> None:
    entry = store.put("web", A, b"<a/>", {})
    store.write_status(A, {})
    store.set_flag(A, "autostart")
    files = [entry.path, paths.run / "domain" / f"{A}.json", paths.config / "domain" / ".lock"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    directories = [paths.config / "domain", paths.run / "domain", paths.config / "domain" / "autostart"]
    assert {path.stat().st_mode & 0o777 for path in directories} == {0o700}


def test_an_object_is_locked_against_others(store: ObjectStore, paths: Paths) -> None:
    with store.lock(A):
        with pytest.raises(Busy, match="this process") as caught, ObjectStore(paths).lock(A, timeout=0):
            pytest.fail("the lock was given twice")
        assert caught.value.details["pid"] == os.getpid()
        with store.lock(B, timeout=0):
            pass
    with store.lock(A, timeout=0):
        pass


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "acme").write_text("a file in the way")
    with pytest.raises(HostError, match="not a directory") as caught:
        ObjectStore(Paths.embedded("acme", tmp_path)).put("web", A, b"<a/>", {})
    assert caught.value.hint
