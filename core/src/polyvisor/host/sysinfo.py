"""What the host's firmware says of the machine: SMBIOS by dmidecode(8) or sysfs, else what the kernel knows.

The sources are text, and each has a parser of its own that recorded hosts can be fed to.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from polyvisor.errors import HostError
from polyvisor.host.tree import Tree
from polyvisor.model.sysinfo import (
    BoardSection,
    ChassisSection,
    Entry,
    HostSystemInformation,
    ManufacturerStrings,
    MemorySection,
    ProcessorSection,
    Section,
    SystemSection,
)

_TYPES = "0,1,2,3,4,11,17"
_PATIENCE = 10.0


class _Layout(NamedTuple):
    """A section of the document: the field of :class:`HostSystemInformation` it goes into, and how many may."""

    field: str
    made: type[Section]
    names: Mapping[str, str]
    """dmidecode's names -> the document's, in the document's order."""
    most: int | None = None


_LAYOUTS: dict[str, _Layout] = {
    "BIOS Information": _Layout(
        "bios",
        Section,
        {"Vendor": "vendor", "Version": "version", "Release Date": "date", "BIOS Revision": "release"},
        1,
    ),
    "System Information": _Layout(
        "system",
        SystemSection,
        {
            "Manufacturer": "manufacturer",
            "Product Name": "product",
            "Version": "version",
            "Serial Number": "serial",
            "UUID": "uuid",
            "SKU Number": "sku",
            "Family": "family",
        },
        1,
    ),
    "Base Board Information": _Layout(
        "boards",
        BoardSection,
        {
            "Manufacturer": "manufacturer",
            "Product Name": "product",
            "Version": "version",
            "Serial Number": "serial",
            "Asset Tag": "asset",
            "Location In Chassis": "location",
        },
    ),
    "Chassis Information": _Layout(
        "chassis",
        ChassisSection,
        {
            "Manufacturer": "manufacturer",
            "Version": "version",
            "Serial Number": "serial",
            "Asset Tag": "asset",
            "SKU Number": "sku",
        },
        1,
    ),
    "Processor Information": _Layout(
        "processors",
        ProcessorSection,
        {
            "Socket Designation": "socket_destination",
            "Type": "type",
            "Family": "family",
            "Manufacturer": "manufacturer",
            "Signature": "signature",
            "Version": "version",
            "External Clock": "external_clock",
            "Max Speed": "max_speed",
            "Status": "status",
            "Serial Number": "serial_number",
            "Part Number": "part_number",
        },
    ),
    "Memory Device": _Layout(
        "memory",
        MemorySection,
        {
            "Size": "size",
            "Form Factor": "form_factor",
            "Locator": "locator",
            "Bank Locator": "bank_locator",
            "Type": "type",
            "Type Detail": "type_detail",
            "Speed": "speed",
            "Manufacturer": "manufacturer",
            "Serial Number": "serial_number",
            "Part Number": "part_number",
        },
    ),
}
_STRINGS = "OEM Strings"
_EMPTY_SOCKET = "No Module Installed"

_SYSFS: dict[str, Mapping[str, str]] = {
    "BIOS Information": {
        "vendor": "bios_vendor",
        "version": "bios_version",
        "date": "bios_date",
        "release": "bios_release",
    },
    "System Information": {
        "manufacturer": "sys_vendor",
        "product": "product_name",
        "version": "product_version",
        "serial": "product_serial",
        "uuid": "product_uuid",
        "sku": "product_sku",
        "family": "product_family",
    },
    "Base Board Information": {
        "manufacturer": "board_vendor",
        "product": "board_name",
        "version": "board_version",
        "serial": "board_serial",
        "asset": "board_asset_tag",
    },
    "Chassis Information": {
        "manufacturer": "chassis_vendor",
        "version": "chassis_version",
        "serial": "chassis_serial",
        "asset": "chassis_asset_tag",
    },
}
"""The document's names -> files of /sys/class/dmi/id (ABI/testing/sysfs-class-dmi of the kernel)."""


def read_sysinfo(tree: Tree, arch: str) -> HostSystemInformation:
    """The machine, from the best source there is.

    dmidecode wants root and says most; the files of sysfs say what an ordinary user may know; a host without SMBIOS
    tells its CPUs. Raises HostError when there is nothing at all."""
    sources: tuple[Callable[[], HostSystemInformation], ...] = (
        lambda: parse_dmidecode(_run_dmidecode(tree, "-q", "-t", _TYPES), partial(_whole_string, tree)),
        lambda: _read_sysfs(tree),
        lambda: parse_processors(tree.text("/proc/cpuinfo") or "", tree.text("/proc/sysinfo") or "", arch),
    )
    for source in sources:
        found = source()
        if any(getattr(found, field) for field in ("bios", "system", "processors")):
            return found
    raise HostError("this host has no SMBIOS tables, and its kernel does not name its CPUs")


