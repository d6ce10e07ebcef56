"""Changing a guest into what a document says, with the smallest specification that does it.

Both the guest as it is and the document become the same settings; what differs goes into one ReconfigVM_Task.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidState, UnsupportedConfiguration
from polyvisor.spi import DomainRef
from polyvisor_esx import configuration, extraconfig, labels, metadata, vim_reading, vim_writing
from polyvisor_esx.session import EsxSession
from polyvisor_esx.vim_reading import bus_of
from polyvisor_esx.vim_writing import Device
from polyvisor_esx.vmx_writing import to_vmx
from polyvisor_esx.vmxfile import Settings, parse

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

HOT = ("config.cpuHotAddEnabled", "config.memoryHotAddEnabled", "runtime.host")
LIVE = {"displayname", "annotation", "sched.cpu.shares", "sched.cpu.affinity", "sched.mem.max", "sched.mem.minsize"}
"""Settings VMware changes under a running guest."""

LIVE_DEVICES = ("scsi", "sata", "ethernet")
"""Devices VMware plugs into a running guest and out of it."""

WORDS = {
    "uuid.bios": "the UUID",
    "guestos": "the architecture",
    "memsize": "the memory",
    "numvcpus": "the number of vCPUs",
    "cpuid.corespersocket": "the CPU's topology",
    "firmware": "the firmware",
    "uefi.secureboot.enabled": "secure boot",
    "numa.nodeaffinity": "the NUMA nodes",
}


def change(session: EsxSession, domain: DomainRef, config: Domain, *, active: bool) -> None:
    """Make the guest what ``config`` says. Raises InvalidState naming what cannot change while the guest runs."""
    machine, row = session.read(domain, (*vim_reading.PATHS, *HOT))
    current = _as_written(configuration.made_document(session, machine, row, configuration.networks_of(session, row)))
    wanted = configuration.settings(config)
    keys = changed_keys(current, wanted)
    spec = vim_writing.general(_with_defaults(wanted), keys)
    place = session.inventory.places.get(row.get("runtime.host"), session.place)
    there = list(row["config.hardware"].device or ())
    networks = configuration.finder(session, place)
    spec.deviceChange = devices = _devices(there, current, wanted, networks, active=active)
    if active:
        _require_live(domain, row, current, wanted, keys, devices)
    spec.extraConfig = [*spec.extraConfig, *_extra(row, config)]
    if keys or devices or spec.extraConfig:
        session.wait(machine.ReconfigVM_Task(spec=spec))
    configuration.name_fresh_cards(session, machine, config)


def _as_written(document: Domain) -> Settings:
    """The settings of a guest that is there; its files may be where no document could put them."""
    from polyvisor_esx import native

    return parse(to_vmx(document, hardware=native.HARDWARE, name_file=str))


def _with_defaults(settings: Settings) -> Settings:
    return Settings([*vim_writing.UNSET.items(), *settings.items()])


def changed_keys(current: Settings, wanted: Settings) -> set[str]:
    """Settings of the guest as a whole that differ."""
    before, after = _with_defaults(current), _with_defaults(wanted)
    known = [*vim_writing.GENERAL, *(key for key in (*before, *after) if vim_writing.KEPT.match(key))]
    return {key for key in known if before.get(key) != after.get(key)}


def _extra(row: dict[str, Any], config: Domain) -> list[Any]:
    before = extraconfig.values(row.get("config.extraConfig"))
    after = {**metadata.options_of(config), extraconfig.ALIASES: labels.as_setting(labels.asked(config))}
    keys = (extraconfig.TITLE, extraconfig.METADATA, extraconfig.ALIASES)
    return extraconfig.options({key: after.get(key) for key in keys if before.get(key) != after.get(key)})


# -- devices ------------------------------------------------------------------------------------------------------


def _devices(
    there: list[Any], current: Settings, wanted: Settings, networks: vim_writing.Networks, *, active: bool
) -> list[Any]:
    buses = _buses(there, current, wanted)
    known = dict(vim_reading.placed(there))
    prefixes = vim_writing.device_prefixes(wanted)
    changes = [vim_writing.removed(device) for prefix, device in known.items() if prefix not in prefixes]
    for prefix in prefixes:
        made = vim_writing.device(wanted, prefix, buses, networks) if _differs(current, wanted, prefix, known) else None
        if made is None:
            continue
        if (old := known.get(prefix)) is None:
            changes.append(vim_writing.added(made))
        elif _editable(old, made, active=active):
            changes.append(vim_writing.edited(_changed(old, made)))
        else:
            changes += [vim_writing.removed(old), vim_writing.added(made)]
    return [*map(vim_writing.added, buses.added), *changes, *_video(there, current, wanted)]


def _differs(current: Settings, wanted: Settings, prefix: str, known: dict[str, Any]) -> bool:
    return prefix not in known or vim_writing.of_device(current, prefix) != vim_writing.of_device(wanted, prefix)


def _editable(old: Any, made: Any, *, active: bool) -> bool:
    """Media and networks are exchanged, and addresses of cards of guests that are off; other hardware is taken out and
    put in."""
    if isinstance(made, Device.VirtualCdrom | Device.VirtualFloppy):
        return isinstance(old, type(made))
    if not isinstance(made, Device.VirtualEthernetCard) or type(old) is not type(made):
        return False
    return not active or made.macAddress in (None, old.macAddress)


def _changed(old: Any, made: Any) -> Any:
    """The device that is there with what the document says; the rest of it stays as it is."""
    old.backing, old.connectable = made.backing, made.connectable
    if getattr(made, "macAddress", None) is not None:
        old.macAddress, old.addressType = made.macAddress, made.addressType
    return old


def _buses(there: Iterable[Any], current: Settings, wanted: Settings) -> vim_writing.Buses:
    buses = vim_writing.Buses()
    for each in there:
        bus = bus_of(each) if isinstance(each, Device.VirtualController) else None
        if bus is not None:
            buses.known[bus, each.busNumber] = each
    for key, model in wanted.items():
        if key.startswith("scsi") and key.endswith(".virtualdev") and current.get(key) not in (None, model):
            raise UnsupportedConfiguration(
                f"controller {key.partition('.')[0]} is {current[key]}; VMware cannot make it {model}", driver="esx"
            )
    return buses


def _video(there: Iterable[Any], current: Settings, wanted: Settings) -> list[Any]:
    size = wanted.number("svga.vramSize")
    if size is None or size == current.number("svga.vramSize"):
        return []
    cards = [each for each in there if isinstance(each, Device.VirtualVideoCard)]
    for each in cards:
        each.videoRamSizeInKB = size >> 10
    return [vim_writing.edited(each) for each in cards]


# -- while it runs --------------------------------------------------------------------------------------------------


def _require_live(
    domain: DomainRef, row: dict[str, Any], current: Settings, wanted: Settings, keys: set[str], devices: list[Any]
) -> None:
    stuck = [WORDS.get(key, key) for key in sorted(keys - LIVE) if not _hot(key, row, current, wanted)]
    stuck += [_word(each.device) for each in devices if not _plugs(each.device)]
    if stuck:
        raise InvalidState(
            f"{domain} is running, and VMware cannot change {', '.join(dict.fromkeys(stuck))} of a running guest",
            target=str(domain),
            driver="esx",
            hint="stop it first",
        )


def _hot(key: str, row: dict[str, Any], current: Settings, wanted: Settings) -> bool:
    """Whether memory or vCPUs may grow while the guest runs."""
    allowed = {"memsize": "config.memoryHotAddEnabled", "numvcpus": "config.cpuHotAddEnabled"}.get(key)
    if vim_writing.KEPT.match(key):
        return key.lower().startswith("remotedisplay")
    return allowed is not None and bool(row.get(allowed)) and int(wanted[key]) > int(current[key])


def _plugs(device: Any) -> bool:
    if isinstance(device, Device.VirtualIDEController | Device.VirtualFloppy | Device.VirtualVideoCard):
        return False
    return not isinstance(device, Device.VirtualSerialPort | Device.VirtualParallelPort)


def _word(device: Any) -> str:
    kinds = {
        Device.VirtualFloppy: "floppies",
        Device.VirtualSerialPort: "serial ports",
        Device.VirtualParallelPort: "parallel ports",
        Device.VirtualVideoCard: "the video card",
        Device.VirtualIDEController: "IDE controllers",
    }
    return next((word for kind, word in kinds.items() if isinstance(device, kind)), "devices")
