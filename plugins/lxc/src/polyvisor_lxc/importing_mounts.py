"""The root and the mounts of a liblxc configuration as file systems of a domain."""

from __future__ import annotations

import logging
import posixpath
import re

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain.devices.filesystem import (
    BlockExport,
    DirectoryExport,
    FileExport,
    Filesystem,
    FilesystemTarget,
    FilesystemType,
    RamExport,
)
from polyvisor.model.domain.devices.hostdev import Hostdev, MiscCapability, StorageCapability
from polyvisor.units import parse_size
from polyvisor_lxc.configfile import Configuration, Setting

log = logging.getLogger(__name__)

KERNEL_FILESYSTEMS = frozenset(
    "proc sysfs devpts devtmpfs cgroup cgroup2 mqueue securityfs debugfs fusectl efivarfs tracefs bpf pstore "
    "configfs hugetlbfs binfmt_misc".split()
)
"""File systems that a container gets by itself, or must not have."""

_ESCAPE = re.compile(r"\\([0-7]{3})")


def read(settings: Configuration) -> list[Filesystem]:
    """The root first, then the mounts in their order.

    Raises InvalidArgument for a mount that cannot be read, UnsupportedConfiguration for a root that cannot be said."""
    root = settings.get("lxc.rootfs.path")
    if root is None:
        raise UnsupportedConfiguration(
            "the configuration has no lxc.rootfs.path, and so shares the root of the host",
            hint="name a root; if the host's is meant, lxc.rootfs.path = /",
        )
    kind, _, rest = root.partition(":")
    path = rest if kind in ("dir", "loop", "lvm") and rest else root
    found = [_root(path, kind if rest else "")]
    options = (settings.get("lxc.rootfs.options") or "").split(",")
    found[0].readonly = "ro" in options
    for setting in settings.every("lxc.mount.entry"):
        if _device(settings, setting) is None and (mount := _mount(setting, path)):
            found.append(mount)
    return found


def devices(settings: Configuration) -> list[Hostdev]:
    """Device files that are both allowed and shown in the container at their own path."""
    found = []
    for setting in settings.every("lxc.mount.entry"):
        if device := _device(settings, setting):
            found.append(device)
    return found


_ALLOWED = re.compile(r"([bc]) \d+:\d+ (rwm|rm)", re.ASCII)


def _device(settings: Configuration, mount: Setting) -> Hostdev | None:
    """The device a mount shows, if the line before allows one and the mount is of a single device file."""
    before = settings.settings[settings.settings.index(mount) - 1]
    rule = _ALLOWED.fullmatch(before.value) if before.key.endswith(".devices.allow") else None
    source, target, *rest = _fields(mount)
    if rule is None or not source.startswith("/dev/") or source != "/" + target or rest[:1] != ["none"]:
        return None
    if rule[1] == "b":
        made = Hostdev(mode="capabilities", type="storage", source=StorageCapability(block=source))
    else:
        made = Hostdev(mode="capabilities", type="misc", source=MiscCapability(char=source))
    made.readonly = rule[2] == "rm"
    return made


def _fields(setting: Setting) -> list[str]:
    """The words of a line of fstab(5). Raises InvalidArgument for fewer than three."""
    fields = [_ESCAPE.sub(lambda found: chr(int(found[1], 8)), each) for each in setting.value.split()]
    if len(fields) < 3:
        raise InvalidArgument(
            f"line {setting.line}: {setting.value}: a mount has a source, a target, a type and options, as in fstab(5)"
        )
    return fields


def _root(path: str, backend: str) -> Filesystem:
    if backend in ("overlay", "overlayfs", "aufs", "btrfs", "zfs", "rbd", "nbd", "best"):
        raise UnsupportedConfiguration(f"a root on {backend} ({path}) has no place in a domain document")
    if backend == "loop":
        return _filesystem(FilesystemType.FILE, FileExport(file=path), "/")
    if backend == "lvm" or path.startswith("/dev/"):
        return _filesystem(FilesystemType.BLOCK, BlockExport(dev=path), "/")
    return _filesystem(FilesystemType.MOUNT, DirectoryExport(dir=path), "/")


def _filesystem(
    kind: FilesystemType, source: DirectoryExport | FileExport | BlockExport | RamExport, target: str
) -> Filesystem:
    return Filesystem(type=kind, accessmode="passthrough", source=source, target=FilesystemTarget(dir=target))


def _mount(setting: Setting, root: str) -> Filesystem | None:
    fields = _fields(setting)
    source, place, kind, options = fields[0], fields[1], fields[2], (fields[3] if len(fields) > 3 else "").split(",")
    target = _target(place, root)
    if kind == "tmpfs":
        mount = _filesystem(FilesystemType.RAM, _ram(options, setting), target)
    elif kind in KERNEL_FILESYSTEMS:
        return None
    elif "bind" in options or "rbind" in options:
        mount = _filesystem(FilesystemType.MOUNT, DirectoryExport(dir=source), target)
    elif source.startswith("/dev/"):
        mount = _filesystem(FilesystemType.BLOCK, BlockExport(dev=source), target)
    elif "loop" in options:
        mount = _filesystem(FilesystemType.FILE, FileExport(file=source), target)
    else:
        log.warning("line %d: a domain document cannot say how to mount %s (%s)", setting.line, source, kind)
        return None
    mount.readonly = "ro" in options
    return mount


def _target(place: str, root: str) -> str:
    """The mount point as the container sees it. A relative one, or one below the root's own path, is below the root."""
    base = root.rstrip("/") + "/"
    if base != "/" and place.startswith(base):
        place = place.removeprefix(base)
    return posixpath.normpath("/" + place.lstrip("/"))


def _ram(options: list[str], setting: Setting) -> RamExport:
    size = next((each.removeprefix("size=") for each in options if each.startswith("size=")), "0")
    if size.endswith("%"):
        raise UnsupportedConfiguration(
            f"line {setting.line}: a tmpfs of {size} of memory has no place in a domain document",
            hint="name its size in bytes",
        )
    count = int(parse_size(size))  # 0: no limit, in a document as in tmpfs(5)
    return RamExport(usage=count // 1024 if count % 1024 == 0 else count, units="KiB" if count % 1024 == 0 else "bytes")
