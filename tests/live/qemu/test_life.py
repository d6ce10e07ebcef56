"""The life of a guest under real QEMU: start, pause, reset, shut down, crash, and who sees what of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import AlreadyExists, HypervisorError, InvalidState, NoSuchDomain
from polyvisor.operations.records import Column, DomainState

from .conftest import boot_sector, next_event, read_until, ready, until

pytestmark = pytest.mark.live


def state(domain) -> tuple[DomainState, str]:
    found = domain.state()
    return found.state, found.reason


def qemus(root: Path) -> list[int]:
    """Pids of the QEMUs that run below ``root``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"qemu-system" in line.split(b"\0")[0] and os.fsencode(root) in line:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_a_guest_boots_and_shuts_down_by_its_power_button(connection, machine, tmp_path):
    domain = connection.define(boot_sector(machine=machine))
    with connection.events() as events:
        domain.start()
        assert state(domain) == (DomainState.RUNNING, "booted")
        ready(domain)
        domain.shutdown()
        assert next_event(events, "shutdown").detail == "guest"
        assert next_event(events, "stopped").detail == "shutdown"
    assert state(domain) == (DomainState.SHUT_OFF, "shutdown")
    assert until(lambda: not qemus(tmp_path))


def test_when_destroy_returns_nothing_is_left(connection, tmp_path):
    domain = connection.define(boot_sector())
    domain.start()
    assert len(qemus(tmp_path)) == 1
    domain.destroy()
    assert qemus(tmp_path) == []
    assert state(domain) == (DomainState.SHUT_OFF, "destroyed")
    assert not (tmp_path / "qemu/run/guests" / str(domain.uuid)).exists()
    with pytest.raises(InvalidState):
        domain.destroy()


def test_pause_and_resume(connection):
    domain = connection.define(boot_sector())
    domain.start()
    for _ in range(2):
        domain.suspend()
        assert state(domain) == (DomainState.PAUSED, "user")
    with pytest.raises(InvalidState, match="resume it first"):
        domain.shutdown()
    for _ in range(2):
        domain.resume()
        assert state(domain) == (DomainState.RUNNING, "unpaused")


def test_a_guest_started_paused_waits(connection):
    domain = connection.define(boot_sector())
    with connection.events() as events:
        domain.start(paused=True)
        assert state(domain) == (DomainState.PAUSED, "user")
        domain.resume()
        assert [events.get(timeout=5).event for _ in range(3)] == ["started", "suspended", "resumed"]
    ready(domain)


def test_reset_boots_again(connection):
    domain = connection.define(boot_sector())
    domain.start()
    with domain.open_console(replay=1000) as stream:
        read_until(stream, b"ready")
        domain.reset()
        read_until(stream, b"ready")
    assert state(domain)[0] is DomainState.RUNNING


def test_ids_are_small_and_never_given_twice(connection):
    first, second = connection.define(boot_sector("a")), connection.define(boot_sector("b"))
    first.start()
    second.start()
    assert [row.ref.id for row in connection.domains(active=True)] == [1, 2]
    first.destroy()
    first.start()
    assert {row.name: row.ref.id for row in connection.domains()} == {"a": 3, "b": 2}
    assert connection.domain(id=3).name == "a"


def test_a_running_guest_keeps_its_hardware_and_its_name(connection):
    domain = connection.define(boot_sector())
    domain.start()
    with pytest.raises(InvalidState, match="running"):
        domain.rename("other")
    with pytest.raises(InvalidState, match="already running"):
        domain.start()
    live, stored = domain.config(), domain.config(inactive=True)
    assert live.id == 1 and stored.id is None
    assert live.devices.serials[0].source.path.startswith("/dev/pts/") and stored.devices.serials[0].source is None
    assert live.devices.disks[0].alias.name == "virtio-disk0" and stored.devices.disks[0].alias is None


def test_a_transient_guest_is_gone_when_it_ends(connection):
    domain = connection.create(boot_sector("passing"))
    row = connection.domains(columns=[Column.PERSISTENT])[0]
    assert row.persistent is False
    with pytest.raises(AlreadyExists):
        connection.define(boot_sector("passing"))
    with pytest.raises(InvalidState, match="transient"):
        domain.set_autostart(True)
    domain.destroy()
    assert connection.domains() == []
    with pytest.raises(NoSuchDomain):
        domain.state()


def test_undefining_a_running_guest_makes_it_transient(connection):
    domain = connection.define(boot_sector())
    domain.start()
    domain.undefine()
    assert connection.domains(persistent=False)[0].state is DomainState.RUNNING
    domain.destroy()
    assert connection.domains() == []


def test_a_guest_tied_to_its_connection_ends_with_it(uri, connection, tmp_path):
    with polyvisor.open(uri) as other:
        other.create(boot_sector("tied"), autodestroy=True)
        assert len(qemus(tmp_path)) == 1
    assert qemus(tmp_path) == [] and connection.domains() == []


def test_a_guest_outlives_its_manager_and_another_one_finds_it(uri, connection, tmp_path):
    program = f"import polyvisor, sys\nc = polyvisor.open({uri!r})\nc.define(sys.stdin.read()).start()"
    subprocess.run([sys.executable, "-c", program], input=boot_sector(), text=True, check=True)
    domain = connection.domain("demo")
    assert state(domain) == (DomainState.RUNNING, "booted")
    ready(domain)
    domain.suspend()
    domain.resume()
    domain.destroy()
    assert qemus(tmp_path) == []


