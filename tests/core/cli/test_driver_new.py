"""``polyvisor driver new``: a package of one's own that works from the first minute."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import polyvisor
from polyvisor.cli.failure import Status
from polyvisor.cli.scaffold import FILES, LICENCES, TEMPLATES
from polyvisor.config import Configuration
from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import HOOKS_VERSION
from polyvisor.plugins import Plugins

WORKSPACE = Path(__file__).parents[3]


@pytest.fixture
def new(environment, invoke, tmp_path, monkeypatch):
    """Runs ``polyvisor driver new`` in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: invoke("driver", "new", *words)


@pytest.fixture
def acme(new, tmp_path) -> Path:
    """The package of a new driver."""
    made = new("acme", "--author", "Ada Lovelace <ada@example.org>")
    assert (made.status, made.err) == (0, "")
    return tmp_path / "polyvisor-acme"


@pytest.fixture
def driver(acme, monkeypatch) -> ModuleType:
    """Its module, imported from its sources."""
    monkeypatch.syspath_prepend(str(acme / "src"))
    yield importlib.import_module("polyvisor_acme.driver")
    for name in [name for name in sys.modules if name.split(".")[0] == "polyvisor_acme"]:
        del sys.modules[name]


def files(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


# -- what is written ------------------------------------------------------------------------------------------------


def test_it_has_all_that_a_package_needs(acme):
    assert files(acme) == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "docs/index.md",
        "pyproject.toml",
        "src/polyvisor_acme/__init__.py",
        "src/polyvisor_acme/conformance.py",
        "src/polyvisor_acme/documents.py",
        "src/polyvisor_acme/driver.py",
        "src/polyvisor_acme/py.typed",
        "tests/test_driver.py",
    }
    assert not [path for path in acme.rglob("*") if path.is_file() and re.search(r"@[a-z_]+@", path.read_text())]


def test_every_template_is_used():
    used = {*FILES.values(), *(f"licences/{name}.in" for name in LICENCES)}
    assert files(TEMPLATES) <= used


def test_its_metadata_say_what_was_asked_for(acme):
    project = tomllib.loads((acme / "pyproject.toml").read_text())["project"]
    assert project["name"] == "polyvisor-acme"
    assert project["authors"] == [{"name": "Ada Lovelace", "email": "ada@example.org"}]
    assert project["license"] == "Apache-2.0"
    points = project["entry-points"]
    assert points["polyvisor.drivers"] == {"acme": "polyvisor_acme.driver:driver"}
    assert points["polyvisor.conformance"] == {"acme": "polyvisor_acme.conformance:target"}
    assert (acme / "LICENSE").read_text() == (WORKSPACE / "LICENSE").read_text()


def test_ci_runs_the_tests_and_the_conformance_suite(acme):
    jobs = yaml.safe_load((acme / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert "pytest" in commands and "mypy" in commands
    assert any("polyvisor.testing.conformance --polyvisor-uri acme:///" in command for command in commands)


def test_it_tells_the_next_steps(new):
    said = new("acme", "--directory", "a place").out
    assert "in a place, for acme:// URIs" in said
    steps = said.partition("Next:\n")[2]
    assert shlex.split(steps)[:2] == ["cd", "a place"]
    assert "--polyvisor-uri acme:///" in steps


def test_programs_get_the_same_as_json(new):
    made = new("acme", "--json").data
    assert made["directory"] == "polyvisor-acme"
    assert set(made["files"].values()) == {"written"}
    assert made["next"][0] == "cd polyvisor-acme"


def test_a_scheme_and_a_name_in_two_words(new, tmp_path):
    assert new("big-iron", "--scheme", "iron").status == 0
    package = tmp_path / "polyvisor-big-iron"
    points = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"]
    assert points["polyvisor.drivers"] == {"iron": "polyvisor_big_iron.driver:driver"}
    source = (package / "src/polyvisor_big_iron/driver.py").read_text()
    assert 'name = "iron"' in source and "from polyvisor_big_iron.documents import" in source


@pytest.mark.parametrize(("licence", "words"), [("MIT", "Copyright (c) "), ("Apache-2.0", "Apache License")])
def test_licences_come_with_their_text(new, tmp_path, licence, words):
    new("acme", "--license", licence, "--author", "Ada")
    text = (tmp_path / "polyvisor-acme/LICENSE").read_text()
    assert words in text and ("Ada" in text) == (licence == "MIT")


def test_another_licence_is_named_and_its_text_asked_for(new, tmp_path):
    made = new("acme", "--licence", "GPL-3.0-or-later")
    assert made.status == 0 and "put the text of GPL-3.0-or-later into polyvisor-acme/LICENSE" in made.err
    assert not (tmp_path / "polyvisor-acme/LICENSE").exists()


def test_what_an_author_is_called_cannot_break_out(new, tmp_path):
    assert new("acme", "--author", "Ada' # {x} Lovelace").status == 0
    project = tomllib.loads((tmp_path / "polyvisor-acme/pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": "Ada' # {x} Lovelace"}]


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Acme"], "small letters"),
        (["a_b"], "small letters"),
        (["1st"], "small letters"),
        (["a--b"], "single hyphens"),
        (["../acme"], "small letters"),
        (["acme\n"], "small letters"),
        (["a" * 41], "too long"),
        (["polyvisor-acme"], "write acme"),
        (["acme", "--scheme", "Acme!"], "URI scheme"),
        (["acme", "--licence", "what I like"], "SPDX"),
        (["acme", "--author", 'Ada" , x = "'], "write Name"),
        (["acme", "--author", "Ada <nowhere>"], "write Name"),
    ],
)
def test_bad_words_are_refused_and_nothing_is_written(new, tmp_path, words, said):
    refused = new(*words)
    assert refused.status == Status.USAGE
    assert said in refused.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["qemu"], "polyvisor-qemu"),
        (["xen"], "polyvisor-xen"),
        (["acme", "--scheme", "vpx"], "polyvisor-esx"),
        (["acme", "--scheme", "fake"], "fakehv, which is installed"),
    ],
)
def test_a_scheme_of_another_driver_is_refused(new, tmp_path, words, said):
    refused = new(*words)
    assert refused.status == Status.FAILED and said in refused.err
    assert "choose another name" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(new, acme):
    before = {path: path.read_bytes() for path in acme.rglob("*") if path.is_file()}
    refused = new("acme")
    assert refused.status == Status.FAILED and "polyvisor-acme is not empty" in refused.err
    assert {path: path.read_bytes() for path in acme.rglob("*") if path.is_file()} == before


