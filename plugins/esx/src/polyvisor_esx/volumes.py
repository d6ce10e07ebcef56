"""Files on datastores as storage volumes: virtual disks, ISO images and floppy images.

A volume is called by its path on the datastore (``web/web.vmdk``), its key is the datastore path that documents of
guests have (``[datastore] web/web.vmdk``). Lists are one search of the whole datastore on the server
(HostDatastoreBrowser.SearchDatastoreSubFolders_Task), however many files there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument, NotFound, PolyvisorError
from polyvisor.model.storage import Allocation, Capacity
from polyvisor.model.storagevol import (
    VOLUME_NAME,
    StorageVolume,
    Timestamps,
    VolumeFormat,
    VolumeFormatElement,
    VolumeTarget,
    VolumeType,
)
from polyvisor.spi import JobControl
from polyvisor_esx import pools
from polyvisor_esx.datastores import DatastorePath, from_mounted, parse_path
from polyvisor_esx.pools import Pool
from polyvisor_esx.session import EsxSession

Browser = vim.host.DatastoreBrowser
DETAILS = Browser.FileInfo.Details(fileType=True, fileSize=True, modification=True, fileOwner=False)
DISK = Browser.VmDiskQuery(
    details=Browser.VmDiskQuery.Details(
        diskType=True, capacityKb=True, hardwareVersion=False, controllerType=True, thin=True
    )
)
VOLUMES = [DISK, Browser.IsoImageQuery(), Browser.FloppyImageQuery()]
"""Questions for what can be plugged into guests."""

FILES = [*VOLUMES, Browser.FolderQuery(), Browser.Query()]
"""Questions for all there is."""

EXTENT = re.compile(r"-(flat|delta|sesparse|rdmp?|s\d+|f\d+|ctk)\.vmdk$")
"""Names of files that hold the data of a disk, or which blocks of it changed; the disk itself is the file that
describes them."""

FORMATS = {
    Browser.VmDiskInfo: VolumeFormat.VMDK,
    Browser.IsoImageInfo: VolumeFormat.ISO,
    Browser.FloppyImageInfo: VolumeFormat.RAW,
    Browser.FolderInfo: VolumeFormat.DIR,
}
"""Descendant of FileInfo -> what is in the file."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A file as the server describes it; sizes in bytes.

    ``capacity`` is what a guest sees of a virtual disk and None where the server does not say; ``allocation`` is what
    the files of it take; ``thin`` tells whether space is taken when it is written to. ``format`` is None for files that
    no guest is given (logs, configurations) and ``dir`` for folders."""

    path: DatastorePath
    format: VolumeFormat | None
    allocation: int
    capacity: int | None = None
    thin: bool | None = None
    modified: datetime | None = None

    @property
    def name(self) -> str:
        """The path on the datastore, which is what the volume is called in its pool."""
        return self.path.path

    @property
    def key(self) -> str:
        """What it is called on the server: ``[datastore] folder/file``."""
        return str(self.path)

    def __str__(self) -> str:
        return f"volume '{self.key}'"


def volumes(session: EsxSession, pool: Pool, job: JobControl | None = None) -> list[Volume]:
    """All volumes of a pool, by name; one search."""
    return [each for each in _searched(session, pool, "", VOLUMES, job) if each.format is not VolumeFormat.DIR]


def files(session: EsxSession, pool: Pool, folder: str = "", *, below: bool = False) -> list[Volume]:
    """All that is in a folder, folders too; with ``below`` in those below as well. Raises NotFound."""
    return _searched(session, pool, checked(folder) if folder else "", FILES, below=below)


def _searched(
    session: EsxSession,
    pool: Pool,
    folder: str,
    questions: list[Any],
    job: JobControl | None = None,
    *,
    names: Iterable[str] = ("*",),
    below: bool = True,
) -> list[Volume]:
    browser = pool.row["browser"]
    question = Browser.SearchSpec(query=questions, details=DETAILS, matchPattern=list(names), sortFoldersFirst=True)
    begin = browser.SearchDatastoreSubFolders_Task if below else browser.SearchDatastore_Task
    try:
        found = session.wait(begin(datastorePath=f"[{pool.name}] {folder}", searchSpec=question), job)
    except PolyvisorError as error:
        if not pools.gone(error):
            raise
        raise NotFound(f"there is no folder '[{pool.name}] {folder}'", target=str(pool), driver="esx") from error
    return listed(found if isinstance(found, list) else [found])


def listed(results: Iterable[Any]) -> list[Volume]:
    """The files in HostDatastoreBrowserSearchResults, each once, by name."""
    found: dict[str, Volume] = {}
    for result in results:
        folder = parse_path(result.folderPath)
        for each in result.file or ():
            path = "/".join(part for part in (folder.path.strip("/"), each.path.strip("/")) if part)
            made = volume_of(DatastorePath(folder.datastore, path), each)
            if path not in found or found[path].format is None:  # several questions may have it for an answer
                found[path] = made
    return [found[path] for path in sorted(found)]


def volume_of(path: DatastorePath, info: Any) -> Volume:
    """A volume from its FileInfo."""
    form = next((form for kind, form in FORMATS.items() if isinstance(info, kind)), None)
    capacity, thin = info.fileSize, None
    if form is VolumeFormat.VMDK:
        capacity = info.capacityKb * 1024 if info.capacityKb is not None else None
        thin = info.thin
    return Volume(path, form, info.fileSize or 0, capacity, thin, info.modification)


def checked(name: str) -> str:
    """A path on a datastore without what leads out of it. Raises InvalidArgument."""
    if not VOLUME_NAME.accepts(name) or {".", ".."} & set(name.split("/")):
        raise InvalidArgument(
            f"{name!r} is no path on a datastore", driver="esx", hint="folders and a file: iso/install.iso"
        )
    return name


def find(session: EsxSession, pool: Pool, name: str) -> Volume:
    """The file of that path on the datastore. Raises NotFound."""
    path = DatastorePath(pool.name, checked(name))
    questions = [Browser.Query()] if EXTENT.search(path.name) else FILES
    try:
        found = _searched(session, pool, path.directory, questions, names=[_pattern(path.name)], below=False)
    except NotFound:
        found = []
    for each in found:
        if each.path == path:
            return each
    raise NotFound(f"there is no file '{path}'", target=str(pool), driver="esx", hint="case counts")


def _pattern(name: str) -> str:
    """A pattern that fits a name, and few others: what may mean something in patterns is any one character."""
    return re.sub(r"[][*?\\]", "?", name)


def exists(session: EsxSession, pool: Pool, name: str) -> bool:
    """Whether there is a file or folder of that path."""
    try:
        find(session, pool, name)
    except NotFound:
        return False
    return True


def lookup(session: EsxSession, key: str) -> tuple[Pool, Volume]:
    """A volume and its pool by key (``[datastore] path``) or by path on a host (``/vmfs/volumes/datastore/path``).

    Raises InvalidArgument for neither, NotFound."""
    pool, path = located(session, key)
    return pool, find(session, pool, path.path)


def located(session: EsxSession, key: str) -> tuple[Pool, DatastorePath]:
    """The pool that a key or path leads to, and the path, whether or not something is there."""
    path = from_mounted(key) or parse_path(key)
    known = pools.pools(session)
    by_place = [pool for pool in known if pool.mounted.rpartition("/")[2] == path.datastore]  # /vmfs/volumes/UUID/...
    pool = by_place[0] if by_place and key.startswith("/") else pools.find(session, name=path.datastore)
    return pool, DatastorePath(pool.name, checked(path.path))


def document(volume: Volume) -> StorageVolume:
    """The document of a volume. The path of its target is what a guest's document names as the disk's file."""
    target = VolumeTarget(path=volume.key)
    if volume.format is not None:
        target.format = VolumeFormatElement(type=volume.format)
    if volume.modified is not None:
        target.timestamps = Timestamps(mtime=f"{volume.modified.timestamp():.6f}")
    return StorageVolume(
        type=VolumeType.DIR if volume.format is VolumeFormat.DIR else VolumeType.FILE,
        name=volume.name,
        key=volume.key,
        capacity=None if volume.capacity is None else Capacity(value=volume.capacity, unit="bytes"),
        allocation=Allocation(value=volume.allocation, unit="bytes"),
        target=target,
    )
