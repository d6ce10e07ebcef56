"""What of its host's CPUs and memory a guest is promised and may take (ResourceAllocationInfo).

Reservation and limit are MHz of CPU and MiB of memory; shares weigh guests that compete. They change under running
guests, and stay. The memory's limit is ``<currentMemory>`` in documents, so it is none of the limits here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument
from polyvisor.operations.memory import UNLIMITED
from polyvisor.operations.records import Parameters
from polyvisor.operations.vcpus import Scheduler
from polyvisor.spi import DomainRef
from polyvisor_esx.session import EsxSession

CPU = "config.cpuAllocation"
MEMORY = "config.memoryAllocation"
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
    machine, row = session.read(domain, (CPU,))
    wanted = allocation_of(parameters)
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
    """KiB of the host's memory that the guest has for sure; :data:`UNLIMITED` when nothing is reserved."""
    _machine, row = session.read(domain, (MEMORY,))
    reserved = int(getattr(row.get(MEMORY), "reservation", None) or 0) * 1024
    return Parameters({GUARANTEE: reserved or UNLIMITED})


def set_memory_limits(session: EsxSession, domain: DomainRef, limits: Mapping[str, int]) -> None:
    """Reserve memory, in whole MiB: what is less than one counts as one."""
    machine, row = session.read(domain, (MEMORY,))
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
    if kib < 0:
        raise InvalidArgument(f"{GUARANTEE} of {kib} KiB is no amount of memory", driver="esx")
    kib = 0 if kib >= UNLIMITED else kib  # more than the guest has, the server refuses itself
    wanted = completed(vim.ResourceAllocationInfo(reservation=-(-kib // 1024)), row.get(MEMORY))
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(memoryAllocation=wanted)))
