"""An open connection: where its guests are kept and what is known of the emulators."""

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
    from polyvisor_qemu.probe import Answers
    from polyvisor_qemu.watcher import Watcher

log = logging.getLogger(__name__)


class QemuSession(Session):
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
    def answers(self) -> Answers:
        """What the emulators of this host can do."""
        from polyvisor_qemu.probe import Answers

        return Answers(self.paths.cache)

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
        from polyvisor_qemu.watcher import Watcher

        with self._lock:
            former, self._watcher = self._watcher, None
            if enabled:
                self._watcher = former or Watcher(self)
                former = None
        if former is not None:
            former.stop()

    def close(self) -> None:
        for uuid in self._tied:
            self._let_go(uuid)
        if self._watcher is not None:
            self._watcher.stop()

    def _let_go(self, uuid: UUID) -> None:
        from polyvisor_qemu import lifecycle

        try:
            lifecycle.destroy_tied(self, uuid)
        except PolyvisorError as error:
            log.warning("the guest %s was to end with its connection and could not be stopped: %s", uuid, error)


class GuestFiles:
    """The run-time files of one guest; its directory exists while it runs.

    ``monitor`` is QEMU's QMP socket, ``journal`` the events it wrote down (see :mod:`polyvisor_qemu.journal`),
    ``alive`` the lock that its process holds, ``live`` its live document, ``log`` what QEMU says on stderr.
    """

    __slots__ = (
        "_paths",
        "alive",
        "directory",
        "handshake",
        "journal",
        "live",
        "log",
        "logs",
        "monitor",
        "pipe",
        "uuid",
        "variables",
    )

    def __init__(self, paths: Paths, uuid: UUID) -> None:
        self.uuid = uuid
        self.directory = f"{paths.run}/guests/{uuid}"
        self.monitor = f"{self.directory}/monitor"
        self.pipe = f"{self.directory}/events"
        self.handshake = f"{self.pipe}.in"
        self.journal = f"{self.pipe}.out"
        self.alive = f"{self.directory}/alive"
        self.live = f"{self.directory}/live.xml"
        self.logs = os.fspath(paths.log)
        self.variables = f"{paths.state}/nvram/{uuid}.fd"
        self._paths = paths
        self.log = f"{self.logs}/{uuid}.log"

    def socket(self, name: str) -> str:
        """A path for a socket of that name, short enough for the kernel."""
        return os.fspath(self._paths.socket("guests", str(self.uuid), name))

    def console_log(self, alias: str) -> str:
        """Where QEMU logs the output of the character device ``alias``."""
        return f"{self.logs}/{self.uuid}.{alias}.log"


def open_session(uri: URI, context: ConnectContext) -> QemuSession:
    """The session of ``qemu:///session``, ``qemu:///system`` or ``qemu:///embed?root=DIR``.

    Raises InvalidURI for any other, ConnectFailed when the state directories cannot be used."""
    paths = _paths(uri)
    session = QemuSession(uri, context, paths)
    if not context.read_only:
        from polyvisor_qemu import recovery

        try:
            recovery.recover(session)
        except PolyvisorError as error:
            raise ConnectFailed(f"cannot open {uri}: {error.message}", driver="qemu", hint=error.hint) from error
    return session


def _paths(uri: URI) -> Paths:
    if uri.host or uri.transport:
        raise InvalidURI(
            f"{uri} names another host or a transport",
            driver="qemu",
            hint="this driver manages the guests of this host",
        )
    match uri.path:
        case "/session":
            uri.reject_unknown_options()
            return Paths.session("qemu")
        case "/system":
            uri.reject_unknown_options()
            if os.geteuid() != 0:
                raise ConnectFailed(
                    "qemu:///system needs root: there is no daemon that would act for you",
                    driver="qemu",
                    hint="use qemu:///session, or run as root",
                )
            return Paths.system("qemu")
        case "/embed":
            uri.reject_unknown_options("root")
            return _embedded(uri)
    raise InvalidURI(
        f"{uri} is no place the qemu driver knows",
        driver="qemu",
        hint="use qemu:///session, qemu:///system or qemu:///embed?root=DIR",
    )


def _embedded(uri: URI) -> Paths:
    root = uri.option("root")
    if not root:
        raise InvalidURI("qemu:///embed needs a directory", driver="qemu", hint="write qemu:///embed?root=DIR")
    try:
        return Paths.embedded("qemu", Path(root))
    except InvalidArgument as error:
        raise InvalidURI(error.message, driver="qemu", hint="write an absolute path") from error
