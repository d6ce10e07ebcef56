"""RELAX NG out of the declarations: the gate's grammar.

Written for libxml2 as much as for the specification: libxml2 loses elements when an ``interleave`` stands inside a
``choice`` inside an ``interleave``, so whatever chooses between sets of child elements chooses between whole contents,
and an interleave holds plain element patterns only. Conditions on attributes alone stay small choices of their own.
Optional attributes have an interleave to themselves, so that libxml2 takes each as it comes (:func:`patterns.greedy`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from lxml import etree

from polyvisor.documents import fields as f
from polyvisor.documents import patterns as p
from polyvisor.documents.binding import Bound, Key, Spec, Target, discriminators_of, family_of, root_target
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.conditions import OTHER, Case, Values, components, domain
from polyvisor.documents.contributions import Contribution, classes, words
from polyvisor.documents.datatypes import Datatype
from polyvisor.documents.patterns import NAMESPACE, Pattern

Fields = dict[Bound, tuple[Target, ...]]
"""Fields of a content, with what the child ones may be."""


class Content:
    """One content of an element: patterns of its attributes and of its child elements."""

    __slots__ = ("attributes", "elements")

    def __init__(self, attributes: Iterable[Pattern] = (), elements: Iterable[Pattern] = ()) -> None:
        self.attributes = tuple(attributes)
        self.elements = tuple(elements)

    def __add__(self, other: Content) -> Content:
        return Content((*self.attributes, *other.attributes), (*self.elements, *other.elements))

    def pattern(self, data: Pattern = p.EMPTY) -> Pattern:
        optional = [pattern for pattern in self.attributes if p.is_optional_attribute(pattern)]
        others = [pattern for pattern in self.attributes if pattern not in optional]
        if len(optional) > 1:
            optional = [p.interleave(p.greedy(pattern) for pattern in optional)]
        return p.group((*others, *optional, p.interleave(self.elements) if self.elements else data))


def emit(root: type[Element], contributions: Sequence[Contribution] = (), *others: type[Element]) -> bytes:
    """The grammar of the documents whose root is ``root`` or one of ``others``, with what drivers contribute."""
    grammar = _Grammar(root)
    start = Pattern("start", (), (p.choice([grammar.element(root_target(each)) for each in (root, *others)]),))
    tree = Pattern("grammar", (("datatypeLibrary", p.DATATYPES),), (start, *grammar.patterns())).tree()
    _contribute(tree, root, contributions)
    return _serialised(tree)


def merge(committed: bytes, root: type[Element], contributions: Sequence[Contribution]) -> bytes:
    """A grammar that :func:`emit` wrote, extended by contributions without emitting it again."""
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True, resolve_entities=False, no_network=True)
    tree = etree.fromstring(committed, parser)
    _contribute(tree, root, contributions)
    return _serialised(tree)


def extensible(committed: bytes, contributions: Iterable[Contribution]) -> bool:
    """Whether any of the contributions has a place in a grammar that :func:`emit` wrote."""
    brought = tuple(contributions)
    names = {_extension_point(str(cls.declaration.extends)) for cls in classes(brought)}
    names |= {_word_list(datatype) for datatype in words(brought)}
    return any(f'<define name="{name}">'.encode() in committed for name in names)


def _serialised(tree: etree._Element) -> bytes:
    etree.indent(tree, "  ")
    return bytes(etree.tostring(tree, encoding="UTF-8", xml_declaration=True)) + b"\n"


def _contribute(tree: etree._Element, root: type[Element], contributions: Sequence[Contribution]) -> None:
    """Add the definitions of contributed elements and put references to them where they may stand; add words.

    Their names get a prefix of their own: definitions of the same class inside and outside may differ."""
    if not contributions:
        return
    grammar = _Grammar(root, prefix="contributed.")
    present = {str(ref.get("name")) for ref in tree.iter(f"{{{NAMESPACE}}}ref")}
    points: dict[str, list[Pattern]] = {}
    for cls in classes(contributions):
        point = _extension_point(str(cls.declaration.extends))
        if point not in present:
            continue
        points.setdefault(point, []).append(p.optional(grammar.element(Target(cls.declaration.qualified, (cls,)))))
    for ref in list(tree.iter(f"{{{NAMESPACE}}}ref")):
        here = points.get(ref.get("name") or "")
        parent = ref.getparent()
        if here and parent is not None:
            branches = [pattern.tree() for pattern in here]
            if parent.tag == f"{{{NAMESPACE}}}interleave":
                parent[parent.index(ref) : parent.index(ref) + 1] = branches
            else:
                parent.replace(ref, p.interleave(here).tree())
    tree.extend(pattern.tree() for pattern in grammar.patterns())
    _add_words(tree, words(contributions))


def _add_words(tree: etree._Element, further: Mapping[str, Sequence[str]]) -> None:
    """Add contributed words to the definitions of open datatypes."""
    names = {_word_list(datatype): texts for datatype, texts in further.items()}
    for define in tree.iter(f"{{{NAMESPACE}}}define"):
        for text in names.get((define.get("name") or "").removeprefix("contributed."), ()):
            define[0].append(p.value(text).tree())


def _word_list(datatype: str) -> str:
    return _xml_name(f"words.{datatype}")


def _xml_name(name: str) -> str:
    return re.sub("[^A-Za-z0-9.]+", "-", name).strip("-")


def _extension_point(tag: str) -> str:
    return f"extensions.{tag}"


class _Grammar:
    """Definitions collected while walking from the root; each pattern is made once and referred to by name."""

    def __init__(self, root: type[Element], prefix: str = "") -> None:
        self.root = root
        self.prefix = prefix
        self._defines: dict[str, Pattern] = {}
        self._names: dict[object, str] = {}

    def patterns(self) -> Iterator[Pattern]:
        """The definitions, by name."""
        for name, content in sorted(self._defines.items()):
            yield Pattern("define", (("name", name),), content.children if content.tag == "group" else (content,))

    def _new_name(self, identity: object, name: str) -> str:
        name = self.prefix + _xml_name(name)
        unique, count = name, 1
        while unique in self._defines:
            count += 1
            unique = f"{name}.{count}"
        self._names[identity] = unique
        self._defines[unique] = p.NOTHING  # holds the name while the body, which may refer to it, is made
        return unique

    # -- elements ---------------------------------------------------------------------------------

    def element(self, target: Target) -> Pattern:
        """A reference to the element pattern of a target."""
        identity = (target.tag, target.classes)
        if identity not in self._names:
            family = family_of(target.classes[0])
            named = target.classes[0] if len(target.classes) == 1 or family is None else family
            name = self._new_name(identity, named.__name__)
            self._defines[name] = p.element(target.tag, self._body(target))
        return p.ref(self._names[identity])

    def _body(self, target: Target) -> Pattern:
        if target.only is not None:
            return self._content(target.only)
        return p.choice(self._content(cls, keys) for cls, keys in target.grouped())

    def _content(self, cls: type[Element], keys: tuple[Key, ...] = ()) -> Pattern:
        """Everything inside the element: a choice of contents where conditions choose among child elements."""
        spec = spec_of(cls)
        family = family_of(cls)
        by = tuple(spec.by_name[on.attr] for on in discriminators_of(family)) if family is not None and keys else ()
        found = components(spec, keys, by)
        alternatives = [
            [content for case in component.cases for content in self._case(spec, case)] for component in found
        ]
        settled = {bound for component in found for bound in component.members}
        rest: Fields = {bound: bound.targets for bound in spec.fields if bound not in settled}
        alternatives += self._ruled(spec, rest)
        data = self._text(spec.text) if spec.text is not None else p.EMPTY
        return p.choice(content.pattern(data) for content in _contents(alternatives))

    def _case(self, spec: Spec, case: Case) -> list[Content]:
        """The contents of one case of a component."""
        fixed = Content(pattern for on, values in case.values.items() for pattern in self._deciding(spec, on, values))
        return _contents([[fixed], *self._ruled(spec, dict(case.allowed))])

    def _deciding(self, spec: Spec, on: Bound, values: Values) -> Iterator[Pattern]:
        """An attribute restricted to some of its values."""
        every = {text for text in domain(spec, on) if text is not None}
        texts = [text for text in domain(spec, on) if text in values and text is not None]
        if not texts or on.datatype is None:
            return
        if values >= every:
            content = self._data(on.datatype)
        elif OTHER in values:
            content = p.data(on.datatype, [text for text in domain(spec, on) if text and text not in values])
        else:
            content = p.choice(p.value(text) for text in texts)
        attribute = p.attribute(on.xml, content)
        absent = None in values or (on.implied in values and not on.required)
        yield p.optional(attribute) if absent else attribute

    def _ruled(self, spec: Spec, fields: Fields) -> list[list[Content]]:
        """The fields as lists of alternatives, one to be chosen from each: one list for each rule, one for the rest."""
        ruled: set[Bound] = set()
        lists = []
        for rule in spec.rules:
            present = [bound for bound in spec.ruled(rule) if bound in fields]
            if present:
                ruled.update(present)
                lists.append(
                    self._together(present, fields)
                    if isinstance(rule, f.Together)
                    else self._one_of(spec, rule, fields)
                )
        plain = [self._field(spec, bound, targets) for bound, targets in fields.items() if bound not in ruled]
        return [[sum(plain, Content())], *lists]

    def _together(self, present: list[Bound], fields: Fields) -> list[Content]:
        every = [self._field(None, bound, fields[bound], needed=True) for bound in present]
        return [sum(every, Content()), Content()]

    def _one_of(self, spec: Spec, rule: f.OneOf, fields: Fields) -> list[Content]:
        """At least one field of the entry that is chosen, none of the others."""
        options = []
        for entry in rule.entries:
            bounds = [spec.by_name[name] for name in entry if spec.by_name[name] in fields]
            for index, first in enumerate(bounds):
                if any(bound.minimum for bound in bounds[:index]):
                    break
                content = self._field(spec, first, fields[first], needed=True)
                later = [self._field(spec, bound, fields[bound]) for bound in bounds[index + 1 :]]
                options.append(sum(later, content))
        return options if rule.required else [*options, Content()]

    # -- fields -----------------------------------------------------------------------------------

    def _field(self, spec: Spec | None, bound: Bound, targets: tuple[Target, ...], needed: bool = False) -> Content:
        """One field; ``needed`` when it must be there though its declaration does not require it."""
        least = max(bound.minimum, int(needed))
        if bound.kind == f.TEXT:
            return Content()
        if bound.kind == f.EXTENSIONS:
            return Content((), (self._extensions(spec),) if spec is not None else ())
        if bound.kind == f.ATTRIBUTE and bound.datatype is not None:
            attribute = p.attribute(bound.xml, self._data(bound.datatype))
            return Content([attribute if least else p.optional(attribute)])
        pattern = p.choice(self.element(target) for target in targets) if targets else self._simple(bound)
        return Content((), (p.repeated(pattern, least, None if bound.unbounded else bound.maximum),))

    def _extensions(self, spec: Spec) -> Pattern:
        name = _extension_point(spec.declaration.tag)
        self._defines.setdefault(name, p.EMPTY)
        return p.ref(name)

    def _simple(self, bound: Bound) -> Pattern:
        """The element of a field that is no Element class: a value, a flag, or anybody's XML."""
        if bound.kind == f.FLAG or bound.datatype is None:
            return p.element(bound.xml, p.EMPTY if bound.kind == f.FLAG else self._anything())
        return p.element(bound.xml, self._data(bound.datatype))

    def _text(self, bound: Bound) -> Pattern:
        assert bound.datatype is not None
        data = self._data(bound.datatype)
        return data if bound.required or bound.datatype.any_text else p.choice([data, p.EMPTY])

    def _anything(self) -> Pattern:
        """Any elements whatever, with any content."""
        name = self._names.get("anything") or self._new_name("anything", "anyElement")
        any_name = Pattern("anyName")
        inside = p.choice([Pattern("attribute", (), (any_name,)), p.TEXT, p.ref(name)])
        self._defines[name] = Pattern("element", (), (any_name, Pattern("zeroOrMore", (), (inside,))))
        return Pattern("zeroOrMore", (), (p.ref(name),))

    def _data(self, datatype: Datatype) -> Pattern:
        """A datatype: in place when it is short, by name when it is worth sharing."""
        if datatype.any_text:
            return p.TEXT
        pattern = p.data(datatype)
        if datatype.open:
            name = self.prefix + _word_list(datatype.name)
            self._defines[name] = pattern
            return p.ref(name)
        if datatype.numeric or len(datatype.enumeration) in (1, 2):
            return pattern
        if pattern not in self._names:
            self._defines[self._new_name(pattern, f"type.{datatype.name}")] = pattern
        return p.ref(self._names[pattern])


def _contents(alternatives: Sequence[Sequence[Content]]) -> list[Content]:
    """Every way of choosing one content from each list.

    Alternatives of attributes only, or of single elements only, become one pattern instead of multiplying the whole."""
    shared = Content()
    choosing = []
    for options in alternatives:
        if len(options) == 1:
            shared += options[0]
        elif not any(option.elements for option in options):
            shared += Content([p.choice(option.pattern() for option in options)])
        elif all(len(option.elements) <= 1 and not option.attributes for option in options):
            shared += Content((), [p.choice(option.pattern() for option in options)])
        else:
            choosing.append(options)
    return [sum(chosen, shared) for chosen in product(*choosing)]
