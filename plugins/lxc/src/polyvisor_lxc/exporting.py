"""A domain document as a configuration file that a person can run, under the keys of liblxc 3 and later
(lxc.container.conf(5)).

:func:`settings` says what the document says and nothing of where the driver keeps its files or how it confines what
it starts itself (that is :mod:`polyvisor_lxc.translation`). What only the host can tell comes from :class:`Host`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor_lxc import filesystems, sections
from polyvisor_lxc.confinement import DROPPED
from polyvisor_lxc.model import Namespaces
from polyvisor_lxc.translation import DEVICES

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.filesystem import Filesystem
    from polyvisor.model.domain.devices.hostdev import Hostdev
    from polyvisor.model.domain.features import LinuxCapabilities

Settings = Iterator[tuple[str, str]]


def _no_bridge(network: str) -> str:
    raise UnsupportedConfiguration(
        f"network {network!r} has no bridge that is known here", hint="write the interface as <interface type='bridge'>"
    )


def _no_number(path: str) -> str:
    found = re.fullmatch(r"/dev/(block|char)/(\d+:\d+)", path, re.ASCII)
    if found is None:
        raise UnsupportedConfiguration(
            f"the number of {path} is not known here",
            hint="write it as /dev/block/MAJOR:MINOR or /dev/char/MAJOR:MINOR",
        )
    return f"{found[1][0]} {found[2]}"


def _no_id(kind: str, name: str) -> int:
    raise UnsupportedConfiguration(
        f"the id of {kind} {name!r} inside the container is not known here", hint="write the number"
    )


@dataclass(frozen=True, slots=True)
class Host:
    """What a document leaves to the host.

    ``unified``: cgroups of version 2. ``bridge_of``: the bridge of a network. ``device_number``: ``"b 8:0"`` or
    ``"c 10:200"`` for the path of a device. ``id_of``: number of a ``user`` or ``group`` inside the container.
    Each raises UnsupportedConfiguration where it has no answer, which is what those given here always do."""

    unified: bool = False
    bridge_of: Callable[[str], str] = field(default=_no_bridge)
    device_number: Callable[[str], str] = field(default=_no_number)
    id_of: Callable[[str, str], int] = field(default=_no_id)


def settings(config: Domain, host: Host | None = None) -> list[tuple[str, str]]:
    """Every setting that ``config`` comes to, in the order in which a file has them.

    Raises UnsupportedConfiguration for what liblxc cannot do."""
    host = host or Host()
    return [
        *_system(config, host),
        *_idmap(config),
        *_capabilities(config.features.capabilities if config.features else None),
        *_filesystems(config),
        *_networks(config, host),
        *_namespaces(config),
        *_consoles(config),
        *_devices(config, host),
        *_memory(config, host),
        *_processors(config, host),
        *_block(config, host),
        *_labels(config),
    ]


def _networks(config: Domain, host: Host) -> Settings:
    held: Any = config.devices
    for device in (*held.interfaces, *held.hostdevs) if held is not None else ():
        for route in sections.further_routes(device) if device.routes else ():
            raise UnsupportedConfiguration(
                f"liblxc sets one default route and no other; the document has one to {route.address}", driver="lxc"
            )
    yield from sections.settings(config, host.bridge_of)


def _system(config: Domain, host: Host) -> Settings:
    system = config.os
    yield "lxc.uts.name", config.name
    if system.type.arch:
        yield "lxc.arch", system.type.arch
    yield "lxc.init.cmd", shlex.join([system.init or "/sbin/init", *system.init_arguments])
    if system.init_directory:
        yield "lxc.init.cwd", system.init_directory
    for key, kind, name in (
        ("lxc.init.uid", "user", system.init_user),
        ("lxc.init.gid", "group", system.init_group),
    ):
        if name is not None:
            yield key, str(int(name) if name.isdigit() else host.id_of(kind, name))
    for variable in system.init_environment:
        yield "lxc.environment", f"{variable.name}={variable.value}"


def _idmap(config: Domain) -> Settings:
    if config.idmap is None:
        return
    for letter, ranges in (("u", config.idmap.uids), ("g", config.idmap.gids)):
        for each in ranges:
            yield "lxc.idmap", f"{letter} {each.start} {each.target} {each.count}"


def _capabilities(capabilities: LinuxCapabilities | None) -> Settings:
    said = {
        field.attr: bool(value)
        for field in (capabilities.fields() if capabilities else ())
        if field.attr != "policy" and (value := getattr(capabilities, field.attr)) is not None
    }
    on = [name for name, state in said.items() if state]
    off = [name for name, state in said.items() if not state]
    match capabilities.policy if capabilities else None:
        case "deny":
            yield "lxc.cap.keep", " ".join(on) or "none"
        case "allow":
            if off:
                yield "lxc.cap.drop", " ".join(off)
        case _:
            yield "lxc.cap.drop", " ".join(sorted({*DROPPED, *off} - {*on}))


# -- file systems ----------------------------------------------------------------------------------------------


def _filesystems(config: Domain) -> Settings:
    mounts = config.devices.filesystems if config.devices else []
    root = next((each for each in mounts if each.target.dir == "/"), None)
    if root is None:
        raise UnsupportedConfiguration(
            "the document has no <filesystem> whose target is '/', and the host's root is not shared unless asked for",
            hint="name the container's root; <source dir='/'/> shares the host's",
        )
    yield from _root(root)
    for each in mounts:
        if each is not root:
            yield "lxc.mount.entry", _mount(each)


def _root(root: Filesystem) -> Settings:
    place = _source(root)
    match root.type:
        case "mount" | "bind":
            yield "lxc.rootfs.path", f"dir:{place}"
        case "file":
            yield "lxc.rootfs.path", f"loop:{place}"
        case "block":
            yield "lxc.rootfs.path", place
        case _:
            raise UnsupportedConfiguration(f"a container's root cannot be a file system of type {root.type}")
    options = ["ro"] if root.readonly else []
    if root.accessmode == "mapped":
        options.append("idmap=container")
    if options:
        yield "lxc.rootfs.options", ",".join(options)


def _source(mount: Filesystem) -> str:
    for name in ("dir", "file", "dev"):
        if place := getattr(mount.source, name, None):
            return str(place)
    raise UnsupportedConfiguration(
        f"the <filesystem> for {mount.target.dir} is of type {mount.type}, which liblxc cannot mount"
    )


def _mount(mount: Filesystem) -> str:
    """A line of fstab(5); the target relative to the root."""
    target = mount.target.dir.lstrip("/")
    access = "ro" if mount.readonly else "rw"
    if mount.type == "ram":
        size = filesystems.ram_bytes(mount)
        options = [access, *([f"size={size}"] if size else []), "nosuid", "nodev", "create=dir"]
        return filesystems.entry("tmpfs", target, "tmpfs", options)
    match mount.type:
        case "mount" | "bind":
            kind, options = "none", ["rbind", access, "create=dir"]
        case "file":
            kind, options = "auto", ["loop", access, "create=dir"]
        case _:
            kind, options = "auto", [access, "create=dir"]
    if mount.accessmode == "mapped":
        options.append("idmap=container")
    return filesystems.entry(_source(mount), target, kind, options)


# -- consoles, devices, namespaces -----------------------------------------------------------------------------


def _consoles(config: Domain) -> Settings:
    consoles = config.devices.consoles if config.devices else []
    for console in consoles:
        if console.type != "pty":
            raise UnsupportedConfiguration(f"a container's console is a pty, not a {console.type}")
    if consoles:
        yield "lxc.tty.max", str(len(consoles))


def _devices(config: Domain, host: Host) -> Settings:
    prefix = "lxc.cgroup2" if host.unified else "lxc.cgroup"
    yield f"{prefix}.devices.deny", "a"
    for rule in DEVICES:
        yield f"{prefix}.devices.allow", f"{rule} rwm"
    for device in config.devices.hostdevs if config.devices else []:
        if path := _device_path(device):
            yield f"{prefix}.devices.allow", f"{host.device_number(path)} rwm"
            yield "lxc.mount.entry", filesystems.entry(path, path.lstrip("/"), "none", ["bind", "create=file"])


def _device_path(device: Hostdev) -> str | None:
    """The device file a host device gives to the container; None for a network interface."""
    if device.mode != "capabilities":
        raise UnsupportedConfiguration(f"a container cannot be given a {device.type} device as a whole")
    path = getattr(device.source, "block", None) or getattr(device.source, "char", None)
    return str(path) if path else None


def _namespaces(config: Domain) -> Settings:
    for each in config.extensions:
        if isinstance(each, Namespaces):
            for name, shared in (("ipc", each.shareipc), ("uts", each.shareuts)):
                if shared is not None:
                    yield f"lxc.namespace.share.{name}", shared.value
            if each.sharenet is not None:
                place = f"/run/netns/{each.sharenet.value}" if each.sharenet.type == "netns" else each.sharenet.value
                yield "lxc.namespace.share.net", place


# -- resources -------------------------------------------------------------------------------------------------


def _memory(config: Domain, host: Host) -> Settings:
    tune = config.memtune
    hard = tune.hard_limit.size if tune and tune.hard_limit else None
    soft = tune.soft_limit.size if tune and tune.soft_limit else None
    least = tune.min_guarantee.size if tune and tune.min_guarantee else None
    both = tune.swap_hard_limit.size if tune and tune.swap_hard_limit else None
    if both is not None and (hard is None or both < hard):
        raise InvalidArgument("<swap_hard_limit> is for memory and swap together: it wants a <hard_limit> not above it")
    if host.unified:
        yield from _some("lxc.cgroup2.memory.max", hard)
        yield from _some("lxc.cgroup2.memory.high", soft)
        yield from _some("lxc.cgroup2.memory.min", least)
        if both is not None and hard is not None:
            yield "lxc.cgroup2.memory.swap.max", str(int(both) - int(hard))
        return
    if least is not None:
        raise UnsupportedConfiguration("<min_guarantee> needs cgroups of version 2")
    yield from _some("lxc.cgroup.memory.limit_in_bytes", hard)
    yield from _some("lxc.cgroup.memory.soft_limit_in_bytes", soft)
    yield from _some("lxc.cgroup.memory.memsw.limit_in_bytes", both)


def _some(key: str, value: int | None) -> Settings:
    if value is not None:
        yield key, str(int(value))


def _processors(config: Domain, host: Host) -> Settings:
    tune = config.cputune
    prefix = "lxc.cgroup2" if host.unified else "lxc.cgroup"
    if tune is not None and host.unified:
        yield from _some("lxc.cgroup2.cpu.weight", tune.shares)
        if tune.quota is not None or tune.period is not None:
            quota = "max" if tune.quota is None or tune.quota <= 0 else str(tune.quota)
            yield "lxc.cgroup2.cpu.max", f"{quota} {tune.period or 100000}"
    elif tune is not None:
        yield from _some("lxc.cgroup.cpu.shares", tune.shares)
        yield from _some("lxc.cgroup.cpu.cfs_period_us", tune.period)
        yield from _some("lxc.cgroup.cpu.cfs_quota_us", tune.quota)
    if config.vcpu and config.vcpu.cpuset:
        yield f"{prefix}.cpuset.cpus", config.vcpu.cpuset
    memory = config.numatune.memory if config.numatune else None
    if memory is not None and memory.nodeset:
        if memory.mode not in (None, "strict", "restrictive"):
            raise UnsupportedConfiguration(f"a container's memory cannot be placed in mode {memory.mode}")
        yield f"{prefix}.cpuset.mems", memory.nodeset


THROTTLES = (
    ("read_bytes_sec", "read_bps", "rbps"),
    ("write_bytes_sec", "write_bps", "wbps"),
    ("read_iops_sec", "read_iops", "riops"),
    ("write_iops_sec", "write_iops", "wiops"),
)
"""Field of a device of ``<blkiotune>``, its name in the version 1 key, its name in ``io.max`` of version 2."""


def _block(config: Domain, host: Host) -> Settings:
    tune = config.blkiotune
    if tune is None:
        return
    weight = "lxc.cgroup2.io.weight" if host.unified else "lxc.cgroup.blkio.weight"
    yield from _some(weight, tune.weight)
    for device in tune.devices:
        number = host.device_number(device.path).partition(" ")[2]
        limits = [(old, new, value) for name, old, new in THROTTLES if (value := getattr(device, name)) is not None]
        if host.unified:
            if device.weight is not None:
                yield weight, f"{number} {device.weight}"
            if limits:
                yield "lxc.cgroup2.io.max", " ".join([number, *(f"{new}={value or 'max'}" for _, new, value in limits)])
            continue
        if device.weight is not None:
            yield "lxc.cgroup.blkio.weight_device", f"{number} {device.weight}"
        for old, _, value in limits:
            yield f"lxc.cgroup.blkio.throttle.{old}_device", f"{number} {value}"


def _labels(config: Domain) -> Settings:
    for label in config.seclabels:
        if label.type != "static":
            continue
        value = getattr(label, "label", None)
        match label.model:
            case "apparmor" if value:
                yield "lxc.apparmor.profile", str(value)
            case "selinux" if value:
                yield "lxc.selinux.context", str(value)
            case _:
                raise UnsupportedConfiguration(f"liblxc sets no label of the security model {label.model!r}")
