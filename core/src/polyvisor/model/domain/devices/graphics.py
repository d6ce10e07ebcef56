"""Graphical consoles: VNC, SPICE, RDP, SDL, D-Bus and off-screen rendering."""

from __future__ import annotations

from typing import Literal, Self

from polyvisor.documents import Element, attribute, child, children, element, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.devices.chardev import ClipboardSwitch, MouseMode

TIMESTAMP = dt.Datatype(
    "timestamp",
    pattern=r"[0-9]{4}\-[0-9]{2}\-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}",
    describe="a time in UTC such as 2026-11-22T21:00:00",
)
KEYMAP = dt.Datatype("keymap", pattern=r"[a-zA-Z0-9_.\-]+", describe="the name of a keyboard layout, such as en-us")


@element("listen", by="type")
class Listen(Element):
    """Where a graphics server listens."""

    type: Literal["address", "network", "socket", "none"] = attribute(required=True)


@variant("address")
class AddressListen(Listen):
    """An address of the host."""

    address: str | None = attribute(dt.STRING)


@variant("network")
class NetworkListen(Listen):
    """The host's address on a virtual network, which is filled in while the guest runs."""

    network: str = required(attribute(dt.STRING))
    address: str | None = attribute(dt.STRING, volatile=True)


@variant("socket")
class SocketListen(Listen):
    """A UNIX socket; no path lets the driver choose one."""

    socket: str | None = attribute(dt.ABSPATH)


@variant("none")
class NoListen(Listen):
    """Nowhere: clients are handed a connection."""


@element("gl")
class OpenGl(Element):
    """Hardware rendering."""

    enable: bool = required(attribute(dt.BOOL))
    rendernode: str | None = attribute(dt.ABSPATH)


@element("gl")
class RenderNode(Element):
    """The GPU used for off-screen rendering."""

    enable: bool | None = attribute(dt.BOOL)
    rendernode: str | None = attribute(dt.ABSPATH)


@element("audio")
class AudioReference(Element):
    """The audio backend in use, by number."""

    id: int = required(attribute(dt.UINT))


@element("channel")
class SpiceChannel(Element):
    """Whether one SPICE channel must be encrypted."""

    name: Literal["main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir"] = required(
        attribute()
    )
    mode: Literal["any", "secure", "insecure"] = required(attribute())


@element("image")
class ImageCompression(Element):
    """Compression of still images."""

    compression: Literal["auto_glz", "auto_lz", "quic", "glz", "lz", "off"] = required(attribute())


@element("jpeg")
class WanCompression(Element):
    """Compression over slow links."""

    compression: Literal["auto", "never", "always"] = required(attribute())


@element("playback")
class PlaybackCompression(Element):
    """Compression of sound."""

    compression: bool = required(attribute(dt.ONOFF))


@element("streaming")
class Streaming(Element):
    """Which areas of the screen are sent as video."""

    mode: Literal["filter", "all", "off"] = required(attribute())


@element("filetransfer")
class FileTransfer(Element):
    """Whether clients may send files."""

    enable: bool = required(attribute(dt.BOOL))


@element("graphics", by="type")
class Graphics(Element):
    """A graphical console."""

    type: Literal["vnc", "spice", "rdp", "sdl", "desktop", "egl-headless", "dbus"] = attribute(required=True)

    @staticmethod
    def vnc(*, listen: str = "127.0.0.1", port: int | None = None, password: str | None = None) -> Vnc:
        """A VNC server on an address of the host; on a port that is free at each start when none is given."""
        return Vnc(port=port, autoport=port is None, passwd=password, listens=[AddressListen(address=listen)])

    @staticmethod
    def spice(*, listen: str = "127.0.0.1", port: int | None = None, password: str | None = None) -> Spice:
        """A SPICE server on an address of the host; on a port that is free at each start when none is given."""
        return Spice(port=port, autoport=port is None, passwd=password, listens=[AddressListen(address=listen)])


