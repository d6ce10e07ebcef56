"""Saving and restoring without a hypervisor: programs in the place of liblxc's and CRIU that make and use up images."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyvisor
from polyvisor.errors import (
    HypervisorError,
    InvalidState,
    NotFound,
    OperationCancelled,
    StateError,
    UnsupportedConfiguration,
    UnsupportedOption,
)
from polyvisor.operations.records import DomainState, StateInfo
from polyvisor.operations.session import ConnectContext
from polyvisor_lxc import criu, guests, stopping, tools
from polyvisor_lxc.conformance import SHARED_IDS

START = """#!/bin/bash
while [ $# -gt 0 ]; do case $1 in --name) n=$2;; --rcfile) c=$2;; --pidfile) p=$2;; --) break;; esac; shift; done
run=$(dirname "$c"); echo booted > "$run/memory"
setsid bash -c 'exec -a "[lxc monitor] /run $1" bash -c "sleep 1000 & wait; : > $2/stopped; true"' sh $n $run \\
    > /dev/null 2>&1 < /dev/null &
echo $! > "$p"
until [ -n "$(cat /proc/$!/task/$!/children)" ]; do :; done
"""
CHECKPOINT = """#!/bin/bash
here=$(dirname "$0")
while [ $# -gt 0 ]; do case $1 in
    --name) n=$2;; --rcfile) c=$2;; --checkpoint-dir) d=$2;; --restore) r=restore;; --logfile) log=$2;;
esac; shift; done
run=$(readlink "{lxcpath}/$n") || {{ echo "$n is not defined" >&2; exit 1; }}
if [ -e "$here/fault" ]; then
    echo "(00.059) Error (criu/mem.c:12): $(cat "$here/fault")" > "$d/${{r:-dump}}.log"; exit 1
fi
if [ -z "$r" ]; then
    cp "$run/memory" "$d/pages-1.img"; head -c 100000 /dev/zero > "$d/pages-2.img"; echo tree > "$d/pstree.img"
    echo "what was done" > "$d/dump.log"; exit
fi
[ "$(cat "$d/pstree.img")" = tree ] && cp "$d/pages-1.img" "$run/memory" || exit 1
setsid bash -c 'exec -a "[lxc monitor] /run $1" bash -c "sleep 1000 & wait; : > $2/stopped; true"' sh $n $run \\
    > /dev/null 2>&1 < /dev/null &
until [ -n "$(cat /proc/$!/task/$!/children)" ]; do :; done
"""
CRIU = """#!/bin/sh
here=$(dirname "$0")
case $1 in
    --version) echo "Version: 4.1" ;;
    check)
        [ -e "$here/unfit" ] || exit 0
        echo "Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds"; exit 1 ;;
