"""Character devices: serial and parallel ports, consoles, channels, and what is at their other end."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from polyvisor.documents import Element, attribute, child, children, element, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias
from polyvisor.model.domain.devices.storage import DeviceLabel, Reconnect


class CharacterType(StrEnum):
    """What is at the host's end of a character device."""

    NULL = "null"
    VC = "vc"
    PTY = "pty"
    DEV = "dev"
    FILE = "file"
    PIPE = "pipe"
    STDIO = "stdio"
    UDP = "udp"
    TCP = "tcp"
    UNIX = "unix"
    SPICEVMC = "spicevmc"
    SPICEPORT = "spiceport"
    NMDM = "nmdm"
    QEMU_VDAGENT = "qemu-vdagent"
    DBUS = "dbus"


SocketMode = Literal["bind", "connect"]


@element("source")
class PtySource(Element):
    """A pseudo-terminal of the host, which is another one at each start."""

    path: str | None = attribute(dt.STRING)
    seclabels: list[DeviceLabel] = children("seclabel")

    @property
    def runtime_only(self) -> bool:
        """Always: a configuration does not name the terminal."""
        return True


@element("source")
class PathSource(Element):
    """A device or pipe of the host."""

    path: str | None = attribute(dt.STRING)
    seclabels: list[DeviceLabel] = children("seclabel")


@element("source")
class OutputSource(Element):
    """A file that takes what the guest writes."""

    path: str | None = attribute(dt.STRING)
    append: bool | None = attribute(dt.ONOFF)
    seclabels: list[DeviceLabel] = children("seclabel")


@element("source")
class UnixSource(Element):
    """A UNIX socket, listened on (``bind``) or connected to."""

    mode: SocketMode | None = attribute()
    path: str | None = attribute(dt.STRING)
    reconnect: Reconnect | None = child()
    seclabels: list[DeviceLabel] = children("seclabel")


@element("source")
class TcpSource(Element):
    """A TCP socket, listened on (``bind``) or connected to."""

    mode: SocketMode | None = attribute()
    host: str | None = attribute(dt.STRING)
    service: str | None = attribute(dt.STRING)
    tls: bool | None = attribute(dt.BOOL)
    reconnect: Reconnect | None = child()


@element("source")
class UdpSource(Element):
    """One end of a pair of UDP sockets."""

    mode: SocketMode | None = attribute()
    host: str | None = attribute(dt.STRING)
    service: str | None = attribute(dt.STRING)


@element("source")
class ChannelNameSource(Element):
    """A named channel of SPICE or D-Bus."""

    channel: str = required(attribute(dt.STRING))


@element("source")
class NmdmSource(Element):
    """The two ends of a null-modem pair (FreeBSD)."""

    master: str = required(attribute(dt.STRING))
    slave: str | None = attribute(dt.STRING)


@element("clipboard")
class ClipboardSwitch(Element):
    """Whether guest and client share a clipboard."""

    copypaste: bool = required(attribute(dt.BOOL))


@element("mouse")
class MouseMode(Element):
    """Whether the pointer's position comes from the client or from the guest."""

    mode: Literal["server", "client"] = required(attribute())


@element("source")
class VdagentSource(Element):
    """QEMU's own SPICE agent."""

    clipboard: ClipboardSwitch | None = child()
    mouse: MouseMode | None = child()


CHARACTER_SOURCES = {
    "pty": PtySource,
    "dev": PathSource,
    "pipe": PathSource,
    "file": OutputSource,
    "unix": UnixSource,
    "tcp": TcpSource,
    "udp": UdpSource,
    "spiceport": ChannelNameSource,
    "dbus": ChannelNameSource,
    "nmdm": NmdmSource,
    "qemu-vdagent": VdagentSource,
}
"""The class of a ``<source>`` for each type of character device that has one."""

CharacterSource = (
    PtySource
    | PathSource
    | OutputSource
    | UnixSource
    | TcpSource
    | UdpSource
    | ChannelNameSource
    | NmdmSource
    | VdagentSource
)


@element("protocol")
class SocketProtocol(Element):
    """What is spoken over a TCP socket."""

    type: Literal["raw", "telnet", "telnets", "tls"] | None = attribute()


@element("log")
class CharacterLog(Element):
    """A file that gets a copy of the guest's output."""

    file: str = required(attribute(dt.ABSPATH))
    append: bool | None = attribute(dt.ONOFF)


