"""Guests that are put into files and taken up again."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.documents import write
from polyvisor.errors import (
    AlreadyExists,
    HostError,
    InvalidArgument,
    InvalidState,
    NoSuchDomain,
    NotFound,
    PolyvisorError,
    StateError,
)
from polyvisor.operations.records import DomainState, StateInfo
from polyvisor.operations.saving import DumpFormat
from polyvisor.testing.bench import Bench
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

OFF, RUNNING, PAUSED = DomainState.SHUT_OFF, DomainState.RUNNING, DomainState.PAUSED
SAVES = needs("save.to-file", "save.restore", "domain.state")
MANAGED = needs("managedsave.save", "managedsave.has", "domain.state")


@pytest.fixture
def path(scratch: Path) -> str:
    """Where a guest is saved to: nothing is there yet."""
    return str(scratch / "saved")


# -- to a file ------------------------------------------------------------------------------------------


@SAVES
def test_a_saved_guest_is_off(running: Domain, path: str) -> None:
    running.save(path)
    assert running.state() == StateInfo(OFF, "saved")
    assert running.refresh().id is None
    assert Path(path).stat().st_size > 0


@SAVES
def test_a_saved_guest_is_for_its_owner_only(running: Domain, path: str) -> None:
    running.save(path)
    assert stat.S_IMODE(Path(path).stat().st_mode) & 0o077 == 0


@SAVES
def test_a_saved_guest_is_restored(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    restored = connection.restore(path)
    assert restored == running
    assert restored.id is not None
    assert running.state() == StateInfo(RUNNING, "restored")
    assert Path(path).exists()


@SAVES
@pytest.mark.parametrize("save", [True, False, None], ids=["saved paused", "saved running", "saved as it was"])
@pytest.mark.parametrize("restore", [True, False, None], ids=["paused", "running", "as saved"])
def test_a_guest_is_restored_as_it_was_asked_for(
    bench: Bench, connection: Connection, running: Domain, path: str, save: bool | None, restore: bool | None
) -> None:
    bench.need("save(paused)", "restore(paused)", "domain.suspend")
    running.suspend()  # as it was: paused
    running.save(path, paused=save)
    connection.restore(path, paused=restore)
    wanted = next((each for each in (restore, save) if each is not None), True)
    assert running.state().state is (PAUSED if wanted else RUNNING)


@SAVES
def test_a_guest_is_restored_more_than_once(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    for _ in range(2):
        assert connection.restore(path).state().state is RUNNING
        running.destroy()


@SAVES
def test_a_guest_that_is_gone_comes_back_from_its_file(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    running.undefine()
    restored = connection.restore(path)
    assert (restored.uuid, restored.name) == (running.uuid, running.name)
    assert restored.state().state is RUNNING


@SAVES
def test_a_guest_that_runs_is_not_restored_over(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    identity = connection.restore(path).id
    with pytest.raises(InvalidState):
        connection.restore(path)
    assert running.state().state is RUNNING
    assert running.refresh().id == identity


@SAVES
def test_a_name_that_was_given_away_is_not_taken_back(bench: Bench, running: Domain, path: str) -> None:
    running.save(path)
    running.undefine()
    other = bench.define(running.name)
    with pytest.raises(AlreadyExists):
        bench.connection.restore(path)
    assert other.state().state is OFF


@needs("save.to-file")
def test_a_guest_that_is_off_is_not_saved(defined: Domain, path: str) -> None:
    with pytest.raises(InvalidState):
        defined.save(path)
    assert not Path(path).exists()


@needs("save.to-file")
def test_nobody_is_saved(defined: Domain, path: str) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.save(path)
    assert not Path(path).exists()


@needs("save.to-file", "domain.state")
@pytest.mark.parametrize("nowhere", ["relative/path", ""])
def test_a_guest_is_saved_to_an_absolute_path(running: Domain, nowhere: str) -> None:
    with pytest.raises(InvalidArgument):
        running.save(nowhere)
    assert running.state().state is RUNNING


@needs("save.to-file", "domain.state")
def test_a_guest_that_cannot_be_saved_runs_on(running: Domain, scratch: Path) -> None:
    with pytest.raises(HostError):
        running.save(str(scratch / "no such directory" / "saved"))
    assert running.state().state is RUNNING
    assert running.refresh().id is not None


@needs("save.restore", "domain.list")
def test_what_was_never_saved_is_not_restored(connection: Connection, path: str) -> None:
    before = connection.list_domains()
    with pytest.raises(NotFound):
        connection.restore(path)
    assert connection.list_domains() == before


@needs("save.restore", "domain.list")
@pytest.mark.parametrize("content", [b"", b"not a saved guest\n" * 100, bytes(4096)], ids=["empty", "text", "zeros"])
def test_what_is_no_saved_guest_is_not_restored(connection: Connection, path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    before = connection.list_domains()
    with pytest.raises(StateError):
        connection.restore(path)
    assert connection.list_domains() == before


@SAVES
def test_half_a_saved_guest_is_not_restored(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    Path(path).write_bytes(Path(path).read_bytes()[:40])
    with pytest.raises(PolyvisorError) as refusal:
        connection.restore(path)
    assert refusal.value.code in ("state", "hypervisor")
    assert running.state().state is OFF


@SAVES
@needs("event.any")
def test_saving_and_restoring_are_told(connection: Connection, running: Domain, path: str, events: Heard) -> None:
    running.save(path)
    assert events.lifecycle(1, of=running)[-1] == ("stopped", "saved")
    connection.restore(path)
    assert ("started", "restored") in events.lifecycle(1, of=running)


@SAVES
@pytest.mark.parametrize("name", ["größe 🚀", "a'b\"c", "$(reboot)", "--help", "100%s"])
def test_any_path_will_do(connection: Connection, running: Domain, scratch: Path, name: str) -> None:
    running.save(str(scratch / name))
    assert [file.name for file in scratch.iterdir() if file.name == name] == [name]
    assert connection.restore(str(scratch / name)).is_active


# -- the configuration in a file ------------------------------------------------------------------------


@needs("save.to-file", "save.image-edit")
def test_a_file_tells_whom_it_holds(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    found: Any = connection.save_image_config(path)
    assert (found.name, str(found.uuid)) == (running.name, str(running.uuid))


@needs("save.to-file", "save.restore", "save.image-edit", "save.image-edit.set", "domain.xml")
def test_the_configuration_in_a_file_is_replaced(connection: Connection, running: Domain, path: str) -> None:
    running.save(path)
    config: Any = connection.save_image_config(path)
    config.title = "edited"
    connection.set_save_image_config(path, write(config, secure=True))
    changed: Any = connection.save_image_config(path)
    assert changed.title == "edited"
    live: Any = connection.restore(path).config()
    assert live.title == "edited"


@needs("save.to-file", "save.image-edit", "save.image-edit.set")
def test_a_guest_in_a_file_does_not_become_another(
    bench: Bench, connection: Connection, running: Domain, path: str
) -> None:
    running.save(path)
    before = write(connection.save_image_config(path))
    with pytest.raises(PolyvisorError):
        connection.set_save_image_config(path, bench.document("another"))
    assert write(connection.save_image_config(path)) == before


@needs("save.image-edit")
def test_a_file_that_is_not_there_has_no_configuration(connection: Connection, path: str) -> None:
    with pytest.raises(NotFound):
        connection.save_image_config(path)


@needs("save.image-edit.set")
def test_a_file_that_is_not_there_is_not_written(bench: Bench, connection: Connection, path: str) -> None:
    with pytest.raises(NotFound):
        connection.set_save_image_config(path, bench.document())
    assert not Path(path).exists()


# -- a save that the manager keeps ----------------------------------------------------------------------


@MANAGED
def test_a_guest_is_kept_until_it_is_started(running: Domain) -> None:
    assert running.has_managed_save() is False
    running.managed_save()
    assert running.state() == StateInfo(OFF, "saved")
    assert running.has_managed_save() is True
    running.start()
    assert running.state() == StateInfo(RUNNING, "restored")
    assert running.has_managed_save() is False


@MANAGED
@needs("managedsave.remove")
def test_a_guest_whose_save_was_thrown_away_boots(running: Domain) -> None:
    running.managed_save()
    running.remove_managed_save()
    assert running.has_managed_save() is False
    assert running.start().state() == StateInfo(RUNNING, "booted")


@MANAGED
@needs("start(force_boot)")
def test_a_guest_may_be_made_to_boot(running: Domain) -> None:
    running.managed_save()
    assert running.start(force_boot=True).state() == StateInfo(RUNNING, "booted")
    assert running.has_managed_save() is False


@MANAGED
@needs("undefine(managed_save)")
def test_a_guest_with_a_save_is_not_forgotten_by_accident(connection: Connection, running: Domain) -> None:
    running.managed_save()
    with pytest.raises(InvalidState):
        running.undefine()
    assert running.has_managed_save() is True
    running.undefine(managed_save=True)
    with pytest.raises(NoSuchDomain):
        connection.domain(uuid=running.uuid)


@MANAGED
def test_a_paused_guest_comes_back_paused(bench: Bench, running: Domain) -> None:
    bench.need("domain.suspend")
    running.suspend()
    running.managed_save()
    assert running.start().state().state is PAUSED


@MANAGED
@needs("list_domains(columns)")
def test_the_table_tells_of_saves(connection: Connection, running: Domain) -> None:
    running.managed_save()
    (row,) = [row for row in connection.domains() if row.ref.uuid == running.uuid]
    assert row.managed_save is True
    assert running.info().managed_save is True


@needs("managedsave.save")
def test_a_guest_that_is_off_is_not_kept(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.managed_save()


@needs("managedsave.save", "domain.create-transient", "domain.destroy")
def test_a_transient_guest_is_not_kept(bench: Bench, connection: Connection) -> None:
    brief = connection.create(bench.document())
    with pytest.raises(InvalidState):
        brief.managed_save()
    assert brief.is_active


@needs("managedsave.remove")
def test_a_save_that_is_not_there_is_not_thrown_away(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.remove_managed_save()


@needs("managedsave.edit")
def test_a_save_that_is_not_there_has_no_configuration(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.managed_save_config()


@needs("managedsave.edit.set")
def test_a_save_that_is_not_there_is_not_written(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.set_managed_save_config(defined.xml())


@MANAGED
@needs("managedsave.edit", "managedsave.edit.set", "domain.xml")
def test_the_configuration_of_a_save_is_replaced(running: Domain) -> None:
    running.managed_save()
    config: Any = running.managed_save_config()
    assert config.name == running.name
    config.title = "edited"
    running.set_managed_save_config(write(config, secure=True))
    changed: Any = running.managed_save_config()
    assert changed.title == "edited"
    live: Any = running.start().config()
    assert live.title == "edited"


@MANAGED
def test_others_see_the_save(second_connection: Connection, running: Domain) -> None:
    running.managed_save()
    assert second_connection.domain(uuid=running.uuid).has_managed_save() is True


# -- dumps ----------------------------------------------------------------------------------------------


@needs("save.core-dump", "domain.state")
def test_a_guest_goes_on_after_a_dump(running: Domain, path: str) -> None:
    identity = running.id
    running.core_dump(path)
    assert Path(path).stat().st_size > 0
    assert stat.S_IMODE(Path(path).stat().st_mode) & 0o077 == 0
    assert running.state().state is RUNNING
    assert running.refresh().id == identity


@needs("core_dump(crash)", "domain.state")
def test_a_guest_may_be_ended_by_a_dump(running: Domain, path: str) -> None:
    running.core_dump(path, crash=True)
    assert Path(path).exists()
    assert running.state() == StateInfo(OFF, "crashed")


@needs("core_dump(reset)", "domain.state")
def test_a_guest_may_be_restarted_by_a_dump(running: Domain, path: str) -> None:
    running.core_dump(path, reset=True)
    assert running.state().state is RUNNING


@needs("core_dump(crash, reset)", "domain.state")
def test_a_guest_is_not_both_ended_and_restarted(running: Domain, path: str) -> None:
    with pytest.raises(InvalidArgument):
        running.core_dump(path, crash=True, reset=True)
    assert running.state().state is RUNNING
    assert not Path(path).exists()


@needs("core_dump(format, memory_only)", "domain.state")
@pytest.mark.parametrize("format", list(DumpFormat), ids=str)
def test_a_dump_has_the_format_asked_for_or_is_refused(running: Domain, path: str, format: DumpFormat) -> None:
    try:
        running.core_dump(path, memory_only=True, format=format)
    except PolyvisorError as refusal:
        assert refusal.code != "driver-fault", refusal
        assert not Path(path).exists()
    assert running.state().state is RUNNING


@needs("save.core-dump")
def test_a_guest_that_is_off_has_no_memory_to_dump(defined: Domain, path: str) -> None:
    with pytest.raises(InvalidState):
        defined.core_dump(path)
    assert not Path(path).exists()


@needs("save.core-dump", "domain.state")
def test_a_dump_that_cannot_be_written_changes_nothing(running: Domain, scratch: Path) -> None:
    with pytest.raises(HostError):
        running.core_dump(str(scratch / "no such directory" / "dump"))
    assert running.state().state is RUNNING
