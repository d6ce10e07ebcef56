"""Keys, interrupts and signals for a running domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import data, domain
from polyvisor.errors import InvalidArgument
from polyvisor.operations.input import Codeset

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

_KEYS = """
RESERVED ESC 1 2 3 4 5 6 7 8 9 0 MINUS EQUAL BACKSPACE TAB Q W E R T Y U I O P LEFTBRACE RIGHTBRACE ENTER LEFTCTRL
A S D F G H J K L SEMICOLON APOSTROPHE GRAVE LEFTSHIFT BACKSLASH Z X C V B N M COMMA DOT SLASH RIGHTSHIFT KPASTERISK
LEFTALT SPACE CAPSLOCK F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NUMLOCK SCROLLLOCK KP7 KP8 KP9 KPMINUS KP4 KP5 KP6 KPPLUS KP1
KP2 KP3 KP0 KPDOT - ZENKAKUHANKAKU 102ND F11 F12 RO KATAKANA HIRAGANA HENKAN KATAKANAHIRAGANA MUHENKAN KPJPCOMMA
KPENTER RIGHTCTRL KPSLASH SYSRQ RIGHTALT LINEFEED HOME UP PAGEUP LEFT RIGHT END DOWN PAGEDOWN INSERT DELETE MACRO MUTE
VOLUMEDOWN VOLUMEUP POWER KPEQUAL KPPLUSMINUS PAUSE SCALE KPCOMMA HANGEUL HANJA YEN LEFTMETA RIGHTMETA COMPOSE STOP
AGAIN PROPS UNDO FRONT COPY OPEN PASTE FIND CUT HELP MENU CALC SETUP SLEEP WAKEUP
"""
KEYCODES: dict[str, int] = {f"KEY_{name}": code for code, name in enumerate(_KEYS.split()) if name != "-"}
"""Linux's key codes by name, as in the kernel's ``input-event-codes.h``; the rest go by number."""


def code_of(word: str, codeset: Codeset) -> int:
    """A key by name, of the Linux codeset, or by number (``0x1c`` too). Raises InvalidArgument."""
    if codeset is Codeset.LINUX and word.upper() in KEYCODES:
        return KEYCODES[word.upper()]
    try:
        return int(word, 0)
    except ValueError:
        from difflib import get_close_matches

        near = get_close_matches(word.upper(), KEYCODES, n=1) if codeset is Codeset.LINUX else []
        hint = f"did you mean {near[0]}?" if near else "write its number, or for the linux codeset a name: KEY_ENTER"
        raise InvalidArgument(f"{word!r} is no key of the {codeset} codeset", hint=hint) from None


@command("send-key")
@domain()
@data("keycode", rest=True, help="Keys to press together, by name or number.")
@click.option(
    "--codeset", type=click.Choice([each.value for each in Codeset]), default="linux", help="How keys are numbered."
)
@click.option("--holdtime", type=click.IntRange(min=0), default=0, metavar="MS", help="Hold them so long.")
def send_key(shell: Shell, domain: str, keycode: tuple[str, ...], codeset: str, holdtime: int) -> None:
    """``polyvisor send-key web KEY_LEFTCTRL KEY_LEFTALT KEY_DELETE``"""
    codes = [code_of(word, Codeset(codeset)) for word in keycode]
    shell.domain(domain).send_key(codes, codeset=Codeset(codeset), hold_ms=holdtime)
    shell.done("")


@command("inject-nmi")
@domain()
def inject_nmi(shell: Shell, domain: str) -> None:
    """Most systems then write a crash dump."""
    shell.domain(domain).inject_nmi()
    shell.done("")


@command("send-process-signal")
@domain()
@data("pid", type=int, help="Its number in the domain; 1 is the first process, a negative one a group.")
@data("signame", help="Name or number of the signal: term, SIGHUP, 9, ...")
def send_process_signal(shell: Shell, domain: str, pid: int, signame: str) -> None:
    """For containers."""
    shell.domain(domain).send_signal(pid, signal_name(signame))
    shell.done("")


def signal_name(text: str) -> str:
    """``SIGTERM``, ``term`` or ``15`` as the operation wants it: ``term``. Raises InvalidArgument."""
    import signal

    name = text.lower().removeprefix("vir_domain_process_signal_").removeprefix("sig")
    try:
        if name.isdigit():
            name = signal.Signals(int(name)).name.lower().removeprefix("sig")
        return name
    except ValueError:
        raise InvalidArgument(f"there is no signal {text!r}") from None
