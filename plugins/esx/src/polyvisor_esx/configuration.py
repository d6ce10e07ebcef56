"""The configuration of guests: read, made, changed, taken away.

VMware has one configuration of a guest, which a change of a running guest changes at once as far as it can.
"""

from __future__ import annotations

from collections import defaultdict
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pyVmomi import vim

from polyvisor.errors import AlreadyExists, InvalidState, UnsupportedConfiguration
from polyvisor.spi import DomainRef, DomainState, Lifecycle, lifecycle
from polyvisor_esx import extraconfig, labels, native, suspended, vim_reading, vim_writing
from polyvisor_esx.datastores import escape_item
from polyvisor_esx.faults import named
from polyvisor_esx.guests import SAVES, STATE, mark_of, state_of
from polyvisor_esx.inventory import only
from polyvisor_esx.model import DatacenterPath
from polyvisor_esx.session import EsxSession, guest_name, number_of, uuid_of, written_name
from polyvisor_esx.vmx_reading import from_settings
from polyvisor_esx.vmx_writing import to_vmx
from polyvisor_esx.vmxfile import Settings, parse

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_esx.inventory import Place

LOCAL_DATACENTER = "ha-datacenter"
"""The one data centre of a host without a vCenter."""

# -- reading --------------------------------------------------------------------------------------------------


def document(session: EsxSession, domain: DomainRef) -> Domain:
    """The document of a guest."""
    machine, row = session.read(domain, (*vim_reading.PATHS, "runtime.host"))
    return made_document(session, machine, row, networks_of(session, row))


def made_document(session: EsxSession, machine: Any, row: dict[str, Any], networks: dict[str, str]) -> Domain:
    """The document from properties :data:`polyvisor_esx.vim_reading.PATHS` of a guest."""
    from polyvisor_esx import metadata

    config = from_settings(
        vim_reading.settings_of(row, networks),
        find=lambda name, may_be_missing: name,
        datacenter_path=datacenter_path(session, machine, row) or None,
        moref=machine._GetMoId(),
    )
    extra = extraconfig.values(row.get("config.extraConfig"))
    config.title = extra.get(extraconfig.TITLE)
    config.metadata = metadata.kept(extra)
    power = str(row.get("runtime.powerState"))
    saved = power == "suspended" and extra.get(extraconfig.SUSPENDED) in SAVES
    if power != "poweredOff" and not saved:
        config.id = number_of(machine)
    labels.label(config, list(row["config.hardware"].device or ()), labels.given(extra))
    return config


def networks_of(session: EsxSession, *rows: dict[str, Any]) -> dict[str, str]:
    """Names of the networks that guests are connected to, by reference; one request at most."""
    wanted = set()
    for row in rows:
        for each in row["config.hardware"].device or ():
            if vim_reading.group_of(each) != "ethernet":
                continue
            if (network := getattr(each.backing, "network", None)) is not None:
                wanted.add(network)
    if not wanted:
        return {}
    found = session.properties(vim.Network, ("name",), wanted)
    return {ref._GetMoId(): row["name"] for ref, row in found.items()}


def datacenter_path(session: EsxSession, machine: Any, row: dict[str, Any]) -> str:
    """The path of the data centre a guest is in."""
    if not session.center:
        return LOCAL_DATACENTER
    inventory = session.inventory
    if (path := inventory.datacenter_path(session.place)) or (host := row.get("runtime.host")) is None:
        return path
    return inventory.datacenter_path(inventory.places[host]) if host in inventory.places else ""


def settings(config: Domain) -> Settings:
    """What VMware would write of a document for a guest on a datastore."""
    return parse(to_vmx(config, hardware=native.HARDWARE, name_file=native.name_file))


# -- making -----------------------------------------------------------------------------------------------------


_naming: defaultdict[tuple[str, int], Lock] = defaultdict(Lock)
"""Held, for each server, from the look at the names there are until there is another: a host has names twice. Other
programs are not kept from that; a vCenter refuses by itself."""


def define(session: EsxSession, config: Domain) -> DomainRef:
    """CreateVM_Task, or for a guest that is there ReconfigVM_Task with what differs."""
    native.refuse_lost(config)
    with _naming[session.address.host, session.address.port]:
        return _defined(session, config)


def _defined(session: EsxSession, config: Domain) -> DomainRef:
    assert config.uuid is not None
    uuid = UUID(config.uuid)
    rows = session.properties(vim.VirtualMachine, ("name", "config.uuid", *STATE))
    there = [(ref, row) for ref, row in rows.items() if uuid_of(row) == uuid]
    namesake = [row for row in rows.values() if guest_name(row) == config.name and uuid_of(row) != uuid]
    if namesake:
        raise AlreadyExists(
            f"a domain {config.name!r} exists already, with UUID {uuid_of(namesake[0])}",
            driver="esx",
            hint="choose another name",
        )
    if there:
        return _redefine(session, there[0][0], there[0][1], config, uuid)
    return _create(session, config, uuid)


