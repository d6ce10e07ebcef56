"""``polyvisor demo`` from a shell, as the README promises it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

POLYVISOR = Path(sys.executable).parent / "polyvisor"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory that the demo makes its own in; what is left there afterwards is looked at by the tests."""
    # A UNIX socket's path has 107 bytes at most, so the deep directories of pytest will not do.
    with tempfile.TemporaryDirectory(prefix="demo-test-") as directory:
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory)


def qemu_of(scratch: Path) -> list[int]:
    """The processes whose command line names the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            if b"qemu-system" in words and str(scratch).encode() in words:
                found.append(int(entry.name))
    return found


def test_the_demo_takes_a_guest_from_its_document_to_its_end(qemu_binary: str, scratch: Path) -> None:
    done = subprocess.run([POLYVISOR, "demo"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    told = iter(done.stdout.splitlines())
    for line in (  # in this order, whatever stands between them
        "$ polyvisor define tiny.xml",
        "$ polyvisor start tiny",
        "Polyvisor boot-sector guest ready",
        "> hello",
        "tiny stopped shutdown",
        "$ polyvisor undefine tiny",
    ):
        assert line in told, f"{line!r} is missing, or comes too early, in:\n{done.stdout}"
    assert "did you mean 'dev'?" in done.stdout + done.stderr
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_nothing(qemu_binary: str, scratch: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen([POLYVISOR, "demo"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "guest ready" in line:
            break
    assert qemu_of(scratch) != []
    os.killpg(demo.pid, number)
    demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert qemu_of(scratch) == []
    assert list(scratch.iterdir()) == []
