"""The tutorial's driver: loaded as it stands, and installed from its own folder as a stranger would."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.errors import InvalidState, NoSuchDomain, UnsupportedOperation, UnsupportedOption
from polyvisor.objects.connection import Connection
from polyvisor.operations.catalogue import every
from polyvisor.plugins import Plugins
from polyvisor.spi import DomainState

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"
SOURCE = TUTORIAL / "acme" / "src" / "polyvisor_acme" / "__init__.py"


@pytest.fixture
def plugins() -> Plugins:
    spec = importlib.util.spec_from_file_location("polyvisor_acme", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plugins = Plugins(find=lambda group: [])
    plugins.register_driver(module.driver)
    return plugins


@pytest.fixture
def acme(plugins: Plugins) -> Iterator[Connection]:
    with polyvisor.open("acme:///", plugins=plugins, configuration=Configuration()) as connection:
        yield connection


def test_it_is_under_sixty_lines():
    assert len(SOURCE.read_text().splitlines()) < 60


def test_it_lists_and_starts_and_tells(acme):
    assert [(row.name, row.state) for row in acme.domains()] == [
        ("anvil", DomainState.SHUT_OFF),
        ("rocket", DomainState.SHUT_OFF),
    ]
    with acme.events() as events:
        rocket = acme.domain("rocket").start()
        assert (events.get(timeout=0).event, rocket.id) == ("started", 1)
    assert [row.name for row in acme.list_domains(active=True)] == ["rocket"]
    assert acme.domain(id=1) == acme.domain(uuid=rocket.uuid) == rocket


def test_it_refuses_as_every_driver_does(acme):
    rocket = acme.domain("rocket").start()
    with pytest.raises(InvalidState):
        rocket.start()
    with pytest.raises(NoSuchDomain, match="coyote"):
        acme.domain("coyote")
    with pytest.raises(UnsupportedOperation, match=r"domain\.destroy"):
        rocket.destroy()
    with pytest.raises(UnsupportedOption, match="paused"):
        acme.domain("anvil").start(paused=True)
    assert acme.supports("domain.start") and not acme.supports("domain.destroy")


def test_its_hooks_are_as_declared(plugins):
    assert plugins.verify(plugins.driver("acme"), every()) == []


def test_the_page_shows_the_driver_as_it_is():
    """Every Python block of the page stands in the driver, line by line and in order."""
    page = (TUTORIAL / "index.md").read_text()
    blocks = re.findall(r"```python[^\n]*\n(.*?)```", page, re.DOTALL)
    source = SOURCE.read_text()
    at = 0
    for block in blocks:
        found = source.find(block, at)
        assert found >= 0, f"not in the driver, or out of order:\n{block}"
        at = found + len(block)
    assert blocks


@pytest.mark.live
def test_installing_its_folder_is_all_it_takes(tmp_path):
    """A fresh environment that has polyvisor, and then the driver's folder installed into it."""
    folder = Path(shutil.copytree(TUTORIAL / "acme", tmp_path / "acme"))
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    lend = "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (purelib / "polyvisor-and-its-dependencies.pth").write_text(lend)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("POLYVISOR", "PYTHON"))}
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", folder]
    subprocess.run(install, check=True, env=clean)

    def run(*arguments: str) -> str:
        command = [python, "-m", "polyvisor.cli", *arguments]
        done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "acme" in run("drivers")
    assert "rocket" in run("-c", "acme:///", "list", "--all")
    assert "started" in run("-c", "acme:///", "start", "rocket")
