"""``vmware-vmx``: documents as VMX files and back; and what a document may ask of VMware."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain import Disk
from polyvisor_esx.datastores import parse_path
from polyvisor_esx.vmx_reading import from_vmx
from polyvisor_esx.vmx_writing import to_vmx

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.domain import Domain
    from polyvisor_esx.session import EsxSession

FORMATS = ("vmware-vmx",)

HARDWARE = 13
"""Virtual hardware of ESX 6.5: what is written for a server whose own is not known to be older."""

_PRODUCTS = {(4, 0): 7, (4, 1): 7, (5, 0): 8, (5, 1): 9, (5, 5): 10, (6, 0): 11, (6, 5): 13, (6, 7): 14, (7, 0): 17}
"""API version of a server -> the virtual hardware that came with it (VMware's table of product and hardware)."""


def hardware(session: EsxSession) -> int:
    """The virtual hardware version that files for this server are written in."""
    parts = str(session.content.about.apiVersion).split(".")
    major, minor = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    fitting = [version for product, version in _PRODUCTS.items() if product <= (major, minor)]
    return max(fitting, default=HARDWARE)


def _require(format: str) -> None:
    if format not in FORMATS:
        raise InvalidArgument(f"the esx driver knows no format {format!r}", hint=f"it knows {', '.join(FORMATS)}")


def from_native(session: EsxSession, format: str, text: str) -> Domain:
    """The domain that a VMX file describes."""
    _require(format)
    return from_vmx(text)


def to_native(session: EsxSession, format: str, config: Domain) -> str:
    """The VMX file of a domain."""
    _require(format)
    return to_vmx(config, hardware=hardware(session))


def name_file(name: str) -> str:
    """Files of documents are on datastores. Raises UnsupportedConfiguration for others."""
    try:
        return str(parse_path(name))
    except InvalidArgument as error:
        raise UnsupportedConfiguration(error.message, driver="esx", hint=error.hint) from None


def check(config: Domain) -> None:
    """Raise UnsupportedConfiguration for what VMware cannot do, naming it."""
    if config.type not in (None, "vmware"):
        raise UnsupportedConfiguration(
            f"a VMware server runs guests of type vmware, not {config.type}", driver="esx", hint="write type='vmware'"
        )
    to_vmx(config, hardware=HARDWARE)


KEPT = frozenset(
    "type id name uuid genid title description metadata memory current_memory memtune numatune vcpu cputune cpu os"
    " devices extensions max_memory".split()
)
"""Fields of a domain that VMware keeps, or whose contents are checked one by one where they are written."""

INHERENT = {"acpi", "apic", "pae"}
"""Features that every guest of VMware's has."""


KEPT_PARTS = {
    "os": "type boot firmware_choice firmware smbios",
    "vcpu": "count placement cpuset current",
    "cpu": "topology mode match check",
    "cputune": "shares",
    "memtune": "min_guarantee",
    "devices": "disks controllers filesystems interfaces serials parallels consoles graphics videos inputs",
    "disk": "type device driver source target readonly transient alias address",
    "interface": "type mac source target model link alias address",
}
"""The same of elements inside; places of devices are VMware's business, wherever a document has them."""

CONTROLLERS = {"scsi", "sata", "ide", "fdc"}


def refuse_lost(config: Domain) -> None:
    """Raise UnsupportedConfiguration for what VMware has no place for and would be gone once it is stored.

    A field that says what holds for every guest of VMware's may be there."""
    _refuse_bandwidth(config)
    plain = _plain()
    for field in type(config).fields():
        wanted = getattr(config, field.attr)
        if field.attr in KEPT or not wanted or wanted == getattr(plain, field.attr):
            continue
        if field.attr == "features" and not set(_set(wanted)) - INHERENT:
            continue
        name = field.xml.rpartition("}")[2]
        raise UnsupportedConfiguration(
            f"VMware keeps no <{name}> other than what holds for all of its guests",
            driver="esx",
            hint="leave it out" if getattr(plain, field.attr) is None else "leave it out, or as VMware has it",
        )
    for part in (config.os, config.vcpu, config.cpu, config.cputune, config.memtune, config.devices):
        if part is not None:
            _refuse_parts(part)
    if [str(each.dev) for each in config.os.boot] not in ([], ["hd"]):
        raise _lost("<boot> order", "<os>")
    for each in (*config.devices.disks, *config.devices.interfaces) if config.devices else ():
        refuse_lost_of(each)
    _refuse_kinds(config)


def refuse_lost_of(device: Element) -> None:
    """The same of one device: raise UnsupportedConfiguration for what VMware has no place for."""
    if device.tag in KEPT_PARTS:
        _refuse_parts(device)
    if isinstance(device, Disk) and device.readonly and str(device.device or "disk") == "disk":
        raise _lost("<readonly>", "<disk> of hard disks")


def _refuse_parts(element: Element) -> None:
    kept = KEPT_PARTS[element.tag].split()
    for field in type(element).fields():
        if field.attr not in kept and getattr(element, field.attr) not in (None, False, []):
            name = field.xml.rpartition("}")[2]
            raise _lost(f"<{name}>", f"<{element.tag}>")


def _refuse_kinds(config: Domain) -> None:
    """Controllers and input devices are there of some kinds only."""
    for controller in config.devices.controllers if config.devices else ():
        if str(controller.type) not in CONTROLLERS:
            raise _lost(f"<controller type='{controller.type}'>", "<devices>")
    for device in config.devices.inputs if config.devices else ():
        if (bus := str(getattr(device, "bus", None) or "ps2")) != "ps2":
            raise _lost(f"<input bus='{bus}'>", "<devices>")


def _lost(what: str, where: str) -> UnsupportedConfiguration:
    return UnsupportedConfiguration(f"VMware keeps no {what} in {where}", driver="esx", hint="leave it out")


def _refuse_bandwidth(config: Domain) -> None:
    """A card's limit is made in one change with the card's switch looked at, not by a document."""
    for each in config.devices.interfaces if config.devices else ():
        if each.bandwidth is not None:
            raise UnsupportedConfiguration(
                "VMware keeps no <bandwidth> of a network card in its document",
                driver="esx",
                hint="leave it out, and limit the card with set_interface_bandwidth (domiftune)",
            )


def _set(element: Element) -> list[str]:
    """Names of the fields of an element that say something."""
    return [field.attr for field in type(element).fields() if getattr(element, field.attr) not in (None, False, [])]


@cache
def _plain() -> Domain:
    """A guest of whom nothing is said."""
    lines = ('config.version = "8"', f'virtualHW.version = "{HARDWARE}"', 'displayName = "plain"')
    return from_vmx("\n".join(lines))
