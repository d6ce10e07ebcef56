"""``<controller>``: PCI ports and bridges, disk, USB and virtio-serial controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal
from polyvisor_qemu.virtio import driver_options, model_suffix

if TYPE_CHECKING:
    from polyvisor.model.domain.devices.controller import PciControllerModelName
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

USB = {
    "piix3-uhci": "piix3-usb-uhci",
    "piix4-uhci": "piix4-usb-uhci",
    "ehci": "usb-ehci",
    "ich9-ehci1": "ich9-usb-ehci1",
    "ich9-uhci1": "ich9-usb-uhci1",
    "ich9-uhci2": "ich9-usb-uhci2",
    "ich9-uhci3": "ich9-usb-uhci3",
    "vt82c686b-uhci": "vt82c686b-usb-uhci",
    "pci-ohci": "pci-ohci",
    "nec-xhci": "nec-usb-xhci",
    "qemu-xhci": "qemu-xhci",
}
"""QEMU's device for each model of USB controller."""

SCSI = {
    "virtio-scsi": "virtio-scsi-pci",
    "virtio-transitional": "virtio-scsi-pci-transitional",
    "virtio-non-transitional": "virtio-scsi-pci-non-transitional",
    "lsilogic": "lsi",
    "lsisas1068": "mptsas1068",
    "lsisas1078": "megasas",
    "vmpvscsi": "pvscsi",
    "am53c974": "am53c974",
    "dc390": "dc-390",
}
"""QEMU's device for each model of SCSI controller."""

BRIDGES: dict[str, tuple[PciControllerModelName, str]] = {
    "pci-bridge": ("pci-bridge", "pci-bridge"),
    "dmi-to-pci-bridge": ("i82801b11-bridge", "i82801b11-bridge"),
    "pcie-to-pci-bridge": ("pcie-pci-bridge", "pcie-pci-bridge"),
    "pcie-root-port": ("pcie-root-port", "pcie-root-port"),
    "pcie-switch-upstream-port": ("x3130-upstream", "x3130-upstream"),
    "pcie-switch-downstream-port": ("xio3130-downstream", "xio3130-downstream"),
}
"""The default model name of each PCI controller, and QEMU's device for it."""

_EXPRESS_USB = ("nec-xhci", "qemu-xhci")
_EXPRESS_SCSI = ("virtio-scsi", "virtio-transitional", "virtio-non-transitional", "vmpvscsi", "lsisas1078")
_PART_OF_MACHINE = {("i440fx", "ide"), ("i440fx", "fdc"), ("isapc", "ide"), ("isapc", "fdc"), ("q35", "sata")}


def part_of_machine(device: Any, machine: Machine) -> bool:
    """Whether the first controller of that kind comes with the machine and is not added."""
    return (machine.kind, str(device.type)) in _PART_OF_MACHINE and not device.index


def complete(device: Any, guest: Guest) -> None:
    match device.type:
        case "usb" if device.model is None:
            device.model = "qemu-xhci" if guest.machine.express else "piix3-uhci"
        case "scsi" if device.model in (None, "auto"):
            device.model = "virtio-scsi"
        case "pci":
            _complete_pci(device, guest)


def _complete_pci(device: Any, guest: Guest) -> None:
    if device.model == "pcie-root-port" and device.address is not None:
        from polyvisor_qemu.addresses import complete_port

        complete_port(device, (device.address.bus or 0, device.address.slot or 0, device.address.function or 0))
    elif device.model in BRIDGES and device.device is None:
        from polyvisor.model.domain.devices.controller import PciControllerModel

        device.device = PciControllerModel(name=BRIDGES[device.model][0])
    if device.model == "pci-bridge":
        from polyvisor.model.domain.devices.controller import PciControllerTarget

        device.target = device.target or PciControllerTarget()
        if device.target.chassis_nr is None:
            device.target.chassis_nr = device.index


def place(device: Any, machine: Machine | None) -> Place | None:
    if machine is None:
        return None
    match device.type:
        case "pci":
            if device.model in ("pci-root", "pcie-root", "pcie-root-port"):
                return None  # root ports are given their places together
            return Place.CONVENTIONAL if device.model == "pci-bridge" else Place.EXPRESS
        case "usb":
            if device.model == "none":
                return None
            return Place.EXPRESS if device.model in _EXPRESS_USB else Place.ROOT if machine.express else Place.EXPRESS
        case "scsi":
            return Place.EXPRESS if device.model in _EXPRESS_SCSI else Place.CONVENTIONAL
        case "virtio-serial" | "nvme":
            return Place.EXPRESS
        case "ide" | "sata":
            return Place.ROOT if machine.express or device.type == "sata" else Place.CONVENTIONAL
    return None


def fixed_slot(device: Any, machine: Machine) -> tuple[int, int, int] | None:
    """Where the chipset has its own controllers."""
    if device.index:
        return None
    match machine.kind, str(device.type):
        case "q35", "sata":
            return 0, 0x1F, 2
        case "i440fx", "ide":
            return 0, 1, 1
        case "i440fx", "usb" if device.model == "piix3-uhci":
            return 0, 1, 2
    return None


