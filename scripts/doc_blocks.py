#!/usr/bin/env python3
"""Check and run the code blocks of documentation pages.

``scripts/doc_blocks.py PAGE...`` checks every block of the pages and runs each page in a directory of its own, from top
to bottom; tests/docs/test_blocks.py does so for all pages.

    ```python        run; blocks of a page share their names
    ```sh            run by bash in the page's directory; variables and the directory stay for the next block
    ```xml           validated, by the grammar of its root element; also snippets of devices
    ```toml          read; so are yaml and json
    ```text          compared with what the block before it printed; a line "..." stands for any lines, "..." within a
                     line for any characters

Words behind the language, which readers do not see:

    title="FILE"     the block is written to FILE first (readers see this one); Python in a file is not run by itself
    status="1"       the exit status that a sh block has to end with
    typed="ls\\x1d"   what is typed to a sh block
    faulty           an xml block that must be refused
    figures          numbers in a text block stand for any numbers
    fragment         an xml block that is part of a document only: well-formed is enough
    part="FILE"      the block stands, word for word, in that file (named from the page), which tests run
    norun="WHY"      checked, but not run, for the reason given

A page that needs a hypervisor says so in its first lines: ``<!-- needs: qemu -->`` (or lxc, ...). A fence inside of an
HTML comment that begins with the line ``<!-- hidden`` is run like the others and not shown: what a reader has already.
``PAGE_FOLDER`` in the environment is the folder of the page.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from polyvisor import model
from polyvisor.errors import InvalidDocument

WORDS = frozenset({"title", "status", "typed", "faulty", "figures", "fragment", "norun", "part"})
LANGUAGES = frozenset({"python", "sh", "xml", "toml", "yaml", "json", "text", "ini", "make"})
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)(?P<words>.*)$")
WORD = re.compile(r'\s*(?P<name>[a-z]+)(?:="(?P<value>[^"]*)")?')
NEEDS = re.compile(r"^<!-- needs: (?P<what>[\w ]+) -->$", re.MULTILINE)
GENERATED = re.compile(r"^<!-- (?:Written|Generated) by (?P<script>\S+\.py)")
BLOCK_SECONDS = 60.0
SHORTEST_REASON = 12


class BlockError(Exception):
    """What is wrong with a page, and where."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands (the line of its first fence), its language, words and text."""

    page: Path
    line: int
    language: str
    words: dict[str, str]
    text: str

    def error(self, message: str) -> BlockError:
        return BlockError(f"{self.page}:{self.line}: {message}")


