"""Long work on the disks of running guests: flattening, copying, committing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import (
    Busy,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDevice,
    OperationCancelled,
)
from polyvisor.operations.blockjobs import BlockJobType
from polyvisor.operations.events import EventKind
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, disks
from polyvisor.testing.heard import Heard
from polyvisor.testing.held import HeldJob, ShortLivedJob, held
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain


def chain(domain: Domain, target: str, *, stored: bool = False) -> list[str]:
    """Files of a disk's images, the active one first."""
    image = disks(domain, stored=stored)[target]
    found = []
    while image is not None and getattr(image, "source", None) is not None:
        found.append(image.source.file)
        image = image.backing_store
    return found


@pytest.fixture
def guest(kit: Kit, bench: Bench) -> Domain:
    """A running guest with a disk of its own."""
    bench.need("domain.xml")
    return kit.running("disk")


@pytest.fixture
def stacked(kit: Kit, bench: Bench, guest: Domain) -> Domain:
    """The same with two images on top of the disk's first."""
    bench.need("create_snapshot(disk_only)", "snapshot.delete")
    for name in ("one", "two"):
        guest.create_snapshot(f"<domainsnapshot><name>{name}</name></domainsnapshot>", disk_only=True)
    bench.require(len(chain(guest, kit.target())) == 3, "the document does not tell what is beneath a disk")
    return guest


@pytest.fixture
def target(kit: Kit) -> str:
    return kit.target()


@pytest.fixture
def copy(kit: Kit) -> str:
    """Where a disk is copied to."""
    return f"<disk type='file'><driver type='raw'/><source file='{kit.scratch / 'copy.img'}'/></disk>"


# -- pulling --------------------------------------------------------------------------------------------------


@needs("blockjob.pull")
def test_an_image_that_was_pulled_into_stands_alone(stacked: Domain, target: str) -> None:
    top = chain(stacked, target)[0]
    stacked.block_pull(target)
    assert chain(stacked, target) == chain(stacked, target, stored=True) == [top]


@needs("block_pull(base)")
@pytest.mark.parametrize("by_index", [False, True])
def test_pulling_stops_above_the_base(stacked: Domain, target: str, by_index: bool) -> None:
    top, _, bottom = chain(stacked, target)
    stacked.block_pull(target, base=f"{target}[2]" if by_index else bottom)
    assert chain(stacked, target) == [top, bottom]


@needs("block_pull(base)")
@pytest.mark.parametrize("base", ["/no/such/image", "vdnone[1]", "{target}[9]", "{target}[x]", ""])
def test_a_base_must_be_in_the_chain(stacked: Domain, target: str, base: str) -> None:
    before = chain(stacked, target)
    with pytest.raises((InvalidArgument, NoSuchDevice)):
        stacked.block_pull(target, base=base.format(target=target))
    assert chain(stacked, target) == before


@needs("blockjob.pull", "blockjob.control")
def test_a_job_that_ended_is_gone(guest: Domain, target: str) -> None:
    guest.block_pull(target)
    assert guest.block_job(target) is None


@needs("blockjob.pull", "event.any")
def test_the_end_of_a_block_job_is_told(guest: Domain, target: str, events: Heard) -> None:
    guest.block_pull(target)
    event = events.next(EventKind.BLOCK_JOB, of=guest)
    assert event.data["disk"] == target
    assert (event.data["type"], event.data["status"]) == (BlockJobType.PULL, "completed")


@needs("block_pull(wait)", "blockjob.control")
def test_pulling_need_not_be_waited_for(bench: Bench, stacked: Domain, target: str) -> None:
    stacked.block_pull(target, wait=False)
    bench.until(lambda: stacked.block_job(target) is None, "the job's end")
    assert len(chain(stacked, target)) == 1


# -- watching and ending --------------------------------------------------------------------------------------


def pulling(guest: Domain, target: str, bench: Bench, **options: Any) -> Any:
    """A pull that stands still."""
    bench.need("blockjob.pull")

    def pull(job: HeldJob) -> None:
        guest.block_pull(target, job=job, **options)

    return held(pull, bench.target.patience)


@needs("blockjob.control")
def test_a_block_job_at_work_is_told_of(bench: Bench, stacked: Domain, target: str) -> None:
    with pulling(stacked, target, bench) as work:
        found = stacked.block_job(target)
        assert found is not None
        assert (found.disk, found.type, found.ready) == (target, BlockJobType.PULL, False)
        assert 0 <= found.done <= found.total
        work.require_at_work()
        assert work.end(bench.target.patience) is None


