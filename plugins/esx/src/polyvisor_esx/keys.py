"""Keys as USB keyboards number them, from every way there is to number keys.

VMware types on a guest's USB keyboard: PutUsbScanCodes takes usages of the keyboard page of the USB HID Usage Tables,
each with the modifiers that are held meanwhile. One table names the keys of a PC keyboard in all numberings: Linux'
``input-event-codes.h``, scan code sets 1 to 3, the virtual keys of OS X (``kVK_``) and of Windows (``VK_``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from polyvisor.errors import HypervisorError, InvalidArgument
from polyvisor.operations.input import Codeset
from polyvisor.spi import DomainRef, DomainState
from polyvisor_esx.guests import require
from polyvisor_esx.session import EsxSession

MOST_KEYS = 16
"""Keys that can be pressed together."""

PAGE = 7
"""The keyboard's page of usages: the lower half of a code, the usage is the upper."""

FIRST_MODIFIER = 0xE0
MODIFIERS = (
    *("leftControl", "leftShift", "leftAlt", "leftGui"),
    *("rightControl", "rightShift", "rightAlt", "rightGui"),
)
"""Fields of UsbScanCodeSpecModifierType, in the order of their usages from :data:`FIRST_MODIFIER`."""

USAGES = frozenset((*range(0x04, 0xA5), *range(FIRST_MODIFIER, FIRST_MODIFIER + len(MODIFIERS))))

COLUMNS = (Codeset.USB, Codeset.ATSET1, Codeset.ATSET2, Codeset.ATSET3, Codeset.OSX, Codeset.WIN32)
"""What follows the Linux code in :data:`KEYS`, in hexadecimal; ``-`` where there is no such key."""

KEYS = """
1 29 01 76 08 35 1B    2 1E 02 16 16 12 31    3 1F 03 1E 1E 13 32    4 20 04 26 26 14 33    5 21 05 25 25 15 34
6 22 06 2E 2E 17 35    7 23 07 36 36 16 36    8 24 08 3D 3D 1A 37    9 25 09 3E 3E 1C 38    10 26 0A 46 46 19 39
11 27 0B 45 45 1D 30   12 2D 0C 4E 4E 1B BD   13 2E 0D 55 55 18 BB   14 2A 0E 66 66 33 08   15 2B 0F 0D 0D 30 09
16 14 10 15 15 0C 51   17 1A 11 1D 1D 0D 57   18 08 12 24 24 0E 45   19 15 13 2D 2D 0F 52   20 17 14 2C 2C 11 54
21 1C 15 35 35 10 59   22 18 16 3C 3C 20 55   23 0C 17 43 43 22 49   24 12 18 44 44 1F 4F   25 13 19 4D 4D 23 50
26 2F 1A 54 54 21 DB   27 30 1B 5B 5B 1E DD   28 28 1C 5A 5A 24 0D   29 E0 1D 14 11 3B A2   30 04 1E 1C 1C 00 41
31 16 1F 1B 1B 01 53   32 07 20 23 23 02 44   33 09 21 2B 2B 03 46   34 0A 22 34 34 05 47   35 0B 23 33 33 04 48
36 0D 24 3B 3B 26 4A   37 0E 25 42 42 28 4B   38 0F 26 4B 4B 25 4C   39 33 27 4C 4C 29 BA   40 34 28 52 52 27 DE
41 35 29 0E 0E 32 C0   42 E1 2A 12 12 38 A0   43 31 2B 5D 5C 2A DC   44 1D 2C 1A 1A 06 5A   45 1B 2D 22 22 07 58
46 06 2E 21 21 08 43   47 19 2F 2A 2A 09 56   48 05 30 32 32 0B 42   49 11 31 31 31 2D 4E   50 10 32 3A 3A 2E 4D
51 36 33 41 41 2B BC   52 37 34 49 49 2F BE   53 38 35 4A 4A 2C BF   54 E5 36 59 59 3C A1   55 55 37 7C 7E 43 6A
56 E2 38 11 19 3A A4   57 2C 39 29 29 31 20   58 39 3A 58 14 39 14   59 3A 3B 05 07 7A 70   60 3B 3C 06 0F 78 71
61 3C 3D 04 17 63 72   62 3D 3E 0C 1F 76 73   63 3E 3F 03 27 60 74   64 3F 40 0B 2F 61 75   65 40 41 83 37 62 76
66 41 42 0A 3F 64 77   67 42 43 01 47 65 78   68 43 44 09 4F 6D 79   69 53 45 77 76 47 90   70 47 46 7E 5F - 91
71 5F 47 6C 6C 59 67   72 60 48 75 75 5B 68   73 61 49 7D 7D 5C 69   74 56 4A 7B 84 4E 6D   75 5C 4B 6B 6B 56 64
76 5D 4C 73 73 57 65   77 5E 4D 74 74 58 66   78 57 4E 79 7C 45 6B   79 59 4F 69 69 53 61   80 5A 50 72 72 54 62
81 5B 51 7A 7A 55 63   82 62 52 70 70 52 60   83 63 53 71 71 41 6E   86 64 56 61 13 0A E2   87 44 57 78 56 67 7A
88 45 58 07 5E 6F 7B   89 87 73 51 51 5E C1   90 92 78 63 - - -      91 93 77 62 - - -      92 8A 79 64 86 - 1C
85 94 76 5F - - -      93 88 70 13 87 - -     94 8B 7B 67 85 - 1D    96 58 E01C E05A 79 4C -
97 E4 E01D E014 58 3E A3
98 54 E035 E04A 77 4B 6F          99 46 E037 E07C 57 - 2C           100 E6 E038 E011 39 3D A5
102 4A E047 E06C 6E 73 24         103 52 E048 E075 63 7E 26         104 4B E049 E07D 6F 74 21
105 50 E04B E06B 61 7B 25         106 4F E04D E074 6A 7C 27         107 4D E04F E069 65 77 23
108 51 E050 E072 60 7D 28         109 4E E051 E07A 6D 79 22         110 49 E052 E070 67 72 2D
111 4C E053 E071 64 75 2E         113 7F E020 E023 - 4A AD          114 81 E02E E021 - 49 AE
115 80 E030 E032 - 48 AF          116 66 E05E E037 - - -            117 67 59 0F - 51 -
119 48 E046 E07E 62 - 13          121 85 7E 6D - - -                122 90 72 F2 - - 15
123 91 71 F1 - - 19               124 89 7D 6A 5D 5D -              125 E3 E05B E01F 8B 37 5B
126 E7 E05C E027 8C 36 5C         127 65 E05D E02F 8D 6E 5D         128 78 - - - - -    129 79 - - - - -
130 76 - - - - -    131 7A - - - - -    132 77 - - - - -    133 7C - - - - -    134 74 - - - - -    135 7D - - - - -
136 7E - - - - -    137 7B - - - - -    138 75 - - - - 2F   183 68 - - - 69 7C  184 69 - - - 6B 7D  185 6A - - - 71 7E
186 6B - - - 6A 7F  187 6C - - - 40 80  188 6D - - - 4F 81  189 6E - - - 50 82  190 6F - - - 5A 83  191 70 - - - - 84
192 71 - - - - 85   193 72 - - - - 86   194 73 - - - - 87
- 46 54 84 - - -    - E1 - - - - 10     - E0 - - - - 11     - E2 - - - - 12
"""
"""A key in each numbering, keys in the order of Linux' codes. The last line has second codes of keys: SysRq with Alt
held, and Windows' codes of modifiers that do not say on which side."""

