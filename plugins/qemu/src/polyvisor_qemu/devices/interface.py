"""``<interface>``: network cards and what they are connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import networks
from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import described, only, refusal
from polyvisor_qemu.virtio import driver_options, is_virtio, model_suffix

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

CARDS = {
    "e1000": "e1000", "e1000-82544gc": "e1000-82544gc", "e1000-82545em": "e1000-82545em", "e1000e": "e1000e",
    "i82550": "i82550", "i82551": "i82551", "i82557a": "i82557a", "i82557b": "i82557b", "i82557c": "i82557c",
    "i82558a": "i82558a", "i82558b": "i82558b", "i82559a": "i82559a", "i82559b": "i82559b", "i82559c": "i82559c",
    "i82559er": "i82559er", "i82562": "i82562", "i82801": "i82801", "igb": "igb", "ne2k_pci": "ne2k_pci",
    "pcnet": "pcnet", "rtl8139": "rtl8139", "tulip": "tulip", "usb-net": "usb-net", "vmxnet3": "vmxnet3",
}  # fmt: skip
"""QEMU's device for each model that is not virtio."""

_EXPRESS = ("e1000e", "igb", "vmxnet3")


def complete(interface: Any, guest: Guest) -> None:
    from polyvisor.model.domain.devices.interface import InterfaceModel

    if interface.model is None:
        interface.model = InterfaceModel(type="e1000e" if guest.machine.express else "rtl8139")


def place(interface: Any, machine: Machine | None) -> Place | None:
    model = interface.model.type if interface.model is not None else None
    if model == "usb-net":
        return Place.USB
    return Place.EXPRESS if is_virtio(model) or model in _EXPRESS else Place.CONVENTIONAL


def alias(interface: Any, index: int) -> str:
    return f"net{index}"


def add(interface: Any, line: CommandLine, guest: Guest) -> None:
    only(
        interface, "type", "mac", "source", "target", "model", "driver", "link", "mtu", "boot", "port_forwards", "ips",
        "backend", "rom", "script",
    )  # fmt: skip
    only(interface.mac, "address", "type", "check", inside=described(interface))
    backend = networks.add(interface, line, guest)
    options: dict[str, Any] = {"netdev": backend, "id": guest.alias(interface)}
    options["mac"] = interface.mac.address if interface.mac is not None else None
    options["bootindex"] = guest.boot_order(interface)
    if interface.rom is not None:
        only(interface.rom, "bar", "file", "enabled", inside=described(interface))
        options["romfile"] = "" if interface.rom.enabled is False else interface.rom.file
        options["rombar"] = None if interface.rom.bar is None else int(interface.rom.bar)
    model = interface.model.type
    if is_virtio(model):
        _add_virtio(interface, line, guest, options)
    elif model == "usb-net":
        line.device("usb-net", {**options, **guest.usb_port(interface)})
    elif model in CARDS:
        only(interface.driver, inside=described(interface))
        line.device(CARDS[model], {**options, **guest.slot(interface)})
    else:
        raise refusal(f"model {model!r} of {described(interface)}", interface)


def _add_virtio(interface: Any, line: CommandLine, guest: Guest, options: dict[str, Any]) -> None:
    driver = interface.driver
    only(
        driver, "name", "txmode", "ioeventfd", "event_idx", "queues", "rx_queue_size", "tx_queue_size", "rss",
        "rss_hash_report", "iommu", "ats", "packed", "page_per_vq", inside=described(interface),
    )  # fmt: skip
    if driver is not None:
        if driver.name not in (None, "qemu"):
            raise refusal(f"driver name={driver.name!r} of {described(interface)}", interface)
        if (driver.queues or 1) > 1:
            raise refusal(f"queues={driver.queues} of {described(interface)}", interface)
        options |= {"ioeventfd": driver.ioeventfd, "event_idx": driver.event_idx}
        options |= {"rx_queue_size": driver.rx_queue_size, "tx_queue_size": driver.tx_queue_size}
        options |= {"rss": driver.rss, "hash": driver.rss_hash_report}
        options["tx"] = {"iothread": "bh", "timer": "timer"}.get(driver.txmode or "")
    if interface.mtu is not None:
        options["host_mtu"] = interface.mtu.size
    name = f"virtio-net-pci{model_suffix(interface.model.type)}"
    line.device(name, {**options, **driver_options(driver), **guest.slot(interface)})
