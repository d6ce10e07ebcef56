"""The machine as its firmware, or else its kernel, describes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from polyvisor.documents import read, write
from polyvisor.errors import HostError
from polyvisor.host import Host
from polyvisor.host.sysinfo import parse_dmidecode, parse_processors, read_sysinfo
from polyvisor.model.sysinfo import HostSystemInformation, Section

DMI = """# dmidecode 3.4
Handle 0x0000, DMI type 0, 24 bytes
BIOS Information
\tVendor: Acme   \n\tVersion: 1.2
\tCharacteristics:
\t\tPCI is supported
\t\tVersion: not this one
\tBIOS Revision: 3.4

System Information
\tManufacturer: Acme
\tProduct Name: Anvil
\tUUID: 4CD00C81-4A85-11CB-88EC-A5A7A8F13986

Memory Device
\tSize: 2048 MB
\tLocator: DIMM 1

Memory Device
\tSize: No Module Installed
\tLocator: DIMM 2

OEM Strings
\tString 1: Hello
\tString 2: key=value, <odd>
"""


def facts(section: Section) -> dict[str | None, str | None]:
    return {entry.name: entry.value for entry in section.entries}


def test_dmidecode_is_read_by_sections() -> None:
    found = parse_dmidecode(DMI)
    assert facts(found.bios[0]) == {"vendor": "Acme", "version": "1.2", "release": "3.4"}
    assert facts(found.system[0])["product"] == "Anvil"
    assert [facts(module) for module in found.memory] == [{"size": "2048 MB", "locator": "DIMM 1"}]
    assert [entry.value for entry in found.strings[0].entries] == ["Hello", "key=value, <odd>"]


def test_system_information_survives_the_way_through_text() -> None:
    found = parse_dmidecode(DMI)
    assert read(write(found), HostSystemInformation) == found


def test_an_arm_host_tells_its_cpus() -> None:
    found = parse_processors("processor : 0\nmodel name : ARMv7\n\nprocessor : 1\nmodel name : ARMv7\n", "", "armv7l")
    assert [facts(cpu) for cpu in found.processors] == [
        {"socket_destination": "0", "type": "ARMv7"},
        {"socket_destination": "1", "type": "ARMv7"},
    ]


def test_an_s390_host_tells_its_machine_and_its_cpus() -> None:
    cpuinfo = (
        "vendor_id       : IBM/S390\n"
        "processor 0: version = FF,  identification = 012345,  machine = 8561\n\n"
        "cpu number      : 0\nversion : FF\ncpu MHz dynamic : 5100\ncpu MHz static  : 5200\n"
    )
    found = parse_processors(cpuinfo, "Manufacturer:   IBM\nType:   8561\nSequence Code:  0042\n", "s390x")
    assert facts(found.system[0]) == {"manufacturer": "IBM", "serial": "0042", "family": "8561"}
    assert facts(found.processors[0]) == {
        "family": "8561",
        "manufacturer": "IBM/S390",
        "version": "FF",
        "max_speed": "5200",
        "serial_number": "012345",
    }


def test_an_ordinary_user_gets_what_sysfs_tells(record: Callable[..., Host]) -> None:
    base = "sys/class/dmi/id"
    host = record({f"{base}/sys_vendor": "Acme", f"{base}/product_name": "Anvil", f"{base}/bios_date": "01/02/2020"})
    found = read_sysinfo(host.tree, host.arch)
    assert facts(found.system[0]) == {"manufacturer": "Acme", "product": "Anvil"}
    assert facts(found.bios[0]) == {"date": "01/02/2020"}
    assert found.boards == []


def test_a_host_that_says_nothing_of_itself_is_an_error(record: Callable[..., Host]) -> None:
    with pytest.raises(HostError, match="SMBIOS"):
        read_sysinfo(record({}).tree, "riscv64")


def test_strings_with_dots_are_asked_for_as_they_are() -> None:
    text = "OEM Strings\n\tString 1: plain\n\tString 2: two.lines\n\tString 3: v1.2\n"
    whole = {2: "two\nlines", 3: ""}
    found = parse_dmidecode(text, whole.__getitem__)  # the first one is not asked for
    assert [entry.value for entry in found.strings[0].entries] == ["plain", "two\nlines", "v1.2"]


def test_an_empty_slot_has_no_module_however_much_is_said_of_it() -> None:
    slot = "Memory Device\n\tSize: No Module Installed\n\tLocator: A1\n\tManufacturer: NO DIMM\n\n"
    mapped = "Memory Device Mapped Address\n\tRange Size: 16 GB\n"
    assert parse_dmidecode(slot + mapped).memory == []
