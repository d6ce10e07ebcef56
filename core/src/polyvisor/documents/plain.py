"""Elements as plain data, and back: dictionaries, lists, texts, whole numbers and truths, as JSON and YAML have them.

The declarations say what an attribute is and what a child, so plain data need not: ``{"domain": {"type": "kvm",
"name": "web", "memory": {"unit": "MiB", "text": 512}, "devices": {"disk": [...]}}}``. A document is an object whose
only key is its root element; :mod:`~polyvisor.documents.naming` tells how keys come about. An element is an object,
or its text alone where it has nothing else; what may repeat is always a list; an element that says something by being
there is ``true``; XML of others is a list of XML texts. Whole numbers and truths are such, all else is text.

Reading goes by way of XML, so that one gate decides about every notation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lxml import etree

from polyvisor import documents
from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Spec, Target, members_of, root_target
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.contributions import Contribution
from polyvisor.documents.diagnosis import path_of
from polyvisor.documents.faults import Fault
from polyvisor.documents.naming import TEXT, Keys, every_target, keys_of, mixed, plain, prefixed, shown, text_of
from polyvisor.documents.nearest import nearest
from polyvisor.documents.parsing import MAX_DEPTH, MAX_ELEMENTS, MAX_SIZE, parse
from polyvisor.documents.reader import Extensions, extension_table
from polyvisor.documents.verbatim import Verbatim
from polyvisor.documents.writer import write
from polyvisor.errors import InvalidDocument

if TYPE_CHECKING:
    from lxml.etree import _Element

Place = tuple[str | int, ...]
"""Keys and list indices from the top of the data."""

MOST_FAULTS = 50
"""How many wrong keys and values of one document are told."""


def to_plain(document: Element, *, live: bool = True, secure: bool = False) -> dict[str, Any]:
    """The document as plain data, with exactly what its XML would have.

    ``live``: with the fields that only running objects have; ``secure``: with passwords and keys. Raises
    InvalidArgument for a value that its field cannot have."""
    tree = parse(write(document, live=live, secure=secure, pretty=False))
    own = {
        (element.declaration.tag, extra.declaration.qualified): type(extra)
        for element in document.walk()
        if (field := spec_of(type(element)).extensions) is not None
        for extra in getattr(element, field.attr)
    }
    return {prefixed(document.declaration, document.declaration.qualified): _plain(tree, type(document), own)}


def from_plain(
    data: object,
    *roots: type[Element],
    contributions: Iterable[Contribution] = (),
    lines: Mapping[Place, int] | None = None,
) -> Element:
    """The document that plain data describes, one of ``roots``, through the same gate as XML.

    ``lines`` are the source's lines of places in the data, as far as they are known. Raises InvalidDocument; the
    paths of its faults are JSON paths such as ``$.domain.devices.disk[1]``."""
    lines = lines or {}
    names = {prefixed(root.declaration, root.declaration.qualified): root for root in roots}
    name = root_of(data)
    if name not in names:
        fault = Fault(shown_place((name,)), lines.get((name,)), f"unknown document {name!r}", expected=tuple(names))
        fault.nearest = nearest(name, names)
        raise _invalid(name, [fault])
    root = names[name]
    builder = _Builder(contributions)
    assert isinstance(data, Mapping)
    builder.document(root_target(root), data[name], name)
    if builder.faults:
        raise _invalid(name, [_at(place, message, near, lines) for place, message, near in builder.faults])
    try:
        return documents.read(etree.tostring(builder.nodes[0][0]), root, contributions=builder.contributions)
    except InvalidDocument as error:
        places = {path_of(node): place for node, place in builder.nodes}
        raise _invalid(name, [_moved(fault, places, lines) for fault in error.faults]) from None


def root_of(data: object) -> str:
    """The name of the root element; InvalidDocument for data that is no document."""
    if not isinstance(data, Mapping) or len(data) != 1:
        found = f"an object with {len(data)} keys" if isinstance(data, Mapping) else shown(data)
        message = f"a document is an object with one key, the name of its root element; this is {found}"
        raise InvalidDocument("the document cannot be read", faults=[Fault("$", None, message)])
    (name,) = data
    return str(name)


def shown_place(place: Place) -> str:
    """A JSON path: ``$.domain['qemu:commandline']``, ``$.domain.devices.disk[1]``."""
    steps = [
        f"[{step}]" if isinstance(step, int) else f".{step}" if re.fullmatch(r"\w{1,60}", step) else f"[{shown(step)}]"
        for step in place
    ]
    return f"${''.join(steps)}"


# -- faults ---------------------------------------------------------------------------------------------------


def _invalid(name: str, faults: list[Fault]) -> InvalidDocument:
    return InvalidDocument(f"the {shown(name)} document is not valid", faults=faults)


def _at(place: Place, message: str, near: str | None, lines: Mapping[Place, int]) -> Fault:
    return Fault(shown_place(place), _line(place, lines), message, nearest=near)


def _line(place: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of a place, or of the closest place around it that has one."""
    return next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), None)


