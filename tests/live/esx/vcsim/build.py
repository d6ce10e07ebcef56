#!/usr/bin/env python3
"""Build the vSphere simulator that tests of the VMware driver talk to, from Debian's package of govmomi.

    tests/live/esx/vcsim/build.py [FILE]        (build/vcsim/vcsim when left out)

Does nothing when it is up to date; otherwise the compiler works for one or two minutes. Needs golang-go and
golang-github-vmware-govmomi-dev; nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parents[3] / "build" / "vcsim" / "vcsim"
SOURCES = sorted(HERE.glob("*.go"))
LIBRARIES = Path("/usr/share/gocode")
PACKAGES = "golang-go golang-github-vmware-govmomi-dev"


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not (LIBRARIES / "src/github.com/vmware/govmomi").is_dir() or shutil.which("go") is None:
        print(f"missing: on Debian, apt-get install {PACKAGES}", file=sys.stderr)
        return 1
    stamp, wanted = (
        target.with_name("stamp"),
        hashlib.sha256(b"".join(each.read_bytes() for each in SOURCES)).hexdigest(),
    )
    if target.is_file() and stamp.is_file() and stamp.read_text() == wanted:
        print(f"{target} is up to date")
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(LIBRARIES), "CGO_ENABLED": "0"}
    environment.setdefault("GOCACHE", str(target.parent / "cache"))
    made = target.with_name("unfinished")
    command = ["go", "build", "-ldflags=-s -w", "-o", str(made), *map(str, SOURCES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr)
        return 1
    made.replace(target)
    stamp.write_text(wanted)
    print(f"{target} is built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
