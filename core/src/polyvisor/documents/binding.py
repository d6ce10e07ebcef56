"""Resolved declarations: a class's fields with their annotations, names and targets made definite.

:func:`bind` runs once for a class, when it is first used. The reader, the writer, both emitters and the
diagnosis all work from the :class:`Spec` it returns, so they cannot disagree about what was declared.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from operator import itemgetter
from typing import Any, Union, get_args, get_origin

from polyvisor.documents import fields as f
from polyvisor.documents.classes import Declaration, Element, declared_fields, qualify, spec_of
from polyvisor.documents.datatypes import STRING, Datatype, by_python_type, either

Key = tuple[str | None, ...]
"""Discriminating attribute values as they stand in XML; None where the attribute is absent and has no default."""

_MANY = 1 << 30
_evaluated: dict[tuple[str, str], Any] = {}
"""(Module, annotation) -> what it means there; the same few annotations come over and over."""
_COMMON: dict[str, Any] = {"bool": bool, "int": int, "int | None": int | None, "str": str, "str | None": str | None}


class Bound:
    """A field, resolved. ``xml`` is the qualified XML name (empty for text and extensions)."""

    __slots__ = (
        "annotation",
        "attr",
        "by",
        "cases",
        "datatype",
        "default",
        "doc",
        "factory",
        "field",
        "kind",
        "maximum",
        "minimum",
        "omit_default",
        "required",
        "secret",
        "targets",
        "volatile",
        "when",
        "xml",
    )

    def __init__(self, field: f.Field, annotation: Any, datatype: Datatype | None) -> None:
        self.field = field
        self.attr, self.kind, self.doc = field.attr, field.kind, field.doc
        self.annotation = annotation
        self.datatype = datatype
        self.default, self.factory = field.default, field.factory
        self.required = field.required or (field.kind in f.LISTS and field.minimum > 0)
        self.minimum = field.minimum if field.kind in f.LISTS else int(field.required)
        self.maximum: int = _MANY if field.maximum is None else field.maximum
        self.volatile, self.secret, self.omit_default = field.volatile, field.secret, field.omit_default
        self.xml = ""
        self.targets: tuple[Target, ...] = ()
        self.by: tuple[Bound, ...] = ()
        self.cases: dict[Key, tuple[Target, ...]] = {}
        self.when: dict[Bound, frozenset[str | None]] = {}

    def __repr__(self) -> str:
        return f"<{self.kind} {self.attr} as {self.xml or 'text'}>"

    @property
    def is_element(self) -> bool:
        return self.kind not in (f.ATTRIBUTE, f.TEXT, f.EXTENSIONS)

    @property
    def unbounded(self) -> bool:
        return self.maximum == _MANY

    @property
    def discriminators(self) -> tuple[Bound, ...]:
        """The sibling attributes on which this field depends."""
        return tuple(dict.fromkeys((*self.by, *self.when)))

    @property
    def tags(self) -> tuple[str, ...]:
        """Every qualified tag that may stand for this field."""
        every = [self.targets, *self.cases.values()]
        return tuple(dict.fromkeys(target.tag for targets in every for target in targets)) or (
            (self.xml,) if self.xml else ()
        )

    def text(self, value: Any) -> str | None:
        """The XML text of a value, None for None."""
        if value is None or (isinstance(value, str) and not isinstance(value, Enum)):
            return value
        return str(value) if self.datatype is None else self.datatype.format(value)

    @property
    def implied(self) -> str | None:
        """The text that an absent attribute stands for."""
        return self.text(self.default)

    def of(self, node: Mapping[str, str]) -> str | None:
        """The raw value of this attribute, or what absence implies."""
        raw = node.get(self.xml)
        return self.implied if raw is None else raw


class Target:
    """What a child element of one tag is: one class, or the variants of a family by its own attributes."""

    __slots__ = ("_table", "by", "classes", "only", "tag")

    def __init__(self, tag: str, classes: tuple[type[Element], ...]) -> None:
        self.tag = tag
        self.classes = classes
        family = family_of(classes[0])
        self.only = classes[0] if family is None else None
        self.by = () if family is None else discriminators_of(family)
        self._table: dict[Key, type[Element]] | None = None

    @property
    def table(self) -> dict[Key, type[Element]]:
        """Discriminating values -> class."""
        if self._table is None:
            self._table = {key: cls for cls in self.classes for key in keys_of(cls)}
        return self._table

    def resolve(self, node: Any) -> type[Element] | None:
        """The class of an element (anything with ``get(attribute)``); None when no variant has its values."""
        if self.only is not None:
            return self.only
        key = tuple([bound.of(node) for bound in self.by])
        return self.table.get(key) or self.table.get(_as_listed(self.by, key))

    def grouped(self) -> Iterator[tuple[type[Element], tuple[Key, ...]]]:
        """Each class with the keys that choose it."""
        for cls in dict.fromkeys(self.table.values()):
            yield cls, tuple(key for key, found in self.table.items() if found is cls)


class Spec:
    """A class, resolved."""

    __slots__ = (
        "attributes",
        "by_name",
        "cls",
        "converters",
        "declaration",
        "defaults",
        "elements",
        "extensions",
        "factories",
        "fields",
        "lists",
        "mutable",
        "nested",
        "nested_of",
        "plans",
        "required",
        "rules",
        "text",
    )

    def __init__(self, cls: type[Element], fields: tuple[Bound, ...]) -> None:
        self.cls = cls
        self.declaration: Declaration = cls.declaration
        self.fields = fields
        self.by_name = {bound.attr: bound for bound in fields}
        self.attributes = {bound.xml: bound for bound in fields if bound.kind == f.ATTRIBUTE}
        self.elements: dict[str, Bound] = {}
        self.text = next((bound for bound in fields if bound.kind == f.TEXT), None)
        self.extensions = next((bound for bound in fields if bound.kind == f.EXTENSIONS), None)
        self.rules = self.declaration.rules
        self.lists = tuple(bound.attr for bound in fields if bound.kind in f.LISTS)
        self.factories = tuple((bound.attr, bound.factory) for bound in fields if bound.factory is not None)
        self.converters = tuple(bound.field for bound in fields if bound.field.convert is not None)
        self.defaults = {bound.attr: bound.default for bound in fields if bound.kind not in f.LISTS}
        self.required = frozenset(
            bound.attr
            for bound in fields
            if bound.required and bound.default is None and bound.kind not in f.LISTS and not bound.field.when
        )
        self.nested = tuple(bound.attr for bound in fields if bound.kind in (f.CHILD, f.CHILDREN, f.EXTENSIONS))
        self.nested_of = _values_of(self.nested)
        self.mutable = tuple(bound.attr for bound in fields if bound.kind in (f.CHILD, f.RAW) or bound.kind in f.LISTS)
        self.plans: dict[str, Any] = {}

    @property
    def tag(self) -> str:
        return self.declaration.qualified

    def ruled(self, rule: f.Rule) -> tuple[Bound, ...]:
        """The fields that a rule names."""
        names = rule.fields if isinstance(rule, f.Together) else [name for entry in rule.entries for name in entry]
        return tuple(self.by_name[name] for name in names)

    def plan(self, name: str, make: Callable[[Spec], Any]) -> Any:
        """Something compiled from this spec once and kept: a reader, a writer."""
        found = self.plans.get(name)
        if found is None:
            found = self.plans[name] = make(self)
        return found


def _values_of(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]] | None:
    """A function that takes the values of these names out of an object's state; None for no names."""
    if len(names) > 1:
        return itemgetter(*names)
    return (lambda state: (state[names[0]],)) if names else None


