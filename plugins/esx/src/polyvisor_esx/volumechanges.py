"""Making, copying, growing, wiping and deleting files on datastores (VirtualDiskManager, FileManager).

A file that a guest is made of is left alone: each change asks first whether guests of the datastore name it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from pyVmomi import vim

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    InvalidDocument,
    InvalidState,
    NotFound,
    OperationCancelled,
    PolyvisorError,
    UnsupportedConfiguration,
    UnsupportedOperation,
)
from polyvisor.model.storagevol import StorageVolume, VolumeFormat, VolumeType
from polyvisor.spi import JobControl
from polyvisor_esx import pools, volumes
from polyvisor_esx.datastores import DatastorePath
from polyvisor_esx.faults import named
from polyvisor_esx.pools import Pool
from polyvisor_esx.properties import of_related
from polyvisor_esx.session import EsxSession, guest_name
from polyvisor_esx.volumes import Volume

log = logging.getLogger(__name__)

THIN, THICK, ZEROED = "thin", "preallocated", "eagerZeroedThick"
"""VirtualDiskType: space taken when it is written to; taken at once, zeroed when it is written to; both at once."""

ADAPTERS = {"scsi": "lsiLogic", "ide": "ide", "buslogic": "busLogic"}
"""Bus that a disk is made for -> VirtualDiskAdapterType. Newer hosts take disks of any on any."""

SUFFIX = ".vmdk"
VSAN = "vsan"
"""DatastoreSummary.type of a virtual SAN."""


# -- what is asked of changes -----------------------------------------------------------------------------------


def users(session: EsxSession, pool: Pool, path: DatastorePath) -> list[str]:
    """Names of the guests that have the file, or a file in the folder, for a disk, a medium or a part of theirs.

    One request. Guests that this user may not see are not known."""
    paths = ("name", "layoutEx.file", "config.hardware.device")
    rows = of_related(session.content.propertyCollector, vim.VirtualMachine, paths, pool.reference, "vm")
    return sorted(guest_name(row) for row in rows.values() if _names(row, str(path)))


def _names(row: dict[str, Any], path: str) -> bool:
    named = {each.name for each in row.get("layoutEx.file") or ()}
    for device in row.get("config.hardware.device") or ():
        backing = getattr(device, "backing", None)
        while backing is not None:
            named.add(getattr(backing, "fileName", None))
            backing = getattr(backing, "parent", None)
    return any(each == path or each.startswith(path + "/") for each in named if each)


def require_free(session: EsxSession, pool: Pool, path: DatastorePath) -> None:
    """Raise Busy where a guest has the file."""
    if found := users(session, pool, path):
        raise Busy(
            f"'{path}' belongs to {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}",
            target=str(path),
            driver="esx",
            hint="detach it from the guest first",
        )


def _require_absent(session: EsxSession, pool: Pool, path: DatastorePath) -> None:
    if volumes.exists(session, pool, path.path):
        raise AlreadyExists(f"there is a '{path}' already", target=str(path), driver="esx", hint="choose another name")


def _require_disk(volume: Volume, doing: str) -> None:
    if volume.format is not VolumeFormat.VMDK:
        raise UnsupportedOperation(
            f"VMware {doing} virtual disks, and {volume} is none", target=str(volume), driver="esx"
        )


def make_folder(session: EsxSession, pool: Pool, path: DatastorePath) -> None:
    """Make the folder of a file, and those above it. One that is there is well.

    The folders in the root of a virtual SAN are objects of their own (DatastoreNamespaceManager)."""
    top, _, below = path.directory.partition("/")
    if not top:
        return
    where = pools.datacenter(session, pool)
    if pool.summary.type == VSAN:
        with _there_already():
            session.content.datastoreNamespaceManager.CreateDirectory(datastore=pool.reference, displayName=top)
        if not below:
            return
    with _there_already():
        session.content.fileManager.MakeDirectory(
            name=str(DatastorePath(path.datastore, path.directory)), datacenter=where, createParentDirectories=True
        )


@contextlib.contextmanager
def _there_already() -> Iterator[None]:
    try:
        yield
    except PolyvisorError as error:
        if not named(error, "FileAlreadyExists", "AlreadyExists"):
            raise


# -- changes ----------------------------------------------------------------------------------------------------


def create(
    session: EsxSession,
    pool: Pool,
    config: StorageVolume,
    *,
    zeroed: bool = False,
    bus: str = "scsi",
    job: JobControl | None = None,
) -> Volume:
    """Make an empty virtual disk (CreateVirtualDisk_Task).

    An allocation of 0 makes a thin one, the whole capacity (or no allocation) a thick one, which ``zeroed`` overwrites
    with zeros at once. Raises InvalidDocument, UnsupportedConfiguration for what is no virtual disk or is allocated in
    part, AlreadyExists."""
    path, specification = disk_of(pool, config, zeroed=zeroed, bus=bus)
    _require_absent(session, pool, path)
    make_folder(session, pool, path)
    manager = session.content.virtualDiskManager
    where = pools.datacenter(session, pool)
    task = manager.CreateVirtualDisk_Task(name=str(path), datacenter=where, spec=specification)
    _finish(session, pool, path, task, job)
    return volumes.find(session, pool, path.path)


def disk_of(pool: Pool, config: StorageVolume, *, zeroed: bool = False, bus: str = "scsi") -> tuple[DatastorePath, Any]:
    """The path and the specification (FileBackedVirtualDiskSpec) of a disk that a document asks for."""
    target = str(config.name)
    form = config.target.format.type if config.target.format else VolumeFormat.VMDK
    if form != VolumeFormat.VMDK or config.type not in (None, VolumeType.FILE) or not target.endswith(SUFFIX):
        raise UnsupportedConfiguration(
            "VMware makes virtual disks",
            target=f"volume '{target}'",
            driver="esx",
            hint="<format type='vmdk'/> and a name that ends in .vmdk; other files can be uploaded",
        )
    refused = {
        "encryption": config.target.encryption,
        "backingStore": config.backing_store,
        "features": config.target.features,
        "compat": config.target.compat,
        "clusterSize": config.target.cluster_size,
        "permissions": config.target.permissions,
        "nocow": config.target.nocow,
    }
    if asked := [name for name, value in refused.items() if value]:
        raise UnsupportedConfiguration(
            f"VMware makes no disk with <{asked[0]}> here", target=f"volume '{target}'", driver="esx"
        )
    if bus not in ADAPTERS:
        raise UnsupportedConfiguration(
            f"disks are not made for {bus!r}", driver="esx", hint=f"buses: {', '.join(ADAPTERS)}"
        )
    capacity = int(config.capacity.size) if config.capacity else 0
    if not capacity:
        raise InvalidDocument(f"volume '{target}' has no capacity", driver="esx")
    allocation = int(config.allocation.size) if config.allocation else capacity
    if 0 < allocation < capacity:
        raise UnsupportedConfiguration(
            f"{allocation} of {capacity} bytes cannot be allocated",
            target=f"volume '{target}'",
            driver="esx",
            hint="VMware allocates nothing or all: 0 or the capacity",
        )
    if zeroed and not allocation:
        raise UnsupportedConfiguration(
            "a thin disk has nothing that could be overwritten with zeros", target=f"volume '{target}'", driver="esx"
        )
    kind = ZEROED if zeroed else THICK if allocation else THIN
    specification = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
        diskType=kind, adapterType=ADAPTERS[bus], capacityKb=-(-capacity // 1024)
    )
    return DatastorePath(pool.name, volumes.checked(target)), specification


def copy(
    session: EsxSession,
    source_pool: Pool,
    source: Volume,
    pool: Pool,
    name: str,
    *,
    job: JobControl | None = None,
) -> Volume:
    """Copy a file on the server, to another datastore if that is asked: disks by CopyVirtualDisk_Task, others by
    CopyDatastoreFile_Task. Raises AlreadyExists; Busy is VMware's where a running guest writes to the disk."""
    path = _destination(session, source, pool, name)
    _finish(session, pool, path, _begun(session, "Copy", source_pool, source, pool, path), job)
    return volumes.find(session, pool, path.path)


