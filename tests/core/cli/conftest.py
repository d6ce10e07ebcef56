"""The command line on a driver that is really installed: a distribution of its own on the path."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

HERE = Path(__file__).parent
URI = "fake:///default"


@dataclass
class Outcome:
    status: int
    out: str
    err: str

    @property
    def data(self):
        """The JSON that was printed."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A directory for the path in which the driver ``fake`` is installed."""
    where = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "fake_driver.py", where / "polyvisor_fake_driver.py")
    info = where / "fakehv-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fakehv\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polyvisor.drivers]\nfake = polyvisor_fake_driver:driver\n")
    return where


@pytest.fixture
def environment(site, tmp_path, monkeypatch):
    """No configuration but the tests' own. The name in POLYVISOR_BLOCK gives them a plugin registry of their own."""
    settings = {
        "POLYVISOR_CONFIG": "",
        "POLYVISOR_DEFAULT_URI": URI,
        "POLYVISOR_BLOCK": "only-for-tests-of-the-command-line",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "NO_COLOR": "",
    }
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # it loses output when a pipe is full
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(site))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def machine(environment):
    """The hypervisor behind ``fake:///default``, fresh for each test."""
    fake = importlib.import_module("polyvisor_fake_driver")
    fake.machines.clear()
    return fake.machines.setdefault("/default", fake.Machine())


@pytest.fixture
def invoke():
    """Runs a command in this process, in whatever environment there is: ``invoke("list", "--all")``."""
    from polyvisor.cli.root import polyvisor

    try:
        runner = CliRunner(mix_stderr=False)
    except TypeError:  # since Click 8.2 they are never mixed
        runner = CliRunner()

    def start(*words, stdin=None):
        result = runner.invoke(polyvisor, list(words), input=stdin, prog_name="polyvisor")
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return start


@pytest.fixture
def run(machine, invoke):
    """Runs a command on the hypervisor ``machine``: ``run("list", "--all")``."""
    return invoke


@pytest.fixture
def execute(environment):
    """Runs a command in a process of its own."""

    def start(*words, script=None, **settings):
        command = [sys.executable, *(["-m", "polyvisor.cli", *words] if script is None else ["-c", script])]
        settings = {"capture_output": True, "text": True, "env": environment, "timeout": 30, **settings}
        done = subprocess.run(command, check=False, **settings)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return start
