"""What every storage backend fills in, and what it refuses, in the document of a pool."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction, misplaced, refuse
from polyvisor.model.storage import Allocation, Capacity, clean_path
from polyvisor.model.storagepool import (
    POOL_NAME,
    Available,
    DirectoryPool,
    DiskPool,
    FilesystemPool,
    GlusterPool,
    LogicalPool,
    LogicalTarget,
    NetworkFilesystemPool,
    PoolTarget,
    PoolType,
    RbdPool,
    ScsiPool,
    SheepdogPool,
    StoragePool,
    VirtuozzoPool,
    ZfsPool,
)
from polyvisor.model.storagepool.source import (
    DirectoryPoolSource,
    FilesystemFormatElement,
    LogicalPoolSource,
    NetworkFilesystemFormat,
    PartitionTableFormat,
    ScsiAdapter,
    VolumeGroupFormatElement,
)

NAMED_BY_SOURCE = (LogicalPool, RbdPool, SheepdogPool, GlusterPool, ZfsPool, VirtuozzoPool)
"""Pools whose source has a name, which is the pool's when it has none of its own."""


def complete(pool: StoragePool) -> StoragePool:
    """Fill in, in place, what the document implies; returns ``pool``.

    Sizes count for nothing: they are 0 until the pool is started."""
    pool.uuid = pool.uuid or str(uuid.uuid4())
    pool.capacity = Capacity(value=0, unit="bytes")
    pool.allocation = Allocation(value=0, unit="bytes")
    pool.available = Available(value=0, unit="bytes")
    _name(pool)
    _source(pool)
    _target(pool)
    return pool


def check(pool: StoragePool) -> None:
    """Raise InvalidDocument, with a fault for each contradiction, unless the document agrees with itself."""
    refuse(pool, f"storage pool '{pool.name}'", _contradictions(pool))


def _name(pool: StoragePool) -> None:
    if isinstance(pool, LogicalPool):
        pool.source = pool.source or LogicalPoolSource()
        pool.source.name = pool.source.name or pool.name
    if not pool.name and isinstance(pool, NAMED_BY_SOURCE):
        pool.name = pool.source.name if pool.source else None


def _source(pool: StoragePool) -> None:
    match pool:
        case DirectoryPool():
            pool.source = pool.source or DirectoryPoolSource()
        case FilesystemPool(source=source):
            source.format = source.format or FilesystemFormatElement(type="auto")
        case NetworkFilesystemPool(source=source):
            source.format = source.format or NetworkFilesystemFormat(type="auto")
            source.dir.path = clean_path(source.dir.path)
        case DiskPool(source=source):
            source.format = source.format or PartitionTableFormat(type="unknown")
            source.device.free_extents = []
        case LogicalPool(source=source) if source is not None:
            source.format = source.format or VolumeGroupFormatElement(type="lvm2")
        case ScsiPool(source=source) if isinstance(source.adapter, ScsiAdapter):
            source.adapter.type = "scsi_host"
        case GlusterPool(source=source) if source.dir is not None:
            source.dir.path = clean_path(source.dir.path)


def _target(pool: StoragePool) -> None:
    if isinstance(pool, LogicalPool):
        assert pool.source is not None  # _name() has made one
        pool.target = pool.target or LogicalTarget()
        pool.target.path = pool.target.path or f"/dev/{pool.source.name}"
    if isinstance(pool, ZfsPool) and pool.target is None:
        pool.target = PoolTarget(path=f"/dev/zvol/{pool.source.name}")
    target: PoolTarget | LogicalTarget | None = getattr(pool, "target", None)
    if target is None or target.path is None:
        return
    target.path = clean_path(target.path)
    if target.permissions is not None:
        target.permissions.settle()
        if target.permissions.empty:
            target.permissions = None


def _contradictions(pool: StoragePool) -> Iterator[Contradiction]:
    if not pool.name:
        yield Contradiction(pool, "the pool has no name, and its source has none to take over", child="name")
    elif not POOL_NAME.accepts(pool.name):
        message = f"the pool has no name, and cannot take over {pool.name!r}: a pool has {POOL_NAME.describe}"
        yield Contradiction(pool, message, child="name")
    yield from misplaced(pool, pool.extensions)
    if isinstance(pool, LogicalPool) and pool.source is not None and "/" in (pool.source.name or ""):
        yield Contradiction(pool.source, "the name of a volume group has no '/'", child="name")
    path = getattr(getattr(pool, "target", None), "path", None)
    if path is not None and not dt.ABSPATH.accepts(path):
        message = f"the volumes would be in {path!r}: the target needs {dt.ABSPATH.describe}"
        yield Contradiction(pool, message, child="target")
    auth = getattr(getattr(pool, "source", None), "auth", None)
    if auth is not None and (auth.type == "ceph") != (pool.type == PoolType.RBD):
        yield Contradiction(auth, f"a pool of type {pool.type} cannot log in by {auth.type}", "type")
