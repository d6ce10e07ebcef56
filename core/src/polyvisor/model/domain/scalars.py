"""Values that domain documents spell in ways of their own: PCI slots, USB ports, aliases, target names.

A number read from ``0x1f`` and from ``31`` is the same ``int``; it is written the way libvirt prints it.
"""

from __future__ import annotations

from polyvisor.documents import datatypes as dt

PCI_DOMAIN = dt.hexadecimal(8, width=4)
PCI_BUS = dt.hexadecimal(2)
PCI_SLOT = dt.hexadecimal(2, pattern="[01]?[0-9a-fA-F]", maximum=0x1F)
PCI_FUNCTION = dt.hexadecimal(1, pattern="0?[0-7]", maximum=7)
PORT_NUMBER = dt.UINT8
PORT_HEX = dt.hexadecimal(2, width=0)
CSSID = dt.hexadecimal(2, width=0, pattern="[0-9a-eA-E][0-9a-fA-F]?|[fF][0-9a-eA-E]?", maximum=0xFE)
SSID = dt.hexadecimal(1, pattern="[0-3]", maximum=3)
DEVNO = dt.hexadecimal(4)
ZPCI_UID = dt.hexadecimal(4)
ZPCI_FID = dt.hexadecimal(8)
IO_PORT = dt.hexadecimal(4, width=0)
IRQ = dt.hexadecimal(1)
REGISTER = dt.hexadecimal(16, width=8)
MEMORY_BASE = dt.hexadecimal(16, width=0)
USB_ID = dt.hexadecimal(4)
LAUNCH_POLICY = dt.hexadecimal(16, width=4)

USB_PORT = dt.Datatype(
    "USB port", pattern=r"[0-9]+(\.[0-9]+){0,3}", describe="port numbers from the root hub on, such as 1 or 1.2.4"
)
USB_NUMBER = dt.Datatype(
    "USB number",
    pattern="0x[0-9a-fA-F]{1,3}|[0-9]{1,3}",
    parse=lambda written: int(written, 16) if written[:2] == "0x" else int(written),
    describe="a bus or device number from 0 to 999",
)
FILE = dt.Datatype("file", pattern="/[^\n]+", describe="the absolute path of a file")
ALIAS = dt.Datatype("alias", pattern=r"[a-zA-Z0-9_\.\-]+", describe="letters, digits and _ . -")
ONE_LINE = dt.Datatype("line", pattern="[^\n]*", describe="one line of text")
DOMAIN_NAME = dt.Datatype("domain name", pattern="[^\n]+", describe="one line of text")
DISK_TARGET = dt.Datatype(
    "disk target",
    pattern="(ioemu:)?(fd|hd|sd|vd|xvd|ubd|nvme)[a-zA-Z0-9_]+",
    describe="a bus prefix and a letter, such as vda, sda or hdc",
)
LOADPARM = dt.Datatype(
    "loadparm", pattern=r"[a-zA-Z0-9. ]{1,8}", parse=str.upper, describe="up to eight letters, digits, dots or blanks"
)
WWN = dt.Datatype("world wide name", pattern="(0x)?[0-9a-fA-F]{16}", describe="16 hexadecimal digits")
SCSI_NAME = dt.Datatype("SCSI target", pattern="naa\\.[0-9a-fA-F]{16}", describe="naa. and 16 hexadecimal digits")
PRINTABLE = dt.Datatype("printable text", pattern="[ -~]*", describe="printable ASCII characters")
FILE_MODE = dt.Datatype("file mode", pattern="[0-7]{1,4}", describe="an octal mode such as 0750")
IP_PREFIX = dt.number("prefix length", 0, 128)
VLAN_ID = dt.number("VLAN id", 0, 4095)
CONTROLLER = dt.number("number of a controller", 0, 65535)
IOTHREADS = dt.number("number of I/O threads", 0, 65535)
REBOOT_TIMEOUT = dt.number("reboot timeout", -1, 65535)
HOST_NAME = dt.Datatype("host name", pattern=r"[a-zA-Z0-9_.\-:%\[\]]+", describe="a host name or an IP address")
MODEL = dt.Datatype("device model", pattern=r"[a-zA-Z0-9_\-]+", describe="a name of letters, digits and _ -")
BRIDGE_NAME = dt.Datatype(
    "bridge name", pattern=r"\S([^\n]*\S)?", describe="the name of a bridge or port group, such as br0 or Prod (VLAN 5)"
)
FILTER = dt.Datatype("filter name", pattern=r"[a-zA-Z0-9_.:\-]+", describe="letters, digits and _ . : -")
UNICAST = dt.Datatype(
    "unicast address",
    pattern="[0-9a-fA-F][02468aAcCeE](:[0-9a-fA-F]{2}){5}",
    parse=str.lower,
    describe="a hardware address of one card, such as 52:54:00:12:34:56",
)
LISTEN_PORT = dt.number("listening port", -1, 65535)
