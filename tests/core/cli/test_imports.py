"""A short command stays short: it imports what it needs and nothing besides."""

from __future__ import annotations

import json

import pytest

from polyvisor.operations.wrapping import NATIVE

SCRIPT = """
import json, sys
from polyvisor.cli import main
try:
    main({words!r})
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

METADATA = ("email", "importlib.metadata") if NATIVE else ()  # pluggy 1.0 loads them itself
HEAVY = ("lxml", "xmlschema", "asyncio", "polyvisor.model", "polyvisor.documents", *METADATA)


def modules_after(execute, *words):
    outcome = execute(script=SCRIPT.format(words=list(words)))
    return set(json.loads(outcome.err.splitlines()[-1]))


@pytest.mark.parametrize("words", [["list", "--all"], ["start", "mail"], ["domstate", "web"], ["--help"], ["nodeinfo"]])
def test_neither_documents_nor_metadata_are_loaded(execute, words):
    loaded = modules_after(execute, *words)
    assert not [name for name in loaded if name.startswith(HEAVY)]


def test_of_the_commands_only_the_one_that_is_called_is_loaded(execute):
    loaded = {name for name in modules_after(execute, "list") if name.startswith("polyvisor.cli.")}
    expected = {"root", "failure", "shell", "output", "vocabulary", "command", "parameters", "domains"}
    assert loaded == {f"polyvisor.cli.{name}" for name in expected}


def test_of_the_operations_only_the_subjects_in_use_are_loaded(execute):
    loaded = modules_after(execute, "list")
    assert not {"migration", "snapshots", "statistics", "blockjobs", "guest"} & {
        name.rpartition(".")[2] for name in loaded if name.startswith("polyvisor.operations.")
    }
