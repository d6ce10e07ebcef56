"""Settings of a VMX file as the specification of a guest (VirtualMachineConfigSpec).

The other way round than :mod:`polyvisor_esx.vim_reading`: what a document may ask was settled when it became settings
(:mod:`polyvisor_esx.vmx_writing`), here it is only spelt in the objects of the vSphere Web Services SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from pyVmomi import vim

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_esx.session import written_name
from polyvisor_esx.vim_reading import CARDS, EXTRA, SCSI
from polyvisor_esx.vmxfile import Settings

Device = vim.vm.device
Networks = Callable[[str], Any]
"""Finds what a name of a port group leads to: a Network, or a PortConnection to a distributed switch; raises
UnsupportedConfiguration for one that is not there."""

DEVICE = re.compile(r"(scsi|sata|ide)\d+:\d+\.|(floppy|ethernet|serial|parallel)\d+\.", re.IGNORECASE)
KEPT = EXTRA
"""Settings that go into ``extraConfig`` as they are."""

FIRST_KEY = -100
"""Keys of devices that are not there yet are negative numbers of ours."""

DEFAULT_CARD = "e1000"
"""The network card of a guest whose document names none: what every guest system has a driver for."""


@dataclass(slots=True)
class Buses:
    """Controllers by bus and number, those there are and those to be made; and the next key."""

    known: dict[tuple[str, int], Any] = field(default_factory=dict)
    added: list[Any] = field(default_factory=list)
    next_key: int = FIRST_KEY

    def key(self) -> int:
        """A key that nothing has yet."""
        self.next_key -= 1
        return self.next_key

    def controller(self, bus: str, number: int, model: str | None) -> int:
        """The key of a controller, which is made if it is not there."""
        found = self.known.get((bus, number))
        if found is None:
            found = _controller(bus, number, model)
            found.key = self.key()
            self.known[bus, number] = found
            self.added.append(found)
        return int(found.key)


def _controller(bus: str, number: int, model: str | None) -> Any:
    if bus == "ide":
        return Device.VirtualIDEController(busNumber=number)
    if bus == "sata":
        return Device.VirtualAHCIController(busNumber=number)
    kinds = {name: kind for kind, name in SCSI.items()}
    kind = kinds[(model or "lsilogic").lower()]
    return kind(busNumber=number, sharedBus=Device.VirtualSCSIController.Sharing.noSharing)


# -- the guest as a whole -------------------------------------------------------------------------------------


def general(settings: Settings, keys: Collection[str] | None = None) -> Any:
    """A specification of what is no device; with ``keys`` of these settings only. Keys are in lower case."""
    wanted = settings.keys() if keys is None else keys
    spec = vim.vm.ConfigSpec()
    for key, put in _FIELDS.items():
        if key in wanted and key in settings:
            put(spec, settings)
    if {"sched.mem.max", "sched.mem.minsize"} & set(wanted):
        spec.memoryAllocation = _memory(settings)
    extra = {key: settings.get(key) for key in wanted if KEPT.match(key)}
    spec.extraConfig = [vim.option.OptionValue(key=key, value=value or "") for key, value in extra.items()]
    return spec


def _memory(settings: Settings) -> Any:
    limit = settings.number("sched.mem.max")
    return vim.ResourceAllocationInfo(
        reservation=settings.number("sched.mem.minsize") or 0, limit=-1 if limit is None else limit
    )


def _shares(spec: Any, settings: Settings) -> None:
    written = settings["sched.cpu.shares"].lower()
    level = written if written in ("low", "normal", "high") else "custom"
    shares = vim.SharesInfo(level=level, shares=int(written) if level == "custom" else 0)
    spec.cpuAllocation = vim.ResourceAllocationInfo(shares=shares)


def _affinity(spec: Any, settings: Settings) -> None:
    cpus = [int(each) for each in settings["sched.cpu.affinity"].split(",") if each]
    spec.cpuAffinity = vim.vm.AffinityInfo(affinitySet=cpus)


def _secure_boot(spec: Any, settings: Settings) -> None:
    spec.bootOptions = vim.vm.BootOptions(efiSecureBootEnabled=settings.flag("uefi.secureBoot.enabled"))


def _attribute(name: str, convert: Callable[[str], Any], key: str) -> Callable[[Any, Settings], None]:
    return lambda spec, settings: setattr(spec, name, convert(settings[key]))


def _plain_uuid(text: str) -> str:
    digits = re.sub(r"[\s-]", "", text)
    return "-".join(digits[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def _guest(text: str) -> str:
    return "otherGuest64" if text.endswith("-64") else "otherGuest"


_FIELDS: dict[str, Callable[[Any, Settings], None]] = {
    "displayname": _attribute("name", written_name, "displayName"),
    "uuid.bios": _attribute("uuid", _plain_uuid, "uuid.bios"),
    "annotation": _attribute("annotation", str, "annotation"),
    "guestos": _attribute("guestId", _guest, "guestOS"),
    "memsize": _attribute("memoryMB", int, "memsize"),
    "numvcpus": _attribute("numCPUs", int, "numvcpus"),
    "cpuid.corespersocket": _attribute("numCoresPerSocket", int, "cpuid.coresPerSocket"),
    "firmware": _attribute("firmware", str, "firmware"),
    "uefi.secureboot.enabled": _secure_boot,
    "sched.cpu.shares": _shares,
    "sched.cpu.affinity": _affinity,
}
"""Setting -> what it sets in a specification."""

UNSET = {
    "annotation": "",
    "cpuid.corespersocket": "1",
    "firmware": "bios",
    "uefi.secureboot.enabled": "FALSE",
    "sched.cpu.shares": "normal",
    "sched.cpu.affinity": "",
}
"""What a setting means when it is not there, for changes that take it away."""

GENERAL = (*_FIELDS, "sched.mem.max", "sched.mem.minsize")
"""Settings that :func:`general` knows, beside those of :data:`KEPT`."""


# -- devices ----------------------------------------------------------------------------------------------------


def device_prefixes(settings: Settings) -> list[str]:
    """Beginnings of settings that are a device's and say that it is there: ``scsi0:0.``, ``ethernet0.``, ..."""
    found = dict.fromkeys(match[0].lower() for key in settings if (match := DEVICE.match(key)))
    return [prefix for prefix in found if settings.flag(prefix + "present")]


