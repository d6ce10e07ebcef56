"""Snapshots of running containers: what they keep, and what becomes of a container whose way back is cut short."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor.operations.records import DomainState
from polyvisor_lxc import copies, kernel
from polyvisor_lxc.conformance import make_root

from .conftest import ready
from .test_filesystems import image

pytestmark = pytest.mark.live

__all__ = ["image"]


def take(domain: polyvisor.Domain, name: str = "one") -> polyvisor.Snapshot:
    return domain.create_snapshot(f"<domainsnapshot><name>{name}</name></domainsnapshot>")


def test_a_snapshot_keeps_what_was_written_into_images(connection, document, image, inside) -> None:
    path = image("data.img")
    devices = f"<filesystem type='file'><source file='{path}'/><target dir='/mnt/file'/></filesystem>"
    domain = connection.define(document(devices=devices)).start()
    ready(domain)
    inside(domain, "sh", "-c", "echo before > /mnt/file/note")
    snapshot = take(domain)
    inside(domain, "sh", "-c", "echo after > /mnt/file/note")
    snapshot.revert()
    ready(domain)
    assert inside(domain, "cat", "/mnt/file/note") == "before\n"


def test_a_container_goes_on_until_what_it_gets_back_is_copied(box, root, inside, monkeypatch) -> None:
    snapshot = take(box)
    states = []
    real = copies.copy

    def watched(*arguments: object) -> None:
        states.append(box.state().state)
        inside(box, "sh", "-c", "echo meanwhile > /note")
        real(*arguments)

    monkeypatch.setattr(copies, "copy", watched)
    snapshot.revert()
    assert states == [DomainState.RUNNING]
    assert not (root / "note").exists()


@pytest.mark.parametrize("paused", [True, False])
def test_a_container_comes_back_as_it_is_asked_to(box, paused) -> None:
    snapshot = take(box)
    snapshot.revert(paused=paused)
    assert box.state().state is (DomainState.PAUSED if paused else DomainState.RUNNING)


def test_one_that_did_not_run_does_not_come_back_running(connection, document, root) -> None:
    domain = connection.define(document())
    snapshot = take(domain)
    (root / "note").write_text("after")
    domain.start()
    ready(domain)
    snapshot.revert()
    assert domain.state().state is DomainState.SHUT_OFF
    assert not (root / "note").exists()


def cut_short(uri: str, where: object, name: str) -> None:
    """Go back to the snapshot in a process that is killed when it comes to that step."""
    child = os.fork()
    if not child:
        setattr(where, name, lambda *arguments: os._exit(77))
        try:
            with polyvisor.open(uri) as connection:
                connection.domain("box").snapshot("one").revert()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77


@pytest.fixture
def changed(box, inside) -> polyvisor.Domain:
    """A container with a snapshot, changed since."""
    inside(box, "sh", "-c", "echo before > /note")
    take(box)
    inside(box, "sh", "-c", "echo after > /note")
    return box


def test_a_container_whose_way_back_was_cut_short_while_copying_runs_on(changed, uri, root, inside) -> None:
    cut_short(uri, kernel, "sync_file_system")
    assert (root.parent / "root.polyvisor-new").exists()
    assert changed.state().state is DomainState.RUNNING
    changed.suspend()  # any change puts right what was left
    changed.resume()
    assert not (root.parent / "root.polyvisor-new").exists()
    assert inside(changed, "cat", "/note") == "after\n"


def test_a_way_back_that_was_cut_short_at_its_end_is_finished_by_the_next_start(changed, uri, root, inside) -> None:
    cut_short(uri, kernel, "exchange")
    assert changed.state().state is DomainState.SHUT_OFF
    assert (root / "note").read_text() == "after\n"
    changed.start()
    ready(changed)
    assert inside(changed, "cat", "/note") == "before\n"
    assert not (root.parent / "root.polyvisor-new").exists()
    assert changed.current_snapshot().name == "one"


@pytest.fixture(params=["xfs", "btrfs"])
def sharing(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory of a file system that shares blocks between copies."""
    make = f"mkfs.{request.param}"
    if shutil.which(make) is None or not os.path.exists("/dev/loop-control"):
        pytest.skip(f"there is no {make}, or there are no loop devices")
    disk, place = tmp_path / "disk", tmp_path / "sharing"
    with open(disk, "wb") as file:
        file.truncate(320 << 20)
    place.mkdir()
    for words in ([make, "-q", str(disk)], ["mount", "-o", "loop", str(disk), str(place)]):
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip(f"this host has no {request.param}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_copies_share_blocks_where_the_file_system_can(sharing, document) -> None:
    root = make_root(sharing / "root")
    (root / "big").write_bytes(os.urandom(32 << 20))
    os.sync()
    before = shutil.disk_usage(sharing).used
    with polyvisor.open(f"lxc:///embed?root={sharing}/state") as connection:
        snapshot = take(connection.define(document(root=root)))
        os.sync()
        assert shutil.disk_usage(sharing).used - before < 8 << 20
        (root / "big").write_bytes(b"gone")
        snapshot.revert()
    assert (root / "big").stat().st_size == 32 << 20


@pytest.mark.parametrize("sharing", ["btrfs"], indirect=True)
def test_subvolumes_are_kept_as_snapshots_of_the_file_system(sharing, document, inside) -> None:
    root = sharing / "root"
    subprocess.run(["btrfs", "subvolume", "create", str(root)], check=True, capture_output=True)
    make_root(root)
    with polyvisor.open(f"lxc:///embed?root={sharing}/state") as connection:
        domain = connection.define(document(root=root)).start()
        try:
            ready(domain)
            snapshot = take(domain)
            (root / "note").write_text("after")
            snapshot.revert()
            ready(domain)
            assert not (root / "note").exists()
            assert root.stat().st_ino == 256, "it is a subvolume still"
            snapshot.delete()
            listed = subprocess.run(["btrfs", "subvolume", "list", str(sharing)], check=True, capture_output=True)
            assert len(listed.stdout.splitlines()) == 1, "nothing is left of the copies"
        finally:
            domain.destroy()
