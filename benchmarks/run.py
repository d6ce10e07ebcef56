#!/usr/bin/env python3
"""Measure Polyvisor beside Debian's libvirt and bare QEMU or LXC, in one run on one machine.

    python benchmarks/run.py [NAME ...] [--rounds N] [--json FILE]

Needs root (for the namespaces that keep libvirt apart), the packages named when they are missing, and an
environment with polyvisor and polyvisor-qemu. Rounds alternate between the peers, so drift of the machine's speed
hits all alike; medians are compared. Nothing asserts a time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polyvisor

sys.path.insert(0, str(Path(__file__).parent))
import containers
import documents
import peers

INSIDE = "POLYVISOR_BENCHMARK_INSIDE"
GUESTS = 1000

GUEST = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='{image}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'><target port='0'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""

NAMES = ("lifecycle", "documents", "list", "cold-start", "capabilities", "lxc")
Times = dict[str, list[float]]


class Bench:
    """The things under test and where they keep their files."""

    def __init__(self, directory: Path, rounds: int) -> None:
        self.directory = directory
        self.rounds = rounds
        self.root = directory / "polyvisor"
        self.uri = f"qemu:///embed?root={self.root}"
        self.image = directory / "boot.img"
        from polyvisor_qemu.guest import image_path

        shutil.copy(image_path(), self.image)
        self.image.chmod(0o666)

    def guest(self, name: str) -> str:
        """A guest document."""
        return GUEST.format(name=name, uuid=uuid.uuid5(uuid.NAMESPACE_DNS, name), image=self.image)

    def command(self, *arguments: str) -> list[str]:
        """A polyvisor command line on the benchmark's connection."""
        return [str(Path(sys.executable).with_name("polyvisor")), "-c", self.uri, *arguments]


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def command_time(argv: list[str]) -> float:
    """Seconds a whole process takes."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return timed(lambda: subprocess.run(argv, check=True, capture_output=True, env=environment))


def lifecycle(bench: Bench) -> dict[str, Times]:
    """define to running, and destroy."""
    import polyvisor

    libvirt = """
c = libvirt.open('qemu:///system'); found = {'start': [], 'define to running': [], 'destroy': []}
d = c.defineXML(sys.argv[1])
d.create(); d.destroy()
for i in range(int(sys.argv[2])):
    b = timed(lambda: c.defineXMLFlags(sys.argv[1], libvirt.VIR_DOMAIN_DEFINE_VALIDATE))
    s = timed(d.create)
    found['start'].append(s); found['define to running'].append(b + s)
    found['destroy'].append(timed(d.destroy))
d.undefine()
print(json.dumps(found))
"""
    found: dict[str, Times] = {"start": {}, "define to running": {}, "destroy": {}}
    with polyvisor.open(bench.uri) as connection:
        xml = bench.guest("bench")
        domain = connection.define(xml)
        domain.start()
        domain.destroy()
        bare = peers.BareQemu(same_machine(connection, xml), bench.directory)
        bare.start()
        for _ in range(bench.rounds):
            defined = timed(lambda: connection.define(xml))
            started = timed(domain.start)
            found["start"].setdefault("polyvisor", []).append(started)
            found["define to running"].setdefault("polyvisor", []).append(defined + started)
            found["destroy"].setdefault("polyvisor", []).append(timed(domain.destroy))
            exec_to_cont = bare.start()
            found["start"].setdefault("bare QEMU", []).append(exec_to_cont)
            found["define to running"].setdefault("bare QEMU", []).append(exec_to_cont)
            found["destroy"].setdefault("bare QEMU", []).append(bare.quit())
            for key, values in peers.libvirt_python(libvirt, bench.guest("peer"), "1").items():
                found[key].setdefault("libvirt", []).extend(values)
        domain.undefine()
    return found


def same_machine(connection: polyvisor.Connection, xml: str) -> list[str]:
    """The command line that Polyvisor runs for ``xml``, without its monitors and its log."""
    words = shlex.split(connection.to_native("qemu-argv", xml))
    argv = words[:1]
    for option, value in itertools.pairwise(words):
        if option in ("-mon", "-chardev") and ("charmonitor" in value or "charjournal" in value):
            argv = argv[:-1] if argv[-1] == option else argv
            continue
        argv.append(value.partition(",logfile=")[0] if value.startswith("pty,") else value)
    return argv


def define(bench: Bench) -> dict[str, Times]:
    """Defining a guest: ours is always validated, libvirt's with VALIDATE and without."""
    import polyvisor

    libvirt = """
c = libvirt.open(sys.argv[3]); x = sys.argv[1]; found = {'define, validated': [], 'define, unvalidated': []}
d = c.defineXML(x)
for i in range(int(sys.argv[2])):
    found['define, validated'].append(timed(lambda: c.defineXMLFlags(x, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)))
    found['define, unvalidated'].append(timed(lambda: c.defineXML(x)))
d.undefine()
print(json.dumps(found))
"""
    found: dict[str, Times] = {}
    xml = bench.guest("defined")
    for label, uri, peer, document in (
        ("qemu", bench.uri, "qemu:///system", xml),
        ("test", "test:///default", "test:///default", xml.replace("type='qemu'", "type='test'")),
    ):
        ours: list[float] = []
        with polyvisor.open(uri) as connection:
            domain = connection.define(document)
            theirs: Times = {}
            for _ in range(bench.rounds):  # by turns, so that both meet the same neighbours
                ours += [timed(lambda: connection.define(document)) for _ in range(15)]  # noqa: B023
                for key, times in peers.libvirt_python(libvirt, document, "15", peer).items():
                    theirs.setdefault(key, []).extend(times)
            domain.undefine()
        for key, times in theirs.items():
            found[f"{key} ({label})"] = {"polyvisor": ours, "libvirt": times}
    return found


