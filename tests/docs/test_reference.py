"""The generated reference pages say what the declarations say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from polyvisor.errors import CODES
from polyvisor.operations.catalogue import every

SCRIPT = Path(__file__).parents[2] / "scripts" / "reference.py"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_current(reference, capsys):
    assert reference.main(["--check"]) == 0, (
        f"{capsys.readouterr().out}\nrun scripts/reference.py and commit the result"
    )


def test_a_stale_page_is_told_and_then_written(reference, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    assert reference.main(["--check"]) == 1
    assert "stale: docs/reference/operations.md" in capsys.readouterr().out
    assert not (tmp_path / "docs").exists()
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_every_operation_and_error_has_its_place(reference):
    operations, errors = (
        reference.pages()[reference.ROOT / "docs" / "reference" / name] for name in ("operations.md", "errors.md")
    )
    headings = re.findall(r"^### (\S.*)$", operations, re.MULTILINE)
    assert every().keys() <= set(headings)
    assert len(headings) == len(set(headings))
    for code in CODES:
        assert f"| `{code}` |" in errors


def test_links_within_the_pages_lead_somewhere(reference):
    operations, errors = (
        reference.pages()[reference.ROOT / "docs" / "reference" / name] for name in ("operations.md", "errors.md")
    )
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", operations, re.MULTILINE)}
    targets = set(re.findall(r"\]\(#([^)]+)\)", operations)) | set(re.findall(r"\]\(operations\.md#([^)]+)\)", errors))
    assert targets <= anchors


def test_no_markup_of_docstrings_is_left(reference):
    for text in reference.pages().values():
        assert not re.search(r":(param|class|func|data|mod|meth)[ :]", text)
        assert not re.search(r"(?<!`)``(?!`)", text)
