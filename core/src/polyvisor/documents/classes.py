"""Element classes: :class:`Element`, and the decorators that bind one to an XML element.

A decorator notes the tag and nothing more; all else waits until a class is used. Importing a model of
hundreds of classes therefore costs what the ``class`` statements cost.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeGuard, TypeVar, dataclass_transform

from polyvisor.documents.fields import Field, Rule, required

if TYPE_CHECKING:
    from polyvisor.documents.binding import Bound, Spec

E = TypeVar("E", bound="type[Element]")


class Declaration:
    """What the decorator said of a class."""

    __slots__ = ("by", "extends", "family", "keys", "kind", "namespace", "prefix", "rules", "tag", "variants")

    def __init__(
        self,
        tag: str,
        *,
        namespace: str | None = None,
        prefix: str | None = None,
        by: str | tuple[str, ...] = (),
        rules: Iterable[Rule] = (),
        extends: str | None = None,
        kind: str | None = None,
    ) -> None:
        if namespace and not prefix:
            raise TypeError(f"<{tag}>: a namespace needs the prefix it is written with")
        self.tag = tag
        self.namespace = namespace
        self.prefix = prefix
        self.by = (by,) if isinstance(by, str) else tuple(by)
        self.rules = tuple(rules)
        self.extends = extends
        self.kind = kind
        self.family: type[Element] | None = None
        self.keys: tuple[tuple[Any, ...], ...] = ()
        self.variants: list[type[Element]] = []

    @property
    def qualified(self) -> str:
        """The tag as lxml spells it: ``{namespace}tag`` or ``tag``."""
        return qualify(self.tag, self.namespace)


def qualify(tag: str, namespace: str | None) -> str:
    return f"{{{namespace}}}{tag}" if namespace else tag


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(required,))
class Element:
    """A document element. Fields are keyword arguments and plain attributes; equality is field by field.

    ``line`` is the line of the source document, or None; it takes no part in equality."""

    declaration: ClassVar[Declaration]
    tag: ClassVar[str]
    _spec: ClassVar[Spec | None] = None
    line: int | None = None

    __hash__ = None  # type: ignore[assignment]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._spec = None  # its own; a base's is another

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        spec = cls._spec or spec_of(cls)
        state = spec.defaults.copy()
        for name in spec.lists:
            state[name] = []
        state.update(values)
        if len(state) > len(spec.by_name):
            raise TypeError(_unknown_keyword(cls, spec, values))
        for field in spec.converters:
            if field.attr in values:
                state[field.attr] = field.converted(values[field.attr])
        for name, factory in spec.factories:
            if name not in values:
                state[name] = factory()
        self.__dict__ = state
        if spec.required and not spec.required <= values.keys():
            missing = [name for name in spec.by_name if name in spec.required and name not in values]
            raise TypeError(f"{type(self).__name__}() needs {', '.join(missing)}")

    @classmethod
    def fields(cls) -> tuple[Bound, ...]:
        """The declared fields, in the order in which they are written."""
        return spec_of(cls).fields

    def replace(self, **changes: Any) -> Self:
        """A shallow copy with some fields changed."""
        spec = spec_of(type(self))
        if not changes.keys() <= spec.by_name.keys():
            raise TypeError(_unknown_keyword(type(self), spec, changes))
        twin = copy.copy(self)
        for name, value in changes.items():
            setattr(twin, name, value)
        return twin

    def copy(self) -> Self:
        """A deep copy."""
        cls = type(self)
        twin = object.__new__(cls)
        twin.__dict__ = state = self.__dict__.copy()
        for name in (cls._spec or spec_of(cls)).mutable:
            value = state[name]
            if value is None:
                continue
            if type(value) is list:
                state[name] = [each.copy() if isinstance(each, Element) else each for each in value] if value else []
            else:  # several times quicker than deepcopy, which does not know what it will meet
                state[name] = value.copy() if isinstance(value, Element) else copy.deepcopy(value)
        return twin

    def at_rest(self) -> Self:
        """This element as a stored configuration has it: a copy without what was chosen at the start, or itself."""
        return self

    @property
    def runtime_only(self) -> bool:
        """Whether this element belongs to a running object alone, so that it is written with ``live`` only."""
        return False

    def contradiction(self, within: Element) -> str | None:
        """For a contributed element: what keeps it from standing in ``within``, which is completed; else None."""
        return None

    def walk(self) -> Iterator[Element]:
        """This element and every Element below it, in document order."""
        found: list[Element] = []
        _gather(self, found)
        return iter(found)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return all(mine[name] == theirs[name] for name in spec_of(type(self)).by_name)

    def __repr__(self) -> str:
        spec = spec_of(type(self))
        said = (
            f"{name}={'...' if (field := spec.by_name.get(name)) and field.secret else repr(value)}"
            for name, value in self.__dict__.items()
            if name != "line" and value != [] and not (name in spec.defaults and spec.defaults[name] == value)
        )
        return f"{type(self).__name__}({', '.join(said)})"

    def __str__(self) -> str:
        from polyvisor.documents.writer import write

        return write(self)


def _gather(element: Element, found: list[Element]) -> None:
    """Append ``element`` and all below it."""
    found.append(element)
    cls = type(element)
    nested = (cls._spec or spec_of(cls)).nested_of
    if nested is None:
        return
    for value in nested(element.__dict__):
        if value is None:
            continue
        if type(value) is list:
            for each in value:
                _gather(each, found)
        else:
            _gather(value, found)


def element(tag: str, **options: Any) -> Callable[[E], E]:
    """Bind a class to an XML element.

    Options: ``namespace`` and ``prefix`` (for elements of drivers); ``by`` (attribute, or tuple of them, that chooses
    among the :func:`variant` classes of this base); ``rules`` (:class:`OneOf`, :class:`Together`); ``extends`` (tag of
    the element that a contributed one may stand in; whoever contributes a class says it); ``kind`` (name of the
    committed schema of a root element)."""

    def bind(cls: E) -> E:
        cls.declaration = Declaration(tag, **options)
        cls.tag = tag
        return cls

    return bind


def variant(*keys: Any, rules: Iterable[Rule] = ()) -> Callable[[E], E]:
    """Bind a subclass to the element of its family when the family's ``by`` attribute has one of these values.

    None stands for the attribute being absent; a family by several attributes takes tuples."""

    def bind(cls: E) -> E:
        family = next((base for base in cls.__mro__[1:] if _is_family(base)), None)
        if family is None:
            raise TypeError(f"{cls.__name__} is a variant of nothing: no base is declared with @element(tag, by=...)")
        above: Declaration = family.declaration
        declaration = Declaration(
            above.tag,
            namespace=above.namespace,
            prefix=above.prefix,
            rules=(*above.rules, *rules),
            extends=above.extends,
        )
        declaration.family = family
        declaration.keys = tuple(key if isinstance(key, tuple) else (key,) for key in keys)
        cls.declaration = declaration
        above.variants.append(cls)
        return cls

    return bind


def _is_family(base: type) -> TypeGuard[type[Element]]:
    declaration: Declaration | None = base.__dict__.get("declaration")
    return declaration is not None and bool(declaration.by)


def spec_of(cls: type[Element]) -> Spec:
    """The class's resolved declaration, made at first use."""
    if cls._spec is None:
        from polyvisor.documents.binding import bind

        cls._spec = bind(cls)
    return cls._spec


def declared_fields(cls: type[Element]) -> list[tuple[type, Field]]:
    """Each Field of the class with the class whose body has it: bases first, ``last`` ones at the end."""
    found: dict[str, tuple[type, Field]] = {}
    for base in reversed(cls.__mro__):
        for name, value in base.__dict__.items():
            if isinstance(value, Field):
                found[name] = (base, value)
    return sorted(found.values(), key=lambda entry: entry[1].last)


def _unknown_keyword(cls: type[Element], spec: Spec, values: Mapping[str, Any]) -> str:
    from polyvisor.documents.nearest import nearest

    name = next(name for name in values if name not in spec.by_name)
    close = nearest(name, spec.by_name)
    hint = f"; did you mean {close!r}?" if close else f"; it has {', '.join(spec.by_name)}"
    return f"{cls.__name__} has no field {name!r}{hint}"
