"""Large replies read with lxml, as values that look like pyvmomi's and are made when they are looked at.

pyvmomi makes an object of everything in a reply. Of a thousand guests' hardware little is ever read, so here an object
is a view of its element: its class is a subclass of pyvmomi's, its properties are converted when they are first asked
for, and absent ones have pyvmomi's defaults. What is rare (faults, names of types) pyvmomi itself converts.

Types are found by their local names, whatever prefixes a server binds: those of XML Schema begin with small letters,
vSphere's with capitals, and the replies of ``/sdk`` hold no others.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from lxml import etree
from pyVmomi import vmodl
from pyVmomi.SoapAdapter import Deserialize
from pyVmomi.VmomiSupport import DataObject, Enum, GetWsdlType, ManagedMethod, ManagedObject, binary

from polyvisor.errors import HypervisorError

Convert = Callable[[etree._Element, Any], Any]
"""Makes a value of an element; the second argument is the stub that references of managed objects call through."""

NAMESPACE = "urn:vim25"
XML_SCHEMA = "http://www.w3.org/2001/XMLSchema"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def parser() -> etree.XMLParser:
    """A parser for one reply, to be fed with pieces of it. Inventories are larger than lxml takes by default."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )


def body_of(envelope: etree._Element) -> etree._Element:
    """What a SOAP envelope holds. Raises HypervisorError for what is none, or brings declarations of its own."""
    if envelope.getroottree().docinfo.internalDTD is not None:
        raise HypervisorError("the answer has a document type, which no answer of VMware's has", driver="esx")
    body = next((each for each in envelope if etree.QName(each).localname == "Body"), None)
    if body is None or not len(body):
        raise HypervisorError("the server's answer is no SOAP message", driver="esx")
    return body[0]


