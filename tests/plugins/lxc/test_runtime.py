"""What is decided without a container: signals, endings, confinement, configuration lines, what is on disk."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

import polyvisor
from polyvisor.errors import (
    ConnectFailed,
    InvalidArgument,
    InvalidURI,
    NoSuchSnapshot,
    UnsupportedConfiguration,
)
from polyvisor.operations.snapshots import SnapshotExtent
from polyvisor.spi import DomainRef
from polyvisor_lxc import confinement, initsystem, journal, namespaces, preparation, tools, translation
from polyvisor_lxc.cgroups import Hierarchies
from polyvisor_lxc.snapshottree import Record, Tree

DOCUMENT = """<domain type='lxc'><name>{name}</name><memory unit='MiB'>64</memory>
  <os><type>exe</type><init>/sbin/init</init>{os}</os>{more}
  <devices><filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem>{devices}</devices></domain>"""


@pytest.fixture
def connection(tmp_path: Path):
    with polyvisor.open(f"lxc:///embed?root={tmp_path}/state") as opened:
        yield opened


def plan(connection, *, name: str = "box", os: str = "", more: str = "", devices: str = "", root: str = "/srv/box"):
    """What liblxc would be told of a container."""
    from polyvisor_lxc.live import instance

    domain = connection.define(DOCUMENT.format(name=name, os=os, more=more, devices=devices, root=root))
    place = translation.Place(
        Hierarchies({"devices": "/d"}, None, frozenset()), ids=(100000, 65536), seccomp="/p", journal="/j", hook="/h"
    )
    return translation.compose(instance(domain.config(), 3), place)


def lines(found, key: str) -> list[str]:
    return [value for name, value in found.lines if name == key]


# -- signals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("executable", "called", "kind"),
    [
        ("/usr/lib/systemd/systemd", "/sbin/init", "systemd"),
        ("/bin/busybox", "/sbin/init", "busybox"),
        ("/bin/busybox", "sh", "program"),
        ("/sbin/init", "/sbin/init", "sysvinit"),
        ("/usr/bin/python3.11", "python3", "program"),
    ],
)
def test_an_init_is_recognised_by_what_it_runs(executable: str, called: str, kind: str) -> None:
    assert initsystem.recognise(executable, called).name == kind


def test_no_signal_is_chosen_that_would_not_be_heard() -> None:
    assert initsystem.choose((signal.SIGUSR2, signal.SIGTERM), frozenset({signal.SIGTERM})) == signal.SIGTERM
    assert initsystem.choose((signal.SIGTERM,), frozenset()) is None


def test_caught_signals_are_the_kernels() -> None:
    program = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *a: 0); print(flush=True); sys.stdin.read()"
    import sys

    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        caught = initsystem.caught(process.pid)
        process.communicate()
    assert signal.SIGUSR1 in caught
    assert signal.SIGUSR2 not in caught
    assert initsystem.caught(process.pid) == frozenset()


@pytest.mark.parametrize(("name", "number"), [("term", 15), ("hup", 1), ("usr1", 10), ("rt3", signal.SIGRTMIN + 3)])
def test_signals_go_by_name(name: str, number: int) -> None:
    assert namespaces.signal_number(name) == number


@pytest.mark.parametrize("name", ["", "louder", "SIGTERM", "rt99", "15", "term\n"])
def test_what_is_no_signal_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        namespaces.signal_number(name)


# -- endings --------------------------------------------------------------------------------------------------

STAMP = "lxc-start box 20261123004151.797"
STARTED = f'{STAMP} NOTICE   start - ../src/lxc/start.c:post_start:2205 - Started "/bin/sh" with pid "7"'
SAID = f"{STAMP} INFO     error - ../src/lxc/error.c:lxc_error_set_and_log:31 - {{}}"
LOG = f"{STARTED}\n{SAID}\n"


@pytest.mark.parametrize(
    ("said", "status", "number"),
    [
        ("Child <28742> ended on error (7)", 7, None),
        ("Child <28742> ended on signal Killed(9)", None, 9),
        ("Child <28742> ended on signal (11)", None, 11),
        ("something else", 0, None),
    ],
)
def test_how_init_ended_is_read_from_the_journal(
    tmp_path: Path, said: str, status: int | None, number: int | None
) -> None:
    (tmp_path / "journal").write_text(LOG.format(said))
    found = journal.ending(tmp_path / "journal")
    assert (found.status, found.signal) == (status, number)


def test_only_the_last_start_counts(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text(LOG.format("Child <1> ended on error (7)") + LOG.format("nothing"))
    assert journal.ending(tmp_path / "journal").status == 0
    assert journal.starts(tmp_path / "journal") == 2


def test_a_journal_that_is_missing_or_of_another_form_tells_nothing(tmp_path: Path) -> None:
    assert journal.ending(tmp_path / "none") == journal.Ending()
    (tmp_path / "journal").write_bytes(b"\xff\xfe what is this\n")
    assert journal.ending(tmp_path / "journal") == journal.Ending()
    assert journal.complaints(tmp_path / "journal") == []


# -- configuration --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a\nlxc.cap.keep = sys_admin", "a\x00b", "tab\there"])
def test_nothing_a_document_says_becomes_a_line_of_its_own(value: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=r"lxc\.uts\.name"):
        translation.Configuration().set("lxc.uts.name", value)


def test_a_variable_with_a_line_break_is_refused_when_it_is_defined(connection) -> None:
    with pytest.raises(UnsupportedConfiguration, match=r"lxc\.environment"):
        plan(connection, os="<initenv name='X'>one&#10;lxc.cap.keep = sys_admin</initenv>")


def test_spaces_in_paths_are_quoted_for_fstab(connection) -> None:
    found = plan(
        connection,
        devices="<filesystem type='mount'><source dir='/a b'/><target dir='/c d'/></filesystem>",
    )
    assert any(" c\\040d none " in entry for entry in lines(found, "lxc.mount.entry"))


def test_arguments_of_init_are_handed_over_as_words(connection) -> None:
    found = plan(connection, os="<initarg>two words</initarg><initarg>$HOME;'</initarg>")
    assert found.command == ("/sbin/init", "two words", "$HOME;'")


def test_a_container_is_confined_unless_its_document_relaxes_it(connection) -> None:
    found = plan(connection)
    assert lines(found, "lxc.idmap") == ["u 0 100000 65536", "g 0 100000 65536"]
    assert lines(found, "lxc.rootfs.options") == ["idmap=container"]
    assert lines(found, "lxc.no_new_privs") == ["1"]
    assert lines(found, "lxc.seccomp.profile") == ["/p"]
    assert set(lines(found, "lxc.cap.drop")[0].split()) == set(confinement.DROPPED)
    assert lines(found, "lxc.cgroup.devices.deny") == ["a"]
    masks = [entry.split()[1] for entry in lines(found, "lxc.mount.entry")]
    assert set(masks) >= {*confinement.MASKED_FILES, *confinement.MASKED_DIRECTORIES}


@pytest.mark.parametrize("aspect", confinement.ASPECTS)
def test_each_aspect_is_relaxed_alone(connection, aspect: str) -> None:
    more = f"<c:confinement xmlns:c='urn:polyvisor:lxc:1' {aspect}='no'/>"
    found = plan(connection, more=more)
    held = {
        "userns": bool(lines(found, "lxc.idmap")),
        "seccomp": bool(lines(found, "lxc.seccomp.profile")),
        "nonewprivs": bool(lines(found, "lxc.no_new_privs")),
        "masks": any("proc/kcore" in entry for entry in lines(found, "lxc.mount.entry")),
        "sysro": "proc:mixed" in lines(found, "lxc.mount.auto")[0],
        "limits": confinement.of(connection.domain("box").config()).limits,
    }
    assert [name for name, is_held in held.items() if not is_held] == [aspect]


def test_ids_that_a_document_maps_are_taken_as_they_are(connection) -> None:
    idmap = "<idmap><uid start='0' target='500000' count='10'/><gid start='0' target='600000' count='10'/></idmap>"
    found = plan(connection, more=idmap)
    assert lines(found, "lxc.idmap") == ["u 0 500000 10", "g 0 600000 10"]
    assert lines(found, "lxc.rootfs.options") == [], "such a root is owned by these ids on disk"


def test_too_few_ids_are_told_with_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("builtins.open", lambda *words, **options: io.StringIO("root:100000:10\n"))
    with pytest.raises(UnsupportedConfiguration, match="no 65536 ids") as refusal:
        confinement.id_range(1)
    assert "/etc/subuid" in str(refusal.value) and "userns='no'" in (refusal.value.hint or "")


@pytest.mark.parametrize(
    ("name", "host"), [("web 1", "web-1"), ("ä/b", "b"), ("...", "container"), ("a" * 90, "a" * 63)]
)
def test_any_name_makes_a_host_name(name: str, host: str) -> None:
    assert translation.hostname(name) == host


# -- what a root holds ----------------------------------------------------------------------------------------


def test_links_of_a_root_are_followed_within_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr" / "lib").mkdir(parents=True)
    (root / "usr" / "lib" / "init").write_text("")
    (root / "sbin").symlink_to("/usr/lib")
    (root / "out").symlink_to("../../../../../../etc/passwd")
    (root / "loop").symlink_to("loop")
    assert preparation.inside(str(root), "/sbin/init") == str(root / "usr/lib/init")
    assert preparation.inside(str(root), "/out") is None, "the root has no such file, whatever the host has"
    assert preparation.inside(str(root), "/loop") is None


def test_a_tool_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_PATH", "/nowhere")
    monkeypatch.setattr(tools, "_found", {})
    with pytest.raises(UnsupportedConfiguration, match="lxc-start is not installed") as refusal:
        tools.version()
    assert "lxc" in (refusal.value.hint or "").lower()


def test_a_tool_that_is_too_old_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "lxc-start"
    old.write_text("#!/bin/sh\necho 2.0.11\n")
    old.chmod(0o755)
    monkeypatch.setattr(tools, "_PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(tools, "_found", {})
    with pytest.raises(UnsupportedConfiguration, match=r"version 2\.0\.11.*needs 3\.0"):
        tools.version()


@pytest.mark.parametrize(
    ("mask", "words"),
    [("0000000001001000", None), ("0000000000000000", None), ("0000000001001007", "--default-signal=1,2,3")],
)
def test_containers_hear_signals_that_their_starter_ignores(tmp_path: Path, mask: str, words: str | None) -> None:
    (tmp_path / "status").write_text(f"Name:\tpython3\nSigBlk:\t0000000000000000\nSigIgn:\t{mask}\n")
    assert tools.hearing(str(tmp_path / "status"))[1:] == ([words, "--"] if words else [])


# -- connections ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri", ["lxc:///", "lxc:///elsewhere", "lxc:///embed", "lxc:///embed?root=relative", "lxc:///system?x=1"]
)
def test_what_is_no_place_of_containers_is_refused(uri: str) -> None:
    with pytest.raises((InvalidURI, ConnectFailed)):
        polyvisor.open(uri)


def test_a_hypervisor_of_another_kind_is_refused_by_name(connection) -> None:
    with pytest.raises(UnsupportedConfiguration, match="type='lxc'"):
        connection.define("<domain type='qemu'><name>x</name><memory>1024</memory><os><type>exe</type></os></domain>")


# -- snapshots on disk ----------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    found = Tree(str(tmp_path / "snapshots"), DomainRef("box", uuid4()))
    for number, (name, parent) in enumerate([("base", None), ("first", "base"), ("leaf", "first")], 1):
        found.records[name] = Record(name, number, "shutoff", "<x/>", parent=parent, number=number)
        found.next = number + 1
    found.current = "leaf"
    found.save()
    return found


def test_a_tree_is_read_back_as_it_was_written(tree: Tree) -> None:
    again = Tree(tree.directory, tree.domain)
    assert (again.records, again.current, again.next) == (tree.records, "leaf", 4)


def test_what_hung_on_a_removed_snapshot_hangs_on_its_parent(tree: Tree) -> None:
    tree.take_out("first", SnapshotExtent.ONE)
    assert {name: record.parent for name, record in tree.records.items()} == {"base": None, "leaf": "base"}
    tree.take_out("base", SnapshotExtent.SUBTREE)
    assert (tree.records, tree.current) == ({}, None)


def test_copies_that_no_record_names_are_swept(tree: Tree) -> None:
    for name in ("1", "9", "index-not"):
        (Path(tree.directory) / name).mkdir()
    tree.sweep()
    assert sorted(path.name for path in Path(tree.directory).iterdir()) == ["1", "index", "index-not"]


def test_a_snapshot_that_is_not_there_is_told_with_those_that_are(tree: Tree) -> None:
    with pytest.raises(NoSuchSnapshot, match="nothing") as refusal:
        tree.get("nothing")
    assert "base" in (refusal.value.hint or "")
