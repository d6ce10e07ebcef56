"""What the user of one distribution has: install it from wheels without its siblings, look around, run its tests.

    python scripts/alone.py SCRATCH NAME-alone [pytest arguments]     (NAME: schemas, or a folder of plugins/)

Run in an empty virtual environment that has the build tools and pytest (``tox -e qemu-alone`` makes one). The wheels
are made from sdists, so nothing comes from the checkout but the tests.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parent.parent
PLUGINS = sorted(home.name for home in WORKSPACE.glob("plugins/*"))
OURS = ("polyvisor", "polyvisor-schemas", *(f"polyvisor-{name}" for name in PLUGINS))
LOOK_AROUND = {
    "schemas": "import polyvisor_schemas; polyvisor_schemas.path('domain.rng').read_bytes()",
    "qemu": "import polyvisor_qemu.driver, polyvisor_qemu.guest; polyvisor_qemu.guest.image_path().stat()",
    "test": "import polyvisor; print(polyvisor.open('test:///default').hostname())",
}
MODEL_ALONE = "from polyvisor.documents.owners import Owners; print(found := list(Owners())); assert found"
"""For plugins that are no drivers yet: what they bring to documents."""


def main(scratch: str, environment: str, *arguments: str) -> int:
    name = environment.removesuffix("-alone")
    homes = ["schemas"] if name == "schemas" else ["schemas", "core", f"plugins/{name}"]
    wheels = [wheel(WORKSPACE / home, Path(scratch) / home) for home in homes]
    python("-m", "pip", "uninstall", "--quiet", "--yes", *OURS, quiet=True)
    python("-m", "pip", "install", "--quiet", *wheels)
    absent = {f"polyvisor_{other}" for other in PLUGINS if other != name}
    python("-c", f"from importlib.util import find_spec; assert not any(map(find_spec, {absent}))", cwd=scratch)
    python("-c", LOOK_AROUND.get(name, MODEL_ALONE), cwd=scratch)
    if name == "schemas":
        return 0
    subprocess.run([Path(sys.executable).parent / "polyvisor", "drivers"], cwd=scratch, check=True)
    tests = WORKSPACE / "tests" / "plugins" / name
    return subprocess.call([sys.executable, "-m", "pytest", str(tests), "-m", "not live", *arguments], cwd=WORKSPACE)


def wheel(home: Path, scratch: Path) -> str:
    """Build an sdist of ``home`` and a wheel from it; returns the wheel's path."""
    scratch.mkdir(parents=True, exist_ok=True)
    for old in scratch.glob("polyvisor*"):
        old.unlink()
    python("-m", "build", "--no-isolation", "--outdir", str(scratch), str(home), quiet=True)
    (built,) = scratch.glob("*.whl")
    return str(built)


def python(*arguments: str, cwd: str | Path = WORKSPACE, quiet: bool = False) -> None:
    """Run this environment's Python; ends the program when it fails."""
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, stdout=subprocess.DEVNULL if quiet else None)
    if done.returncode:
        raise SystemExit(f"failed: python {' '.join(arguments)}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
