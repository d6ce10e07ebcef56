"""File names that carry an object's UUID and name, so that listing objects reads no file."""

from __future__ import annotations

from urllib.parse import unquote

from polyvisor.errors import InvalidArgument

SUFFIX = ".xml"
LONGEST_FILE_NAME = 255
"""Bytes of NAME_MAX on every Linux file system of note."""
LONGEST_NAME = LONGEST_FILE_NAME - 36 - 1 - len(SUFFIX)
"""Bytes left for the encoded name."""


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


# what a file name cannot hold, what would be decoded, and what would spoil a terminal; a table, for a regular
# expression with characters of so many blocks takes longer to compile than a thousand names to encode
_UNSAFE = {
    number: _percent(chr(number))
    for number in (*range(0x20), *b"/%", *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


def encode(name: str) -> str:
    """``name`` with the few characters percent-encoded that a file name cannot carry.

    Raises InvalidArgument for an empty name, one that UTF-8 cannot express, or one that is too long."""
    if not name:
        raise InvalidArgument("a name cannot be empty")
    try:
        coded = name.translate(_UNSAFE)
        size = len(coded.encode())
    except UnicodeEncodeError:
        raise InvalidArgument(f"the name {name!r} holds characters that are no Unicode text") from None
    if size > LONGEST_NAME:
        raise InvalidArgument(
            f"the name {name[:40]!r}... takes {size} bytes and a file name has room for {LONGEST_NAME}",
            hint="use a shorter name",
        )
    return coded


def decode(coded: str) -> str:
    return unquote(coded) if "%" in coded else coded


def file_name(uuid: str, name: str) -> str:
    """``UUID.NAME.xml``"""
    return f"{uuid}.{encode(name)}{SUFFIX}"


def split(file: str) -> tuple[str, str] | None:
    """UUID and encoded name of a file name, or None when it is not of our making."""
    if len(file) > 41 and file[36] == "." and file.endswith(SUFFIX):
        return file[:36], file[37:-4]
    return None
