"""Builds the RPM packages with rpmbuild.

python packaging/rpm.py [OUTDIR]        (default build/rpm)

Where rpm does not know what is installed, as on Debian, BuildRequires cannot be looked up there; rpmbuild is then told
not to, and what is missing shows when it is needed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGING = Path(__file__).resolve().parent
WORKSPACE = PACKAGING.parent
sys.path.insert(0, str(PACKAGING))

import source  # noqa: E402  these stand beside this file
from source import distribution_only, run, step  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("outdir", nargs="?", type=Path, default=WORKSPACE / "build" / "rpm")
    outdir = parser.parse_args(arguments).outdir.resolve()
    if shutil.which("rpmbuild") is None:
        raise SystemExit("rpmbuild is missing; the package is rpm-build, or rpm on Debian")
    if outdir.exists():
        shutil.rmtree(outdir)
    outdir.mkdir(parents=True)
    with step("build"):
        build(outdir)
    with step("what was built"):
        for package in sorted(outdir.glob("*.rpm")):
            needs = run("rpm", "--query", "--requires", "--recommends", "--package", package, quiet=True).split("\n")
            print(f"{package.name}: {', '.join(need for need in needs if need and not need.startswith('rpmlib'))}")
    return 0


def build(outdir: Path) -> None:
    """Make source and binary packages in ``outdir``."""
    tree = source.unpack(outdir)
    source.pack(tree, outdir / f"{tree.name}.tar.xz")
    shutil.rmtree(tree)
    places = {"_topdir": outdir / "work", "_sourcedir": outdir, "_rpmdir": outdir, "_srcrpmdir": outdir}
    macros = [f"--define={name} {value}" for name, value in places.items()]
    macros.append("--define=_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm")
    known = subprocess.run(("rpm", "--query", "python3"), capture_output=True).returncode == 0
    # Debian's Python installs for the system, not beside it, when it is told that it builds a package.
    environment = {**distribution_only(), "DEB_PYTHON_INSTALL_LAYOUT": "deb"}
    nodeps = [] if known else ["--nodeps"]
    run("rpmbuild", "-ba", *nodeps, *macros, PACKAGING / "rpm" / "polyvisor.spec", quiet=True, env=environment)
    shutil.rmtree(outdir / "work")


if __name__ == "__main__":
    sys.exit(main())
