"""The SSH keys that users of a container may log in with: ``~/.ssh/authorized_keys``.

Files are read and written in the container's mount namespace, as the user they belong to: links and owners there are
those of the container, and nothing of the host can be reached by them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from polyvisor.errors import HostError, HypervisorError, InvalidArgument
from polyvisor.spi import DomainRef
from polyvisor_lxc import guests, inside, kernel
from polyvisor_lxc.session import LxcSession

Result = TypeVar("Result")

_LONGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Account:
    """A user of the container: numbers there, and home directory."""

    uid: int
    gid: int
    home: str


def keys(session: LxcSession, domain: DomainRef, user: str) -> list[str]:
    """The lines of the user's file that hold keys."""
    _, init = guests.require_init(session, domain)
    account = _account(init, domain, user)
    return _held(_as(init, account, lambda: _read(_path(account))))


def set_keys(
    session: LxcSession, domain: DomainRef, user: str, wanted: Sequence[str], *, append: bool, remove: bool
) -> None:
    """Make these the user's keys, or add them, or take them out."""
    if append and remove:
        raise InvalidArgument("keys cannot be added and taken out at once", driver="lxc")
    for key in wanted:
        if not key.strip() or not key.isprintable() or key.lstrip().startswith("#"):
            raise InvalidArgument(f"{key!r} is not one line with a key", driver="lxc")
    with guests.active(session, domain):
        _, init = guests.require_init(session, domain)
        account = _account(init, domain, user)

        def change() -> None:
            present = _read(_path(account)).splitlines() if append or remove else []
            if remove:
                lines = [line for line in present if line.strip() not in {key.strip() for key in wanted}]
            else:
                lines = [*present, *(key for key in wanted if key not in present)]
            _write(_path(account), "".join(f"{line}\n" for line in lines))

        _as(init, account, change)


def _account(init: int, domain: DomainRef, user: str) -> _Account:
    for line in (inside.read_inside(init, "/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) >= 6 and fields[0] == user and fields[2].isdigit() and fields[3].isdigit():
            return _Account(int(fields[2]), int(fields[3]), fields[5] or "/")
    raise HypervisorError(f"{domain} has no user {user!r}", target=str(domain), driver="lxc")


def _path(account: _Account) -> str:
    return f"{account.home.rstrip('/')}/.ssh/authorized_keys"


def _held(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _as(init: int, account: _Account, work: Callable[[], Result]) -> Result:
    """Call ``work`` among the container's mounts, as the user."""
    owner = (_outside(init, "uid", account.uid), _outside(init, "gid", account.gid))
    try:
        namespace = os.open(f"/proc/{init}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot enter the container: {error.strerror}", driver="lxc") from error
    try:
        return kernel.inside_mounts(namespace, owner, work)
    except OSError as error:
        raise HypervisorError(f"the user's keys cannot be reached: {error}", driver="lxc") from error
    finally:
        os.close(namespace)


def _outside(init: int, kind: str, number: int) -> int:
    """An id of the container as the host has it (``/proc/<pid>/uid_map``)."""
    with open(f"/proc/{init}/{kind}_map", encoding="ascii") as file:
        for line in file:
            there, here, count = (int(word) for word in line.split())
            if there <= number < there + count:
                return here + number - there
    raise HypervisorError(f"the container's {kind} {number} is none of its own", driver="lxc")


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, _LONGEST).decode(errors="replace")
    finally:
        os.close(descriptor)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
    os.replace(new, path)
