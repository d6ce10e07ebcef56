"""The peers: Debian's libvirt, started by hand in namespaces of its own, and bare QEMU.

Everything runs inside one private mount and network namespace (see run.py), where libvirt's directories are empty
tmpfs mounts: nothing of the host's own libvirt is seen or changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LIBVIRT_DIRECTORIES = ("/run", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/etc/libvirt")
NEEDED = ("libvirtd", "virtlogd", "virsh", "qemu-system-x86_64", "unshare")
PACKAGES = "libvirt-daemon libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients python3-libvirt"


def missing() -> list[str]:
    """Programs of the peers that are not installed."""
    return [name for name in NEEDED if shutil.which(name) is None]


def isolate_libvirt() -> None:
    """Cover libvirt's directories with empty ones. Only inside a private mount namespace."""
    for directory in LIBVIRT_DIRECTORIES:
        Path(directory).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    # where only root may use /dev/kvm, libvirt's own user finds its probes stale and repeats them at every call
    Path("/etc/libvirt/qemu.conf").write_text('user = "root"\ngroup = "root"\n')


REAPER = """
import ctypes, os, signal, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: be a quick init to libvirt's orphans
ours = [subprocess.Popen([program]) for program in sys.argv[1:]]
signal.signal(signal.SIGTERM, lambda *_: [child.terminate() for child in reversed(ours)])
left = {child.pid for child in ours}
while left:
    left.discard(os.wait()[0])
"""


class Libvirtd:
    """A running libvirtd with its virtlogd, under a parent that reaps at once."""

    def __init__(self, log: Path, uri: str = "qemu:///system") -> None:
        self._log = log.open("ab")
        self._uri = uri
        self._parent: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start both and wait until libvirtd answers."""
        self._parent = subprocess.Popen(
            [sys.executable, "-c", REAPER, "virtlogd", "libvirtd"], stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + 60
        while subprocess.run(["virsh", "-c", self._uri, "uri"], capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError("libvirtd did not come up within 60 s; see its log")
            time.sleep(0.05)

    def stop(self) -> None:
        """End them."""
        if self._parent is not None:
            self._parent.terminate()
            self._parent.wait(30)
            self._parent = None

    def __enter__(self) -> Libvirtd:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()
        self._log.close()


def libvirt_python(script: str, *arguments: str) -> dict[str, list[float]]:
    """Run ``script`` with Debian's python3, which has python3-libvirt; it prints times in seconds as JSON."""
    prologue = (
        "import json, sys, time, libvirt\n"
        "libvirt.registerErrorHandler(lambda *a: None, None)\n"
        "def timed(f):\n"
        "    t = time.perf_counter(); f(); return time.perf_counter() - t\n"
    )
    run = subprocess.run(
        ["/usr/bin/python3", "-c", prologue + script, *arguments], check=True, capture_output=True, text=True
    )
    found: dict[str, list[float]] = json.loads(run.stdout)
    return found


class BareQemu:
    """QEMU with nothing around it: exec, greeting, qmp_capabilities and cont, then quit."""

    def __init__(self, argv: list[str], directory: Path) -> None:
        self._argv = argv
        self._socket = str(directory / "bare.sock")

    @contextlib.contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket, float]]:
        """A started machine: the process, its monitor, and seconds from exec to the answer to ``cont``."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._socket)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self._socket)
            server.listen(1)
            server.set_inheritable(True)
            began = time.perf_counter()
            process = subprocess.Popen(
                [
                    *self._argv,
                    *("-chardev", f"socket,id=bare,fd={server.fileno()},server=on,wait=off"),
                    *("-mon", "chardev=bare,mode=control"),
                ],
                pass_fds=[server.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(self._socket)
            replies = monitor.makefile("rb")
            monitor.sendall(b'{"execute":"qmp_capabilities"}{"execute":"cont"}')
            answers = 0
            while answers < 2:
                line = replies.readline()
                if not line:
                    raise RuntimeError(f"bare QEMU ended: {process.wait()}")
                answers += b'"return"' in line
            seconds = time.perf_counter() - began
            try:
                yield process, monitor, seconds
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def start(self) -> float:
        """Seconds from exec to the answer to ``cont``."""
        with self.running() as (_, _, seconds):
            return seconds

    def quit(self) -> float:
        """Seconds from ``quit`` to the process being reaped."""
        with self.running() as (process, monitor, _):
            began = time.perf_counter()
            monitor.sendall(b'{"execute":"quit"}')
            process.wait()
            return time.perf_counter() - began
