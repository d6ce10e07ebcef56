"""Options of mounts and of Ceph in the documents of pools."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents.owners import Owners
from polyvisor.errors import InvalidDocument

pytest.importorskip("polyvisor_storage", reason="polyvisor-storage is not installed")

MOUNT = "<fs:mount_opts><fs:option name='noatime'/></fs:mount_opts>"
RBD = "<rbd:config_opts><rbd:option name='client_mount_timeout' value='45'/></rbd:config_opts>"
SCHEMAS = "http://libvirt.org/schemas/storagepool"
NAMESPACES = f"xmlns:fs='{SCHEMAS}/fs/1.0' xmlns:rbd='{SCHEMAS}/rbd/1.0'"
SOURCES = {
    "fs": "<source><device path='/dev/sdb1'/></source><target><path>/mnt</path></target>",
    "netfs": "<source><host name='nas'/><dir path='/srv'/></source><target><path>/mnt</path></target>",
    "rbd": "<source><host name='mon'/><name>pool</name></source>",
    "zfs": "<source><name>tank</name></source>",
}


def pool(kind: str, options: str):
    xml = f"<pool type='{kind}' {NAMESPACES}><name>p</name>{SOURCES[kind]}{options}</pool>"
    made = model.complete("storagepool", model.parse("storagepool", xml, contributions=Owners()))
    model.check("storagepool", made)
    return made


@pytest.mark.parametrize(("kind", "options"), [("fs", MOUNT), ("netfs", MOUNT), ("rbd", RBD)])
def test_options_go_with_the_pools_that_have_them(kind, options):
    made = pool(kind, options)
    assert made.source is not None
    written = model.format(made)
    assert options in written.replace("\n", "").replace("  ", "")
    assert model.parse("storagepool", written, contributions=Owners()) == made


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("zfs", MOUNT, "type zfs is not mounted"),
        ("rbd", MOUNT, "type rbd is not mounted"),
        ("netfs", RBD, "for pools of type rbd, not netfs"),
    ],
)
def test_they_go_with_no_others(kind, options, said):
    with pytest.raises(InvalidDocument) as caught:
        pool(kind, options)
    assert said in str(caught.value)


def test_an_option_has_a_name():
    with pytest.raises(InvalidDocument) as caught:
        pool("fs", MOUNT.replace("name=", "nmae="))
    assert "did you mean 'name'?" in str(caught.value)
