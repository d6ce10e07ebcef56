"""JSON Schema (draft 2020-12) out of the declarations: what plain data of a document looks like.

It describes what :func:`~polyvisor.documents.plain.to_plain` writes, for editors that complete and check JSON and YAML
while they are typed. Reading is kinder (a number may be quoted), and the gate stricter: of the conditions between
fields those are here that JSON Schema says in a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Spec, Target, family_of, members_of, root_target
from polyvisor.documents.binding import Key as Chosen
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.contributions import Contribution, classes, words
from polyvisor.documents.datatypes import DECIMAL_PATTERN, Datatype
from polyvisor.documents.naming import Keys, every_target, keys_of, mixed, plain, prefixed, truths

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def emit(root: type[Element], contributions: Iterable[Contribution] = (), *others: type[Element]) -> Schema:
    """The schema of the plain data of documents whose root is ``root`` or one of ``others``, with what drivers
    contribute; without contributions anything with a prefix may stand where drivers may contribute."""
    definitions = _Definitions(tuple(contributions))
    documents = [
        {
            "type": "object",
            "properties": {name: definitions.element(root_target(each))},
            "required": [name],
            "additionalProperties": False,
        }
        for each in (root, *others)
        for name in [prefixed(each.declaration, each.declaration.qualified)]
    ]
    return {"$schema": DIALECT, **_any_of(documents), "$defs": dict(sorted(definitions.defs.items()))}


class _Definitions:
    """The definitions of elements, made while walking from the root and referred to by name."""

    def __init__(self, contributions: tuple[Contribution, ...]) -> None:
        self.contributions = classes(contributions)
        self.words = words(contributions)
        self.defs: dict[str, Schema] = {}
        self.names: dict[object, str] = {}

    def element(self, target: Target) -> Schema:
        """A reference to the definition of what a target is."""
        identity = (target.tag, target.classes)
        if identity not in self.names:
            family = family_of(target.classes[0])
            name = unique = (target.classes[0] if len(target.classes) == 1 or family is None else family).__name__
            count = 1
            while unique in self.defs:
                count += 1
                unique = f"{name}.{count}"
            self.names[identity] = unique
            self.defs[unique] = {}  # holds the name while the body, which may refer to it, is made
            if target.only is not None:
                self.defs[unique] = self.content(target.only)
            else:
                self.defs[unique] = _any_of(self.content(cls, keys) for cls, keys in target.grouped())
        return {"$ref": f"#/$defs/{self.names[identity]}"}

    def content(self, cls: type[Element], chosen: tuple[Chosen, ...] = ()) -> Schema:
        """What an element of a class is; a variant with the attribute values that choose it."""
        spec = spec_of(cls)
        keys = keys_of(spec)
        ruled = {bound for rule in spec.rules for bound in spec.ruled(rule)}
        properties: Schema = {}
        required = []
        for key, (bound, tag) in keys.places.items():
            described = {"description": bound.doc} if bound.doc else {}
            properties[key] = {**self.field(spec, bound, tag), **described}
            single = len(bound.tags) <= 1 or mixed(bound)
            always = bound not in ruled and not bound.discriminators
            if bound.minimum and single and always and bound.kind != f.TEXT:
                required.append(key)
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        self.extend(spec, schema)
        constraints = [*_rules(spec, keys), *_conditions(spec, keys), *self.cases(spec, keys)]
        if chosen:
            constraints.append(_choice(spec, keys, chosen))
        schema |= {"required": required} if required else {}
        schema |= {"allOf": constraints} if constraints else {}
        summary = " ".join((cls.__doc__ or "").strip().partition("\n\n")[0].split())
        about: Schema = {"description": summary} if summary else {}
        if spec.text is None or required:
            return {**about, **schema}
        return {**about, "anyOf": [scalar(spec.text.datatype), schema]}

    def extend(self, spec: Spec, schema: Schema) -> None:
        """What drivers bring to an element."""
        if spec.extensions is None:
            return
        if not self.contributions:
            schema["patternProperties"] = {"^[^:@]+:": True}
        for cls in self.contributions:
            declaration = cls.declaration
            if declaration.extends == spec.declaration.tag:
                target = Target(declaration.qualified, members_of(cls))
                schema["properties"][prefixed(declaration, declaration.qualified)] = self.element(target)

    def field(self, spec: Spec, bound: Bound, tag: str) -> Schema:
        """What stands under the key of a field."""
        if bound.kind in (f.ATTRIBUTE, f.TEXT, f.VALUE):
            return scalar(bound.datatype and bound.datatype.extended(self.words))
        if bound.kind == f.FLAG:
            return {"type": "boolean"}
        if bound.kind == f.RAW:
            return {"type": "array", "items": {"type": "string"}}
        if bound.kind == f.VALUES:
            entry = scalar(bound.datatype)
        elif mixed(bound):
            entry = _any_of(_only(self.element(target), target) for target in every_target(bound))
        else:
            entry = _any_of(self.element(target) for target in every_target(bound) if target.tag == tag)
        if bound.kind not in f.LISTS:
            return entry
        bounds = {"minItems": bound.minimum} if bound.minimum else {}
        bounds |= {} if bound.unbounded else {"maxItems": bound.maximum}
        return {"type": "array", "items": entry, **bounds}

    def cases(self, spec: Spec, keys: Keys) -> Iterator[Schema]:
        """Children whose class depends on one attribute beside them: which for which of its values."""
        for bound in spec.fields:
            if len(bound.by) != 1:
                continue
            by_targets: dict[tuple[Target, ...], list[str | None]] = {}
            for (value,), targets in bound.cases.items():
                by_targets.setdefault(targets, []).append(value)
            for targets, values in by_targets.items():
                then = {}
                for target in targets:
                    entry = self.element(target)
                    listed = bound.kind in f.LISTS
                    then[keys.elements[target.tag]] = {"type": "array", "items": entry} if listed else entry
                needed = {"required": list(then)} if bound.minimum and len(then) == 1 and not bound.when else {}
                if not mixed(bound):
                    yield {"if": _has(bound.by[0], keys, values), "then": {"properties": then, **needed}}


# -- scalars --------------------------------------------------------------------------------------------------


def scalar(datatype: Datatype | None) -> Schema:
    """The schema of a datatype's values."""
    if datatype is None or datatype.any_text:
        return {"type": "string"}
    if truths(datatype):
        return {"type": "boolean"}
    if datatype.members:
        return _any_of(scalar(member) if not truths(member) else _texts(member) for member in datatype.members)
    if datatype.enumeration:
        return _texts(datatype)
    least, most = datatype.minimum, datatype.maximum
    if datatype.base == "decimal":
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{portable(DECIMAL_PATTERN)}$"}]}
    if datatype.numeric:
        bounds: Schema = {"minimum": least, "maximum": most}
    else:
        bounds = {"minLength": least, "maxLength": most}
        bounds |= {"pattern": f"^(?:{portable(datatype.pattern)})$"} if datatype.pattern else {}
    kind = "integer" if datatype.numeric else "string"
    return {"type": kind, **{name: bound for name, bound in bounds.items() if bound is not None}}


