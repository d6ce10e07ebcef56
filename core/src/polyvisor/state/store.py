"""The documents of a driver's objects on disk, with their flags, their locks and the status of those that run.

Reading takes no lock. A change of names takes the directory's lock for the moment of the change; a change to one
object is the caller's to guard with :meth:`ObjectStore.lock`. The order is always object first, directory second.
Whatever a process leaves half done when it is killed is finished or undone by :meth:`ObjectStore.recover`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

from polyvisor.errors import AlreadyExists, Busy, HostError, InvalidArgument, NotFound, StateError
from polyvisor.state import naming
from polyvisor.state.atomic import Staged, sweep, write_atomic
from polyvisor.state.disk import DISK, Disk, make_private_directory, reported
from polyvisor.state.header import LONGEST, VERSION, compose, parse
from polyvisor.state.listing import LOCK_FILE, Entry, Listing, Stamp, changing, observe, scan, stamp
from polyvisor.state.locks import locked
from polyvisor.state.paths import Paths
from polyvisor.state.records import Records, uuids

log = logging.getLogger(__name__)

_FORMAT_FILE = ".format"
_LONGEST_FLAG = 64


class ObjectStore:
    """The objects of one kind (``"domain"``) of one driver. Cheap to make; creates nothing before a change needs it.

    :param missing: the error for an object that is not there.
    :param disk: the system calls; tests pass one that fails.
    """

    def __init__(
        self,
        paths: Paths,
        kind: str = "domain",
        *,
        missing: type[NotFound] = NotFound,
        disk: Disk = DISK,
        patience: float = 30.0,
    ) -> None:
        self.kind = kind
        self._directory = os.fspath(paths.config / kind)
        self._missing = missing
        self._disk = disk
        self._patience = patience
        self._records = Records(os.fspath(paths.run / kind), disk)
        self._seen: tuple[Stamp, Listing] | None = None
        self._compatible = False

    # -- reading ------------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """Every object, by name. One directory scan; no file is read. Raises HostError, StateError."""
        return list(self._listing().entries)

    def find(self, *, name: str | None = None, uuid: UUID | None = None) -> Entry | None:
        """The object of that name, of that UUID, or of both; None when there is none."""
        listing = self._listing()
        key = str(uuid) if uuid is not None else None
        if name is not None:
            owner = listing.owners.get(naming.encode(name))
            if owner is None or (key is not None and owner != key):
                return None
            key = owner
        return listing.entry(key) if key is not None else None

    def load(self, entry: Entry) -> bytes:
        """The object's document as it was given to ``put``; follows an object renamed since ``entry`` was found.

        Raises NotFound when it is gone, StateError when its file is damaged."""
        path, content = self._read(entry, whole=True)
        line, _, document = content.partition(b"\n")
        parse(line + b"\n", path)
        return document

    def summary(self, entry: Entry) -> dict[str, Any]:
        """The summary given to ``put``; reads one line of the file. Raises NotFound, StateError."""
        path, line = self._read(entry, whole=False)
        return parse(line, path)[1]

    def _read(self, entry: Entry, *, whole: bool) -> tuple[str, bytes]:
        current: Entry | None = entry
        while current is not None:
            with reported("read", current.file):
                try:
                    with open(current.file, "rb") as file:
                        return current.file, file.read() if whole else file.readline(LONGEST)
                except FileNotFoundError:
                    current = self.find(uuid=entry.uuid)  # renamed, or gone
        raise self._gone(entry)

    def _listing(self) -> Listing:
        self._check_format()
        seen = self._seen
        if seen is None or seen[0][1] % 2 or seen[0] != stamp(self._directory):
            self._seen = seen = observe(self._directory)
        return seen[1]

    def _listing_under_lock(self) -> Listing:
        seen, now = self._seen, stamp(self._directory)
        if seen is None or seen[0] != now:
            with reported("read", self._directory):
                self._seen = seen = (now, scan(self._directory))
        return seen[1]

    def _gone(self, entry: Entry) -> NotFound:
        return self._missing(f"there is no {self.kind} {entry.name!r} with UUID {entry.uuid} any more")

    # -- changing -----------------------------------------------------------------------------------------

    def put(self, name: str, uuid: UUID, document: bytes, summary: Mapping[str, Any], *, replace: bool = True) -> Entry:
        """Keep ``document``, new or in place of the object's former one, with a small JSON ``summary`` for tables.

        Raises AlreadyExists when the name belongs to another UUID, the UUID to another name, or, without
        ``replace``, when the object exists; HostError (disk full, no permission) with nothing changed."""
        key, file = str(uuid), naming.file_name(str(uuid), name)
        content = compose(1, summary) + document
        with self._alone() as (lock, listing):
            self._check_free(name, uuid, listing)
            existing = listing.files.get(key)
            if existing is not None and not replace:
                raise AlreadyExists(f"a {self.kind} {name!r} with UUID {uuid} exists already")
            if existing is None:
                self._drop_flags(key)  # of an object of this UUID whose removal was cut short
            return self._place(lock, Entry(name, uuid, os.path.join(self._directory, file)), content)

    def rename(self, entry: Entry, new_name: str, document: bytes, summary: Mapping[str, Any]) -> Entry:
        """Give the object another name and, in the same step, the document that says so.

        Raises AlreadyExists when another object has that name, NotFound when the object is gone."""
        key, file = str(entry.uuid), naming.file_name(str(entry.uuid), new_name)
        with self._alone() as (lock, listing):
            old = listing.files.get(key)
            if old is None:
                raise self._gone(entry)
            owner = listing.owners.get(file[37:-4])
            if owner is not None and owner != key:
                raise AlreadyExists(f"the name {new_name!r} belongs to another {self.kind}, with UUID {owner}")
            former = os.path.join(self._directory, old)
            with reported("read", former), open(former, "rb") as opened:
                revision, _ = parse(opened.readline(LONGEST), former)
            content = compose(revision + 1, summary) + document
            new = Entry(new_name, entry.uuid, os.path.join(self._directory, file))
            return self._place(lock, new, content, former=former if old != file else None)

    def remove(self, entry: Entry) -> None:
        """Forget the object and its flags. Raises NotFound when it is gone already."""
        key = str(entry.uuid)
        with self._alone() as (lock, listing):
            file = listing.files.get(key)
            if file is None:
                raise self._gone(entry)
            path = os.path.join(self._directory, file)
            with reported("remove", path), changing(lock, self._disk):
                self._disk.remove(path)
            with reported("remove", path):
                self._disk.sync_directory(self._directory)
            self._drop_flags(key)

    def _place(self, lock: int, entry: Entry, content: bytes, *, former: str | None = None) -> Entry:
        with reported("write", entry.file), Staged(entry.file, content, disk=self._disk) as staged:
            with changing(lock, self._disk):
                staged.commit()
                if former is not None:
                    staged.settle()  # the new name must not be lost after the old one is
                    self._retire(former, entry.file)
            staged.settle()
        return entry

    def _retire(self, former: str, successor: str) -> None:
        try:
            self._disk.remove(former)
        except OSError:
            self._disk.remove(successor)  # a rename that fails leaves the object as it was
            raise

    def _check_free(self, name: str, uuid: UUID, listing: Listing) -> None:
        owner = listing.owners.get(naming.encode(name))
        if owner is not None and owner != str(uuid):
            raise AlreadyExists(
                f"a {self.kind} {name!r} exists already, with UUID {owner}", hint="choose another name, or that UUID"
            )
        other = listing.entry(str(uuid))
        if other is not None and other.name != name:
            raise AlreadyExists(
                f"the UUID {uuid} belongs to the {self.kind} {other.name!r}", hint="leave the UUID out for a new one"
            )

    @contextmanager
    def _alone(self, timeout: float | None = None) -> Iterator[tuple[int, Listing]]:
        """The directory's lock, and a listing that is true until it is let go and has no twins any more."""
        self._check_format()
        make_private_directory(self._directory)
        with locked(
            os.path.join(self._directory, LOCK_FILE),
            timeout=self._patience if timeout is None else timeout,
            subject=f"the list of {self.kind}s in {self._directory}",
        ) as lock:
            self._stamp_format()
            yield lock, self._repaired(lock)

    def _repaired(self, lock: int) -> Listing:
        listing = self._listing_under_lock()
        if os.fstat(lock).st_size % 2 == 0:
            return listing
        for twin in listing.twins:
            path = os.path.join(self._directory, twin)
            with reported("remove", path):
                self._disk.remove(path)
                self._disk.sync_directory(self._directory)
            log.info("removed %s, left by a rename that was cut short", path)
        with reported("write", self._directory), changing(lock, self._disk):
            pass  # the count is even again
        return listing

    # -- flags --------------------------------------------------------------------------------------------

    def get_flag(self, uuid: UUID, flag: str) -> bool:
        """Is ``flag`` (``"autostart"``) set for the object?"""
        path = os.path.join(self._flag_directory(flag), str(uuid))
        with reported("read", path):
            return os.path.lexists(path)

    def set_flag(self, uuid: UUID, flag: str, value: bool = True) -> None:
        """Set or clear a flag. Raises NotFound for an object that is not kept."""
        directory = self._flag_directory(flag)
        path = os.path.join(directory, str(uuid))
        with self._alone() as (_, listing):
            if str(uuid) not in listing.files:
                raise self._missing(f"there is no {self.kind} with UUID {uuid}")
            make_private_directory(directory)
            with reported("write", path):
                self._mark(path, value)

    def flagged(self, flag: str) -> set[UUID]:
        """The objects that have the flag. One directory scan."""
        directory = self._flag_directory(flag)
        with reported("read", directory):
            names = _names(directory)
        return set(uuids(names))

    def _mark(self, path: str, value: bool) -> None:
        if os.path.lexists(path) == value:
            return
        if value:
            os.close(self._disk.create(path, 0o600))
        else:
            self._disk.remove(path)
        self._disk.sync_directory(os.path.dirname(path))

    def _flag_directory(self, flag: str) -> str:
        if not _is_flag(flag):
            raise InvalidArgument(f"{flag!r} is not the name of a flag", hint="use small letters, digits and hyphens")
        return os.path.join(self._directory, flag)

    def _flags(self) -> list[str]:
        """Flags that some object has had."""
        return [name for name in _names(self._directory) if _is_flag(name)]

    def _drop_flags(self, uuid: str) -> None:
        for flag in self._flags():
            path = os.path.join(self._directory, flag, uuid)
            with reported("remove", path):
                self._mark(path, False)

    # -- locks and status ---------------------------------------------------------------------------------

    def lock(self, uuid: UUID, *, timeout: float | None = None) -> AbstractContextManager[int]:
        """Hold the object against every other thread and process that changes it. Not re-entrant.

        ``with store.lock(uuid): ...``; raises Busy, naming the holder, after ``timeout`` seconds."""
        patience = self._patience if timeout is None else timeout
        return locked(self._records.lock_path(uuid), timeout=patience, subject=f"the {self.kind} {uuid}")

    def write_status(self, uuid: UUID, status: Mapping[str, Any]) -> None:
        """Replace the object's run-time status, a JSON object that a reboot discards. Raises HostError."""
        self._records.write(uuid, status)

    def read_status(self, uuid: UUID) -> dict[str, Any] | None:
        """The status last written; None when there is none. Raises StateError when the file is damaged."""
        return self._records.read(uuid)

    def remove_status(self, uuid: UUID) -> None:
        """Forget the status, if there is one."""
        self._records.remove(uuid)

    def running(self) -> set[UUID]:
        """The objects that have a status. One directory scan; no file is read."""
        return self._records.uuids()

    def statuses(self) -> dict[UUID, dict[str, Any]]:
        """Every object's status. Raises StateError for a damaged one."""
        return {uuid: status for uuid in self.running() if (status := self.read_status(uuid)) is not None}

    # -- opening ------------------------------------------------------------------------------------------

    def recover(self) -> list[str]:
        """Finish or undo what killed processes left half done; returns what was done, a sentence each.

        Touches only what is provably abandoned, so it is safe at any time and while others work. Needs nothing to
        exist, and creates nothing. Raises StateError when the directory was written by a newer version."""
        self._check_format()
        done = [f"removed the unfinished file {name}" for name in sweep(self._directory, disk=self._disk)]
        done += self._records.recover(self._listing().files)
        try:
            done += self._recover_names()
        except (Busy, HostError) as error:
            # reading copes with what is half done, and the next change repairs it
            log.warning("left for later: %s", error)
        for sentence in done:
            log.info("%s: %s", self._directory, sentence)
        return done

    def _recover_names(self) -> list[str]:
        listing = self._listing()
        if not listing.twins and stamp(self._directory)[1] % 2 == 0 and not self._orphans(listing):
            return []
        done = [f"removed {twin}, which had been renamed" for twin in listing.twins]
        with self._alone(timeout=0) as (_, listing):
            for flag, uuid in self._orphans(listing):
                with reported("remove", os.path.join(self._directory, flag, uuid)):
                    self._mark(os.path.join(self._directory, flag, uuid), False)
                done.append(f"removed the flag {flag} of {uuid}, which is gone")
        return done

    def _orphans(self, listing: Listing) -> list[tuple[str, str]]:
        return [
            (flag, uuid)
            for flag in self._flags()
            for uuid in _names(os.path.join(self._directory, flag))
            if uuid not in listing.files
        ]

    def _check_format(self) -> None:
        if self._compatible:
            return
        path = os.path.join(self._directory, _FORMAT_FILE)
        with reported("read", path):
            try:
                with open(path, "rb") as file:
                    text = file.read(40).strip()
            except FileNotFoundError:
                return  # nothing was ever kept here
        if not text.isdigit():
            raise StateError(f"{path} is damaged: it should hold the number of a format, {VERSION} or less")
        if int(text) > VERSION:
            raise StateError(
                f"{self._directory} was written in format {int(text)}; this program knows up to {VERSION}",
                hint="use the newer Polyvisor that wrote it",
            )
        self._compatible = True

    def _stamp_format(self) -> None:
        if not self._compatible:
            path = os.path.join(self._directory, _FORMAT_FILE)
            self._check_format()
            if not self._compatible:
                write_atomic(path, b"%d\n" % VERSION, disk=self._disk)
                self._compatible = True


def _is_flag(name: str) -> bool:
    plain = name.isascii() and name.replace("-", "").isalnum() and name == name.lower()
    return plain and name[0].isalpha() and len(name) <= _LONGEST_FLAG


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
