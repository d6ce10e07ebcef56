"""What a running container is, seen from the host: its name, addresses, file systems, users. Nothing is run inside.

Files of the container are read below its root in /proc, each opened without following links out of it
(openat2(2), RESOLVE_IN_ROOT); what they say is untrusted and bounded in size.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
from collections.abc import Collection, Iterator
from typing import Any

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, UnsupportedOption
from polyvisor.operations.guest import (
    AddressSource,
    GuestAddress,
    GuestFilesystem,
    GuestInfo,
    GuestInfoGroup,
    GuestInterface,
)
from polyvisor.spi import DomainRef
from polyvisor_lxc import guests, kernel, tools
from polyvisor_lxc.session import LxcSession

_LONGEST = 256 * 1024
"""Bytes that are read of a file of a container."""

_TIME = 10.0
_OPENAT2 = 437
_RESOLVE_IN_ROOT, _RESOLVE_NO_MAGICLINKS = 0x10, 0x02
_PSEUDO = frozenset("proc sysfs cgroup cgroup2 devpts mqueue securityfs debugfs tracefs bpf pstore configfs".split())


class _OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


_library = ctypes.CDLL(None, use_errno=True)


def open_inside(init: int, path: str, flags: int = os.O_RDONLY, mode: int = 0) -> int:
    """A descriptor of a file of a container; links lead nowhere outside of it. Raises OSError."""
    root = os.open(f"/proc/{init}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        resolve = _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS
        waiting = 0 if flags & os.O_PATH else os.O_NONBLOCK  # a pipe of the container must not hold us up
        how = _OpenHow(flags | os.O_CLOEXEC | waiting, mode, resolve)
        found = _library.syscall(_OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if found < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return int(found)
    finally:
        os.close(root)


def read_inside(init: int, path: str) -> str | None:
    """The text of a file of a container; None where there is none, or it is no ordinary file."""
    import stat

    try:
        descriptor = open_inside(init, path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ESRCH, errno.ENXIO):
            return None
        raise HypervisorError(f"cannot read {path} of the container: {error.strerror}", driver="lxc") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, _LONGEST).decode(errors="replace")
    finally:
        os.close(descriptor)


# -- who and where ----------------------------------------------------------------------------------------


def hostname(session: LxcSession, domain: DomainRef, source: AddressSource) -> str:
    """The name that the container's kernel namespace has."""
    if AddressSource(source) is not AddressSource.AGENT:
        raise UnsupportedOption(f"a container's name is not told by {source}", driver="lxc", hint="use source=agent")
    return _hostname(guests.require_init(session, domain)[1])


def _hostname(init: int) -> str:
    answer = tools.run([*tools.entering(init, "uts"), tools.find("hostname")], timeout=_TIME)
    if answer.code:
        raise HypervisorError(f"the container's name cannot be read: {answer.errors.strip()}", driver="lxc")
    return answer.output.strip()


def interfaces(session: LxcSession, domain: DomainRef, source: AddressSource) -> list[GuestInterface]:
    """The network devices of the container, by who is asked: its own namespace, the host's neighbours, or a lease.

    No DHCP server of ours gives leases to containers, so nobody has one."""
    _, init = guests.require_init(session, domain)
    match AddressSource(source):
        case AddressSource.AGENT:
            return _interfaces(init)
        case AddressSource.ARP:
            return _neighbours(session, domain)
    return []


def _neighbours(session: LxcSession, domain: DomainRef) -> list[GuestInterface]:
    """What the host's table of neighbours says of the container's hardware addresses (ip-neighbour(8))."""
    from polyvisor.local import configuration

    answer = tools.run([tools.find("ip"), "-json", "neighbour", "show"], timeout=_TIME)
    rows: list[dict[str, Any]] = json.loads(answer.output or "[]") if not answer.code else []
    held: Any = configuration.read_live(session, domain).devices
    found = []
    for device in held.interfaces:
        mac = str(device.mac.address).lower() if device.mac is not None else None
        known = [str(row["dst"]) for row in rows if mac is not None and row.get("lladdr") == mac]
        end = device.target.dev if device.target is not None and device.target.dev else "net"
        found.append(GuestInterface(end, mac, tuple(_neighbour(address) for address in known)))
    return [one for one in found if one.addresses]


def _neighbour(address: str) -> GuestAddress:
    return GuestAddress("ipv6", address, 128) if ":" in address else GuestAddress("ipv4", address, 32)


def _interfaces(init: int) -> list[GuestInterface]:
    command = [*tools.entering(init, "net"), tools.find("ip"), "-json", "address", "show"]
    answer = tools.run(command, timeout=_TIME)
    if answer.code:
        raise HypervisorError(f"the container's addresses cannot be read: {answer.errors.strip()}", driver="lxc")
    rows: list[dict[str, Any]] = json.loads(answer.output or "[]")
    return [
        GuestInterface(
            row["ifname"],
            row.get("address") if ":" in str(row.get("address")) else None,
            tuple(
                GuestAddress("ipv6" if one["family"] == "inet6" else "ipv4", one["local"], one["prefixlen"])
                for one in row.get("addr_info", ())
                if "local" in one
            ),
        )
        for row in rows
        if row
    ]


# -- file systems -----------------------------------------------------------------------------------------