def _redefine(session: EsxSession, machine: Any, row: dict[str, Any], config: Domain, uuid: UUID) -> DomainRef:
    from polyvisor_esx import reconfiguring

    name = guest_name(row)
    if name != config.name:
        raise AlreadyExists(
            f"the UUID {uuid} belongs to domain {name!r}", driver="esx", hint="rename it first, or leave the UUID out"
        )
    active = state_of(session, machine, row).state.active
    domain = DomainRef(name, uuid, number_of(machine) if active else None)
    session.learn(uuid, machine)
    reconfiguring.change(session, domain, config, active=active)
    session.tell(lifecycle(domain, Lifecycle.DEFINED, "updated"))
    return domain


def _create(session: EsxSession, config: Domain, uuid: UUID) -> DomainRef:
    from polyvisor_esx import metadata

    wanted = settings(config)
    spot = _spot(session, config)
    spec = vim_writing.general(wanted)
    kept = {**metadata.options_of(config), extraconfig.ALIASES: labels.as_setting(labels.asked(config))}
    spec.extraConfig = [*spec.extraConfig, *extraconfig.options({key: text for key, text in kept.items() if text})]
    buses = vim_writing.Buses()
    networks = finder(session, spot)
    devices = [vim_writing.device(wanted, each, buses, networks) for each in vim_writing.device_prefixes(wanted)]
    spec.deviceChange = [vim_writing.added(each) for each in (*buses.added, *devices)]
    paths = _places_for_files(_datastore(session, spot, wanted), config.name, uuid)
    machine = _made(session, spot, spec, paths, config, uuid)
    domain = DomainRef(config.name, uuid)
    session.learn(uuid, machine)
    name_fresh_cards(session, machine, config)
    session.tell(lifecycle(domain, Lifecycle.DEFINED, "added"))
    return domain


def name_fresh_cards(session: EsxSession, machine: Any, config: Domain) -> None:
    """Keep the names that a document gives cards without saying their addresses, now that they have some."""
    cards = config.devices.interfaces if config.devices is not None else ()
    if not any(card.mac is None and labels.name_given(card) for card in cards):
        return
    found = session.properties(vim.VirtualMachine, ("config.hardware.device",), [machine])[machine]
    names = labels.as_setting(labels.asked(config, found.get("config.hardware.device") or ()))
    changed = extraconfig.options({extraconfig.ALIASES: names})
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(extraConfig=changed)))


LONGEST_ITEM = 80
"""Bytes of a name that a guest's files are called by; VMware's own limit for names, and room for suffixes."""


def _places_for_files(datastore: str, name: str, uuid: UUID) -> tuple[str, ...]:
    """Where the guest's own files may go: a folder of its name, as ESX would write it; if there is one already (of
    another guest that was undefined, whose files stay), one that the UUID tells apart, else one that nobody has. Of
    names that say a place (``..``), or that a file system may cut (at a space or a dot at an end), only the UUID."""
    item = escape_item(name)
    if len(item) > LONGEST_ITEM or item != item.strip(" .\t"):
        item = str(uuid)
    return tuple(f"[{datastore}] {folder}/{item}.vmx" for folder in (item, f"{item}_{uuid}", f"{item}_{uuid4()}"))


def _made(session: EsxSession, spot: Place, spec: Any, paths: tuple[str, ...], config: Domain, uuid: UUID) -> Any:
    from polyvisor_esx import returning

    folder, pool = _folder_and_pool(session, spot)
    host = spot.reference if isinstance(spot.reference, vim.HostSystem) else None
    for path in paths:
        spec.files = vim.vm.FileInfo(vmPathName=path)
        try:
            return session.wait(folder.CreateVM_Task(config=spec, pool=pool, host=host))
        except AlreadyExists as error:
            if path == paths[-1] or not named(error, "FileAlreadyExists"):
                raise
            if returning.owner(session, spot, path) == uuid:
                return returning.take_up(session, config, uuid, path, folder=folder, pool=pool, host=host)
    raise AssertionError("unreachable")


def _spot(session: EsxSession, config: Domain) -> Place:
    """The host or cluster that a new guest goes to: what the URI names, else the only one there is.

    On a whole vCenter the document's ``vmware:datacenterpath`` narrows the choice."""
    place = session.place
    if isinstance(place.reference, vim.HostSystem):
        return place
    chosen = next((each.path for each in config.extensions if isinstance(each, DatacenterPath)), None)
    places = list(place.all(vim.ComputeResource))
    if chosen is not None and session.center:
        places = [each for each in places if session.inventory.datacenter_path(each) == chosen]
    return only(places, "cluster")


def _folder_and_pool(session: EsxSession, spot: Place) -> tuple[Any, Any]:
    """The folder a guest is filed in, and the resource pool it gets its share from."""
    inventory = session.inventory
    datacenter, compute = inventory.above(spot, vim.Datacenter), inventory.above(spot, vim.ComputeResource)
    assert datacenter is not None and compute is not None
    folder = session.properties(vim.Datacenter, ("vmFolder",), [datacenter.reference])[datacenter.reference]["vmFolder"]
    pool = session.properties(vim.ComputeResource, ("resourcePool",), [compute.reference])
    return folder, pool[compute.reference]["resourcePool"]