def tag(name: str) -> str:
    """How lxml spells the name of one of vSphere's elements."""
    return f"{{{NAMESPACE}}}{name}"


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Its children of that name."""
    yield from element.iterchildren(tag(name))


# -- types --------------------------------------------------------------------------------------------------------


def named_type(written: str) -> type | None:
    """The type that an ``xsi:type`` names; None for one that this pyvmomi does not know."""
    name = written.rpartition(":")[2]
    if name.endswith("ManagedObjectReference"):  # ArrayOf..., too
        name = name.removesuffix("Reference")
    try:
        found: type = GetWsdlType(XML_SCHEMA if name[:1].islower() else NAMESPACE, name)
    except KeyError:
        return None
    return found


def value(element: etree._Element, stub: Any, declared: type = object) -> Any:
    """What an element holds; ``declared`` is the type that counts where it names none.

    Raises HypervisorError for a type that is not known."""
    written = element.get(XSI_TYPE)
    if written is None:
        return converter(declared)(element, stub)
    return _converter_named(written, declared)(element, stub)


@lru_cache(4096)
def _converter_named(written: str, declared: type) -> Convert:
    found = named_type(written)
    if found is None:
        if not issubclass(declared, DataObject):
            raise HypervisorError(
                f"the server answers with a {written}, which this pyvmomi does not know",
                driver="esx",
                hint="install a newer pyvmomi",
            )
        found = declared
    return converter(found)


@cache
def converter(kind: type) -> Convert:
    """How values of a type are made."""
    if kind in (type, ManagedMethod) or issubclass(kind, vmodl.LocalizedMethodFault | Exception):
        return _by_pyvmomi(kind)
    for base, made in _CONVERTERS:
        if issubclass(kind, base):
            return made(kind)
    return _text(str)


def _by_pyvmomi(kind: type) -> Convert:
    result = vmodl.LocalizedMethodFault if issubclass(kind, Exception) else kind

    def convert(element: etree._Element, stub: Any) -> Any:
        return Deserialize(etree.tostring(element, with_tail=False), result, stub)

    return convert


def _text(kind: type) -> Convert:
    if kind is str or kind is object:
        return lambda element, stub: element.text or ""
    return lambda element, stub: kind(element.text or "")


def _boolean(kind: type) -> Convert:
    return lambda element, stub: BOOLEANS[(element.text or "").strip().lower()]


def _number(kind: type) -> Convert:
    plain = int if issubclass(kind, int) else float
    return lambda element, stub: plain(element.text)


def _word(kind: type) -> Convert:
    """Of an enumeration; a word that this pyvmomi does not know stays what it is."""
    words: dict[str, Any] = {}

    def convert(element: etree._Element, stub: Any) -> Any:
        written = element.text or ""
        if written not in words:
            words[written] = kind(written)
        return words[written]

    return convert


def _bytes(kind: type) -> Convert:
    return lambda element, stub: kind(base64.b64decode(element.text or ""))


def _reference(kind: type) -> Convert:
    """Of a managed object, by the ``type`` attribute."""

    @lru_cache(256)
    def named(written: str | None) -> Any:
        return named_type(written or "") or kind

    def convert(element: etree._Element, stub: Any) -> Any:
        return named(element.get("type"))(element.text, stub, element.get("serverGuid"))

    return convert


def _list(kind: Any) -> Convert:
    """Of an array that is a value of its own (``ArrayOf...``), whatever its items are called."""
    item = kind.Item

    def convert(element: etree._Element, stub: Any) -> Any:
        return kind([value(each, stub, item) for each in element])

    return convert


def _object(kind: type) -> Convert:
    made = view_of(kind)

    def convert(element: etree._Element, stub: Any) -> Any:
        found = made.__new__(made)
        found.__dict__["_light"] = element, stub
        return found

    return convert


def _moment(kind: type) -> Convert:
    def convert(element: etree._Element, stub: Any) -> datetime:
        found = datetime.fromisoformat((element.text or "").strip())
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    return convert


# -- views --------------------------------------------------------------------------------------------------------


@cache
def view_of(kind: Any) -> Any:
    """The class of views of a type of pyvmomi's: a subclass that finds its properties in an element."""
    fields = {each.name: _field(each, kind) for each in kind._GetPropertyList()}

    def look(self: Any, name: str) -> Any:
        field = fields.get(name)
        if field is None:
            raise AttributeError(f"{kind.__name__} has no {name!r}")
        held = self.__dict__
        found = held[name] = field(*held["_light"])
        return found

    return type(kind)(kind.__name__, (kind,), {"__getattr__": look, "__module__": __name__})


def _field(info: Any, kind: Any) -> Convert:
    """How a property is found among an element's children."""
    name, declared = tag(info.name), info.type
    if issubclass(declared, list):
        return _several(name, declared)
    default = getattr(_plain(kind), info.name)
    if not issubclass(declared, DataObject) and declared is not object:
        convert = converter(declared)

        def simple(element: etree._Element, stub: Any) -> Any:
            for child in element.iterchildren(name):
                return convert(child, stub)
            return default

        return simple

    def typed(element: etree._Element, stub: Any) -> Any:
        for child in element.iterchildren(name):
            return value(child, stub, declared)
        return default

    return typed


def _several(name: str, kind: Any) -> Convert:
    item = kind.Item
    if not issubclass(item, DataObject) and item is not object:
        convert = converter(item)
        return lambda element, stub: kind([convert(child, stub) for child in element.iterchildren(name)])
    return lambda element, stub: kind([value(child, stub, item) for child in element.iterchildren(name)])


@cache
def _plain(kind: Any) -> Any:
    """An object of a type with nothing set."""
    return kind()


_CONVERTERS: tuple[tuple[type, Callable[[type], Convert]], ...] = (
    (list, _list),
    (DataObject, _object),
    (ManagedObject, _reference),
    (Enum, _word),
    (binary, _bytes),
    (bool, _boolean),
    (int, _number),
    (float, _number),
    (datetime, _moment),
    (str, _text),
)
"""The first that fits converts; the order counts: flags are numbers, words are text."""
