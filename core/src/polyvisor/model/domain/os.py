"""How the guest boots: firmware, kernel, boot devices, container init, SMBIOS and ACPI tables."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, text, value, values, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.devices.storage import BlockSource, FileSource, NetworkSource


class OsType(StrEnum):
    """What kind of system the guest is to its hypervisor."""

    HVM = "hvm"
    LINUX = "linux"
    XEN = "xen"
    XENPVH = "xenpvh"
    EXE = "exe"
    UML = "uml"
    AIX = "aix"


class BootDevice(StrEnum):
    """What firmware tries to boot from."""

    HD = "hd"
    CDROM = "cdrom"
    FD = "fd"
    NETWORK = "network"


Architecture = Literal[
    "aarch64",
    "alpha",
    "armv6l",
    "armv7b",
    "armv7l",
    "cris",
    "i686",
    "ia64",
    "itanium",
    "lm32",
    "loongarch64",
    "m68k",
    "microblaze",
    "microblazeel",
    "mips",
    "mips64",
    "mips64el",
    "mipsel",
    "openrisc",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppcemb",
    "riscv32",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "unicore32",
    "x86_64",
    "xtensa",
    "xtensaeb",
]
"""Processor architectures, as uname(1) and QEMU name them."""


@element("type")
class GuestType(Element):
    """Full virtualisation, paravirtualisation or a container; the architecture and machine."""

    value: OsType = required(text())
    arch: Architecture | None = attribute()
    machine: str | None = attribute(dt.NAME)


@element("feature")
class FirmwareFeature(Element):
    """A feature that the chosen firmware must have, or must not have."""

    name: Literal["enrolled-keys", "secure-boot"] = required(attribute())
    enabled: bool = required(attribute(dt.BOOL))


@element("firmware")
class Firmware(Element):
    """What to look for when the firmware is chosen automatically."""

    features: list[FirmwareFeature] = children("feature", min=1)


@element("loader")
class Loader(Element):
    """The firmware image."""

    path: str | None = text(scalars.FILE)
    readonly: bool | None = attribute(dt.BOOL)
    type: Literal["rom", "pflash"] | None = attribute()
    secure: bool | None = attribute(dt.BOOL)
    stateless: bool | None = attribute(dt.BOOL)
    format: Literal["raw", "qcow2"] | None = attribute()


@element("nvram", by="type")
class Nvram(Element):
    """Where the firmware keeps its variables, and the template they start from."""

    type: Literal["file", "block", "network"] | None = attribute()
    template: str | None = attribute(scalars.FILE)
    template_format: Literal["raw", "qcow2"] | None = attribute(name="templateFormat")
    format: Literal["raw", "qcow2"] | None = attribute()


@variant(None)
class NvramPath(Nvram):
    """Variables in a local file; no path lets the driver choose one."""

    path: str | None = text(scalars.FILE)


@variant("file", "block", "network")
class NvramSource(Nvram):
    """Variables in any kind of storage."""

    source: FileSource | BlockSource | NetworkSource | None = required(
        child(by="type", cases={"file": FileSource, "block": BlockSource, "network": NetworkSource})
    )


@element("boot")
class Boot(Element):
    """A device class to boot from."""

    dev: BootDevice = required(attribute())


@element("bootmenu")
class BootMenu(Element):
    """Whether firmware offers a menu, and for how many milliseconds."""

    enable: bool = required(attribute(dt.BOOL))
    timeout: int | None = attribute(dt.UINT16)


@element("bios")
class Bios(Element):
    """Options of BIOS firmware."""

    useserial: bool | None = attribute(dt.BOOL)
    reboot_timeout: int | None = attribute(scalars.REBOOT_TIMEOUT, name="rebootTimeout")


@element("smbios")
class Smbios(Element):
    """Which SMBIOS tables the guest sees."""

    mode: Literal["emulate", "host", "sysinfo"] = required(attribute())


@element("table")
class AcpiTable(Element):
    """A file with ACPI tables."""

    path: str = required(text(scalars.FILE))
    type: Literal["raw", "rawset", "slic", "msdm"] = required(attribute())


@element("acpi")
class AcpiTables(Element):
    """ACPI tables given to the guest."""

    tables: list[AcpiTable] = children("table")


@element("initenv")
class InitVariable(Element):
    """An environment variable of a container's init."""

    value: str = text(dt.STRING)
    name: str = required(attribute(dt.NAME))


