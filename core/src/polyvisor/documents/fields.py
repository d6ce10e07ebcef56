"""Field declarations: what one attribute, child or text of an element is.

The functions here are what a model module writes in an :class:`~polyvisor.documents.classes.Element` class
body. They only record what was said; :mod:`~polyvisor.documents.binding` resolves annotations when the
class is first used, so declaring hundreds of elements costs next to nothing.

They are typed ``Any`` because the annotation beside them says what the value is. Type checkers take a field for an
optional keyword argument of its class, and one inside :func:`required` for one that must be given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from polyvisor.documents.datatypes import Datatype

Held = TypeVar("Held")
Given = TypeVar("Given")

ATTRIBUTE, TEXT, CHILD, CHILDREN, VALUE, VALUES, FLAG, RAW, EXTENSIONS = (
    "attribute",
    "text",
    "child",
    "children",
    "value",
    "values",
    "flag",
    "raw",
    "extensions",
)
LISTS = frozenset((CHILDREN, VALUES, EXTENSIONS))


class Field:
    """One declared field. ``attr`` is its Python name, ``name`` its XML name when that differs."""

    __slots__ = (
        "attr",
        "by",
        "cases",
        "constructed",
        "convert",
        "datatype",
        "default",
        "doc",
        "factory",
        "kind",
        "last",
        "maximum",
        "minimum",
        "name",
        "omit_default",
        "required",
        "secret",
        "volatile",
        "when",
    )

    def __init__(
        self,
        kind: str,
        *,
        datatype: Datatype | type | None = None,
        name: str | None = None,
        required: bool = False,
        default: Any = None,
        factory: Callable[[], Any] | None = None,
        when: Mapping[str, Any] | None = None,
        by: str | tuple[str, ...] = (),
        cases: Mapping[Any, Any] | None = None,
        minimum: int = 0,
        maximum: int | None = 1,
        doc: str = "",
        volatile: bool = False,
        secret: bool = False,
        omit_default: bool = False,
        last: bool = False,
        convert: Callable[[Any], Any] | None = None,
    ) -> None:
        self.kind = kind
        self.attr = ""
        self.datatype = datatype
        self.name = name
        self.required = required
        self.default = default
        self.factory = factory
        self.when = when
        self.by = (by,) if isinstance(by, str) else tuple(by)
        self.cases = cases
        self.minimum = minimum
        self.maximum = maximum
        self.doc = doc
        self.volatile = volatile
        self.secret = secret
        self.omit_default = omit_default
        self.last = last
        self.convert = convert
        self.constructed = False

    def __set_name__(self, owner: type, name: str) -> None:
        self.attr = name

    def __repr__(self) -> str:
        return f"<{self.kind} {self.attr or self.name}>"

    def converted(self, value: Any) -> Any:
        """A value that a program gave as the field holds it."""
        if self.convert is None or value is None or hasattr(value, "declaration"):
            return value
        return self.convert(value)


class Takes(Field, Generic[Held, Given]):
    """The annotation of a field that reads as one type and takes another as well, by its ``convert=``::

    memory: Takes[Memory | None, int] = child(convert=Memory.of)
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type) -> Held: ...

        def __set__(self, instance: object, value: Held | Given) -> None: ...

    else:

        def __get__(self, instance, owner):
            return self if instance is None else instance.__dict__[self.attr]

        def __set__(self, instance, value):
            instance.__dict__[self.attr] = self.converted(value)


def _field(kind: str, **options: Any) -> Any:
    return (Takes if options.get("convert") else Field)(kind, **options)


def required(field: Any) -> Any:
    """A field without which the element cannot be, so that its constructor wants it: ``name: str = required(value())``.

    Say ``required=True`` of a field that is required only beside certain attributes, in a rule, or in some variants."""
    field.required = field.constructed = True
    return field


def attribute(datatype: Datatype | type | None = None, **options: Any) -> Any:
    """An XML attribute: ``<disk type='file'>``.

    ``datatype`` when the annotation does not say enough. Options common to all fields: ``name`` (XML name),
    ``required``, ``default`` (what absence reads as), ``when`` (``{"sibling attribute": value or values}``: legal
    only then), ``doc``, ``volatile`` (live documents only), ``secret`` (written only when asked), ``omit_default``
    (not written when equal to the default), ``last`` (written after the fields of derived classes), ``convert`` (makes
    the Element of another value that a program gives; see :class:`Takes`)."""
    return _field(ATTRIBUTE, datatype=datatype, **options)


def text(datatype: Datatype | type | None = None, **options: Any) -> Any:
    """The element's own text: ``<memory unit='KiB'>1048576</memory>``."""
    return _field(TEXT, datatype=datatype, **options)


def child(name: str | None = None, **options: Any) -> Any:
    """One child element of an Element class; its tag is ``name``, else that of the class.

    With ``by`` (one attribute of this element, or a tuple of them) and ``cases`` (value or tuple of values -> class or
    union of classes) the class depends on what stands beside it. ``factory`` makes the value for an absent child."""
    return _field(CHILD, name=name, **options)


def children(name: str | None = None, *, min: int = 0, max: int | None = None, **options: Any) -> Any:
    """A child element that repeats; reads as a list. ``min`` and ``max`` bound how often."""
    return _field(CHILDREN, name=name, minimum=min, maximum=max, **options)


def value(
    datatype: Datatype | type | None = None, *, tag: str | None = None, name: str | None = None, **options: Any
) -> Any:
    """A child element that holds only text: ``<serial>WD-1234</serial>``; ``tag`` and ``name`` both name it."""
    return _field(VALUE, datatype=datatype, name=tag or name, **options)


def values(
    datatype: Datatype | type | None = None,
    *,
    tag: str | None = None,
    name: str | None = None,
    min: int = 0,
    max: int | None = None,
    **options: Any,
) -> Any:
    """A text-only child element that repeats; reads as a list."""
    return _field(VALUES, datatype=datatype, name=tag or name, minimum=min, maximum=max, **options)


def flag(name: str | None = None, **options: Any) -> Any:
    """An empty element whose presence means True: ``<readonly/>``."""
    return _field(FLAG, name=name, default=False, **options)


def raw(name: str | None = None, **options: Any) -> Any:
    """An element whose content is anybody's XML, kept as it came (:class:`~polyvisor.documents.Verbatim`)."""
    return _field(RAW, name=name, **options)


def extensions(**options: Any) -> Any:
    """Where elements contributed by drivers may stand, each once; reads as a list of Elements."""
    return _field(EXTENSIONS, maximum=None, **options)


class OneOf:
    """Of these fields at most one is there, or exactly one when ``required``.

    An entry may be a tuple of fields that go together (each as required or optional as its declaration says)."""

    __slots__ = ("entries", "required")

    def __init__(self, *entries: str | Iterable[str], required: bool = False) -> None:
        self.entries = tuple((entry,) if isinstance(entry, str) else tuple(entry) for entry in entries)
        self.required = required

    def __repr__(self) -> str:
        return f"OneOf{self.entries}"


class Together:
    """Of these fields either all are there or none."""

    __slots__ = ("fields",)

    def __init__(self, *fields: str) -> None:
        self.fields = fields

    def __repr__(self) -> str:
        return f"Together{self.fields}"


Rule = OneOf | Together
