"""VMX files as text: keys, values, escapes, encodings.

A line is ``key = "value"``; keys know no case. In a value ``|`` and two hex digits stand for a byte. The encoding is
named by the key ``.encoding``, in ASCII before anything else matters.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from polyvisor.errors import InvalidArgument

_LINE = re.compile(rb"""\s*([^\s="']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s#]*))\s*(?:#.*)?""")
_ENCODING = re.compile(rb"""^\s*\.encoding\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE | re.MULTILINE)
_ESCAPED = re.compile(r"((?:\|[0-9A-Fa-f]{2})+)")

DEFAULT_ENCODING = "utf-8"


class Settings(Mapping[str, str]):
    """The values of a file by key, whatever the case of the key. ``encoding`` is the one the file was in."""

    def __init__(self, values: Iterable[tuple[str, str]], encoding: str = DEFAULT_ENCODING) -> None:
        self._values = {key.lower(): value for key, value in values}
        self.encoding = encoding

    def __getitem__(self, key: str) -> str:
        return self._values[key.lower()]

    def get(self, key: str, default: Any = None) -> Any:  # of a Mapping it raises KeyError first, and is asked a lot
        return self._values.get(key.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, key: str) -> str | None:
        """The value of ``key``; None when it is absent or empty."""
        return self.get(key) or None

    def flag(self, key: str, default: bool = False) -> bool:
        """Whether ``key`` is ``TRUE``; ``default`` when it is absent or empty. Raises InvalidArgument for others."""
        value = self.text(key)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise InvalidArgument(f"{key} = {value!r} is neither TRUE nor FALSE")
        return value.lower() == "true"

    def number(self, key: str) -> int | None:
        """The whole number of ``key``; None when absent, empty or ``unlimited``. Raises InvalidArgument for others."""
        value = self.text(key)
        if value is None or value.lower() == "unlimited":
            return None
        try:
            return int(value)
        except ValueError:
            raise InvalidArgument(f"{key} = {value!r} is no whole number") from None

    def amount(self, key: str, most: int) -> int | None:
        """:meth:`number`, which has to be from 0 to ``most``. Raises InvalidArgument for others."""
        value = self.number(key)
        if value is not None and not 0 <= value <= most:
            raise InvalidArgument(f"{key} = {value} is not from 0 to {most}")
        return value


def parse(data: bytes | str) -> Settings:
    """Read a file. Raises InvalidArgument for a line that is no setting and for an unknown encoding.

    Text was decoded by somebody and is so whatever it says itself, but for bytes that were no UTF-8 and are still there
    as surrogates (PEP 383)."""
    raw = data if isinstance(data, bytes) else data.encode(errors="surrogateescape")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    encoding = "utf-8" if isinstance(data, str) and _plain(data) else _encoding(raw)
    values: list[tuple[str, str]] = []
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise InvalidArgument(f"line {number} is no 'key = \"value\"': {ascii(line[:60])[2:-1]}")
        key, value = found[1].decode(encoding, "replace"), next((each for each in found.groups()[1:] if each), b"")
        values.append((key, unescaped(decoded(value, encoding, f"line {number}: the value of {key}"))))
    return Settings(values, encoding)


def _plain(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def decoded(value: bytes, encoding: str, what: str) -> str:
    """``value`` as text. Raises InvalidArgument, saying ``what`` it is, for bytes that are not in ``encoding``."""
    try:
        return value.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{what} is not in {encoding}: {error.reason}") from None


def _encoding(raw: bytes) -> str:
    found = _ENCODING.search(raw)
    if found is None:
        return DEFAULT_ENCODING
    name = found[1].decode("ascii")
    try:
        b"x".decode(name)  # which codecs that are no encodings (rot13) refuse too
        return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        raise InvalidArgument(f"the file is in {name}, an encoding that is not known here") from None


def unescaped(value: str) -> str:
    """``|22`` and its like as what they stand for; several in a row may spell one character of UTF-8."""

    def plain(found: re.Match[str]) -> str:
        return bytes.fromhex(found[1].replace("|", "")).decode("utf-8", "replace")

    return _ESCAPED.sub(plain, value)


def escaped(value: str) -> str:
    """``value`` as it stands between quotes."""
    return "".join(f"|{ord(each):02x}" if each in '|"' or ord(each) < 32 else each for each in value)


def write(settings: Iterable[tuple[str, object]]) -> str:
    """The text of a file in UTF-8, the settings in their order."""
    lines = ['.encoding = "UTF-8"']
    for key, value in settings:
        text = ("true" if value else "false") if isinstance(value, bool) else escaped(str(value))
        lines.append(f'{key} = "{text}"')
    return "\n".join(lines) + "\n"