def test_an_empty_directory_will_do(new, tmp_path):
    (tmp_path / "mine").mkdir()
    assert new("acme", "--directory", "mine").status == 0
    assert (tmp_path / "mine/pyproject.toml").exists()


def test_force_keeps_what_it_replaces_and_says_so(new, acme):
    (acme / "README.md").write_text("mine\n")
    (acme / "README.md.1~").write_text("older\n")
    (acme / "notes").write_text("mine, too\n")
    made = new("acme", "--force", "--author", "Ada Lovelace <ada@example.org>")
    assert made.status == 0 and "README.md: what was there is now README.md.2~" in made.out
    assert (acme / "README.md.2~").read_text() == "mine\n" and (acme / "README.md.1~").read_text() == "older\n"
    assert (acme / "README.md").read_text().startswith("# polyvisor-acme")
    assert (acme / "notes").read_text() == "mine, too\n"
    assert not (acme / "pyproject.toml.1~").exists(), "what says the same already is no loss"


def test_force_does_not_write_through_links(new, acme, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("do not touch\n")
    (acme / "README.md").unlink()
    (acme / "README.md").symlink_to(precious)
    assert new("acme", "--force").status == 0
    assert precious.read_text() == "do not touch\n"


def test_a_place_that_cannot_be_written_is_told(new, tmp_path):
    (tmp_path / "file").write_text("")
    refused = new("acme", "--directory", "file/below")
    assert refused.status == Status.FAILED and "file/below" in refused.err


def test_it_asks_no_hypervisor_and_no_network(new, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket", refuse)
    assert new("acme").status == 0


# -- what it does -----------------------------------------------------------------------------------------------------


def test_its_driver_runs_guests(driver):
    plugins = Plugins(find=lambda group: [])
    loaded = plugins.register_driver(driver.driver)
    assert plugins.verify(loaded, every()) == []
    document = (
        "<domain type='acme'><name>first</name><memory>65536</memory><os><type>hvm</type></os><devices/></domain>"
    )
    with polyvisor.open("acme:///", plugins=plugins, configuration=Configuration()) as connection:
        first = connection.define(document).start()
        assert [(row.name, row.state.value) for row in connection.domains()] == [("first", "running")]
        first.undefine()
        first.destroy()
        assert connection.list_domains() == []


def test_it_states_the_version_of_the_hooks_in_numbers(driver, acme):
    assert driver.driver.hooks_version == HOOKS_VERSION
    assert "HOOKS_VERSION" not in (acme / "src/polyvisor_acme/driver.py").read_text()


def test_it_borrows_public_names_only(acme):
    spec = importlib.util.spec_from_file_location("driver_interface", WORKSPACE / "scripts" / "driver_interface.py")
    assert spec and spec.loader
    interface = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(interface)
    table = interface.surface()
    for source in (acme / "src").rglob("*.py"):
        assert interface.borrowed(source.read_text(), table) == []


@pytest.mark.parametrize("name", ["acme", "a", "big-iron-on-the-hill-over-there-at-night"])
def test_what_is_written_keeps_to_its_own_style(new, tmp_path, name):
    ruff = shutil.which("ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if ruff is None:
        pytest.skip("ruff is not installed")
    assert new(name, "--directory", "made").status == 0
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *words, "--no-cache", "."], cwd=tmp_path / "made", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    for source in (tmp_path / "made").rglob("*.py"):
        ast.parse(source.read_text())


# -- as its author does it ------------------------------------------------------------------------------------------


@pytest.mark.live
def test_it_builds_installs_is_found_and_passes_conformance(acme, tmp_path):
    """A wheel of it, in a fresh environment that has the core, and all that its README tells to type."""
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    pip = [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", str(tmp_path / "wheels"), str(acme)]
    subprocess.run(pip, check=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert {"polyvisor_acme/driver.py", "polyvisor_acme/py.typed"} <= set(archive.namelist())
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    lend = "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (purelib / "polyvisor-and-its-dependencies.pth").write_text(lend)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("POLYVISOR", "PYTHON"))}

    def run(*words: str, seconds: int = 60) -> str:
        command = [str(python), *words]
        done = subprocess.run(command, cwd=acme, env=clean, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
        return done.stdout

    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    assert re.search(r"^ *acme +0\.1\.0 +polyvisor-acme +acme:// .* ready", run("-m", "polyvisor.cli", "drivers"), re.M)
    run("-m", "pytest", "-q")
    found = run(
        "-m", "pytest", "-q", "--pyargs", "polyvisor.testing.conformance", "--polyvisor-uri", "acme:///", seconds=240
    )
    assert int(re.search(r"(\d+) passed, 0 failed", found)[1]) >= 250
    if importlib.util.find_spec("mypy"):
        run("-m", "mypy", "--cache-dir", str(tmp_path / "mypy"), seconds=240)
