"""Containers: Polyvisor beside bare lxc-start and lxc-stop, and beside libvirt's LXC driver, on one root of busybox.

Runs in the namespaces of run.py. libvirt's LXC driver does not start on a host that has control groups of both
versions, so version 2 is out of sight while this runs, for all alike. liblxc is told the very configuration that
Polyvisor wrote, without its log and its hook. libvirt's container has neither a user namespace nor a seccomp policy, so
the rows of the unconfined container are the ones to hold against it.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import peers

if TYPE_CHECKING:
    import polyvisor

NEEDED = ("lxc-start", "lxc-stop", "busybox", "virsh", "libvirtd")
PACKAGES = "lxc uidmap busybox-static libvirt-daemon-driver-lxc"
CONTAINERS = 100
UNIFIED = "/sys/fs/cgroup/unified"
OURS_ALONE = ("lxc.log.", "lxc.hook.")
"""Keys of a configuration that serve Polyvisor's own bookkeeping."""

GUEST = """<domain type='lxc'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type>exe</type><init>/bin/sleep</init><initarg>3600</initarg></os>
  <features><privnet/></features>{more}
  <devices>
    <filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem>
    <console type='pty'/>
  </devices>
</domain>
"""

OPEN = "<c:confinement xmlns:c='urn:polyvisor:lxc:1' userns='no' seccomp='no' nonewprivs='no' masks='no' sysro='no'/>"

LIFE = """
c = libvirt.open('lxc:///system'); found = {'start': [], 'destroy': []}
d = c.defineXML(sys.argv[1])
for i in range(int(sys.argv[2])):
    found['start'].append(timed(d.create))
    found['destroy'].append(timed(d.destroy))
d.undefine()
print(json.dumps(found))
"""

MANY = """
from concurrent.futures import ThreadPoolExecutor
c = libvirt.open('lxc:///system'); found = {'list': [], 'statistics': []}
def everything():
    for d in c.listAllDomains():
        d.info(), d.memoryStats(), d.getCPUStats(True)
with ThreadPoolExecutor(8) as threads:
    every = list(threads.map(lambda n: c.createXML(sys.argv[1].replace('peer', f'peer{n}')), range(int(sys.argv[2]))))
    for i in range(int(sys.argv[3])):
        found['list'].append(timed(lambda: [(d.name(), d.state()) for d in c.listAllDomains()]))
        found['statistics'].append(timed(everything))
    list(threads.map(lambda d: d.destroy(), every))
print(json.dumps(found))
"""

Times = dict[str, list[float]]


def missing() -> list[str]:
    """Programs that are not installed."""
    return [name for name in NEEDED if shutil.which(name) is None]


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class BareLxc:
    """liblxc with nothing around it: lxc-start until it returns, lxc-stop until init has gone."""

    def __init__(self, written: Path, command: list[str], directory: Path) -> None:
        self._file, self._pid = directory / "bare.conf", directory / "bare.pid"
        policy = shutil.copy(written.with_name("seccomp"), directory / "bare.seccomp")
        lines = [line for line in written.read_text().splitlines() if not line.startswith(OURS_ALONE)]
        kept = [f"lxc.seccomp.profile = {policy}" if line.startswith("lxc.seccomp") else line for line in lines]
        self._file.write_text("".join(f"{line}\n" for line in kept))
        self._where = ["--name", "bare", "--lxcpath", "/run"]
        self._command = command

    def start(self) -> float:
        """Seconds until lxc-start says that the container runs."""
        words = ["lxc-start", *self._where, "--rcfile", str(self._file), "--pidfile", str(self._pid), "--daemon"]
        return timed(lambda: subprocess.run([*words, "--", *self._command], check=True, capture_output=True))

    def stop(self) -> float:
        """Seconds until the container is killed and its init has exited."""
        with exited(init_of(int(self._pid.read_text()))) as wait:
            return timed(lambda: (subprocess.run(["lxc-stop", *self._where, "--kill"], check=True), wait()))


def init_of(monitor: int) -> int:
    """The only child of a container's monitor (/proc/PID/task/PID/children)."""
    return int(Path(f"/proc/{monitor}/task/{monitor}/children").read_text().split()[0])


