"""Containers run by the driver itself, in a root that the tests make of busybox."""

from __future__ import annotations

import os
import select
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import InvalidState, NoSuchDomain

READY = b"container ready"


@pytest.fixture(scope="session", autouse=True)
def lxc() -> None:
    """LXC to test with, and the right to use it; the tests are skipped where there is none."""
    for program in ("lxc-start", "busybox", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("containers of these tests need root")
    from polyvisor.errors import UnsupportedConfiguration
    from polyvisor_lxc.confinement import id_range

    try:
        id_range(0)
    except UnsupportedConfiguration as error:
        pytest.skip(str(error))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a container, with a shell that says it is ready, repeats what it hears, and can be asked to end."""
    from polyvisor_lxc.conformance import make_root

    return make_root(tmp_path / "root")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"lxc:///embed?root={tmp_path}/state"


@pytest.fixture
def connection(uri: str) -> Iterator[polyvisor.Connection]:
    """A connection to a place of its own; no container outlives the test."""
    with polyvisor.open(uri) as opened:
        yield opened
    with polyvisor.open(uri) as last:
        for row in last.domains(active=True):
            try:
                last.domain(uuid=row.ref.uuid).destroy()
            except (NoSuchDomain, InvalidState):
                pass  # it ended meanwhile


@pytest.fixture
def document(root: Path) -> Callable[..., str]:
    """Makes the document of a small container."""

    def make(
        name: str = "box",
        *,
        init: str = "/init",
        arguments: tuple[str, ...] = (),
        extra: str = "",
        devices: str = "",
        root: Path = root,
    ) -> str:
        words = "".join(f"<initarg>{word}</initarg>" for word in arguments)
        return f"""<domain type='lxc'><name>{name}</name><memory unit='MiB'>64</memory>{extra}
  <os><type>exe</type><init>{init}</init>{words}</os><features><privnet/></features>
  <devices>
    <filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem>
    <console type='pty'/>{devices}
  </devices>
  <container:signals xmlns:container='urn:polyvisor:lxc:1' halt='term' reboot='int'/>
</domain>"""

    return make


@pytest.fixture
def box(connection: polyvisor.Connection, document: Callable[..., str]) -> polyvisor.Domain:
    """A container that runs and listens."""
    domain = connection.define(document()).start()
    ready(domain)
    return domain


@pytest.fixture
def inside(uri: str) -> Callable[..., str]:
    """Runs a command in a container and returns what it printed; fails when the command does."""

    def run(domain: polyvisor.Domain, *command: str, status: int = 0) -> str:
        import subprocess
        import sys

        words = [sys.executable, "-m", "polyvisor.cli", "-c", uri, "lxc", "exec", domain.name, "--", *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        assert done.returncode == status, done.stderr
        return done.stdout

    return run


def until(true: Callable[[], object], seconds: float = 20) -> bool:
    """Wait until ``true()``; whether it came within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def ready(domain: polyvisor.Domain) -> None:
    """Wait until the container listens."""
    with domain.open_console(replay=1 << 16) as stream:
        read_until(stream, READY)


def read_until(stream, wanted: bytes, seconds: float = 20) -> bytes:
    """What a console prints up to ``wanted``; fails when that does not come."""
    heard = b""
    deadline = time.monotonic() + seconds
    while wanted not in heard:
        if not select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"the container did not say {wanted!r}; it said {heard!r}")
        more = stream.read()
        assert more, f"the console ended after {heard!r}"
        heard += more
    return heard