def test_one_job_a_disk_at_a_time(bench: Bench, stacked: Domain, target: str) -> None:
    with pulling(stacked, target, bench) as work:
        with pytest.raises(Busy, match=target):
            stacked.block_pull(target)
        assert work.end(bench.target.patience) is None


def test_a_guest_can_be_asked_while_a_disk_is_at_work(bench: Bench, stacked: Domain, target: str) -> None:
    with pulling(stacked, target, bench) as work:
        assert stacked.state().state.active
        assert stacked.xml()
        work.require_at_work()
        assert work.end(bench.target.patience) is None


@needs("blockjob.control", "blockjob.control.set-speed")
def test_the_speed_of_a_job_at_work_changes(bench: Bench, stacked: Domain, target: str) -> None:
    with pulling(stacked, target, bench) as work:
        stacked.set_block_job_speed(target, 2 << 20)
        found = stacked.block_job(target)
        assert found is None or found.bandwidth == 2 << 20
        with pytest.raises(InvalidArgument):
            stacked.set_block_job_speed(target, -1)
        stacked.set_block_job_speed(target, 0)
        assert work.end(bench.target.patience) is None


@needs("blockjob.control.abort", "blockjob.control")
def test_whoever_aborts_a_block_job_its_owner_hears_of_it(bench: Bench, stacked: Domain, target: str) -> None:
    before = chain(stacked, target)
    with pulling(stacked, target, bench) as work:
        stacked.abort_block_job(target)
        assert isinstance(work.end(bench.target.patience), OperationCancelled)
    assert stacked.block_job(target) is None
    assert chain(stacked, target) == before


@needs("blockjob.control.abort")
def test_a_pull_has_nowhere_to_pivot_to(bench: Bench, stacked: Domain, target: str) -> None:
    with pulling(stacked, target, bench) as work:
        with pytest.raises(InvalidState):
            stacked.abort_block_job(target, pivot=True)
        assert work.end(bench.target.patience) is None
    assert len(chain(stacked, target)) == 1


@needs("blockjob.pull", "blockjob.control")
def test_a_cancelled_block_job_leaves_the_chain_as_it_was(bench: Bench, stacked: Domain, target: str) -> None:
    before, job = chain(stacked, target), ShortLivedJob()
    try:
        stacked.block_pull(target, job=job)
    except OperationCancelled:
        assert chain(stacked, target) == before
        assert stacked.block_job(target) is None
    else:
        bench.require(len(job.news) > 1, "this work is done before it can be cancelled")
        raise AssertionError("the job was cancelled while it was at work, and went on to its end")


@needs("blockjob.pull")
@pytest.mark.parametrize("bandwidth", [-1])
def test_a_bandwidth_is_no_negative_number(guest: Domain, target: str, bandwidth: int) -> None:
    with pytest.raises(InvalidArgument):
        guest.block_pull(target, bandwidth=bandwidth)


@needs("blockjob.control.abort", "blockjob.control.set-speed")
def test_there_is_no_block_job_to_control(guest: Domain, target: str) -> None:
    with pytest.raises(InvalidState):
        guest.abort_block_job(target)
    with pytest.raises(InvalidState):
        guest.abort_block_job(target, pivot=True)
    with pytest.raises(InvalidState):
        guest.set_block_job_speed(target, 1 << 20)


@needs("blockjob.control", "blockjob.pull", "blockjob.control.abort")
@pytest.mark.parametrize("name", ["vdnone", "", "/no/such/image"])
def test_a_disk_that_is_not_there_does_no_work(guest: Domain, name: str) -> None:
    for call in (guest.block_job, guest.block_pull, guest.abort_block_job):
        with pytest.raises(NoSuchDevice):
            call(name)


# -- committing -----------------------------------------------------------------------------------------------


@needs("block_commit(top, base)")
def test_an_image_in_the_middle_is_committed_and_drops_out(stacked: Domain, target: str) -> None:
    top, middle, bottom = chain(stacked, target)
    stacked.block_commit(target, top=middle, base=bottom)
    assert chain(stacked, target) == chain(stacked, target, stored=True) == [top, bottom]


@needs("block_commit(top, shallow)")
def test_a_shallow_commit_goes_one_image_down(stacked: Domain, target: str) -> None:
    top, middle, bottom = chain(stacked, target)
    stacked.block_commit(target, top=middle, shallow=True)
    assert chain(stacked, target) == [top, bottom]


@needs("block_commit(active)", "blockjob.control")
def test_the_active_image_is_committed_only_if_that_is_allowed(stacked: Domain, target: str) -> None:
    before = chain(stacked, target)
    with pytest.raises(InvalidArgument):
        stacked.block_commit(target)
    assert (chain(stacked, target), stacked.block_job(target)) == (before, None)