@contextmanager
def exited(pid: int) -> Iterator[Callable[[], object]]:
    """What to call to wait until a process has exited, reaped or not."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda: select.select([descriptor], [], [], 60)
    finally:
        os.close(descriptor)


def file_of(place: Path, domain: polyvisor.Domain, name: str) -> Path:
    """A run-time file of a running container."""
    return next(place.glob(f"**/{domain.uuid}/{name}"))


def life(directory: Path, rounds: int, kind: str, more: str) -> dict[str, Times]:
    """Start until it runs, and destroy until all of it is gone, by turns."""
    import polyvisor

    directory = directory / kind
    directory.mkdir()
    place = directory / "state"
    started, destroyed = f"{kind} container: start", f"{kind} container: destroy"
    found: dict[str, Times] = {started: {}, destroyed: {}}
    root = make_root(directory / "root")
    peer = GUEST.format(name="peer", root=make_root(directory / "peer-root"), more="")
    with polyvisor.open(f"lxc:///embed?root={place}") as connection:
        domain = connection.define(GUEST.format(name="bench", root=root, more=more)).start()
        bare = BareLxc(file_of(place, domain, "config"), ["/bin/sleep", "3600"], directory)
        domain.destroy()
        bare.start(), bare.stop()
        for turn in range(rounds):
            found[started].setdefault("polyvisor", []).append(timed(domain.start))
            with exited(init_of(int(file_of(place, domain, "pid").read_text()))) as wait:
                found[destroyed].setdefault("polyvisor", []).append(timed(lambda: (domain.destroy(), wait())))
            found[started].setdefault("bare LXC", []).append(bare.start())
            found[destroyed].setdefault("bare LXC", []).append(bare.stop())
            if turn % 3 == 0:  # its destroy takes seconds
                theirs = peers.libvirt_python(LIFE, peer, "1")
                found[started].setdefault("libvirt", []).extend(theirs["start"])
                found[destroyed].setdefault("libvirt", []).extend(theirs["destroy"])
        domain.undefine()
    return found


def many(directory: Path, rounds: int, count: int) -> dict[str, Times]:
    """The table and all figures of many running containers."""
    import polyvisor

    names = {"list": f"containers: names and states of {count}", "statistics": f"containers: statistics of {count}"}
    found: dict[str, Times] = {name: {} for name in names.values()}
    root = make_root(directory / "many-root")
    with polyvisor.open(f"lxc:///embed?root={directory}/many") as connection, ThreadPoolExecutor(2) as threads:
        every = list(
            threads.map(lambda n: connection.create(GUEST.format(name=f"c{n}", root=root, more="")), range(count))
        )
        works = {"list": lambda: connection.domains(columns=()), "statistics": lambda: connection.domain_stats()}
        for key, work in works.items():
            found[names[key]]["polyvisor"] = [timed(work) for _ in range(rounds)]
        list(threads.map(lambda domain: domain.destroy(), every))
    peer = GUEST.format(name="peer", root=root, more="")
    for key, values in peers.libvirt_python(MANY, peer, str(count), str(rounds)).items():
        found[names[key]]["libvirt"] = values
    return found


def make_root(directory: Path) -> Path:
    """A root with a busybox that sleeps."""
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (directory / name).mkdir(parents=True)
    shutil.copy2(shutil.which("busybox") or "busybox", directory / "bin" / "busybox")
    for applet in ("sleep", "sh"):
        (directory / "bin" / applet).symlink_to("busybox")
    return directory


def hide_version_2() -> None:
    """Take control groups of version 2 out of this mount namespace, where there are those of version 1 too."""
    if re.search(rf"^\S+ {UNIFIED} cgroup2 ", Path("/proc/mounts").read_text(), re.MULTILINE):
        subprocess.run(["umount", UNIFIED], check=True)


def measure(directory: Path, rounds: int, count: int = CONTAINERS) -> dict[str, Times]:
    """All of it, with a libvirtd of its own."""
    hide_version_2()
    with peers.Libvirtd(directory / "libvirtd-lxc.log", uri="lxc:///system"):
        confined, unconfined = life(directory, rounds, "confined", ""), life(directory, rounds, "unconfined", OPEN)
        return {**confined, **unconfined, **many(directory, rounds, count)}
