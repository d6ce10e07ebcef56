"""The configuration that vSphere has of a guest (VirtualMachineConfigInfo), as the settings a VMX file would hold.

One reader of settings (:mod:`polyvisor_esx.vmx_reading`) then makes the document, whichever way they came. Names on
the left are properties of the vSphere Web Services SDK's objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pyVmomi import vim

from polyvisor_esx.session import plain_name
from polyvisor_esx.vmxfile import Settings

Device = vim.vm.device
Drive, Floppy, Card = Device.VirtualCdrom, Device.VirtualFloppy, Device.VirtualEthernetCard
Pairs = Iterator[tuple[str, str]]


class Words(dict[Any, str | None]):
    """Remembers, for classes of devices, the word of the first class in ``given`` that they are or are below."""

    def __init__(self, given: dict[Any, str]) -> None:
        super().__init__()
        self.given = given

    def __missing__(self, kind: Any) -> str | None:
        found = self[kind] = next((word for base, word in self.given.items() if issubclass(kind, base)), None)
        return found


SCSI = {
    Device.ParaVirtualSCSIController: "pvscsi",
    Device.VirtualLsiLogicSASController: "lsisas1068",
    Device.VirtualLsiLogicController: "lsilogic",
    Device.VirtualBusLogicController: "buslogic",
}
CARDS = {
    Device.VirtualVmxnet3: "vmxnet3",
    Device.VirtualVmxnet2: "vmxnet2",
    Device.VirtualVmxnet: "vmxnet",
    Device.VirtualE1000e: "e1000e",
    Device.VirtualE1000: "e1000",
    Device.VirtualPCNet32: "vlance",
}
GROUPS = {
    Device.VirtualController: "controller",
    Device.VirtualDisk: "disk",
    Device.VirtualCdrom: "cdrom",
    Device.VirtualFloppy: "floppy",
    Device.VirtualEthernetCard: "ethernet",
    Device.VirtualSerialPort: "serial",
    Device.VirtualParallelPort: "parallel",
    Device.VirtualVideoCard: "video",
}
"""What a document has words for."""

BUSES = {
    Device.VirtualSCSIController: "scsi",
    Device.VirtualSATAController: "sata",
    Device.VirtualIDEController: "ide",
}
_model, _card_model, _group, _bus = Words(SCSI), Words(CARDS), Words(GROUPS), Words(BUSES)
ADDRESSES = {"manual": "static", "static": "static", "assigned": "vpx", "generated": "generated"}
MODES = {"nonpersistent": "nonpersistent", "independent_nonpersistent": "independent-nonpersistent"}
"""diskMode -> ``mode``; what is not here keeps what guests write."""

EXTRA = re.compile(
    r"(?i)RemoteDisplay\.vnc\.|numa\.nodeAffinity$|vm\.genid|sharedFolder|isolation\.tools\.hgfs|smbios\.reflecthost"
)
"""Keys of ``extraConfig`` that say something a document has words for."""

_FLAG, _NUMBER = r"(?i)(?:true|false)?", r"[+-]?\d{1,20}"
SENSIBLE = {
    r"(?i)RemoteDisplay\.vnc\.enabled|isolation\.tools\.hgfs\.disable|smbios\.reflecthost": _FLAG,
    r"(?i)sharedFolder\d+\.(?:present|enabled|writeAccess)": _FLAG,
    r"(?i)RemoteDisplay\.vnc\.port": r"\d{0,5}",
    r"(?i)sharedFolder\.maxnum": r"\d{0,3}",
    r"(?i)vm\.genidX?": _NUMBER,
    r"(?i)numa\.nodeAffinity": r"[\d, ]*",
}
"""Key -> what its value may be. VMware takes any text for an option and ignores what it cannot use."""

HARDWARE = "8"
"""The format's version, which is not the hardware's."""

PATHS = (
    "name",
    "config.uuid",
    "config.annotation",
    "config.guestId",
    "config.version",
    "config.firmware",
    "config.bootOptions",
    "config.hardware",
    "config.cpuAllocation",
    "config.memoryAllocation",
    "config.cpuAffinity",
    "config.extraConfig",
    "runtime.powerState",
)
"""What is read of a guest for its document."""


def settings_of(row: dict[str, Any], networks: dict[str, str]) -> Settings:
    """The settings from properties :data:`PATHS`; ``networks`` are names by the number of their reference."""
    config = {path.rpartition(".")[2]: value for path, value in row.items()}
    return Settings([*_general(config), *_tuning(config), *_extra(config), *_devices(config, networks)])


def _general(config: dict[str, Any]) -> Pairs:
    hardware = config["hardware"]
    version = re.search(r"\d+", str(config.get("version") or ""))
    yield "config.version", HARDWARE
    yield "virtualHW.version", version[0] if version else "13"
    yield "displayName", plain_name(config["name"])
    yield "uuid.bios", config["uuid"]
    yield "guestOS", "other-64" if "64" in str(config.get("guestId")) else "other"
    yield "memsize", str(hardware.memoryMB)
    yield "numvcpus", str(hardware.numCPU)
    if config.get("annotation"):
        yield "annotation", config["annotation"]
    if hardware.numCoresPerSocket and hardware.numCPU % hardware.numCoresPerSocket == 0:
        yield "cpuid.coresPerSocket", str(hardware.numCoresPerSocket)
    if config.get("firmware") == "efi":
        yield "firmware", "efi"
        yield "uefi.secureBoot.enabled", _flag(getattr(config.get("bootOptions"), "efiSecureBootEnabled", False))


def _tuning(config: dict[str, Any]) -> Pairs:
    cpu, memory = config.get("cpuAllocation"), config.get("memoryAllocation")
    if cpu is not None and cpu.shares is not None and str(cpu.shares.level) != "normal":
        level = str(cpu.shares.level)
        yield "sched.cpu.shares", str(cpu.shares.shares) if level == "custom" else level
    if memory is not None and memory.reservation:
        yield "sched.mem.minsize", str(memory.reservation)
    if memory is not None and memory.limit is not None and memory.limit > 0:
        yield "sched.mem.max", str(memory.limit)
    affinity = config.get("cpuAffinity")
    if affinity is not None and affinity.affinitySet:
        yield "sched.cpu.affinity", ",".join(str(cpu) for cpu in affinity.affinitySet)


def _extra(config: dict[str, Any]) -> Pairs:
    for option in config.get("extraConfig") or ():
        if EXTRA.match(option.key) and _sensible(option.key, str(option.value)):
            yield option.key, str(option.value)


def _sensible(key: str, value: str) -> bool:
    for keys, values in SENSIBLE.items():
        if re.fullmatch(keys, key):
            return re.fullmatch(values, value) is not None
    return True


def _flag(value: object) -> str:
    return "TRUE" if value else "FALSE"


# -- devices ------------------------------------------------------------------------------------------------


def group_of(device: Any) -> str | None:
    """The group of :data:`GROUPS` that a device belongs to."""
    return _group[type(device)]


def bus_of(controller: Any) -> str | None:
    """``scsi``, ``sata`` or ``ide``; None for controllers that documents have no words for (NVMe)."""
    return _bus[type(controller)]


def placed(devices: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Devices with the beginning of their settings (``scsi0:0.``, ``ethernet1.``); those a document has no words for
    are left out."""
    there = [(group_of(each), each) for each in devices]
    controllers = {each.key: each for group, each in there if group == "controller" and bus_of(each)}
    counts = dict.fromkeys(_COUNTED, 0)
    for group, each in there:
        if group in _ON_BUSES:
            if prefix := place(each, controllers):
                yield prefix, each
        elif group in counts:
            yield f"{group}{counts[group]}.", each
            counts[group] += 1


