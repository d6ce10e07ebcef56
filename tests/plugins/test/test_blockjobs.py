"""Long work on the disks of simulated guests: chains of images that grow and shrink."""

from __future__ import annotations

import threading

import pytest

from polyvisor.errors import Busy, InvalidArgument, InvalidState, OperationCancelled
from polyvisor.operations.blockjobs import BlockJobType
from polyvisor.services.jobs import Job


def chain(domain, **options):
    """Files of the first disk's chain, the active one first."""
    image = domain.config(**options).devices.disks[0]
    found = []
    while image is not None:
        found.append(image.source.file)
        image = image.backing_store
    return found


@pytest.fixture
def stacked(guest):
    """A guest whose disk has two images on top of its first."""
    for name in ("one", "two"):
        guest.create_snapshot(f"<domainsnapshot><name>{name}</name></domainsnapshot>", disk_only=True)
    assert chain(guest) == ["/guest/diskimage1.two", "/guest/diskimage1.one", "/guest/diskimage1"]
    return guest


def test_pull_makes_the_image_stand_alone(stacked):
    stacked.block_pull("vda")
    assert chain(stacked) == chain(stacked, inactive=True) == ["/guest/diskimage1.two"]


def test_pull_down_to_a_base(stacked):
    stacked.block_pull("vda", base="/guest/diskimage1")
    assert chain(stacked) == ["/guest/diskimage1.two", "/guest/diskimage1"]


def test_commit_in_the_middle(stacked):
    stacked.block_commit("vda", top="vda[1]", base="vda[2]")
    assert chain(stacked) == ["/guest/diskimage1.two", "/guest/diskimage1"]


def test_committing_the_active_image_ends_with_a_pivot(stacked, told):
    with pytest.raises(InvalidArgument, match="active"):
        stacked.block_commit("vda")
    stacked.block_commit("vda", active=True)
    job = stacked.block_job("vda")
    assert (job.type, job.ready) == (BlockJobType.ACTIVE_COMMIT, True)
    assert len(chain(stacked)) == 3
    stacked.abort_block_job("vda", pivot=True)
    assert chain(stacked) == ["/guest/diskimage1"]
    assert stacked.block_job("vda") is None
    assert [kind for kind, _, _ in told()] == ["block-job", "block-job"]


def test_a_copy_moves_the_disk_when_pivoted(guest):
    with pytest.raises(InvalidState, match="transient"):
        guest.block_copy("vda", "<disk type='file'><source file='/copy.img'/></disk>")
    guest.block_copy("vda", "<disk type='file'><source file='/copy.img'/></disk>", transient=True)
    assert chain(guest) == ["/guest/diskimage1"]
    with pytest.raises(Busy, match="block copy"):
        guest.block_pull("vda")
    guest.abort_block_job("vda")
    assert chain(guest) == ["/guest/diskimage1"]
    guest.block_copy("vda", "<disk type='file'><source file='/copy.img'/></disk>", transient=True, pivot=True)
    assert chain(guest) == ["/copy.img"]


def test_a_job_can_be_aborted_at_work(connect):
    guest = connect("test:///default?job_seconds=60").domain("test")
    job, errors = Job("pull"), []

    def pull():
        try:
            guest.block_pull("vda", bandwidth=1000, job=job)
        except OperationCancelled as error:
            errors.append(error)

    thread = threading.Thread(target=pull)
    thread.start()
    assert job.wait_for(lambda progress: progress.done > 0, timeout=30)
    guest.set_block_job_speed("vda", 2000)
    assert guest.block_job("vda").bandwidth == 2000
    with pytest.raises(InvalidState, match="not ready"):
        guest.abort_block_job("vda", pivot=True)
    guest.abort_block_job("vda")
    thread.join(30)
    assert errors and guest.block_job("vda") is None


@pytest.mark.parametrize("base", ["/elsewhere", "vda[9]"])
def test_a_base_must_be_in_the_chain(stacked, base):
    with pytest.raises(InvalidArgument, match="it has: "):
        stacked.block_pull("vda", base=base)


def test_there_is_no_job_to_control(guest):
    with pytest.raises(InvalidState, match="no job"):
        guest.abort_block_job("vda")