def parse_dmidecode(text: str, whole: Callable[[int], str] = lambda number: "") -> HostSystemInformation:
    """Read what ``dmidecode`` prints.

    It prints a dot for what cannot be printed, such as the line breaks that some put into OEM strings; ``whole`` is
    asked for string ``number`` (from 1) as it is, and may answer with nothing."""
    found = HostSystemInformation()
    for title, facts in _blocks(text):
        if title == _STRINGS and not found.strings:
            printed = [value for name, value in facts.items() if name.startswith("String ")]
            texts = [("." in value and whole(number)) or value for number, value in enumerate(printed, 1)]
            found.strings = [ManufacturerStrings(entries=[Entry(value=value) for value in texts])]
        elif title in _LAYOUTS and facts.get("Size") != _EMPTY_SOCKET:
            layout = _LAYOUTS[title]
            _add(found, layout, {name: facts.get(label) for label, name in layout.names.items()})
    return found


def parse_processors(cpuinfo: str, sysinfo: str, arch: str) -> HostSystemInformation:
    """Read /proc/cpuinfo, and /proc/sysinfo of S/390, where there are no SMBIOS tables."""
    return _parse_s390(cpuinfo, sysinfo) if arch.startswith("s390") else _parse_arm(cpuinfo)


def _parse_arm(cpuinfo: str) -> HostSystemInformation:
    found = HostSystemInformation()
    common = re.search(r"^(?:Processor|model name)\s*:\s*(.*?)\s*$", cpuinfo, re.MULTILINE)
    if common is not None:
        for number in re.findall(r"^processor\s*:\s*(\d+)", cpuinfo, re.MULTILINE):
            _add(found, _LAYOUTS["Processor Information"], {"socket_destination": number, "type": common[1]})
    return found


def _parse_s390(cpuinfo: str, sysinfo: str) -> HostSystemInformation:
    found = HostSystemInformation()
    machine = dict(re.findall(r"^([^:\n]+?)\s*:\s*(.*?)\s*$", sysinfo, re.MULTILINE))
    sources = {"manufacturer": "Manufacturer", "serial": "Sequence Code", "family": "Type"}
    _add(found, _LAYOUTS["System Information"], {name: machine.get(label) for name, label in sources.items()})
    vendor = re.search(r"^vendor_id\s*:\s*(\S+)", cpuinfo, re.MULTILINE)
    speeds = dict(re.findall(r"^cpu number\s*:\s*(\d+)\n(?:.+\n)*?cpu MHz static\s*:\s*(\d+)", cpuinfo, re.MULTILINE))
    for number, listed in re.findall(r"^processor (\d+):(.*)$", cpuinfo, re.MULTILINE):
        facts = dict(re.findall(r"(\w+)\s*=\s*([^,\s]+)", listed))
        _add(
            found,
            _LAYOUTS["Processor Information"],
            {
                "family": facts.get("machine"),
                "manufacturer": vendor[1] if vendor else None,
                "version": facts.get("version"),
                "max_speed": speeds.get(number),
                "serial_number": facts.get("identification"),
            },
        )
    return found


def _read_sysfs(tree: Tree) -> HostSystemInformation:
    found = HostSystemInformation()
    for title, files in _SYSFS.items():
        _add(found, _LAYOUTS[title], {name: tree.text(f"/sys/class/dmi/id/{file}") for name, file in files.items()})
    return found


def _add(found: HostSystemInformation, layout: _Layout, facts: Mapping[str, str | None]) -> None:
    entries = [Entry(name=name, value=value) for name, value in facts.items() if value]
    sections = getattr(found, layout.field)
    if entries and (layout.most is None or len(sections) < layout.most):
        sections.append(layout.made(entries=entries))


def _blocks(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Titles and facts of the tables; lists below a fact are passed over."""
    title = ""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line[0].isspace():
            yield title, facts
            title, facts = line.strip(), {}
        elif (indented := len(line) - len(line.lstrip("\t"))) <= 1:
            name, colon, value = line.strip().partition(":")
            if colon and (indented or line.startswith(" ")):
                facts.setdefault(name, value.strip())
    yield title, facts


def _whole_string(tree: Tree, number: int) -> str:
    """An OEM string with its line breaks; empty where dmidecode cannot tell (it can from version 3.3)."""
    return _run_dmidecode(tree, "--oem-string", str(number)).removesuffix("\n")


def _run_dmidecode(tree: Tree, *options: str) -> str:
    """Its output; empty where it is not installed, may not read the tables, or ``tree`` is not this host."""
    program = shutil.which("dmidecode", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None or tree.path("/sys") != "/sys":
        return ""
    try:
        done = subprocess.run(
            [program, *options], capture_output=True, timeout=_PATIENCE, check=False, env={"LC_ALL": "C"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
