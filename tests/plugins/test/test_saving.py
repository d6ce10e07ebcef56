"""Saving simulated guests, and the jobs that do."""

from __future__ import annotations

import stat
import threading

import pytest

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HostError,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    NotFound,
    OperationCancelled,
    PolyvisorError,
    StateError,
    UnsupportedConfiguration,
)
from polyvisor.operations.domainjobs import JobOperation, JobType
from polyvisor.services.jobs import Job
from polyvisor.spi import DomainState

PASSWORD = "<graphics type='vnc' passwd='secret'/>"


@pytest.fixture
def image(guest, tmp_path):
    """The guest saved to a file."""
    path = tmp_path / "guest.save"
    guest.save(str(path))
    return path


def test_a_saved_guest_comes_back_where_it_was(connection, guest, image, told):
    assert guest.state().reason == "saved"
    restored = connection.restore(str(image))
    assert (restored, restored.id) == (guest, 2)
    assert (guest.state().state, guest.state().reason) == (DomainState.RUNNING, "restored")
    assert told() == [("lifecycle", "started", "restored")]
    assert image.exists()


def test_a_saved_guest_is_its_owners_alone(image):
    assert stat.S_IMODE(image.stat().st_mode) == 0o600


def test_a_guest_moves_between_nodes_in_a_file(connect, guest, image):
    other = connect()
    other.domain("test").destroy()
    other.domain("test").undefine()
    moved = other.restore(str(image), paused=True)
    assert moved.uuid == guest.uuid
    assert moved.state().state is DomainState.PAUSED
    moved.destroy()
    assert other.domains() == []


def test_a_paused_guest_comes_back_paused_unless_told(connection, guest, tmp_path):
    path = str(tmp_path / "guest.save")
    guest.suspend()
    guest.save(path)
    assert connection.restore(path).state().state is DomainState.PAUSED
    guest.destroy()
    assert connection.restore(path, paused=False).state().state is DomainState.RUNNING


def test_a_running_guest_is_not_restored(connection, guest, image):
    guest.start()
    with pytest.raises(InvalidState):
        connection.restore(str(image))
    guest.destroy()
    guest.rename("other")
    with pytest.raises(AlreadyExists):
        connection.restore(str(image))


def test_the_configuration_in_the_file_can_be_edited(connection, guest, image):
    text = str(connection.save_image_config(str(image)))
    connection.set_save_image_config(str(image), text.replace("/guest/diskimage1", "/moved/disk"), paused=True)
    assert connection.restore(str(image)).config().devices.disks[0].source.file == "/moved/disk"
    assert guest.state().state is DomainState.PAUSED


def test_the_guest_must_not_notice_the_edit(connection, image):
    text = str(connection.save_image_config(str(image)))
    with pytest.raises(UnsupportedConfiguration, match="memory"):
        connection.restore(str(image), config=text.replace("8388608", "4194304"))
    with pytest.raises(UnsupportedConfiguration, match="disk targets"):
        connection.set_save_image_config(str(image), text.replace("'vda'", "'vdb'"))


def test_bad_files_are_told_apart(connection, guest, tmp_path):
    with pytest.raises(NotFound):
        connection.restore(str(tmp_path / "none"))
    other = tmp_path / "other"
    other.write_text("not a guest")
    with pytest.raises(StateError, match="no guest"):
        connection.restore(str(other))
    other.write_bytes(b'polyvisor-test saved guest 1\n{"paused": false}')
    with pytest.raises(StateError, match="damaged"):
        connection.restore(str(other))
    with pytest.raises(InvalidArgument, match="absolute"):
        guest.save("guest.save")
    with pytest.raises(HostError):
        guest.save(str(tmp_path / "no" / "directory"))
    assert guest.is_active


# -- managed save ------------------------------------------------------------------------------------------------


def test_the_next_start_takes_the_managed_save_up(guest, told):
    guest.managed_save()
    assert guest.has_managed_save() and guest.info().managed_save
    guest.start()
    assert told()[-1] == ("lifecycle", "started", "restored")
    assert not guest.has_managed_save()


