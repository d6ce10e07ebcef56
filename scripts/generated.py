#!/usr/bin/env python3
"""Write again everything that is generated from declarations and committed; ``--check`` changes nothing.

Schemas, the pages of the reference, refused documents, the record of public names and the pictures of terminals.
Exits with 1 when something is (or with ``--check``: would be) left stale.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATORS = (
    ("-m", "polyvisor.model.emit"),
    ("scripts/document_reference.py",),
    ("scripts/reference.py",),
    ("scripts/cli_reference.py",),
    ("scripts/broken_documents.py",),
    ("scripts/driver_interface.py",),
    ("packaging/generate.py",),
    ("scripts/pictures.py",),
)
"""In this order: pages say what schemas and declarations say."""


def main(arguments: list[str]) -> int:
    check = [argument for argument in arguments if argument == "--check"]
    failed = [
        generator[-1]
        for generator in GENERATORS
        if subprocess.run([sys.executable, *generator, *check], cwd=ROOT, check=False).returncode
    ]
    if failed:
        print(f"{'stale' if check else 'failed'}: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
