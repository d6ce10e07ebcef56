"""Guests run by the driver itself, under real QEMU, emulated."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import InvalidState, NoSuchDomain
from polyvisor.operations.events import Event

READY = b"guest ready"


def boot_sector(name: str = "demo", *, machine: str = "pc", devices: str = "", extra: str = "") -> str:
    """The document of a guest that boots in a tenth of a second, prints a line and echoes what is typed."""
    from polyvisor_qemu.guest import image_path

    return f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>{extra}
  <os><type arch='x86_64' machine='{machine}'>hvm</type></os><features><acpi/></features>
  <devices>
    <disk type='file'><source file='{image_path()}'/><target dev='vda' bus='virtio'/><readonly/></disk>
    <serial type='pty'/>{devices}
  </devices></domain>"""


@pytest.fixture
def uri(qemu_binary: str, tmp_path: Path) -> str:
    return f"qemu:///embed?root={tmp_path}"


@pytest.fixture
def connection(uri: str) -> Iterator[polyvisor.Connection]:
    """A connection to a place of its own; no guest outlives the test."""
    with polyvisor.open(uri) as opened:
        yield opened
    with polyvisor.open(uri) as last:
        for row in last.domains(active=True):
            try:
                last.domain(uuid=row.ref.uuid).destroy()
            except (NoSuchDomain, InvalidState):
                pass  # it ended meanwhile


def until(true: Callable[[], object], seconds: float = 20) -> bool:
    """Wait until ``true()``; whether it came within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def read_until(stream, wanted: bytes, seconds: float = 20) -> bytes:
    """What a console prints up to ``wanted``; fails when that does not come."""
    heard = b""
    deadline = time.monotonic() + seconds
    while wanted not in heard:
        if not select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"the guest did not say {wanted!r}; it said {heard!r}")
        more = stream.read()
        assert more, f"the console ended after {heard!r}"
        heard += more
    return heard


def ready(domain) -> None:
    """Wait until the guest has booted."""
    with domain.open_console(replay=1 << 20) as stream:
        read_until(stream, READY)


def next_event(events, event: str, seconds: float = 20) -> Event:
    """The next lifecycle event of that kind."""
    deadline = time.monotonic() + seconds
    while (found := events.get(timeout=max(0, deadline - time.monotonic()))) is not None:
        if found.event == event:
            return found
    raise AssertionError(f"no event {event!r} came")
