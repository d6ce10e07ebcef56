"""Facts about the host, and the few things a hypervisor lets one change on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyvisor.errors import HostError, InvalidArgument, UnsupportedConfiguration
from polyvisor.host.records import CpuMap as CpuMap
from polyvisor.host.records import CpuTimes as CpuTimes
from polyvisor.host.records import FreeMemory as FreeMemory
from polyvisor.host.records import HostInfo as HostInfo
from polyvisor.host.records import MemoryStats as MemoryStats
from polyvisor.operations.declaration import operation
from polyvisor.operations.lifecycle import SuspendTarget
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.model.capabilities import Capabilities
    from polyvisor.model.domain import Domain
    from polyvisor.model.domaincaps import DomainCapabilities


@dataclass(frozen=True, slots=True)
class SecurityModel:
    """A mandatory access control model in force and the label a guest gets by default."""

    model: str
    doi: str
    base_labels: Mapping[str, str] = field(default_factory=dict)


_RUNS_EMULATOR = {"emulator": "connect:write"}
"""``extra_permissions`` of questions that are answered by running the program that the caller names."""


@operation(capability="host.hostname", permission="connect:getattr")
def hostname(session: Session) -> str:
    """The host's name, fully qualified if it knows that."""
    raise NotImplementedError


@operation(capability="host.sysinfo", permission="connect:read", raises=(HostError,))
def sysinfo(session: Session) -> str:
    """The host's SMBIOS or device-tree identity as a ``<sysinfo>`` document."""
    raise NotImplementedError


@operation(capability="host.info", permission="connect:read")
def host_info(session: Session) -> HostInfo:
    """CPU model, memory and topology in one line."""
    raise NotImplementedError


@operation(capability="host.max-vcpus", permission="connect:read", raises=(InvalidArgument,))
def max_vcpus(session: Session, *, domain_type: str | None = None) -> int:
    """Most vCPUs a guest of that type (``kvm``, ``qemu``, ...) may have; None means the default type."""
    raise NotImplementedError


@operation(capability="host.cpu-stats", permission="connect:read", raises=(InvalidArgument,))
def host_cpu_stats(session: Session, *, cpu: int | None = None) -> CpuTimes:
    """Time accounts of one CPU, or of all together."""
    raise NotImplementedError


@operation(capability="host.cpu-map", permission="connect:read")
def cpu_map(session: Session) -> CpuMap:
    """Which CPUs exist and which are online."""
    raise NotImplementedError


@operation(capability="host.mem-stats", permission="connect:read", raises=(InvalidArgument,))
def host_memory_stats(session: Session, *, cell: int | None = None) -> MemoryStats:
    """Memory of the host, or of one NUMA cell."""
    raise NotImplementedError


@operation(capability="host.free-mem", permission="connect:read")
def free_memory(session: Session) -> FreeMemory:
    """Free memory in all and by cell."""
    raise NotImplementedError


@operation(capability="host.huge-pages", permission="connect:read", raises=(InvalidArgument,))
def free_pages(
    session: Session, *, sizes_kib: Sequence[int] = (), cells: Sequence[int] = ()
) -> dict[int, dict[int, int]]:
    """Free pages by cell and page size: ``{cell: {size in KiB: pages}}``. Empty arguments mean all."""
    raise NotImplementedError


@operation(
    capability="host.huge-pages.set", permission="connect:write", changes=True, raises=(InvalidArgument, HostError)
)
def allocate_pages(session: Session, pages: Mapping[int, int], *, cells: Sequence[int] = (), add: bool = True) -> int:
    """Reserve huge pages ``{size in KiB: count}`` in each cell, added to what there is or in its place.

    Returns how many cells and sizes were served in full."""
    raise NotImplementedError


@operation(capability="host.ksm-params", permission="connect:read")
def memory_parameters(session: Session) -> dict[str, int]:
    """Kernel same-page merging, by libvirt's names (``shm_pages_to_scan``, ``shm_sleep_millisecs``, ...)."""
    raise NotImplementedError


@operation(
    capability="host.ksm-params.set", permission="connect:write", changes=True, raises=(InvalidArgument, HostError)
)
def set_memory_parameters(session: Session, parameters: Mapping[str, int]) -> None:
    """Change some of ``shm_pages_to_scan``, ``shm_sleep_millisecs`` and ``shm_merge_across_nodes``."""
    raise NotImplementedError