def _datastore(session: EsxSession, spot: Place, wanted: Settings) -> str:
    """The datastore for a new guest's own files: that of its first disk, else the one with most room."""
    from polyvisor_esx.datastores import parse_path

    for prefix in vim_writing.device_prefixes(wanted):
        name = wanted.text(prefix + "fileName") or ""
        if name.startswith("[") and (wanted.text(prefix + "deviceType") or "").lower().endswith("harddisk"):
            return parse_path(name).datastore
    kind = type(spot.reference)
    stores = session.properties(kind, ("datastore",), [spot.reference])[spot.reference].get("datastore", ())
    facts = session.properties(vim.Datastore, ("summary.name", "summary.accessible", "summary.freeSpace"), stores)
    usable = [row for row in facts.values() if row.get("summary.accessible", True)]
    if not usable:
        raise UnsupportedConfiguration("the host has no datastore for the guest's files", driver="esx")
    return str(max(usable, key=lambda row: row.get("summary.freeSpace", 0))["summary.name"])


def finder(session: EsxSession, spot: Place) -> vim_writing.Networks:
    """Finds networks by name among those of a host or cluster; they are read when the first is asked for."""
    known: dict[str, Any] = {}

    def find(name: str) -> Any:
        if not known:
            there = session.properties(type(spot.reference), ("network",), [spot.reference])
            networks = there[spot.reference].get("network", ())
            rows = session.properties(vim.Network, ("name",), networks)
            known.update({row["name"]: ref for ref, row in rows.items()})
        if name not in known:
            raise UnsupportedConfiguration(
                f"there is no network {name!r} on the host",
                driver="esx",
                hint=f"there are {', '.join(sorted(known)) or 'none'}",
            )
        return connected(session, known[name])

    return find


# -- taking away, renaming ---------------------------------------------------------------------------------------


def undefine(session: EsxSession, domain: DomainRef, *, managed_save: bool, snapshots_metadata: bool) -> None:
    """UnregisterVM: the server forgets the guest, whose files stay on the datastore."""
    machine, row = session.read(domain, (*STATE, "snapshot"))
    if state_of(session, machine, row).state.active:
        raise InvalidState(
            f"{domain} is running, and VMware cannot forget a running guest",
            target=str(domain),
            driver="esx",
            hint="stop it first",
        )
    if row.get("snapshot") is not None and not snapshots_metadata:
        raise InvalidState(
            f"{domain} has snapshots",
            target=str(domain),
            driver="esx",
            hint="pass snapshots_metadata to forget them too",
        )
    if mark_of(session, machine, row) in SAVES:
        if not managed_save:
            raise InvalidState(
                f"{domain} has a managed save image",
                target=str(domain),
                driver="esx",
                hint="pass managed_save to throw it away too",
            )
        suspended.throw_away(session, domain)
    with _naming[session.address.host, session.address.port]:  # of two at once both may be told that it was theirs
        machine.UnregisterVM()
    session.forget(domain)
    session.remembered.pop(machine._GetMoId(), None)
    session.tell(lifecycle(domain, Lifecycle.UNDEFINED, "removed"))


def rename(session: EsxSession, domain: DomainRef, name: str) -> DomainRef:
    """Rename_Task. The names of the guest's files stay as they are."""
    machine, row = session.read(domain, STATE)
    if state_of(session, machine, row).state is not DomainState.SHUT_OFF:
        raise InvalidState(f"{domain} is running and cannot be renamed", target=str(domain), driver="esx")
    with _naming[session.address.host, session.address.port]:
        names = session.properties(vim.VirtualMachine, ("name",))
        if any(guest_name(each) == name for each in names.values()):
            raise AlreadyExists(f"a domain {name!r} exists already", driver="esx", hint="choose another name")
        session.wait(machine.Rename_Task(newName=written_name(name)))
    session.tell(lifecycle(domain, Lifecycle.UNDEFINED, "renamed"))
    renamed = DomainRef(name, domain.uuid)
    session.tell(lifecycle(renamed, Lifecycle.DEFINED, "renamed"))
    return renamed


def connected(session: EsxSession, network: Any) -> Any:
    """What a card is connected to: the network itself, or a port of a distributed port group's switch."""
    if not isinstance(network, vim.dvs.DistributedVirtualPortgroup):
        return network
    kind = vim.dvs.DistributedVirtualPortgroup
    group = session.properties(kind, ("key", "config.distributedVirtualSwitch"), [network])[network]
    switch = group["config.distributedVirtualSwitch"]
    uuid = session.properties(vim.DistributedVirtualSwitch, ("uuid",), [switch])[switch]["uuid"]
    return vim.dvs.PortConnection(switchUuid=uuid, portgroupKey=group["key"])