def alias(device: Any, index: int) -> str:
    number = device.index or 0
    match device.type:
        case "pci":
            return f"pci.{number}" if number or device.model == "pci-root" else "pcie.0"
        case "usb" | "ide" if not number:
            return str(device.type)
        case "scsi" | "virtio-serial" | "fdc" | "ccid" | "nvme":
            return f"{device.type}{number}"
        case "sata":
            return "ide" if not number else f"sata{number}"
    return f"{device.type}{number}"


def add(device: Any, line: CommandLine, guest: Guest) -> None:
    match device.type:
        case "pci":
            _add_pci(device, line, guest)
        case "usb":
            _add_usb(device, line, guest)
        case "scsi":
            _add_scsi(device, line, guest)
        case "virtio-serial":
            only(device, "type", "index", "model", "ports", "vectors", "driver")
            name = f"virtio-serial-pci{model_suffix(device.model)}"
            extra = {"max_ports": device.ports, "vectors": device.vectors}
            line.device(
                name, {"id": guest.alias(device), **extra, **driver_options(device.driver), **guest.slot(device)}
            )
        case "ide" | "sata" | "fdc":
            _add_disk_controller(device, line, guest)
        case _:
            raise refusal(f"<controller type={str(device.type)!r}>", device)


def _add_pci(device: Any, line: CommandLine, guest: Guest) -> None:
    only(device, "type", "index", "model", "device", "target", "pcihole64")
    if device.model in ("pci-root", "pcie-root"):
        only(device, "type", "index", "model", "pcihole64")
        if device.pcihole64 is not None:
            host = "q35-pcihost" if guest.machine.express else "i440FX-pcihost"
            line.plain("global", f"{host}.pci-hole64-size={device.pcihole64.kib}K")
        return
    known = BRIDGES.get(device.model)
    if known is None or (device.device is not None and device.device.name not in (known[0], "ioh3420")):
        raise refusal(f"<controller type='pci' model={device.model!r}>", device)
    name = device.device.name if device.device is not None else known[1]
    target = device.target
    only(target, "chassis", "port", "chassis_nr", "hotplug", inside="<controller type='pci'>")
    options: dict[str, Any] = {}
    if target is not None:
        options = {"port": target.port, "chassis": target.chassis, "chassis_nr": target.chassis_nr}
        if target.hotplug is not None:
            options["shpc" if device.model == "pci-bridge" else "hotplug"] = target.hotplug
    line.device(name, {**options, "id": guest.alias(device), **guest.slot(device)})


def _add_usb(device: Any, line: CommandLine, guest: Guest) -> None:
    only(device, "type", "index", "model", "ports", "master")
    if device.model == "none":
        return
    name = USB.get(device.model)
    if name is None:
        raise refusal(f"<controller type='usb' model={device.model!r}>", device)
    options: dict[str, Any] = {"id": guest.alias(device)}
    if device.ports is not None:
        if device.model not in _EXPRESS_USB:
            raise refusal(
                f"ports={device.ports} of <controller type='usb' model={device.model!r}>",
                device,
                why="needs an xHCI controller",
            )
        options |= {"p2": device.ports, "p3": device.ports}
    if device.master is not None:
        options |= {"masterbus": f"{guest.usb_bus(device.index or 0)}.0", "firstport": device.master.startport}
    line.device(name, {**options, **guest.slot(device)})


def _add_scsi(device: Any, line: CommandLine, guest: Guest) -> None:
    only(device, "type", "index", "model", "driver")
    name = SCSI.get(device.model)
    if name is None:
        raise refusal(f"<controller type='scsi' model={device.model!r}>", device)
    driver = device.driver
    only(
        driver, "queues", "cmd_per_lun", "max_sectors", "ioeventfd", "iothread", "iommu", "ats", "packed", "page_per_vq"
    )
    options: dict[str, Any] = {}
    if driver is not None:
        options = {"num_queues": driver.queues, "cmd_per_lun": driver.cmd_per_lun, "max_sectors": driver.max_sectors}
        options["ioeventfd"] = driver.ioeventfd
        if driver.iothread is not None:
            options["iothread"] = guest.iothread(driver.iothread, device)
    line.device(name, {**options, "id": guest.alias(device), **driver_options(driver), **guest.slot(device)})


def _add_disk_controller(device: Any, line: CommandLine, guest: Guest) -> None:
    only(device, "type", "index", "model")
    if part_of_machine(device, guest.machine):
        return
    match device.type:
        case "sata":
            line.device("ahci", {"id": guest.alias(device), **guest.slot(device)})
        case "fdc" if guest.machine.kind == "q35" and not device.index:
            line.device("isa-fdc", {"id": guest.alias(device)})
        case "ide" if guest.machine.express:
            why = f"is not to be had on machine {guest.machine.name}; use sata"
            raise refusal("<controller type='ide'>", device, why=why)
        case _:
            raise refusal(f"<controller type={str(device.type)!r} index={device.index or 0}>", device)
