"""Builds the Debian packages, checks them, and tries them in a Debian that has never seen them.

python packaging/deb.py [OUTDIR]        (default build/deb)

1. The source is what git knows of this checkout, as it stands; dpkg-buildpackage builds it with Debian's tools alone.
2. lintian judges source and packages; an error ends it.
3. mmdebstrap makes a minimal system of this very release, from the sources that apt has here. In it, each plugin must
   pull in nothing that another plugin's hypervisor needs; all packages are installed and used (debian/tests); after
   they are purged not one file may be left.

Needs Debian or Ubuntu. What is missing is installed by apt when root. Where no system can be made, because mounting is
not allowed, the third step is left out, and that is said.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGING = Path(__file__).resolve().parent
WORKSPACE = PACKAGING.parent
sys.path.insert(0, str(PACKAGING))

import generate  # noqa: E402  these stand beside this file
import source  # noqa: E402
from source import distribution_only, run, step  # noqa: E402

TOOLS = ("build-essential", "debhelper", "fakeroot", "lintian", "mmdebstrap")
"""Debian packages that building and trying take, beside the Build-Depends."""

REPOSITORY = "polyvisor-packages"
"""Directory of the packages in the system they are tried in."""

PASSING = (
    *("dev", "proc", "sys", "tmp", REPOSITORY, "etc/ld.so.cache", "var/cache/apt", "var/cache/debconf"),
    *(
        "var/cache/ldconfig",
        "var/lib/apt",
        "var/lib/dpkg",
        "var/log/alternatives.log",
        "var/log/apt",
        "var/log/dpkg.log",
    ),
)
"""Where files come and go that are not the packages': apt's and dpkg's own records, and what is no file."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("outdir", nargs="?", type=Path, default=WORKSPACE / "build" / "deb")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # how mmdebstrap calls back
    chosen = parser.parse_args(arguments)
    outdir = chosen.outdir.resolve()
    if chosen.inside:
        try_inside(chosen.inside, outdir)
        return 0
    with step("tools"):
        install_tools()
    with step("build"):
        changes = build(outdir)
    with step("lintian"):
        lint(changes)
    with step("try"):
        try_out(outdir)
    return 0


# -- building -------------------------------------------------------------------------------------------------