def of_device(settings: Settings, prefix: str) -> dict[str, str]:
    """The settings of one device, without their beginning."""
    return {key[len(prefix) :]: value for key, value in settings.items() if key.startswith(prefix)}


def device(settings: Settings, prefix: str, buses: Buses, networks: Networks) -> Any:
    """The device of a prefix. Its controller is made if it is not there."""
    made: Any
    match re.match(r"[a-z]+", prefix):
        case found if found is not None and found[0] in ("scsi", "sata", "ide"):
            made = _on_bus(settings, prefix, buses)
        case found if found is not None and found[0] == "ethernet":
            made = card(settings, prefix, networks)
        case found if found is not None and found[0] == "floppy":
            made = Device.VirtualFloppy(backing=_floppy(settings, prefix))
        case _:
            made = _port(settings, prefix)
    made.key = buses.key()
    return made


def _on_bus(settings: Settings, prefix: str, buses: Buses) -> Any:
    place = re.fullmatch(r"([a-z]+)(\d+):(\d+)\.", prefix)
    assert place is not None
    bus, number, unit = place[1], int(place[2]), int(place[3])
    kind = (settings.text(prefix + "deviceType") or "").lower()
    made = _disk(settings, prefix) if kind.endswith("harddisk") else _cdrom(settings, prefix, kind)
    made.controllerKey = buses.controller(bus, number, settings.text(f"{bus}{number}.virtualDev"))
    made.unitNumber = unit
    return made


def _disk(settings: Settings, prefix: str) -> Any:
    transient = (settings.text(prefix + "mode") or "").lower() == "independent-nonpersistent"
    backing = Device.VirtualDisk.FlatVer2BackingInfo(
        fileName=settings[prefix + "fileName"],
        diskMode="independent_nonpersistent" if transient else "persistent",
        writeThrough=settings.flag(prefix + "writeThrough"),
    )
    return Device.VirtualDisk(backing=backing, capacityInKB=0)


def _cdrom(settings: Settings, prefix: str, kind: str) -> Any:
    name = settings.text(prefix + "fileName")
    if name is not None and name.lower() == "emptybackingstring":
        name = None
    automatic = settings.flag(prefix + "autodetect")
    backing: Any
    if kind == "cdrom-image" and name is not None:
        backing = Device.VirtualCdrom.IsoBackingInfo(fileName=name)
    elif kind == "cdrom-image":
        backing = Device.VirtualCdrom.RemotePassthroughBackingInfo(deviceName="", exclusive=False)
    elif kind == "atapi-cdrom":
        backing = Device.VirtualCdrom.AtapiBackingInfo(deviceName=name or "", useAutoDetect=automatic)
    else:
        backing = Device.VirtualCdrom.PassthroughBackingInfo(
            deviceName=name or "", useAutoDetect=automatic, exclusive=False
        )
    return Device.VirtualCdrom(backing=backing, connectable=_connectable(present=name is not None))