def _as_listed(by: tuple[Bound, ...], key: Key) -> Key:
    """The key with words that are not listed, where the list is open, as one that is: all count alike."""
    return tuple(
        on.datatype.enumeration[0]
        if on.datatype is not None and on.datatype.open and value is not None and not on.datatype.accepts(value)
        else value
        for on, value in zip(by, key, strict=True)
    )


def family_of(cls: type[Element]) -> type[Element] | None:
    """The family base that a class is or belongs to."""
    declaration: Declaration = cls.declaration
    return cls if declaration.by and declaration.family is None else declaration.family


def discriminators_of(family: type[Element]) -> tuple[Bound, ...]:
    by_name = spec_of(family).by_name
    return tuple(by_name[name] for name in family.declaration.by)


def keys_of(cls: type[Element]) -> tuple[Key, ...]:
    """The discriminating values of a variant; those no variant claims for the base itself."""
    family = family_of(cls)
    if family is None:
        return ()
    discriminators = discriminators_of(family)
    if cls is not family:
        return tuple(_raw_key(discriminators, key) for key in cls.declaration.keys)
    if len(discriminators) > 1:
        return ()
    claimed = {key for variant in family.declaration.variants for key in keys_of(variant)}
    (only,) = discriminators
    possible: list[str | None] = (
        list(only.datatype.values()) if only.datatype is not None and only.datatype.listed else []
    )
    if only.default is None and not only.required:
        possible.append(None)
    return tuple((value,) for value in possible if (value,) not in claimed)


