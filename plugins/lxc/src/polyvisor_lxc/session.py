"""An open connection: where its containers are kept."""

from __future__ import annotations

import logging
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import ConnectFailed, InvalidArgument, InvalidURI, NoSuchDomain, PolyvisorError
from polyvisor.spi import URI, ConnectContext, DomainRef, Session
from polyvisor.state import Entry, ObjectStore, Paths

if TYPE_CHECKING:
    from polyvisor_lxc.cgroups import Hierarchies
    from polyvisor_lxc.watcher import Watcher

log = logging.getLogger(__name__)

_FLUSH = 1.0
"""Seconds that a slow listener may hold up whoever causes an event."""


class LxcSession(Session):
    """A session on the guests below one set of directories.

    Holds no lock and no descriptor: other sessions and processes work on the same guests at the same time.
    """

    def __init__(self, uri: URI, context: ConnectContext, paths: Paths) -> None:
        super().__init__(uri, context)
        self.paths = paths
        self.store = ObjectStore(paths, "domain", missing=NoSuchDomain)
        self._lock = threading.Lock()
        self._watcher: Watcher | None = None
        self._tied: set[UUID] = set()

    @cached_property
    def hierarchies(self) -> Hierarchies:
        """The control groups of this host."""
        from polyvisor_lxc.cgroups import hierarchies

        return hierarchies()

    def entry(self, domain: DomainRef) -> Entry | None:
        """The stored configuration of ``domain``, None when it has none."""
        return self.store.find(uuid=domain.uuid)

    def files(self, uuid: UUID) -> GuestFiles:
        """Where the run-time files of a guest are."""
        return GuestFiles(self.paths, uuid)

    def tie(self, uuid: UUID) -> None:
        """Destroy the guest when this session closes."""
        with self._lock:
            self._tied.add(uuid)

    def watch(self, enabled: bool) -> None:
        """Begin or stop to put what happens to the guests into the session's events."""
        from polyvisor_lxc.watcher import Watcher

        with self._lock:
            former, self._watcher = self._watcher, None
            if enabled:
                self._watcher = former or Watcher(self)
                former = None
        if former is not None:
            former.stop()

    def flush(self) -> None:
        """Have what this session has just done reported before it returns, so that its events come in order."""
        if (watcher := self._watcher) is not None:
            watcher.flush(_FLUSH)

    def close(self) -> None:
        for uuid in self._tied:
            self._let_go(uuid)
        if self._watcher is not None:
            self._watcher.stop()

    def _let_go(self, uuid: UUID) -> None:
        from polyvisor_lxc import lifecycle

        try:
            lifecycle.destroy_tied(self, uuid)
        except PolyvisorError as error:
            log.warning("the guest %s was to end with its connection and could not be stopped: %s", uuid, error)


LXCPATH = "/run"
"""The directory of containers that liblxc is told. It has to be one that the ids of a container can enter, which our
own directories are not; nothing is kept there."""


class GuestFiles:
    """The run-time files of one container; its directory exists while it runs.

    ``config`` is what liblxc is told, ``seccomp`` its policy, ``journal`` liblxc's log (see
    :mod:`polyvisor_lxc.journal`), ``pid`` the number of its monitor, ``live`` the live document, ``console`` what the
    container prints on its console, ``overlays`` its snapshots. liblxc knows the container by its UUID below
    ``lxcpath``, where it keeps nothing.

    ``hook`` is what the monitor runs when the container has stopped, ``wishes`` what shall follow then, ``stopped``
    that it was run, ``rebooting`` that a new start follows (see :mod:`polyvisor_lxc.endings`)."""

    __slots__ = (
        "config",
        "console",
        "directory",
        "hook",
        "journal",
        "live",
        "lxcpath",
        "overlays",
        "pid",
        "rebooting",
        "seccomp",
        "stopped",
        "uuid",
        "wishes",
    )

    def __init__(self, paths: Paths, uuid: UUID) -> None:
        self.uuid = uuid
        self.lxcpath = LXCPATH
        self.directory = f"{paths.run}/guests/{uuid}"
        self.config = f"{self.directory}/config"
        self.journal = f"{self.directory}/journal"
        self.pid = f"{self.directory}/pid"
        self.live = f"{self.directory}/live.xml"
        self.seccomp = f"{self.directory}/seccomp"
        self.hook = f"{self.directory}/ended"
        self.wishes = f"{self.directory}/wishes"
        self.rebooting = f"{self.directory}/rebooting"
        self.stopped = f"{self.directory}/stopped"
        self.console = f"{paths.log}/{uuid}.console.log"
        self.overlays = f"{paths.state}/snapshots/{uuid}"


def open_session(uri: URI, context: ConnectContext) -> LxcSession:
    """The session of ``lxc:///session``, ``lxc:///system`` or ``lxc:///embed?root=DIR``.

    Raises InvalidURI for any other, ConnectFailed when the state directories cannot be used."""
    paths = _paths(uri)
    session = LxcSession(uri, context, paths)
    if not context.read_only:
        from polyvisor_lxc import recovery

        try:
            recovery.recover(session)
        except PolyvisorError as error:
            raise ConnectFailed(f"cannot open {uri}: {error.message}", driver="lxc", hint=error.hint) from error
    return session


def _paths(uri: URI) -> Paths:
    if uri.host or uri.transport:
        raise InvalidURI(
            f"{uri} names another host or a transport",
            driver="lxc",
            hint="this driver manages the guests of this host",
        )
    match uri.path:
        case "/session":
            uri.reject_unknown_options()
            return Paths.session("lxc")
        case "/system":
            uri.reject_unknown_options()
            if os.geteuid() != 0:
                raise ConnectFailed(
                    "lxc:///system needs root: there is no daemon that would act for you",
                    driver="lxc",
                    hint="use lxc:///session, or run as root",
                )
            return Paths.system("lxc")
        case "/embed":
            uri.reject_unknown_options("root")
            return _embedded(uri)
    raise InvalidURI(
        f"{uri} is no place the lxc driver knows",
        driver="lxc",
        hint="use lxc:///session, lxc:///system or lxc:///embed?root=DIR",
    )


def _embedded(uri: URI) -> Paths:
    root = uri.option("root")
    if not root:
        raise InvalidURI("lxc:///embed needs a directory", driver="lxc", hint="write lxc:///embed?root=DIR")
    try:
        return Paths.embedded("lxc", Path(root))
    except InvalidArgument as error:
        raise InvalidURI(error.message, driver="lxc", hint="write an absolute path") from error
