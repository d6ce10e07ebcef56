"""Pools and volumes: what a request implies, and what is refused."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents import Element, element
from polyvisor.errors import InvalidDocument
from polyvisor.model import storagevol
from polyvisor.model.storagepool import PoolType
from polyvisor.model.storagepoolcaps import capabilities


@element("tape", namespace="urn:tapes", prefix="tape", extends="pool")
class Tape(Element):
    """Goes with pools in directories only."""

    def contradiction(self, within: Element) -> str | None:
        return None if within.type == "dir" else "a tape lies in a directory"


def pool(xml: str):
    return model.complete("storagepool", model.parse("storagepool", xml, contributions=[Tape]))


def volume(xml: str, pool: str = "dir"):
    return storagevol.complete(model.parse("storagevol", xml), pool)


DIRECTORY = "<pool type='dir'><name>p</name><target><path>{}</path>{}</target></pool>"


def test_a_pool_gets_an_identifier_and_forgets_the_sizes_it_was_told():
    made = pool(
        "<pool type='zfs'><name>p</name><capacity unit='GiB'>9</capacity><source><name>t</name></source></pool>"
    )
    assert made.uuid
    assert (made.capacity.value, made.allocation.value, made.available.value) == (0, 0, 0)
    assert made.target.path == "/dev/zvol/t"


@pytest.mark.parametrize(
    ("written", "clean"), [("/a", "/a"), ("///a//b/", "/a/b"), ("//a/b", "//a/b"), ("/a<b>", "/a<b>")]
)
def test_paths_are_cleaned(written, clean):
    assert pool(DIRECTORY.format(written.replace("<", "&lt;"), "")).target.path == clean


def test_permissions_that_change_nothing_are_dropped():
    nobody = "<permissions><owner>-1</owner><group>-1</group></permissions>"
    assert pool(DIRECTORY.format("/a", nobody)).target.permissions is None


def test_a_volume_group_and_its_pool_lend_each_other_their_names():
    named = pool("<pool type='logical'><name>vg</name></pool>")
    assert (named.source.name, named.source.format.type, named.target.path) == ("vg", "lvm2", "/dev/vg")
    mode = "<permissions><mode>0700</mode></permissions>"
    placed = pool(f"<pool type='logical'><name>vg</name><target>{mode}</target></pool>")
    assert placed.target.path == "/dev/vg"
    lent = pool("<pool type='logical'><source><name>vg</name></source></pool>")
    assert lent.name == "vg"


def test_an_adapter_without_a_type_is_a_scsi_host():
    source = "<source><adapter name='host2'/></source><target><path>/dev</path></target>"
    xml = f"<pool type='scsi'><name>p</name>{source}</pool>"
    assert pool(xml).source.adapter.type == "scsi_host"


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<pool type='dir'><name>p</name><target/></pool>", "<path> is missing"),
        ("<pool type='gluster'><source><host name='h'/><name/></source></pool>", "no name"),
        (
            "<pool type='rbd'><name>p</name><source><name>n</name><auth type='chap' username='u'>"
            "<secret usage='x'/></auth></source></pool>",
            "cannot log in by chap",
        ),
        (
            "<pool type='zfs' xmlns:t='urn:tapes'><source><name>n</name></source><t:tape/></pool>",
            "a tape lies in a directory",
        ),
        (
            "<pool type='scsi'><name>p</name><source><adapter type='fc_host' wwnn='20000000c9831b4b'/></source>"
            "<target><path>/dev</path></target></pool>",
            "wwpn",
        ),
    ],
)
def test_pools_that_make_no_sense_are_refused(xml, said):
    with pytest.raises(InvalidDocument) as caught:
        model.check("storagepool", pool(xml))
    assert said in str(caught.value)


def test_mount_options_are_read_and_written():
    xml = DIRECTORY.format("/srv", "").replace("</pool>", "<t:tape xmlns:t='urn:tapes'/></pool>")
    made = pool(xml)
    model.check("storagepool", made)
    assert "<tape:tape/>" in model.format(made)


def test_a_volume_counts_in_bytes_and_is_fully_allocated_unless_told_otherwise():
    made = volume("<volume><name>v</name><capacity unit='MiB'>3</capacity><target/></volume>")
    assert (made.type, made.target.format.type) == ("file", "raw")
    assert (made.capacity.value, made.capacity.unit, made.allocation.value) == (3 << 20, "bytes", 3 << 20)


@pytest.mark.parametrize(
    ("kind", "type", "format"),
    [("dir", "file", "raw"), ("disk", "block", "none"), ("logical", "block", None), ("rbd", "network", "raw")],
)
def test_what_a_volume_is_follows_from_its_pool(kind, type, format):
    made = volume("<volume><name>v</name><target/></volume>", kind)
    assert made.type == type
    assert (made.target.format.type if made.target.format else None) == format


def test_a_request_cannot_choose_what_only_the_host_knows():
    made = volume(
        "<volume><name>v</name><source><device path='/dev/sda'/></source><physical>5</physical><target>"
        "<timestamps><mtime>1.5</mtime></timestamps><features><lazy_refcounts/></features></target></volume>"
    )
    assert made.source is made.physical is made.target.timestamps is None
    assert made.target.compat == "1.1"


@pytest.mark.parametrize("name", ["web.vmdk", "web/web.vmdk", "a b/.hidden/c..d"])
def test_a_volume_may_lie_in_folders_of_its_pool(name):
    made = volume(f"<volume><name>{name}</name><target/></volume>")
    model.check("storagevol", made)
    assert made.name == name


@pytest.mark.parametrize("name", ["/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/."])
def test_a_volume_lies_nowhere_else(name):
    with pytest.raises(InvalidDocument):
        model.check("storagevol", volume(f"<volume><name>{name}</name><target/></volume>"))


def test_the_capabilities_of_storage_name_every_kind_of_pool():
    found = capabilities({PoolType.DIR, "netfs"})
    assert [each.type for each in found.pools] == list(PoolType)
    assert [each.type for each in found.pools if each.supported] == ["dir", "netfs"]
    assert found.supports("dir") and not found.supports("rbd")
    assert model.parse("storagepoolcaps", model.format(found)) == found
