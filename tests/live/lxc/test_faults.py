"""What goes wrong with real containers: each fault is told with what, where, why and what to do, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import (
    HypervisorError,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    NoSuchSnapshot,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.operations.records import DomainState

from .conftest import ready, until

pytestmark = pytest.mark.live

GROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """Fails a test after which a mount, a control group, a status record or a file of a run is left."""
    yield
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    assert [where for where in mounts if where.startswith(str(tmp_path))] == []
    state = tmp_path / "state"
    assert list(state.glob("lxc/run/guests/*")) == []
    assert [path for path in state.glob("lxc/run/**/*.json") if path.is_file()] == []


def groups_of(domain: polyvisor.Domain) -> list[Path]:
    """Control groups that bear the name of a container."""
    return [path for path in GROUPS.glob(f"*/*{domain.uuid}*") if path.is_dir()]


def refused(
    domain: polyvisor.Domain, *words: str, hint: str = "", kind: type[PolyvisorError] = UnsupportedConfiguration
):
    """Starts a container that cannot run: the error has these words and a hint, and nothing is left of the start."""
    with pytest.raises(kind) as told:
        domain.start()
    for word in words:
        assert word in str(told.value)
    assert told.value.hint
    assert hint in told.value.hint
    assert domain.state().state is DomainState.SHUT_OFF
    assert groups_of(domain) == []


# -- what a start needs ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_left")
class TestWhatIsMissing:
    def test_a_root_that_does_not_exist(self, connection, document, tmp_path) -> None:
        domain = connection.define(document(root=tmp_path / "nowhere"))
        refused(domain, f"root {tmp_path}/nowhere", "does not exist", hint="<source>")

    def test_a_root_that_is_no_directory(self, connection, document, tmp_path) -> None:
        (tmp_path / "file").write_text("")
        refused(connection.define(document(root=tmp_path / "file")), f"{tmp_path}/file")

    def test_an_init_that_does_not_exist(self, connection, document, root) -> None:
        refused(connection.define(document(init="/sbin/nothing")), str(root), "/sbin/nothing", hint="<init>")

    def test_an_init_that_is_a_directory(self, connection, document) -> None:
        refused(connection.define(document(init="/tmp")), "/tmp")

    def test_an_init_that_cannot_be_executed(self, connection, document, root) -> None:
        (root / "init").chmod(0o644)
        refused(connection.define(document()), "/init", str(root), "executed")

    def test_an_init_without_its_interpreter(self, connection, document, root) -> None:
        (root / "init").write_text("#!/usr/bin/nothing\n")
        refused(connection.define(document()), "/init", hint="program", kind=PolyvisorError)

    def test_a_bridge_that_does_not_exist(self, connection, document) -> None:
        card = "<interface type='bridge'><source bridge='pvnone0'/></interface>"
        refused(connection.define(document(devices=card)), "bridge 'pvnone0'", hint="ip link add pvnone0")

    def test_a_device_that_is_no_bridge(self, connection, document) -> None:
        card = "<interface type='bridge'><source bridge='lo'/></interface>"
        refused(connection.define(document(devices=card)), "'lo'", "not a bridge")

    def test_a_network_device_that_does_not_exist(self, connection, document) -> None:
        card = "<interface type='direct'><source dev='pvnone0' mode='bridge'/></interface>"
        refused(connection.define(document(devices=card)), "network device 'pvnone0'")

    def test_a_shared_directory_that_does_not_exist(self, connection, document, tmp_path) -> None:
        shared = f"<filesystem type='mount'><source dir='{tmp_path}/gone'/><target dir='/mnt'/></filesystem>"
        refused(connection.define(document(devices=shared)), f"{tmp_path}/gone", "/mnt", hint="<source>")

    def test_an_image_that_does_not_exist(self, connection, document, tmp_path) -> None:
        image = f"<filesystem type='file'><source file='{tmp_path}/gone.img'/><target dir='/mnt'/></filesystem>"
        refused(connection.define(document(devices=image)), f"{tmp_path}/gone.img", "/mnt")

    def test_a_device_of_the_host_that_does_not_exist(self, connection, document) -> None:
        device = "<hostdev mode='capabilities' type='misc'><source><char>/dev/pvnone</char></source></hostdev>"
        with pytest.raises(UnsupportedConfiguration, match=r"/dev/pvnone.*No such file") as told:
            connection.define(document(devices=device))
        assert "<hostdev>" in (told.value.hint or "")

    def test_a_user_whom_the_root_does_not_know(self, connection, document) -> None:
        wish = document().replace("</init>", "</init><inituser>nobody-here</inituser><initgroup>0</initgroup>")
        with pytest.raises(UnsupportedConfiguration, match=r"nobody-here.*/etc/passwd") as told:
            connection.define(wish)
        assert "number" in (told.value.hint or "")


@pytest.mark.usefixtures("nothing_left")
def test_what_failed_is_remembered_and_can_be_put_right(connection, document, root) -> None:
    (root / "init").rename(root / "elsewhere")
    domain = connection.define(document())
    with pytest.raises(UnsupportedConfiguration):
        domain.start()
    (root / "elsewhere").rename(root / "init")
    domain.start()
    ready(domain)
    domain.destroy()


# -- images ---------------------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small file system in a file."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "root_owner=0:0", str(path)], check=True)
    return path


def test_an_image_that_cannot_be_written_is_told_before_anything_starts(
    connection, document, image, monkeypatch
) -> None:
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: may(path, mode, **more) and str(path) != str(image))
    devices = f"<filesystem type='file'><source file='{image}'/><target dir='/mnt/image'/></filesystem>"
    refused(connection.define(document(devices=devices)), str(image), "cannot be written", hint="<readonly/>")


# -- memory ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_left")
def test_an_init_that_takes_too_much_memory_is_told_as_killed(connection, document) -> None:
    hog = "i=xxxxxxxxxxxxxxxx; while :; do i=$i$i; done"
    with connection.events() as events:
        domain = connection.define(document("hog", init="/bin/sh", arguments=("-c", hog))).start()
        told = next(one for one in iter(lambda: events.get(timeout=30), None) if one.event == "stopped")
    assert (told.detail, told.data["signal"]) == ("crashed", 9)
    assert domain.state().reason == "crashed"
    assert until(lambda: groups_of(domain) == [])


# -- two at once, and what is not there -----------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_left")
def test_of_many_starts_at_once_one_is_made(connection, uri, document) -> None:
    domain = connection.define(document("crowd"))
    with ThreadPoolExecutor(4) as threads:
        errors = [future.exception() for future in [threads.submit(domain.start) for _ in range(4)]]
    assert sorted(type(error).__name__ for error in errors) == ["InvalidState"] * 3 + ["NoneType"]
    assert all("already running" in str(error) for error in errors if error)
    domain.destroy()
    assert groups_of(domain) == []


@pytest.mark.usefixtures("nothing_left")
def test_start_and_destroy_by_turns_from_two_sides_leave_nothing(connection, uri, document) -> None:
    domain = connection.define(document("torn"))
    with polyvisor.open(uri) as other, ThreadPoolExecutor(2) as threads:
        again = other.domain("torn")

        def tear(one: polyvisor.Domain, work: str) -> None:
            for _ in range(4):
                try:
                    getattr(one, work)()
                except InvalidState:
                    pass  # the other side was quicker

        for future in [threads.submit(tear, domain, "start"), threads.submit(tear, again, "destroy")]:
            future.result()
    if domain.state().state is not DomainState.SHUT_OFF:
        domain.destroy()
    assert groups_of(domain) == []


@pytest.mark.usefixtures("nothing_left")
def test_what_is_not_there_is_told_by_its_name(connection, box) -> None:
    with pytest.raises(NoSuchDomain, match="'nobody'"):
        connection.domain("nobody")
    with pytest.raises(NoSuchSnapshot, match="'never'"):
        box.snapshot("never")
    with pytest.raises(NoSuchDevice, match="52:54:00:00:00:01"):
        box.interface_stats("52:54:00:00:00:01")
    with pytest.raises(NoSuchDevice):
        box.detach_device("<filesystem type='ram'><source usage='1'/><target dir='/none'/></filesystem>")
    box.destroy()
    box.undefine()
    with pytest.raises(NoSuchDomain, match=r"box"):
        box.start()


def test_another_container_whose_network_is_shared_has_to_run(connection, document) -> None:
    shares = (
        "<lxc:namespace xmlns:lxc='http://libvirt.org/schemas/domain/lxc/1.0'><lxc:sharenet type='name' value='{}'/>"
    )
    wish = document("guest").replace("<container:signals", shares.format("host") + "</lxc:namespace><container:signals")
    domain = connection.define(wish)
    with pytest.raises(NoSuchDomain, match="'host'"):
        domain.start()
    host = connection.define(document("host"))
    with pytest.raises(InvalidState, match="not running"):
        domain.start()
    assert host.state().state is DomainState.SHUT_OFF
    assert groups_of(domain) == []


def test_errors_of_liblxc_are_told_in_its_words(connection, document, root, tmp_path) -> None:
    (tmp_path / "image").write_bytes(b"no file system" * 1000)
    devices = f"<filesystem type='file'><source file='{tmp_path}/image'/><target dir='/mnt/image'/></filesystem>"
    domain = connection.define(document(devices=devices))
    with pytest.raises(HypervisorError) as told:
        domain.start()
    assert "mount" in str(told.value)
    assert told.value.hint and "filesystems" in told.value.hint
    assert groups_of(domain) == []
