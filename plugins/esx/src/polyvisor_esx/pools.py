"""Datastores as storage pools.

What a pool is made of follows from the type of the datastore (DatastoreInfo and its descendants in the vSphere Web
Services SDK): VMFS on disks of the host is ``fs``, NFS and CIFS are ``netfs``, all others (vSAN, vVols, persistent
memory, directories of the host) are ``dir``. A datastore that a host of this connection reaches is running; VMware has
none that are defined and not mounted, so every pool is persistent and comes with the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import (
    InvalidDocument,
    InvalidState,
    NotFound,
    PolyvisorError,
    UnsupportedConfiguration,
    UnsupportedOperation,
)
from polyvisor.model.storage import Allocation, Capacity
from polyvisor.model.storagepool import (
    Available,
    DirectoryPool,
    FilesystemPool,
    NetworkFilesystemPool,
    PoolTarget,
    PoolType,
    StoragePool,
)
from polyvisor.model.storagepool.source import (
    BlockDevice,
    FilesystemFormatElement,
    FilesystemPoolSource,
    NetworkFilesystemFormat,
    NetworkFilesystemPoolSource,
    PoolHost,
    Protocol,
    SourceDirectory,
)
from polyvisor_esx import reach
from polyvisor_esx.faults import named
from polyvisor_esx.session import EsxSession, written_name

PATHS = ("name", "info", "summary", "host", "parent", "browser")
DISKS = "/vmfs/devices/disks/"
"""Where a host has its disks."""

NAS = {"NFS": ("nfs", "3"), "NFS41": ("nfs", "4.1"), "CIFS": ("cifs", None)}
"""HostNasVolume.type -> format and version of the protocol, as documents have them."""

NAS_TYPES = {("nfs", None): "NFS", ("auto", None): "NFS", ("nfs", "3"): "NFS", ("nfs", "4.1"): "NFS41"}


class PoolState(StrEnum):
    """What a pool is doing; the words are libvirt's."""

    RUNNING = "running"
    INACCESSIBLE = "inaccessible"


@dataclass(frozen=True, slots=True)
class PoolInfo:
    """State and sizes in bytes. ``maintenance`` is VMware's word (``normal``, ``enteringMaintenance``, ...)."""

    state: PoolState
    capacity: int
    allocation: int
    available: int
    maintenance: str = "normal"


@dataclass(frozen=True, slots=True)
class Pool:
    """A datastore as it was when it was read. ``row`` has its properties :data:`PATHS`."""

    reference: Any
    name: str
    uuid: UUID
    row: dict[str, Any]

    persistent = autostart = True

    def __str__(self) -> str:
        return f"storage pool '{self.name}'"

    @property
    def active(self) -> bool:
        """Whether a host of this connection reaches it."""
        return self.info.state is PoolState.RUNNING

    @property
    def summary(self) -> Any:
        """DatastoreSummary."""
        return self.row["summary"]

    @property
    def mounted(self) -> str:
        """The directory a host has it at."""
        return mounted(self.row)

    @property
    def kind(self) -> PoolType:
        """What it is made of."""
        info = self.row.get("info")
        if isinstance(info, vim.host.NasDatastoreInfo):
            return PoolType.NETFS
        return PoolType.FS if isinstance(info, vim.host.VmfsDatastoreInfo) else PoolType.DIR

    @property
    def info(self) -> PoolInfo:
        """State and sizes. Capacity and free space of one out of reach are those it had last."""
        summary = self.summary
        capacity, free = summary.capacity or 0, summary.freeSpace or 0
        state = PoolState.RUNNING if summary.accessible else PoolState.INACCESSIBLE
        return PoolInfo(state, capacity, max(0, capacity - free), free, summary.maintenanceMode or "normal")


def mounted(row: dict[str, Any]) -> str:
    """The directory a host has a datastore at: the same on all hosts, and for as long as the datastore lives.

    It has the UUID of a VMFS volume in it, or what the host made of the address of a file server."""
    for mount in row.get("host") or ():
        if path := mount.mountInfo.path:
            return str(path)
    url = str(row["summary"].url or row["info"].url or "")
    return url.removeprefix("ds://").rstrip("/")


def pool_of(reference: Any, row: dict[str, Any]) -> Pool:
    """A pool from properties of its datastore."""
    return Pool(reference, row["name"], reach.derived_uuid(mounted(row)), row)


def pools(session: EsxSession) -> list[Pool]:
    """All datastores of this connection, by name; one request."""
    found = reach.attached(session, vim.Datastore, PATHS)
    return sorted((pool_of(ref, row) for ref, row in found.items()), key=lambda pool: pool.name)


def find(session: EsxSession, *, name: str | None = None, uuid: UUID | None = None) -> Pool:
    """One pool, by name (as vSphere or as people write it) or UUID.

    Raises NotFound; InvalidState when data centres have several of the name."""
    known = pools(session)
    if name is not None:
        found = [pool for pool in known if pool.name in (name, written_name(name))]
    else:
        found = [pool for pool in known if pool.uuid == uuid]
    said = f"named {name!r}" if name is not None else f"with UUID {uuid}"
    if not found:
        names = ", ".join(pool.name for pool in known)
        raise NotFound(f"there is no storage pool {said}", driver="esx", hint=f"datastores: {names or 'none'}")
    if len(found) > 1:
        raise InvalidState(
            f"{len(found)} datastores are {said}", driver="esx", hint="connect to one data centre or host of them"
        )
    return found[0]


