"""The boot-sector guest's bytes are those of its source."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from polyvisor_qemu import guest


def test_assembling_the_source_gives_the_image(tmp_path: Path) -> None:
    if missing := [tool for tool in ("as", "ld") if not shutil.which(tool)]:
        pytest.skip(f"needs binutils ({', '.join(missing)} not found)")
    if "i386" not in subprocess.run(["objdump", "-i"], capture_output=True, text=True).stdout:
        pytest.skip("these binutils are not for x86")
    boot, image = tmp_path / "boot.o", tmp_path / "boot.img"
    subprocess.run(["as", "--32", guest.source_path(), "-o", boot], check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", boot, "-o", image], check=True)
    assert image.read_bytes() == guest.image_path().read_bytes()


def test_the_guest_is_one_boot_sector_and_leaves_the_partition_table_empty() -> None:
    image = guest.image_path().read_bytes()
    assert image[510:512] == b"\x55\xaa"
    assert not any(image[446:510])
    assert not any(image[512:])
    assert guest.BANNER.encode() in image[:446]
