"""The Linux guest's build script: modules in an order in which they load."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "guests" / "linux" / "build.py"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_linux_guest", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kernel_module(directory: Path, name: str, depends: str) -> Path:
    path = directory / f"{name}.ko"
    path.write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0retpoline=Y\0")
    return path


def test_a_module_comes_after_what_it_needs(build: ModuleType, tmp_path: Path) -> None:
    files = {
        name: kernel_module(tmp_path, name, depends)
        for name, depends in {
            "virtio_blk": "virtio,virtio_ring",
            "virtio-rng": "virtio",
            "virtio_ring": "virtio",
            "virtio": "",
            "unwanted": "virtio",
        }.items()
    }
    order = [path.stem for path in build.in_order(["virtio_blk", "virtio_rng", "built_in"], files)]
    assert sorted(order) == ["virtio", "virtio-rng", "virtio_blk", "virtio_ring"]
    assert order.index("virtio") < order.index("virtio_ring") < order.index("virtio_blk")


def test_what_stands_beside_the_script_counts_for_its_fingerprint(build: ModuleType, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(build, "HERE", tmp_path)
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"")
    monkeypatch.setattr(build.shutil, "which", lambda name: str(busybox))
    (tmp_path / "init").write_text("one")
    before = build.fingerprint("linux-1")
    assert build.fingerprint("linux-1") == before
    assert build.fingerprint("linux-2") != before
    (tmp_path / "init").write_text("two")
    assert build.fingerprint("linux-1") != before
