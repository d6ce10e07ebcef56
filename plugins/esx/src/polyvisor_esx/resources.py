"""How much memory and how many vCPUs a guest has.

``<memory>`` is VMware's memorySizeMB, ``<currentMemory>`` the limit of what of it the host gives (memoryAllocation).
VMware has one configuration: what is stored of a running guest is what it runs with.
"""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.spi import Affect, DomainRef
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.metadata import require_live
from polyvisor_esx.session import EsxSession
from polyvisor_esx.vmx_writing import MEMORY_GRANULE

GROWS = ("config.memoryHotAddEnabled", "config.cpuHotAddEnabled")
SIZES = ("config.hardware.memoryMB", "config.hardware.numCPU", "config.memoryAllocation.limit")


def _look(session: EsxSession, domain: DomainRef, affect: Affect) -> tuple[Any, dict[str, Any], bool]:
    machine, row = session.read(domain, (*STATE, *SIZES, *GROWS))
    active = state_of(session, machine, row).state.active
    require_live(domain, affect, active=active)
    return machine, row, active


def _refuse_stored_only(domain: DomainRef, affect: Affect, *, active: bool) -> None:
    if active and Affect(affect) is Affect.CONFIG:
        raise InvalidState(
            f"{domain} is running, and VMware cannot store a change that the running guest does not see",
            target=str(domain),
            driver="esx",
            hint="say affect=current, or stop it first",
        )


def max_memory(session: EsxSession, domain: DomainRef) -> int:
    """KiB."""
    return int(_look(session, domain, Affect.CURRENT)[1]["config.hardware.memoryMB"]) * 1024


def set_max_memory(session: EsxSession, domain: DomainRef, kib: int, affect: Affect) -> None:
    """Change the memory; of a running guest it can only grow, if that is allowed in its configuration."""
    machine, row, active = _look(session, domain, affect)
    _refuse_stored_only(domain, affect, active=active)
    size = _mebibytes(kib)
    if active and not (row.get(GROWS[0]) and size >= row["config.hardware.memoryMB"]):
        raise InvalidState(
            f"{domain} is running, and its memory cannot change to {size} MiB",
            target=str(domain),
            driver="esx",
            hint="stop it first; memory grows under running guests that have memoryHotAddEnabled",
        )
    spec = vim.vm.ConfigSpec(memoryMB=size)
    limit = row.get("config.memoryAllocation.limit", -1)
    if limit is not None and limit > size:
        spec.memoryAllocation = vim.ResourceAllocationInfo(limit=-1)
    session.wait(machine.ReconfigVM_Task(spec=spec))


def set_memory(session: EsxSession, domain: DomainRef, kib: int, affect: Affect) -> None:
    """Limit what the host gives of the memory; the balloon of VMware Tools gets the guest there."""
    machine, row, active = _look(session, domain, affect)
    _refuse_stored_only(domain, affect, active=active)
    most, size = row["config.hardware.memoryMB"], -(-kib // 1024)
    if kib < 1 or kib > most * 1024:
        raise InvalidArgument(f"{kib} KiB is not from 1 to the guest's maximum of {most * 1024} KiB", driver="esx")
    limit = -1 if size == most else size
    spec = vim.vm.ConfigSpec(memoryAllocation=vim.ResourceAllocationInfo(limit=limit))
    session.wait(machine.ReconfigVM_Task(spec=spec))


def _mebibytes(kib: int) -> int:
    if kib < 1:
        raise InvalidArgument(f"{kib} KiB is no amount of memory", driver="esx")
    return -(-kib // (1024 * MEMORY_GRANULE)) * MEMORY_GRANULE


def vcpu_count(session: EsxSession, domain: DomainRef, *, maximum: bool, affect: Affect) -> int:
    """VMware's guests have all the vCPUs of their configuration, so the maximum is the number."""
    return int(_look(session, domain, affect)[1]["config.hardware.numCPU"])


def set_vcpu_count(session: EsxSession, domain: DomainRef, count: int, affect: Affect) -> None:
    """Change the number; of a running guest it can only grow, if that is allowed in its configuration."""
    machine, row, active = _look(session, domain, affect)
    _refuse_stored_only(domain, affect, active=active)
    if count < 1:
        raise InvalidArgument(f"{count} is no number of vCPUs", driver="esx")
    if active and not (row.get(GROWS[1]) and count >= row["config.hardware.numCPU"]):
        raise InvalidState(
            f"{domain} is running, and its vCPUs cannot change to {count}",
            target=str(domain),
            driver="esx",
            hint="stop it first; vCPUs are added to running guests that have cpuHotAddEnabled",
        )
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(numCPUs=count)))