# -- reading pages ------------------------------------------------------------------------------------


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order. Raises BlockError for one that nobody could check."""
    found: list[Block] = []
    lines = enumerate(page.read_text("utf-8").splitlines(), 1)
    before = ""
    for number, line in lines:
        if opening := FENCE.match(line):
            body = list(_body(lines, opening["indent"], f"{page}:{number}"))
            block = Block(page, number, opening["language"], {}, "".join(f"{one}\n" for one in body))
            block.words.update(_words(block, opening["words"]))
            if block.language not in LANGUAGES:
                known = ", ".join(sorted(LANGUAGES))
                raise block.error(f"a block in {block.language or 'no language'}; known: {known}")
            found.append(block)
            line = ""
        elif line.startswith("    ") and not before.strip() and not _in_list(page, number):
            raise BlockError(f"{page}:{number}: code by indentation, which nobody runs; use a fence")
        before = line
    return found


def _body(lines: Iterator[tuple[int, str]], indent: str, where: str) -> Iterator[str]:
    for _, line in lines:
        if line.strip() == "```":
            return
        yield line.removeprefix(indent)
    raise BlockError(f"{where}: the block does not end")


def _words(block: Block, text: str) -> dict[str, str]:
    words = {match["name"]: match["value"] or "" for match in WORD.finditer(text)}
    if unknown := sorted(words.keys() - WORDS):
        raise block.error(f"unknown word behind the fence: {', '.join(unknown)}")
    if "norun" in words and len(words["norun"]) < SHORTEST_REASON:
        raise block.error("norun without a reason")
    return words


def _in_list(page: Path, number: int) -> bool:
    """Whether the indented line belongs to an item of a list: the nearest line that is not indented begins one."""
    above = page.read_text("utf-8").splitlines()[: number - 1]
    nearest = next((line for line in reversed(above) if line.strip() and not line.startswith("  ")), "")
    return bool(re.match(r"[-*] |\d+\. |!!! |\?\?\? |=== ", nearest))


def needs(page: Path) -> frozenset[str]:
    """The hypervisors that a page needs to be run."""
    return frozenset(word for match in NEEDS.finditer(page.read_text("utf-8")) for word in match["what"].split())


def generator(page: Path) -> str:
    """The script that writes a page, or nothing."""
    match = GENERATED.match(page.read_text("utf-8"))
    return match["script"] if match else ""


# -- checking -----------------------------------------------------------------------------------------


def check(block: Block) -> None:
    """Raise BlockError unless the block is what its language says."""
    if "part" in block.words:
        _check_part(block)
        return
    try:
        CHECKS.get(block.language, lambda block: None)(block)
    except (SyntaxError, ValueError, etree.XMLSyntaxError, InvalidDocument) as error:
        raise block.error(f"not {block.language}: {error}") from error


def _check_part(block: Block) -> None:
    whole = block.page.parent / block.words["part"]
    if not whole.is_file() or block.text not in whole.read_text("utf-8"):
        raise block.error(f"does not stand in {whole}")


def _check_python(block: Block) -> None:
    compile(block.text, str(block.page), "exec")


def _check_sh(block: Block) -> None:
    read = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    if read.returncode:
        raise block.error(f"not sh: {read.stderr}")


def _check_xml(block: Block) -> None:
    root = etree.fromstring(block.text.strip().encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    if "fragment" in block.words:
        return
    kind = next((kind for kind in model.kinds() if model.root(kind).tag == root.tag), "device")
    try:
        document = model.parse(kind, block.text.strip())
        model.check(kind, model.complete(kind, document))
    except InvalidDocument as error:
        if "faulty" not in block.words:
            raise block.error(f"not a valid {kind}: {'; '.join(map(str, error.faults))}") from error
    else:
        if "faulty" in block.words:
            raise block.error(f"meant to be faulty, and is a valid {kind}")


def _check_toml(block: Block) -> None:
    tomllib.loads(block.text)


def _check_json(block: Block) -> None:
    json.loads(block.text)


def _check_yaml(block: Block) -> None:
    import yaml

    try:
        yaml.safe_load(block.text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


CHECKS: dict[str, Callable[[Block], None]] = {
    "python": _check_python,
    "sh": _check_sh,
    "xml": _check_xml,
    "toml": _check_toml,
    "json": _check_json,
    "yaml": _check_yaml,
}


# -- running ------------------------------------------------------------------------------------------


@dataclass
class Run:
    """A page being run: the names of its Python blocks, and what the last block printed."""

    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__page__"})
    printed: str | None = None

    def block(self, block: Block) -> None:
        """Run a block; raises BlockError when it fails or prints something else than the page says."""
        if "title" in block.words:
            path = Path(block.words["title"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        elif "norun" in block.words or "part" in block.words:
            self.printed = None
        elif block.language == "python":
            self.printed = self._python(block)
        elif block.language == "sh":
            self.printed = self._sh(block)
        elif block.language == "text":
            self._compare(block)

    def _python(self, block: Block) -> str:
        printed = io.StringIO()
        try:
            # The newlines put the lines of a traceback where they stand in the page.
            code = compile("\n" * block.line + block.text, str(block.page), "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, self.names)
        except Exception:
            raise block.error(f"{traceback.format_exc()}\n{printed.getvalue()}") from None
        return printed.getvalue()

    def _sh(self, block: Block) -> str:
        with tempfile.NamedTemporaryFile("r+", encoding="utf-8", prefix="environment-") as kept:
            keep = f"trap 'status=$?; env -0 > {kept.name}; exit $status' EXIT\n"
            typed = block.words.get("typed", "").encode().decode("unicode_escape")
            ran = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", keep + block.text],
                input=typed,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=BLOCK_SECONDS,
                check=False,
            )
            variables = dict(entry.split("=", 1) for entry in kept.read().split("\0") if "=" in entry)
        expected = int(block.words.get("status", "0"))
        if ran.returncode != expected:
            raise block.error(f"exit status {ran.returncode}, expected {expected}\n{ran.stdout}")
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(variables["PWD"])
        return ran.stdout

    def _compare(self, block: Block) -> None:
        if self.printed is None:
            raise block.error('a text block shows what the block before it prints, or says norun="WHY"')
        printed, self.printed = self.printed, None
        if not matches(block.text, printed, figures="figures" in block.words):
            raise block.error(f"the page shows\n{block.text}\nand this is what was printed\n{printed}")


def matches(shown: str, printed: str, *, figures: bool = False) -> bool:
    """Whether the page shows what was printed; with ``figures``, any number will do where a number is shown.

    How many blanks there are, how long a line of dashes is, and empty lines around do not count."""
    pattern = ""
    for line in _lines(shown):
        part = ".*?".join(map(re.escape, line.split("...")))
        part = r"(?:[^\n]*\n)*?" if line == "..." else part + r"\n"
        pattern += re.sub(r"\d+", r"\\d+", part) if figures else part
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def _lines(text: str) -> list[str]:
    text = re.sub(r"[ \t]+", " ", text.replace("\r", "").strip())
    return [re.sub(r"([-=])\1{3,}", r"\1\1\1", line.strip()) for line in text.splitlines()]


def run_page(page: Path) -> None:
    """Run the blocks of a page in this process and the current directory, in order."""
    run = Run()
    for block in blocks(page):
        run.block(block)


def run_apart(page: Path) -> None:
    """Run a page in a process, a home and a directory of its own; raises BlockError when it fails.

    What it leaves running is ended, and counts as a failure."""
    # A UNIX socket's path has 107 bytes at most, so the directory is a short one.
    with tempfile.TemporaryDirectory(prefix="page-") as home:
        work = Path(home, "work")
        work.mkdir()
        command = [sys.executable, str(Path(__file__).resolve()), "--here", str(page.resolve())]
        done = subprocess.run(
            command,
            cwd=work,
            env=surroundings(Path(home)) | {"PAGE_FOLDER": str(page.resolve().parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=10 * BLOCK_SECONDS,
            check=False,
        )
        left = _end_what_is_left(home)
        if done.returncode:
            raise BlockError(done.stdout)
        if left:
            raise BlockError(f"{page}: left running: {'; '.join(left)}")


def surroundings(home: Path) -> dict[str, str]:
    """The environment of a user who has nothing but the home directory given."""
    foreign = ("POLYVISOR_", "LIBVIRT_", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for name in ("CI", "BUILD_NUMBER"):  # with them pytest tells more than a user sees
        environment.pop(name, None)
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        environment[f"XDG_{name}_HOME"] = str(home / name.lower())
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return environment | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "PATH": path,
        "PWD": str(home / "work"),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "100",
    }


def _end_what_is_left(home: str) -> list[str]:
    """End the processes whose command line names the directory; returns their command lines."""
    left = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if any(home in word for word in words):
            left.append(" ".join(words)[:200])
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)
    return left


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check and run the code blocks of documentation pages.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--here", action="store_true", help="run in the current directory, with this environment")
    options = parser.parse_args(arguments)
    failed = 0
    for page in options.pages:
        try:
            for block in blocks(page):
                check(block)
            (run_page if options.here else run_apart)(page)
        except BlockError as error:
            print(error)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
