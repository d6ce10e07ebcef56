"""What installing one distribution brings: exactly what packaging/isolation says, and only its own driver.

python packaging/isolation.py [NAME...]           compare; all of the workspace without names
python packaging/isolation.py --write [NAME...]   write the lists anew

Each distribution is built as a wheel and installed by pip, from the index that pip is configured with, into an empty
directory. NAME is "schemas", "core" or a folder of plugins/. A list has names only: versions are the index's matter.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path

PACKAGING = Path(__file__).resolve().parent
WORKSPACE = PACKAGING.parent
LISTS = PACKAGING / "isolation"
PLUGINS = sorted(home.parent.name for home in WORKSPACE.glob("plugins/*/pyproject.toml"))
HOMES = {"schemas": "schemas", "core": "core", **{name: f"plugins/{name}" for name in PLUGINS}}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(HOMES)}; default all")
    parser.add_argument("--write", action="store_true", help="write the lists anew")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - HOMES.keys():
        parser.error(f"no distribution of the workspace: {', '.join(sorted(unknown))}")
    wrong = []
    with tempfile.TemporaryDirectory(prefix="polyvisor-isolation-") as scratch:
        wheels = Path(scratch) / "wheels"
        for home in HOMES.values():
            call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, WORKSPACE / home)
        for name in chosen.names or HOMES:
            where = Path(scratch) / name
            found = install(name, wheels, where)
            if chosen.write:
                (LISTS / f"{name}.txt").write_text("".join(f"{line}\n" for line in found), "utf-8")
            problems = [*differences(name, found), *foreign_drivers(name, where)]
            print(f"{name}: {', '.join(found)}", *problems, sep="\n    ", flush=True)
            wrong += problems
    return 1 if wrong else 0


def install(name: str, wheels: Path, where: Path) -> list[str]:
    """Install one distribution into an empty directory; returns the names of all that are in it then, in order."""
    (wheel,) = wheels.glob(f"{'polyvisor' if name == 'core' else f'polyvisor_{name}'}-*.whl")
    call(sys.executable, "-m", "pip", "install", "--quiet", "--target", where, "--find-links", wheels, wheel)
    return sorted({normal(found.metadata["Name"]) for found in distributions(path=[str(where)])})


def normal(name: str) -> str:
    """A distribution's name in its one spelling, as the packaging specifications have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def differences(name: str, found: Iterable[str]) -> list[str]:
    """What the list of ``name`` says otherwise."""
    committed = LISTS / f"{name}.txt"
    wanted = set(committed.read_text("utf-8").split()) if committed.exists() else set()
    return [f"NOT in {name}.txt: {extra}" for extra in sorted({*found} - wanted)] + [
        f"NOT installed: {absent}" for absent in sorted(wanted - {*found})
    ]


def foreign_drivers(name: str, where: Path) -> list[str]:
    """Drivers that can be used and are not the plugin's own."""
    if name == "schemas":
        return []
    environment = {**os.environ, "PYTHONPATH": str(where), "POLYVISOR_CONFIG": ""}
    # Without site-packages: only what lies in the directory is there.
    command = (sys.executable, "-S", "-m", "polyvisor.cli", "--json", "drivers")
    told = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=True).stdout
    return [
        f"NOT its own driver: {row['name']}" for row in json.loads(told) if row["package"] != f"polyvisor-{name}"
    ] + [f"NOT usable: {row['problem']}" for row in json.loads(told) if row["state"] != "ready"]


def call(*command: str | Path) -> None:
    """Run a command; when it fails, show what it said and end the program."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}failed: {' '.join(map(str, command))}")


if __name__ == "__main__":
    sys.exit(main())