def install_tools() -> None:
    """See to it that all that building takes is there. What a release does not have is told of by apt."""
    control = (PACKAGING / "debian" / "control").read_text("utf-8")
    needs = control.partition("Build-Depends:\n")[2].partition("\nRules-")[0].replace("\n", "")
    wanted = [*TOOLS, *(need.split()[0] for need in needs.split(",") if "compat" not in need)]
    asked = ("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *wanted)
    known = subprocess.run(asked, capture_output=True, text=True).stdout.splitlines()
    missing = [package for package in wanted if f"installed {package}" not in known]
    if not missing:
        return
    command = ("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    if os.geteuid():
        raise SystemExit(f"missing; type this and try again:\n    sudo {' '.join(command)}")
    run("apt-get", "update", "-qq", quiet=True)
    run(*command, quiet=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def build(outdir: Path) -> Path:
    """Make source and binary packages in ``outdir``; returns the .changes file."""
    if outdir.exists():
        shutil.rmtree(outdir)
    outdir.mkdir(parents=True)
    tree = source.unpack(outdir)
    source.pack(tree, outdir / f"polyvisor_{generate.VERSION}.orig.tar.xz")
    shutil.copytree(PACKAGING / "debian", tree / "debian")
    run("dpkg-buildpackage", "--unsigned-source", "--unsigned-changes", quiet=True, cwd=tree, env=distribution_only())
    shutil.rmtree(tree)
    (changes,) = outdir.glob("*.changes")
    return changes


def lint(changes: Path) -> None:
    """Show what lintian has to say. That no bug of Debian's is closed is no fault: nothing is uploaded there."""
    ignored = ("--suppress-tags", "initial-upload-closes-no-bugs")
    run("lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", *ignored, changes)


# -- trying ---------------------------------------------------------------------------------------------------


def try_out(outdir: Path) -> None:
    """Install, use and purge the packages in a system of their own."""
    probe = subprocess.run(
        ("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"), capture_output=True, text=True
    )
    if probe.returncode:
        print(f"NOT TRIED: a system cannot be made here, mounting is refused: {probe.stderr.strip()}")
        return
    back = f"{sys.executable} {Path(__file__).resolve()} --inside"
    hook = f'{back} "$1" {outdir}'
    # A mount namespace of its own: whatever happens, nothing stays mounted. The system is thrown away at the end;
    # /dev/null stands for where it would be kept.
    command = ("unshare", "--mount", "mmdebstrap", "--quiet", "--variant=apt", f"--customize-hook={hook}")
    with tempfile.TemporaryDirectory(prefix="polyvisor-deb-", ignore_cleanup_errors=True) as scratch:
        os.chmod(scratch, 0o755)  # apt downloads as a user of its own
        run(*command, release(), "/dev/null", *sources(), env={**os.environ, "TMPDIR": scratch})


def release() -> str:
    """The code name of the release that runs here."""
    facts = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return facts["VERSION_CODENAME"].strip('"')


def sources() -> list[str]:
    """The lines of sources.list that give this release, as apt is configured here."""
    form = "$(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    lines = run("apt-get", "indextargets", "--format", form, "Created-By: Packages", quiet=True).splitlines()
    named = (line.split(maxsplit=1) for line in dict.fromkeys(lines))
    found = [line for codename, line in named if codename.partition("-")[0] == release()]
    if not found:
        raise SystemExit(f"apt has no source of {release()} here")
    return found


class System:
    """The minimal system in which packages are tried; mmdebstrap has mounted what it needs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, quiet: bool = True, environment: Mapping[str, str] | None = None) -> str:
        """Run a command in it."""
        settings = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        return run(
            "chroot", self.root, *command, quiet=quiet, env={**distribution_only(), **settings, **(environment or {})}
        )

    def apt(self, *arguments: str) -> str:
        return self.run("apt-get", "--yes", "-o", "Dpkg::Use-Pty=0", *arguments)

    def would_install(self, *packages: str) -> set[str]:
        """The packages that installing ``packages`` would bring with them, and these themselves."""
        told = self.apt("install", "--simulate", "--no-install-recommends", *packages)
        return {line.split()[1] for line in told.splitlines() if line.startswith("Inst ")}

    def offer(self, packages: Path) -> None:
        """Let apt know of the .deb files in a directory, without looking at other sources again."""
        repository = self.root / REPOSITORY
        repository.mkdir()
        for package in packages.glob("*.deb"):
            shutil.copy(package, repository)
        with (repository / "Packages").open("w") as file:
            run("dpkg-scanpackages", ".", cwd=repository, stdout=file, stderr=subprocess.DEVNULL)
        listing = self.root / "etc/apt/sources.list.d/polyvisor.list"
        listing.write_text(f"deb [trusted=yes] copy:/{REPOSITORY} ./\n")
        self.apt("update", "--error-on=any")

    def files(self) -> set[str]:
        """Every path of the system, but for where paths come and go."""
        found = set()
        for where, directories, names in os.walk(self.root):
            below = Path(where).relative_to(self.root)
            directories[:] = [name for name in directories if str(below / name) not in PASSING]
            found |= {str(below / name) for name in (*directories, *names) if str(below / name) not in PASSING}
        return found


def try_inside(root: Path, outdir: Path) -> None:
    """What is tried in the system at ``root``; ends the program when anything is not as it should be."""
    system = System(root)
    system.offer(outdir)
    plugins = [plugin for plugin in generate.plugins() if installable(system, plugin)]
    ours = ["polyvisor", "python3-polyvisor", "polyvisor-schemas", *(plugin.package for plugin in plugins)]
    isolated(system, plugins)
    # What they stand on first, so that what is compared afterwards is their own doing. Not what they recommend, but
    # for what the tests take: that containers can be installed is no question here.
    others = system.would_install(*ours, "qemu-system-x86") - {*ours}
    system.apt("install", "--no-install-recommends", *sorted(others))
    before = system.files()
    system.apt("install", "--no-install-recommends", *ours)
    used(system)
    system.apt("purge", *ours)
    if left := sorted(system.files() - before):
        raise SystemExit("left behind after the packages were purged:\n" + "\n".join(left))
    if gone := sorted(before - system.files()):
        raise SystemExit("taken away together with the packages:\n" + "\n".join(gone))
    print("purged; nothing is left, nothing else is gone", flush=True)


def installable(system: System, plugin: generate.Plugin) -> bool:
    """Whether this release has what the plugin needs. It may lack a library of Python, or have too old a one: that is
    told, and the others are tried. What depends on the core alone has to be installable."""
    if not plugin.python:
        return True
    command = ("chroot", system.root, "apt-get", "install", "--simulate", plugin.package)
    done = subprocess.run(command, capture_output=True, text=True, env=distribution_only() | {"LC_ALL": "C.UTF-8"})
    if done.returncode:
        reasons = [line.strip() for line in done.stdout.splitlines() if "Depends:" in line]
        print(f"NOT TRIED: {release()} cannot have {plugin.package}: {'; '.join(reasons)}", flush=True)
    return done.returncode == 0


def isolated(system: System, plugins: Sequence[generate.Plugin]) -> None:
    """Each plugin brings nothing of another plugin's or of its hypervisor's.

    What its own hypervisor's packages need in their turn is not counted: lxc depends on dnsmasq-base."""
    needs = {plugin.package: {*plugin.needs["debian"].everything} for plugin in plugins}
    for package, own in needs.items():
        brings = system.would_install(package, "polyvisor", *own)
        foreign = {name for other, names in needs.items() if other != package for name in names | {other}}
        if wrong := (brings & foreign) - (system.would_install(*own) if own else set()):
            raise SystemExit(f"{package} pulls in what is another plugin's: {', '.join(sorted(wrong))}")
        print(f"{package}: {len(brings)} packages, none of them another hypervisor's", flush=True)


def used(system: System) -> None:
    """The installed packages do what they are for: the tests of debian/tests, completion, manual."""
    for name in ("drivers", "demo", "guests"):
        scratch = system.root / "tmp" / name
        scratch.mkdir()
        script = scratch / "test"
        shutil.copy(PACKAGING / "debian" / "tests" / name, script)
        system.run(f"/tmp/{name}/test", quiet=False, environment={"AUTOPKGTEST_TMP": f"/tmp/{name}"})
    words = {"_POLYVISOR_COMPLETE": "bash_complete", "COMP_WORDS": "polyvisor snapshot-re", "COMP_CWORD": "1"}
    if "snapshot-revert" not in system.run("polyvisor", environment=words):
        raise SystemExit("commands are not completed")
    for script in (system.root / "var/lib/dpkg/info").glob("polyvisor.p*"):
        if "stop 'polyvisor-guests" in script.read_text():
            raise SystemExit(f"{script.name} stops the service, which shuts guests down")
    for page in ("man1/polyvisor.1.gz", "man5/polyvisor.toml.5.gz"):
        if not (system.root / "usr/share/man" / page).exists():
            raise SystemExit(f"the manual lacks {page}")


if __name__ == "__main__":
    sys.exit(main())