def portable(pattern: str) -> str:
    """A pattern as ECMAScript reads it in its strict mode, where ``-`` is escaped within brackets only."""
    return re.sub(r"\[(?:\\.|[^\]\\])*\]|\\-", lambda found: found[0] if found[0] != r"\-" else "-", pattern)


def _texts(datatype: Datatype) -> Schema:
    return {"enum": list(datatype.values())}


# -- what depends on what ---------------------------------------------------------------------------------------


def _any_of(schemas: Iterable[Schema]) -> Schema:
    different: list[Schema] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    return different[0] if len(different) == 1 else {"anyOf": different}


def _only(schema: Schema, target: Target) -> Schema:
    """An entry of a list whose entries say their tag."""
    return {"type": "object", "properties": {target.tag: schema}, "required": [target.tag], "maxProperties": 1}


def _has(on: Bound, keys: Keys, values: Iterable[str | None]) -> Schema:
    """That an attribute has one of the values, or is left out where that means one of them."""
    values = list(values)
    key = keys.attributes[on.xml]
    texts = [plain(on.datatype, text) for text in sorted(text for text in values if text is not None)]
    schema: Schema = {"properties": {key: {"enum": texts} if texts else False}}
    return schema if None in values or on.implied in values else {**schema, "required": [key]}


def _choice(spec: Spec, keys: Keys, chosen: tuple[Chosen, ...]) -> Schema:
    """That the discriminating attributes have the values of a variant."""
    family = family_of(spec.cls)
    assert family is not None
    by = [spec.by_name[name] for name in family.declaration.by]
    if len(by) == 1:
        return _has(by[0], keys, [value for (value,) in chosen])
    return _any_of(
        {"allOf": [_has(on, keys, [value]) for on, value in zip(by, values, strict=True)]} for values in chosen
    )


def _conditions(spec: Spec, keys: Keys) -> Iterator[Schema]:
    """Fields that may stand beside certain values only."""
    for bound in spec.fields:
        for on, values in bound.when.items():
            for key in _keys(bound, keys):
                yield {"if": {"required": [key]}, "then": _has(on, keys, values)}


def _rules(spec: Spec, keys: Keys) -> Iterator[Schema]:
    for rule in spec.rules:
        if isinstance(rule, f.Together):
            names = [key for bound in spec.ruled(rule) for key in _keys(bound, keys)]
            yield {"dependentRequired": {name: [other for other in names if other != name] for name in names}}
            continue
        entries = [[key for name in entry for key in _keys(spec.by_name[name], keys)] for entry in rule.entries]
        for one, other in combinations(entries, 2):
            yield from ({"not": {"required": [mine, yours]}} for mine in one for yours in other)
        if rule.required:
            yield {"anyOf": [{"required": [key]} for entry in entries for key in entry]}


def _keys(bound: Bound, keys: Keys) -> list[str]:
    """The keys of a field."""
    return [key for key, (field, _) in keys.places.items() if field is bound]
