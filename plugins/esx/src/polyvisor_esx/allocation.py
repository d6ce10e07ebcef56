"""What of its host's CPUs and memory a guest is promised and may take (ResourceAllocationInfo).

Reservation and limit are MHz of CPU and MiB of memory; shares weigh guests that compete. They change under running
guests, and stay. The memory's limit is ``<currentMemory>`` in documents, so it is none of the limits here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument
from polyvisor.operations.records import Parameters
from polyvisor.operations.vcpus import Scheduler
from polyvisor.spi import DomainRef
from polyvisor_esx.session import EsxSession

CPU = "config.cpuAllocation"
MEMORY = "config.memoryAllocation"
SIZE = "config.hardware.memoryMB"
SCHEDULER = "allocation"
"""What libvirt calls VMware's scheduler."""

LEVELS = {-1: "low", -2: "normal", -3: "high"}
"""Shares by level, as libvirt writes them; other numbers are shares."""

GUARANTEE = "min_guarantee"


def scheduler(session: EsxSession, domain: DomainRef) -> Scheduler:
    """The guest's reservation, limit (-1 is none) and shares."""
    _machine, row = session.read(domain, (CPU,))
    return Scheduler(SCHEDULER, Parameters(parameters_of(row.get(CPU))))


def parameters_of(allocation: Any) -> dict[str, int | float | bool | str]:
    """The parameters of a ResourceAllocationInfo; what is not set is VMware's default."""
    shares: Any = getattr(allocation, "shares", None)
    level = str(shares.level) if shares is not None else "normal"
    numbers = {word: number for number, word in LEVELS.items()}
    limit = getattr(allocation, "limit", None)
    return {
        "reservation": int(getattr(allocation, "reservation", None) or 0),
        "limit": -1 if limit is None else int(limit),
        "shares": numbers[level] if level in numbers else int(shares.shares),
    }


def set_scheduler(session: EsxSession, domain: DomainRef, parameters: Mapping[str, int]) -> None:
    """Change some of them."""
    wanted = allocation_of(parameters)
    machine, row = session.read(domain, (CPU,))
    if parameters:
        spec = vim.vm.ConfigSpec(cpuAllocation=completed(wanted, row.get(CPU)))
        session.wait(machine.ReconfigVM_Task(spec=spec))


def allocation_of(parameters: Mapping[str, int]) -> Any:
    """The ResourceAllocationInfo that sets these parameters and leaves the others. Raises InvalidArgument."""
    wanted = vim.ResourceAllocationInfo()
    for name, value in parameters.items():
        least = {"reservation": 0, "limit": -1, "shares": -3}.get(name)
        if least is None:
            raise InvalidArgument(
                f"VMware's scheduler has no {name}", driver="esx", hint="it has reservation, limit and shares"
            )
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidArgument(f"{name}={value} is no whole number from {least} on", driver="esx")
        if name == "shares":
            level = LEVELS.get(value, "custom")
            wanted.shares = vim.SharesInfo(level=level, shares=value if level == "custom" else 0)
        else:
            setattr(wanted, name, value)
    return wanted


def completed(wanted: Any, present: Any) -> Any:
    """``wanted`` with what it leaves out as it is: not every server leaves alone what a specification leaves out."""
    for name in ("reservation", "limit", "shares"):
        if getattr(wanted, name) is None:
            setattr(wanted, name, getattr(present, name, None))
    return wanted


def memory_limits(session: EsxSession, domain: DomainRef) -> Parameters:
    """KiB of the host's memory that the guest has for sure."""
    _machine, row = session.read(domain, (MEMORY,))
    return Parameters({GUARANTEE: int(getattr(row.get(MEMORY), "reservation", None) or 0) * 1024})


def set_memory_limits(session: EsxSession, domain: DomainRef, limits: Mapping[str, int]) -> None:
    """Reserve memory, in whole MiB: what is less than one counts as one."""
    unknown = [name for name in limits if name != GUARANTEE]
    if unknown:
        raise InvalidArgument(
            f"VMware has no memory limit {', '.join(unknown)}",
            driver="esx",
            hint=f"it has {GUARANTEE}; what a guest takes at most is its current memory",
        )
    if GUARANTEE not in limits:
        return
    kib = limits[GUARANTEE]
    machine, row = session.read(domain, (SIZE, MEMORY))
    if not 0 <= kib <= row[SIZE] * 1024:
        raise InvalidArgument(
            f"{GUARANTEE} of {kib} KiB is not from 0 to the guest's {row[SIZE] * 1024} KiB", driver="esx"
        )
    wanted = completed(vim.ResourceAllocationInfo(reservation=-(-kib // 1024)), row.get(MEMORY))
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(memoryAllocation=wanted)))