@operation(capability="host.suspend", permission="connect:pm_control", changes=True, raises=(HostError,))
def suspend_host(session: Session, target: SuspendTarget, seconds: int) -> None:
    """Send the host to sleep and wake it after ``seconds`` (at least 60)."""
    raise NotImplementedError


@operation(capability="host.security-model", permission="connect:read")
def security_models(session: Session) -> list[SecurityModel]:
    """The mandatory access control models that confine guests here."""
    raise NotImplementedError


@operation(capability="host.sev-info", permission="connect:read", raises=(UnsupportedConfiguration,))
def sev_info(session: Session) -> dict[str, int | str]:
    """AMD SEV facts of the host: ``pdh``, ``cert-chain``, ``cpu0-id``, ``cbitpos``, ``reduced-phys-bits``, ..."""
    raise NotImplementedError


@operation(
    capability="host.device-assign", permission="node_device:detach", changes=True, raises=(HostError, InvalidArgument)
)
def assign_host_device(session: Session, device: str, action: str, *, driver: str | None = None) -> None:
    """Take a host device from its driver for a guest (``detach``), give it back (``reattach``), or ``reset`` it.

    ``device`` is a node device name (``pci_0000_03_00_0``); ``driver`` the one to bind when detaching."""
    raise NotImplementedError


@operation(capability="caps.host", permission="connect:read")
def capabilities(session: Session) -> Capabilities:
    """The ``<capabilities>`` document: the host's CPU, NUMA cells and caches, and the guests it can run."""
    raise NotImplementedError


@operation(
    capability="caps.domain",
    permission="connect:read",
    raises=(InvalidArgument, UnsupportedConfiguration),
    extra_permissions=_RUNS_EMULATOR,
)
def domain_capabilities(
    session: Session,
    *,
    emulator: str | None = None,
    arch: str | None = None,
    machine: str | None = None,
    domain_type: str | None = None,
    disable_deprecated_features: bool = False,
) -> DomainCapabilities:
    """The ``<domainCapabilities>`` document for one combination of emulator, architecture, machine and type.

    What is None takes the hypervisor's default."""
    raise NotImplementedError


@operation(
    capability="cpu.compare",
    permission="connect:read",
    raises=(InvalidArgument,),
    extra_permissions=_RUNS_EMULATOR,
)
def compare_cpu(
    session: Session,
    cpu: str,
    *,
    emulator: str | None = None,
    arch: str | None = None,
    machine: str | None = None,
    domain_type: str | None = None,
    hypervisor: bool = False,
    validate: bool = True,
) -> str:
    """Compare a ``<cpu>`` document with what the host (or with ``hypervisor`` the hypervisor) offers.

    Returns ``identical``, ``superset`` (the host has more) or ``incompatible``."""
    raise NotImplementedError


@operation(
    capability="cpu.baseline",
    permission="connect:read",
    raises=(InvalidArgument,),
    extra_permissions=_RUNS_EMULATOR,
)
def baseline_cpu(
    session: Session,
    cpus: Sequence[str],
    *,
    emulator: str | None = None,
    arch: str | None = None,
    machine: str | None = None,
    domain_type: str | None = None,
    hypervisor: bool = False,
    expand_features: bool = False,
    migratable: bool = False,
) -> str:
    """The ``<cpu>`` that every one of ``cpus`` can provide."""
    raise NotImplementedError


@operation(capability="cpu.model-names", permission="connect:read", raises=(InvalidArgument,))
def cpu_models(session: Session, arch: str) -> list[str]:
    """CPU model names a document may use on that architecture."""
    raise NotImplementedError


@operation(
    capability="native.import",
    permission="connect:write",
    changes=True,
    raises=(InvalidArgument, UnsupportedConfiguration),
)
def from_native(session: Session, format: str, text: str) -> Domain:
    """Read a configuration in the hypervisor's own format (``xen-xl``, ``vmware-vmx``, ``lxc-tools``, ...).

    Where a format names its encoding itself, bytes that are no UTF-8 may be there as ``errors="surrogateescape"`` of
    ``bytes.decode`` leaves them."""
    raise NotImplementedError


@operation(
    capability="native.export",
    permission="connect:write",
    changes=True,
    raises=(InvalidArgument, UnsupportedConfiguration),
    documents={"config": "domain"},
)
def to_native(session: Session, format: str, config: Domain | str | bytes) -> str:
    """Write a domain in the hypervisor's own format (``qemu-argv``, ``xen-xl``, ``vmware-vmx``, ...)."""
    raise NotImplementedError
