"""The reference pages say what is declared."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from polyvisor import config
from polyvisor.cli.failure import MEANINGS, Status

SCRIPT = Path(__file__).parents[3] / "scripts" / "cli_reference.py"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("cli_reference", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return {page.name: (page, text) for page, text in script.pages().items()}


@pytest.mark.parametrize("name", ["cli.md", "configuration.md"])
def test_the_pages_are_current(pages, name):
    page, text = pages[name]
    assert page.read_text("utf-8") == text, "run scripts/cli_reference.py and commit the result"


def test_every_exit_status_is_explained(pages):
    assert list(MEANINGS) == list(Status)
    assert all(f"| {int(status)} | {meaning}" in pages["cli.md"][1] for status, meaning in MEANINGS.items())


def test_every_key_and_variable_is_explained_and_the_example_is_accepted(pages, tmp_path):
    text = pages["configuration.md"][1]
    assert all(f"| `{name}` |" in text for name in (*config.KEYS, *config.ENVIRONMENT))
    example = text.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "p.toml").write_text(example)
    settings = config.load({"POLYVISOR_CONFIG": str(tmp_path / "p.toml")})
    assert settings.resolve_uri() == "qemu:///embed?root=/srv/lab"
    assert settings.blocked == {"test"}