def refresh(session: EsxSession, pool: Pool) -> Pool:
    """Have the server measure the datastore anew (Datastore.RefreshDatastore), and read it."""
    pool.reference.RefreshDatastore()
    row = session.properties(vim.Datastore, PATHS, [pool.reference])[pool.reference]
    return pool_of(pool.reference, row)


def datacenter(session: EsxSession, pool: Pool) -> Any:
    """The Datacenter a datastore is in: tasks on files want to know it; None where the server hides it."""
    place = session.inventory.places.get(pool.row.get("parent"))
    found = session.inventory.above(place, vim.Datacenter) if place is not None else None
    return found.reference if found is not None else None


# -- documents ------------------------------------------------------------------------------------------------


def document(pool: Pool) -> StoragePool:
    """The document of a pool."""
    makers = {PoolType.NETFS: _shared, PoolType.FS: _volume, PoolType.DIR: _directory}
    made = makers[pool.kind](pool)
    info = pool.info
    made.uuid = str(pool.uuid)
    made.capacity = Capacity(value=info.capacity, unit="bytes")
    made.allocation = Allocation(value=info.allocation, unit="bytes")
    made.available = Available(value=info.available, unit="bytes")
    return made


def _target(pool: Pool) -> PoolTarget:
    return PoolTarget(path=pool.mounted)


def _directory(pool: Pool) -> StoragePool:
    path = getattr(pool.row.get("info"), "path", None) or pool.mounted
    return DirectoryPool(name=pool.name, target=PoolTarget(path=path))


def _volume(pool: Pool) -> StoragePool:
    """VMFS: documents have room for one device, the first extent; a volume that has none left has its own path."""
    extents = getattr(pool.row["info"].vmfs, "extent", None) or ()
    devices = [f"{DISKS}{each.diskName}:{each.partition}" for each in extents] or [pool.mounted]
    source = FilesystemPoolSource(device=BlockDevice(path=devices[0]), format=FilesystemFormatElement(type="vmfs"))
    return FilesystemPool(name=pool.name, source=source, target=_target(pool))


def _shared(pool: Pool) -> StoragePool:
    nas = pool.row["info"].nas
    filesystem, version = NAS.get(nas.type, ("auto", None))
    source = NetworkFilesystemPoolSource(
        hosts=[PoolHost(name=name) for name in nas.remoteHostNames or [nas.remoteHost]],
        dir=SourceDirectory(path=nas.remotePath),
        format=NetworkFilesystemFormat(type=filesystem),  # type: ignore[arg-type]
        protocol=Protocol(ver=version) if version else None,
    )
    return NetworkFilesystemPool(name=pool.name, source=source, target=_target(pool))


# -- changes --------------------------------------------------------------------------------------------------


def create(session: EsxSession, config: StoragePool) -> Pool:
    """Mount an NFS export on the host of this connection (HostDatastoreSystem.CreateNasDatastore).

    ``config`` is a document of type ``netfs``; its target and sizes count for nothing. Raises UnsupportedConfiguration
    for other types and for what VMware cannot mount, AlreadyExists when the name or the export is taken."""
    specification = mount_of(config)
    system = reach.system(session, "datastoreSystem")
    made = system.CreateNasDatastore(spec=specification)
    row = session.properties(vim.Datastore, PATHS, [made])[made]
    return pool_of(made, row)


def mount_of(config: StoragePool) -> Any:
    """What a document asks to be mounted (HostNasVolumeSpec). Raises UnsupportedConfiguration, InvalidDocument."""
    if not isinstance(config, NetworkFilesystemPool):
        raise UnsupportedConfiguration(
            f"a datastore of type {config.type} cannot be made here",
            target=f"storage pool '{config.name}'",
            driver="esx",
            hint="NFS exports can be mounted (type='netfs'); VMFS volumes are made where the disks are at hand",
        )
    if not config.name:
        raise InvalidDocument("a storage pool needs a name", driver="esx")
    source = config.source
    filesystem = str(source.format.type) if source.format else "auto"
    kind = NAS_TYPES.get((filesystem, source.protocol.ver if source.protocol else None))
    if kind is None:
        version = f" {source.protocol.ver}" if source.protocol else ""
        raise UnsupportedConfiguration(
            f"VMware does not mount {filesystem}{version}",
            target=f"storage pool '{config.name}'",
            driver="esx",
            hint="it mounts nfs 3 and 4.1",
        )
    hosts = [each.name for each in source.hosts]
    if (len(hosts) > 1 and kind != "NFS41") or any(each.port for each in source.hosts):
        raise UnsupportedConfiguration(
            "VMware mounts NFS 3 from one server, and none from a port of one's choosing",
            target=f"storage pool '{config.name}'",
            driver="esx",
        )
    return vim.host.NasVolume.Specification(
        remoteHost=hosts[0],
        remoteHostNames=hosts if kind == "NFS41" else [],
        remotePath=source.dir.path,
        localPath=written_name(config.name),
        accessMode="readWrite",
        type=kind,
    )


def destroy(session: EsxSession, pool: Pool) -> None:
    """Unmount a network file system from the host of this connection; its files stay on the server.

    Raises UnsupportedOperation for all others, whose files would be lost (VMFS) or which belong to the host, and Busy
    while guests use it."""
    if pool.kind is not PoolType.NETFS:
        raise UnsupportedOperation(
            f"{pool} is no network file system: removing it would take its files",
            target=str(pool),
            driver="esx",
        )
    reach.system(session, "datastoreSystem").RemoveDatastore(datastore=pool.reference)


def gone(error: PolyvisorError) -> bool:
    """Whether an error says that a file or a datastore is not there."""
    return named(error, "FileNotFound", "NotFound", "InvalidDatastore", "ManagedObjectNotFound")
