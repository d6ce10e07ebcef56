"""Where a driver keeps what it must remember, for the system, for one user, or in a tree of the caller's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polyvisor.errors import HostError, InvalidArgument
from polyvisor.state.disk import make_private_directory, reported

EVERYBODYS = "/etc/polyvisor"
"""The directory of the configuration of the whole host."""

LONGEST_SOCKET_PATH = 107
"""Bytes a UNIX socket's address holds on Linux, less the closing NUL (unix(7), ``sun_path``)."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The directories of one driver in one scope; none exists before something is kept in it.

    :param config: documents of the objects defined, and their flags.
    :param state: data as lasting as the objects: firmware variables, saved guests.
    :param run: what a reboot may discard: status, locks, sockets, pid files.
    :param log: output of hypervisors and consoles.
    :param cache: what can be found out again: probed capabilities.
    """

    config: Path
    state: Path
    run: Path
    log: Path
    cache: Path

    @classmethod
    def system(cls, driver: str) -> Paths:
        """Below /etc, /var/lib, /run, /var/log and /var/cache: one for the whole host."""
        return cls(
            config=Path(EVERYBODYS, driver),
            state=Path("/var/lib/polyvisor", driver),
            run=Path("/run/polyvisor", driver),
            log=Path("/var/log/polyvisor", driver),
            cache=Path("/var/cache/polyvisor", driver),
        )

    @classmethod
    def session(cls, driver: str) -> Paths:
        """One for the user, by the XDG base directory specification.

        Where no run-time directory exists (neither ``$XDG_RUNTIME_DIR`` nor ``/run/user/UID``), the state directory
        holds run-time state as well; locks tell what of it outlived a reboot."""
        state = _xdg("XDG_STATE_HOME", ".local/state") / "polyvisor" / driver
        runtime = _runtime_directory()
        return cls(
            config=_xdg("XDG_CONFIG_HOME", ".config") / "polyvisor" / driver,
            state=state,
            run=runtime / "polyvisor" / driver if runtime else state / "run",
            log=state / "log",
            cache=_xdg("XDG_CACHE_HOME", ".cache") / "polyvisor" / driver,
        )

    @classmethod
    def embedded(cls, driver: str, root: str | os.PathLike[str]) -> Paths:
        """Everything below ``root``, apart from the system's and the user's.

        Raises InvalidArgument for a relative path."""
        base = Path(root)
        if not base.is_absolute():
            raise InvalidArgument(f"the root {os.fspath(root)!r} is not an absolute path")
        base = base / driver
        return cls(
            config=base / "config", state=base / "state", run=base / "run", log=base / "log", cache=base / "cache"
        )

    def create(self) -> None:
        """Make the directories that are missing, for the owner alone (0700). Raises HostError.

        All users read the configuration in :data:`EVERYBODYS`, so that one is made for all of them."""
        if self.config.parent == Path(EVERYBODYS):
            with reported("create directory", EVERYBODYS):
                self.config.parent.mkdir(mode=0o755, exist_ok=True)
        for path in (self.config, self.state, self.run, self.log, self.cache):
            make_private_directory(path)

    def socket(self, *names: str) -> Path:
        """A path for a UNIX socket ``run/NAMES...`` that is short enough to be its address.

        Where the plain path is too long, it leads through a short symbolic link to the run directory, the same one
        for every process. Raises HostError if even that is too long."""
        plain = self.run.joinpath(*names)
        if _fits(plain):
            return plain
        short = self._short_run().joinpath(*names)
        if not _fits(short):
            raise HostError(
                f"the path of the socket {plain} is longer than the {LONGEST_SOCKET_PATH} bytes its address may have",
                hint="use a shorter root directory",
            )
        return short

    def _short_run(self) -> Path:
        import hashlib  # seldom needed and slow to import

        base = Path("/run") if os.geteuid() == 0 else _runtime_directory()
        if base is None:
            raise HostError(
                f"{self.run} is too long for the sockets in it, and there is no run-time directory for short links",
                hint="use a shorter root directory, or set XDG_RUNTIME_DIR",
            )
        link = base / "polyvisor" / "s" / hashlib.sha256(os.fsencode(self.run)).hexdigest()[:12]
        make_private_directory(link.parent)
        with reported("create symbolic link", link):
            try:
                link.symlink_to(self.run)
            except FileExistsError:
                if os.readlink(link) != os.fspath(self.run):
                    raise
        return link


@contextmanager
def reachable(path: str | os.PathLike[str]) -> Iterator[str]:
    """An address by which this process can bind or connect to the socket at ``path``, however long that is.

    A long path is reached through a descriptor of its directory; the address is good inside the block only."""
    if _fits(path):
        yield os.fspath(path)
        return
    directory, name = os.path.split(os.fspath(path))
    with reported("open", directory):
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _fits(path: str | os.PathLike[str]) -> bool:
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # the specification tells to ignore relative paths
    return Path(value) if os.path.isabs(value) else Path.home() / fallback


def _runtime_directory() -> Path | None:
    value = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(value):
        return Path(value)
    usual = Path("/run/user", str(os.getuid()))
    try:
        return usual if usual.stat().st_uid == os.getuid() else None
    except OSError:
        return None
