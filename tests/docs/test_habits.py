"""What contributors rely on beside the code: notes for the changelog, `make help`, the checks before a commit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).parents[2]
NOTES = WORKSPACE / "newsfragments"
KINDS = {
    kind["directory"] for kind in tomllib.loads((WORKSPACE / "towncrier.toml").read_text())["tool"]["towncrier"]["type"]
}


@pytest.mark.parametrize("note", sorted(NOTES.iterdir()), ids=lambda note: note.name)
def test_a_note_is_named_after_its_kind_and_says_something(note):
    if note.name == "README.md":
        return
    assert re.fullmatch(rf"(\d+|\+[\w-]+)\.({'|'.join(sorted(KINDS))})\.md", note.name)
    text = note.read_text("utf-8").strip()
    assert len(text) > 20 and text.endswith(".")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the settings of ours, on a branch with one commit beyond main."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    pytest.importorskip("towncrier")
    shutil.copy(WORKSPACE / "towncrier.toml", tmp_path)
    shutil.copytree(NOTES, tmp_path / "newsfragments")
    shutil.copy(WORKSPACE / "CHANGELOG.md", tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, "first")
    git(tmp_path, "switch", "--quiet", "--create", "work")
    (tmp_path / "code.py").write_text("answer = 42\n")
    commit(tmp_path, "second")
    return tmp_path


def git(where: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=where, check=True, capture_output=True)


def commit(where: Path, message: str) -> None:
    git(where, "add", ".")
    git(where, "commit", "--quiet", "--message", message)


def towncrier(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "towncrier", *arguments]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)


def test_a_change_without_a_note_is_told(repository):
    refused = towncrier(repository, "check", "--compare-with", "main")
    assert refused.returncode == 1
    (repository / "newsfragments" / "12.added.md").write_text("The QEMU driver takes snapshots.\n")
    commit(repository, "third")
    accepted = towncrier(repository, "check", "--compare-with", "main")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_the_notes_make_a_changelog(repository):
    draft = towncrier(repository, "build", "--draft", "--version", "9.9")
    assert draft.returncode == 0, draft.stderr
    assert "## 9.9 (" in draft.stdout and "### Added" in draft.stdout
    assert (repository / "newsfragments" / "+core.added.md").exists() or len(list(NOTES.iterdir())) == 1
    built = towncrier(repository, "build", "--yes", "--version", "9.9")
    assert built.returncode == 0, built.stderr
    changes = (repository / "CHANGELOG.md").read_text("utf-8")
    assert changes.index("<!-- releases follow -->") < changes.index("## 9.9 (")


def test_make_help_names_every_target():
    makefile = (WORKSPACE / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert targets == set(phony.split())
    told = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=WORKSPACE, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in told.stdout.splitlines() if line.startswith("make ")} == targets


def test_every_generator_of_committed_files_is_run_by_make_generated():
    script = (WORKSPACE / "scripts" / "generated.py").read_text("utf-8")
    for generator in WORKSPACE.glob("scripts/*.py"):
        if '"--check"' in generator.read_text("utf-8") and generator.name not in ("generated.py", "doc_blocks.py"):
            assert f"scripts/{generator.name}" in script


def test_the_checks_before_a_commit_are_there():
    yaml = pytest.importorskip("yaml")
    settings = yaml.safe_load((WORKSPACE / ".pre-commit-config.yaml").read_text("utf-8"))
    for hook in (hook for repository in settings["repos"] for hook in repository["hooks"]):
        command = hook["entry"].split()
        assert command[0].startswith(".venv/bin/"), "the tools of the development environment"
        for word in command[1:]:
            assert not word.endswith(".py") or (WORKSPACE / word).exists(), word
