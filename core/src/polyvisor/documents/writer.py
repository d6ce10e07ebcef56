"""Elements in, canonical XML out: declaration order, two spaces, single quotes, as virsh prints it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Spec
from polyvisor.documents.classes import Declaration, Element, spec_of
from polyvisor.documents.datatypes import text_of
from polyvisor.documents.verbatim import Verbatim
from polyvisor.errors import InvalidArgument

_SPECIAL = re.compile("[&<>'\"\x00-\x1f\ud800-\udfff\ufffe\uffff]")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


class _Output:
    """The pieces written so far, and what was asked for."""

    __slots__ = ("live", "namespaces", "pieces", "pretty", "secure")

    def __init__(self, live: bool, secure: bool, pretty: bool) -> None:
        self.pieces: list[str] = []
        self.namespaces: dict[str, str] = {}
        self.live, self.secure, self.pretty = live, secure, pretty


Put = Callable[[Any, _Output, str], None]


class _Attribute:
    """What writing an attribute takes; ``always`` unless something other than its value decides whether it stands."""

    __slots__ = ("always", "attr", "bound", "form", "lead")

    def __init__(self, bound: Bound) -> None:
        self.bound, self.attr = bound, bound.attr
        self.lead = f" {bound.xml}='"
        self.form: Callable[[Any], str] = str if bound.datatype is None else bound.datatype.format
        self.always = _always(bound) and not bound.when


class _Plan:
    """What writing a class takes: its attributes, the rest as (name, whether always, field, closure)."""

    __slots__ = ("attributes", "contents", "declaration", "namespace", "rests", "text", "where")

    def __init__(self, spec: Spec) -> None:
        declaration: Declaration = spec.declaration
        cls = spec.cls
        self.declaration = declaration
        self.where = f"<{declaration.tag}>"
        self.namespace = (declaration.prefix, declaration.namespace) if declaration.namespace else None
        self.rests = cls.at_rest is not Element.at_rest or cls.runtime_only is not Element.runtime_only
        self.attributes = [_Attribute(bound) for bound in spec.fields if bound.kind == f.ATTRIBUTE]
        self.text = spec.text
        prefix = f"{declaration.prefix}:" if declaration.namespace and declaration.prefix else ""
        self.contents = [
            (bound.attr, _always(bound), bound, _PUTS[bound.kind](bound, prefix))
            for bound in spec.fields
            if bound.kind in _PUTS
        ]


def _always(bound: Bound) -> bool:
    """Whether a field that has a value is written whatever was asked for."""
    return not (bound.volatile or bound.secret or bound.omit_default)


def write(root: Element, *, live: bool = True, secure: bool = False, pretty: bool = True) -> str:
    """The document of an Element.

    ``live``: with the fields that only running objects have; ``secure``: with passwords and keys; ``pretty``: one
    element a line, indented by two spaces. Raises InvalidArgument for a value that its field cannot have."""
    output = _Output(live, secure, pretty)
    _put_element(root, output, "", None, root=True)
    output.pieces[0] += "".join(
        f" xmlns:{prefix}='{_escape_attribute(namespace, 'xmlns')}'" for namespace, prefix in output.namespaces.items()
    )
    if pretty:
        output.pieces.append("\n")
    return "".join(output.pieces)


def _put_element(made: Element, output: _Output, indent: str, name: str | None, *, root: bool = False) -> None:
    cls = type(made)
    plans = (cls._spec or spec_of(cls)).plans
    plan: _Plan = plans.get("write") or spec_of(cls).plan("write", _Plan)
    if plan.rests and not output.live:
        if made.runtime_only and not root:
            return
        made = made.at_rest()
    tag = name or plan.declaration.tag
    if plan.namespace is not None:
        prefix, namespace = plan.namespace
        if prefix and namespace:
            tag = f"{prefix}:{tag}"
            output.namespaces[namespace] = prefix
    pieces = output.pieces
    state = made.__dict__
    pieces.append(_opening(plan, tag, state, output, indent))
    pieces.append("")
    mark = len(pieces)
    if plan.text is not None:
        value = state[plan.text.attr]
        if value is not None and not _withheld(plan.text, value, output):
            text = _text(plan.text, value, plan.where)
            if text:
                pieces.append(f">{_escape_text(text, plan.where)}</{tag}>")
                return
    before = (indent or "\n") if output.pretty else ""
    deeper = f"{before}  " if output.pretty else ""
    for attr, always, bound, put in plan.contents:
        value = state[attr]
        if value is None or (not value and type(value) is list):
            continue
        if always or not _withheld(bound, value, output):
            put(value, output, deeper)
    if len(pieces) == mark:
        pieces.append("/>")
    else:
        pieces[mark - 1] = ">"
        pieces.append(f"{before}</{tag}>")


def _opening(plan: _Plan, tag: str, state: dict[str, Any], output: _Output, indent: str) -> str:
    """The start tag with its attributes, without what closes it."""
    opening = f"{indent}<{tag}"
    for attribute in plan.attributes:
        value = state[attribute.attr]
        if value is None:
            continue
        bound = attribute.bound
        if not attribute.always and (_withheld(bound, value, output) or (bound.when and _idle(bound, state))):
            continue
        try:
            text = attribute.form(value)
        except (KeyError, ValueError, TypeError):
            text = _text(bound, value, plan.where)  # raises what tells where
        if not text.isalnum() and _SPECIAL.search(text):
            text = _escape_attribute(text, bound.xml)
        opening += f"{attribute.lead}{text}'"
    return opening


def _withheld(bound: Bound, value: Any, output: _Output) -> bool:
    return (
        (bound.volatile and not output.live)
        or (bound.secret and not output.secure)
        or (bound.omit_default and value == (bound.factory() if bound.factory else bound.default))
    )


def _idle(bound: Bound, state: dict[str, Any]) -> bool:
    """Whether an attribute has its default only because every object has, and may not stand beside its siblings."""
    if bound.default is None or state[bound.attr] != bound.default:
        return False
    return any(
        (None if on.when and _idle(on, state) else on.text(state[on.attr])) not in values
        for on, values in bound.when.items()
    )


def _text(bound: Bound, value: Any, where: str) -> str:
    if bound.datatype is None:
        return str(value)
    return text_of(bound.datatype, value, f"{bound.attr} of {where}")


def _escape_attribute(text: str, where: str) -> str:
    return _checked(text, where).translate(_IN_ATTRIBUTE)


def _escape_text(text: str, where: str) -> str:
    return _checked(text, where).translate(_IN_TEXT) if _SPECIAL.search(text) else text


def _checked(text: str, where: str) -> str:
    if wrong := _ILLEGAL.search(text):
        raise InvalidArgument(f"{where}: character {wrong[0]!r} cannot stand in a document")
    return text


def _put_child(bound: Bound, prefix: str) -> Put:
    name = bound.field.name

    def put(value: Any, output: _Output, indent: str) -> None:
        _put_element(value, output, indent, name)

    return put


def _put_children(bound: Bound, prefix: str) -> Put:
    name = bound.field.name

    def put(value: Any, output: _Output, indent: str) -> None:
        for made in value:
            _put_element(made, output, indent, name)

    return put


def _put_value(bound: Bound, prefix: str) -> Put:
    name = prefix + _local(bound.xml)
    where = f"<{name}>"

    def put(value: Any, output: _Output, indent: str) -> None:
        text = _text(bound, value, where)
        output.pieces.append(f"{indent}<{name}>{_escape_text(text, where)}</{name}>" if text else f"{indent}<{name}/>")

    return put


def _put_values(bound: Bound, prefix: str) -> Put:
    put_one = _put_value(bound, prefix)

    def put(value: Any, output: _Output, indent: str) -> None:
        for item in value:
            put_one(item, output, indent)

    return put


def _put_flag(bound: Bound, prefix: str) -> Put:
    piece = f"<{prefix}{_local(bound.xml)}/>"

    def put(value: Any, output: _Output, indent: str) -> None:
        if value:
            output.pieces.append(indent + piece)

    return put


def _put_raw(bound: Bound, prefix: str) -> Put:
    name = prefix + _local(bound.xml)

    def put(value: Verbatim, output: _Output, indent: str) -> None:
        if not value.entries:
            output.pieces.append(f"{indent}<{name}/>")
            return
        deeper = f"{indent}  " if output.pretty else ""
        inner = "".join(f"{deeper}{xml}" for _, xml in value.entries)
        output.pieces.append(f"{indent}<{name}>{inner}{indent}</{name}>")

    return put


def _local(xml: str) -> str:
    return xml.rpartition("}")[2]


_PUTS: dict[str, Callable[[Bound, str], Put]] = {
    f.CHILD: _put_child,
    f.CHILDREN: _put_children,
    f.EXTENSIONS: _put_children,
    f.VALUE: _put_value,
    f.VALUES: _put_values,
    f.FLAG: _put_flag,
    f.RAW: _put_raw,
}
