"""File systems of every kind in containers: of directories, image files, block devices and memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import HypervisorError, UnsupportedConfiguration

from .conftest import ready, until
from .test_life import init_of

pytestmark = pytest.mark.live

IDMAP = "<idmap><uid start='0' target='100000' count='65536'/><gid start='0' target='100000' count='65536'/></idmap>"
RELAXED = "<container:confinement xmlns:container='urn:polyvisor:lxc:1' userns='no'/>"


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Path]:
    """Makes an image with an ext4 file system that holds a directory."""
    if shutil.which("mkfs.ext4") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("there are no loop devices, or no mkfs.ext4")

    def make(name: str, holding: Path | None = None, size: str = "24M") -> Path:
        path = tmp_path / name
        with open(path, "wb") as file:
            file.truncate(int(size[:-1]) << 20)
        source = ["-d", str(holding)] if holding is not None else []
        subprocess.run(["mkfs.ext4", "-q", *source, str(path)], check=True, capture_output=True)
        return path

    return make


@pytest.fixture
def device(image) -> Iterator[str]:
    """A block device with a file system."""
    path = image("device")
    name = subprocess.run(["losetup", "-f", "--show", str(path)], check=True, capture_output=True, text=True).stdout
    try:
        yield name.strip()
    finally:
        subprocess.run(["losetup", "-d", name.strip()], check=True)


def loops(path: Path) -> str:
    """The loop devices of an image."""
    return subprocess.run(["losetup", "-j", str(path)], check=True, capture_output=True, text=True).stdout


def start(connection, document, devices: str = "", *, root: str = "", more: str = "") -> polyvisor.Domain:
    text = document(devices=devices, extra=more)
    if root:
        before, _, rest = text.partition("<filesystem type='mount'>")
        text = before + root + rest.partition("</filesystem>")[2]
    domain = connection.define(text).start()
    ready(domain)
    return domain


@pytest.mark.parametrize("more", ["", IDMAP, RELAXED])
def test_an_image_is_the_root_of_a_container(connection, document, image, root, inside, more) -> None:
    path = image("root.img", root)
    mapped = " accessmode='mapped'" if more == IDMAP else ""
    filesystem = f"<filesystem type='file'{mapped}><source file='{path}'/><target dir='/'/></filesystem>"
    domain = start(connection, document, root=filesystem, more=more)
    inside(domain, "sh", "-c", "echo kept > /note")
    assert inside(domain, "ls", "-ln", "/note").split()[2] == "0"
    assert loops(path)
    domain.destroy()
    assert not loops(path), "the loop device goes with the container"
    domain.start()
    ready(domain)
    assert inside(domain, "cat", "/note") == "kept\n"


@pytest.mark.parametrize("more", ["", RELAXED])
def test_images_and_block_devices_are_mounted(connection, document, image, device, inside, more) -> None:
    path = image("data.img")
    domain = start(
        connection,
        document,
        f"<filesystem type='file'><driver type='loop' format='raw'/><source file='{path}'/><target dir='/mnt/file'/>"
        f"</filesystem><filesystem type='block'><source dev='{device}'/><target dir='/mnt/block'/><readonly/>"
        "</filesystem>",
        more=more,
    )
    inside(domain, "touch", "/mnt/file/mark")
    assert "lost+found" in inside(domain, "ls", "/mnt/block")
    inside(domain, "touch", "/mnt/block/mark", status=1)
    assert "/run/polyvisor-images" not in Path("/proc/mounts").read_text(), "nobody on the host sees them"


def test_a_container_that_is_killed_leaves_no_loop_device(connection, document, image) -> None:
    path = image("data.img")
    devices = f"<filesystem type='file'><source file='{path}'/><target dir='/mnt/file'/></filesystem>"
    domain = start(connection, document, devices)
    os.kill(init_of(domain), 9)
    assert until(lambda: domain.state().reason == "crashed")
    assert until(lambda: not loops(path))


def test_images_and_block_devices_come_and_go_while_the_container_runs(box, image, device, inside) -> None:
    path = image("data.img")
    filesystem = f"<filesystem type='file'><source file='{path}'/><target dir='/mnt/file'/></filesystem>"
    box.attach_device(filesystem)
    inside(box, "touch", "/mnt/file/mark")
    assert inside(box, "ls", "-ln", "/mnt/file/mark").split()[2] == "0"
    box.attach_device(
        f"<filesystem type='block'><source dev='{device}'/><target dir='/mnt/block'/><readonly/></filesystem>"
    )
    inside(box, "touch", "/mnt/block/mark", status=1)
    box.detach_device(filesystem)
    assert not loops(path)
    assert "mark" not in inside(box, "ls", "/mnt/file")


def test_an_image_that_holds_no_file_system_is_named(connection, document, tmp_path) -> None:
    (tmp_path / "junk").write_bytes(b"junk" * 4096)
    devices = f"<filesystem type='file'><source file='{tmp_path}/junk'/><target dir='/mnt'/></filesystem>"
    with pytest.raises(HypervisorError, match=r"junk cannot be mounted: wrong fs type") as told:
        connection.define(document(devices=devices)).start()
    assert "polyvisor-images" not in str(told.value)


def test_network_block_devices_are_told_to_be_missing(connection, document, image, root) -> None:
    if os.path.exists("/dev/nbd0"):
        pytest.skip("this kernel has network block devices")
    filesystem = (
        f"<filesystem type='file'><driver type='nbd' format='qcow2'/><source file='{image('i', root)}'/>"
        "<target dir='/'/></filesystem>"
    )
    with pytest.raises(UnsupportedConfiguration, match="network block devices") as told:
        start(connection, document, root=filesystem, more=RELAXED)
    assert "modprobe nbd" in str(told.value)


def test_directories_and_single_files_are_shown(connection, document, tmp_path, inside) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note").write_text("from the host")
    domain = start(
        connection,
        document,
        f"<filesystem type='bind'><source dir='{shared}'/><target dir='/mnt/directory'/></filesystem>"
        f"<filesystem type='mount'><source dir='{shared}/note'/><target dir='/etc/note'/><readonly/></filesystem>",
    )
    assert inside(domain, "cat", "/etc/note") == "from the host"
    inside(domain, "touch", "/mnt/directory/mark")
    assert (shared / "mark").stat().st_uid == 0, "the ids are shifted"
    inside(domain, "sh", "-c", "echo no > /etc/note", status=1)


def test_directories_are_shown_with_the_ids_of_the_document_when_they_are_mapped(
    connection, document, tmp_path, inside
) -> None:
    for name in ("mapped", "plain"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note").write_text("")
    tmp_path.chmod(0o755)
    root = f"<filesystem accessmode='mapped'><source dir='{tmp_path}/root'/><target dir='/'/></filesystem>"
    domain = start(
        connection,
        document,
        f"<filesystem accessmode='mapped'><source dir='{tmp_path}/mapped'/><target dir='/mnt/mapped'/></filesystem>",
        root=root,
        more=IDMAP,
    )
    assert inside(domain, "ls", "-ln", "/mnt/mapped/note").split()[2] == "0"
    domain.attach_device(
        f"<filesystem accessmode='mapped'><source dir='{tmp_path}/plain'/><target dir='/mnt/plain'/></filesystem>"
    )
    assert inside(domain, "ls", "-ln", "/mnt/plain/note").split()[2] == "0"


@pytest.mark.parametrize(("usage", "expected"), [("usage='4' units='MiB'", "size=4096k"), ("usage='512'", "size=512k")])
def test_memory_is_as_large_as_asked_for(connection, document, inside, usage, expected) -> None:
    ram = f"<filesystem type='ram'><source {usage}/><target dir='/mnt/ram'/></filesystem>"
    domain = start(connection, document, ram)
    line = next(row for row in inside(domain, "mount").splitlines() if " /mnt/ram " in row)
    assert "tmpfs" in line and expected in line
    inside(domain, "touch", "/mnt/ram/mark")


def test_a_read_only_root_is_not_written(connection, document, root, inside) -> None:
    filesystem = f"<filesystem type='mount'><source dir='{root}'/><target dir='/'/><readonly/></filesystem>"
    domain = start(connection, document, root=filesystem)
    inside(domain, "touch", "/mark", status=1)
