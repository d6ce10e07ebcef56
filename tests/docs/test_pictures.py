"""The pictures of terminals show what the commands print today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

WORKSPACE = Path(__file__).parents[2]
SCRIPT = WORKSPACE / "scripts" / "pictures.py"
PICTURES = WORKSPACE / "docs" / "pictures"


def check(*names: str) -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check", *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run scripts/pictures.py and commit"


def test_those_of_a_host_in_memory_are_current():
    check("fault", "edit", "errors")


@pytest.mark.live
def test_the_one_of_the_demo_is_current():
    check("demo")


@pytest.mark.parametrize("picture", sorted(PICTURES.glob("*.svg")), ids=lambda picture: picture.name)
def test_a_picture_fetches_nothing_and_has_a_title(picture):
    text = picture.read_text("utf-8")
    root = ElementTree.fromstring(text)
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    pages = "".join(page.read_text("utf-8") for page in [*WORKSPACE.glob("docs/**/*.md"), WORKSPACE / "README.md"])
    assert f"pictures/{picture.name}" in pages, "no page shows it"