def filesystems(session: LxcSession, domain: DomainRef) -> list[GuestFilesystem]:
    """What is mounted in the container, without the kernel's own file systems."""
    return list(_filesystems(guests.require_init(session, domain)[1]))


def _filesystems(init: int) -> Iterator[GuestFilesystem]:
    try:
        with open(f"/proc/{init}/mounts", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise InvalidState("the container has just stopped", driver="lxc") from error
    seen = set()
    for line in lines:
        device, point, kind = (_unescaped(word) for word in line.split()[:3])
        if kind in _PSEUDO or point in seen or point.startswith(("/dev/", "/proc/", "/sys/")) or point == "/dev":
            continue
        seen.add(point)
        total, used = _usage(init, point)
        yield GuestFilesystem(point, device, kind, (), total, used)


def _usage(init: int, point: str) -> tuple[int | None, int | None]:
    try:
        descriptor = open_inside(init, point, os.O_PATH)
    except OSError:
        return None, None
    try:
        found = os.statvfs(descriptor)
    except OSError:
        return None, None
    finally:
        os.close(descriptor)
    return found.f_blocks * found.f_frsize, (found.f_blocks - found.f_bfree) * found.f_frsize


def _unescaped(word: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word


def trim(session: LxcSession, domain: DomainRef, mountpoint: str | None, minimum: int) -> None:
    """Give back what images of the container do not use (FITRIM): those of its own, never the host's file systems."""
    from polyvisor.local import configuration

    if minimum < 0:
        raise InvalidArgument(f"{minimum} bytes are no least length", driver="lxc")
    _, init = guests.require_init(session, domain)
    held: Any = configuration.read_live(session, domain).devices
    own = [one.target.dir for one in held.filesystems if one.type in ("file", "block") and not one.readonly]
    if mountpoint is not None and mountpoint not in own:
        raise InvalidArgument(
            f"{domain} has no image or device of its own at {mountpoint!r}", target=str(domain), driver="lxc"
        )
    for point in [mountpoint] if mountpoint is not None else own:
        descriptor = open_inside(init, point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            kernel.trim(descriptor, minimum)
        finally:
            os.close(descriptor)


# -- all together -----------------------------------------------------------------------------------------


def info(session: LxcSession, domain: DomainRef, groups: Collection[GuestInfoGroup], *, enforce: bool) -> GuestInfo:
    """What can be told of the system inside."""
    _, init = guests.require_init(session, domain)
    wanted = [GuestInfoGroup(group) for group in groups] or list(_TELLING)
    unknown = [group.value for group in wanted if group not in _TELLING]
    if unknown and enforce:
        raise InvalidArgument(f"nothing is known of {', '.join(unknown)} of a container", driver="lxc")
    values: dict[str, int | float | bool | str] = {}
    for group in wanted:
        if group in _TELLING:
            values |= _TELLING[group](init)
    return GuestInfo(values)


_OS_NAMES = {
    "ID": "id",
    "NAME": "name",
    "PRETTY_NAME": "pretty-name",
    "VERSION": "version",
    "VERSION_ID": "version-id",
    "VARIANT": "variant",
    "VARIANT_ID": "variant-id",
}


def _os(init: int) -> dict[str, Any]:
    text = read_inside(init, "/etc/os-release") or read_inside(init, "/usr/lib/os-release") or ""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    said = {f"os.{ours}": found[theirs].strip().strip("\"'") for theirs, ours in _OS_NAMES.items() if theirs in found}
    host = os.uname()
    return {**said, "os.kernel-release": host.release, "os.kernel-version": host.version, "os.machine": host.machine}


def _timezone(init: int) -> dict[str, Any]:
    name = (read_inside(init, "/etc/timezone") or "").strip()
    return {"timezone.name": name} if name else {}


def _name(init: int) -> dict[str, Any]:
    return {"hostname": _hostname(init)}


def _mounted(init: int) -> dict[str, Any]:
    found = list(_filesystems(init))
    values: dict[str, Any] = {"fs.count": len(found)}
    for number, one in enumerate(found):
        told = {"mountpoint": one.mountpoint, "name": one.name, "fstype": one.type}
        sizes = {"total-bytes": one.total, "used-bytes": one.used}
        values |= {f"fs.{number}.{name}": value for name, value in {**told, **sizes}.items() if value is not None}
    return values


def _network(init: int) -> dict[str, Any]:
    found = _interfaces(init)
    values: dict[str, Any] = {"if.count": len(found)}
    for number, one in enumerate(found):
        values[f"if.{number}.name"] = one.name
        if one.mac is not None:
            values[f"if.{number}.hwaddr"] = one.mac
        values[f"if.{number}.addr.count"] = len(one.addresses)
        for place, address in enumerate(one.addresses):
            values[f"if.{number}.addr.{place}.type"] = address.family
            values[f"if.{number}.addr.{place}.addr"] = address.address
            values[f"if.{number}.addr.{place}.prefix"] = address.prefix
    return values


_TELLING = {
    GuestInfoGroup.OS: _os,
    GuestInfoGroup.TIMEZONE: _timezone,
    GuestInfoGroup.HOSTNAME: _name,
    GuestInfoGroup.FILESYSTEMS: _mounted,
    GuestInfoGroup.INTERFACES: _network,
}
