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
from collections.abc import Callable, Iterator
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


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str], Callable[..., str]]:
    """Installs a folder of the tutorial into a fresh environment that has polyvisor; returns a way to run modules."""

    def into_fresh_environment(name: str) -> Callable[..., str]:
        return fresh_environment(Path(shutil.copytree(TUTORIAL / name, tmp_path / name)), tmp_path / "environment")

    return into_fresh_environment


def fresh_environment(folder: Path, environment: Path) -> Callable[..., str]:
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    lend = "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (purelib / "polyvisor-and-its-dependencies.pth").write_text(lend)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("POLYVISOR", "PYTHON"))}
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", folder]
    subprocess.run(install, check=True, env=clean)

    def run(*arguments: str) -> str:
        command = [python, "-m", *arguments]
        done = subprocess.run(command, env=clean, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.live
def test_installing_its_folder_is_all_it_takes(install):
    run = install("acme")
    assert "acme" in run("polyvisor.cli", "drivers")
    assert "rocket" in run("polyvisor.cli", "-c", "acme:///", "list", "--all")
    assert "started" in run("polyvisor.cli", "-c", "acme:///", "start", "rocket")


@pytest.mark.live
def test_the_grown_driver_passes_the_conformance_suite(install):
    run = install("acme-guests")
    told = run("pytest", "-q", "--pyargs", "polyvisor.testing.conformance", "--polyvisor-uri", "acme:///")
    assert "12 of" in told
    assert re.search(r"\d{3} passed, 0 failed", told)
    assert " 0 are not refused" in told