def members_of(cls: type[Element]) -> tuple[type[Element], ...]:
    """What an annotation naming the class stands for: all variants and the base, for a family base."""
    declaration: Declaration = cls.declaration
    if declaration.by and declaration.family is None:
        return (*declaration.variants, cls)
    return (cls,)


def root_target(root: type[Element]) -> Target:
    """The root of a document as a target: any variant, when the class is the base of a family."""
    return Target(root.declaration.qualified, members_of(root))


def bind(cls: type[Element]) -> Spec:
    """Resolve a class's annotations and fields; TypeError names what was declared wrongly."""
    if not hasattr(cls, "declaration"):
        raise TypeError(f"{cls.__qualname__} is not declared with @element")
    fields = tuple(_bound(cls, owner, field) for owner, field in declared_fields(cls))
    spec = Spec(cls, fields)
    for bound in fields:
        _resolve_conditions(spec, bound)
    _imply_variant(spec)
    for bound in fields:
        if not bound.is_element:
            continue
        for tag in bound.tags:
            if tag in spec.elements:
                raise TypeError(f"{cls.__qualname__}: both {spec.elements[tag].attr} and {bound.attr} are <{tag}>")
            spec.elements[tag] = bound
    _check_rules(spec)
    return spec


def _check_rules(spec: Spec) -> None:
    where = spec.cls.__qualname__
    deciding = {on for bound in spec.fields for on in bound.discriminators}
    seen: set[Bound] = set()
    for rule in spec.rules:
        try:
            ruled = spec.ruled(rule)
        except KeyError as error:
            raise TypeError(f"{where}: {rule} names {error}, which is no field") from None
        for bound in ruled:
            if bound in seen or bound in deciding or bound.kind in (f.TEXT, f.EXTENSIONS):
                raise TypeError(f"{where}: {bound.attr} cannot be in {rule}: it is in another rule, or decides others")
            seen.add(bound)
    spec.required -= frozenset(bound.attr for bound in seen)


def _bound(cls: type[Element], owner: type, field: f.Field) -> Bound:
    annotation = _annotation(owner, field.attr)
    where = f"{cls.__qualname__}.{field.attr}"
    plain = without_none(annotation)
    if field.kind in f.LISTS:
        plain = without_none(get_args(annotation)[0]) if get_origin(annotation) is list else ()
        if not plain:
            raise TypeError(f"{where}: a field that repeats is annotated list[...]")
    declaration: Declaration = cls.declaration
    bound = Bound(field, annotation, _datatype(field, plain, where))
    name = field.name or field.attr.rstrip("_")
    if field.kind == f.ATTRIBUTE:
        bound.xml = name
    elif field.kind in (f.VALUE, f.VALUES, f.FLAG, f.RAW):
        bound.xml = qualify(name, declaration.namespace)
    elif field.kind in (f.CHILD, f.CHILDREN) and not field.by:
        bound.targets = _targets(plain, field.name, where)
        bound.xml = bound.targets[0].tag
    return bound


def _datatype(field: f.Field, plain: tuple[Any, ...], where: str) -> Datatype | None:
    if field.kind in (f.CHILD, f.CHILDREN, f.FLAG, f.RAW, f.EXTENSIONS):
        return None
    if field.datatype is not None:
        return by_python_type(field.datatype)
    try:
        found = [by_python_type(part) for part in plain]
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from None
    return found[0] if len(found) == 1 else either(*found) if found else STRING