def test_a_managed_save_can_be_thrown_away(guest, told):
    guest.managed_save()
    guest.start(force_boot=True)
    assert told()[-1] == ("lifecycle", "started", "booted")
    guest.managed_save()
    guest.remove_managed_save()
    guest.start()
    assert guest.state().reason == "booted"
    with pytest.raises(InvalidState, match="managed save"):
        guest.remove_managed_save()


def test_a_managed_save_can_be_edited(guest):
    guest.managed_save()
    text = str(guest.managed_save_config())
    guest.set_managed_save_config(text.replace("/guest/diskimage1", "/moved/disk"), paused=True)
    guest.start()
    assert guest.state().state is DomainState.PAUSED
    assert guest.config().devices.disks[0].source.file == "/moved/disk"


def test_transient_guests_have_no_managed_save(connection):
    brief = "<domain type='test'><name>brief</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    with pytest.raises(InvalidState, match="transient"):
        connection.create(brief).managed_save()


# -- dumps and pictures ----------------------------------------------------------------------------------------------


def test_a_dump_is_as_large_as_the_memory(guest, tmp_path, told):
    path = tmp_path / "core"
    guest.core_dump(str(path), crash=True)
    assert path.stat().st_size == 2097152 * 1024
    assert path.stat().st_blocks == 0
    assert guest.state().reason == "crashed"
    with pytest.raises(InvalidState):
        guest.core_dump(str(path))


def test_a_picture_is_the_same_every_time(guest):
    picture = guest.screenshot()
    assert picture.media_type == "image/x-portable-pixmap"
    assert picture.data.startswith(b"P6\n64 48\n255\n") and len(picture.data) == 13 + 64 * 48 * 3
    assert guest.screenshot() == picture
    with pytest.raises(NoSuchDevice):
        guest.screenshot(screen=1)


# -- jobs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(connect):
    """A guest on a node where every job takes a minute unless it is cancelled."""
    return connect("test:///default?job_seconds=60").domain("test")


def started_save(guest, path):
    """A save under way in a thread of its own: its job, and what waits for its end and returns its error."""
    job, errors = Job("save"), []

    def save():
        try:
            guest.save(str(path), job=job)
        except PolyvisorError as error:
            errors.append(error)

    def ended():
        thread.join(30)
        assert not thread.is_alive()
        return errors[0] if errors else None

    thread = threading.Thread(target=save)
    thread.start()
    assert job.wait_for(lambda progress: progress.done > 0, timeout=30)
    return job, ended


def test_a_job_tells_its_progress(guest, tmp_path):
    seen = []

    class Listening(Job):
        def progress(self, done, total=0, **more):
            seen.append(done / total)

    guest.save(str(tmp_path / "guest.save"), job=Listening())
    assert len(seen) == 16 and seen == sorted(seen) and seen[-1] == 1.0
    account = guest.job(completed=True)
    assert (account.type, account.operation) == (JobType.COMPLETED, JobOperation.SAVE)
    assert guest.job(completed=True).type is JobType.NONE


def test_a_job_at_work_blocks_no_question_and_can_be_cancelled(slow, tmp_path):
    path = tmp_path / "guest.save"
    job, ended = started_save(slow, path)
    assert slow.job().type is JobType.BOUNDED
    assert slow.control_info().state == "job"
    assert slow.is_active
    with pytest.raises(Busy, match="save"):
        slow.managed_save()
    job.cancel()
    assert isinstance(ended(), OperationCancelled)
    assert slow.is_active and not path.exists()
    assert slow.job(completed=True, keep=True).type is JobType.CANCELLED


@pytest.mark.parametrize("end", ["abort_job", "destroy"])
def test_a_job_ends_when_somebody_aborts_it_or_the_guest_stops(slow, tmp_path, end):
    path = tmp_path / "guest.save"
    _, ended = started_save(slow, path)
    getattr(slow, end)()
    assert isinstance(ended(), OperationCancelled)
    assert not path.exists()
    assert slow.is_active is (end == "abort_job")


def test_there_is_nothing_to_abort(guest):
    with pytest.raises(InvalidState, match="no job"):
        guest.abort_job()
    assert guest.job().type is JobType.NONE
