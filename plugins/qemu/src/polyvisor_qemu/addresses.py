"""Places for the devices of a guest: PCI slots, drive units, ports of virtio-serial and USB controllers.

What the document says is kept; the rest gets what is free, in an order that stays the same, so that a guest has the
same hardware at each start. Each device module tells where its devices go (see :mod:`polyvisor_qemu.devices`).

On i440fx everything is on the one PCI bus. On q35 a device goes behind a PCI Express root port of its own, which is
added when there is none left; one port stays free to plug something in later; what is part of the chipset stands on
the root bus, and conventional PCI devices go behind a PCIe-to-PCI bridge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain.address import PciAddress, UsbAddress, VirtioSerialAddress
from polyvisor.model.domain.devices.controller import PciController, PciControllerModel, PciControllerTarget
from polyvisor_qemu import devices
from polyvisor_qemu.devices import Place
from polyvisor_qemu.machine import Machine

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

Slot = tuple[int, int, int]
"""Bus, slot and function of a PCI function."""

_FIRST_PORT_SLOT = 1
_SLOTS = range(1, 32)
_PORTS = ("pcie-root-port", "pcie-switch-downstream-port")
_BUILT_IN = {
    "i440fx": {(0, 0, 0), *((0, 1, function) for function in range(8))},
    "q35": {(0, 0, 0), *((0, 0x1F, function) for function in range(8))},
}


def assign(config: Domain, machine: Machine) -> None:
    """Give every device that needs one an address; may add PCI controllers."""
    _serial_ports(config)
    _usb_ports(config)
    if machine.root is not None:
        PciPlan(config, machine).assign()


class PciPlan:
    """The PCI buses of a guest while places are given out."""

    def __init__(self, config: Domain, machine: Machine) -> None:
        self._held: Any = config.devices
        self._machine = machine
        self._taken: dict[Slot, Any] = dict.fromkeys(_BUILT_IN.get(machine.kind, set()))
        self._buses: dict[int, PciController] = {}

    def assign(self) -> None:
        """Give out what is missing."""
        waiting = []
        for controller in self._held.controllers:
            if isinstance(controller, PciController):
                self._note_bus(controller)
        for device in devices.in_order(self._held):
            if isinstance(device.address, PciAddress):
                self._claim(device)
            elif device.address is None and (place := devices.place(device, self._machine)) in devices.PCI_PLACES:
                waiting.append((device, place))
        # what belongs in one place comes first: parts of the chipset, then the first graphics card
        waiting = [entry for entry in waiting if not self._settle_fixed(entry[0])]
        if self._machine.express:
            self._reserve_ports(waiting)
        for device, place in waiting:
            self._settle(device, place)
        if self._machine.express:
            self._mark_multifunction()

    def _note_bus(self, controller: PciController) -> None:
        if controller.index is None:
            controller.index = self._next_index()
        self._buses[controller.index] = controller

    def _claim(self, device: Any) -> None:
        address = device.address
        slot = (address.bus or 0, address.slot or 0, address.function or 0)
        built_in = slot in self._taken and self._taken[slot] is None
        if slot in self._taken and not (built_in and devices.is_built_in(device, slot, self._machine)):
            holder = self._taken[slot]
            what = f"<{type(holder).tag}>" if holder is not None else "the chipset"
            line = f"line {device.line}: " if device.line else ""
            raise UnsupportedConfiguration(
                f"{line}PCI address {address} of <{type(device).tag}> is taken by {what}",
                driver="qemu",
                hint="leave the address out to get a free one",
            )
        self._taken[slot] = device

    def _settle_fixed(self, device: Any) -> bool:
        slot = devices.fixed_slot(device, self._machine)
        if slot is None or self._taken.get(slot) is not None:
            return False
        self._put(device, slot)
        return True

    def _settle(self, device: Any, place: Place) -> None:
        if not self._machine.express or place in (Place.ROOT, Place.VIDEO):
            slot = self._free_on(0)
        elif place is Place.EXPRESS:
            slot = self._free_port()
        else:
            slot = self._free_on(self._bridge())
        self._put(device, slot)

    def _put(self, device: Any, slot: Slot) -> None:
        self._taken[slot] = device
        device.address = PciAddress(domain=0, bus=slot[0], slot=slot[1], function=slot[2])

    def _free_on(self, bus: int) -> Slot:
        for slot in _SLOTS:
            if not any((bus, slot, function) in self._taken for function in range(8)):
                return bus, slot, 0
        raise UnsupportedConfiguration(
            f"PCI bus {bus} has no free slot left", driver="qemu", hint="add a pci-bridge controller, or use q35"
        )

    # -- PCI Express ------------------------------------------------------------------------------------

    def _reserve_ports(self, waiting: list[tuple[Any, Place]]) -> None:
        """Enough root ports for those that wait, and one more."""
        needed = sum(place is Place.EXPRESS for _, place in waiting)
        if any(place is Place.CONVENTIONAL for _, place in waiting) and self._find_bridge() is None:
            needed += 1
        missing = needed + 1 - len(list(self._ports()))
        for _ in range(max(0, missing)):
            self._add_port()
        for controller in list(self._buses.values()):
            if controller.model == "pcie-root-port" and controller.address is None:
                self._place_port(controller)

    def _ports(self) -> Iterator[int]:
        for index, controller in sorted(self._buses.items()):
            if controller.model in _PORTS and (index, 0, 0) not in self._taken:
                yield index

    def _free_port(self) -> Slot:
        for index in self._ports():
            return index, 0, 0
        return self._add_port(), 0, 0

    def _add_port(self) -> int:
        controller = PciController(index=self._next_index(), model="pcie-root-port")
        self._held.controllers.append(controller)
        assert controller.index is not None
        self._buses[controller.index] = controller
        self._place_port(controller)
        return controller.index

    def _place_port(self, controller: PciController) -> None:
        slot = self._free_function()
        self._taken[slot] = controller
        controller.address = PciAddress(domain=0, bus=0, slot=slot[1], function=slot[2])
        complete_port(controller, slot)

    def _free_function(self) -> Slot:
        """A function of a slot that holds nothing but root ports, or the first of a free slot."""
        for slot in range(_FIRST_PORT_SLOT, 31):
            held = [self._taken.get((0, slot, function)) for function in range(8)]
            if all(holder is None or _is_port(holder) for holder in held):
                for function in range(8):
                    if (0, slot, function) not in self._taken:
                        return 0, slot, function
        raise UnsupportedConfiguration("the root bus has no free slot left for another root port", driver="qemu")

    def _mark_multifunction(self) -> None:
        for (bus, slot, function), holder in self._taken.items():
            if bus or function or not _is_port(holder) or holder.address.multifunction is not None:
                continue
            if any((0, slot, other) in self._taken for other in range(1, 8)):
                holder.address.multifunction = True

    def _find_bridge(self) -> int | None:
        for index, controller in sorted(self._buses.items()):
            if controller.model in ("pcie-to-pci-bridge", "pci-bridge"):
                return index
        return None

    def _bridge(self) -> int:
        found = self._find_bridge()
        if found is not None:
            return found
        bridge = PciController(
            index=self._next_index(),
            model="pcie-to-pci-bridge",
            device=PciControllerModel(name="pcie-pci-bridge"),
        )
        self._held.controllers.append(bridge)
        assert bridge.index is not None
        slot = self._free_port()
        self._buses[bridge.index] = bridge
        self._taken[slot] = bridge
        bridge.address = PciAddress(domain=0, bus=slot[0], slot=slot[1], function=slot[2])
        return bridge.index

    def _next_index(self) -> int:
        used = {controller.index for controller in self._held.controllers if isinstance(controller, PciController)}
        return next(index for index in range(1, 256) if index not in used)


def complete_port(controller: PciController, slot: Slot) -> None:
    """The numbers a root port shows: chassis is its index, port its slot and function."""
    if controller.device is None:
        controller.device = PciControllerModel(name="pcie-root-port")
    target = controller.target = controller.target or PciControllerTarget()
    if target.chassis is None:
        target.chassis = controller.index
    if target.port is None:
        target.port = slot[1] << 3 | slot[2]


def _is_port(holder: Any) -> bool:
    return isinstance(holder, PciController) and holder.model == "pcie-root-port"


def _serial_ports(config: Domain) -> None:
    """Consoles and channels on virtio-serial get the next port; port 0 is for the first console."""
    waiting = _placed(config, Place.VIRTIO_SERIAL)
    taken = {
        (device.address.controller or 0, device.address.port or 0)
        for device in waiting
        if isinstance(device.address, VirtioSerialAddress)
    }
    for device in waiting:
        if device.address is not None:
            continue
        console = type(device).tag == "console"
        port = next(port for port in range(0 if console else 1, 512) if (0, port) not in taken)
        taken.add((0, port))
        device.address = VirtioSerialAddress(controller=0, bus=0, port=port)


def _usb_ports(config: Domain) -> None:
    """USB devices get the next port of the first controller; a tablet has the first one where that is free."""
    waiting = _placed(config, Place.USB)
    taken = {device.address.port for device in waiting if isinstance(device.address, UsbAddress)}
    for device in waiting:
        if device.address is None:
            port = next(str(port) for port in range(1, 128) if str(port) not in taken)
            taken.add(port)
            device.address = UsbAddress(bus=0, port=port)


def _placed(config: Domain, place: Place) -> list[Any]:
    """The devices that need a place of that kind."""
    assert config.devices is not None
    return [device for device in config.devices if devices.place(device, None) is place]
