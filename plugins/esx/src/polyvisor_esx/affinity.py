"""Which of its host's CPUs and NUMA nodes a guest may use.

CPUs are ``config.cpuAffinity``: one set for the whole guest, which documents write as ``<vcpu cpuset=...>``. VMware
binds no vCPU by itself, so only the vCPU of a guest that has one can be pinned. Nodes are the setting
``numa.nodeAffinity`` of ``extraConfig``, which binds CPUs and memory strictly and counts from the next start;
``config.memoryAffinity`` is its predecessor, deprecated since vSphere 6.0, and is read where the other is not set.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.operations.numa import NumaMode, NumaParameters
from polyvisor.operations.vcpus import VcpuInfo, VcpuState
from polyvisor.spi import Affect, DomainRef, DomainState
from polyvisor_esx import extraconfig
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.metadata import require_live
from polyvisor_esx.session import EsxSession

PINS = "config.cpuAffinity"
COUNT = "config.hardware.numCPU"
EXTRA = "config.extraConfig"
MEMORY = "config.memoryAffinity"
HOST = "runtime.host"
NODES = "numa.nodeAffinity"
"""The key of ``extraConfig``: numbers of nodes, with commas."""

_HOST_FACTS = ("hardware.cpuInfo", "hardware.numaInfo")


def _look(session: EsxSession, domain: DomainRef, affect: Affect, *paths: str) -> tuple[Any, dict[str, Any], bool]:
    machine, row = session.read(domain, (*STATE, HOST, *paths))
    active = state_of(session, machine, row).state.active
    require_live(domain, affect, active=active)
    return machine, row, active


def _host(session: EsxSession, row: dict[str, Any]) -> dict[str, Any]:
    """Facts about the host that the guest is on."""
    return session.properties(vim.HostSystem, _HOST_FACTS, [row[HOST]])[row[HOST]]


def _cpus(facts: dict[str, Any]) -> frozenset[int]:
    return frozenset(range(facts["hardware.cpuInfo"].numCpuThreads))


# -- CPUs -------------------------------------------------------------------------------------------------------


def _allowed(row: dict[str, Any], facts: dict[str, Any]) -> frozenset[int]:
    """The CPUs that the guest may use: all of its host's where it is not bound."""
    bound = getattr(row.get(PINS), "affinitySet", None)
    return frozenset(int(cpu) for cpu in bound) if bound else _cpus(facts)


def pins(session: EsxSession, domain: DomainRef, affect: Affect) -> dict[int, frozenset[int]]:
    """The CPUs of each vCPU, the same for all."""
    _machine, row, _active = _look(session, domain, affect, PINS, COUNT)
    return dict.fromkeys(range(int(row[COUNT])), _allowed(row, _host(session, row)))


def pin(session: EsxSession, domain: DomainRef, vcpu: int, cpus: Collection[int] | None, affect: Affect) -> None:
    """Bind the one vCPU of a guest. Raises InvalidArgument for guests that have several."""
    machine, row, active = _look(session, domain, affect, PINS, COUNT)
    _require_both(domain, affect, active=active)
    count = int(row[COUNT])
    if not 0 <= vcpu < count:
        raise InvalidArgument(f"{domain} has no vCPU {vcpu}: it has {count}", target=str(domain), driver="esx")
    if count > 1:
        raise InvalidArgument(
            f"VMware binds a guest to CPUs as a whole, not one of the {count} vCPUs of {domain}",
            target=str(domain),
            driver="esx",
            hint="define it with <vcpu cpuset='...'>, which holds for all of its vCPUs",
        )
    wanted = [] if cpus is None else _there(cpus, _cpus(_host(session, row)), "CPU")
    affinity = vim.vm.AffinityInfo(affinitySet=wanted)
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(cpuAffinity=affinity)))