def test_two_processes_manage_one_guest(uri, connection):
    domain = connection.define(boot_sector())
    domain.start()
    program = f"""
import polyvisor
with polyvisor.open({uri!r}) as connection:
    domain = connection.domain("demo")
    for _ in range(20):
        domain.suspend()
        domain.resume()
"""
    others = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    for _ in range(20):
        domain.suspend()
        domain.resume()
    assert [other.wait(60) for other in others] == [0, 0]
    assert state(domain)[0] in (DomainState.RUNNING, DomainState.PAUSED)


def test_a_qemu_that_is_killed_has_crashed(connection, tmp_path):
    domain = connection.define(boot_sector())
    with connection.events() as events:
        domain.start()
        os.kill(qemus(tmp_path)[0], signal.SIGKILL)
        assert next_event(events, "stopped").detail == "crashed"
    assert state(domain) == (DomainState.SHUT_OFF, "crashed")
    domain.start()
    assert state(domain) == (DomainState.RUNNING, "booted")


def test_a_crash_nobody_watched_is_found_at_the_next_touch(connection, tmp_path):
    domain = connection.define(boot_sector())
    domain.start()
    os.kill(qemus(tmp_path)[0], signal.SIGKILL)
    assert until(lambda: state(domain) == (DomainState.SHUT_OFF, "crashed"))
    with pytest.raises(InvalidState):
        domain.suspend()
    domain.start()


def test_a_guest_that_qemu_refuses_is_told_in_its_words(connection, tmp_path):
    document = boot_sector().replace("<readonly/>", "").replace("<source file='", "<source file='/nowhere")
    domain = connection.define(document)
    with pytest.raises(HypervisorError, match=r"nowhere.*No such file"):
        domain.start()
    assert state(domain) == (DomainState.SHUT_OFF, "failed")
    assert qemus(tmp_path) == [] and not list((tmp_path / "qemu/run/guests").iterdir())


def test_a_guest_that_crashes_with_a_notifier_can_be_kept(connection):
    devices = "<panic model='isa'/>"
    domain = connection.define(boot_sector(devices=devices, extra="<on_crash>preserve</on_crash>"))
    domain.start()
    assert state(domain)[0] is DomainState.RUNNING


def test_a_guest_that_may_not_power_off_stays_paused(connection):
    domain = connection.define(boot_sector(extra="<on_poweroff>preserve</on_poweroff>"))
    domain.start()
    ready(domain)
    domain.shutdown()
    assert until(lambda: state(domain) == (DomainState.PAUSED, "shutting down"))
    domain.destroy()


def test_files_of_a_guest_are_its_owners_alone(connection, tmp_path):
    domain = connection.define(boot_sector())
    domain.start()
    ready(domain)
    for path in (tmp_path / "qemu").rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, path


def test_reboot_presses_the_button_and_boots_again(uri, tmp_path, connection):
    program = f"import polyvisor, sys\npolyvisor.open({uri!r}).domain('demo').reboot()"
    domain = connection.define(boot_sector())
    domain.start()
    with domain.open_console(replay=1000) as stream:
        read_until(stream, b"ready")
        subprocess.run([sys.executable, "-c", program], check=True)  # by a manager that does not stay
        read_until(stream, b"bye")
        read_until(stream, b"ready")
    assert until(lambda: state(domain) == (DomainState.RUNNING, "unpaused"))
    assert len(qemus(tmp_path)) == 1
    domain.shutdown()
    assert until(lambda: state(domain) == (DomainState.SHUT_OFF, "shutdown"))


def test_a_reboot_whose_helper_was_killed_is_finished_at_the_next_open(uri, connection, monkeypatch, tmp_path):
    from polyvisor_qemu import process, rebooting

    domain = connection.define(boot_sector())
    domain.start()
    ready(domain)
    with open(tmp_path / "helper.log", "wb") as log:
        helper = process.spawn(["/bin/sleep", "60"], log=log.fileno())
    monkeypatch.setattr(rebooting, "_start_helper", lambda *arguments: helper)
    domain.reboot()
    assert until(lambda: state(domain) == (DomainState.PAUSED, "shutting down"))
    with polyvisor.open(uri):
        assert state(domain) == (DomainState.PAUSED, "shutting down"), "a living helper is not interfered with"
    helper.stop(grace=0, patience=5)
    with domain.open_console() as stream:
        with polyvisor.open(uri):
            assert state(domain) == (DomainState.RUNNING, "unpaused")
        read_until(stream, b"ready")
    domain.shutdown()
    assert until(lambda: state(domain)[0] is DomainState.SHUT_OFF)


def test_uefi_is_chosen_and_the_guest_keeps_its_own_variables(connection, tmp_path):
    from polyvisor_qemu import firmware

    if not any("requires-smm" not in image.features and image.template for image in firmware.images()):
        pytest.skip("no UEFI firmware is installed")
    document = boot_sector(machine="q35").replace("<os>", "<os firmware='efi'>")
    domain = connection.define(document)
    system = domain.config().os
    assert system.loader.type == "pflash" and system.nvram.path.startswith(str(tmp_path))
    domain.start()
    variables = Path(system.nvram.path)
    assert variables.stat().st_mode & 0o777 == 0o600
    domain.destroy()
    variables.write_bytes(variables.read_bytes()[:-1] + b"x")
    domain.start(reset_nvram=True)
    domain.destroy()
    assert not variables.read_bytes().endswith(b"x")
    domain.undefine(nvram=True)
    assert not variables.exists()