def _targets(plain: tuple[Any, ...], name: str | None, where: str) -> tuple[Target, ...]:
    by_tag: dict[str, list[type[Element]]] = {}
    for part in plain:
        if not (isinstance(part, type) and issubclass(part, Element)):
            raise TypeError(f"{where}: {part!r} is no Element class")
        for cls in members_of(part):
            tag = qualify(name, cls.declaration.namespace) if name else cls.declaration.qualified
            by_tag.setdefault(tag, []).append(cls)
    if not by_tag:
        raise TypeError(f"{where}: the annotation names no Element class")
    targets = []
    for tag, classes in by_tag.items():
        if len(classes) > 1 and len({family_of(cls) for cls in classes}) > 1:
            raise TypeError(
                f"{where}: {', '.join(cls.__name__ for cls in classes)} are all <{tag}>; use by= and cases="
            )
        targets.append(Target(tag, tuple(classes)))
    return tuple(targets)


def _resolve_conditions(spec: Spec, bound: Bound) -> None:
    where = f"{spec.cls.__qualname__}.{bound.attr}"

    def sibling(name: str) -> Bound:
        found = spec.by_name.get(name)
        if found is None or found.kind != f.ATTRIBUTE or found is bound:
            raise TypeError(f"{where} depends on {name!r}, which is no other attribute of {spec.cls.__name__}")
        return found

    for name, allowed in (bound.field.when or {}).items():
        options = allowed if isinstance(allowed, tuple | list | set | frozenset) else (allowed,)
        on = sibling(name)
        bound.when[on] = frozenset(on.text(option) for option in options)
    if bound.field.by:
        bound.by = tuple(sibling(name) for name in bound.field.by)
        for key, classes in (bound.field.cases or {}).items():
            raw = _raw_key(bound.by, key if isinstance(key, tuple) else (key,))
            bound.cases[raw] = _targets(without_none(classes), bound.field.name, where)
        if not bound.cases:
            raise TypeError(f"{where}: by= needs cases=")
        bound.xml = bound.tags[0]


def _raw_key(by: tuple[Bound, ...], key: tuple[Any, ...]) -> Key:
    if len(key) != len(by):
        raise TypeError(f"{key!r} does not give one value for each of {', '.join(bound.attr for bound in by)}")
    return tuple(bound.text(value) for bound, value in zip(by, key, strict=True))


def _imply_variant(spec: Spec) -> None:
    """A variant chosen by one value has that value as its default, so ``PciAddress()`` need not repeat it."""
    declaration = spec.declaration
    if declaration.family is None or len(declaration.keys) != 1:
        return
    for name, value in zip(declaration.family.declaration.by, declaration.keys[0], strict=True):
        bound = spec.by_name[name]
        raw = bound.text(value)
        spec.defaults[name] = raw if raw is None or bound.datatype is None else bound.datatype.parse(raw)
    spec.required -= frozenset(declaration.family.declaration.by)


def _annotation(owner: type, name: str) -> Any:
    annotation = owner.__annotations__.get(name)
    if annotation is None:
        raise TypeError(f"{owner.__qualname__}.{name} has no annotation")
    if not isinstance(annotation, str):
        return _held(annotation)
    if annotation in _COMMON:
        return _COMMON[annotation]
    key = (owner.__module__, annotation)
    if key not in _evaluated:
        try:
            _evaluated[key] = eval(annotation, vars(sys.modules[owner.__module__]))
        except NameError as error:
            raise TypeError(f"{owner.__qualname__}.{name}: {annotation}: {error}") from None
        _evaluated[key] = _held(_evaluated[key])
    return _evaluated[key]


def _held(annotation: Any) -> Any:
    """What a field reads as: the first of the types of ``Takes``."""
    return get_args(annotation)[0] if get_origin(annotation) is f.Takes else annotation


def without_none(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(part for part in get_args(annotation) if part is not type(None))
    return () if annotation is type(None) else (annotation,)