def _connectable(*, present: bool) -> Any:
    return Device.VirtualDevice.ConnectInfo(startConnected=present, connected=present, allowGuestControl=True)


def _floppy(settings: Settings, prefix: str) -> Any:
    name = settings.get(prefix + "fileName") or ""
    if (settings.text(prefix + "fileType") or "").lower() == "file":
        return Device.VirtualFloppy.ImageBackingInfo(fileName=name)
    return Device.VirtualFloppy.DeviceBackingInfo(deviceName=name)


def card(settings: Settings, prefix: str, networks: Networks) -> Any:
    """A network card."""
    model = (settings.text(prefix + "virtualDev") or DEFAULT_CARD).lower()
    if model == "vmxnet" and settings.text(prefix + "features") == "15":
        model = "vmxnet2"
    kind = {name: kind for kind, name in CARDS.items()}[model]
    plugged_in = settings.flag(prefix + "startConnected", True)
    made = kind(backing=_attachment(settings, prefix, networks), connectable=_connectable(present=plugged_in))
    how = (settings.text(prefix + "addressType") or "generated").lower()
    address = settings.text(prefix + ("address" if how == "static" else "generatedAddress"))
    made.addressType = {"static": "manual", "vpx": "assigned"}.get(how, "generated")
    if address is not None:
        made.macAddress = address
        made.addressType = "manual"  # VMware keeps an address only that it is told to
    return made


def _attachment(settings: Settings, prefix: str, networks: Networks) -> Any:
    if (switch := settings.text(prefix + "dvs.switchId")) is not None:
        cookie = settings.number(prefix + "dvs.connectionId")
        port = vim.dvs.PortConnection(
            switchUuid=switch,
            portgroupKey=settings.text(prefix + "dvs.portgroupId"),
            portKey=settings.text(prefix + "dvs.portId"),
            connectionCookie=cookie,
        )
        return Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=port)
    name = settings.text(prefix + "networkName")
    if name is None:
        raise UnsupportedConfiguration(
            "a network card of a guest on a server is connected to a port group",
            driver="esx",
            hint="write <interface type='bridge'> with <source bridge='NAME OF THE PORT GROUP'/>",
        )
    found = networks(name)
    if isinstance(found, vim.dvs.PortConnection):
        return Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=found)
    return Device.VirtualEthernetCard.NetworkBackingInfo(deviceName=name, network=found)


def _port(settings: Settings, prefix: str) -> Any:
    """A serial or parallel port."""
    name = settings.get(prefix + "fileName") or ""
    kind = (settings.text(prefix + "fileType") or "device").lower()
    if prefix.startswith("parallel"):
        parallel = Device.VirtualParallelPort
        backing = (
            parallel.FileBackingInfo(fileName=name) if kind == "file" else parallel.DeviceBackingInfo(deviceName=name)
        )
        return parallel(backing=backing)
    serial = Device.VirtualSerialPort
    end = settings.text(prefix + "network.endPoint") or settings.text(prefix + "pipe.endPoint") or "server"
    made: Any
    match kind:
        case "network":
            made = serial.URIBackingInfo(serviceURI=name, direction=end)
        case "file":
            made = serial.FileBackingInfo(fileName=name)
        case "pipe":
            made = serial.PipeBackingInfo(pipeName=name, endpoint=end, noRxLoss=settings.flag(prefix + "tryNoRxLoss"))
        case _:
            made = serial.DeviceBackingInfo(deviceName=name)
    return serial(backing=made, yieldOnPoll=settings.flag(prefix + "yieldOnMsrRead", True))


def added(made: Any) -> Any:
    """The change that plugs a device in."""
    return Device.VirtualDeviceSpec(operation=Device.VirtualDeviceSpec.Operation.add, device=made)


def removed(there: Any) -> Any:
    """The change that takes a device out; the files behind it stay."""
    return Device.VirtualDeviceSpec(operation=Device.VirtualDeviceSpec.Operation.remove, device=there)


def edited(there: Any) -> Any:
    """The change of a device that is there."""
    return Device.VirtualDeviceSpec(operation=Device.VirtualDeviceSpec.Operation.edit, device=there)
