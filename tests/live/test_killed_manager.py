"""Killing the manager at any moment: no document lost or torn, no QEMU unaccounted for at the next open."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import polyvisor
from polyvisor.operations.records import DomainState

pytestmark = pytest.mark.live

KILLS = int(os.environ.get("POLYVISOR_TEST_KILLS", "200"))

DOCUMENT = """<domain type='qemu'>
  <name>victim</name>
  <uuid>5b5b0000-0000-4000-8000-000000000001</uuid>
  <description>{generation}</description>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='{image}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
    </disk>
    <memballoon model='none'/>
  </devices>
</domain>
"""

WORKER = """
import itertools, sys
import polyvisor
from polyvisor.errors import PolyvisorError
uri, document, image, first = sys.argv[1:]
with polyvisor.open(uri) as connection:
    for generation in itertools.count(int(first)):
        print("defining", generation, flush=True)
        domain = connection.define(document.format(generation=generation, image=image))
        print("defined", generation, flush=True)
        if domain.is_active:
            domain.destroy()
        print("starting", generation, flush=True)
        domain.start()
        print("started", generation, flush=True)
        domain.destroy()
        print("destroyed", generation, flush=True)
"""


def processes_of(root: Path) -> set[int]:
    """Live QEMU processes whose command line names ``root``; zombies have no command line."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if line.startswith((b"qemu-system", b"/usr/bin/qemu-system")) and os.fsencode(root) in line:
                found.add(int(entry.name))
    return found


def gone(pids: set[int], seconds: float = 10) -> bool:
    """Wait until none of ``pids`` is alive."""
    deadline = time.monotonic() + seconds
    while pids and time.monotonic() < deadline:
        pids = {pid for pid in pids if (Path("/proc") / str(pid) / "cmdline").exists() and _cmdline(pid)}
        if pids:
            time.sleep(0.01)
    return not pids


def _cmdline(pid: int) -> bytes:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def kill_at_random(uri: str, image: Path, first: int, delay: float) -> list[str]:
    """Run the worker, kill it ``delay`` seconds after its first line; what it said before."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, uri, DOCUMENT, str(image), str(first)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None and worker.stderr is not None
        said = [worker.stdout.readline()]
        if not said[0]:
            pytest.fail(f"the worker ended by itself: {worker.stderr.read()}")
        time.sleep(delay)  # the moment is the matter: nothing is waited for
        worker.send_signal(signal.SIGKILL)
        said += worker.stdout.read().splitlines()
        errors = worker.stderr.read()
    assert worker.returncode == -signal.SIGKILL, errors
    return [line.strip() for line in said if line.strip()]


def one_cycle(uri: str, image: Path) -> float:
    """Seconds from the first line of a worker to its first "destroyed", on this machine as busy as it is."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, uri, DOCUMENT, str(image), "1"], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        began = time.monotonic()
        for line in worker.stdout:
            if line.startswith("destroyed"):
                break
        worker.kill()
    return time.monotonic() - began


def test_killing_the_manager_at_random_moments_loses_nothing(tmp_path_factory):
    from polyvisor_qemu.guest import image_path

    root = tmp_path_factory.mktemp("kill")
    uri = f"qemu:///embed?root={root}"
    window = one_cycle(uri, image_path()) * 1.2
    dice = random.Random(20261122)
    generation = 1
    moments: dict[str, int] = {}
    for number in range(KILLS):
        said = kill_at_random(uri, image_path(), generation + 1, dice.uniform(0, window))
        last, written = said[-1].split()
        moments[last] = moments.get(last, 0) + 1
        defined = max((int(line.split()[1]) for line in said if line.startswith("defined")), default=generation)
        with polyvisor.open(uri) as connection:
            rows = connection.domains()
            assert [row.name for row in rows] in ([["victim"]] if defined else [["victim"], []]), f"kill {number}"
            if rows:
                domain = connection.domain("victim")
                stored = domain.config(inactive=True)
                kept = int(stored.description)
                assert defined <= kept <= int(written), f"kill {number}: {said[-1]}, found generation {kept}"
                generation = kept
                active = rows[0].state.active
                if rows[0].state is DomainState.SHUTDOWN:  # the manager had just told QEMU to end
                    active = domain.wait_for(DomainState.SHUT_OFF, timeout=20).active
                alive = processes_of(root)
                assert len(alive) == (1 if active else 0), f"kill {number} after {said[-1]}: {rows[0]}, {alive}"
    with polyvisor.open(uri) as connection:
        domain = connection.domain("victim")
        if domain.is_active:
            domain.destroy()
        domain.undefine()
        assert connection.domains() == []
    assert gone(processes_of(root))
    assert {"starting", "started"} <= moments.keys(), f"the kills never hit a start: {moments}"
