"""A session on guests of this host: where they are kept, and what their driver knows of them."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self
from uuid import UUID

from polyvisor.errors import ConnectFailed, InvalidArgument, InvalidURI, NoSuchDomain, PolyvisorError
from polyvisor.local.guests import AnyLook
from polyvisor.operations.session import ConnectContext, Session
from polyvisor.state import Entry, ObjectStore, Paths

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.operations.records import DomainRef
    from polyvisor.uri import URI

log = logging.getLogger(__name__)

_FLUSH = 1.0
"""Seconds that a slow listener may hold up whoever causes an event."""


class Watching(Protocol):
    """What tells a session about its guests, from when it is made until it is stopped."""

    def stop(self) -> None:
        """Stop watching; when this returns no further event is reported."""

    def flush(self, timeout: float) -> None:
        """Return when everything that has happened until now was reported, or after ``timeout`` seconds."""


class LocalSession(Session, ABC, Generic[AnyLook]):
    """A session on the guests below one set of directories.

    Holds no lock and no descriptor: other sessions and processes work on the same guests at the same time. Drivers
    subclass it and say how they look at a guest, read its documents, watch all of them and end one.
    """

    def __init__(self, uri: URI, context: ConnectContext, paths: Paths) -> None:
        super().__init__(uri, context)
        self.paths = paths
        self.store = ObjectStore(paths, "domain", missing=NoSuchDomain)
        self._lock = threading.Lock()
        self._watcher: Watching | None = None
        self._tied: set[UUID] = set()

    @classmethod
    def open(cls, uri: URI, context: ConnectContext) -> Self:
        """The session of a URI of :func:`local_paths`, where all is put right that killed processes left.

        Raises InvalidURI for any other, ConnectFailed when the state directories cannot be used."""
        session = cls(uri, context, local_paths(uri))
        if not context.read_only:
            try:
                session.recover()
            except PolyvisorError as error:
                raise ConnectFailed(f"cannot open {uri}: {error.message}", hint=error.hint) from error
        return session

    # -- what drivers say ---------------------------------------------------------------------------------

    @abstractmethod
    def recover(self) -> None:
        """Finish or undo what killed processes have left half done, ``store.recover()`` among it.

        Called at each open. What others are at work on is left alone."""

    @abstractmethod
    def look(self, uuid: UUID) -> AnyLook:
        """The guest as it is now; touches nothing."""

    @abstractmethod
    def examine(self, uuid: UUID, status: dict[str, Any]) -> AnyLook:
        """The guest that has this status record; touches nothing."""

    @abstractmethod
    def settle(self, uuid: UUID) -> AnyLook:
        """Look at a guest whose lock the caller holds, tidying up if it has died or was never quite started."""

    @abstractmethod
    def cpu_time_ns(self, look: AnyLook) -> int | None:
        """The CPU time in nanoseconds that a guest that runs has used since it was started; None if nobody knows."""

    @abstractmethod
    def live(self, uuid: UUID) -> str:
        """The path of the live document of a running guest."""

    @abstractmethod
    def parse(self, document: bytes) -> Domain:
        """The model of a document that was checked when it was stored."""

    @abstractmethod
    def watcher(self) -> Watching:
        """Begin to put what happens to the guests into the session's events."""

    @abstractmethod
    def end(self, look: AnyLook) -> None:
        """Stop a guest that runs at once; the caller holds its lock."""

    # -- what every session has -----------------------------------------------------------------------------

    def saved(self, uuid: UUID) -> bool:
        """Whether a guest has a managed save image. None has with a driver that does not say so by a method here."""
        return False

    def readable(self) -> bool:
        """Whether the user may read what is kept of the guests, if anything is."""
        return not self.paths.config.exists() or os.access(self.paths.config, os.R_OK | os.X_OK)

    def entry(self, domain: DomainRef) -> Entry | None:
        """The stored configuration of ``domain``, None when it has none."""
        return self.store.find(uuid=domain.uuid)

    def tie(self, uuid: UUID) -> None:
        """Destroy the guest when this session closes."""
        with self._lock:
            self._tied.add(uuid)

    def watch(self, enabled: bool) -> None:
        """Begin or stop to put what happens to the guests into the session's events."""
        with self._lock:
            former, self._watcher = self._watcher, None
            if enabled:
                self._watcher = former or self.watcher()
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
        try:
            with self.store.lock(uuid):
                found = self.settle(uuid)
                if found.alive and found.status is not None and found.status.get("owner"):
                    self.end(found)
        except PolyvisorError as error:
            log.warning("the guest %s was to end with its connection and could not be stopped: %s", uuid, error)


def local_paths(uri: URI) -> Paths:
    """Where the guests of ``SCHEME:///session``, ``SCHEME:///system`` or ``SCHEME:///embed?root=DIR`` are kept.

    Raises InvalidURI for any other, ConnectFailed when the user may not have those of the system."""
    if uri.host or uri.transport:
        raise InvalidURI(f"{uri} names another host or a transport", hint="this driver manages the guests of this host")
    name = uri.scheme
    match uri.path:
        case "/session":
            uri.reject_unknown_options()
            return Paths.session(name)
        case "/system":
            uri.reject_unknown_options()
            if os.geteuid() != 0:
                raise ConnectFailed(
                    f"{name}:///system needs root: there is no daemon that would act for you",
                    hint=f"use {name}:///session, or run as root",
                )
            return Paths.system(name)
        case "/embed":
            uri.reject_unknown_options("root")
            return _embedded(uri)
    raise InvalidURI(
        f"{uri} is no place the {name} driver knows",
        hint=f"use {name}:///session, {name}:///system or {name}:///embed?root=DIR",
    )


def _embedded(uri: URI) -> Paths:
    root = uri.option("root")
    if not root:
        raise InvalidURI(f"{uri.scheme}:///embed needs a directory", hint=f"write {uri.scheme}:///embed?root=DIR")
    try:
        return Paths.embedded(uri.scheme, Path(root))
    except InvalidArgument as error:
        raise InvalidURI(error.message, hint="write an absolute path") from error