@needs("block_commit(active)", "blockjob.control", "blockjob.control.abort")
@pytest.mark.parametrize("pivot", [False, True])
def test_an_active_commit_waits_for_the_pivot(stacked: Domain, target: str, pivot: bool) -> None:
    before = chain(stacked, target)
    stacked.block_commit(target, active=True)
    found = stacked.block_job(target)
    assert found is not None and (found.type, found.ready) == (BlockJobType.ACTIVE_COMMIT, True)
    assert chain(stacked, target)[0] == before[0]
    stacked.abort_block_job(target, pivot=pivot)
    assert chain(stacked, target) == ([before[-1]] if pivot else before)
    assert stacked.block_job(target) is None


@needs("block_commit(active, pivot)", "blockjob.control")
def test_an_active_commit_may_pivot_by_itself(stacked: Domain, target: str) -> None:
    bottom = chain(stacked, target)[-1]
    stacked.block_commit(target, active=True, pivot=True)
    assert (chain(stacked, target), stacked.block_job(target)) == ([bottom], None)


@needs("block_commit(top, base)")
def test_a_commit_goes_downwards(stacked: Domain, target: str) -> None:
    before = chain(stacked, target)
    for top, base in ((before[2], before[1]), (before[1], before[1]), (before[1], "/no/such/image")):
        with pytest.raises(InvalidArgument):
            stacked.block_commit(target, top=top, base=base)
    assert chain(stacked, target) == before


@needs("block_commit(active)")
def test_a_disk_of_one_image_has_nowhere_to_commit_to(guest: Domain, target: str) -> None:
    with pytest.raises(InvalidArgument):
        guest.block_commit(target, active=True)


# -- copying --------------------------------------------------------------------------------------------------


@needs("block_copy(transient)", "blockjob.control", "blockjob.control.abort")
@pytest.mark.parametrize("pivot", [False, True])
def test_a_copy_follows_the_guest_until_it_is_ended(
    guest: Domain, target: str, copy: str, kit: Kit, pivot: bool
) -> None:
    before = chain(guest, target)
    guest.block_copy(target, copy, transient=True)
    found = guest.block_job(target)
    assert found is not None and (found.type, found.ready) == (BlockJobType.COPY, True)
    assert chain(guest, target) == before
    guest.abort_block_job(target, pivot=pivot)
    assert chain(guest, target) == ([str(kit.scratch / "copy.img")] if pivot else before)
    assert guest.block_job(target) is None


@needs("block_copy(transient, pivot)", "blockjob.control")
def test_a_copy_may_pivot_by_itself(guest: Domain, target: str, copy: str, kit: Kit) -> None:
    guest.block_copy(target, copy, transient=True, pivot=True)
    assert chain(guest, target) == [str(kit.scratch / "copy.img")]
    assert guest.block_job(target) is None


@needs("block_copy(transient)", "event.any", "blockjob.control.abort")
def test_readiness_and_end_of_a_copy_are_told(guest: Domain, target: str, copy: str, events: Heard) -> None:
    guest.block_copy(target, copy, transient=True)
    guest.abort_block_job(target, pivot=True)
    told = [event.data["status"] for event in events.take(2, EventKind.BLOCK_JOB, of=guest)]
    assert told == ["ready", "completed"]


@needs("blockjob.copy", "blockjob.control")
def test_a_persistent_guest_must_allow_a_copy(guest: Domain, target: str, copy: str) -> None:
    with pytest.raises(InvalidState):
        guest.block_copy(target, copy)
    assert guest.block_job(target) is None


@needs("block_copy(transient)", "blockjob.control")
@pytest.mark.parametrize("text", ["<disk type='file'><sauce file='/x'/></disk>", "<interface/>", "", "/plain/path"])
def test_what_is_no_destination_is_refused(guest: Domain, target: str, text: str) -> None:
    with pytest.raises((InvalidDocument, InvalidArgument)):
        guest.block_copy(target, text, transient=True)
    assert guest.block_job(target) is None


@needs("block_copy(transient)", "blockjob.pull", "blockjob.control.abort")
def test_a_disk_that_follows_its_copy_is_busy(guest: Domain, target: str, copy: str) -> None:
    guest.block_copy(target, copy, transient=True)
    with pytest.raises(Busy):
        guest.block_pull(target)
    guest.abort_block_job(target)
    guest.block_pull(target)


@needs("block_copy(transient)", "blockjob.control")
def test_jobs_end_with_their_guest(guest: Domain, target: str, copy: str) -> None:
    before = chain(guest, target)
    guest.block_copy(target, copy, transient=True)
    guest.destroy()
    guest.start()
    assert (guest.block_job(target), chain(guest, target)) == (None, before)
