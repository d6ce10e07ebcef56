"""The disks of guests one by one: how large they are, making them larger, and how much they may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice, UnsupportedConfiguration
from polyvisor.operations.records import Parameters
from polyvisor.spi import DomainRef
from polyvisor_esx import vim_writing
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.labels import disks_of
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.operations.statistics import BlockInfo

Device = vim.vm.device
LIMIT = "total_iops_sec"
"""What VMware limits: operations of a disk, of both kinds together. Throughput it does not."""

UNLIMITED = -1


def find(session: EsxSession, domain: DomainRef, name: str, *more: str) -> tuple[Any, Any, dict[str, Any]]:
    """The VirtualMachine, the disk of that target or file, and properties. Raises NoSuchDevice."""
    machine, row = session.read(domain, (*STATE, "config.hardware.device", *more))
    return machine, named(domain, list(row.get("config.hardware.device") or ()), name), row


def named(domain: DomainRef, hardware: list[Any], name: str) -> Any:
    """The disk or drive of that target or file. Raises NoSuchDevice."""
    known = disks_of(hardware)
    for target, device in known.items():
        if name in (target, getattr(device.backing, "fileName", None)):
            return device
    raise NoSuchDevice(
        f"{domain} has no disk {name!r}",
        target=str(domain),
        driver="esx",
        hint=f"disks it has: {', '.join(known) or 'none'}",
    )


def _hard(domain: DomainRef, name: str, device: Any) -> Any:
    if not isinstance(device, Device.VirtualDisk):
        raise NoSuchDevice(f"{name} of {domain} is a drive, not a hard disk", target=str(domain), driver="esx")
    return device


def capacity(disk: Any) -> int:
    """Bytes that the guest sees; older servers count KiB."""
    return int(disk.capacityInBytes or (disk.capacityInKB or 0) * 1024)


def info(session: EsxSession, domain: DomainRef, name: str) -> BlockInfo:
    """Sizes: what the guest sees, and what the files of the disk and its snapshots take (layoutEx)."""
    from polyvisor.operations.statistics import BlockInfo

    _machine, disk, row = find(session, domain, name, "layoutEx")
    if not isinstance(disk, Device.VirtualDisk):
        raise InvalidState(f"the size of the medium in {name} of {domain} is not known to VMware", target=str(domain))
    taken = stored(disk, row.get("layoutEx"))
    return BlockInfo(capacity(disk), allocation=taken, physical=taken)


def stored(disk: Any, layout: Any) -> int:
    """Bytes of the files behind a disk, of every link of its chain."""
    if layout is None:
        return 0
    sizes = {file.key: file.size for file in layout.file or ()}
    chains = [each.chain for each in layout.disk or () if each.key == disk.key]
    return sum(sizes.get(key, 0) for chain in chains for link in chain for key in link.fileKey)


def resize(session: EsxSession, domain: DomainRef, name: str, size: int | None) -> None:
    """Make a disk larger; VMware makes none smaller, nor one that has snapshots larger."""
    if not state_of(session, *session.read(domain, STATE)).state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    machine, disk, _row = find(session, domain, name)
    disk = _hard(domain, name, disk)
    if size is None:
        raise InvalidArgument("a disk on a datastore has no device underneath to take its size from", driver="esx")
    if size < 1 or size % 1024:
        raise InvalidArgument(f"{size} bytes is no size of a disk: VMware counts KiB", driver="esx")
    if size < capacity(disk):
        raise UnsupportedConfiguration(
            f"VMware cannot make the disk {name} smaller than its {capacity(disk)} bytes", driver="esx"
        )
    disk.capacityInBytes, disk.capacityInKB = size, size // 1024
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(deviceChange=[vim_writing.edited(disk)])))


def io_tune(session: EsxSession, domain: DomainRef, name: str) -> Parameters:
    """The limit of one disk; 0 for none."""
    _machine, disk, _row = find(session, domain, name)
    allocation = _hard(domain, name, disk).storageIOAllocation
    limit = getattr(allocation, "limit", None)
    return Parameters({LIMIT: 0 if limit is None or limit == UNLIMITED else int(limit)})


def set_io_tune(session: EsxSession, domain: DomainRef, name: str, parameters: Mapping[str, int | str]) -> None:
    """Limit one disk; 0 takes the limit away."""
    machine, disk, _row = find(session, domain, name)
    disk = _hard(domain, name, disk)
    unknown = [each for each in parameters if each != LIMIT]
    if unknown:
        raise InvalidArgument(
            f"VMware has no limit {', '.join(unknown)} of a disk", driver="esx", hint=f"it has {LIMIT}"
        )
    if LIMIT not in parameters:
        return
    value = parameters[LIMIT]
    if not isinstance(value, int) or value < 0 or 0 < value < 16:
        raise InvalidArgument(f"{LIMIT}={value} is neither 0 nor a number from 16 on", driver="esx")
    allocation = disk.storageIOAllocation or vim.StorageResourceManager.IOAllocationInfo()
    allocation.limit = value or UNLIMITED
    disk.storageIOAllocation = allocation
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(deviceChange=[vim_writing.edited(disk)])))