def listing(bench: Bench) -> dict[str, Times]:
    """The table of 1000 defined guests, by command and by call."""
    import polyvisor

    libvirt_define = """
c = libvirt.open('qemu:///system')
for path in sys.argv[1:]: c.defineXML(open(path).read())
print('{}')
"""
    libvirt_list = """
c = libvirt.open('qemu:///system'); names, rows = [], []
for i in range(int(sys.argv[1])):
    names.append(timed(lambda: [(d.name(), d.isActive()) for d in c.listAllDomains()]))
    rows.append(timed(lambda: [(d.name(), d.info(), d.autostart()) for d in c.listAllDomains()]))
print(json.dumps({'names and states of 1000, in process': names, 'whole rows of 1000, in process': rows}))
"""
    bench_list = Bench(bench.directory, bench.rounds)
    bench_list.root = bench.directory / "thousand"
    bench_list.uri = f"qemu:///embed?root={bench_list.root}"
    found: dict[str, Times] = {"list --all of 1000, command": {}}
    with polyvisor.open(bench_list.uri) as connection:
        paths = [bench.directory / f"g{number:04}.xml" for number in range(GUESTS)]
        for path in paths:
            path.write_text(bench.guest(path.stem))
            connection.define(path.read_bytes())
        peers.libvirt_python(libvirt_define, *map(str, paths))
        for key, work in {
            "names and states of 1000, in process": lambda: connection.domains(columns=()),
            "whole rows of 1000, in process": lambda: connection.domains(),
        }.items():
            found[key] = {"polyvisor": [timed(work) for _ in range(bench.rounds)]}
    for key, values in peers.libvirt_python(libvirt_list, str(bench.rounds)).items():
        found[key]["libvirt"] = values
    commands = found["list --all of 1000, command"]
    for _ in range(bench.rounds):
        commands.setdefault("polyvisor", []).append(command_time(bench_list.command("list", "--all")))
        commands.setdefault("libvirt", []).append(command_time(["virsh", "-c", "qemu:///system", "list", "--all"]))
    return found


def cold_start(bench: Bench) -> dict[str, Times]:
    """Whole processes that do little."""
    found: dict[str, Times] = {"version, command": {}, "list of none, command": {}, "python pass": {}}
    script = str(Path(sys.executable).with_name("polyvisor"))
    subprocess.run(bench.command("list"), check=True, capture_output=True)
    for _ in range(bench.rounds * 2):
        found["version, command"].setdefault("polyvisor", []).append(command_time([script, "--version"]))
        found["version, command"].setdefault("libvirt", []).append(command_time(["virsh", "--version"]))
        found["list of none, command"].setdefault("polyvisor", []).append(command_time(bench.command("list")))
        found["list of none, command"].setdefault("libvirt", []).append(
            command_time(["virsh", "-c", "qemu:///system", "list"])
        )
        found["python pass"].setdefault("polyvisor", []).append(command_time([sys.executable, "-c", "pass"]))
    return found