def _destination(session: EsxSession, source: Volume, pool: Pool, name: str) -> DatastorePath:
    """Where a file goes to, its folder made."""
    if source.format is VolumeFormat.DIR:
        raise UnsupportedOperation("folders are neither copied nor moved", target=str(source), driver="esx")
    path = DatastorePath(pool.name, volumes.checked(name))
    if (source.format is VolumeFormat.VMDK) != path.path.endswith(SUFFIX):
        raise UnsupportedConfiguration(
            f"'{path}' is no name for {source}", driver="esx", hint="disks, and nothing else, end in .vmdk"
        )
    _require_absent(session, pool, path)
    make_folder(session, pool, path)
    return path


def move(
    session: EsxSession,
    source_pool: Pool,
    source: Volume,
    pool: Pool,
    name: str,
    *,
    job: JobControl | None = None,
) -> Volume:
    """Give a file another name or place (MoveVirtualDisk_Task, MoveDatastoreFile_Task).

    Of a move that fails half way nothing is deleted: only VMware knows where the whole file is. Raises AlreadyExists,
    Busy where a guest has it."""
    require_free(session, source_pool, source.path)
    path = _destination(session, source, pool, name)
    session.wait(_begun(session, "Move", source_pool, source, pool, path), job)
    return volumes.find(session, pool, path.path)


