"""Keys, interrupts, pictures and raw commands: short conversations with one guest's monitor."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidArgument, NoSuchDevice
from polyvisor.operations.input import Codeset
from polyvisor.spi import DomainRef
from polyvisor_qemu import guests
from polyvisor_qemu.qmp import CommandFailed
from polyvisor_qemu.session import QemuSession

if TYPE_CHECKING:
    from polyvisor.operations.saving import Screenshot

_MOST_KEYS = 16

LINUX_TO_QNUM: Mapping[int, int] = {
    **{code: code for code in range(1, 84)},  # the keys of the first PC keyboard have their scan code as number
    85: 0x76, 86: 0x56, 87: 0x57, 88: 0x58, 89: 0x73, 90: 0x78, 91: 0x77, 92: 0x79, 93: 0x70, 94: 0x7B,
    96: 0x9C, 97: 0x9D, 98: 0xB5, 99: 0x54, 100: 0xB8, 102: 0xC7, 103: 0xC8, 104: 0xC9, 105: 0xCB, 106: 0xCD,
    107: 0xCF, 108: 0xD0, 109: 0xD1, 110: 0xD2, 111: 0xD3, 113: 0xA0, 114: 0xAE, 115: 0xB0, 116: 0xDE, 117: 0x59,
    119: 0xC6, 121: 0x7E, 122: 0x72, 123: 0x71, 124: 0x7D, 125: 0xDB, 126: 0xDC, 127: 0xDD, 142: 0xDF, 143: 0xE3,
}  # fmt: skip
"""QEMU's key number (``qnum``: scan code set 1, extended codes with bit 7) for each key of Linux' input-event-codes."""


def send_key(
    session: QemuSession, domain: DomainRef, keycodes: Sequence[int], *, codeset: Codeset, hold_ms: int
) -> None:
    """Press keys together (QMP ``send-key``)."""
    if not 1 <= len(keycodes) <= _MOST_KEYS:
        raise InvalidArgument(f"{len(keycodes)} keys cannot be pressed together", hint=f"press 1 to {_MOST_KEYS}")
    if hold_ms < 0:
        raise InvalidArgument(f"keys cannot be held for {hold_ms} milliseconds", hint="0 is QEMU's choice")
    keys = [{"type": "number", "data": _qnum(code, codeset)} for code in keycodes]
    arguments: dict[str, Any] = {"keys": keys}
    if hold_ms:
        arguments["hold-time"] = hold_ms
    with guests.conversation(session, domain) as (_, monitor):
        monitor.execute("send-key", arguments)


def _qnum(code: int, codeset: Codeset) -> int:
    match codeset:
        case Codeset.QNUM | Codeset.XT_KBD:
            return code
        case Codeset.LINUX if code in LINUX_TO_QNUM:
            return LINUX_TO_QNUM[code]
        case Codeset.LINUX:
            raise InvalidArgument(f"QEMU has no key for Linux' key code {code}")
        case Codeset.XT:
            return code & 0x7F | (0x80 if code > 0xFF else code & 0x80)
    raise InvalidArgument(f"key codes of set {codeset.value} are not known here", hint="use linux, xt or qnum")


def inject_nmi(session: QemuSession, domain: DomainRef) -> None:
    """Interrupt every vCPU (QMP ``inject-nmi``)."""
    with guests.conversation(session, domain) as (_, monitor):
        monitor.execute("inject-nmi")


def command(session: QemuSession, domain: DomainRef, text: str, *, human: bool) -> str:
    """Hand a command through; the answer is QEMU's, errors included. Marks the guest as tainted."""
    request: dict[str, Any] = (
        {"execute": "human-monitor-command", "arguments": {"command-line": text}} if human else _request(text)
    )
    with guests.conversation(session, domain) as (found, monitor):
        assert found.status is not None
        taint = "custom-monitor: commands were sent to QEMU by hand"
        if taint not in found.status["taints"]:
            session.store.write_status(domain.uuid, {**found.status, "taints": [*found.status["taints"], taint]})
        reply = monitor.exchange((request["execute"], request.get("arguments")))[0]
    if not human:
        return json.dumps({**reply, **({"id": request["id"]} if "id" in request else {})})
    if "error" in reply:
        raise CommandFailed("human-monitor-command", reply["error"])
    return str(reply["return"]).replace("\r\n", "\n")


def _request(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"the command is not JSON: {error}", hint='write {"execute": "query-status"}') from error
    if not isinstance(request, dict) or not isinstance(request.get("execute"), str):
        raise InvalidArgument('the command has no "execute"', hint='write {"execute": "query-status"}')
    if unknown := request.keys() - {"execute", "arguments", "id"}:
        raise InvalidArgument(f"QMP commands have no {', '.join(sorted(unknown))}")
    return request


def screenshot(session: QemuSession, domain: DomainRef, *, screen: int) -> Screenshot:
    """A picture of the guest's screen (QMP ``screendump``), as a PPM."""
    from polyvisor.operations.saving import Screenshot

    if screen:
        raise NoSuchDevice(
            f"{domain} has no screen {screen} that could be told apart", target=str(domain), driver="qemu"
        )
    with guests.conversation(session, domain) as (_, monitor):
        path = f"{session.files(domain.uuid).directory}/screen-{os.getpid()}.ppm"
        try:
            monitor.execute("screendump", {"filename": path})
            with open(path, "rb") as file:
                return Screenshot("image/x-portable-pixmap", file.read())
        except CommandFailed as error:
            raise NoSuchDevice(f"{domain} has no screen: {error.details['description']}", driver="qemu") from error
        finally:
            if os.path.exists(path):
                os.unlink(path)
