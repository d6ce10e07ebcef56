"""The two guests do what the tests of the drivers count on, under QEMU alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyvisor_qemu.guest import BANNER, PANIC, POWER_OFF, RESET, image_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import BareQemu, LinuxGuest

pytestmark = pytest.mark.live


def disk(image: Path, device: str, *, read_only: bool) -> list[str]:
    node = {"driver": "raw", "node-name": "disk", "read-only": read_only}
    return ["-blockdev", json.dumps({**node, "file": {"driver": "file", "filename": str(image)}}), "-device", device]


BOOT_SECTOR = ["-m", "16", *disk(image_path(), "virtio-blk-pci,drive=disk", read_only=True)]


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_the_boot_sector_echoes_and_obeys_the_power_button(bare_qemu: Callable[..., BareQemu], machine: str) -> None:
    guest = bare_qemu("-machine", machine, *BOOT_SECTOR)
    guest.expect(f"{BANNER}\r\n> ")
    guest.type("hello\r")
    assert guest.expect("\r\n> ") == "hello\r\n> "
    guest.command("system_powerdown")
    guest.expect("power button\r\nbye")
    assert guest.wait() == 0
    assert guest.events == ["POWERDOWN", "SHUTDOWN"]


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_the_boot_sector_boots_from_a_disk_that_is_not_virtio(
    bare_qemu: Callable[..., BareQemu], machine: str, tmp_path: Path
) -> None:
    image = tmp_path / "disk.img"
    shutil.copy(image_path(), image)
    guest = bare_qemu("-machine", machine, "-m", "16", *disk(image, "ide-hd,drive=disk", read_only=False))
    guest.expect(BANNER)


def test_the_boot_sector_powers_itself_off(bare_qemu: Callable[..., BareQemu]) -> None:
    guest = bare_qemu("-machine", "q35", *BOOT_SECTOR)
    guest.expect(BANNER)
    guest.type(POWER_OFF)
    assert guest.wait() == 0
    assert guest.events == ["SHUTDOWN"]


def test_the_boot_sector_resets_itself_and_is_reset(bare_qemu: Callable[..., BareQemu]) -> None:
    guest = bare_qemu("-machine", "q35", *BOOT_SECTOR)
    guest.expect(BANNER)
    guest.type(RESET)
    guest.expect(BANNER)
    guest.command("system_reset")
    guest.expect(BANNER)


def test_the_boot_sector_panics(bare_qemu: Callable[..., BareQemu]) -> None:
    guest = bare_qemu("-machine", "q35", "-device", "pvpanic", *BOOT_SECTOR)
    guest.expect(BANNER)
    guest.type(PANIC)
    guest.wait()
    assert "GUEST_PANICKED" in guest.events


def test_the_boot_sector_costs_nothing_when_idle(bare_qemu: Callable[..., BareQemu]) -> None:
    guest = bare_qemu("-machine", "q35", *BOOT_SECTOR)
    guest.expect(BANNER)
    # A vCPU in HLT sleeps; one that spins is running whenever it is looked at.
    stat = Path(f"/proc/{guest.process.pid}/task")
    looks = [
        (thread / "stat").read_text().rpartition(")")[2].split()[0] for _ in range(20) for thread in stat.iterdir()
    ]
    assert looks.count("R") < len(looks) / 4


def test_linux_boots_answers_and_obeys_the_power_button(
    bare_qemu: Callable[..., BareQemu], linux_guest: LinuxGuest
) -> None:
    guest = bare_qemu(
        *("-machine", "q35", "-m", "128"),
        *("-kernel", str(linux_guest.kernel), "-initrd", str(linux_guest.initramfs), "-append", linux_guest.cmdline),
        *disk(image_path(), "virtio-blk-pci,drive=disk", read_only=True),
    )
    guest.expect(linux_guest.ready, within=120)
    guest.expect(linux_guest.prompt)
    guest.type("cat /sys/block/vda/size\r")
    guest.expect("\n1008\r\n")
    guest.command("system_powerdown")
    guest.expect("power button, bye")
    assert guest.wait() == 0
    assert guest.events == ["POWERDOWN", "SHUTDOWN"]
