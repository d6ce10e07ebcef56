"""What a type checker knows of documents built in Python."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import polyvisor
from polyvisor import model
from polyvisor.documents import Element
from polyvisor.documents.classes import declared_fields, spec_of

HERE = Path(__file__).parent / "typed"
SOURCES = Path(polyvisor.__file__).parent.parent


@pytest.fixture(scope="module")
def said(pytestconfig: pytest.Config) -> dict[str, dict[int, str]]:
    """What mypy says, by file and line."""
    pytest.importorskip("mypy", reason="mypy is not installed (dependency group 'types')")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "right.py", "wrong.py"],
        cwd=HERE,
        env={
            **os.environ,
            "MYPYPATH": str(SOURCES),
            "MYPY_CACHE_DIR": str(pytestconfig.cache.mkdir("typed")) if pytestconfig.cache else os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found: dict[str, dict[int, str]] = {}
    for line in run.stdout.splitlines():
        if match := re.match(r"(\w+\.py):(\d+): error: (.*)", line):
            found.setdefault(match[1], {}).setdefault(int(match[2]), match[3])
    return found


def test_what_is_right_passes(said):
    assert said.get("right.py", {}) == {}


def test_what_is_wrong_is_told_at_its_line_and_nothing_else_is(said):
    lines = (HERE / "wrong.py").read_text("utf-8").splitlines()
    expected = {number: text for number, line in enumerate(lines, 1) if (text := line.partition("# error: ")[2])}
    found = said.get("wrong.py", {})
    assert expected
    assert sorted(found) == sorted(expected)
    assert [number for number, text in expected.items() if text not in found[number]] == []


def test_what_is_right_runs_and_makes_a_valid_document():
    made = runpy.run_path(str(HERE / "right.py"))
    domain = made["domain"]
    assert (domain.memory, domain.vcpu.current) == (made["Memory"](value=1, unit="GiB"), 2)
    domain.devices = made["devices"]
    read = model.parse("domain", model.format(domain))
    assert read == domain
    assert list(read.devices) == list(domain.devices)
    assert len(list(read.devices)) == len(made["devices"])


def every_class() -> Iterator[type[Element]]:
    for found in walk_packages(model.__path__, "polyvisor.model."):
        if not found.name.endswith(".emit"):
            import_module(found.name)
    waiting: list[type[Element]] = [Element]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if hasattr(cls, "declaration") and cls.__module__.startswith("polyvisor.model."):
            yield cls


def test_type_checkers_want_only_what_constructors_want():
    """What is wanted at run time beyond that, type checkers cannot know: the attribute that chooses a variant."""
    for cls in every_class():
        spec = spec_of(cls)
        typed = {field.attr for _, field in declared_fields(cls) if field.constructed}
        assert typed <= spec.required, f"{cls.__name__}: required() is more than the constructor wants"
        choosing = set(cls.declaration.family.declaration.by if cls.declaration.family else cls.declaration.by)
        conditional = {bound.attr for bound in spec.fields if bound.discriminators}
        assert spec.required - typed <= choosing | conditional, f"{cls.__name__}: say required(...) of these"