class CharacterDevice(Element):
    """What all character devices have."""

    type: CharacterType = required(attribute())
    sources: list[CharacterSource] = children("source", by="type", cases=CHARACTER_SOURCES)
    protocol: SocketProtocol | None = child()
    log: CharacterLog | None = child()

    @property
    def source(self) -> CharacterSource | None:
        """The host's end; UDP devices have two sources, of which this is the first."""
        return self.sources[0] if self.sources else None


SerialModelName = Literal[
    "isa-serial",
    "usb-serial",
    "pci-serial",
    "spapr-vty",
    "pl011",
    "sclpconsole",
    "sclplmconsole",
    "16550a",
    "isa-debugcon",
]


class Terminal(CharacterDevice):
    """What serial ports, parallel ports and consoles have: nothing in the guest that must be named."""

    @classmethod
    def pty(cls) -> Self:
        """On a pseudo-terminal of the host: what ``polyvisor console`` opens."""
        return cls(type=CharacterType.PTY)

    @classmethod
    def file(cls, path: str, *, append: bool | None = None) -> Self:
        """Into a file; what was in it is overwritten unless ``append``."""
        return cls(type=CharacterType.FILE, sources=[OutputSource(path=path, append=append)])

    @classmethod
    def unix(cls, path: str, *, mode: SocketMode = "bind") -> Self:
        """On a UNIX socket of the host, which the hypervisor listens on or connects to."""
        return cls(type=CharacterType.UNIX, sources=[UnixSource(path=path, mode=mode)])

    @classmethod
    def tcp(cls, host: str, port: int, *, mode: SocketMode = "bind") -> Self:
        """On a TCP port, which the hypervisor listens on or connects to."""
        return cls(type=CharacterType.TCP, sources=[TcpSource(host=host, service=str(port), mode=mode)])


@element("model")
class SerialModel(Element):
    """The device that plays the serial port."""

    name: SerialModelName = required(attribute())


@element("target")
class SerialTarget(Element):
    """Which serial port it is, and on what bus."""

    type: (
        Literal[
            "isa-serial",
            "usb-serial",
            "pci-serial",
            "spapr-vio-serial",
            "system-serial",
            "sclp-serial",
            "isa-debug",
        ]
        | None
    ) = attribute()
    port: int | None = attribute(dt.UINT)
    model: SerialModel | None = child()


@element("serial")
class Serial(Terminal):
    """A serial port."""

    target: SerialTarget | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@element("target")
class ParallelTarget(Element):
    """Which parallel port it is."""

    type: str | None = attribute(dt.NAME)
    port: int | None = attribute(dt.UINT)


@element("parallel")
class Parallel(Terminal):
    """A parallel port."""

    target: ParallelTarget | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


class ConsoleTargetType(StrEnum):
    """What a console is to the guest."""

    SERIAL = "serial"
    XEN = "xen"
    UML = "uml"
    VIRTIO = "virtio"
    LXC = "lxc"
    OPENVZ = "openvz"
    SCLP = "sclp"
    SCLPLM = "sclplm"


@element("target")
class ConsoleTarget(Element):
    """What the console is to the guest."""

    type: ConsoleTargetType | None = attribute()
    port: int | None = attribute(dt.UINT)


@element("console")
class Console(Terminal):
    """A console; the first one of a machine with serial ports is its first serial port under another name."""

    tty: str | None = attribute(dt.STRING, volatile=True)
    target: ConsoleTarget | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@element("target", by="type")
class ChannelTarget(Element):
    """How the guest finds the channel."""

    type: Literal["virtio", "xen", "guestfwd"] = attribute(required=True)


@variant("virtio", "xen")
class NamedChannel(ChannelTarget):
    """A named port."""

    name: str | None = attribute(dt.STRING)
    state: Literal["connected", "disconnected"] | None = attribute(volatile=True)


@variant("guestfwd")
class ForwardedChannel(ChannelTarget):
    """An address and port of the guest's user-mode network."""

    address: str = required(attribute(dt.IP))
    port: int = required(attribute(dt.PORT))


@element("channel")
class Channel(CharacterDevice):
    """A private channel between host and guest."""

    target: ChannelTarget = required(child())
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()

    @classmethod
    def agent(cls, name: str = "org.qemu.guest_agent.0") -> Self:
        """The channel of the guest agent, or of another program that listens on a port of that name."""
        return cls(type=CharacterType.UNIX, target=NamedChannel(type="virtio", name=name))
