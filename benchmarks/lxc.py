#!/usr/bin/env python3
"""Measure the lxc driver beside bare lxc-start and Debian's libvirt-LXC, in one run on one machine.

    python benchmarks/lxc.py [--rounds N] [--json FILE]

Needs root, LXC, busybox-static and an environment with polyvisor and polyvisor-lxc; libvirt's row needs libvirtd with
its LXC driver as well (Debian: libvirt-daemon-system, libvirt-daemon-driver-lxc, libvirt-clients) and is left out
without it. Rounds alternate between the peers; medians are compared. Nothing asserts a time.

Bare is the very configuration that Polyvisor writes, run by lxc-start, which returns when the container runs, and ended
by lxc-stop --kill. libvirt's container is one of its own: it has no user namespace, which costs Polyvisor's some
milliseconds. ``confinement off`` is Polyvisor's without one too.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers

INSIDE = "POLYVISOR_BENCHMARK_INSIDE"
OFF = "<c:confinement xmlns:c='urn:polyvisor:lxc:1' userns='no' seccomp='no' nonewprivs='no' masks='no' sysro='no'/>"
DOCUMENT = """<domain type='lxc'><name>{name}</name><memory unit='MiB'>64</memory>
  <os><type>exe</type><init>/bin/sleep</init><initarg>1000</initarg></os><features><privnet/></features>{more}
  <devices><filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem><console type='pty'/></devices>
</domain>"""


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that ``work`` took."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def polyvisor_round(domain) -> dict[str, float]:
    """Start and destroy a container."""
    return {"start": timed(domain.start), "destroy": timed(domain.destroy)}


def bare_round(config: str, lxcpath: str, command: list[str]) -> dict[str, float]:
    """The same by liblxc's tools."""
    name = ["--name", "bare", "--lxcpath", lxcpath]
    start = ["lxc-start", *name, "--rcfile", config, "--daemon", "--", *command]
    stop = ["lxc-stop", *name, "--rcfile", config, "--kill"]
    return {
        "start": timed(lambda: subprocess.run(start, check=True)),
        "destroy": timed(lambda: subprocess.run(stop, check=True)),
    }


def libvirt_rounds(root: Path, rounds: int) -> dict[str, list[float]]:
    """libvirt's, by its Python binding, in this process's private namespace."""
    document = DOCUMENT.format(name="libvirt", root=root, more="")
    script = (
        "connection = libvirt.open('lxc:///system')\n"
        "domain = connection.defineXML(sys.argv[1])\n"
        "found = {'start': [], 'destroy': []}\n"
        "for _ in range(int(sys.argv[2])):\n"
        "    found['start'].append(timed(domain.create) * 1000)\n"
        "    found['destroy'].append(timed(domain.destroy) * 1000)\n"
        "domain.undefine()\n"
        "print(json.dumps(found))\n"
    )
    return peers.libvirt_python(script, document, str(rounds))


def measure(directory: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of every round, by peer and by what was done."""
    import polyvisor
    from polyvisor_lxc.conformance import make_root

    root = make_root(directory / "root")
    lxcpath = directory / "bare"
    lxcpath.mkdir()
    for path in (directory, lxcpath):
        path.chmod(0o755)  # the ids of the container pass through
    found: dict[str, dict[str, list[float]]] = {}
    with polyvisor.open(f"lxc:///embed?root={directory}/state") as connection:
        subjects = {
            "polyvisor": connection.define(DOCUMENT.format(name="confined", root=root, more="")),
            "polyvisor, confinement off": connection.define(DOCUMENT.format(name="open", root=root, more=OFF)),
        }
        configs = {label: bare_config(directory, domain, label) for label, domain in subjects.items()}
        for label, domain in subjects.items():
            polyvisor_round(domain)
            bare = label.replace("polyvisor", "bare LXC")
            for _ in range(rounds):
                for peer, once in (
                    (label, lambda domain=domain: polyvisor_round(domain)),
                    (bare, lambda label=label: bare_round(configs[label], str(lxcpath), ["/bin/sleep", "1000"])),
                ):
                    for what, milliseconds in once().items():
                        found.setdefault(peer, {}).setdefault(what, []).append(milliseconds)
    if shutil.which("libvirtd") and os.path.exists("/usr/lib/libvirt/libvirt_lxc"):
        subprocess.run(["umount", "/sys/fs/cgroup/unified"], check=False, capture_output=True)
        peers.isolate_libvirt()
        with peers.Libvirtd(directory / "libvirt.log"):
            found["libvirt LXC"] = libvirt_rounds(root, rounds)
    return found


def bare_config(directory: Path, domain, label: str) -> str:
    """The configuration that Polyvisor would write for a container, without its log and its script."""
    domain.start()
    (written,) = (directory / "state").glob(f"lxc/run/guests/{domain.uuid}/config")
    lines = [line for line in written.read_text().splitlines() if not line.startswith(("lxc.log", "lxc.hook"))]
    policy = directory / f"{domain.name}.seccomp"
    policy.write_text((written.parent / "seccomp").read_text())
    kept = [f"lxc.seccomp.profile = {policy}" if line.startswith("lxc.seccomp") else line for line in lines]
    domain.destroy()
    config = directory / f"{domain.name}.conf"
    config.write_text("\n".join(kept) + "\n")
    return str(config)


def main() -> int:
    """Measure in a private mount and network namespace, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if os.environ.get(INSIDE) is None:
        words = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        return subprocess.run(words, env={**os.environ, INSIDE: "1"}).returncode
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans are ours to reap
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="pvlxc") as scratch:
        # in memory, as /run is, so that nobody waits for the disk
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", scratch], check=True)
        found = measure(Path(scratch), options.rounds)
        subprocess.run(["umount", "--lazy", scratch], check=True)
    print("| what | ms, median | least | most |\n|---|---:|---:|---:|")
    for peer, rows in found.items():
        for what, times in rows.items():
            print(f"| {peer}: {what} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
