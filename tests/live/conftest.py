"""What tests of real hypervisors share: the guests, and a home for their orphans."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).parents[2]
LINUX_GUEST = Path(os.environ.get("POLYVISOR_LINUX_GUEST", WORKSPACE / "build" / "linux-guest"))
PR_SET_CHILD_SUBREAPER = 36  # include/uapi/linux/prctl.h


@pytest.fixture(scope="session")
def qemu_binary() -> str:
    """The QEMU to test with; the test is skipped where there is none."""
    return shutil.which("qemu-system-x86_64") or pytest.skip("qemu-system-x86_64 is not installed")


@pytest.fixture(scope="session", autouse=True)
def subreaper() -> None:
    """Orphaned guests become children of the test run, so that it can reap them and time their end."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@dataclass(frozen=True)
class LinuxGuest:
    """The files of the Linux guest (guests/linux/build.py) and its kernel's command line."""

    kernel: Path
    initramfs: Path
    cmdline: str
    ready: str = "Polyvisor Linux guest ready"
    prompt: str = "guest# "


@pytest.fixture(scope="session")
def linux_guest() -> LinuxGuest:
    """The Linux guest; the test is skipped where it was not built."""
    if not (LINUX_GUEST / "stamp").exists():
        pytest.skip("the Linux guest is not built; run guests/linux/build.py")
    return LinuxGuest(LINUX_GUEST / "vmlinuz", LINUX_GUEST / "initramfs", (LINUX_GUEST / "cmdline").read_text().strip())


@dataclass
class BareQemu:
    """A QEMU of our own, without Polyvisor: its serial port and its monitor."""

    process: subprocess.Popen[bytes]
    serial: socket.socket
    monitor: socket.socket
    heard: bytes = b""
    events: list[str] = field(default_factory=list)

    def expect(self, text: str, *, within: float = 30.0) -> str:
        """Read the serial port until ``text`` comes; returns all up to it. Fails after ``within`` seconds."""
        deadline = time.monotonic() + within
        while text.encode() not in self.heard:
            self.serial.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                more = self.serial.recv(65536)
            except TimeoutError:
                more = b""
            if not more:
                raise AssertionError(f"the guest did not say {text!r}; it said {self.heard.decode(errors='replace')!r}")
            self.heard += more
        before, _, self.heard = self.heard.partition(text.encode())
        return before.decode(errors="replace") + text

    def type(self, text: str | bytes) -> None:
        """Send to the serial port."""
        self.serial.sendall(text.encode() if isinstance(text, str) else text)

    def command(self, name: str) -> None:
        """Send a QMP command without arguments."""
        self.monitor.sendall(json.dumps({"execute": name}).encode())

    def wait(self, within: float = 30.0) -> int:
        """Wait for the end of QEMU; collects the names of the events it sent in ``events``."""
        code = self.process.wait(within)
        with self.monitor.makefile("rb") as lines:
            self.events = [message["event"] for line in lines if "event" in (message := json.loads(line))]
        return code


@pytest.fixture
def bare_qemu(qemu_binary: str) -> Iterator[Callable[..., BareQemu]]:
    """Start QEMUs, emulating, with the arguments given beside a serial port and a monitor; none is left behind."""
    started: list[BareQemu] = []

    def start(*arguments: str) -> BareQemu:
        pairs = {name: socket.socketpair() for name in ("serial", "monitor")}
        command = [qemu_binary, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]
        for name, (_, theirs) in pairs.items():
            command += ["-chardev", f"socket,id={name},fd={theirs.fileno()}"]
        command += ["-mon", "chardev=monitor,mode=control", "-device", "isa-serial,chardev=serial", *arguments]
        theirs = [pair[1] for pair in pairs.values()]
        process = subprocess.Popen(command, pass_fds=[one.fileno() for one in theirs], stdin=subprocess.DEVNULL)
        for one in theirs:
            one.close()
        guest = BareQemu(process, pairs["serial"][0], pairs["monitor"][0])
        guest.command("qmp_capabilities")
        started.append(guest)
        return guest

    yield start
    for guest in started:
        guest.process.kill()
        guest.process.wait()
        guest.serial.close()
        guest.monitor.close()
