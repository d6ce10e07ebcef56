"""What QEMU implies: emulator, machine, CPU, controllers, addresses. Fills a document in, in place.

What every hypervisor implies is filled in before (:mod:`polyvisor.model.domain.completion`). The machine type and the
places of devices are written into the stored document, so that a newer QEMU gives the guest the same hardware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_qemu import addresses, arches, devices, firmware
from polyvisor_qemu.argv import Guest
from polyvisor_qemu.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_qemu.probe import Answers
    from polyvisor_qemu.session import GuestFiles


def complete(config: Domain, answers: Answers, files: GuestFiles) -> None:
    """Fill in all that QEMU implies. Raises UnsupportedConfiguration where nothing can be filled in."""
    if config.type not in ("kvm", "qemu"):
        raise refusal(f"<domain type={str(config.type)!r}>", config, why="is for another hypervisor; the qemu driver "
                      "runs type='kvm' and type='qemu'")  # fmt: skip
    if config.os.type.value != "hvm":
        raise refusal(f"<type>{config.os.type.value}</type> of <os>", config.os, why="is not full virtualisation (hvm)")
    held: Any = config.devices
    _emulator(config)
    _machine(config, answers)
    guest = Guest(config, answers.emulator(held.emulator), files)
    _cpu(config, guest)
    firmware.complete(config, guest)
    _implied_devices(config, guest)
    for device in list(held):
        if devices.module(type(device).tag) is not None:
            devices.complete(device, guest)
    addresses.assign(config, guest.machine)


def _emulator(config: Domain) -> None:
    kind: Any = config.os.type
    held: Any = config.devices
    if kind.arch is None:
        kind.arch = arches.host_arch()
    if held.emulator is None:
        found = arches.find_emulator(kind.arch)
        if found is None:
            raise UnsupportedConfiguration(
                f"no emulator for architecture {kind.arch!r} is installed",
                driver="qemu",
                hint=f"install the package with qemu-system-{arches.EMULATORS.get(kind.arch, (kind.arch,))[0]}",
            )
        held.emulator = found


def _machine(config: Domain, answers: Answers) -> None:
    kind = config.os.type
    assert config.devices is not None and config.devices.emulator is not None
    emulator = answers.emulator(config.devices.emulator)
    found = emulator.machine(kind.machine)
    if found is None:
        known = ", ".join(sorted({machine.alias for machine in emulator.machines if machine.alias}))
        raise UnsupportedConfiguration(
            f"{emulator.path} has no machine type {kind.machine!r}",
            driver="qemu",
            hint=f"short names it has: {known}" if known else "see 'polyvisor capabilities'",
        )
    kind.machine = found.name


def _cpu(config: Domain, guest: Guest) -> None:
    from polyvisor.model.domain import Cpu, CpuModel
    from polyvisor.model.domain.cpu import CpuMatch, CpuMode
    from polyvisor_qemu.processor import default_model

    cpu = config.cpu = config.cpu or Cpu()
    if cpu.mode is None:
        cpu.mode = CpuMode.CUSTOM
    if cpu.mode == CpuMode.CUSTOM:
        if cpu.match is None:
            cpu.match = CpuMatch.EXACT
        if cpu.model is None or not cpu.model.name:
            cpu.model = CpuModel(name=default_model(guest), fallback="forbid")
    if cpu.check is None:
        cpu.check = "none"


def _implied_devices(config: Domain, guest: Guest) -> None:
    held = guest.devices
    _implied_controllers(held, guest)
    if guest.machine.arch in ("x86_64", "i686"):
        _implied_inputs(held)
    if held.graphics and not held.videos:
        from polyvisor.model.domain import Video, VideoModel, VideoType

        held.videos.append(Video(model=VideoModel(type=VideoType.DEFAULT)))
    if not held.audios:
        from polyvisor.model.domain.devices.sound import PlainAudio

        held.audios.append(PlainAudio(id=1, type="none"))
    if guest.machine.kind == "q35" and not any(watchdog.model == "itco" for watchdog in held.watchdogs):
        from polyvisor.model.domain import Watchdog

        held.watchdogs.append(Watchdog(model="itco", action="reset"))
    if held.memballoon is None and guest.machine.root is not None:
        from polyvisor.model.domain.devices.balloon import Memballoon

        held.memballoon = Memballoon(model="virtio")


def _implied_controllers(held: Any, guest: Guest) -> None:
    from polyvisor.model.domain.devices.controller import ControllerType, PciController, PlainController, UsbController

    present = {(str(controller.type), controller.index or 0) for controller in held.controllers}
    implied: list[Any] = []
    if guest.machine.root is not None:
        none = any(controller.type == "usb" and controller.model == "none" for controller in held.controllers)
        if ("usb", 0) not in present and not none:
            implied.append(UsbController(index=0))
        if guest.machine.express and ("sata", 0) not in present:
            implied.append(PlainController(type=ControllerType.SATA, index=0))
        if ("pci", 0) not in present:
            implied.append(PciController(index=0, model="pcie-root" if guest.machine.express else "pci-root"))
    held.controllers += implied


def _implied_inputs(held: Any) -> None:
    from polyvisor.model.domain.devices.input import EmulatedInput, InputBus

    for kind in ("mouse", "keyboard"):
        if not any(device.type == kind and getattr(device, "bus", None) in (None, "ps2") for device in held.inputs):
            held.inputs.append(EmulatedInput(type=kind, bus=InputBus.PS2))
