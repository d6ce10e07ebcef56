"""``<disk>``: hard disks, CD-ROM drives and floppies, each a chain of block nodes and a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import blocks
from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import described, only, refusal
from polyvisor_qemu.virtio import driver_options, model_suffix

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


_DRIVE_BUSES = ("ide", "sata", "scsi", "fdc")
_PREFIXES = ("xvd", "ubd", "vd", "sd", "hd", "fd")
_ON_ERROR = {"stop": "stop", "report": "report", "ignore": "ignore", "enospace": "enospc"}


def number(target: str) -> int:
    """The place of a target name among its like: ``vda`` is 0, ``vdz`` 25, ``vdaa`` 26."""
    name = target.removeprefix("ioemu:")
    letters = next(name[len(prefix) :] for prefix in _PREFIXES if name.startswith(prefix))
    count = 0
    for letter in letters.rstrip("0123456789"):
        count = count * 26 + ord(letter.lower()) - ord("a") + 1
    return max(0, count - 1)


def complete(disk: Any, guest: Guest) -> None:
    from polyvisor.model.domain import DiskDriver

    if disk.target.bus is None:
        disk.target.bus = _bus(disk, guest)
    if disk.driver is None:
        disk.driver = DiskDriver()
    if disk.driver.name is None:
        disk.driver.name = "qemu"
    if disk.driver.type is None:
        disk.driver.type = "raw"  # never guessed from content, which the guest could write
    if disk.device == "cdrom":
        disk.readonly = True


def _bus(disk: Any, guest: Guest) -> Any:
    from polyvisor.model.domain import DiskBus

    if disk.target.dev.startswith("fd"):
        return DiskBus.FDC
    return DiskBus(guest.machine.disk_bus)


def place(disk: Any, machine: Machine | None) -> Place | None:
    match str(disk.target.bus):
        case "virtio":
            return Place.EXPRESS
        case "usb":
            return Place.USB
    return None


def alias(disk: Any, index: int) -> str:
    bus, address = str(disk.target.bus), disk.address
    if bus in _DRIVE_BUSES and address is not None:
        places = [address.controller or 0, address.bus or 0, address.unit or 0]
        if bus == "scsi":
            places.insert(2, address.target or 0)
        return f"{bus}{'-'.join(map(str, places))}"
    return f"{bus}-disk{number(disk.target.dev)}"


def add(disk: Any, line: CommandLine, guest: Guest) -> None:
    _check(disk)
    node = blocks.add(disk, line, guest) if disk.source is not None else None
    options: dict[str, Any] = {}
    if node is not None:
        options["drive"] = node
    options["id"] = guest.alias(disk)
    options["bootindex"] = guest.boot_order(disk)
    options |= _device_options(disk)
    match str(disk.target.bus):
        case "virtio":
            _add_virtio(disk, line, guest, options)
        case "ide" if guest.machine.express:
            raise refusal(
                f"bus='ide' of {described(disk)}",
                disk,
                why=f"is not to be had on machine {guest.machine.name}; use sata",
            )
        case "ide" | "sata":
            _add_ide(disk, line, guest, options)
        case "scsi":
            _add_scsi(disk, line, guest, options)
        case "usb":
            only(disk.address, "type", "bus", "port")
            options |= {"removable": bool(disk.target.removable), **guest.usb_port(disk)}
            line.device("usb-storage", options)
        case "fdc":
            unit = disk.address.unit or 0
            line.device("floppy", {"unit": unit, **options})
        case bus:
            raise refusal(f"bus={bus!r} of {described(disk)}", disk)


def _check(disk: Any) -> None:
    only(
        disk, "type", "device", "model", "snapshot", "driver", "source", "backing_store", "blockio", "target",
        "readonly", "shareable", "serial", "wwn", "vendor", "product", "boot", "iotune",
    )  # fmt: skip
    only(disk.target, "dev", "bus", "tray", "removable", "rotation_rate", inside=described(disk))
    if disk.device == "lun":
        raise refusal(f"device='lun' of {described(disk)}", disk)
    if disk.source is None and disk.device not in ("cdrom", "floppy"):
        raise refusal(f"{described(disk)}", disk, why="has no <source>; only CD-ROM drives and floppies can be empty")
    driver = disk.driver
    if driver.name not in (None, "qemu"):
        raise refusal(f"driver name={driver.name!r} of {described(disk)}", disk, why="is not QEMU's; write name='qemu'")


def _device_options(disk: Any) -> dict[str, Any]:
    driver, blockio = disk.driver, disk.blockio
    options: dict[str, Any] = {"serial": disk.serial, "share-rw": True if disk.shareable else None}
    options["werror"] = _ON_ERROR.get(driver.error_policy or "")
    rerror = driver.rerror_policy or (driver.error_policy if driver.error_policy != "enospace" else None)
    options["rerror"] = _ON_ERROR.get(rerror or "")
    if blockio is not None:
        options["logical_block_size"] = blockio.logical_block_size
        options["physical_block_size"] = blockio.physical_block_size
        options["discard_granularity"] = blockio.discard_granularity
    if disk.driver.cache is not None and disk.source is not None:
        options["write-cache"] = blocks.write_cache(disk.driver.cache)
    return {name: value for name, value in options.items() if value is not None}


def _add_virtio(disk: Any, line: CommandLine, guest: Guest, options: dict[str, Any]) -> None:
    if disk.device != "disk":
        raise refusal(f"device={str(disk.device)!r} of {described(disk)}", disk, why="cannot be on the virtio bus")
    driver = disk.driver
    options |= {"ioeventfd": driver.ioeventfd, "event_idx": driver.event_idx, "num-queues": driver.queues}
    options["queue-size"] = driver.queue_size
    if driver.iothread is not None:
        options["iothread"] = guest.iothread(driver.iothread, disk)
    line.device(f"virtio-blk-pci{model_suffix(disk.model)}", {**options, **driver_options(driver), **guest.slot(disk)})


def _add_ide(disk: Any, line: CommandLine, guest: Guest, options: dict[str, Any]) -> None:
    kind = "ide-cd" if disk.device == "cdrom" else "ide-hd"
    address = disk.address
    if str(disk.target.bus) == "sata":
        controller = guest.controller_alias("sata", address.controller or 0)
        place: dict[str, Any] = {"bus": f"{controller}.{address.unit or 0}"}
    else:
        place = {"bus": f"ide.{address.bus or 0}", "unit": address.unit or 0}
    if disk.wwn is not None:
        options["wwn"] = int(disk.wwn, 16)
    options["rotation_rate"] = disk.target.rotation_rate
    line.device(kind, {**place, **options})


def _add_scsi(disk: Any, line: CommandLine, guest: Guest, options: dict[str, Any]) -> None:
    kind = "scsi-cd" if disk.device == "cdrom" else "scsi-hd"
    address = disk.address
    controller = guest.controller_alias("scsi", address.controller or 0)
    place: dict[str, Any] = {"bus": f"{controller}.0", "scsi-id": address.unit or 0}
    if guest.scsi_model(address.controller or 0).startswith("virtio"):
        place |= {"channel": 0, "scsi-id": address.target or 0, "lun": address.unit or 0}
    place["device_id"] = f"drive-{guest.alias(disk)}"
    if disk.wwn is not None:
        options["wwn"] = int(disk.wwn, 16)
    options |= {"vendor": disk.vendor, "product": disk.product, "rotation_rate": disk.target.rotation_rate}
    line.device(kind, {**place, **options})