_ON_BUSES = ("disk", "cdrom")
_COUNTED = ("floppy", "ethernet", "serial", "parallel")


def _devices(config: dict[str, Any], networks: dict[str, str]) -> Pairs:
    devices = list(config["hardware"].device or ())
    for each in devices:
        group = group_of(each)
        if group == "controller":
            yield from _controller(each)
        elif group == "video" and each.videoRamSizeInKB:
            yield "svga.vramSize", str(each.videoRamSizeInKB << 10)
    for prefix, each in placed(devices):
        match group_of(each):
            case "disk":
                yield from _disk(each, prefix)
            case "cdrom":
                yield from _cdrom(each, prefix)
            case "floppy":
                yield from _floppy(each, prefix)
            case "ethernet":
                yield from _card(each, prefix, networks)
            case _:
                yield from _port(each, prefix)


def _controller(controller: Any) -> Pairs:
    bus = bus_of(controller)
    if bus in ("scsi", "sata"):
        yield f"{bus}{controller.busNumber}.present", "TRUE"
    if bus == "scsi" and (model := _model[type(controller)]):
        yield f"scsi{controller.busNumber}.virtualDev", model


def place(device: Any, controllers: dict[int, Any]) -> str | None:
    controller = controllers.get(device.controllerKey)
    bus = bus_of(controller)
    if controller is None or bus is None:
        return None
    return f"{bus}{controller.busNumber}:{device.unitNumber or 0}."


