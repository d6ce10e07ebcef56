"""A domain document as a configuration file that a person can run, under the keys of liblxc 3 and later
(lxc.container.conf(5)).

:func:`settings` says what the document says and nothing of where the driver keeps its files or how it confines what
it starts itself (that is :mod:`polyvisor_lxc.translation`). What only the host can tell comes from :class:`Host`.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor_lxc import declared, filesystems, sections
from polyvisor_lxc.cgroups import Hierarchies

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.devices.filesystem import Filesystem

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
        *declared.idmap(config),
        *declared.capabilities(config),
        *_filesystems(config),
        *_networks(config, host),
        *declared.namespaces(config, lambda kind, name: name),
        *_consoles(config),
        *declared.devices(config, 2 if host.unified else 1, host.device_number),
        *_limits(config, host),
        *_labels(config),
        *_start_place(config),
    ]


def _start_place(config: Domain) -> Settings:
    """When it starts among those that start with the host; liblxc waits whole seconds."""
    from polyvisor.operations.startplace import NAMESPACE, read_start_place

    xml = config.metadata.get(NAMESPACE) if config.metadata is not None else None
    if xml is None:
        return
    place = read_start_place(xml)
    yield "lxc.start.order", str(place.order)
    if place.delay is not None:
        yield "lxc.start.delay", str(math.ceil(place.delay))


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
    yield from declared.init(config, host.id_of)
    for variable in system.init_environment:
        yield "lxc.environment", f"{variable.name}={variable.value}"


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


# -- consoles -------------------------------------------------------------------------------------------------


def _consoles(config: Domain) -> Settings:
    consoles = config.devices.consoles if config.devices else []
    for console in consoles:
        if console.type != "pty":
            raise UnsupportedConfiguration(f"a container's console is a pty, not a {console.type}")
    if consoles:
        yield "lxc.tty.max", str(len(consoles))


# -- resources -------------------------------------------------------------------------------------------------


_V1 = Hierarchies(dict.fromkeys(("memory", "cpu", "cpuset", "blkio"), ""), None, frozenset())
_V2 = Hierarchies({}, "", frozenset({"memory", "cpu", "cpuset", "io"}))
"""Hosts of either version that have everything."""


def _limits(config: Domain, host: Host) -> Settings:
    tune, memory = config.memtune, config.numatune.memory if config.numatune else None
    hard, both = (tune.hard_limit, tune.swap_hard_limit) if tune is not None else (None, None)
    if both is not None and (hard is None or both.size < hard.size):
        raise InvalidArgument("<swap_hard_limit> is for memory and swap together: it wants a <hard_limit> not above it")
    if memory is not None and memory.nodeset and memory.mode not in (None, "strict", "restrictive"):
        raise UnsupportedConfiguration(f"a container's memory cannot be placed in mode {memory.mode}")
    yield from declared.limits(
        config,
        _V2 if host.unified else _V1,
        implied=False,
        number=lambda path: host.device_number(path).partition(" ")[2],
    )


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
