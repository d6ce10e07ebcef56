"""The sizes of disks, what is in them, and how they are doing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.events import EventKind
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import IMAGE_BYTES, Kit, disks
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

NO_DISK = ("vdnone", "", "/no/such/image")

# -- sizes ----------------------------------------------------------------------------------------------------


@needs("stats.block-info")
@pytest.mark.parametrize("active", [False, True])
def test_sizes_of_a_disk_are_bytes(kit: Kit, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    info = guest.block_info(kit.target())
    assert info.capacity > 0
    assert info.allocation >= 0
    assert info.physical >= 0


@needs("stats.block-info")
def test_a_raw_image_is_as_large_as_its_file(kit: Kit, bench: Bench) -> None:
    bench.require(bench.target.real_disks, "the hypervisor only pretends to have disks")
    guest = kit.guest("disk")
    assert guest.block_info(kit.target()).capacity == IMAGE_BYTES


@needs("stats.block-info", "domain.xml")
def test_a_disk_has_one_size_by_any_name(kit: Kit) -> None:
    guest = kit.guest("disk")
    source = disks(guest)[kit.target()].source.file
    kit.bench.require(source, "the disk is no file")
    assert guest.block_info(source) == guest.block_info(kit.target())


@needs("stats.block-info")
def test_an_empty_drive_has_no_size(kit: Kit) -> None:
    guest = kit.running(devices=kit.cdrom())
    with pytest.raises(InvalidState):
        guest.block_info(kit.target(2))


@needs("stats.block-info")
@pytest.mark.parametrize("name", NO_DISK)
def test_a_disk_that_is_not_there_has_no_size(kit: Kit, name: str) -> None:
    guest = kit.guest("disk")
    with pytest.raises(NoSuchDevice):
        guest.block_info(name)


@needs("blk.resize", "stats.block-info")
def test_a_disk_grows(kit: Kit) -> None:
    guest = kit.running("disk")
    size = guest.block_info(kit.target()).capacity + (1 << 20)
    guest.resize_block(kit.target(), size)
    assert guest.block_info(kit.target()).capacity == size


@needs("blk.resize", "stats.block-info")
def test_a_disk_keeps_its_new_size(kit: Kit) -> None:
    guest = kit.running("disk")
    size = guest.block_info(kit.target()).capacity + (1 << 20)
    guest.resize_block(kit.target(), size)
    guest.destroy()
    guest.start()
    assert guest.block_info(kit.target()).capacity == size


@needs("resize_block(extend)", "stats.block-info")
def test_a_disk_that_may_only_grow_does_not_shrink(kit: Kit) -> None:
    guest = kit.running("disk")
    before = guest.block_info(kit.target()).capacity
    with pytest.raises(InvalidArgument):
        guest.resize_block(kit.target(), before // 2, extend=True)
    assert guest.block_info(kit.target()).capacity == before
    guest.resize_block(kit.target(), before * 2, extend=True)
    assert guest.block_info(kit.target()).capacity == before * 2


@needs("blk.resize", "stats.block-info")
@pytest.mark.parametrize("size", [0, -512])
def test_a_disk_is_not_without_a_size(kit: Kit, size: int) -> None:
    guest = kit.running("disk")
    before = guest.block_info(kit.target()).capacity
    with pytest.raises(InvalidArgument):
        guest.resize_block(kit.target(), size)
    assert guest.block_info(kit.target()).capacity == before


@needs("blk.resize", "stats.block-info")
def test_a_file_has_no_device_underneath_to_be_as_large_as(kit: Kit) -> None:
    guest = kit.running("disk")
    kit.bench.require(disks(guest)[kit.target()].type == "file", "the disk is no file")
    before = guest.block_info(kit.target()).capacity
    with pytest.raises(InvalidArgument):
        guest.resize_block(kit.target(), None)
    assert guest.block_info(kit.target()).capacity == before


@needs("blk.resize")
def test_a_disk_that_is_not_there_does_not_grow(kit: Kit) -> None:
    guest = kit.running("disk")
    for name in NO_DISK:
        with pytest.raises(NoSuchDevice):
            guest.resize_block(name, 1 << 20)


# -- contents -------------------------------------------------------------------------------------------------


@needs("blk.peek")
@pytest.mark.parametrize("active", [False, True])
def test_a_new_image_reads_as_zeros(kit: Kit, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    assert guest.peek_block(kit.target(), 4096, 512) == bytes(512)
    assert guest.peek_block(kit.target(), 0, 0) == b""


@needs("blk.peek")
def test_the_files_bytes_are_read(kit: Kit, bench: Bench) -> None:
    bench.require(bench.target.real_disks, "the hypervisor only pretends to have disks")
    guest = kit.guest("disk")
    with Path(kit.path(kit.target())).open("r+b") as image:
        image.seek(1000)
        image.write(b"conformance")
    assert guest.peek_block(kit.target(), 999, 13) == b"\0conformance\0"


@needs("blk.peek")
@pytest.mark.parametrize(("offset", "size"), [(-1, 4), (0, -4), (1 << 62, 4)])
def test_what_is_not_in_an_image_is_not_read(kit: Kit, offset: int, size: int) -> None:
    guest = kit.guest("disk")
    with pytest.raises(InvalidArgument):
        guest.peek_block(kit.target(), offset, size)


@needs("blk.peek")
def test_no_other_file_can_be_read_through_a_guest(kit: Kit) -> None:
    guest = kit.guest("disk")
    for name in ("/etc/passwd", "../../etc/passwd", kit.path("other")):
        with pytest.raises(NoSuchDevice):
            guest.peek_block(name, 0, 16)


# -- troubles and thresholds ----------------------------------------------------------------------------------


@needs("stats.disk-errors")
def test_disks_of_a_healthy_guest_have_no_errors(kit: Kit) -> None:
    assert kit.running("disk").disk_errors() == {}


@needs("blk.threshold", "event.any")
def test_a_threshold_far_off_does_not_fire_and_is_forgotten(kit: Kit, events: Heard) -> None:
    guest = kit.running("disk")
    guest.set_block_threshold(kit.target(), 1 << 40)
    guest.set_block_threshold(kit.target(), 0)
    assert events.rest(EventKind.BLOCK_THRESHOLD) == []


@needs("blk.threshold")
def test_a_threshold_is_no_negative_number(kit: Kit) -> None:
    guest = kit.running("disk")
    with pytest.raises(InvalidArgument):
        guest.set_block_threshold(kit.target(), -1)


@needs("blk.threshold")
@pytest.mark.parametrize("name", NO_DISK)
def test_a_disk_that_is_not_there_has_no_threshold(kit: Kit, name: str) -> None:
    guest = kit.running("disk")
    with pytest.raises(NoSuchDevice):
        guest.set_block_threshold(name, 1 << 20)


@needs("blk.threshold", "blk.peek", "stats.block-info")
def test_a_guest_that_is_gone_has_no_disks(kit: Kit) -> None:
    from polyvisor.errors import NoSuchDomain

    guest: Domain = kit.guest("disk")
    guest.undefine()
    for ask in (
        lambda: guest.block_info(kit.target()),
        lambda: guest.peek_block(kit.target(), 0, 1),
        lambda: guest.set_block_threshold(kit.target(), 1),
    ):
        with pytest.raises(NoSuchDomain):
            ask()
