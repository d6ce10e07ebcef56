"""The source that packages are built from, and how the programs here run others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parent.parent
VERSION = (WORKSPACE / "VERSION").read_text().strip()


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"==> {name}", flush=True)
    began = time.monotonic()
    yield
    print(f"==> {name} took {time.monotonic() - began:.0f} s", flush=True)


def run(*command: str | Path, quiet: bool = False, **settings: object) -> str:
    """Run ``command`` and end the program when it fails; ``quiet`` returns what it says, and shows it only then."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if quiet else {}
    done = subprocess.run(list(map(str, command)), text=True, **streams, **settings)  # type: ignore[call-overload]
    if done.returncode:
        sys.stdout.write(done.stdout or "")
        raise SystemExit(f"failed with status {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout or ""


def distribution_only() -> dict[str, str]:
    """The environment without what this machine has beside its distribution: other Pythons, Python's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def unpack(where: Path) -> Path:
    """Copy what git knows of this checkout, as it stands, new files too, into ``where``; returns the directory."""
    tree = where / f"polyvisor-{VERSION}"
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=WORKSPACE, quiet=True)
    for path in filter(None, listed.split("\0")):
        if (WORKSPACE / path).is_file():  # else it is deleted, and git does not know yet
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(WORKSPACE / path, tree / path, follow_symlinks=False)
    return tree


def pack(tree: Path, archive: Path) -> None:
    """Make a tar archive of a directory, compressed by xz."""
    with tarfile.open(archive, "w:xz", preset=1) as file:
        file.add(tree, tree.name)
