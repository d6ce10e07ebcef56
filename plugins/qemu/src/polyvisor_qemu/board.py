"""The machine around the CPU: ``-machine``, memory, NUMA cells, firmware, boot, identity and power."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import clock
from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine

RAM = "pc.ram"
"""The id of the memory of machines without NUMA cells (``default-ram-id`` of query-machines)."""

_SMBIOS = {
    "bios": (0, {"vendor": "vendor", "version": "version", "date": "date", "release": "release"}),
    "system": (1, {"manufacturer": "manufacturer", "product": "product", "version": "version", "serial": "serial",
                   "uuid": "uuid", "sku": "sku", "family": "family"}),
    "base_boards": (2, {"manufacturer": "manufacturer", "product": "product", "version": "version",
                        "serial": "serial", "asset": "asset", "location": "location"}),
    "chassis": (3, {"manufacturer": "manufacturer", "version": "version", "serial": "serial", "asset": "asset",
                    "sku": "sku"}),
}  # fmt: skip
"""SMBIOS table number and QEMU's key for each entry of ``<sysinfo type='smbios'>``."""

_SHUTDOWN = {"destroy": "poweroff", "preserve": "pause"}
_REBOOT = {"restart": "reset", "destroy": "shutdown"}
_PANIC = {"destroy": "exit-failure", "preserve": "pause"}

_FEATURES = (
    "pae", "acpi", "apic", "viridian", "hap", "pmu", "vmport", "smm", "hyperv", "kvm", "pvspinlock", "ioapic", "tcg",
    "vmcoreinfo", "ps2",
)  # fmt: skip


def iothreads(config: Domain) -> list[int]:
    """The numbers of the guest's I/O threads."""
    if config.iothreadids is not None and config.iothreadids.iothreads:
        for thread in config.iothreadids.iothreads:
            only(thread, "id", inside="<iothreadids>")
        listed = [thread.id for thread in config.iothreadids.iothreads]
        free = (number for number in range(1, 65536) if number not in listed)
        return listed + [next(free) for _ in range((config.iothreads or 0) - len(listed))]
    return list(range(1, (config.iothreads or 0) + 1))


# -- machine ----------------------------------------------------------------------------------------------


def add_machine(line: CommandLine, guest: Guest) -> None:
    """``-machine`` and the firmware that is part of it."""
    features: Any = guest.config.features
    only(features, *_FEATURES, inside="<domain>")
    options: dict[str, object] = {"usb": False, "dump-guest-core": _dump_core(guest.config)}
    if features is not None:
        if features.vmport is not None:
            options["vmport"] = bool(features.vmport)
        if features.smm is not None:
            only(features.smm, "state", inside="<features>")
            options["smm"] = bool(features.smm)
        if features.ioapic is not None:
            options["kernel-irqchip"] = {"kvm": "on", "qemu": "split"}[features.ioapic.driver]
        if features.ps2 is not None:
            options["i8042"] = bool(features.ps2)
        if features.vmcoreinfo:
            line.device("vmcoreinfo", {})
    backing = guest.config.memory_backing
    if backing is not None and backing.nosharepages:
        options["mem-merge"] = False
    if not _cells(guest.config):
        options["memory-backend"] = RAM
    options |= _firmware(line, guest)
    options |= clock.machine_options(guest)
    options["acpi"] = None if features is not None and features.acpi else False
    line.listed("machine", guest.machine.name, options)


def _dump_core(config: Domain) -> bool:
    return bool(config.memory is not None and config.memory.dump_core)


def _firmware(line: CommandLine, guest: Guest) -> dict[str, object]:
    """Flash images as block nodes that the machine refers to; a BIOS image is an option of its own."""
    system: Any = guest.config.os
    loader, nvram = system.loader, system.nvram
    if loader is None:
        if nvram is not None:
            raise refusal("<nvram>", nvram, why="needs a <loader>")
        return {}
    only(loader, "path", "readonly", "type", "secure", "stateless", "format", inside="<os>")
    if loader.type != "pflash":
        if loader.path:
            line.plain("bios", loader.path)
        return {}
    image = _flash(line, "libvirt-pflash0", loader.path, loader.format or "raw", readonly=loader.readonly is not False)
    options: dict[str, object] = {"pflash0": image}
    if loader.secure:
        line.plain("global", "driver=cfi.pflash01,property=secure,value=on")
    if nvram is not None and not loader.stateless:
        only(nvram, "type", "template", "template_format", "format", "path", inside="<os>")
        if not getattr(nvram, "path", None):
            raise refusal("<nvram>", nvram, why="must name a local file")
        options["pflash1"] = _flash(line, "libvirt-pflash1", nvram.path, nvram.format or "raw", readonly=False)
    return options


