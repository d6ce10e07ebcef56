"""What the disks of a guest get of their datastores when many want much: ``device_weight`` of libvirt's tunables.

VMware weighs the disks of its guests one by one (``storageIOAllocation.shares``): low, normal or high, which are 500,
1000 and 2000, or a number of one's own from 200 to 4000. A disk goes by its file, the host's device behind it, or by
its target. A guest as a whole has no weight, and what a disk may do at most is ``total_iops_sec`` of its ``<iotune>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument
from polyvisor.operations.records import Parameters
from polyvisor.spi import Affect, DomainRef
from polyvisor_esx import vim_writing
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.labels import disks_of
from polyvisor_esx.metadata import require_live
from polyvisor_esx.session import EsxSession

WEIGHT = "device_weight"
HARDWARE = "config.hardware.device"
LEVELS = {"low": 500, "normal": 1000, "high": 2000}
"""SharesLevel -> shares of a disk (SharesInfo)."""

RANGE = range(200, 4001)
NORMAL = 0
"""The weight that takes one's own away."""


def _look(session: EsxSession, domain: DomainRef, affect: Affect) -> tuple[Any, dict[str, Any]]:
    """The VirtualMachine and its hard disks by target."""
    machine, row = session.read(domain, (*STATE, HARDWARE))
    require_live(domain, affect, active=state_of(session, machine, row).state.active)
    disks = disks_of(list(row.get(HARDWARE) or ()))
    return machine, {target: disk for target, disk in disks.items() if isinstance(disk, vim.vm.device.VirtualDisk)}


def parameters(session: EsxSession, domain: DomainRef, affect: Affect) -> Parameters:
    """Files of the guest's hard disks with their shares; targets where a file's name has a comma."""
    _machine, disks = _look(session, domain, affect)
    parts = (f"{_plain(target, disk)},{shares_of(disk)}" for target, disk in disks.items())
    return Parameters({WEIGHT: ",".join(parts)})


def _plain(target: str, disk: Any) -> str:
    name = _file(disk)
    return target if not name or "," in name else name


def _file(disk: Any) -> str:
    return str(getattr(disk.backing, "fileName", None) or "")


def shares_of(disk: Any) -> int:
    """The shares of a disk; those of a disk that says nothing are normal."""
    shares: Any = getattr(disk.storageIOAllocation, "shares", None)
    level = "normal" if shares is None else str(shares.level)
    return LEVELS[level] if level in LEVELS else int(shares.shares)


def put(session: EsxSession, domain: DomainRef, wanted: Mapping[str, int | str], affect: Affect) -> None:
    """Change the shares of the disks that are named. Raises InvalidArgument, changing nothing."""
    machine, disks = _look(session, domain, affect)
    unknown = [name for name in wanted if name != WEIGHT]
    if unknown:
        raise InvalidArgument(
            f"VMware has no {', '.join(unknown)}",
            driver="esx",
            hint=f"it has {WEIGHT}; operations a second are limited by total_iops_sec of a disk",
        )
    changes = []
    for disk, weight in pairs(str(wanted.get(WEIGHT, "")), disks):
        allocation = disk.storageIOAllocation or vim.StorageResourceManager.IOAllocationInfo()
        allocation.shares = _shares(weight)
        disk.storageIOAllocation = allocation
        changes.append(vim_writing.edited(disk))
    if changes:
        session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(deviceChange=changes)))


def _shares(weight: int) -> Any:
    word = "normal" if weight == NORMAL else next((word for word, each in LEVELS.items() if each == weight), "custom")
    return vim.SharesInfo(level=word, shares=weight if word == "custom" else LEVELS[word])


def pairs(written: str, disks: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    """The disks and weights of ``[store] a/a.vmdk,500,sdb,2000``. Names may have commas: those of disks are known."""
    names = {name: disk for target, disk in disks.items() for name in (target, _file(disk)) if name}
    rest = written
    while rest:
        name = max((each for each in names if rest.startswith(f"{each},")), key=len, default=None)
        if name is None:
            raise InvalidArgument(
                f"{WEIGHT}: {rest!r} does not begin with a disk of the guest and a comma",
                driver="esx",
                hint=f"disks are {', '.join(names) or 'none'}",
            )
        number, _comma, rest = rest[len(name) + 1 :].partition(",")
        if not number.isdecimal() or (int(number) != NORMAL and int(number) not in RANGE):
            raise InvalidArgument(
                f"{WEIGHT}: {number!r} of {name} is neither 0 nor a number from {RANGE[0]} to {RANGE[-1]}", driver="esx"
            )
        yield names[name], int(number)
