"""Plugging disks, network cards and media into guests and out of them, as device changes of ReconfigVM_Task.

VMware keeps one configuration of a guest: what is plugged into a running one is there at its next start, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from polyvisor.errors import AlreadyExists, InvalidState, NoSuchDevice, UnsupportedConfiguration
from polyvisor.model.domain import Devices, Disk, Domain, Interface
from polyvisor.model.domain.devices.disk import bus_of_target
from polyvisor.spi import DomainRef, Event, EventKind
from polyvisor_esx import configuration, extraconfig, native, references, vim_reading, vim_writing
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.labels import aliases_of, as_setting, cards_of, disks_of, given, name_given
from polyvisor_esx.layout import lay_out
from polyvisor_esx.session import EsxSession, number_of

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor_esx.vmxfile import Settings

Device = vim.vm.device
PATHS = (*vim_reading.PATHS, *STATE, "runtime.host")

MEDIUM = frozenset({"type", "source", "driver", "backing_store"})
CHANGEABLE: dict[str, frozenset[str]] = {
    "cdrom": MEDIUM,
    "floppy": MEDIUM,
    "interface": frozenset({"type", "source", "link"}),
}
"""What VMware changes about a device that is there; the rest needs it taken out and put in."""

IDENTITY = frozenset({"alias", "address", "target", "mac", "model"})
"""What a new description may leave out: it stays as it is."""

COLD_BUSES = ("ide", "fdc")
"""Buses that VMware plugs nothing into while the guest runs; media change on them all the same."""


class Machine:
    """A guest to be changed: its VirtualMachine, its properties, and its document."""

    def __init__(self, session: EsxSession, domain: DomainRef) -> None:
        self.session = session
        self.domain = domain
        self.machine, self.row = session.read(domain, PATHS)
        self.active = state_of(session, self.machine, self.row).state.active
        networks = configuration.networks_of(session, self.row)
        self.config = configuration.made_document(session, self.machine, self.row, networks)

    @property
    def hardware(self) -> list[Any]:
        """VMware's devices of it."""
        return list(self.row["config.hardware"].device or ())

    @property
    def devices(self) -> Devices:
        """The document's devices."""
        if self.config.devices is None:
            self.config.devices = Devices()
        return self.config.devices

    def networks(self) -> vim_writing.Networks:
        """Finds networks of the guest's host by name."""
        place = self.session.inventory.places.get(self.row.get("runtime.host"), self.session.place)
        return configuration.finder(self.session, place)

    @property
    def names(self) -> dict[str, str]:
        """Names that users gave, by target of disks and address of cards."""
        return given(extraconfig.values(self.row.get("config.extraConfig")))

    @property
    def aliases(self) -> dict[str, str]:
        """What the document calls disks and cards: by names of users, and while the guest runs by VMware's."""
        return {**(aliases_of(self.hardware) if self.active else {}), **self.names}

    def reconfigure(self, changes: list[Any], names: dict[str, str] | None = None) -> None:
        """Have VMware make device changes, all or none of them; and keep ``names``, where they are others."""
        spec = vim.vm.ConfigSpec(deviceChange=changes)
        if names is not None and names != self.names:
            spec.extraConfig = extraconfig.options({extraconfig.ALIASES: as_setting(names)})
        self.session.wait(self.machine.ReconfigVM_Task(spec=spec))

    def tell(self, kind: EventKind, **data: object) -> None:
        """Announce a change of the running guest's devices."""
        if self.active:
            ref = DomainRef(self.domain.name, self.domain.uuid, number_of(self.machine))
            self.session.tell(Event(kind, ref, data=dict(data)))


# -- finding ----------------------------------------------------------------------------------------------------


def find(guest: Machine, device: Element) -> tuple[Any, Element]:
    """The device of VMware's that a description means, and what the document says of it. Raises NoSuchDevice."""
    match device:
        case Disk():
            name = device.target.dev
            found = disks_of(guest.hardware).get(name)
            said = next((each for each in guest.devices.disks if each.target.dev == name), None)
            there = ", ".join(disks_of(guest.hardware)) or "none"
            if found is not None and said is not None:
                return found, said
            raise NoSuchDevice(
                f"{guest.domain} has no disk {name!r}", target=str(guest.domain), hint=f"disks it has: {there}"
            )
        case Interface():
            return _find_card(guest, device)
    raise _unsupported(device)


