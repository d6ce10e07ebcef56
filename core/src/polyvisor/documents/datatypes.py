"""Datatypes: which texts an attribute or a text element may hold, and what they are in Python.

A :class:`Datatype` says the same thing four times over from one declaration: to the RELAX NG and XSD emitters
(a built-in type of XML Schema part 2 with facets), to the diagnosis (:meth:`Datatype.accepts`), to the reader
(``parse``) and to the writer (``format``). Patterns are written in the subset that XSD regular expressions and
Python's ``re`` read alike: no anchors, no ``\\d``-like classes, no lookaround, ``-`` escaped inside brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from polyvisor.errors import InvalidArgument

if TYPE_CHECKING:
    from polyvisor.documents.contributions import Word

INTEGER_PATTERN = r"[+\-]?[0-9]+"
DECIMAL_PATTERN = r"[+\-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_RANGES: dict[str, tuple[int | None, int | None]] = {
    "integer": (None, None),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
    "unsignedByte": (0, 2**8 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedLong": (0, 2**64 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "decimal": (None, None),
}
_SPACE = " \t\r\n"


class Datatype:
    """A set of texts and their Python values.

    :param name: a short name for the reference page.
    :param base: ``string`` or one of XML Schema's numeric types; surrounding space counts only in strings.
    :param pattern: the whole text must match; strings only.
    :param enumeration: the texts themselves, when they can be listed.
    :param members: a union of other datatypes, tried in order.
    :param minimum: least value (numeric), or least length (string).
    :param maximum: greatest value (numeric), or greatest length (string).
    :param parse: text that was accepted -> Python value.
    :param format: Python value -> text; raises ValueError, TypeError or KeyError for a value that has none.
    :param describe: what the texts are, to follow "expected": ``a whole number from 0 to 255``.
    :param open: whether packages may contribute further texts to the enumeration; see :func:`opened`.
    """

    __slots__ = (
        "_compiled",
        "base",
        "describe",
        "enumeration",
        "format",
        "maximum",
        "members",
        "minimum",
        "name",
        "open",
        "parse",
        "pattern",
    )

    def __init__(
        self,
        name: str,
        *,
        base: str = "string",
        pattern: str | None = None,
        enumeration: Sequence[str] = (),
        members: Sequence[Datatype] = (),
        minimum: int | None = None,
        maximum: int | None = None,
        python: type = str,
        parse: Callable[[str], Any] | None = None,
        format: Callable[[Any], str] | None = None,
        describe: str = "",
        open: bool = False,
    ) -> None:
        numeric = base in _RANGES
        if not numeric and base != "string":
            raise TypeError(f"datatype {name}: no base {base!r}; it is 'string' or one of {', '.join(_RANGES)}")
        if pattern is not None and numeric:
            raise TypeError(f"datatype {name}: a pattern goes with base 'string' only")
        self.name = name
        self.base = base
        self.pattern = pattern
        self.enumeration = tuple(enumeration)
        self.members = tuple(members)
        self.minimum, self.maximum = minimum, maximum
        if numeric:
            least, greatest = _RANGES[base]
            self.minimum = least if minimum is None else minimum
            self.maximum = greatest if maximum is None else maximum
        number = float if base == "decimal" else int
        self.parse: Callable[[str], Any] = parse or (number if numeric else python)
        self.format: Callable[[Any], str] = format or (_format_number if numeric else str)
        self.describe = describe or self._description()
        self.open = open
        self._compiled: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"<datatype {self.name}>"

    @property
    def numeric(self) -> bool:
        return self.base in _RANGES

    @property
    def implied_range(self) -> tuple[int | None, int | None]:
        """The bounds that the numeric base has by itself."""
        return _RANGES[self.base]

    @property
    def any_text(self) -> bool:
        """Whether every text will do."""
        plain = self.base == "string" and not (self.pattern or self.enumeration or self.members)
        return plain and self.minimum is None and self.maximum is None

    def accepts(self, text: str) -> bool:
        """Whether the text is one of these; says exactly what the schemas say."""
        if self.members:
            return any(member.accepts(text) for member in self.members)
        if self.enumeration:
            return text in self.enumeration
        if self.numeric:
            return self._accepts_number(text.strip(_SPACE))
        if self.pattern is not None and self._regex(self.pattern).fullmatch(text) is None:
            return False
        return (self.minimum or 0) <= len(text) and (self.maximum is None or len(text) <= self.maximum)

    def values(self) -> tuple[str, ...]:
        """The texts, when they can be listed (those of a union: as far as they can)."""
        return self.enumeration or tuple(text for member in self.members for text in member.values())

    @property
    def listed(self) -> bool:
        """Whether :meth:`values` is all there is."""
        return bool(self.enumeration) or (bool(self.members) and all(member.listed for member in self.members))

    def word(self, text: str) -> Word:
        """What to contribute so that documents may have ``text`` here too; TypeError unless the datatype is open."""
        from polyvisor.documents.contributions import Word

        if not self.open:
            raise TypeError(f"datatype {self.name} is not open: its words are all there are")
        if NAME.accepts(text):
            return Word(self.name, text)
        raise TypeError(f"datatype {self.name}: {text!r} is not {NAME.describe}")

    def extended(self, words: Mapping[str, Sequence[str]]) -> Datatype:
        """This datatype with the words contributed to it; itself when there are none."""
        further = words.get(self.name, ()) if self.open else ()
        if not further:
            return self
        texts = tuple(dict.fromkeys((*self.enumeration, *further)))
        return Datatype(self.name, enumeration=texts, parse=self.parse, format=self.format)

    def _accepts_number(self, text: str) -> bool:
        if self._regex(DECIMAL_PATTERN if self.base == "decimal" else INTEGER_PATTERN).fullmatch(text) is None:
            return False
        if len(text) > 4000:  # beyond what int() converts; out of every range but the unbounded ones
            return self.minimum is None and self.maximum is None
        number = float(text) if self.base == "decimal" else int(text)
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)

    def _regex(self, pattern: str) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(pattern)
        return self._compiled

    def _description(self) -> str:
        if self.members:
            return " or ".join(member.describe for member in self.members)
        if self.enumeration:
            return listing([f"'{text}'" for text in self.enumeration], "or")
        if self.numeric:
            kind = "a number" if self.base == "decimal" else "a whole number"
            if self.minimum is not None and self.maximum is not None:
                return f"{kind} from {self.minimum} to {self.maximum}"
            return f"{kind}, at least {self.minimum}" if self.minimum is not None else kind
        return f"text matching {self.pattern}" if self.pattern else "text"


def _format_number(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    if isinstance(value, float):
        if value % 1 == 0:
            return str(int(value))
        return _plain(value)
    return str(int(value))


def _plain(value: float) -> str:
    """All digits of a number and no exponent."""
    from decimal import Decimal

    if value - value != 0:
        raise ValueError(f"{value} is no number that can be written")
    return f"{Decimal(repr(value)):f}"


def listing(names: Iterable[str], last: str) -> str:
    """``a, b or c``."""
    every = list(names)
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} {last} {every[-1]}"


def enum(enumeration: type[Enum]) -> Datatype:
    """The datatype of an Enum with text values; Python values are its members."""
    texts = tuple(str(member.value) for member in enumeration)
    members = {str(member.value): member for member in enumeration}
    spelling: dict[Any, str] = {**{member: text for text, member in members.items()}, **{text: text for text in texts}}
    return Datatype(enumeration.__name__, enumeration=texts, parse=members.__getitem__, format=spelling.__getitem__)


def opened(name: str, enumeration: type[Enum]) -> Datatype:
    """The datatype of an Enum to which packages may contribute words.

    Until then documents are held to the Enum's own; in Python a contributed word is a ``str``. All words count alike:
    no field may depend on which it is."""
    own = enum(enumeration)
    members = {str(member.value): member for member in enumeration}

    def parse(text: str) -> Any:
        return members.get(text, text)

    def form(value: Any) -> str:
        text = str(value.value) if isinstance(value, enumeration) else value
        if not isinstance(text, str) or not NAME.accepts(text):
            raise ValueError(f"{value!r} is not {NAME.describe}")
        return text

    return Datatype(name, enumeration=own.enumeration, parse=parse, format=form, describe=own.describe, open=True)


def choice(name: str, *texts: str) -> Datatype:
    """A fixed list of texts that read as ``str``."""
    return Datatype(name, enumeration=texts, format=dict(zip(texts, texts, strict=True)).__getitem__)


def switch(name: str, on: str, off: str) -> Datatype:
    """Two words that read as True and False."""
    return Datatype(
        name, enumeration=(on, off), parse={on: True, off: False}.__getitem__, format={True: on, False: off}.__getitem__
    )


def number(name: str, minimum: int, maximum: int | None = None, *, base: str = "") -> Datatype:
    """Whole numbers of a range."""
    base = base or ("integer" if minimum < 0 else "unsignedLong")
    return Datatype(name, base=base, minimum=minimum, maximum=maximum)


def either(*members: Datatype, name: str = "") -> Datatype:
    """What any of the members accepts; the first that accepts a text reads it, the first that can writes it."""

    def parse(text: str) -> Any:
        return next(member for member in members if member.accepts(text)).parse(text)

    def form(value: Any) -> str:
        for member in members:
            try:
                text = member.format(value)
            except (KeyError, ValueError, TypeError):
                continue
            if member.accepts(text):
                return text
        raise ValueError(f"{value!r} is none of: {' or '.join(member.describe for member in members)}")

    return Datatype(name or " | ".join(member.name for member in members), members=members, parse=parse, format=form)


def hexadecimal(
    digits: int, *, width: int | None = None, pattern: str | None = None, maximum: int | None = None
) -> Datatype:
    """Numbers written ``0x001f`` (``width`` digits, all of them unless said otherwise); decimal is read too.

    ``pattern`` and ``maximum`` narrow it: ``hexadecimal(2, pattern="[01]?[0-9a-fA-F]", maximum=31)``."""
    width = digits if width is None else width
    greatest = 16**digits - 1 if maximum is None else maximum
    hexes = Datatype(f"hex{digits}", pattern=f"0[xX]({pattern or f'[0-9a-fA-F]{{1,{digits}}}'})")
    decimal = Datatype("decimal", base="unsignedLong", maximum=greatest)

    def parse(text: str) -> int:
        return int(text, 16) if text[:2] in ("0x", "0X") else int(text)

    def form(value: Any) -> str:
        if not 0 <= int(value) <= greatest:
            raise ValueError(f"{value!r} is not between 0 and {greatest:#x}")
        return f"0x{int(value):0{width}x}"

    return Datatype(
        f"hexadecimal number of {digits} digits",
        members=(hexes, decimal),
        parse=parse,
        format=form,
        describe=f"a number from 0x{0:0{width}x} to {greatest:#x}",
    )


def _uuid(text: str) -> str:
    plain = text.replace("-", "").lower()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def _pattern(name: str, pattern: str, describe: str, parse: Callable[[str], Any] | None = None) -> Datatype:
    return Datatype(name, pattern=pattern, describe=describe, parse=parse)


_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_H = "[0-9a-fA-F]{1,4}"
_V6 = "|".join(
    (
        f"({_H}:){{7}}{_H}",
        *(f"({_H}:){{1,{8 - tail}}}(:{_H}){{1,{tail - 1}}}" for tail in range(2, 8)),
        f"({_H}:){{1,7}}:",
        f":(:{_H}){{1,7}}",
        "::",
        f"({_H}:){{6}}{_V4}",
        f"::({_H}:){{0,5}}{_V4}",
        *(f"({_H}:){{1,{5 - tail}}}(:{_H}){{1,{tail}}}:{_V4}" for tail in range(1, 5)),
        f"({_H}:){{1,5}}:{_V4}",
    )
)
_CPUS = r"([0-9]+(\-[0-9]+)?|\^[0-9]+)"

STRING = Datatype("string", describe="any text")
NONEMPTY = Datatype("non-empty string", minimum=1, describe="a text that is not empty")
NAME = _pattern("name", r"[a-zA-Z0-9_.+\-]+", "a name of letters, digits and _ . + -")
UINT8 = Datatype("uint8", base="unsignedByte")
UINT16 = Datatype("uint16", base="unsignedShort")
UINT32 = Datatype("uint32", base="unsignedInt")
UINT64 = Datatype("uint64", base="unsignedLong")
UINT = UINT64
INT32 = Datatype("int32", base="int")
INT64 = Datatype("int64", base="long")
INT = INT64
POSITIVE = Datatype("positive number", base="unsignedLong", minimum=1, describe="a whole number, at least 1")
DECIMAL = Datatype("decimal", base="decimal")
PORT = Datatype("port", base="unsignedShort", describe="a port number from 0 to 65535")
HEX8, HEX16, HEX24, HEX32, HEX64 = (hexadecimal(digits) for digits in (2, 4, 6, 8, 16))
BOOL = switch("yes or no", "yes", "no")
ONOFF = switch("on or off", "on", "off")
UUID = _pattern(
    "UUID",
    "[0-9a-fA-F]{8}(\\-[0-9a-fA-F]{4}){3}\\-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}",
    "a UUID such as 6695eb01-f6a4-8304-79aa-97f2502e193f",
    _uuid,
)
MAC = _pattern(
    "MAC address", "[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", "a MAC address such as 52:54:00:12:34:56", str.lower
)
CPUSET = _pattern("CPU set", rf"{_CPUS}(,{_CPUS})*", "CPU numbers and ranges such as 0-3,8,^2")
ABSPATH = _pattern("absolute path", "/[^\\n\\r]*", "an absolute path")
IPV4 = _pattern("IPv4 address", _V4, "an IPv4 address such as 192.168.122.1")
IPV6 = _pattern("IPv6 address", _V6, "an IPv6 address such as fe80::1")
IP = either(IPV4, IPV6, name="IP address")
URL = _pattern("URL", r"[a-zA-Z][a-zA-Z0-9+.\-]*:[^ \t\n\r]+", "a URL")
BASE64 = _pattern("base64", "[a-zA-Z0-9+/]+={0,2}", "base64 text")
UNIT = _pattern(
    "unit of size",
    "[bB]([yY][tT][eE][sS]?)?|[kKmMgGtTpPeE]([iI]?[bB])?",
    "a unit such as bytes, KB, KiB, MiB or GiB",
)


def by_python_type(annotation: Any) -> Datatype:
    """The datatype that an annotation alone implies: an Enum's, ``yes``/``no`` for bool, INT, DECIMAL or STRING."""
    if isinstance(annotation, Datatype):
        return annotation
    if get_origin(annotation) is Literal:
        return choice("choice", *get_args(annotation))
    if isinstance(annotation, type):
        if issubclass(annotation, Enum):
            return enum(annotation)
        for python, datatype in ((bool, BOOL), (int, INT), (float, DECIMAL), (str, STRING)):
            if issubclass(annotation, python):
                return datatype
    raise TypeError(f"no datatype goes with {annotation!r}; name one, as in attribute(dt.UINT16)")


def text_of(datatype: Datatype, value: Any, where: str) -> str:
    """The text of a Python value; InvalidArgument naming the place when the datatype has none for it."""
    try:
        return datatype.format(value)
    except (KeyError, ValueError, TypeError):
        raise InvalidArgument(f"{where} cannot be {value!r}", hint=f"expected {datatype.describe}") from None