SET_1 = (Codeset.ATSET1, Codeset.XT, Codeset.XT_KBD, Codeset.QNUM)
"""Numberings that are scan code set 1, and differ in how they write that a code is extended."""


@cache
def usages(codeset: Codeset) -> dict[int, int]:
    """Usages by the codes of a numbering. Extended codes of set 1 may be written 0xe01c, 0x11c and 0x9c."""
    wanted = Codeset.ATSET1 if codeset in SET_1 else codeset
    found: dict[int, int] = {}
    for linux, entry in _rows():
        code = linux if wanted is Codeset.LINUX else entry.get(wanted)
        if code is None:
            continue
        for written in _writings(code) if codeset in SET_1 else (code,):
            found.setdefault(written, entry[Codeset.USB])
    return found


def _rows() -> Iterator[tuple[int | None, dict[Codeset, int]]]:
    words = KEYS.split()
    width = 1 + len(COLUMNS)
    for start in range(0, len(words), width):
        linux, *codes = words[start : start + width]
        entry = {codeset: int(code, 16) for codeset, code in zip(COLUMNS, codes, strict=True) if code != "-"}
        yield (None if linux == "-" else int(linux)), entry


def _writings(code: int) -> tuple[int, ...]:
    return (code,) if code < 0x100 else (code, 0x100 | (code & 0xFF), 0x80 | (code & 0x7F))


def usage(code: int, codeset: Codeset) -> int:
    """A key's usage. Raises InvalidArgument for what is no key of that numbering."""
    found = (code if code in USAGES else None) if codeset is Codeset.USB else usages(codeset).get(code)
    if found is None:
        raise InvalidArgument(f"{code} is no key of the {codeset.value} codeset that a USB keyboard has", driver="esx")
    return found


def strokes(keys: Sequence[int]) -> list[tuple[int, tuple[str, ...]]]:
    """Usages of keys pressed together as VMware types them: one after the other, each with all modifiers held."""
    held = [each for each in dict.fromkeys(keys) if each >= FIRST_MODIFIER]
    typed = [each for each in keys if each < FIRST_MODIFIER]
    if not typed:  # modifiers alone: the last of them is typed
        typed, held = held[-1:], held[:-1]
    names = tuple(MODIFIERS[each - FIRST_MODIFIER] for each in held)
    return [(each, names) for each in typed]


def send(session: EsxSession, domain: DomainRef, keycodes: Sequence[int], codeset: Codeset) -> None:
    """PutUsbScanCodes. VMware decides how long keys are held."""
    from pyVmomi import vim

    if not 1 <= len(keycodes) <= MOST_KEYS:
        raise InvalidArgument(
            f"{len(keycodes)} keys cannot be pressed together", driver="esx", hint=f"press 1 to {MOST_KEYS}"
        )
    wanted = strokes([usage(code, Codeset(codeset)) for code in keycodes])
    machine, _ = require(session, domain, DomainState.RUNNING)
    spec = vim.vm.UsbScanCodeSpec(keyEvents=[_event(vim.vm.UsbScanCodeSpec, code, held) for code, held in wanted])
    typed = machine.PutUsbScanCodes(spec=spec)
    if typed != len(wanted):
        raise HypervisorError(f"{typed} of {len(wanted)} keys reached {domain}", target=str(domain), driver="esx")


def _event(spec: Any, code: int, held: tuple[str, ...]) -> Any:
    modifiers = spec.ModifierType(**{name: name in held for name in MODIFIERS})
    return spec.KeyEvent(usbHidCode=code << 16 | PAGE, modifiers=modifiers)


def interrupt(session: EsxSession, domain: DomainRef) -> None:
    """SendNMI."""
    machine, _ = require(session, domain, DomainState.RUNNING)
    machine.SendNMI()
