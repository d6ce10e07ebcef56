"""``<graphics>``: VNC and SPICE servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine

FIRST_PORT = 5900
"""VNC's port of display 0; where we begin to look for a free one."""


def complete(graphics: Any, guest: Guest) -> None:
    if graphics.type in ("vnc", "spice"):
        if graphics.port is None and graphics.autoport is None:
            graphics.autoport = True
        if graphics.autoport and graphics.port is None:
            graphics.port = -1


def add(graphics: Any, line: CommandLine, guest: Guest) -> None:
    match graphics.type:
        case "vnc":
            _add_vnc(graphics, line, guest)
        case "spice":
            _add_spice(graphics, line, guest)
        case kind:
            raise refusal(f"<graphics type={kind!r}>", graphics)


def _listen(graphics: Any) -> tuple[str | None, str | None]:
    """Address and UNIX socket to listen on; both None to listen nowhere."""
    if getattr(graphics, "socket", None):
        return None, str(graphics.socket)
    for listen in graphics.listens:
        match listen.type:
            case "address":
                return listen.address or graphics.listen_address or "127.0.0.1", None
            case "socket" if listen.socket:
                return None, listen.socket
            case "none":
                return None, None
            case kind:
                raise refusal(f"<listen type={kind!r}> of <graphics>", graphics)
    return graphics.listen_address or "127.0.0.1", None


def _refuse_password(graphics: Any) -> None:
    if graphics.passwd is not None:
        raise refusal(f"passwd of <graphics type={graphics.type!r}>", graphics)


def _add_vnc(graphics: Any, line: CommandLine, guest: Guest) -> None:
    only(
        graphics,
        "type",
        "port",
        "autoport",
        "listen_address",
        "socket",
        "keymap",
        "share_policy",
        "listens",
        "passwd",
        "audio",
    )
    _refuse_password(graphics)
    address, socket = _listen(graphics)
    if socket is not None:
        lead = f"unix:{socket.replace(',', ',,')}"
    elif address is None:
        lead = "none"
    else:
        shown = f"[{address}]" if ":" in address else address
        lead = f"{shown.replace(',', ',,')}:{guest.port(graphics, address) - FIRST_PORT}"
    options: dict[str, Any] = {"share": graphics.share_policy, "audiodev": guest.audiodev(graphics)}
    line.listed("vnc", lead, options)
    if graphics.keymap is not None:
        line.plain("k", graphics.keymap)


def _add_spice(graphics: Any, line: CommandLine, guest: Guest) -> None:
    only(
        graphics, "type", "port", "autoport", "listen_address", "keymap", "listens", "passwd", "image", "jpeg", "zlib",
        "playback", "streaming", "clipboard", "mouse", "filetransfer",
    )  # fmt: skip
    _refuse_password(graphics)
    address, socket = _listen(graphics)
    options: dict[str, Any] = {}
    if socket is not None:
        options |= {"unix": True, "addr": socket}
    elif address is not None:
        options |= {"port": guest.port(graphics, address), "addr": address}
    options["disable-ticketing"] = True
    if graphics.image is not None:
        options["image-compression"] = graphics.image.compression
    if graphics.jpeg is not None:
        options["jpeg-wan-compression"] = graphics.jpeg.compression
    if graphics.zlib is not None:
        options["zlib-glz-wan-compression"] = graphics.zlib.compression
    if graphics.playback is not None:
        options["playback-compression"] = graphics.playback.compression
    if graphics.streaming is not None:
        options["streaming-video"] = graphics.streaming.mode
    if graphics.mouse is not None:
        options["agent-mouse"] = graphics.mouse.mode == "client"
    if graphics.clipboard is not None and not graphics.clipboard.copypaste:
        options["disable-copy-paste"] = True
    if graphics.filetransfer is not None and not graphics.filetransfer.enable:
        options["disable-agent-file-xfer"] = True
    line.listed("spice", None, {**options, "seamless-migration": True})
    if graphics.keymap is not None:
        line.plain("k", graphics.keymap)
