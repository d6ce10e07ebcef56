"""XSD 1.1 out of the declarations: the second opinion on the grammar, and the schema for other people's tools.

What depends on attributes becomes type alternatives (``xs:alternative``) where it changes what a child may be, and
assertions (``xs:assert``) where it only allows or forbids a field; rules are assertions too. Order never matters:
contents are ``xs:all``, which in version 1.1 may repeat its elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product

from lxml import etree
from lxml.etree import _Element as Node

from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Key, Spec, Target, discriminators_of, family_of, root_target
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.conditions import OTHER, Case, Values, components, domain
from polyvisor.documents.contributions import Contribution, classes, words
from polyvisor.documents.datatypes import DECIMAL_PATTERN, INTEGER_PATTERN, Datatype

XS = "http://www.w3.org/2001/XMLSchema"

Fields = dict[Bound, tuple[Target, ...]]
Alternatives = list[tuple[str, str]]
"""(Test on the element's own attributes, type) in order; an empty test is always true."""


def emit(root: type[Element], contributions: Sequence[Contribution] = (), *others: type[Element]) -> bytes:
    """The schema of the documents whose root is ``root`` or one of ``others``.

    Contributed elements are admitted by their namespace; their own schemas are for their drivers to bring."""
    schema = _Schema(contributions)
    start = [schema.element(root_target(each)) for each in (root, *others)]
    tree = _x("schema", {"elementFormDefault": "unqualified"}, *start, *schema.types.values())
    etree.indent(tree, "  ")
    return bytes(etree.tostring(tree, encoding="UTF-8", xml_declaration=True)) + b"\n"


class _Schema:
    """Named types, collected while walking from the root."""

    def __init__(self, contributions: Sequence[Contribution]) -> None:
        self.contributions = classes(contributions)
        self.words = words(contributions)
        self.types: dict[str, Node] = {}
        self._names: dict[object, str] = {}
        self._alternatives: dict[object, Alternatives] = {}

    def _new_name(self, name: str) -> str:
        name = re.sub("[^A-Za-z0-9.]+", "-", name).strip("-")
        unique, count = name, 1
        while unique in self.types:
            count += 1
            unique = f"{name}.{count}"
        self.types[unique] = _x("simpleType")  # holds the name while the type, which may refer to it, is made
        return unique

    # -- elements -------------------------------------------------------------------------------------

    def element(self, target: Target, least: int = 1, most: int | None = 1) -> Node:
        """The declaration of a child element, or of the root."""
        occurs = {} if (least, most) == (1, 1) else _occurs(least, most)
        name = {"name": target.tag.rpartition("}")[2]}
        choices = self._targeted(target)
        if len(choices) == 1 and not choices[0][0]:
            return _x("element", name | {"type": choices[0][1]} | occurs)
        tests = [_x("alternative", {"test": test, "type": chosen}) for test, chosen in choices]
        return _x("element", name | {"type": "xs:anyType"} | occurs, *tests, _x("alternative", {"type": "xs:error"}))

    def _targeted(self, target: Target) -> Alternatives:
        if target.only is not None:
            return self._classed(target.only, ())
        return [choice for cls, keys in target.grouped() for choice in self._classed(cls, keys)]

    def _classed(self, cls: type[Element], keys: tuple[Key, ...]) -> Alternatives:
        """The types of a class, and the attributes that choose among them."""
        identity = (cls, keys)
        if identity in self._alternatives:
            return self._alternatives[identity]
        spec = spec_of(cls)
        family = family_of(cls)
        by = tuple(spec.by_name[on.attr] for on in discriminators_of(family)) if family is not None and keys else ()
        choosing = [
            part for part in components(spec, keys, by) if (keys and set(by) <= part.members) or _by_child(part.fields)
        ]
        settled = {bound for part in choosing for bound in part.members}
        rest: Fields = {bound: bound.targets for bound in spec.fields if bound not in settled}
        combinations = list(product(*(part.cases for part in choosing)))
        found: Alternatives = []
        for cases in combinations:
            test = " and ".join(filter(None, (_case_test(spec, case) for case in cases)))
            found.append((test, self._new_name(cls.__name__)))
        self._alternatives[identity] = found
        for cases, (_, name) in zip(combinations, found, strict=True):
            fields: Fields = {on: () for case in cases for on in case.values if _present(case.values[on])}
            fields |= {bound: targets for case in cases for bound, targets in case.allowed} | rest
            self.types[name] = self._complex(
                spec, {bound: fields[bound] for bound in spec.fields if bound in fields}, name
            )
        return found

    def _complex(self, spec: Spec, fields: Fields, name: str) -> Node:
        attributes = [self._attribute(spec, bound, fields) for bound in fields if bound.kind == f.ATTRIBUTE]
        tests = [_x("assert", {"test": test}) for test in self._assertions(spec, fields)]
        if spec.text is not None:
            base = self._text(spec.text)
        elif any(bound.is_element or bound.kind == f.EXTENSIONS for bound in fields):
            particles = [
                particle for bound, targets in fields.items() for particle in self._particles(spec, bound, targets)
            ]
            return _x("complexType", {"name": name}, _x("all", {}, *particles), *attributes, *tests)
        else:
            base = self._blank()
        extension = _x("extension", {"base": base}, *attributes, *tests)
        return _x("complexType", {"name": name}, _x("simpleContent", {}, extension))

    def _attribute(self, spec: Spec, bound: Bound, fields: Fields) -> Node:
        assert bound.datatype is not None
        use = {"use": "required"} if bound.minimum and not _asserted(spec, bound, fields) else {}
        return _x("attribute", {"name": bound.xml, "type": self._simple(bound.datatype)} | use)

    def _particles(self, spec: Spec, bound: Bound, targets: tuple[Target, ...]) -> list[Node]:
        if bound.kind == f.EXTENSIONS:
            return self._admitted(spec)
        if not bound.is_element:
            return []
        loose = _asserted(spec, bound, {bound: targets}) or len(targets) > 1
        least, most = 0 if loose else bound.minimum, None if bound.unbounded else bound.maximum
        if targets:
            return [self.element(target, least, most) for target in targets]
        named = {"name": bound.xml.rpartition("}")[2]} | _occurs(least, most)
        if bound.kind == f.RAW:
            anything = _x("any", {"namespace": "##any", "processContents": "skip"} | _occurs(0, None))
            # xmlschema does not look at text beside a wildcard, so say again what element-only content means
            bare = _x("assert", {"test": "not(text()[normalize-space(.)])"})
            return [_x("element", named, _x("complexType", {}, _x("sequence", {}, anything), bare))]
        held = self._blank() if bound.datatype is None else self._simple(bound.datatype)
        return [_x("element", named | {"type": held})]

    def _admitted(self, spec: Spec) -> list[Node]:
        here = spec.declaration.tag
        owners = [
            cls.declaration.namespace or "##local" for cls in self.contributions if cls.declaration.extends == here
        ]
        if not owners:
            return []
        spaces = " ".join(dict.fromkeys(owners))
        return [_x("any", {"namespace": spaces, "processContents": "skip"} | _occurs(0, None))]

    # -- assertions -----------------------------------------------------------------------------------

    def _assertions(self, spec: Spec, fields: Fields) -> list[str]:
        tests = []
        ruled = {bound for rule in spec.rules for bound in spec.ruled(rule)}
        for bound, targets in fields.items():
            there, may = _there(bound, targets), _when_test(bound)
            if may:
                tests.append(f"not({there}) or ({may})")
            if bound.minimum and bound not in ruled and (may or len(targets) > 1):
                tests.append(f"{f'not({may}) or ' if may else ''}count({_nodes(bound, targets)}) ge {bound.minimum}")
            if len(targets) > 1 and not bound.unbounded:
                tests.append(f"count({_nodes(bound, targets)}) le {bound.maximum}")
        for rule in spec.rules:
            tests += _together(spec, rule, fields) if isinstance(rule, f.Together) else _one_of(spec, rule, fields)
        return tests

    # -- simple types -----------------------------------------------------------------------------------

    def _text(self, bound: Bound) -> str:
        assert bound.datatype is not None
        held = self._simple(bound.datatype)
        if bound.required or bound.datatype.any_text:
            return held
        return self._once(
            (held, "or blank"), f"{held}-or-blank", _x("union", {"memberTypes": f"{held} {self._blank()}"})
        )

    def _blank(self) -> str:
        blank = _x("restriction", {"base": "xs:string"}, _x("pattern", {"value": "[ \\t\\n\\r]*"}))
        return self._once("blank", "blank", blank)

    def _once(self, identity: object, name: str, body: Node) -> str:
        if identity not in self._names:
            self._names[identity] = unique = self._new_name(name)
            self.types[unique] = _x("simpleType", {"name": unique}, body)
        return self._names[identity]

    def _simple(self, datatype: Datatype) -> str:
        if datatype.any_text:
            return "xs:string"
        datatype = datatype.extended(self.words)
        if datatype.members:
            members = " ".join(self._simple(member) for member in datatype.members)
            return self._once(("union", members), f"type.{datatype.name}", _x("union", {"memberTypes": members}))
        facets = _facets(datatype)
        body = _x("restriction", {"base": f"xs:{datatype.base}"}, *(_x(name, {"value": text}) for name, text in facets))
        return self._once((datatype.base, facets), f"type.{datatype.name}", body)


def _facets(datatype: Datatype) -> tuple[tuple[str, str], ...]:
    if datatype.enumeration:
        return tuple(("enumeration", text) for text in datatype.enumeration)
    bounds = ("minInclusive", "maxInclusive") if datatype.numeric else ("minLength", "maxLength")
    own = datatype.implied_range if datatype.numeric else (None, None)
    digits = DECIMAL_PATTERN if datatype.base == "decimal" else INTEGER_PATTERN
    pattern = digits if datatype.numeric else datatype.pattern
    limits = zip(bounds, (datatype.minimum, datatype.maximum), own, strict=True)
    return (
        *((("pattern", pattern),) if pattern else ()),
        *((name, str(limit)) for name, limit, implied in limits if limit is not None and limit != implied),
    )


def _by_child(fields: Iterable[Bound]) -> bool:
    return any(bound.by for bound in fields)


def _present(values: Values) -> bool:
    return values != {None}


def _asserted(spec: Spec, bound: Bound, fields: Fields) -> bool:
    """Whether the field's presence is a matter of assertions, not of minOccurs or use."""
    return bool(bound.when) or any(bound in spec.ruled(rule) for rule in spec.rules)


def _occurs(least: int, most: int | None) -> dict[str, str]:
    return {"minOccurs": str(least), "maxOccurs": "unbounded" if most is None else str(most)}


def _x(tag: str, attributes: dict[str, str] | None = None, *children: Node) -> Node:
    node: Node = etree.Element(f"{{{XS}}}{tag}", attributes or {}, nsmap={"xs": XS})
    node.extend(children)
    return node


# -- XPath --------------------------------------------------------------------------------------------------


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _case_test(spec: Spec, case: Case) -> str:
    """The values that a case is about; CTA tests see the element's own attributes only."""
    return " and ".join(test for on, values in case.values.items() if (test := _values_test(spec, on, values)))


def _values_test(spec: Spec, on: Bound, values: Values) -> str:
    every = domain(spec, on)
    absent = None in values or (on.implied in values and not on.required)
    if values >= set(every) and (absent or None in every):
        return ""
    texts = [text for text in every if text in values and text not in (None, OTHER)]
    if on.datatype is not None and on.datatype.open and texts:  # all its words count alike, those of others too
        return f"({' or '.join([f'@{on.xml}', *([f'not(@{on.xml})'] if absent else [])])})"
    tests = [f"@{on.xml} = {_literal(text)}" for text in texts if text is not None]
    if OTHER in values:
        others = [f"@{on.xml} = {_literal(text)}" for text in every if text not in (None, OTHER) and text is not None]
        tests = [" and ".join([f"@{on.xml}", *(f"not({test})" for test in others)]), *tests]
    if absent:
        tests.append(f"not(@{on.xml})")
    return f"({' or '.join(tests)})"


def _when_test(bound: Bound) -> str:
    """The condition under which a field may stand, as an assertion; empty when there is none."""
    return " and ".join(_condition(on, values) for on, values in bound.when.items())


def _condition(on: Bound, values: frozenset[str | None]) -> str:
    name = f"@{on.xml}"
    texts = sorted(value for value in values if value is not None)
    tests = [f"string({name}) = ({', '.join(_literal(text) for text in texts)})"] if texts else []
    tests = [f"{name} and {test}" for test in tests]
    may = _when_test(on)
    if on.implied is not None and on.implied in values:
        tests.append(f"not({name}) and ({may})" if may else f"not({name})")
    if None in values and on.implied is None:
        tests.append(f"not({name})")
    elif None in values and may:
        tests.append(f"not({name}) and not({may})")
    return f"({' or '.join(tests)})" if tests else "false()"


def _nodes(bound: Bound, targets: tuple[Target, ...]) -> str:
    if bound.kind == f.ATTRIBUTE:
        return f"@{bound.xml}"
    tags = [target.tag for target in targets] or list(bound.tags)
    return " | ".join(tag.rpartition("}")[2] for tag in tags)


def _there(bound: Bound, targets: tuple[Target, ...]) -> str:
    return f"exists({_nodes(bound, targets)})"


def _together(spec: Spec, rule: f.Together, fields: Fields) -> list[str]:
    bounds = [bound for bound in spec.ruled(rule) if bound in fields]
    tests = []
    for bound in bounds:
        for other in bounds:
            if other is not bound:
                may = _when_test(other)
                excuse = f" or not({may})" if may else ""
                tests.append(f"not({_there(bound, fields[bound])}) or {_there(other, fields[other])}{excuse}")
    return tests


def _one_of(spec: Spec, rule: f.OneOf, fields: Fields) -> list[str]:
    entries = [[spec.by_name[name] for name in entry if spec.by_name[name] in fields] for entry in rule.entries]
    entries = [entry for entry in entries if entry]
    if not entries:
        return []
    chosen = ["(" + " or ".join(_there(bound, fields[bound]) for bound in entry) + ")" for entry in entries]
    total = " + ".join(f"(if {test} then 1 else 0)" for test in chosen)
    tests = [f"{total} le 1"] if len(entries) > 1 else []
    if rule.required:
        conditions = [_when_test(bound) for entry in entries for bound in entry]
        excuse = "" if "" in conditions else f"not({' or '.join(f'({test})' for test in conditions)}) or "
        tests.append(f"{excuse}{' or '.join(chosen)}")
    for entry, test in zip(entries, chosen, strict=True):
        for bound in entry:
            if bound.minimum and len(entry) > 1:
                may = _when_test(bound)
                excuse = f" or not({may})" if may else ""
                tests.append(f"not{test} or {_there(bound, fields[bound])}{excuse}")
    return tests
