"""Sizes of memory and storage, with the units documents use.

A size is an ``int`` subclass counting bytes, so arithmetic and comparison are ordinary and the unit is
never in doubt: ``GiB(2)``, ``MiB(512) * 3``, ``parse_size("1.5 GiB")``.
Unit names and their meaning are those of libvirt's documents: ``KB`` and friends are powers of 1000,
``K``, ``KiB`` and friends powers of 1024; ``b`` and ``bytes`` are bytes.
"""

from __future__ import annotations

import re
from fractions import Fraction

from polyvisor.errors import InvalidArgument

_DECIMAL = {unit + "b": 1000**power for power, unit in enumerate("kmgtpe", 1)}
_BINARY = {unit: 1024**power for power, unit in enumerate("kmgtpe", 1)}
FACTORS: dict[str, int] = {
    "b": 1,
    "byte": 1,
    "bytes": 1,
    **_DECIMAL,
    **_BINARY,
    **{unit + "ib": factor for unit, factor in _BINARY.items()},
}
"""Bytes in each unit, keyed by the unit's name in lower case."""

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


class Size(int):
    """A number of bytes."""

    __slots__ = ()

    @property
    def kib(self) -> int:
        """Whole KiB, rounded up: a guest never gets less than was asked for."""
        return -(-self // 1024)

    def __repr__(self) -> str:
        return f"Size({int(self)})"

    def __str__(self) -> str:
        return format_size(self)


def factor(unit: str) -> int:
    """Bytes in ``unit``; raises InvalidArgument for a name no document knows."""
    try:
        return FACTORS[unit.lower()]
    except KeyError:
        raise InvalidArgument(
            f"unknown unit {unit!r}", hint="use bytes, KB, KiB, MB, MiB, GB, GiB, TB, TiB, PB, PiB, EB or EiB"
        ) from None


def scaled(number: int | str | Fraction, unit: str) -> Size:
    """``number`` of ``unit`` as bytes, rounded up to a whole byte."""
    if type(number) is int:
        return Size(number * factor(unit))
    exact = Fraction(number) * factor(unit)
    return Size(-(-exact.numerator // exact.denominator))


def parse_size(text: str, *, unit: str = "bytes") -> Size:
    """Read ``"512"``, ``"512M"``, ``"1.5 GiB"``; a bare number counts ``unit``."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"{text!r} is not a size", hint="write a number and a unit, such as 512MiB")
    return scaled(match[1], match[2] or unit)


def format_size(size: int) -> str:
    """The shortest exact spelling in binary units, or one decimal when none is exact: ``"1.5 GiB"``."""
    value, name = Fraction(size), "bytes"
    for unit, scale in (("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30), ("TiB", 2**40), ("PiB", 2**50)):
        if abs(size) >= scale:
            value, name = Fraction(size, scale), unit
    return f"{value} {name}" if value.denominator == 1 else f"{float(value):.1f} {name}"


def KiB(count: float) -> Size:
    """``count`` times 1024 bytes."""
    return scaled(Fraction(count), "KiB")


def MiB(count: float) -> Size:
    """``count`` times 1024**2 bytes."""
    return scaled(Fraction(count), "MiB")


def GiB(count: float) -> Size:
    """``count`` times 1024**3 bytes."""
    return scaled(Fraction(count), "GiB")


def TiB(count: float) -> Size:
    """``count`` times 1024**4 bytes."""
    return scaled(Fraction(count), "TiB")
