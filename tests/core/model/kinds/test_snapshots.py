"""Snapshots, checkpoints and backups: what a request implies, and how it is aligned with a domain's disks."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model import backup, checkpoint, snapshot
from polyvisor.model.domain import Domain
from polyvisor.model.recorded import DomainIdentity, DomainRecord
from polyvisor.operations.snapshots import SnapshotState

UUID = "3d7a5c1e-52f4-4f0c-8b7e-9c2d1e0f4a5b"
DISKS = {"vda": "/srv/a.qcow2", "vdb": None}


def snap(disks: str = "", rest: str = "") -> snapshot.DomainSnapshot:
    return model.parse("domainsnapshot", f"<domainsnapshot>{rest}<disks>{disks}</disks></domainsnapshot>")


def back(disks: str, mode: str = "push", rest: str = "") -> backup.DomainBackup:
    xml = f"<domainbackup mode='{mode}'>{rest}<disks>{disks}</disks></domainbackup>"
    return model.parse("domainbackup", xml)


def test_a_snapshot_that_is_taken_is_called_after_its_moment():
    made = snapshot.take(snap(rest="<state>paused</state><parent><name>p</name></parent>"), created=1234, domain=UUID)
    assert (made.name, made.creation_time, made.state, made.parent) == ("1234", 1234, None, None)
    assert made.domain == DomainIdentity(uuid=UUID)


def test_a_disk_with_a_new_image_is_external_and_one_without_says_no_more():
    made = model.complete(
        "domainsnapshot",
        snap("<disk name='vda'><source file='/n'/><driver/></disk><disk name='vdb' type='file'><source/></disk>"),
    )
    first, second = made.disks.disks
    assert (first.snapshot, first.type, first.driver, first.path) == ("external", "file", None, "/n")
    assert (second.snapshot, second.type, second.source) == (None, None, None)


def test_disks_are_known_by_target_or_source_and_the_rest_follows_the_default():
    made = snapshot.align(snap("<disk name='/srv/a.qcow2' snapshot='no'/>"), DISKS, "external")
    assert [(disk.name, disk.snapshot) for disk in made.disks.disks] == [("vda", "no"), ("vdb", "external")]


@pytest.mark.parametrize(
    ("disks", "said"),
    [
        ("<disk name='vdz'/>", "no disk vdz"),
        ("<disk name='vda'/><disk name='/srv/a.qcow2'/>", "vda is listed twice"),
    ],
)
def test_disks_that_a_domain_does_not_have_are_refused(disks, said):
    with pytest.raises(InvalidDocument) as caught:
        snapshot.align(snap(disks), DISKS)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<domainsnapshot><name>a/b</name></domainsnapshot>", "'a/b'"),
        ("<domainsnapshot><memory snapshot='no' file='/m'/></domainsnapshot>", "file"),
        ("<domainsnapshot><memory snapshot='external'/></domainsnapshot>", "file"),
        (
            "<domainsnapshot><disks><disk name='vda' snapshot='no'><source file='/n'/></disk></disks></domainsnapshot>",
            "external",
        ),
        ("<domainsnapshot><domain type='kvm'/></domainsnapshot>", "<name> is missing"),
        ("<domainsnapshot><domain><name>n</name></domain></domainsnapshot>", "uuid"),
    ],
)
def test_snapshots_that_make_no_sense_are_refused(xml, said):
    with pytest.raises(InvalidDocument) as caught:
        model.check("domainsnapshot", model.parse("domainsnapshot", xml))
    assert said in str(caught.value)


def test_a_recorded_domain_is_a_domain_and_is_completed_when_its_snapshot_is_restored():
    inner = (
        f"<domain type='kvm'><name>d</name><uuid>{UUID}</uuid><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    xml = (
        "<domainsnapshot><name>s</name><state>shutoff</state><creationTime>7</creationTime>"
        f"<parent><name>p</name></parent>{inner}</domainsnapshot>"
    )
    made = snapshot.restore(model.parse("domainsnapshot", xml))
    assert isinstance(made.domain, Domain)
    assert (made.domain.name, made.domain.vcpu.count, made.parent.name) == ("d", 1, "p")
    plain = model.parse("domain", inner)
    assert DomainRecord.of(plain) == model.parse("domainsnapshot", xml).domain


def test_a_snapshot_to_restore_says_name_moment_and_state():
    with pytest.raises(InvalidDocument) as caught:
        snapshot.restore(snap())
    assert [fault.path for fault in caught.value.faults] == [
        "/domainsnapshot/name",
        "/domainsnapshot/creationTime",
        "/domainsnapshot/state",
    ]


def test_documents_and_operations_call_the_states_alike():
    assert set(snapshot.CapturedState) == set(SnapshotState)


def check_point(disks: str) -> checkpoint.DomainCheckpoint:
    body = f"<disks>{disks}</disks>" if disks else ""
    return model.parse("domaincheckpoint", f"<domaincheckpoint>{body}</domaincheckpoint>")


def test_all_disks_record_when_a_checkpoint_lists_none():
    made = checkpoint.align(checkpoint.take(check_point(""), created=9, parent="before"), ["vda", "vdb"])
    assert (made.name, made.parent.name) == ("9", "before")
    assert [(disk.name, disk.checkpoint, disk.bitmap) for disk in made.disks.disks] == [
        ("vda", "bitmap", "9"),
        ("vdb", "bitmap", "9"),
    ]


def test_disks_that_a_checkpoint_does_not_list_do_not_record():
    made = checkpoint.align(checkpoint.take(check_point("<disk name='vdb'/>"), created=9), ["vda", "vdb"])
    assert [(disk.name, disk.checkpoint, disk.bitmap) for disk in made.disks.disks] == [
        ("vda", "no", None),
        ("vdb", "bitmap", "9"),
    ]


def test_a_checkpoint_to_restore_says_name_and_moment_and_keeps_its_parent():
    with pytest.raises(InvalidDocument) as caught:
        checkpoint.restore(check_point(""))
    assert [fault.path for fault in caught.value.faults] == ["/domaincheckpoint/name", "/domaincheckpoint/creationTime"]
    xml = (
        "<domaincheckpoint><name>c</name><creationTime>5</creationTime><parent><name>b</name></parent>"
        "<disks><disk name='vda' size='9'/></disks></domaincheckpoint>"
    )
    made = checkpoint.restore(model.parse("domaincheckpoint", xml))
    (disk,) = made.disks.disks
    assert (made.parent.name, disk.bitmap, disk.size) == ("b", "c", 9)


@pytest.mark.parametrize("name", ["../escape", ".hidden", "a/b", "two words", ""])
def test_a_checkpoint_has_a_name_that_can_be_a_file(name):
    with pytest.raises(InvalidDocument):
        model.parse("domaincheckpoint", f"<domaincheckpoint><name>{name}</name></domaincheckpoint>")


def test_a_backup_goes_beside_the_image_unless_told_otherwise():
    made = backup.align(back("<disk name='vda'/>", rest="<incremental>c</incremental>"), DISKS, "bak")
    first, second = made.disks.disks
    assert (first.backup, first.type, first.target.file) == (True, "file", "/srv/a.qcow2.bak")
    assert (first.backupmode, first.incremental) == ("incremental", "c")
    assert (second.name, second.backup, second.target) == ("vdb", False, None)


def test_all_disks_are_copied_when_a_backup_lists_none():
    made = backup.align(model.parse("domainbackup", "<domainbackup mode='pull'/>"), {"vda": "/a"}, "bak")
    (disk,) = made.disks.disks
    assert (disk.backup, disk.backupmode, disk.scratch.file) == (True, "full", "/a.bak")
    assert model.parse("domainbackup", model.format(made)) == made


@pytest.mark.parametrize(
    ("disks", "said"),
    [
        ("<disk name='vdz'/>", "no disk vdz"),
        ("<disk name='vdb'/>", "vdb is no image file"),
        ("<disk name='vda' backupmode='incremental'/>", "no checkpoint is named"),
        ("<disk name='vda'/><disk name='vda'/>", "listed twice"),
        ("<disk name='vda' backupmode='full' incremental='c'/>", "is full"),
    ],
)
def test_backups_that_cannot_be_are_refused(disks, said):
    with pytest.raises(InvalidDocument) as caught:
        backup.align(back(disks), DISKS, "bak")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "xml",
    [
        "<domainbackup><server transport='tcp'/></domainbackup>",
        "<domainbackup mode='pull'><server transport='unix'/></domainbackup>",
        "<domainbackup><disks><disk name='vda' type='file'><scratch file='/s'/></disk></disks></domainbackup>",
        "<domainbackup><disks><disk name='vda' backup='no' type='file'/></disks></domainbackup>",
    ],
)
def test_what_belongs_to_the_other_mode_is_refused(xml):
    with pytest.raises(InvalidDocument):
        model.parse("domainbackup", xml)