@variant("vnc")
class Vnc(Graphics):
    """A VNC server."""

    port: int | None = attribute(scalars.LISTEN_PORT)
    autoport: bool | None = attribute(dt.BOOL)
    websocket: int | None = attribute(scalars.LISTEN_PORT)
    listen_address: str | None = attribute(dt.STRING, name="listen")
    socket: str | None = attribute(dt.ABSPATH)
    keymap: str | None = attribute(KEYMAP)
    passwd: str | None = attribute(dt.STRING, secret=True)
    passwd_valid_to: str | None = attribute(TIMESTAMP, name="passwdValidTo")
    connected: Literal["keep"] | None = attribute()
    share_policy: Literal["allow-exclusive", "force-shared", "ignore"] | None = attribute(name="sharePolicy")
    power_control: bool | None = attribute(dt.BOOL, name="powerControl")
    wait: bool | None = attribute(dt.BOOL)
    listens: list[Listen] = children("listen")
    audio: AudioReference | None = child()

    def at_rest(self) -> Self:
        return self.replace(port=-1) if self.autoport and self.port is not None else self


@variant("spice")
class Spice(Graphics):
    """A SPICE server."""

    port: int | None = attribute(scalars.LISTEN_PORT)
    tls_port: int | None = attribute(scalars.LISTEN_PORT, name="tlsPort")
    autoport: bool | None = attribute(dt.BOOL)
    listen_address: str | None = attribute(dt.STRING, name="listen")
    keymap: str | None = attribute(KEYMAP)
    passwd: str | None = attribute(dt.STRING, secret=True)
    passwd_valid_to: str | None = attribute(TIMESTAMP, name="passwdValidTo")
    connected: Literal["keep", "disconnect", "fail"] | None = attribute()
    default_mode: Literal["any", "secure", "insecure"] | None = attribute(name="defaultMode")
    listens: list[Listen] = children("listen")
    channels: list[SpiceChannel] = children("channel")
    image: ImageCompression | None = child()
    jpeg: WanCompression | None = child()
    zlib: WanCompression | None = child(name="zlib")
    playback: PlaybackCompression | None = child()
    streaming: Streaming | None = child()
    clipboard: ClipboardSwitch | None = child()
    mouse: MouseMode | None = child()
    filetransfer: FileTransfer | None = child()
    gl: OpenGl | None = child()

    def at_rest(self) -> Self:
        return self.replace(port=None, tls_port=None) if self.autoport else self


@variant("rdp")
class Rdp(Graphics):
    """A Remote Desktop server."""

    port: int | None = attribute(scalars.LISTEN_PORT)
    autoport: bool | None = attribute(dt.BOOL)
    username: str | None = attribute(dt.STRING)
    passwd: str | None = attribute(dt.STRING, secret=True)
    replace_user: bool | None = attribute(dt.BOOL, name="replaceUser")
    multi_user: bool | None = attribute(dt.BOOL, name="multiUser")
    listen_address: str | None = attribute(dt.STRING, name="listen")
    listens: list[Listen] = children("listen")


@variant("sdl")
class Sdl(Graphics):
    """A window on the host's display."""

    display: str | None = attribute(dt.STRING)
    xauth: str | None = attribute(dt.STRING)
    fullscreen: bool | None = attribute(dt.BOOL)
    gl: OpenGl | None = child()


@variant("desktop")
class Desktop(Graphics):
    """The hypervisor's own window."""

    display: str | None = attribute(dt.STRING)
    fullscreen: bool | None = attribute(dt.BOOL)


@variant("egl-headless")
class EglHeadless(Graphics):
    """Rendering without a screen."""

    gl: RenderNode | None = child()


@variant("dbus")
class DbusDisplay(Graphics):
    """A display on D-Bus."""

    p2p: bool | None = attribute(dt.BOOL)
    address: str | None = attribute(dt.STRING)
    gl: OpenGl | None = child()
    audio: AudioReference | None = child()
