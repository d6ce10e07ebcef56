"""XML in, safely: bytes from anybody to an lxml tree, or InvalidDocument.

Nothing outside the text is ever read (no entities, no DTD, no network, no XInclude), and size and depth are bounded
before they can hurt. A document type declaration is refused by name: none of these documents has a use for one, and
all entity attacks begin with it.
"""

from __future__ import annotations

import codecs
import re
from copy import deepcopy
from typing import TYPE_CHECKING

from polyvisor.documents.faults import Fault
from polyvisor.errors import InvalidDocument

if TYPE_CHECKING:
    from lxml.etree import XMLParser, XPath, _Element

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of the largest document that is looked at."""
MAX_DEPTH = 128
"""Levels of the deepest one."""
MAX_ELEMENTS = 100_000
"""Elements of the longest one: libxml2 validates in time that grows with the square of siblings."""
MAX_ATTRIBUTES = 100
"""Attributes of one element, for the same reason."""

_ENCODINGS = frozenset(("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16"))
_PROLOG = re.compile(rb"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_DECLARATION = re.compile(r"\A<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._\-]+)["']""")


def parse(xml: bytes | str, *, max_size: int = MAX_SIZE) -> _Element:
    """The root element. Comments and processing instructions are dropped.

    Raises InvalidDocument, with the line of the fault, for what is not well-formed, too large, too deep, not in a
    plain encoding, or declares a document type."""
    from lxml import etree

    data = _utf8(xml, max_size)
    opening = _PROLOG.match(data)
    start = opening.end() if opening else 0
    if data[start : start + 9].upper() == b"<!DOCTYPE":
        raise _refused("a document type declaration (<!DOCTYPE ...>) is not allowed", data.count(b"\n", 0, start) + 1)
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        raise _syntax_error(error) from None
    if b"<!DOCTYPE" in data and root.getroottree().docinfo.internalDTD is not None:
        raise _refused("a document type declaration (<!DOCTYPE ...>) is not allowed", 1)
    for size, expression, message in _BOUNDS:
        if len(data) > size and _test(expression)(root):
            raise _refused(message, None)
    return root


def without_comments(root: _Element) -> _Element:
    """A tree that somebody else parsed, as :func:`parse` would have made it; a copy where that takes changes."""
    from lxml import etree

    foreign = (etree.Comment, etree.ProcessingInstruction, etree.Entity)
    if next(root.iter(*foreign), None) is None:
        return root
    root = deepcopy(root)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    if next(root.iter(etree.Entity), None) is not None:
        raise _refused("an entity reference is not allowed", None)
    return root


def _utf8(xml: bytes | str, max_size: int) -> bytes:
    """The document as UTF-8 bytes with no declaration that says otherwise."""
    if len(xml) > max_size:
        raise _refused(f"the document has {len(xml)} bytes; the most that is read is {max_size}", None)
    if isinstance(xml, str):
        try:
            data = _DECLARATION.sub("", xml.removeprefix("\ufeff"), count=1).encode()
        except UnicodeEncodeError as error:
            raise _refused(f"{xml[error.start]!r} is no character", xml.count("\n", 0, error.start) + 1) from None
    else:
        data = _decoded(bytes(xml))
    if (place := data.find(b"\0")) >= 0:
        raise _refused("a NUL byte is not allowed", data.count(b"\n", 0, place) + 1)
    return data


def _decoded(data: bytes) -> bytes:
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    name = "utf-16" if data[:2] in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE) else "utf-8"
    if declared := _ENCODING.match(data):
        try:
            name = codecs.lookup(declared[1].decode()).name
        except LookupError:
            name = declared[1].decode()
        if name not in _ENCODINGS or name == "utf-16":
            raise _refused(f"encoding {declared[1].decode()} is not read; write the document in UTF-8", 1)
    if name == "utf-8" and declared is None:
        return data
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02x} is not {name}"
        raise _refused(message, data.count(b"\n", 0, error.start) + 1) from None
    return _DECLARATION.sub("", text, count=1).encode()


def _refused(message: str, line: int | None) -> InvalidDocument:
    return InvalidDocument("the document cannot be read", faults=[Fault("/", line, message)])


def _syntax_error(error: SyntaxError) -> InvalidDocument:
    reason = re.sub(r", line \d+, column \d+$", "", error.msg or "not XML")
    if "xcessive depth" in reason:
        return _refused(f"elements nest more than {MAX_DEPTH} deep", error.lineno)
    if "XML_PARSE_HUGE" in reason:
        return _refused("a text, a name or the value of an attribute is too long", error.lineno or 1)
    column = f" (column {error.offset})" if error.offset else ""
    return _refused(f"not well-formed XML: {reason}{column}", error.lineno or 1)


def _parser() -> XMLParser:
    """A parser of its own for each document, so that threads do not wait for each other."""
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


# what takes fewer bytes than this cannot exceed the bound by much, and need not be asked
_BOUNDS = (
    (7 * MAX_DEPTH, f"boolean(.{'/*' * MAX_DEPTH})", f"elements nest more than {MAX_DEPTH} deep"),
    (4 * MAX_ELEMENTS, f"count(//*) > {MAX_ELEMENTS}", f"the document has more than {MAX_ELEMENTS} elements"),
    (
        8192,
        f"boolean(//*[@*[{MAX_ATTRIBUTES + 1}]])",
        f"an element has more than {MAX_ATTRIBUTES} attributes",
    ),
)
_tests: dict[str, XPath] = {}


def _test(expression: str) -> XPath:
    """A compiled XPath test; each document is asked the same few."""
    if expression not in _tests:
        from lxml import etree

        _tests[expression] = etree.XPath(expression)
    return _tests[expression]