@element("os")
class OperatingSystem(Element):
    """How the guest boots."""

    firmware_choice: Literal["bios", "efi"] | None = attribute(
        name="firmware", doc="Let the driver choose firmware of this kind."
    )
    type: GuestType = required(child())
    firmware: Firmware | None = child()
    init: str | None = value(dt.ABSPATH)
    init_arguments: list[str] = values(dt.STRING, tag="initarg")
    init_environment: list[InitVariable] = children("initenv")
    init_directory: str | None = value(dt.ABSPATH, name="initdir")
    init_user: str | None = value(dt.NAME, name="inituser")
    init_group: str | None = value(dt.NAME, name="initgroup")
    loader: Loader | None = child()
    nvram: Nvram | None = child()
    kernel: str | None = value(dt.ABSPATH)
    initrd: str | None = value(dt.ABSPATH)
    root: str | None = value(dt.STRING)
    cmdline: str | None = value(dt.STRING)
    shim: str | None = value(dt.ABSPATH)
    dtb: str | None = value(dt.ABSPATH)
    acpi: AcpiTables | None = child()
    boot: list[Boot] = children("boot")
    bootmenu: BootMenu | None = child()
    smbios: Smbios | None = child()
    bios: Bios | None = child()


@element("entry")
class BiosEntry(Element):
    """A field of the BIOS information table."""

    name: Literal["vendor", "version", "date", "release"] = required(attribute())
    value: str | None = text(dt.STRING)


@element("entry")
class SystemEntry(Element):
    """A field of the system information table."""

    name: Literal["manufacturer", "product", "version", "serial", "uuid", "sku", "family"] = required(attribute())
    value: str | None = text(dt.STRING)


@element("entry")
class BoardEntry(Element):
    """A field of the base board table."""

    name: Literal["manufacturer", "product", "version", "serial", "asset", "location"] = required(attribute())
    value: str | None = text(dt.STRING)


@element("entry")
class ChassisEntry(Element):
    """A field of the chassis table."""

    name: Literal["manufacturer", "version", "serial", "asset", "sku"] = required(attribute())
    value: str | None = text(dt.STRING)


@element("bios")
class BiosTable(Element):
    """SMBIOS type 0."""

    entries: list[BiosEntry] = children("entry")


@element("system")
class SystemTable(Element):
    """SMBIOS type 1."""

    entries: list[SystemEntry] = children("entry")


@element("baseBoard")
class BoardTable(Element):
    """SMBIOS type 2."""

    entries: list[BoardEntry] = children("entry")


@element("chassis")
class ChassisTable(Element):
    """SMBIOS type 3."""

    entries: list[ChassisEntry] = children("entry")


@element("oemStrings")
class OemStrings(Element):
    """SMBIOS type 11."""

    entries: list[str] = values(dt.STRING, tag="entry")


@element("entry")
class FirmwareConfigEntry(Element):
    """A named blob, given in the document or in a file."""

    name: str = required(attribute(dt.STRING))
    file: str | None = attribute(dt.ABSPATH)
    value: str | None = text(dt.STRING)


@element("sysinfo", by="type")
class SystemInformation(Element):
    """What firmware tells the guest about its machine."""

    type: Literal["smbios", "fwcfg"] = attribute(required=True)


@variant("smbios")
class SmbiosInformation(SystemInformation):
    """SMBIOS tables."""

    bios: BiosTable | None = child()
    system: SystemTable | None = child()
    base_boards: list[BoardTable] = children("baseBoard")
    chassis: ChassisTable | None = child()
    oem_strings: OemStrings | None = child(name="oemStrings")


@variant("fwcfg")
class FirmwareConfig(SystemInformation):
    """Blobs for QEMU's fw_cfg device."""

    entries: list[FirmwareConfigEntry] = children("entry")