def _disk(disk: Any, prefix: str) -> Pairs:
    name = getattr(disk.backing, "fileName", None)
    if not name:
        return
    yield prefix + "present", "TRUE"
    yield prefix + "deviceType", "scsi-hardDisk" if prefix.startswith("scsi") else "ata-hardDisk"
    yield prefix + "fileName", name
    if mode := MODES.get(str(getattr(disk.backing, "diskMode", ""))):
        yield prefix + "mode", mode
    if getattr(disk.backing, "writeThrough", False):
        yield prefix + "writeThrough", "TRUE"


def _cdrom(drive: Any, prefix: str) -> Pairs:
    backing = drive.backing
    yield prefix + "present", "TRUE"
    match backing:
        case Drive.IsoBackingInfo():
            yield prefix + "deviceType", "cdrom-image"
            yield prefix + "fileName", backing.fileName or "emptyBackingString"
        case Drive.AtapiBackingInfo() | Drive.PassthroughBackingInfo():
            raw = isinstance(backing, Drive.PassthroughBackingInfo)
            yield prefix + "deviceType", "cdrom-raw" if raw else "atapi-cdrom"
            yield from _drive(backing, prefix)
        case _:  # a drive of the client's computer: empty as long as nobody is connected
            yield prefix + "deviceType", "cdrom-image"
            yield prefix + "fileName", "emptyBackingString"


def _drive(backing: Any, prefix: str) -> Pairs:
    if backing.useAutoDetect:
        yield prefix + "autodetect", "TRUE"
    yield prefix + "fileName", "auto detect" if backing.useAutoDetect else backing.deviceName or ""


def _floppy(drive: Any, prefix: str) -> Pairs:
    backing = drive.backing
    yield prefix + "present", "TRUE"
    match backing:
        case Floppy.ImageBackingInfo():
            yield prefix + "fileType", "file"
            yield prefix + "fileName", backing.fileName or ""
        case Floppy.DeviceBackingInfo():
            yield prefix + "fileType", "device"
            yield from _drive(backing, prefix)
        case _:
            yield prefix + "clientDevice", "TRUE"


def _card(card: Any, prefix: str, networks: dict[str, str]) -> Pairs:
    yield prefix + "present", "TRUE"
    if model := _card_model[type(card)]:
        yield prefix + "virtualDev", "vmxnet" if model == "vmxnet2" else model
        if model == "vmxnet2":
            yield prefix + "features", "15"
    yield from _network(card.backing, prefix, networks)
    kind = ADDRESSES.get(str(card.addressType or "generated").lower(), "generated")
    yield prefix + "addressType", kind
    if card.macAddress:
        yield prefix + ("address" if kind == "static" else "generatedAddress"), card.macAddress


def _network(backing: Any, prefix: str, networks: dict[str, str]) -> Pairs:
    match backing:
        case Card.NetworkBackingInfo():
            reference = backing.network._GetMoId() if backing.network is not None else ""
            yield prefix + "connectionType", "bridged"
            yield prefix + "networkName", networks.get(reference) or backing.deviceName or ""
        case Card.DistributedVirtualPortBackingInfo():
            port = backing.port
            yield prefix + "dvs.switchId", port.switchUuid
            for key, value in (
                ("portId", port.portKey),
                ("portgroupId", port.portgroupKey),
                ("connectionId", port.connectionCookie),
            ):
                if value is not None:
                    yield f"{prefix}dvs.{key}", str(value)
        case _:
            yield prefix + "connectionType", "none"


def _port(port: Any, prefix: str) -> Pairs:
    backing = port.backing
    yield prefix + "present", "TRUE"
    if (service := getattr(backing, "serviceURI", None)) is not None:
        yield prefix + "fileType", "network"
        yield prefix + "fileName", service
        yield prefix + "network.endPoint", str(backing.direction)
    elif (pipe := getattr(backing, "pipeName", None)) is not None:
        yield prefix + "fileType", "pipe"
        yield prefix + "fileName", pipe
    elif (name := getattr(backing, "fileName", None)) is not None:
        yield prefix + "fileType", "file"
        yield prefix + "fileName", name
    else:
        yield prefix + "fileType", "device"
        yield prefix + "fileName", getattr(backing, "deviceName", None) or ""