def _flash(line: CommandLine, name: str, path: str, format: str, *, readonly: bool) -> str:
    storage = {"driver": "file", "filename": path, "node-name": f"{name}-storage", "auto-read-only": True}
    line.json("blockdev", {**storage, "discard": "unmap"})
    line.json(
        "blockdev", {"node-name": f"{name}-format", "read-only": readonly, "driver": format, "file": f"{name}-storage"}
    )
    return f"{name}-format"


# -- memory -----------------------------------------------------------------------------------------------


def _cells(config: Domain) -> list[Any]:
    return list(config.cpu.numa.cells) if config.cpu is not None and config.cpu.numa is not None else []


def add_memory(line: CommandLine, guest: Guest) -> None:
    """``-m``, the objects that hold the memory, and NUMA cells."""
    config = guest.config
    options: dict[str, object] = {"size": f"{config.memory_kib}k"}
    if config.max_memory is not None:
        options |= {"slots": config.max_memory.slots, "maxmem": f"{config.max_memory_kib}k"}
    line.listed("m", None, options)
    only(
        config.memory_backing, "hugepages", "nosharepages", "locked", "source", "access", "allocation", "discard",
        inside="<domain>",
    )  # fmt: skip
    if not _cells(config):
        _add_backend(line, guest, RAM, config.memory_kib, None)
    locked = config.memory_backing is not None and config.memory_backing.locked
    line.option("overcommit", None, mem_lock=locked)
    _add_cells(line, guest)


def _add_backend(line: CommandLine, guest: Guest, name: str, kib: int, cell: Any) -> None:
    backing: Any = guest.config.memory_backing
    options: dict[str, Any] = {"size": kib * 1024}
    kind = "memory-backend-ram"
    if backing is not None:
        access = backing.access.mode if backing.access is not None else None
        if cell is not None and cell.mem_access is not None:
            access = cell.mem_access
        options["share"] = access == "shared" if access is not None else None
        kind = _backend_kind(backing, guest, options)
        if backing.allocation is not None:
            options["prealloc"] = True if backing.allocation.mode == "immediate" else None
            options["prealloc-threads"] = backing.allocation.threads
        if backing.discard:
            options["discard-data"] = True if kind == "memory-backend-file" else None
    line.object(kind, name, options)


def _backend_kind(backing: Any, guest: Guest, options: dict[str, Any]) -> str:
    source = backing.source.type if backing.source is not None else None
    if backing.hugepages is not None:
        if len(backing.hugepages.pages) > 1 or any(page.nodeset for page in backing.hugepages.pages):
            raise refusal("<page> with a nodeset in <hugepages>", backing)
        options |= {"hugetlb": True, "prealloc": True}
        if backing.hugepages.pages:
            options["hugetlbsize"] = backing.hugepages.pages[0].kib * 1024
        return "memory-backend-memfd"
    match source:
        case "memfd":
            return "memory-backend-memfd"
        case "file":
            options["mem-path"] = guest.files.directory
            return "memory-backend-file"
    return "memory-backend-ram"


def _add_cells(line: CommandLine, guest: Guest) -> None:
    cells = _cells(guest.config)
    if cells and guest.config.cpu is not None and guest.config.cpu.numa is not None:
        only(guest.config.cpu.numa, "cells", inside="<cpu>")
    for position, cell in enumerate(cells):
        number = position if cell.id is None else cell.id
        only(cell, "id", "cpus", "memory", "unit", "mem_access", "distances", inside="<numa>")
        _add_backend(line, guest, f"ram-node{number}", cell.kib, cell)
        cpus = [("cpus", span) for span in (cell.cpus or "").split(",") if span]
        parts = ["node", f"nodeid={number}", *(f"{key}={span}" for key, span in cpus), f"memdev=ram-node{number}"]
        line.plain("numa", ",".join(parts))
    for position, cell in enumerate(cells):
        number = position if cell.id is None else cell.id
        for sibling in cell.distances.siblings if cell.distances is not None else ():
            line.option("numa", "dist", src=number, dst=sibling.id, val=sibling.value)


# -- identity ---------------------------------------------------------------------------------------------


