"""Copies of guests, templates, and guests that go with all their files. Only a vCenter copies guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import AlreadyExists, InvalidState, UnsupportedConfiguration
from polyvisor.spi import DomainRef, Lifecycle, lifecycle
from polyvisor_esx import extraconfig
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.migration import find_datastore, find_host
from polyvisor_esx.session import EsxSession, guest_name, uuid_of, written_name

if TYPE_CHECKING:
    from polyvisor.spi import JobControl

LINKED = "createNewChildDiskBacking"
"""VirtualMachineRelocateDiskMoveOptions: the copy's disks stand on those of the source's snapshot."""


def clone(
    session: EsxSession,
    domain: DomainRef,
    name: str,
    job: JobControl | None = None,
    *,
    template: bool = False,
    linked: bool = False,
    datastore: str | None = None,
    host: str | None = None,
) -> DomainRef:
    """CloneVM_Task: copy a guest, disks and all, under another name; returns the copy, which is off.

    ``linked`` shares the disks of the guest's current snapshot; ``datastore`` and ``host`` say where the copy goes,
    else it stays beside the guest. Raises AlreadyExists, InvalidState for a linked copy of a guest without snapshots,
    InvalidArgument for a host or a datastore that is not there, OperationCancelled."""
    _require_center(session, "copies no guests")
    machine, row = session.read(domain, ("parent", "runtime.host", "snapshot", "resourcePool"))
    rows = session.properties(vim.VirtualMachine, ("name",))
    if any(guest_name(each) == name for each in rows.values()):
        raise AlreadyExists(f"a domain {name!r} exists already", driver="esx", hint="choose another name")
    location = vim.vm.RelocateSpec(pool=row.get("resourcePool"))
    if host is not None:
        location.host = find_host(session, host).reference
    if location.host is not None or location.pool is None:
        location.pool = _pool(session, location.host or row["runtime.host"])
    if datastore is not None:
        location.datastore = find_datastore(session, location.host or row["runtime.host"], datastore)
    # the copy is off, whatever the suspension of its source means
    fresh = vim.vm.ConfigSpec(extraConfig=extraconfig.options({extraconfig.SUSPENDED: None}))
    spec = vim.vm.CloneSpec(location=location, powerOn=False, template=template, config=fresh)
    if linked:
        location.diskMoveType, spec.snapshot = LINKED, _snapshot(domain, row)
    made = session.wait(machine.CloneVM_Task(folder=_folder(session, row), name=written_name(name), spec=spec), job)
    facts = session.properties(vim.VirtualMachine, ("config.uuid",), [made])[made]
    copy = DomainRef(name, uuid_of(facts) or UUID(int=0))
    session.learn(copy.uuid, made)
    session.tell(lifecycle(copy, Lifecycle.DEFINED, "added"))
    return copy


def _snapshot(domain: DomainRef, row: dict[str, Any]) -> Any:
    found = getattr(row.get("snapshot"), "currentSnapshot", None)
    if found is None:
        raise InvalidState(
            f"{domain} has no snapshot that a linked copy could stand on",
            target=str(domain),
            driver="esx",
            hint="take one first, or copy the guest as a whole",
        )
    return found


def _folder(session: EsxSession, row: dict[str, Any]) -> Any:
    """The folder of the source; one that the user may not see is that of its data centre."""
    if (parent := row.get("parent")) is not None:
        return parent
    datacenter = session.inventory.above(session.inventory.places[row["runtime.host"]], vim.Datacenter)
    assert datacenter is not None
    found = session.properties(vim.Datacenter, ("vmFolder",), [datacenter.reference])
    return found[datacenter.reference]["vmFolder"]


def _pool(session: EsxSession, host: Any) -> Any:
    """The resource pool of a host's, or of its cluster's."""
    compute = session.inventory.above(session.inventory.places[host], vim.ComputeResource)
    assert compute is not None
    found = session.properties(vim.ComputeResource, ("resourcePool",), [compute.reference])
    return found[compute.reference]["resourcePool"]


def _require_center(session: EsxSession, what: str) -> None:
    if not session.center:
        raise UnsupportedConfiguration(
            f"a single host {what}", driver="esx", hint="connect to its vCenter: vpx://vcenter/"
        )


# -- templates ------------------------------------------------------------------------------------------------


def is_template(session: EsxSession, domain: DomainRef) -> bool:
    """Whether a guest is a template, which is copied and never started."""
    _machine, row = session.read(domain, ("config.template",))
    return bool(row.get("config.template"))


def set_template(session: EsxSession, domain: DomainRef, wanted: bool) -> bool:
    """MarkAsTemplate, or MarkAsVirtualMachine on the host where the template is; returns whether that changed it."""
    _require_center(session, "has no templates")
    machine, row = session.read(domain, (*STATE, "config.template", "runtime.host"))
    if bool(row.get("config.template")) is wanted:
        return False
    if state_of(session, machine, row).state.active:
        raise InvalidState(f"{domain} is running", target=str(domain), driver="esx", hint="stop it first")
    if wanted:
        machine.MarkAsTemplate()
    else:
        machine.MarkAsVirtualMachine(pool=_pool(session, row["runtime.host"]), host=row["runtime.host"])
    return True


# -- with all files -------------------------------------------------------------------------------------------


def files(session: EsxSession, domain: DomainRef) -> list[str]:
    """Datastore paths of all files of a guest: its own, its disks, its snapshots."""
    _machine, row = session.read(domain, ("layoutEx.file",))
    return sorted(each.name for each in row.get("layoutEx.file") or ())


def destroy_files(session: EsxSession, domain: DomainRef, job: JobControl | None = None) -> None:
    """Destroy_Task: a guest that is off goes with all its files, disks and snapshots too. Nothing brings it back."""
    machine, row = session.read(domain, STATE)
    if state_of(session, machine, row).state.active:
        raise InvalidState(f"{domain} is running", target=str(domain), driver="esx", hint="stop it first")
    session.wait(machine.Destroy_Task(), job)
    session.forget(domain)
    session.remembered.pop(machine._GetMoId(), None)
    session.tell(lifecycle(domain, Lifecycle.UNDEFINED, "removed"))
