#!/usr/bin/env python3
"""Write docs/broken-documents.md: what Polyvisor says to documents with something wrong in them.

The documents are those of tests/core/model/broken; the words are those of the ``validate`` command.
``--check`` writes nothing and fails when the page is not what it would write.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from polyvisor.cli import documents
from polyvisor.cli.root import polyvisor
from polyvisor.documents.owners import Owners

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "broken-documents.md"
DOCUMENTS = ROOT / "tests" / "core" / "model" / "broken"
OURS = {f"polyvisor-{home.name}" for home in ROOT.glob("plugins/*")}

HEAD = """<!-- Written by scripts/broken_documents.py; do not edit. -->
# What is said about broken documents

Every document is checked before anything is done with it: first against its RELAX NG grammar, then for what
contradicts itself. A refused document changes nothing. The report names each fault once, the actual one first: the
line, the element, what stands there, what may stand there and, for a typo, the nearest right name.
`polyvisor validate FILE...` prints it (`--json` for programs), `define`, `create` and `edit` refuse with the same
words, and in Python they are `InvalidDocument.faults`.

A document of ten megabytes of nothing but nesting is refused after its first 128 levels, one with a document type
declaration (and so with entities) before any of it is expanded.
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when the page is stale; write nothing")
    page = written()
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page)
        return 0
    if PAGE.exists() and PAGE.read_text() == page:
        return 0
    sys.stdout.write(f"stale: {PAGE.relative_to(ROOT)}\n")
    return 1


def written() -> str:
    """The page."""
    parts = [HEAD]
    before = os.getcwd()
    os.chdir(DOCUMENTS)
    try:
        for path in sorted(Path().glob("*.xml")):
            lines = path.read_text().rstrip().splitlines()
            shown = "\n".join(f"{number:3}  {line}" for number, line in enumerate(lines, 1))
            title = path.stem.replace("-", " ").capitalize()
            shell = f"$ polyvisor validate --kind domain {path}\n{_said(path)}"
            parts.append(f"## {title}\n\n```xml\n{shown}\n```\n\n```text\n{shell}```\n")
    finally:
        os.chdir(before)
    return "\n".join(parts)


def _said(path: Path) -> str:
    # as if nothing were installed but what this workspace has
    with patch.object(
        documents, "contributions", lambda shell: Owners(elsewhere=lambda point: point.distribution not in OURS)
    ):
        result = CliRunner().invoke(polyvisor, ["validate", "--kind", "domain", str(path)])
    if not result.exit_code:
        raise SystemExit(f"{path} was not refused: {result.output}")
    return result.output


if __name__ == "__main__":
    sys.exit(main())