def _begun(session: EsxSession, verb: str, source_pool: Pool, source: Volume, pool: Pool, path: DatastorePath) -> Any:
    """The task that copies or moves (``verb``) a file: VMware has a manager for disks, and one for all else."""
    here, there = pools.datacenter(session, source_pool), pools.datacenter(session, pool)
    if source.format is VolumeFormat.VMDK:
        begin = getattr(session.content.virtualDiskManager, f"{verb}VirtualDisk_Task")
        return begin(
            sourceName=source.key, sourceDatacenter=here, destName=str(path), destDatacenter=there, force=False
        )
    begin = getattr(session.content.fileManager, f"{verb}DatastoreFile_Task")
    return begin(
        sourceName=source.key,
        sourceDatacenter=here,
        destinationName=str(path),
        destinationDatacenter=there,
        force=False,
    )


def _finish(session: EsxSession, pool: Pool, path: DatastorePath, task: Any, job: JobControl | None) -> None:
    """Wait for a task that makes a file; what one that failed has left of it is removed."""
    try:
        session.wait(task, job)
    except (AlreadyExists, NotFound):
        raise
    except PolyvisorError as error:
        if error.details.get("fault") is not None or isinstance(error, OperationCancelled):  # it has ended
            remove_leftover(session, pool, path)
        raise


def remove_leftover(session: EsxSession, pool: Pool, path: DatastorePath) -> None:
    """Delete what work that failed has left behind, if anything; where that fails as well, the log names it."""
    try:
        _delete(session, pool, path, disk=path.path.endswith(SUFFIX))
    except NotFound:
        log.debug("'%s' is not there", path)
    except PolyvisorError as error:
        log.warning("'%s' is left half done and could not be deleted: %s", path, error)


def resize(
    session: EsxSession, pool: Pool, volume: Volume, size: int, *, zeroed: bool = False, job: JobControl | None = None
) -> Volume:
    """Make a virtual disk larger, to ``size`` bytes (ExtendVirtualDisk_Task); ``zeroed`` overwrites the new part.

    VMware makes none smaller: UnsupportedConfiguration. Raises Busy where a guest has it (the disk of a guest is
    resized through the guest)."""
    _require_disk(volume, "resizes")
    if volume.capacity is not None and size < volume.capacity:
        raise UnsupportedConfiguration(
            f"VMware cannot make {volume} smaller than its {volume.capacity} bytes", target=str(volume), driver="esx"
        )
    require_free(session, pool, volume.path)
    session.wait(
        session.content.virtualDiskManager.ExtendVirtualDisk_Task(
            name=volume.key,
            datacenter=pools.datacenter(session, pool),
            newCapacityKb=-(-size // 1024),
            eagerZero=zeroed,
        ),
        job,
    )
    return volumes.find(session, pool, volume.name)


def wipe(session: EsxSession, pool: Pool, volume: Volume, *, job: JobControl | None = None) -> None:
    """Overwrite every block of a virtual disk with zeros (ZeroFillVirtualDisk_Task); a thin one becomes a thick one.

    Sure is: who reads the disk afterwards reads zeros. Not sure is what lies below: blocks the disk had before and gave
    back, copies in snapshots and replicas, and cells that a solid-state drive has put aside keep what was in them.
    Raises UnsupportedOperation for what is no virtual disk, Busy where a guest has it."""
    _require_disk(volume, "wipes")
    require_free(session, pool, volume.path)
    session.wait(
        session.content.virtualDiskManager.ZeroFillVirtualDisk_Task(
            name=volume.key, datacenter=pools.datacenter(session, pool)
        ),
        job,
    )


def delete(session: EsxSession, pool: Pool, volume: Volume, *, job: JobControl | None = None) -> None:
    """Delete a file; of a virtual disk all its files. A folder has to be empty.

    Raises Busy where a guest has it, InvalidState for a folder with something in it."""
    require_free(session, pool, volume.path)
    if volume.format is VolumeFormat.DIR and volumes.files(session, pool, volume.name):
        raise InvalidState(f"{volume} is a folder that is not empty", target=str(volume), driver="esx")
    _delete(session, pool, volume.path, disk=volume.format is VolumeFormat.VMDK, job=job)


def _delete(session: EsxSession, pool: Pool, path: DatastorePath, *, disk: bool, job: JobControl | None = None) -> None:
    where = pools.datacenter(session, pool)
    if disk:
        task = session.content.virtualDiskManager.DeleteVirtualDisk_Task(name=str(path), datacenter=where)
    else:
        task = session.content.fileManager.DeleteDatastoreFile_Task(name=str(path), datacenter=where)
    try:
        session.wait(task, job)
    except PolyvisorError as error:
        if not pools.gone(error):
            raise
        raise NotFound(f"there is no file '{path}'", target=str(path), driver="esx") from error