def _moved(fault: Any, places: Mapping[str, Place], lines: Mapping[Place, int]) -> Fault:
    """A fault of the XML, where it is in the plain data."""
    path, _, attribute = fault.path.partition("/@")
    while path and path not in places:
        path = path.rpartition("/")[0]
    place = places.get(path, ())
    if attribute:
        place = (*place, attribute)
    return Fault(
        shown_place(place),
        _line(place, lines),
        fault.message,
        found=fault.found,
        expected=fault.expected,
        nearest=fault.nearest,
    )


# -- out of XML -----------------------------------------------------------------------------------------------


def _plain(node: _Element, cls: type[Element], extensions: Extensions) -> Any:
    """What stands at a node of a class, which is valid."""
    spec = spec_of(cls)
    keys = keys_of(spec)
    data: dict[str, Any] = {}
    for name, raw in node.items():
        data[keys.attributes[name]] = plain(spec.attributes[name].datatype, raw)
    for child in node:
        bound = spec.elements.get(child.tag)
        if bound is None:
            extra = extensions[spec.declaration.tag, child.tag]
            data[prefixed(extra.declaration, child.tag)] = _plain(child, extra, extensions)
            continue
        value = _plain_child(child, node, bound, extensions)
        key = keys.elements[child.tag]
        if mixed(bound):
            value = {etree.QName(child).localname: value}
        if bound.kind in f.LISTS:
            data.setdefault(key, []).append(value)
        else:
            data[key] = value
    if spec.text is not None and node.text:
        text = plain(spec.text.datatype, node.text)
        if not data:
            return text
        data[TEXT] = text
    return data


def _plain_child(child: _Element, parent: _Element, bound: Bound, extensions: Extensions) -> Any:
    if bound.kind == f.FLAG:
        return True
    if bound.kind == f.RAW:
        return [xml for _, xml in Verbatim.of(child).entries]
    if bound.kind in (f.VALUE, f.VALUES):
        return plain(bound.datatype, child.text or "")
    target = _target(bound, child.tag, parent)
    cls = None if target is None else target.resolve(child)
    assert cls is not None  # the writer wrote it
    return _plain(child, cls, extensions)


def _target(bound: Bound, tag: str, parent: Any) -> Target | None:
    """What a child of this tag is beside the attributes of its parent."""
    targets = bound.cases.get(tuple([on.of(parent) for on in bound.by]), ()) if bound.by else bound.targets
    return next((target for target in targets if target.tag == tag), None)


# -- into XML -------------------------------------------------------------------------------------------------


class _TooMuch(Exception):
    """There is no use in looking at the rest."""


