"""Backups of running guests: pushed into files, or served until they are ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    InvalidDocument,
    InvalidState,
    NoSuchCheckpoint,
    OperationCancelled,
    UnsupportedConfiguration,
)
from polyvisor.operations.domainjobs import JobOperation
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, parsed
from polyvisor.testing.held import ShortLivedJob, held
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

pytestmark = needs("backup.begin", "backup.xml")


def push(kit: Kit, name: str = "backup", more: str = "") -> str:
    """A backup of the test's disk into a file."""
    disk = f"<disk name='{kit.target()}' type='file'><target file='{kit.scratch / name}'/><driver type='raw'/></disk>"
    return f"<domainbackup>{more}<disks>{disk}</disks></domainbackup>"


@pytest.fixture
def guest(kit: Kit, bench: Bench) -> Domain:
    """A running guest with a disk to back up."""
    bench.require(bench.target.local, "backups are written on another host")
    return kit.running("disk")


def test_a_pushed_backup_is_a_file_when_it_ends(kit: Kit, guest: Domain) -> None:
    guest.begin_backup(push(kit))
    assert guest.state().state is DomainState.RUNNING
    kit.bench.require(kit.bench.target.real_disks, "the hypervisor only pretends to have disks")
    image = (kit.scratch / "backup").read_bytes()
    assert image == Path(kit.path(kit.target())).read_bytes()


def test_without_a_backup_there_is_no_document_of_one(kit: Kit, guest: Domain) -> None:
    with pytest.raises(InvalidState):
        guest.backup_config()
    guest.begin_backup(push(kit))
    with pytest.raises(InvalidState):
        guest.backup_config()


def test_the_document_of_a_backup_at_work_is_complete(kit: Kit, bench: Bench, guest: Domain) -> None:
    with held(lambda job: guest.begin_backup(push(kit), job=job), bench.target.patience) as work:
        found = parsed(guest.connection, "domainbackup", guest.backup_config())
        assert found.tag == "domainbackup"
        assert str(kit.scratch / "backup") in guest.backup_config()
        assert work.end(bench.target.patience) is None


@needs("job.info")
def test_a_backup_is_a_job(kit: Kit, bench: Bench, guest: Domain) -> None:
    with held(lambda job: guest.begin_backup(push(kit), job=job), bench.target.patience) as work:
        assert guest.job().operation is JobOperation.BACKUP
        assert work.end(bench.target.patience) is None


@needs("job.abort")
def test_an_aborted_backup_leaves_the_guest_running(kit: Kit, bench: Bench, guest: Domain) -> None:
    with held(lambda job: guest.begin_backup(push(kit), job=job), bench.target.patience) as work:
        guest.abort_job()
        assert isinstance(work.end(bench.target.patience), OperationCancelled)
    assert guest.state().state is DomainState.RUNNING
    guest.begin_backup(push(kit, "again"))


def test_a_cancelled_backup_leaves_the_guest_running(kit: Kit, bench: Bench, guest: Domain) -> None:
    job = ShortLivedJob()
    try:
        guest.begin_backup(push(kit), job=job)
    except OperationCancelled:
        assert guest.state().state is DomainState.RUNNING
        with pytest.raises(InvalidState):
            guest.backup_config()
    else:
        bench.require(len(job.news) > 1, "this work is done before it can be cancelled")
        raise AssertionError("the job was cancelled while it was at work, and went on to its end")


def test_one_backup_at_a_time(kit: Kit, bench: Bench, guest: Domain) -> None:
    with held(lambda job: guest.begin_backup(push(kit), job=job), bench.target.patience) as work:
        with pytest.raises(Busy):
            guest.begin_backup(push(kit, "second"))
        assert work.end(bench.target.patience) is None


@needs("checkpoint.list")
def test_a_checkpoint_begins_with_the_backup(kit: Kit, guest: Domain) -> None:
    guest.begin_backup(push(kit), checkpoint="<domaincheckpoint><name>monday</name></domaincheckpoint>")
    assert [row.name for row in guest.list_checkpoints()] == ["monday"]
    guest.begin_backup(push(kit, "tuesday", "<incremental>monday</incremental>"))


@needs("checkpoint.list")
def test_a_backup_that_fails_leaves_no_checkpoint(kit: Kit, guest: Domain) -> None:
    broken = push(kit).replace(kit.target(), "vdnone")
    with pytest.raises(InvalidDocument):
        guest.begin_backup(broken, checkpoint="<domaincheckpoint><name>monday</name></domaincheckpoint>")
    assert guest.list_checkpoints() == []


def test_what_it_counts_from_must_be_there(kit: Kit, guest: Domain) -> None:
    with pytest.raises(NoSuchCheckpoint, match="sunday"):
        guest.begin_backup(push(kit, more="<incremental>sunday</incremental>"))


@needs("checkpoint.list")
def test_the_name_of_its_checkpoint_is_taken_once(kit: Kit, guest: Domain) -> None:
    checkpoint = "<domaincheckpoint><name>monday</name></domaincheckpoint>"
    guest.begin_backup(push(kit), checkpoint=checkpoint)
    with pytest.raises(AlreadyExists, match="monday"):
        guest.begin_backup(push(kit, "second"), checkpoint=checkpoint)
    assert len(guest.list_checkpoints()) == 1


@needs("begin_backup(wait)", "job.info")
def test_a_push_need_not_be_waited_for(kit: Kit, bench: Bench, guest: Domain) -> None:
    from polyvisor.operations.domainjobs import JobType

    guest.begin_backup(push(kit), wait=False)
    bench.until(lambda: guest.job().type is JobType.NONE, "the backup's end")


@needs("job.abort")
def test_a_pulled_backup_is_served_until_it_is_ended(kit: Kit, bench: Bench, guest: Domain) -> None:
    from concurrent.futures import ThreadPoolExecutor

    socket = kit.scratch / "nbd"
    disk = f"<disk name='{kit.target()}' type='file'><scratch file='{kit.scratch / 'scratch'}'/></disk>"
    pull = f"<server transport='unix' socket='{socket}'/><disks>{disk}</disks>"
    with ThreadPoolExecutor(1) as executor:
        serving = executor.submit(guest.begin_backup, f"<domainbackup mode='pull'>{pull}</domainbackup>")
        bench.until(lambda: socket.exists() or serving.done(), "the server's coming up")
        if serving.done() and isinstance(serving.exception(), UnsupportedConfiguration):
            pytest.skip("the hypervisor serves no disks")
        assert not serving.done()
        assert str(socket) in guest.backup_config()
        guest.abort_job()
        assert serving.exception(bench.target.patience) is None
    with pytest.raises(InvalidState):
        guest.backup_config()


def test_an_off_guest_has_nothing_to_back_up(kit: Kit, guest: Domain) -> None:
    guest.destroy()
    with pytest.raises(InvalidState):
        guest.begin_backup(push(kit))
