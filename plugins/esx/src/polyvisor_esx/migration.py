"""Moving guests between the hosts and the datastores of a vCenter: RelocateVM_Task, which does it all by itself.

A destination is a host: by its name or address, by its path in the inventory (``DC0/Cluster/host``), or by the URI of
a connection to it on the same vCenter. ``options["datastore"]`` of the plan names a datastore for the guest's files;
without it they stay, so both hosts have to reach them. A destination of ``""`` or of the guest's own host with a
datastore moves the files only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidState, InvalidURI, UnsupportedConfiguration
from polyvisor.operations.migration import MigrationPlan
from polyvisor.spi import DomainRef
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.properties import of_related
from polyvisor_esx.session import EsxSession, guest_name, number_of

if TYPE_CHECKING:
    from polyvisor.spi import JobControl
    from polyvisor_esx.inventory import Place

POSSIBLE = frozenset({"live", "offline", "persist", "undefine_source", "unsafe", "options", "copy_storage", "disks"})
"""What a plan may ask for: a guest of a vCenter is persistent, and is on one host at any time."""

OPTIONS = ("datastore",)


def migrate(
    session: EsxSession, domain: DomainRef, destination: str, plan: MigrationPlan, job: JobControl
) -> DomainRef:
    """Move a guest; returns it as it is at its destination."""
    machine, row = session.read(domain, (*STATE, "runtime.host"))
    active = state_of(session, machine, row).state.active
    if not active and plan.live and not plan.offline:
        raise InvalidState(
            f"{domain} is not running", target=str(domain), driver="esx", hint="move what is off with offline"
        )
    require_possible(plan)
    if not session.center:
        raise UnsupportedConfiguration(
            "a single host moves no guests", driver="esx", hint="connect to its vCenter: vpx://vcenter/"
        )
    spec = vim.vm.RelocateSpec()
    if destination:
        _aim(session, spec, find_host(session, destination), row.get("runtime.host"))
        if spec.host is not None:
            _require_free(session, machine, domain, spec.host)
    if (wanted := plan.options.get("datastore")) is not None:
        spec.datastore = find_datastore(session, spec.host or row.get("runtime.host"), str(wanted))
    if spec.host is None and spec.datastore is None:
        raise InvalidArgument(
            f"{domain} is on {destination!r} already", driver="esx", hint="name another host, or a datastore"
        )
    session.wait(machine.RelocateVM_Task(spec=spec, priority=vim.VirtualMachine.MovePriority.defaultPriority), job)
    return DomainRef(domain.name, domain.uuid, number_of(machine) if active else None)


def require_possible(plan: MigrationPlan) -> None:
    """Raise UnsupportedConfiguration for what VMware decides itself."""
    plain = MigrationPlan()
    asked = [
        name for name in MigrationPlan.__slots__ if name not in POSSIBLE and getattr(plan, name) != getattr(plain, name)
    ]
    if asked:
        raise UnsupportedConfiguration(
            f"VMware's migration has no choice of {', '.join(asked)}",
            driver="esx",
            hint="VMware encrypts, connects and paces migrations by the settings of its hosts",
        )
    if plan.copy_storage or plan.disks:
        raise UnsupportedConfiguration(
            "VMware moves all files of a guest or none", driver="esx", hint="name a datastore with the option datastore"
        )
    unknown = [name for name in plan.options if name not in OPTIONS]
    if unknown:
        raise InvalidArgument(f"VMware's migration has no option {', '.join(unknown)}", hint="it has datastore")


def find_host(session: EsxSession, destination: str) -> Place:
    """The host that a destination means. Raises InvalidArgument."""
    inventory = session.inventory
    path = _path(session, destination)
    hosts = list(inventory.root.all(vim.HostSystem))
    found = [each for each in hosts if each.path == path] or [each for each in hosts if path == (each.name,)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted("/".join(each.path) for each in hosts)[:8])
    problem = "several hosts are" if found else "no host of this vCenter is"
    raise InvalidArgument(f"{problem} named {destination!r}", driver="esx", hint=f"hosts are {known}")


def _path(session: EsxSession, destination: str) -> tuple[str, ...]:
    if "://" not in destination:
        return tuple(part for part in destination.split("/") if part)
    from polyvisor.uri import parse_uri
    from polyvisor_esx.address import parse_address

    address = parse_address(parse_uri(destination))
    if (address.scheme, address.host, address.port) != ("vpx", session.address.host, session.address.port):
        raise InvalidURI(
            f"{destination} is another server", driver="esx", hint="guests move between the hosts of one vCenter"
        )
    return address.path


def _aim(session: EsxSession, spec: Any, host: Place, present: Any) -> None:
    """Have the guest go to a host, into the resource pool of that host or of its cluster."""
    if host.reference == present:
        return
    compute = session.inventory.above(host, vim.ComputeResource)
    assert compute is not None
    found = session.properties(vim.ComputeResource, ("resourcePool",), [compute.reference])
    spec.host, spec.pool = host.reference, found[compute.reference]["resourcePool"]


def _require_free(session: EsxSession, machine: Any, domain: DomainRef, host: Any) -> None:
    """Raise AlreadyExists when another guest of the host has the name: vCenters tell guests apart by their folders, and
    connections to a host by their names."""
    there = of_related(session.content.propertyCollector, vim.VirtualMachine, ("name",), host, "vm")
    if any(other != machine and guest_name(row) == domain.name for other, row in there.items()):
        raise AlreadyExists(
            f"the host has another guest {domain.name!r}",
            target=str(domain),
            driver="esx",
            hint="rename one of the two first",
        )


def find_datastore(session: EsxSession, host: Any, name: str) -> Any:
    """A datastore of a host, by name. Raises InvalidArgument."""
    there = session.properties(vim.HostSystem, ("datastore",), [host])[host].get("datastore", ())
    names = {row["name"]: ref for ref, row in session.properties(vim.Datastore, ("name",), there).items()}
    if name not in names:
        raise InvalidArgument(
            f"the host has no datastore {name!r}", driver="esx", hint=f"it has {', '.join(sorted(names)) or 'none'}"
        )
    return names[name]
