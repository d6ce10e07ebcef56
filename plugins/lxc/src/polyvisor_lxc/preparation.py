"""From a document to what is started: what of the host it depends on, and whether that is there."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.local import configuration
from polyvisor_lxc import confinement, limits, networks, staging, tools, translation

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.session import GuestFiles, LxcSession

_LINKS = 16


def plan(session: LxcSession, running: Domain, *, paused: bool = False) -> translation.Plan:
    """What liblxc is told of a container that is to be started. Raises UnsupportedConfiguration."""
    files = session.files(configuration.identity(running))
    held: Any = running.devices
    first = held.consoles[0] if held.consoles else None
    place = translation.Place(
        hierarchies=session.hierarchies,
        ids=confinement.id_range(running.id or 0) if _maps_ids(running) else None,
        owner=None if os.geteuid() == 0 else (os.geteuid(), os.getegid()),
        directory=files.directory,
        console=first.log.file if first is not None and first.log is not None else files.console,
        seccomp=files.seccomp,
        journal=files.journal,
        hook=files.hook,
        hold=holding_script(files) if paused else "",
        idmapped_root=tools.version() >= tools.IDMAPPED_ROOT,
        apparmor=os.path.isdir("/sys/kernel/security/apparmor"),
        namespace=lambda kind, name: _namespace(session, kind, name),
    )
    return translation.compose(running, place)


def holding_script(files: GuestFiles) -> str:
    """The script that holds a container before its init."""
    return f"{files.directory}/hold"


def holding(session: LxcSession, files: GuestFiles) -> str:
    """What the script says: to run :mod:`.holding`, the first time only, for liblxc runs it again at a reboot.

    Raises UnsupportedConfiguration where control groups cannot be frozen."""
    where = session.hierarchies
    if (version := where.version("freezer")) is None:
        raise UnsupportedConfiguration(
            "this host has no control groups that could be frozen, so that no container can begin paused",
            driver="lxc",
            hint="mount the freezer hierarchy, or control groups of version 2",
        )
    group = (
        ("freezer", where.v1["freezer"], "freezer.state", "FROZEN")
        if version == 1
        else ("", where.v2 or "", "cgroup.freeze", "1")
    )
    program = [sys.executable or "python3", "-I", "-S", str(Path(__file__).with_name("holding.py")), *group]
    mark = shlex.quote(f"{files.directory}/held")
    return f"[ ! -e {mark} ] || exit 0\n: > {mark}\nexec {shlex.join(program)}\n"


def _namespace(session: LxcSession, kind: str, name: str) -> str:
    """A namespace of another container, which must run, as the pid of its init."""
    from polyvisor.local import listing
    from polyvisor_lxc import guests

    domain = listing.lookup(session, name=name, uuid=None, id=None)
    return str(guests.require_init(session, domain)[1])


def check(session: LxcSession, running: Domain, made: translation.Plan) -> None:
    """Raise UnsupportedConfiguration for what would fail in the middle of a start, or would not be as it says."""
    limits.require(running, session.hierarchies)
    held: Any = running.devices
    for one in held.filesystems:
        _check_source(one)
    networks.check(running)
    if made.root is not None:
        _check_init(made.root, made.command[0])


def shifted(config: Domain) -> bool:
    """Whether directories of the host are shown with the ids of the container, which it owns no others of.

    Only root may have that; the containers of other users have their user for root instead."""
    return _maps_ids(config) and os.geteuid() == 0


def _maps_ids(config: Domain) -> bool:
    return confinement.of(config).userns and config.idmap is None


def check_device(device: Any) -> None:
    """Raise UnsupportedConfiguration for a device whose counterpart on the host is missing."""
    if device.tag == "filesystem":
        _check_source(device)
    elif device.tag in ("interface", "hostdev"):
        networks.check_device(device)


def _check_source(one: Any) -> None:
    match one.type:
        case "mount" | "bind":
            path, there = one.source.dir, os.path.exists
        case "file":
            path, there = one.source.file, os.path.isfile
        case "block":
            path, there = one.source.dev, os.path.exists
        case _:
            return
    if not there(path):
        what = "root" if one.target.dir == "/" else "source"
        raise UnsupportedConfiguration(
            f"the {what} {path} of <filesystem> {one.target.dir} does not exist",
            driver="lxc",
            hint="make it, or name another in <source>",
        )
    staging.require_nbd(one)
    if one.type == "file" and not one.readonly and not os.access(path, os.W_OK):
        raise UnsupportedConfiguration(
            f"the image {path} of <filesystem> {one.target.dir} cannot be written",
            driver="lxc",
            hint="write <readonly/>, or let it be written to",
        )


def _check_init(root: str, init: str) -> None:
    path = inside(root, init)
    if path is None or not os.path.isfile(path):
        raise UnsupportedConfiguration(
            f"the root {root} has no program {init}", driver="lxc", hint="name the container's init in <os><init>"
        )
    if not os.stat(path).st_mode & 0o111:
        raise UnsupportedConfiguration(
            f"{init} below {root} cannot be executed", driver="lxc", hint=f"allow it (chmod +x {path})"
        )


def inside(root: str, path: str) -> str | None:
    """A path of the container as one of the host, symbolic links followed as the container would; None for no such."""
    parts, where, links = [part for part in path.split("/") if part], "", 0
    while parts:
        part = parts.pop(0)
        if part in (".", ".."):
            where = where.rpartition("/")[0] if part == ".." else where
            continue
        here = f"{root.rstrip('/')}{where}/{part}"
        try:
            target = os.readlink(here)
        except OSError:
            where = f"{where}/{part}"
            continue
        links += 1
        if links > _LINKS:
            return None
        parts = [step for step in target.split("/") if step] + parts
        where = "" if target.startswith("/") else where
    found = f"{root.rstrip('/')}{where}"
    return found if os.path.lexists(found) else None
