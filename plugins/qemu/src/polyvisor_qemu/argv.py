"""A guest's document as QEMU's command line.

The document must be complete (:mod:`polyvisor_qemu.completion`) and its devices named (:mod:`polyvisor_qemu.live`).
Each part of it either ends up on the command line or is refused by name.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyvisor_qemu import board, clock, devices, processor
from polyvisor_qemu.bootorder import boot_orders
from polyvisor_qemu.commandline import CommandLine
from polyvisor_qemu.machine import Machine, machine
from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_qemu.probe import Answers, Emulator
    from polyvisor_qemu.session import GuestFiles

_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
_OLDEST = (6, 2, 0)
_FIRST_PORT, _PORTS = 5900, 100


@dataclass(slots=True)
class Plan:
    """What to run: arguments, environment, file descriptors to hand down, what taints the guest.

    ``asks_chardevs`` tells that QEMU chooses a pseudo-terminal that has to be asked for."""

    arguments: list[str]
    environment: dict[str, str]
    taints: list[str]
    asks_chardevs: bool = False
    descriptors: list[int] = field(default_factory=list)


class Guest:
    """One guest while its command line is made: what its devices need to know of one another."""

    def __init__(self, config: Domain, emulator: Emulator, files: GuestFiles) -> None:
        self.config = config
        self.emulator = emulator
        self.files = files
        kind = config.os.type
        self.machine: Machine = machine(kind.arch or "", kind.machine or "")
        self.cpu_flags: list[str] = []
        self.watchdog_action: str | None = None
        self.asks_chardevs = False
        self._boot: dict[int, int] | None = None
        self._ports: set[int] = set()

    @property
    def kvm(self) -> bool:
        """Whether it runs under KVM."""
        return self.config.type == "kvm"

    def alias(self, device: Any) -> str:
        """The device's name in the running guest."""
        assert device.alias is not None, f"<{type(device).tag}> has not been named"
        return str(device.alias.name)

    def is_first(self, device: Any) -> bool:
        """Whether it is the first of its kind."""
        return next(other for other in self.devices if type(other).tag == type(device).tag) is device

    @property
    def devices(self) -> Any:
        """The guest's ``<devices>``."""
        assert self.config.devices is not None
        return self.config.devices

    # -- places -------------------------------------------------------------------------------------------

    def slot(self, device: Any) -> dict[str, Any]:
        """``bus`` and ``addr`` of a PCI device."""
        address = device.address
        if address is None or address.type != "pci":
            raise refusal(f"<{type(device).tag}>", device, why="has no PCI address, and machine "
                          f"{self.machine.name} gives it none")  # fmt: skip
        place = {"bus": self.pci_bus(address.bus or 0)}
        if address.multifunction is not None:
            place["multifunction"] = address.multifunction
        slot, function = address.slot or 0, address.function or 0
        return {**place, "addr": f"0x{slot:x}.0x{function:x}" if function else f"0x{slot:x}"}

    def pci_bus(self, number: int) -> str:
        """QEMU's name of a PCI bus."""
        if number == 0:
            return self.machine.root or ""
        return self.controller_alias("pci", number)

    def usb_bus(self, number: int) -> str:
        """QEMU's name of a USB controller."""
        return self.controller_alias("usb", number)

    def usb_port(self, device: Any) -> dict[str, Any]:
        """``bus`` and ``port`` of a USB device."""
        address = device.address
        if address is None:
            raise refusal(f"<{type(device).tag}>", device, why="has no USB port")
        return {"bus": f"{self.usb_bus(address.bus or 0)}.0", "port": address.port}

    def virtio_port(self, device: Any) -> dict[str, Any]:
        """``bus`` and ``nr`` of a console or channel on virtio-serial."""
        address = device.address
        return {"bus": f"{self.controller_alias('virtio-serial', address.controller or 0)}.0", "nr": address.port}

    def controller_alias(self, kind: str, number: int) -> str:
        """The name of a controller."""
        for controller in self.devices.controllers:
            if controller.type == kind and (controller.index or 0) == number:
                return self.alias(controller)
        raise refusal(f"controller {number} of type {kind!r}", why="does not exist, and a device is plugged into it")

    def scsi_model(self, number: int) -> str:
        """The model of a SCSI controller."""
        for controller in self.devices.controllers:
            if controller.type == "scsi" and (controller.index or 0) == number:
                return str(controller.model)
        return ""

    # -- references between elements ----------------------------------------------------------------------

    def boot_order(self, device: Any) -> int | None:
        """The device's place in the boot order, from 1; None when it is not booted from."""
        if self._boot is None:
            self._boot = boot_orders(self.config)
        return self._boot.get(id(device))

    def node_name(self, disk: Any) -> str:
        """The prefix of the names of a disk's block nodes."""
        disks = self.devices.disks
        position = next(index for index, other in enumerate(disks) if other is disk)
        return f"libvirt-{len(disks) - position}"

    def iothread(self, number: int, device: Any) -> str:
        """The name of an I/O thread, which must exist."""
        if number not in board.iothreads(self.config):
            raise refusal(f"iothread={number}", device, why="does not exist; see <iothreads>")
        return f"iothread{number}"

    def audiodev(self, device: Any) -> str | None:
        """The audio backend a device uses: the one it names, else the first."""
        audios = self.devices.audios
        wanted = getattr(device, "audio", None)
        if wanted is not None:
            return f"audio{wanted.id}"
        return f"audio{audios[0].id}" if audios else None

    def channel_socket(self, device: Any) -> str:
        """Where the socket of a channel without a path is."""
        return self.files.socket(f"{self.alias(device)}.sock")

    def port(self, graphics: Any, address: str) -> int:
        """The TCP port of a graphics server: the one it names, else a free one, which is noted in it."""
        if graphics.port is not None and graphics.port > 0:
            self._ports.add(graphics.port)
            return int(graphics.port)
        for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS):
            if port not in self._ports and _is_free(address, port):
                self._ports.add(port)
                graphics.port = port
                return port
        raise refusal(f"<graphics type={graphics.type!r}>", graphics, why=f"finds no free port from {_FIRST_PORT} on")


