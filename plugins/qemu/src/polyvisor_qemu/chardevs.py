"""The host's end of character devices: ``-chardev`` for serial ports, consoles, channels and the like.

Whatever the other end is, QEMU itself logs what the guest writes, with nobody attached; readers follow the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine

READABLE = frozenset({"serial", "console", "parallel"})
"""Devices whose output is kept for those who attach later."""


def add(device: Any, line: CommandLine, guest: Guest) -> str:
    """Put the backend of ``device`` on the command line; returns its id.

    Raises UnsupportedConfiguration for a backend that QEMU or this driver does not have."""
    only(device, "type", "sources", "protocol", "log", "target", "tty", "model", "backend", "rate", "driver")
    identifier = f"char{guest.alias(device)}"
    build = BACKENDS.get(str(device.type))
    if build is None:
        raise refusal(f"type={str(device.type)!r} of {described(device)}", device)
    backend, options = build(device, guest)
    line.listed("chardev", backend, {"id": identifier, **options, **_logging(device, guest)})
    return identifier


def _logging(device: Any, guest: Guest) -> dict[str, Any]:
    if device.log is not None:
        return {"logfile": device.log.file, "logappend": device.log.append is not False}
    if type(device).tag in READABLE:
        return {"logfile": guest.files.console_log(guest.alias(device)), "logappend": True}
    return {}


def _plain(name: str) -> Any:
    def build(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
        return name, {}

    return build


def _pty(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    guest.asks_chardevs = True
    return "pty", {}


def _path(device: Any) -> str:
    path = getattr(device.source, "path", None)
    if not path:
        raise refusal(f"<source> of {described(device)}", device, why="names no path")
    return str(path)


def _file(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    only(device.source, "path", "append", inside=described(device))
    return "file", {"path": _path(device), "append": device.source.append is True}


def _device(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    return ("parallel" if type(device).tag == "parallel" else "serial"), {"path": _path(device)}


def _pipe(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    return "pipe", {"path": _path(device)}


def _unix(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    source = device.source
    only(source, "mode", "path", "reconnect", inside=described(device))
    path = source.path if source is not None and source.path else None
    if path is None:
        from polyvisor.model.domain.devices.chardev import UnixSource

        path = guest.channel_socket(device)
        device.sources = [source := UnixSource(mode="bind", path=path)]
    if source is not None and source.mode == "connect":
        return "socket", {"path": path, **_reconnect(source)}
    return "socket", {"path": path, "server": True, "wait": False}


def _tcp(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    source, protocol = device.source, device.protocol
    only(source, "mode", "host", "service", "reconnect", inside=described(device))
    options: dict[str, Any] = {"host": source.host, "port": source.service}
    if protocol is not None and protocol.type not in ("raw", "telnet"):
        raise refusal(f"protocol {protocol.type!r} of {described(device)}", device)
    if protocol is not None and protocol.type == "telnet":
        options["telnet"] = True
    if source.mode == "bind":
        return "socket", {**options, "server": True, "wait": False}
    return "socket", {**options, **_reconnect(source)}


def _udp(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    options: dict[str, Any] = {}
    for source in device.sources:
        only(source, "mode", "host", "service", inside=described(device))
        prefix = "local" if source.mode == "bind" else ""
        options |= {f"{prefix}{'addr' if prefix else 'host'}": source.host, f"{prefix}port": source.service}
    return "udp", options


def _reconnect(source: Any) -> dict[str, Any]:
    again = source.reconnect
    return {"reconnect": again.timeout or 1} if again is not None and again.enabled else {}


def _spicevmc(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    return "spicevmc", {"name": "vdagent"}


def _spiceport(device: Any, guest: Guest) -> tuple[str, dict[str, Any]]:
    return "spiceport", {"name": device.source.channel}


BACKENDS = {
    "null": _plain("null"),
    "vc": _plain("vc"),
    "pty": _pty,
    "file": _file,
    "dev": _device,
    "pipe": _pipe,
    "unix": _unix,
    "tcp": _tcp,
    "udp": _udp,
    "spicevmc": _spicevmc,
    "spiceport": _spiceport,
}
"""How each type of ``<source>`` is put on the command line."""