def capabilities(bench: Bench, daemon: peers.Libvirtd) -> dict[str, Times]:
    """The first capabilities of a host nobody has asked before."""
    import polyvisor

    libvirt = """
c = libvirt.open('qemu:///system')
print(json.dumps({'first capabilities, cold': [timed(c.getCapabilities)]}))
"""
    found: Times = {"polyvisor": [], "libvirt": []}
    for number in range(max(3, bench.rounds // 3)):
        with polyvisor.open(f"qemu:///embed?root={bench.directory}/cold{number}") as connection:
            found["polyvisor"].append(timed(connection.capabilities))
        daemon.stop()
        shutil.rmtree("/var/cache/libvirt/qemu", ignore_errors=True)
        daemon.start()
        found["libvirt"] += peers.libvirt_python(libvirt)["first capabilities, cold"]
    return {"first capabilities, cold": found}


def report(found: dict[str, Times]) -> str:
    """A Markdown table of medians in milliseconds and ratios."""
    rows = [
        "| what | polyvisor ms | libvirt ms | bare ms | polyvisor / libvirt | polyvisor / bare |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for what, times in found.items():
        middle = {who: statistics.median(values) * 1000 for who, values in times.items()}
        ours, theirs, bare = (middle.get(who) for who in ("polyvisor", "libvirt", _bare(times)))

        def cell(value: float | None) -> str:
            return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"

        def ratio(peer: float | None, ours: float | None = ours) -> str:
            return "" if peer is None or ours is None else f"{ours / peer:.2f}"

        rows.append(f"| {what} | {cell(ours)} | {cell(theirs)} | {cell(bare)} | {ratio(theirs)} | {ratio(bare)} |")
    return "\n".join(rows)


def _bare(times: Times) -> str:
    return next((who for who in times if who.startswith("bare")), "")


def measure(options: argparse.Namespace) -> dict[str, Times]:
    """Everything asked for, inside the namespaces."""
    peers.isolate_libvirt()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    found: dict[str, Times] = {}
    with tempfile.TemporaryDirectory(prefix="pvbench") as directory:
        os.chmod(directory, 0o755)
        disk = documents.sync_cost(Path(directory))
        # libvirt's files are in memory, where synchronising costs nothing; so are ours
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory], check=True)
        if not options.only or set(options.only) - {"lxc"}:
            found.update(_virtual_machines(options, Path(directory)))
            found.update(disk if not options.only or "documents" in options.only else {})
        if not options.only or "lxc" in options.only:
            print("measuring lxc ...", file=sys.stderr)
            found.update(containers.measure(Path(directory), options.rounds))
        subprocess.run(["umount", "--lazy", directory], check=False)
    return found


def _virtual_machines(options: argparse.Namespace, directory: Path) -> dict[str, Times]:
    """What is measured with QEMU, or with nothing that runs."""
    found: dict[str, Times] = {}
    bench = Bench(directory, options.rounds)
    with peers.Libvirtd(directory / "libvirtd.log") as daemon:
        for name, work in {
            "lifecycle": lambda: lifecycle(bench),
            "documents": lambda: {**define(bench), **documents.measure(options.domains, options.rounds)},
            "list": lambda: listing(bench),
            "cold-start": lambda: cold_start(bench),
            "capabilities": lambda: capabilities(bench, daemon),
        }.items():
            if not options.only or name in options.only:
                print(f"measuring {name} ...", file=sys.stderr)
                found.update(work())
    return found


def main() -> int:
    """Read the command line, enter the namespaces, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all when left out")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--domains", type=Path, default=documents.SAMPLES, help="domain documents to read and write")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if unknown := set(options.only) - set(NAMES):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    absent = peers.missing() + (containers.missing() if not options.only or "lxc" in options.only else [])
    if absent:
        print(f"missing: {', '.join(absent)}\napt-get install {peers.PACKAGES} {containers.PACKAGES}", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("run it as root: libvirt is kept apart in namespaces", file=sys.stderr)
        return 2
    if INSIDE not in os.environ:
        return subprocess.run(
            ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, *sys.argv],
            env={**os.environ, INSIDE: "1"},
            check=False,
        ).returncode
    found = measure(options)
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, medians of {options.rounds} rounds\n")
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