def compose(config: Domain, answers: Answers, files: GuestFiles, *, monitor: int | None = None) -> Plan:
    """The command line of a completed document whose devices are named.

    ``monitor`` is the descriptor of the listening monitor socket; without one its path is written instead.
    Raises UnsupportedConfiguration for what we cannot do."""
    assert config.devices is not None and config.devices.emulator is not None
    guest = Guest(config, answers.emulator(config.devices.emulator), files)
    if guest.emulator.version < _OLDEST:
        shown = ".".join(map(str, guest.emulator.version))
        raise refusal(f"{guest.emulator.path} is QEMU {shown}", why="; this driver needs 6.2 or later")
    _check(config)
    line = CommandLine(guest.emulator.path)
    line.option("name", None, guest=config.name, debug_threads=True)
    line.flag("S")
    board.add_machine(line, guest)
    processor.add(line, guest)
    board.add_memory(line, guest)
    board.add_identity(line, guest)
    line.plain("display", "none")
    line.flag("no-user-config")
    line.flag("nodefaults")
    _add_monitors(line, files, monitor)
    clock.add(line, guest)
    board.add_power(line, guest)
    board.add_boot(line, guest)
    _add_devices(line, guest)
    line.plain("sandbox", _SANDBOX)
    line.option("msg", None, timestamp=True)
    _add_passthrough(line, config)
    return Plan(line.arguments, line.environment, _taints(config, line), guest.asks_chardevs)


def _check(config: Domain) -> None:
    only(
        config, "type", "name", "uuid", "genid", "title", "description", "metadata", "max_memory", "memory",
        "current_memory", "memory_backing", "vcpu", "vcpus", "iothreads", "iothreadids", "sysinfo", "os", "features",
        "cpu", "clock", "on_poweroff", "on_reboot", "on_crash", "pm", "devices", "seclabels", "extensions",
    )  # fmt: skip
    for label in config.seclabels:
        if label.type not in (None, "none"):
            raise refusal(f"<seclabel type={str(label.type)!r}>", label)


def _add_monitors(line: CommandLine, files: GuestFiles, monitor: int | None) -> None:
    """The monitor for managers, and the one whose output is the journal of events."""
    where: dict[str, object] = {"path": files.monitor} if monitor is None else {"fd": monitor}
    line.listed("chardev", "socket", {"id": "charmonitor", **where, "server": True, "wait": False})
    line.option("mon", None, chardev="charmonitor", id="monitor", mode="control")
    line.option("chardev", "pipe", id="charjournal", path=files.pipe)
    line.option("mon", None, chardev="charjournal", id="journal", mode="control")


def _add_devices(line: CommandLine, guest: Guest) -> None:
    for number in board.iothreads(guest.config):
        line.object("iothread", f"iothread{number}", {})
    held = guest.devices
    buses = sorted(held.controllers, key=lambda controller: (controller.type != "pci", controller.index or 0))
    others = [device for device in held if type(device).tag not in ("controller", "audio")]
    for device in [*held.audios, *buses, *others]:
        devices.add(device, line, guest)


def _add_passthrough(line: CommandLine, config: Domain) -> None:
    """What ``<qemu:commandline>`` asks for, as it stands: its author knows QEMU."""
    for extension in config.extensions:
        if type(extension).tag == "commandline":
            arguments: Any = extension
            line.arguments += [argument.value for argument in arguments.arguments]
            line.environment |= {variable.name: variable.value or "" for variable in arguments.variables}
            line.taints.append("custom-argv: <qemu:commandline> adds arguments nobody checks")
        else:
            raise refusal(f"<qemu:{type(extension).tag}>", extension)


def _taints(config: Domain, line: CommandLine) -> list[str]:
    found = list(line.taints)
    if config.type == "kvm" and config.cpu is not None and config.cpu.mode == "host-passthrough":
        found.append("host-cpu: the guest depends on this very host's CPU")
    return found


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
