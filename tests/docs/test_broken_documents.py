"""The page of refused documents shows what the command says today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "broken_documents.py"


def test_the_page_is_current(capsys):
    spec = importlib.util.spec_from_file_location("broken_documents", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main(["--check"]) == 0, f"{capsys.readouterr().out}run scripts/broken_documents.py and commit"
