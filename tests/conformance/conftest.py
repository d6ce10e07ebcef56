"""The same questions put to every driver.

A test takes ``hypervisor``, a connection with a way to make guests on it, and runs once for each driver here. What a
driver does not claim to do is skipped by capability (``@needs("domain.suspend")``), never by the driver's name: that
it says so is tested for every operation there is.
"""

from __future__ import annotations

import importlib.util
import select
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.objects.connection import Connection
from polyvisor.objects.domain import Domain
from polyvisor.plugins import Plugins

DOCUMENT = """
<domain type='{type}'>
  <name>{name}</name>
  {more}
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os><type arch='{arch}'>hvm</type></os>
  <features><acpi/></features>
  {rest}
  <devices>{devices}</devices>
</domain>
"""


@dataclass
class Hypervisor:
    """A driver's connection under test, and what its documents need to say.

    ``shared`` says that every connection to the URI sees the same domains; ``banner`` is what the system inside
    prints on its console once it listens, if it needs time for that."""

    uri: str
    type: str
    arch: str = "x86_64"
    devices: str = ""
    banner: bytes = b""
    shared: bool = True
    plugins: Plugins | None = None
    opened: list[Connection] = field(default_factory=list)

    def open(self, **options: Any) -> Connection:
        """Another connection; closed when the test ends."""
        options = {"configuration": Configuration(), "plugins": self.plugins, **options}
        self.opened.append(polyvisor.open(self.uri, **options))
        return self.opened[-1]

    @property
    def connection(self) -> Connection:
        """The connection that tests use unless they open their own."""
        return self.opened[0]

    def wait_until_up(self, domain: Domain) -> None:
        """Wait until the system inside a guest that was just started listens."""
        said = b""
        if self.banner:
            with domain.open_console(replay=65536) as console:
                while self.banner not in said:
                    assert select.select([console], [], [], 30)[0], f"the guest said only {said!r}"
                    said += console.read()

    def document(self, name: str = "conformance", *, more: str = "", rest: str = "", devices: str = "") -> str:
        """A small domain; ``name`` as XML text."""
        return DOCUMENT.format(
            type=self.type, arch=self.arch, name=name, more=more, rest=rest, devices=self.devices + devices
        )

    def require(self, *capabilities: str) -> None:
        """Skip the test if the driver does not claim one of these."""
        for capability in capabilities:
            if not self.connection.supports(capability):
                pytest.skip(f"the {self.connection.driver} driver does not claim {capability}")

    def define(self, name: str = "conformance", **parts: str) -> Domain:
        self.require("domain.define", "domain.undefine", "domain.destroy")
        return self.connection.define(self.document(name, **parts))


def _test_driver(tmp_path: Path) -> Hypervisor:
    return Hypervisor("test:///default", "test", "i686", shared=False)


def _qemu(tmp_path: Path) -> Hypervisor:
    if shutil.which("qemu-system-x86_64") is None or importlib.util.find_spec("polyvisor_qemu") is None:
        pytest.skip("QEMU or its driver is not installed")
    from polyvisor_qemu.guest import image_path

    disk = tmp_path / "boot.img"
    shutil.copyfile(image_path(), disk)
    devices = (
        f"<disk type='file'><driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda'/></disk>"
        "<serial type='pty'/>"
    )
    root = tempfile.mkdtemp(prefix="pv", dir=tmp_path)
    return Hypervisor(f"qemu:///embed?root={root}", "qemu", "x86_64", devices, b"guest ready")


def _acme(tmp_path: Path) -> Hypervisor:
    """The tutorial's driver, which can do next to nothing: the suite must be able to live with that."""
    source = Path(__file__).parents[2] / "docs" / "tutorial" / "acme" / "src" / "polyvisor_acme" / "__init__.py"
    spec = importlib.util.spec_from_file_location("polyvisor_acme", source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plugins = Plugins(find=lambda group: [])
    plugins.register_driver(module.driver)
    return Hypervisor("acme:///", "acme", shared=False, plugins=plugins)


DRIVERS: dict[str, Callable[[Path], Hypervisor]] = {"test": _test_driver, "acme": _acme, "qemu": _qemu}


@pytest.fixture(params=["test", "acme", pytest.param("qemu", marks=pytest.mark.live)])
def hypervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hypervisor]:
    found = DRIVERS[request.param](tmp_path)
    connection = found.open()
    try:
        for marker in request.node.iter_markers("needs"):
            found.require(*marker.args)
        before = {row.ref.uuid for row in connection.list_domains()}
        yield found
        if found.shared:
            _destroy_others(found, before)
    finally:
        for connection in found.opened:
            connection.close()


def _destroy_others(hypervisor: Hypervisor, before: set[UUID]) -> None:
    """Leave no guest of the test's behind, whatever it did."""
    connection = hypervisor.open()
    for row in connection.list_domains():
        if row.ref.uuid not in before and row.ref.id is not None:
            connection.domain(uuid=row.ref.uuid).destroy()


@pytest.fixture
def connection(hypervisor: Hypervisor) -> Connection:
    return hypervisor.connection


@pytest.fixture
def domain(hypervisor: Hypervisor) -> Domain:
    """A defined guest that is off."""
    return hypervisor.define()


@pytest.fixture
def running(hypervisor: Hypervisor, domain: Domain) -> Domain:
    """A guest that runs."""
    hypervisor.require("domain.start")
    return domain.start()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): skipped for drivers that do not claim them")