def _find_card(guest: Machine, device: Interface) -> tuple[Any, Interface]:
    cards = cards_of(guest.hardware)
    wanted = str(device.mac.address).lower() if device.mac else next(iter(cards)) if len(cards) == 1 else ""
    said = [each for each in guest.devices.interfaces if each.mac and str(each.mac.address).lower() == wanted]
    if wanted not in cards or not said:
        raise NoSuchDevice(
            f"{guest.domain} has no network card {wanted or 'that the description alone tells apart'}",
            target=str(guest.domain),
            driver="esx",
            hint=f"addresses of cards it has: {', '.join(cards) or 'none'}",
        )
    return cards[wanted], said[0]


def _unsupported(device: Element) -> UnsupportedConfiguration:
    return UnsupportedConfiguration(
        f"a <{device.tag}> cannot be plugged into or out of a guest of VMware's by itself",
        driver="esx",
        hint="disks, drives and network cards can; define the whole document to change others",
    )


# -- plugging in ------------------------------------------------------------------------------------------------


def attach(session: EsxSession, domain: DomainRef, device: Element) -> None:
    """Add a disk, a drive or a network card, and the controller it needs."""
    device = references.resolved(session, device)
    native.refuse_lost_of(device)
    guest = Machine(session, domain)
    before = set(guest.aliases.values())
    _require_room(guest, device)
    called = name_given(device) if isinstance(device, Disk | Interface) else None
    if called in before:
        raise AlreadyExists(f"{domain} has a device {called!r} already", target=str(domain), driver="esx")
    wanted, prefix = _written(guest.config, device)
    if prefix in dict(vim_reading.placed(guest.hardware)) and isinstance(device, Disk):
        raise AlreadyExists(f"{domain} has a device at {prefix.rstrip('.')} already", target=str(domain), driver="esx")
    buses = _buses(guest.hardware)
    made = vim_writing.device(wanted, prefix, buses, guest.networks())
    place, names = _name(device), guest.names
    if called and place:
        names[place] = called
    guest.reconfigure([*map(vim_writing.added, buses.added), vim_writing.added(made)], names)
    if not guest.active and (place or not called):
        return
    now = Machine(session, domain)
    if called and not place:  # the address is VMware's choice
        place = next(address for address in cards_of(now.hardware) if address not in cards_of(guest.hardware))
        now.reconfigure([], {**now.names, place: called})
    fresh = [name for name in now.aliases.values() if name not in before]
    now.tell(EventKind.DEVICE_ADDED, alias=called or (fresh[0] if fresh else ""))


def _require_room(guest: Machine, device: Element) -> None:
    taken = None
    match device:
        case Disk():
            if device.target.dev in disks_of(guest.hardware):
                taken = f"a disk {device.target.dev}"
            elif guest.active and str(device.target.bus) in COLD_BUSES:
                raise InvalidState(
                    f"{guest.domain} is running, and VMware plugs nothing into its bus {device.target.bus}",
                    target=str(guest.domain),
                    driver="esx",
                    hint="stop it first, or use the bus scsi or sata",
                )
        case Interface():
            if device.mac and str(device.mac.address).lower() in cards_of(guest.hardware):
                taken = f"a network card {device.mac.address}"
        case _:
            raise _unsupported(device)
    if taken:
        raise AlreadyExists(f"{guest.domain} has {taken} already", target=str(guest.domain), driver="esx")


def _written(config: Domain, device: Element) -> tuple[Settings, str]:
    """The settings of a guest that is like ``config`` and has but this device; and where they are."""
    alone = config.copy()
    alone.devices = Devices()
    fresh = device.copy()
    if isinstance(fresh, Disk) and fresh.target.bus is None:
        fresh.target.bus = bus_of_target(fresh.target.dev)
    alone.devices.add(fresh)
    settings = configuration.settings(lay_out(alone))
    wanted = "ethernet" if isinstance(device, Interface) else ("scsi", "sata", "ide", "floppy")
    return settings, next(each for each in vim_writing.device_prefixes(settings) if each.startswith(wanted))