class _Builder:
    """The tree being built: its nodes with their places, and what could not be put into it."""

    def __init__(self, contributions: Iterable[Contribution]) -> None:
        self.contributions = contributions
        self._extensions: Extensions | None = None
        self.nodes: list[tuple[_Element, Place]] = []
        self.faults: list[tuple[Place, str, str | None]] = []
        self.size = 0

    @property
    def extensions(self) -> Extensions:
        """Where contributed elements may stand; the contributions are looked at when a key is none of ours."""
        if self._extensions is None:
            self.contributions = tuple(self.contributions)
            self._extensions = extension_table(self.contributions)
        return self._extensions

    def document(self, target: Target, data: object, name: str) -> None:
        """Build it all."""
        try:
            self.child(None, target.tag, target, data, (name,))
        except _TooMuch:
            pass  # its fault is among the others

    def fault(self, place: Place, message: str, near: str | None = None) -> None:
        self.faults.append((place, message, near))
        if len(self.faults) >= MOST_FAULTS:
            raise _TooMuch

    def node(self, parent: _Element | None, tag: str, prefix: str | None, place: Place) -> _Element:
        if len(self.nodes) >= MAX_ELEMENTS:
            self.fault(place, f"the document has more than {MAX_ELEMENTS} elements")
            raise _TooMuch
        if sum(isinstance(step, str) for step in place) > MAX_DEPTH:
            self.fault(place[:8], f"what stands here nests more than {MAX_DEPTH} deep")
            raise _TooMuch
        nsmap = {prefix: tag[1:].partition("}")[0]} if tag.startswith("{") else None
        made = etree.Element(tag, nsmap=nsmap) if parent is None else etree.SubElement(parent, tag, nsmap=nsmap)
        self.nodes.append((made, place))
        return made

    def child(self, parent: _Element | None, tag: str, target: Target, data: object, place: Place) -> None:
        """An element of some class, as its attributes say."""
        node = self.node(parent, tag, target.classes[0].declaration.prefix, place)
        cls = target.resolve(_Attributes(target, data))
        # with no class chosen any that it might be will do: the gate tells what is wrong with the choice
        specs = [spec_of(each) for each in ((cls,) if cls is not None else target.classes)]
        if not isinstance(data, Mapping):
            if specs[0].text is None:
                self.fault(place, f"{shown(data)} cannot stand here; expected an object")
            else:
                self.text(node, specs[0].text, data, place)
            return
        known = [(spec, keys_of(spec)) for spec in specs]
        elements: list[tuple[Spec, Bound, str, object, Place]] = []
        for key, value in data.items():
            spec, bound, found = self.place(known, key, (*place, str(key)))
            if bound is None:
                continue
            if bound.kind == f.ATTRIBUTE:
                self.attribute(node, bound, value, (*place, str(key)))
            elif bound.kind == f.TEXT:
                self.text(node, bound, value, (*place, str(key)))
            else:
                elements.append((spec, bound, found, value, (*place, str(key))))
        for spec, bound, found, value, where in elements:  # when all attributes are there
            self.field(node, spec, bound, found, value, where)

    def place(self, known: list[tuple[Spec, Keys]], key: object, place: Place) -> tuple[Spec, Bound | None, str]:
        """The field of a key, and the tag that the key says."""
        for spec, keys in known:
            if found := keys.place(str(key)):
                return spec, *found
            if spec.extensions is not None and ":" in str(key):
                for (extended, tag), cls in self.extensions.items():
                    if extended == spec.declaration.tag and prefixed(cls.declaration, tag) == key:
                        return spec, spec.extensions, tag
        names = [name for spec, keys in known for name in keys.places]
        near = nearest(str(key), names)
        expected = "" if near or len(names) > 10 else f"; expected {', '.join(dict.fromkeys(names)) or 'none'}"
        self.fault(place, f"unknown key {shown(key)}{expected}", near)
        return known[0][0], None, ""

    def scalar(self, bound: Bound, value: object, place: Place) -> str | None:
        try:
            text = text_of(bound.datatype, value)
        except ValueError as error:
            self.fault(place, str(error))
            return None
        self.size += len(text)
        if self.size > MAX_SIZE:
            self.fault(place, f"the document has more than {MAX_SIZE} characters")
            raise _TooMuch
        return text

    def attribute(self, node: _Element, bound: Bound, value: object, place: Place) -> None:
        text = self.scalar(bound, value, place)
        if text is not None and node.get(bound.xml) is not None:
            self.fault(place, f"the attribute is there twice, with and without @: {bound.xml!r}")
        elif text is not None:
            try:
                node.set(bound.xml, text)
            except ValueError:
                self.fault(place, "a control character cannot stand in a document")

    def text(self, node: _Element, bound: Bound, value: object, place: Place) -> None:
        text = self.scalar(bound, value, place)
        if text is not None:
            try:
                node.text = text
            except ValueError:
                self.fault(place, "a control character cannot stand in a document")

    def field(self, node: _Element, spec: Spec, bound: Bound, tag: str, value: object, place: Place) -> None:
        """What stands under the key of a child element."""
        if bound.kind not in f.LISTS or bound.kind == f.EXTENSIONS:
            self.entry(node, spec, bound, tag, value, place)
        elif not isinstance(value, list):
            self.fault(place, f"{shown(value)} cannot stand here; expected a list, for there may be several")
        else:
            for index, each in enumerate(value):
                self.entry(node, spec, bound, tag, each, (*place, index))

    def entry(self, node: _Element, spec: Spec, bound: Bound, tag: str, value: object, place: Place) -> None:
        if bound.kind == f.EXTENSIONS:
            cls = self.extensions[spec.declaration.tag, tag]
            self.child(node, tag, Target(tag, members_of(cls)), value, place)
        elif bound.kind in (f.VALUE, f.VALUES):
            self.text(self.node(node, tag, spec.declaration.prefix, place), bound, value, place)
        elif bound.kind == f.FLAG:
            if value is True:
                self.node(node, tag, spec.declaration.prefix, place)
            elif value is not False:
                self.fault(place, f"{shown(value)} cannot stand here; expected true or false")
        elif bound.kind == f.RAW:
            self.raw(self.node(node, tag, spec.declaration.prefix, place), value, place)
        else:
            self.descend(node, bound, tag, value, place)

    def descend(self, node: _Element, bound: Bound, tag: str, value: object, place: Place) -> None:
        """A child of an Element class; in a list of several tags an object whose one key is the tag."""
        if not tag:
            if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in bound.tags:
                names = ", ".join(bound.tags)
                self.fault(place, f"{shown(value)} cannot stand here; expected an object with one key of {names}")
                return
            ((tag, value),) = value.items()
            place = (*place, tag)
        target = _target(bound, tag, node) or next(each for each in every_target(bound) if each.tag == tag)
        self.child(node, tag, target, value, place)

    def raw(self, node: _Element, value: object, place: Place) -> None:
        """XML of others, each text one element."""
        if not isinstance(value, list):
            self.fault(place, f"{shown(value)} cannot stand here; expected a list of XML texts")
            return
        for index, xml in enumerate(value):
            if not isinstance(xml, str):
                self.fault((*place, index), f"{shown(xml)} cannot stand here; expected an XML text")
                continue
            self.size += len(xml)
            if self.size > MAX_SIZE:
                self.fault(place, f"the document has more than {MAX_SIZE} characters")
                raise _TooMuch
            try:
                node.append(parse(xml))
            except InvalidDocument as error:
                for fault in error.faults:
                    self.fault((*place, index), str(getattr(fault, "message", fault)))


class _Attributes:
    """The attributes in plain data, as :meth:`Target.resolve` asks for them."""

    __slots__ = ("data", "types")

    def __init__(self, target: Target, data: object) -> None:
        self.data: Mapping[str, object] = data if isinstance(data, Mapping) else {}
        self.types = {bound.xml: bound.datatype for bound in target.by}

    def get(self, name: str) -> str | None:
        value = self.data.get(f"@{name}", self.data.get(name))
        if value is None or isinstance(value, list | dict):
            return None
        try:
            return text_of(self.types[name], value)
        except ValueError:
            return None