esac
"""
DOCUMENT = """<domain type='lxc'><name>box</name><memory unit='MiB'>64</memory>
  <os><type>exe</type><init>/init</init></os><features><privnet/></features>
  <devices><filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem>{devices}</devices>
  {more}</domain>"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs that do what liblxc's do to a container of one process, and of what they are to do.

    ``fault`` has the next checkpoint or restore fail with those words, ``unfit`` has CRIU not know the kernel."""
    there = tmp_path / "bin"
    there.mkdir()
    lxcpath = tmp_path / "lxcpath"
    lxcpath.mkdir()
    for name, text in (("lxc-start", START), ("lxc-checkpoint", CHECKPOINT.format(lxcpath=lxcpath)), ("criu", CRIU)):
        (there / name).write_text(text)
        (there / name).chmod(0o755)
    (there / "cp").symlink_to("/bin/cp")

    def group(pid: int, session: Any, uuid: Any) -> dict[str, str]:
        directory = tmp_path / "groups" / str(uuid)
        if not directory.exists():
            directory.mkdir(parents=True)
            (directory / "freezer.state").write_text("THAWED")
        return {"freezer": str(directory)}

    monkeypatch.setattr(tools, "find", lambda name: str(there / name))
    monkeypatch.setattr(tools, "version", lambda: (5, 0, 2))
    monkeypatch.setattr(tools, "hearing", list)
    monkeypatch.setattr(guests, "own_groups", group)
    monkeypatch.setattr(stopping, "clear", lambda group: [shutil.rmtree(path) for path in group.paths.values()])
    monkeypatch.setattr("polyvisor_lxc.session.LXCPATH", str(lxcpath))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    criu._checked.clear()
    return there


@pytest.fixture
def connection(tmp_path: Path, programs: Path):
    with polyvisor.open(f"lxc:///embed?root={tmp_path}/state") as opened:
        yield opened
        for row in opened.domains(active=True):
            opened.domain(uuid=row.ref.uuid).destroy()


@pytest.fixture
def document(tmp_path: Path) -> Callable[..., str]:
    root = tmp_path / "root"
    root.mkdir()
    (root / "init").write_text("#!/bin/sh\n")
    (root / "init").chmod(0o755)

    def make(*, devices: str = "", more: str = SHARED_IDS) -> str:
        return DOCUMENT.format(root=root, devices=devices, more=more)

    return make


@pytest.fixture
def box(connection, document) -> polyvisor.Domain:
    return connection.define(document()).start()


@pytest.fixture
def memory(tmp_path: Path, box) -> Path:
    """What the container remembers while it runs."""
    return tmp_path / "state" / "lxc" / "run" / "guests" / str(box.uuid) / "memory"


@pytest.fixture
def frozen(tmp_path: Path, box) -> Callable[[], bool]:
    return lambda: (tmp_path / "groups" / str(box.uuid) / "freezer.state").read_text() == "FROZEN"


def test_a_container_goes_on_with_what_it_remembered(connection, box, memory: Path, tmp_path: Path, frozen) -> None:
    memory.write_text("counted to 7")
    box.save(f"{tmp_path}/saved")
    assert box.state() == StateInfo(DomainState.SHUT_OFF, "saved")
    assert not memory.exists()
    for _ in range(2):
        again = connection.restore(f"{tmp_path}/saved")
        assert again.state() == StateInfo(DomainState.RUNNING, "restored")
        assert memory.read_text() == "counted to 7"
        assert not frozen()
        again.destroy()


def test_the_file_is_its_owners_and_tells_what_it_is(box, tmp_path: Path) -> None:
    box.save(f"{tmp_path}/saved")
    assert (tmp_path / "saved").stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "saved") as archive:
        names = archive.getnames()
        header = json.load(archive.extractfile("header.json"))
    assert names[:2] == ["header.json", "domain.xml"]
    assert (header["format"], header["version"]) == ("polyvisor-lxc checkpoint", 1)
    assert header["images"].keys() == {"pages-1.img", "pages-2.img", "pstree.img"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_checkpoint_that_fails_lets_the_container_run_on(box, memory, programs, tmp_path: Path, frozen) -> None:
    (programs / "fault").write_text("Can't dump half of a socket")
    with pytest.raises(HypervisorError, match="Can't dump half of a socket"):
        box.save(f"{tmp_path}/saved")
    assert box.state().state is DomainState.RUNNING
    assert not frozen()
    assert memory.exists()
    assert not (tmp_path / "saved").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_one_that_was_paused_stays_so_when_it_is_not_saved(box, programs, tmp_path: Path, frozen) -> None:
    box.suspend()
    (programs / "fault").write_text("no")
    with pytest.raises(HypervisorError):
        box.save(f"{tmp_path}/saved")
    assert frozen()


def test_a_file_that_cannot_be_written_changes_nothing(box, tmp_path: Path, monkeypatch, frozen) -> None:
    """The disk is full when the archive is written."""
    from polyvisor.errors import HostError
    from polyvisor_lxc import archive

    def full(archive: Any, name: str, size: int, content: Any) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "saved").write_text("what was there")
    monkeypatch.setattr(archive, "_add", full)
    with pytest.raises(HostError, match="no space left"):
        box.save(f"{tmp_path}/saved")
    assert box.state().state is DomainState.RUNNING
    assert not frozen()
    assert (tmp_path / "saved").read_text() == "what was there"


def test_a_restore_that_fails_leaves_the_file(connection, box, memory, programs, tmp_path: Path) -> None:
    box.save(f"{tmp_path}/saved")
    content = (tmp_path / "saved").read_bytes()
    (programs / "fault").write_text("mnt: Can't mount at ./dev")
    with pytest.raises(HypervisorError, match=r"Can't mount at \./dev"):
        connection.restore(f"{tmp_path}/saved")
    assert box.state().state is DomainState.SHUT_OFF
    assert (tmp_path / "saved").read_bytes() == content
    assert list((tmp_path / "state").glob("lxc/state/save/*")) == []
    assert list((tmp_path / "lxcpath").iterdir()) == []
    (programs / "fault").unlink()
    assert connection.restore(f"{tmp_path}/saved").is_active


def test_a_kept_save_outlasts_a_start_that_fails(box, memory, programs) -> None:
    memory.write_text("kept")
    box.managed_save()
    (programs / "fault").write_text("no")
    with pytest.raises(HypervisorError):
        box.start()
    assert box.has_managed_save()
    (programs / "fault").unlink()
    box.start()
    assert memory.read_text() == "kept"
    assert not box.has_managed_save()


def test_a_kept_save_is_thrown_away_by_a_start_that_boots(box, memory) -> None:
    box.managed_save()
    box.start(force_boot=True)
    assert memory.read_text() == "booted\n"
    assert not box.has_managed_save()


def test_a_container_whose_root_or_configuration_is_another_is_not_taken_up(connection, box, memory) -> None:
    box.destroy()
    before = box.create_snapshot("<domainsnapshot><name>before</name></domainsnapshot>")
    box.start()
    box.managed_save()
    before.revert()
    assert not box.has_managed_save()
    box.start()
    box.managed_save()
    connection.create(box.xml())
    assert memory.read_text() == "booted\n"
    assert not box.has_managed_save()


def test_a_save_killed_in_the_middle_lets_the_container_go_on(
    connection, box, tmp_path: Path, monkeypatch, frozen
) -> None:
    """The process that saved is gone when another one comes."""
    from polyvisor_lxc import archive, domainjobs

    class Killed(BaseException):
        pass

    def kill(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(archive, "pack", kill)
        dying.setattr(domainjobs.Work, "end", lambda self: None)  # a killed process ends nothing
        dying.setattr(shutil, "rmtree", lambda *arguments, **options: None)
        with pytest.raises(Killed):
            box.save(f"{tmp_path}/saved")
    assert frozen()
    assert box.state() == StateInfo(DomainState.PAUSED, "saving")
    status = next((tmp_path / "state").glob(f"lxc/run/**/{box.uuid}.json"))
    told = json.loads(status.read_text())
    told["job"]["owner"] = [told["job"]["owner"][0], 1]  # that process is another one's now
    status.write_text(json.dumps(told))
    with polyvisor.open(str(connection.uri)):
        pass
    assert not frozen()
    assert box.state().state is DomainState.RUNNING
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_others_open_connections_while_a_container_is_restored(connection, box, tmp_path: Path, monkeypatch) -> None:
    box.save(f"{tmp_path}/saved")
    restore = criu.restore

    def look(*arguments: Any) -> None:
        with polyvisor.open(str(connection.uri)) as other:
            assert other.domain("box").name == "box"
        restore(*arguments)

    monkeypatch.setattr(criu, "restore", look)
    assert connection.restore(f"{tmp_path}/saved").is_active


def test_a_kept_save_of_what_runs_on_is_not_taken_up(connection, box, memory, tmp_path: Path, monkeypatch) -> None:
    """Whether the work is aborted when the file is complete, or the process is killed then."""
    from polyvisor_lxc import archive, domainjobs

    pack = archive.pack

    def pack_and_abort(*arguments: Any) -> None:
        pack(*arguments)
        box.abort_job()

    with monkeypatch.context() as aborting:
        aborting.setattr(archive, "pack", pack_and_abort)
        with pytest.raises(OperationCancelled, match="aborted"):
            box.managed_save()
    assert box.state().state is DomainState.RUNNING
    assert not box.has_managed_save()

    class Killed(BaseException):
        pass

    def pack_and_die(*arguments: Any) -> None:
        pack(*arguments)
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(archive, "pack", pack_and_die)
        dying.setattr(domainjobs.Work, "end", lambda self: None)  # a killed process ends nothing
        with pytest.raises(Killed):
            box.managed_save()
    assert box.has_managed_save()
    status = next((tmp_path / "state").glob(f"lxc/run/**/{box.uuid}.json"))
    told = json.loads(status.read_text())
    told["job"]["owner"] = [told["job"]["owner"][0], 1]
    status.write_text(json.dumps(told))
    with polyvisor.open(str(connection.uri)):
        pass
    assert box.state().state is DomainState.RUNNING
    assert not box.has_managed_save()


def test_opening_leaves_alone_what_others_save_and_take_up(connection, box, tmp_path: Path) -> None:
    from polyvisor_lxc import archive
    from polyvisor_lxc.session import LxcSession

    box.managed_save()
    kept = next((tmp_path / "state").glob(f"**/{box.uuid}.save")).parent
    images = kept / f"{box.uuid}.images"
    images.mkdir()
    (kept / f"{archive.PREFIX}killed").mkdir()
    session = LxcSession.open(connection.uri, ConnectContext(events=lambda event: None))
    images.mkdir()
    with archive.beside(f"{kept}/x") as scratch, session.store.lock(box.uuid), polyvisor.open(str(connection.uri)):
        assert sorted(each.name for each in kept.iterdir()) == sorted(
            [Path(scratch).name, f"{box.uuid}.save", images.name]
        )


# -- what is refused ------------------------------------------------------------------------------------------


def test_a_criu_that_does_not_know_the_kernel_is_told_of(box, programs, tmp_path: Path, frozen) -> None:
    (programs / "unfit").touch()
    with pytest.raises(UnsupportedConfiguration, match=r"CRIU 4\.1 does not work with this kernel.*vDSO") as told:
        box.save(f"{tmp_path}/saved")
    assert "newer CRIU" in str(told.value.hint)
    assert box.state().state is DomainState.RUNNING
    assert not frozen()


def test_a_missing_criu_is_told_of(box, programs, tmp_path: Path, monkeypatch) -> None:
    def find(name: str) -> str:
        raise UnsupportedConfiguration(f"{name} is not installed", driver="lxc", hint=f"install {name}")

    monkeypatch.setattr(tools, "find", find)
    with pytest.raises(UnsupportedConfiguration, match="criu is not installed") as told:
        box.save(f"{tmp_path}/saved")
    assert told.value.hint == "install criu"


@pytest.mark.parametrize(
    ("devices", "more", "why"),
    [
        ("<console type='pty'/>", SHARED_IDS, "restore consoles"),
        ("", "", "shown with other ids"),
        ("<interface type='direct'><source dev='lo' mode='bridge'/></interface>", SHARED_IDS, "macvlan"),
    ],
)
def test_what_criu_or_liblxc_cannot_do_is_refused_before(
    connection, document, tmp_path: Path, devices: str, more: str, why: str, monkeypatch
) -> None:
    monkeypatch.setattr("polyvisor_lxc.confinement.id_range", lambda number: (100000, 65536))
    domain = connection.define(document(devices=devices, more=more)).start()
    with pytest.raises(UnsupportedConfiguration, match=why) as told:
        domain.save(f"{tmp_path}/saved")
    assert told.value.hint
    assert domain.state().state is DomainState.RUNNING


@pytest.mark.parametrize("fit", [True, False])
def test_the_host_says_whether_containers_can_be_saved(programs, fit: bool) -> None:
    from polyvisor.spi import URI, ConnectContext
    from polyvisor.state import Paths
    from polyvisor_lxc.audit import host_findings
    from polyvisor_lxc.session import LxcSession

    if not fit:
        (programs / "unfit").touch()
    session = LxcSession(
        URI("lxc", "/embed"), ConnectContext(events=lambda event: None), Paths.embedded("lxc", programs)
    )
    (saving,) = [found for found in host_findings(session) if found.aspect == "saving"]
    assert saving.confined is fit
    assert saving.detail.startswith("CRIU 4.1" if fit else "CRIU 4.1 does not work with this kernel")


def test_options_of_other_hypervisors_are_refused(box, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOption):
        box.save(f"{tmp_path}/saved", format="zstd")


def test_a_restored_container_is_not_said_to_reboot(connection, box, tmp_path: Path) -> None:
    box.save(f"{tmp_path}/saved")
    again = connection.restore(f"{tmp_path}/saved")
    with pytest.raises(InvalidState, match="was restored"):
        again.reboot()


# -- files of others --------------------------------------------------------------------------------------


def altered(path: Path, name: str, alter: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]):
    """Write an archive again with one member altered, or left out."""
    import io

    with tarfile.open(path) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive.getmembers()]
    with tarfile.open(path, "w") as archive:
        for member, content in members:
            made = alter(member, content) if member.name == name else (member, content)
            if made is not None:
                made[0].size = len(made[1])
                archive.addfile(made[0], io.BytesIO(made[1]))


def replaced(old: bytes, new: bytes):
    return lambda member, content: (member, content.replace(old, new))


def renamed(name: str):
    def rename(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        member.name = name
        return member, content

    return rename


@pytest.mark.parametrize(
    ("name", "alter", "said"),
    [
        ("images/pages-1.img", renamed("images/../../../../tmp/evil"), "holds"),
        ("images/pages-1.img", renamed("/etc/evil"), "holds"),
        ("images/pages-1.img", renamed("images/other.img"), "holds"),
        ("images/pages-1.img", lambda member, content: None, "lacks pages-1.img"),
        ("images/pages-1.img", lambda member, content: (member, content + b"more"), "holds"),
        (
            "header.json",
            replaced(b'"version": 1', b'"version": 2'),
            "version 2",
        ),
        (
            "header.json",
            replaced(b"polyvisor-lxc", b"another"),
            "no container",
        ),
        ("header.json", lambda member, content: (member, b"{"), "damaged"),
        ("domain.xml", lambda member, content: (member, b"<domain"), "damaged"),
        ("domain.xml", lambda member, content: None, "no document"),
        ("domain.xml", replaced(b"uuid>", b"title>"), "damaged"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(connection, box, tmp_path: Path, name: str, alter, said: str) -> None:
    box.save(f"{tmp_path}/saved")
    altered(tmp_path / "saved", name, alter)
    with pytest.raises(StateError, match=said):
        connection.restore(f"{tmp_path}/saved")
    assert box.state().state is DomainState.SHUT_OFF
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("part", [0.01, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused(connection, box, tmp_path: Path, part: float) -> None:
    box.save(f"{tmp_path}/saved")
    os.truncate(tmp_path / "saved", int((tmp_path / "saved").stat().st_size * part))
    with pytest.raises(StateError):
        connection.restore(f"{tmp_path}/saved")


def test_what_is_no_file_is_not_waited_for(connection, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("directory", "pipe"):
        with pytest.raises(StateError, match="no container"):
            connection.restore(f"{tmp_path}/{name}")


def test_a_file_that_is_not_there(connection, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        connection.restore(f"{tmp_path}/nothing")
