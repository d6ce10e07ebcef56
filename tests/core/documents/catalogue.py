"""A toy model that uses every kind of field: the catalogue of a library."""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import (
    Element,
    OneOf,
    Together,
    Verbatim,
    attribute,
    child,
    children,
    element,
    extensions,
    flag,
    raw,
    text,
    value,
    values,
    variant,
)
from polyvisor.documents import datatypes as dt

MAPS = "urn:example:maps"


class Kind(StrEnum):
    BOOK = "book"
    DISC = "disc"
    MAP = "map"
    SCROLL = "scroll"


class Place(StrEnum):
    SHELF = "shelf"
    DRAWER = "drawer"
    CELLAR = "cellar"


class Binding(StrEnum):
    HARD = "hard"
    SOFT = "soft"


@element("spot", by="type")
class Spot(Element):
    """Where something is kept."""

    type: Place = attribute(required=True)
    note: str | None = attribute(dt.STRING, last=True)


@variant(Place.SHELF)
class ShelfSpot(Spot):
    room: int | None = attribute(dt.HEX16)
    row: int = attribute(dt.UINT8, required=True)


@variant(Place.DRAWER)
class DrawerSpot(Spot):
    drawer: str = attribute(dt.NAME, required=True)
    labels: list[str] = values(dt.NONEMPTY, tag="label")


@element("pages")
class Pages(Element):
    count: int = text(dt.POSITIVE, required=True)
    unit: str | None = attribute(dt.NAME)


@element("source")
class Printed(Element):
    """A printed source: from a press, or copied by hand from something in a city."""

    press: str | None = attribute(dt.STRING)
    pages: Pages | None = child()


@element("source")
class Pressed(Element):
    label: str = attribute(dt.STRING, required=True)
    side: int | None = attribute(dt.UINT8, default=1)
    rate: float | None = value(dt.DECIMAL)


@element("author", rules=(Together("born", "died"),))
class Author(Element):
    name: str = text(dt.NONEMPTY, required=True)
    born: int | None = attribute(dt.INT32)
    died: int | None = attribute(dt.INT32)


@element("loan", rules=(OneOf("member", ("guest", "deposit"), required=True),))
class Loan(Element):
    member: str | None = value(dt.UUID)
    guest: str | None = attribute(dt.STRING)
    deposit: int | None = value(dt.UINT)
    renewed: bool = attribute(default=False, omit_default=True)


@element("reader", by="role")
class Reader(Element):
    role: str | None = attribute(dt.STRING)
    name: str | None = attribute(dt.STRING)


@variant("child")
class ChildReader(Reader):
    age: int = attribute(dt.number("age", 0, 17), required=True)


@variant(None, "adult", "senior")
class AdultReader(Reader):
    card: str | None = value(dt.STRING)


@element("item")
class Item(Element):
    """Something that can be borrowed."""

    kind: Kind = attribute(default=Kind.BOOK)
    binding: Binding | None = attribute(when={"kind": (Kind.BOOK, "map")})
    speed: int | None = attribute(dt.choice("speed", "33", "45", "78"), when={"kind": Kind.DISC})
    grade: str | None = attribute(dt.NAME)
    title: str = value(dt.NONEMPTY, required=True)
    source: Printed | Pressed | None = child(
        by="kind", cases={Kind.BOOK: Printed, Kind.SCROLL: Printed, Kind.DISC: Pressed}
    )
    folds: int | None = value(dt.UINT, when={"kind": Kind.MAP})
    authors: list[Author] = children(max=3)
    loans: list[Loan] = children("loan")
    tags: list[str] = values(dt.NAME, tag="tag")
    rare: bool = flag()
    secret: str | None = value(dt.STRING, secret=True)
    borrowed: int | None = value(dt.UINT, volatile=True)
    spot: ShelfSpot | DrawerSpot | None = child()
    inside: list[Item] = children("item")


@element("label")
class Label(Element):
    """Chosen by two attributes of its parent."""

    colour: str = attribute(dt.NAME, required=True)


@element("shape")
class Shape(Element):
    mode: str | None = attribute(dt.choice("mode", "round", "square"))
    size: str | None = attribute(dt.STRING, when={"mode": ("round", "square")})
    label: Label | None = child(by=("mode", "size"), cases={("round", "big"): Label, ("square", "small"): Label})
    edge: str | None = value(dt.STRING, when={"size": "big"})


@element("catalogue")
class Catalogue(Element):
    id: int | None = attribute(dt.UINT32, volatile=True)
    uuid: str | None = value(dt.UUID)
    name: str = value(dt.NAME, required=True)
    metadata: Verbatim | None = raw()
    readers: list[Reader] = children("reader")
    items: list[Item] = children(min=1)
    shapes: list[Shape] = children()
    spots: list[Spot] = children()
    extra: list[Element] = extensions()


@element("sheet", namespace=MAPS, prefix="maps")
class Sheet(Element):
    number: int = attribute(dt.UINT, required=True)


@element("atlas", namespace=MAPS, prefix="maps", extends="catalogue")
class Atlas(Element):
    """What a plugin of the map room contributes."""

    scale: str | None = attribute(dt.NAME)
    sheets: list[Sheet] = children()
    publisher: str | None = value(dt.STRING)


FULL = """\
<catalogue id='7'>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
  <name>main</name>
  <metadata>
    <m:shelfmark xmlns:m="urn:example:marks" code="x">A 7</m:shelfmark>
  </metadata>
  <reader role='child' name='Ann' age='7'/>
  <reader role='senior'>
    <card>C-12</card>
  </reader>
  <reader name='Bob'/>
  <item kind='book' binding='hard' grade='A'>
    <title>Weights &amp; Measures &lt;2nd&gt;</title>
    <source press='Ox'>
      <pages unit='leaf'>312</pages>
    </source>
    <author born='1710' died='1790'>N. N.</author>
    <author>O. O.</author>
    <loan>
      <member>6695eb01-f6a4-8304-79aa-97f2502e193f</member>
    </loan>
    <loan guest='G' renewed='yes'>
      <deposit>20</deposit>
    </loan>
    <tag>old</tag>
    <tag>heavy</tag>
    <rare/>
    <borrowed>3</borrowed>
    <spot type='shelf' room='0x000a' row='3' note='it&apos;s dusty'/>
    <item kind='map' binding='soft'>
      <title>Folded in</title>
      <folds>8</folds>
    </item>
  </item>
  <item kind='disc' speed='45'>
    <title>Noise</title>
    <source label='L' side='2'>
      <rate>44.1</rate>
    </source>
    <spot type='drawer' drawer='d-1'>
      <label>one</label>
      <label>two</label>
    </spot>
  </item>
  <shape mode='round' size='big'>
    <label colour='red'/>
    <edge>sharp</edge>
  </shape>
  <shape mode='square' size='small'>
    <label colour='blue'/>
  </shape>
  <shape/>
  <spot type='cellar' note='wet'/>
</catalogue>
"""
"""A valid catalogue in canonical form, with every kind of field in use."""
