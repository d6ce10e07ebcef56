"""The example driver is what the guide makes: small, on public names only, installable, and passing conformance."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from polyvisor import model

WORKSPACE = Path(__file__).parents[2]
EXAMPLE = WORKSPACE / "examples" / "bubblewrap"
SOURCES = sorted((EXAMPLE / "src").rglob("*.py"))
DRIVER = [path for path in SOURCES if path.name != "conformance.py"]


@pytest.fixture(scope="module")
def interface() -> ModuleType:
    spec = importlib.util.spec_from_file_location("driver_interface", WORKSPACE / "scripts" / "driver_interface.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_lines(text: str) -> set[int]:
    """The lines of ``text`` that have code: no blank ones, no comments, no docstrings."""
    words = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        for line in range(token.start[0], token.end[0] + 1)
        if token.type != tokenize.ENDMARKER
    }
    return words - set(docstrings(ast.parse(text)))


def docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)


def test_it_is_under_three_hundred_lines_of_code():
    assert sum(len(code_lines(path.read_text())) for path in DRIVER) < 300


def test_lines_of_code_are_counted():
    assert code_lines('"""Doc."""\n\n# comment\nx = (\n    1\n)\n\n\ndef f():\n    """Doc."""\n') == {4, 5, 6, 9}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_borrows_public_names_only(interface, source):
    assert interface.borrowed(source.read_text(), interface.surface()) == []


def test_it_depends_on_polyvisor_alone():
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    assert [requirement.partition(">")[0] for requirement in project["dependencies"]] == ["polyvisor"]
    imported = {
        name.partition(".")[0]
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported - sys.stdlib_module_names == {"polyvisor", "polyvisor_bubblewrap"}


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    yield importlib.import_module("polyvisor_bubblewrap.documents")
    for name in [name for name in sys.modules if name.partition(".")[0] == "polyvisor_bubblewrap"]:
        del sys.modules[name]


def test_the_document_of_its_readme_is_what_bubblewrap_is_told(documents, tmp_path):
    ((_, text),) = (
        part.split("```")[0].split("\n", 1) for part in (EXAMPLE / "README.md").read_text().split("```xml")[1:]
    )
    hooks = documents.DocumentHooks()
    config = model.complete("domain", model.parse("domain", text, contributions=documents.CONTRIBUTIONS))
    session = SimpleNamespace(paths=SimpleNamespace(log=tmp_path))
    hooks.complete_domain(session, config)
    hooks.check_domain(session, config)
    words = documents.arguments(config)
    assert words[-4:] == ["--", "/usr/bin/python3", "-m", "http.server"]
    root, share = words.index("/"), words.index("/srv/www")
    assert words[root - 1 : root + 2] == ["--ro-bind", "/", "/"]
    assert words[share - 1 : share + 2] == ["--ro-bind", "/srv/www", "/mnt"]
    assert root < share, "what is mounted over the root comes after it"
    assert config.devices.consoles[0].source.path == str(tmp_path / f"{config.uuid}.log")


# -- with bubblewrap ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that has the example installed as its authors would."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    where = tmp_path_factory.mktemp("installed")
    copy = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "bubblewrap")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(where), str(copy)], check=True)
    return {**os.environ, "PYTHONPATH": str(where)}


@pytest.mark.live
def test_its_own_tests_pass(installed, tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(EXAMPLE), "-p", "no:cacheprovider"]
    base = f"--basetemp={tmp_path / 'base'}"
    done = subprocess.run(
        [*command, base, str(EXAMPLE / "tests")],
        env=installed,
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.live
def test_it_passes_conformance_for_what_it_fills(installed, tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pytest", "-q", "--pyargs", "polyvisor.testing.conformance"]
    options = ["--polyvisor-uri", f"bubblewrap:///embed?root={tmp_path / 'root'}", f"--polyvisor-report={report}"]
    done = subprocess.run(
        [*command, *options, f"--basetemp={tmp_path / 'base'}", "-p", "no:cacheprovider", "--tb=short"],
        env=installed,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    found = json.loads(report.read_text())
    assert found["totals"]["failed"] == 0 and found["totals"]["passed"] >= 250
    assert found["capabilities"]["domain.start"]["filled"] and found["capabilities"]["stats.bulk"]["filled"]