def _buses(hardware: list[Any]) -> vim_writing.Buses:
    buses = vim_writing.Buses()
    for each in hardware:
        bus = vim_reading.bus_of(each) if isinstance(each, Device.VirtualController) else None
        if bus is not None:
            buses.known[bus, each.busNumber] = each
    return buses


def _name(device: Element) -> str:
    """What a device is called in messages."""
    if isinstance(device, Disk):
        return device.target.dev
    return str(device.mac.address).lower() if isinstance(device, Interface) and device.mac else ""


def _alias(guest: Machine, device: Element) -> str:
    """What a device is called in events: what the document of the running guest calls it."""
    return guest.aliases.get(_name(device), "")


# -- taking out and changing --------------------------------------------------------------------------------------


def detach(session: EsxSession, domain: DomainRef, device: Element) -> None:
    """Take a device out; a disk's file stays."""
    guest = Machine(session, domain)
    _take_out(guest, *find(guest, device))


def detach_alias(session: EsxSession, domain: DomainRef, alias: str) -> None:
    """Take out the device that the document calls so."""
    guest = Machine(session, domain)
    names = {name: called for called, name in guest.aliases.items()}
    devices = [*guest.devices.disks, *guest.devices.interfaces]
    wanted = next((each for each in devices if _name(each) == names.get(alias)), None)
    if wanted is None:
        raise NoSuchDevice(
            f"{domain} has no device {alias!r}",
            target=str(domain),
            driver="esx",
            hint=f"aliases of what can be taken out: {', '.join(names) or 'none'}",
        )
    _take_out(guest, *find(guest, wanted))


def _take_out(guest: Machine, found: Any, said: Element) -> None:
    domain = guest.domain
    if guest.active and isinstance(said, Disk) and str(said.target.bus) in COLD_BUSES:
        raise InvalidState(
            f"{domain} is running, and VMware takes nothing out of its bus {said.target.bus}",
            target=str(domain),
            driver="esx",
            hint="stop it first; a medium can be ejected by an update without a source",
        )
    left = {place: name for place, name in guest.names.items() if place != _name(said)}
    guest.reconfigure([vim_writing.removed(found)], left)
    guest.tell(EventKind.DEVICE_REMOVED, alias=_alias(guest, said))


def update(session: EsxSession, domain: DomainRef, device: Element) -> None:
    """Exchange a medium, or the network and the link of a card."""
    device = references.resolved(session, device)
    guest = Machine(session, domain)
    found, said = find(guest, device)
    new = _merged(said, device)
    _require_changeable(said, new)
    wanted, prefix = _written(guest.config, new)
    made = vim_writing.device(wanted, prefix, _buses(guest.hardware), guest.networks())
    found.backing, found.connectable = made.backing, made.connectable
    if isinstance(new, Interface) and new.link is not None:
        found.connectable.connected = found.connectable.startConnected = new.link.state != "down"
    guest.reconfigure([vim_writing.edited(found)])
    if isinstance(new, Disk) and isinstance(said, Disk):
        guest.tell(EventKind.DISK_CHANGE, old=_path(said), new=_path(new), alias=_alias(guest, said))


def _path(disk: Disk) -> str | None:
    return getattr(disk.source, "file", None) or getattr(disk.source, "dev", None)


def _merged(old: Element, new: Element) -> Element:
    """The new description, with what it leaves out of the old one's identity."""
    merged = new.copy()
    for field in IDENTITY:
        if getattr(merged, field, None) is None and getattr(old, field, None) is not None:
            setattr(merged, field, getattr(old, field))
    return merged


def _require_changeable(old: Element, new: Element) -> None:
    """Raise UnsupportedConfiguration, naming the property, for a change that VMware does not make in place."""
    kind = str(getattr(old, "device", "")) if isinstance(old, Disk) else old.tag
    allowed = CHANGEABLE.get(kind, frozenset()) | IDENTITY
    for field in type(old).fields():
        before, after = getattr(old, field.attr), getattr(new, field.attr, None)
        if before != after and after is not None and field.attr not in allowed:
            raise UnsupportedConfiguration(
                f"{field.attr} of the {old.tag} {_name(old)} cannot change in place",
                driver="esx",
                hint="take the device out and plug in another",
            )