def _there(wanted: Collection[int], present: frozenset[int], what: str) -> list[int]:
    """What is wanted, in order. Raises InvalidArgument when it is nothing, or the host has it not."""
    if not wanted:
        raise InvalidArgument(f"a guest has to run somewhere: no {what} is named", driver="esx")
    absent = sorted(set(wanted) - present)
    if absent:
        raise InvalidArgument(
            f"the host has no {what} {', '.join(map(str, absent))}",
            driver="esx",
            hint=f"it has {what}s 0 to {max(present)}",
        )
    return sorted(wanted)


def _require_both(domain: DomainRef, affect: Affect, *, active: bool) -> None:
    """What VMware stores of a running guest is what it runs with."""
    if active and Affect(affect) is Affect.CONFIG:
        raise InvalidState(
            f"{domain} is running, and VMware cannot store a change that the running guest does not see",
            target=str(domain),
            driver="esx",
            hint="say affect=current, or stop it first",
        )


def vcpus(session: EsxSession, domain: DomainRef) -> list[VcpuInfo]:
    """The vCPUs of a running guest. VMware tells neither where one runs nor when it waits, and no time of one."""
    machine, row = session.read(domain, (*STATE, HOST, PINS, COUNT))
    state = state_of(session, machine, row).state
    if not state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    doing = VcpuState.RUNNING if state is DomainState.RUNNING else VcpuState.BLOCKED
    allowed = _allowed(row, _host(session, row))
    return [VcpuInfo(number, doing, None, None, allowed) for number in range(int(row[COUNT]))]


# -- NUMA nodes ---------------------------------------------------------------------------------------------------


def nodes_of(row: dict[str, Any]) -> frozenset[int]:
    """The nodes that a guest is bound to, from its properties; none for any."""
    _key, written = _written(row)
    if written:
        return frozenset(int(part) for part in written.replace(" ", "").split(",") if part.isdigit())
    return frozenset(int(node) for node in getattr(row.get(MEMORY), "affinitySet", None) or ())


def _written(row: dict[str, Any]) -> tuple[str, str]:
    """The key as it is spelt, and its value: VMware's keys count in any case."""
    kept = {key: value for key, value in extraconfig.values(row.get(EXTRA)).items() if key.lower() == NODES.lower()}
    return list(kept.items())[-1] if kept else (NODES, "")


def numa(session: EsxSession, domain: DomainRef, affect: Affect) -> NumaParameters:
    """The binding; VMware's is always strict."""
    return NumaParameters(NumaMode.STRICT, nodes_of(_look(session, domain, affect, EXTRA, MEMORY)[1]))


def set_numa(
    session: EsxSession,
    domain: DomainRef,
    mode: NumaMode | None,
    nodeset: Collection[int] | None,
    affect: Affect,
) -> None:
    """Bind a guest that is off to nodes; an empty set takes the binding away."""
    machine, row, active = _look(session, domain, affect, EXTRA, MEMORY)
    if mode is not None and NumaMode(mode) is not NumaMode.STRICT:
        raise InvalidArgument(
            f"VMware binds guests to nodes strictly, and has no mode {NumaMode(mode).value}", driver="esx"
        )
    if nodeset is None:
        return
    present = frozenset(range(max(getattr(_host(session, row).get("hardware.numaInfo"), "numNodes", 0) or 1, 1)))
    wanted = _there(nodeset, present, "cell") if nodeset else []
    if active:
        raise InvalidState(
            f"{domain} is running, and VMware moves no running guest to other NUMA nodes",
            target=str(domain),
            driver="esx",
            hint="stop it first",
        )
    spec = vim.vm.ConfigSpec(extraConfig=extraconfig.options({_written(row)[0]: ",".join(map(str, wanted)) or None}))
    if getattr(row.get(MEMORY), "affinitySet", None):
        spec.memoryAffinity = vim.vm.AffinityInfo(affinitySet=[])  # the two would contradict each other
    session.wait(machine.ReconfigVM_Task(spec=spec))