def add_identity(line: CommandLine, guest: Guest) -> None:
    """``-uuid``, SMBIOS tables, firmware configuration and the generation id."""
    config = guest.config
    line.plain("uuid", config.uuid or "")
    if config.genid is not None:
        line.device("vmgenid", {"guid": config.genid.uuid or "auto", "id": "vmgenid0"})
    mode = config.os.smbios.mode if config.os.smbios is not None else None
    if mode == "host":
        raise refusal("<smbios mode='host'>", config.os.smbios)
    for information in config.sysinfo:
        if information.type == "fwcfg":
            _add_blobs(line, information)
        elif mode == "sysinfo":
            _add_smbios(line, information)


def _add_smbios(line: CommandLine, information: Any) -> None:
    for attribute, (number, keys) in _SMBIOS.items():
        held = getattr(information, attribute)
        for table in held if isinstance(held, list) else [held] if held is not None else []:
            entries = {keys[entry.name]: entry.value or "" for entry in table.entries}
            line.listed("smbios", f"type={number}", entries)
    if information.oem_strings is not None:
        for text in information.oem_strings.entries:
            line.listed("smbios", "type=11", {"value": text})


def _add_blobs(line: CommandLine, information: Any) -> None:
    for entry in information.entries:
        if entry.file is not None:
            line.listed("fw_cfg", None, {"name": entry.name, "file": entry.file})
        else:
            line.listed("fw_cfg", None, {"name": entry.name, "string": entry.value or ""})


# -- power and boot ---------------------------------------------------------------------------------------


def add_power(line: CommandLine, guest: Guest) -> None:
    """What QEMU does when the guest powers off, reboots or crashes (``-action``), and which sleep states it offers."""
    config = guest.config
    shutdown, reboot = str(config.on_poweroff or "destroy"), str(config.on_reboot or "restart")
    if shutdown not in _SHUTDOWN:
        raise refusal(f"<on_poweroff>{shutdown}", config, why="would need a manager that never ends")
    if reboot not in _REBOOT:
        raise refusal(f"<on_reboot>{reboot}", config)
    actions: dict[str, object] = {"shutdown": _SHUTDOWN[shutdown], "reboot": _REBOOT[reboot]}
    if guest.devices.panics:
        crash = str(config.on_crash or "destroy")
        if crash not in _PANIC:
            raise refusal(f"<on_crash>{crash}", config, why="would need a manager that never ends")
        actions["panic"] = _PANIC[crash]
    if actions != {"shutdown": "poweroff", "reboot": "reset"}:
        line.listed("action", None, actions)
    _add_sleep(line, guest)


def _add_sleep(line: CommandLine, guest: Guest) -> None:
    pm = guest.config.pm
    device = "ICH9-LPC" if guest.machine.express else "PIIX4_PM"
    states = ((pm.suspend_to_mem, "disable_s3"), (pm.suspend_to_disk, "disable_s4")) if pm is not None else ()
    for state, name in states:
        if state is not None and state.enabled is not None:
            line.plain("global", f"{device}.{name}={int(not state.enabled)}")


def add_boot(line: CommandLine, guest: Guest) -> None:
    """Boot menu and strictness, or a kernel that is loaded directly."""
    system: Any = guest.config.os
    only(
        system, "firmware_choice", "firmware", "type", "loader", "nvram", "kernel", "initrd", "cmdline", "dtb",
        "boot", "bootmenu", "smbios", "bios", "acpi", inside="<domain>",
    )  # fmt: skip
    options: dict[str, object] = {"strict": True}
    if system.bootmenu is not None:
        options["menu"] = system.bootmenu.enable
        options["splash-time"] = system.bootmenu.timeout if system.bootmenu.enable else None
    if system.bios is not None:
        only(system.bios, "useserial", "reboot_timeout", inside="<os>")
        options["reboot-timeout"] = system.bios.reboot_timeout
        if system.bios.useserial:
            line.device("sga", {})
    line.listed("boot", None, dict(sorted(options.items())))
    for name, value in (
        ("kernel", system.kernel),
        ("initrd", system.initrd),
        ("append", system.cmdline),
        ("dtb", system.dtb),
    ):
        if value:
            line.plain(name, value)
    for table in system.acpi.tables if system.acpi is not None else ():
        if table.type not in ("slic", "raw"):
            raise refusal(f"<table type={table.type!r}>", table)
        line.listed("acpitable", None, {"sig": "SLIC" if table.type == "slic" else None, "file": table.path})
