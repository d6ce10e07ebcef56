"""The control groups of a container, read and written directly: version 1, version 2, and both side by side.

Which controller is where is told by ``/proc/<pid>/cgroup`` (cgroups(7)) and by where the hierarchies are mounted. A
quantity that both versions have under different names and units has one name here; see :data:`QUANTITIES`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from polyvisor.errors import HostError, UnsupportedConfiguration

UNLIMITED = 9007199254740991
"""KiB that stand for no limit, as in :data:`polyvisor.operations.memory.UNLIMITED`."""

_V1_UNLIMITED = 1 << 62
"""Bytes from which on version 1 means no limit: it prints the largest multiple of a page."""


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where controllers are mounted: those of version 1 by name, version 2 with those it has.

    ``v1`` maps ``memory`` to ``/sys/fs/cgroup/memory``; ``v2`` is the mount point of version 2 or None, ``v2_has`` what
    its ``cgroup.controllers`` names."""

    v1: Mapping[str, str]
    v2: str | None
    v2_has: frozenset[str]

    def version(self, controller: str) -> int | None:
        """1 or 2, None where the host does not have the controller."""
        if controller in self.v1:
            return 1
        built_in = controller in ("freezer", "devices")  # of version 2: no controllers, but always there
        if _V2_NAMES.get(controller, controller) in self.v2_has or (built_in and self.v2 is not None and not self.v1):
            return 2
        return None


def hierarchies(mounts: str = "/proc/self/mounts") -> Hierarchies:
    """What is mounted on this host; of several mounts of a hierarchy the first counts."""
    v1: dict[str, str] = {}
    v2 = None
    with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, where, kind, options, *_ = line.split()
            if kind == "cgroup2":
                v2 = v2 or where
            elif kind == "cgroup":
                for option in options.split(","):
                    if option in _CONTROLLERS or option.startswith("name="):
                        v1.setdefault(option, where)
    has: frozenset[str] = frozenset()
    if v2 is not None:
        has = frozenset((_read_text(f"{v2}/cgroup.controllers") or "").split())
    return Hierarchies(v1, v2, has)


_CONTROLLERS = frozenset(
    "blkio cpu cpuacct cpuset devices freezer hugetlb memory net_cls net_prio perf_event pids rdma".split()
)
_V2_NAMES = {"blkio": "io", "cpuacct": "cpu"}


class Group:
    """The groups of one container.

    :param paths: the directory by controller; ``""`` is that of version 2.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = dict(paths)

    @classmethod
    def of(cls, pid: int, where: Hierarchies, *, proc: str = "/proc") -> Group:
        """Those of a process."""
        return cls(dict(_memberships(_read_text(f"{proc}/{pid}/cgroup") or "", where)))

    def version(self, controller: str) -> int:
        """1 or 2. Raises UnsupportedConfiguration where the container has no group of the controller."""
        if controller in self.paths:
            return 1
        if "" in self.paths and (controller == "freezer" or self._v2_has(controller)):
            return 2
        raise UnsupportedConfiguration(
            f"this host has no {controller} control group for the container",
            driver="lxc",
            hint=f"the kernel needs the cgroup controller {controller}, and delegated to the user who runs it",
        )

    def has(self, controller: str) -> bool:
        """Whether there is a group of the controller."""
        return controller in self.paths or ("" in self.paths and self._v2_has(controller))

    def file(self, controller: str, name: str) -> str:
        """The path of a control file."""
        directory = self.paths.get(controller) or self.paths.get("", "")
        return f"{directory}/{name}"

    def read(self, controller: str, name: str) -> str | None:
        """A control file's text; None when the kernel has no such file or the container is gone."""
        return _read_text(self.file(controller, name))

    def number(self, controller: str, name: str) -> int | None:
        """A control file that holds one number; ``max`` is None."""
        text = self.read(controller, name)
        return int(text) if text is not None and text.strip().lstrip("-").isdigit() else None

    def table(self, controller: str, name: str) -> dict[str, int]:
        """A control file of lines ``NAME NUMBER``."""
        made = {}
        for line in (self.read(controller, name) or "").splitlines():
            key, _, value = line.rpartition(" ")
            if value.strip().isdigit():
                made[key.strip()] = int(value)
        return made

    def write(self, controller: str, name: str, value: str | int) -> None:
        """Write a control file. Raises HostError saying which and why."""
        path = self.file(controller, name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, str(value).encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise HostError(
                f"cannot write {value!r} to {path}: {error.strerror}",
                driver="lxc",
                hint=_HINTS.get(error.errno or 0),
            ) from error

    def cpu_time_ns(self) -> int | None:
        """Nanoseconds of CPU time that the container has taken; None when it is gone."""
        if "cpuacct" in self.paths:
            return self.number("cpuacct", "cpuacct.usage")
        used = self.table("cpu", "cpu.stat").get("usage_usec")
        return None if used is None else used * 1000

    def processes(self) -> list[int]:
        """The pids of the container, those of groups below it too."""
        root = self.paths.get("pids") or self.paths.get("freezer") or next(iter(self.paths.values()), "")
        found: list[int] = []
        for directory, _, files in os.walk(root):
            if "cgroup.procs" in files:
                found += [int(line) for line in (_read_text(f"{directory}/cgroup.procs") or "").split()]
        return sorted(set(found))

    def _v2_has(self, controller: str) -> bool:
        directory = self.paths[""]
        name = _V2_NAMES.get(controller, controller)
        if name == "freezer":
            return os.path.exists(f"{directory}/cgroup.freeze")
        return name in (_read_text(f"{directory}/cgroup.controllers") or "").split()

    # -- freezing -----------------------------------------------------------------------------------------

    def frozen(self) -> bool:
        """Whether the container's processes stand still, or are about to."""
        if "freezer" in self.paths:
            return (self.read("freezer", "freezer.state") or "").strip() in ("FROZEN", "FREEZING")
        return (self.read("", "cgroup.freeze") or "").strip() == "1"

    def freeze(self, still: bool) -> None:
        """Stop every process of the container, or let them go on; returns when the kernel has done it."""
        if "freezer" in self.paths:
            self.write("freezer", "freezer.state", "FROZEN" if still else "THAWED")
        else:
            self.version("freezer")  # raises where the container has no group that could stand still
            self.write("", "cgroup.freeze", int(still))

    def settled(self, still: bool) -> bool:
        """Whether what ``freeze`` asked for has come about."""
        if "freezer" in self.paths:
            return (self.read("freezer", "freezer.state") or "").strip() == ("FROZEN" if still else "THAWED")
        events = self.table("", "cgroup.events")
        return bool(events.get("frozen")) is still


_HINTS = {
    errno.EACCES: "the group is not delegated to you; run as root, or let the host's manager delegate it",
    errno.EPERM: "the group is not delegated to you; run as root, or let the host's manager delegate it",
    errno.EBUSY: "the container uses more than that now",
    errno.EROFS: "the control groups are mounted read-only",
    errno.ENOENT: "the kernel lacks this control, or the container has just ended",
}


def _memberships(text: str, where: Hierarchies) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            if where.v2 is not None:
                yield "", f"{where.v2}{path}".rstrip("/")
            continue
        for controller in controllers.split(","):
            if controller in where.v1:
                yield controller, f"{where.v1[controller]}{path}".rstrip("/")


def _read_text(path: str) -> str | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return None
