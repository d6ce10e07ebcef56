"""Targets of iSCSI that a host logs in to, as storage pools with their units as volumes.

A target is one of the static targets of an adapter (HostInternetScsiHba.configuredStaticTarget), which those that were
discovered become as well. Targets and units are read, not made: VMware makes datastores of units, or hands them to
guests as raw devices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import NotFound
from polyvisor.model.storage import Allocation, Capacity
from polyvisor.model.storagepool import Available, IscsiPool, PoolTarget, PoolType, StoragePool
from polyvisor.model.storagepool.source import IscsiPoolSource, IscsiTarget, PoolHost
from polyvisor.model.storagevol import StorageVolume, VolumeTarget, VolumeType
from polyvisor_esx import reach
from polyvisor_esx.pools import DISKS
from polyvisor_esx.properties import Row
from polyvisor_esx.session import EsxSession

PATHS = (
    "config.storageDevice.hostBusAdapter",
    "config.storageDevice.scsiLun",
    "config.storageDevice.scsiTopology",
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A logical unit of a target; ``data`` is its ScsiLun. Sizes in bytes, 0 for what is no disk."""

    number: int
    data: Any

    @property
    def name(self) -> str:
        """The name a host gives it: ``naa.600...``, ``t10...``."""
        return str(self.data.canonicalName or self.data.uuid)

    @property
    def path(self) -> str:
        """Where a host has it."""
        return str(getattr(self.data, "devicePath", None) or self.data.deviceName)

    @property
    def size(self) -> int:
        """Bytes."""
        capacity = getattr(self.data, "capacity", None)
        return int(capacity.block * capacity.blockSize) if capacity is not None else 0


@dataclass(frozen=True, slots=True)
class Target:
    """A target by its iSCSI name, where it is, and the units that the host sees there, by number."""

    name: str
    uuid: UUID
    address: str
    port: int | None
    units: list[Unit] = field(default_factory=list)

    active = persistent = autostart = True
    kind = PoolType.ISCSI

    def __str__(self) -> str:
        return f"storage pool '{self.name}'"


def targets(session: EsxSession) -> list[Target]:
    """The targets of the one host of this connection, by name; one request."""
    host = reach.host(session).reference
    return targets_of(session.properties(vim.HostSystem, PATHS, [host]).get(host, {}))


def find(session: EsxSession, *, name: str | None = None, uuid: UUID | None = None) -> Target:
    """One target, by iSCSI name or UUID. Raises NotFound."""
    for each in targets(session):
        if each.name == name if name is not None else each.uuid == uuid:
            return each
    said = f"named {name!r}" if name is not None else f"with UUID {uuid}"
    raise NotFound(f"the host has no iSCSI target {said}", driver="esx")


def targets_of(row: Row) -> list[Target]:
    """The targets in the properties :data:`PATHS` of a host; one that several adapters reach is one."""
    units = _units(row)
    found: dict[str, Target] = {}
    for adapter in row.get("config.storageDevice.hostBusAdapter") or ():
        if not isinstance(adapter, vim.host.InternetScsiHba):
            continue
        for each in adapter.configuredStaticTarget or ():
            name = each.iScsiName
            made = Target(name, reach.derived_uuid(name), each.address, each.port, units.get(name, []))
            found.setdefault(name, made)
    return [found[name] for name in sorted(found)]


def _units(row: Row) -> dict[str, list[Unit]]:
    """Units by the name of their target; those that several paths lead to count once."""
    known = {unit.key: unit for unit in row.get("config.storageDevice.scsiLun") or ()}
    found: dict[str, dict[str, Unit]] = {}
    for interface in getattr(row.get("config.storageDevice.scsiTopology"), "adapter", None) or ():
        for target in interface.target or ():
            if not isinstance(target.transport, vim.host.InternetScsiTargetTransport):
                continue
            for each in target.lun or ():
                if each.scsiLun in known:
                    unit = Unit(each.lun, known[each.scsiLun])
                    found.setdefault(target.transport.iScsiName, {}).setdefault(each.scsiLun, unit)
    return {name: sorted(units.values(), key=lambda unit: unit.number) for name, units in found.items()}


# -- documents ------------------------------------------------------------------------------------------------


def document(target: Target) -> StoragePool:
    """The document of a target. All of it is allocated: nothing can be made on it here."""
    size = sum(unit.size for unit in target.units)
    source = IscsiPoolSource(host=PoolHost(name=target.address, port=target.port), device=IscsiTarget(path=target.name))
    return IscsiPool(
        name=target.name,
        uuid=str(target.uuid),
        capacity=Capacity(value=size, unit="bytes"),
        allocation=Allocation(value=size, unit="bytes"),
        available=Available(value=0, unit="bytes"),
        source=source,
        target=PoolTarget(path=DISKS.rstrip("/")),
    )


def volume(unit: Unit) -> StorageVolume:
    """The document of a unit."""
    return StorageVolume(
        type=VolumeType.BLOCK,
        name=unit.name,
        key=unit.path,
        capacity=Capacity(value=unit.size, unit="bytes"),
        allocation=Allocation(value=unit.size, unit="bytes"),
        target=VolumeTarget(path=unit.path),
    )
