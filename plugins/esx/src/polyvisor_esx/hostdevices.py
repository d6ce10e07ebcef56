"""Devices of a host as node devices, in a tree: the host, its PCI functions, and adapters, cards and disks on those.

Names are of the form that libvirt gives devices of Linux: ``pci_0000_00_11_5``, ``scsi_host_vmhba0``,
``net_vmnic0_00_0c_29_...``, ``block_...``. One request reads all of it (HostSystem.hardware and .config).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyVmomi import vim

from polyvisor.errors import NotFound
from polyvisor.model.nodedev import (
    BoundDriver,
    NetworkCapability,
    NodeDevice,
    ParentDevice,
    PciDevice,
    ScsiHost,
    StorageCapability,
    SystemCapability,
)
from polyvisor.model.nodedev.network import LinkState, NetworkLink, NetworkStandard
from polyvisor.model.nodedev.pci import PciProduct, PciVendor, VirtualFunctions
from polyvisor.model.nodedev.scsi import FibreChannelHost
from polyvisor.model.nodedev.simple import Firmware, Hardware
from polyvisor_esx import reach
from polyvisor_esx.session import EsxSession

ROOT = "computer"
PATHS = (
    "hardware.systemInfo",
    "hardware.biosInfo",
    "hardware.pciDevice",
    "config.network.pnic",
    "config.pciPassthruInfo",
    "config.storageDevice.hostBusAdapter",
    "config.storageDevice.scsiLun",
    "config.storageDevice.scsiTopology",
)
PCI = re.compile(r"([0-9a-fA-F]+):([0-9a-fA-F]+):([0-9a-fA-F]+)\.([0-7])")
Row = dict[str, Any]


def devices(session: EsxSession) -> list[NodeDevice]:
    """The devices of the one host of this connection, parents before what hangs on them; one request."""
    host = reach.host(session).reference
    return tree(session.properties(vim.HostSystem, PATHS, [host]).get(host, {}))


def find(session: EsxSession, name: str) -> NodeDevice:
    """The device of that name. Raises NotFound."""
    for device in devices(session):
        if device.name == name:
            return device
    raise NotFound(f"there is no node device {name!r}", driver="esx")


def tree(row: Row) -> list[NodeDevice]:
    """The devices in the properties :data:`PATHS` of a host. What VMware hangs on nothing known hangs on the host."""
    found = [device for part in (_host, _functions, _cards, _adapters, _disks) for device in part(row)]
    known = {device.name for device in found}
    for device in found:
        if device.parent is not None and device.parent.name not in known:
            device.parent.name = ROOT
    return found


def _below(name: str | None) -> ParentDevice:
    return ParentDevice(name=name or ROOT)


def pci_name(address: str | None) -> str | None:
    """The name of a function by its address, ``0000:00:11.5``; hosts also write less of it, or none."""
    found = PCI.fullmatch(address or "")
    if found is None:
        return None
    domain, bus, slot, function = (int(part, 16) for part in found.groups())
    return f"pci_{domain:04x}_{bus:02x}_{slot:02x}_{function:x}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", text)


# -- parts of the tree ----------------------------------------------------------------------------------------


def _host(row: Row) -> Iterator[NodeDevice]:
    system, bios = row.get("hardware.systemInfo"), row.get("hardware.biosInfo")
    if system is None:
        return
    released = getattr(bios, "releaseDate", None)
    yield NodeDevice(
        name=ROOT,
        capabilities=[
            SystemCapability(
                product=system.model,
                hardware=Hardware(vendor=system.vendor, serial=system.serialNumber, uuid=system.uuid),
                firmware=Firmware(
                    vendor=getattr(bios, "vendor", None),
                    version=getattr(bios, "biosVersion", None),
                    release_date=f"{released:%m/%d/%Y}" if released else None,
                ),
            )
        ],
    )


def _functions(row: Row) -> Iterator[NodeDevice]:
    virtual = {
        each.id: each.maxVirtualFunctionSupported
        for each in row.get("config.pciPassthruInfo") or ()
        if isinstance(each, vim.host.SriovInfo) and each.sriovCapable
    }
    # a bridge comes before what is behind it only if it is sorted so
    functions = {each.id: each for each in row.get("hardware.pciDevice") or () if pci_name(each.id)}
    for each in sorted(functions.values(), key=lambda each: (_depth(each, functions), each.id)):
        yield NodeDevice(
            name=str(pci_name(each.id)),
            parent=_below(pci_name(each.parentBridge)),
            capabilities=[_function(each, virtual.get(each.id))],
        )


def _depth(device: Any, functions: dict[str, Any]) -> int:
    depth, at = 0, functions.get(device.parentBridge)
    while at is not None and depth < len(functions):
        depth, at = depth + 1, functions.get(at.parentBridge)
    return depth


def _function(device: Any, virtual: int | None) -> PciDevice:
    """VMware keeps numbers of 16 bits with a sign."""
    found = PCI.fullmatch(device.id)
    assert found is not None  # _functions() leaves others out
    domain, bus, slot, function = (int(part, 16) for part in found.groups())
    return PciDevice(
        pci_class=(device.classId & 0xFFFF) << 8,
        domain=domain,
        bus=bus,
        slot=slot,
        function=function,
        product=PciProduct(id=device.deviceId & 0xFFFF, name=device.deviceName),
        vendor=PciVendor(id=device.vendorId & 0xFFFF, name=device.vendorName),
        abilities=[VirtualFunctions(max_count=virtual)] if virtual else [],
    )


def _cards(row: Row) -> Iterator[NodeDevice]:
    for card in row.get("config.network.pnic") or ():
        link = NetworkLink(state=LinkState.DOWN)
        if card.linkSpeed is not None:
            link = NetworkLink(state=LinkState.UP, speed=card.linkSpeed.speedMb)
        yield NodeDevice(
            name=f"net_{_plain(card.device)}_{_plain(card.mac or '')}",
            parent=_below(pci_name(card.pci)),
            driver=BoundDriver(name=card.driver) if card.driver else None,
            capabilities=[
                NetworkCapability(
                    interface=card.device,
                    address=card.mac or None,
                    link=link,
                    standard=NetworkStandard(type="80203"),
                )
            ],
        )


def _adapters(row: Row) -> Iterator[NodeDevice]:
    for adapter in row.get("config.storageDevice.hostBusAdapter") or ():
        number = re.search(r"(\d+)$", adapter.device)
        yield NodeDevice(
            name=adapter_name(adapter),
            parent=_below(pci_name(adapter.pci)),
            driver=BoundDriver(name=adapter.driver) if adapter.driver else None,
            capabilities=[ScsiHost(host=int(number[1]) if number else None, abilities=_fabric(adapter))],
        )


def adapter_name(adapter: Any) -> str:
    """The name of a host bus adapter."""
    return f"scsi_host_{_plain(adapter.device)}"


def _fabric(adapter: Any) -> list[Any]:
    if not isinstance(adapter, vim.host.FibreChannelHba):
        return []
    names = (f"{each & (2**64 - 1):016x}" for each in (adapter.nodeWorldWideName, adapter.portWorldWideName))
    node, port = names
    return [FibreChannelHost(wwnn=node, wwpn=port)]


def _disks(row: Row) -> Iterator[NodeDevice]:
    above = _attached(row)
    for unit in row.get("config.storageDevice.scsiLun") or ():
        size, block = _sizes(unit)
        yield NodeDevice(
            name=f"block_{_plain(unit.canonicalName or unit.uuid)}",
            parent=_below(above.get(unit.key)),
            capabilities=[
                StorageCapability(
                    block=getattr(unit, "devicePath", None) or unit.deviceName,
                    drive_type=unit.lunType,
                    model=(unit.model or "").strip() or None,
                    vendor=(unit.vendor or "").strip() or None,
                    serial=_serial(unit),
                    size=size * block if size and block else None,
                    logical_block_size=block,
                    num_blocks=size,
                )
            ],
        )


def _sizes(unit: Any) -> tuple[int | None, int | None]:
    """Blocks and their size, of disks only."""
    capacity = getattr(unit, "capacity", None)
    return (capacity.block, capacity.blockSize) if capacity is not None else (None, None)


def _serial(unit: Any) -> str | None:
    """A serial number that is one: hosts say "unavailable" where there is none."""
    serial = (unit.serialNumber or "").strip()
    return serial if serial and serial != "unavailable" else None


def _attached(row: Row) -> dict[str, str]:
    """The first adapter that a unit is reached by, by the unit's key."""
    adapters = {each.key: adapter_name(each) for each in row.get("config.storageDevice.hostBusAdapter") or ()}
    found: dict[str, str] = {}
    for interface in getattr(row.get("config.storageDevice.scsiTopology"), "adapter", None) or ():
        for target in interface.target or ():
            for unit in target.lun or ():
                if interface.adapter in adapters:
                    found.setdefault(unit.scsiLun, adapters[interface.adapter])
    return found
