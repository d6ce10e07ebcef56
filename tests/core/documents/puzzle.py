"""A toy model of everything awkward: conditions upon conditions, families by two attributes, rules over both."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import (
    Element,
    OneOf,
    Together,
    attribute,
    child,
    children,
    element,
    flag,
    text,
    value,
    values,
    variant,
)
from polyvisor.documents import datatypes as dt


class Mode(StrEnum):
    A = "a"
    B = "b"
    C = "c"


@element("piece", by=("mode", "type"))
class Piece(Element):
    mode: Mode = attribute(default=Mode.A)
    type: str | None = attribute(dt.choice("type", "x", "y"))
    weight: int | None = attribute(dt.UINT8, last=True)


@variant((Mode.A, "x"), (Mode.B, "x"))
class XPiece(Piece):
    x: str = attribute(dt.NAME, required=True)


@variant((Mode.A, None), (Mode.C, "y"))
class PlainPiece(Piece):
    hole: bool = flag()
    left: str | None = value(dt.NAME)
    right: str | None = value(dt.NAME)


@element("lock", rules=(OneOf("key", ("code", "digits"), "guard", required=True),))
class Lock(Element):
    """A rule over children and attributes, some of them conditional."""

    kind: Mode = attribute(default=Mode.A)
    key: str | None = value(dt.NAME)
    code: str | None = attribute(dt.NAME, when={"kind": (Mode.A, Mode.B)})
    digits: list[int] = values(dt.UINT8, tag="digit", max=2)
    guard: bool = flag(when={"kind": Mode.B})


@element("gear", rules=(Together("axle", "teeth"),))
class Gear(Element):
    """A condition on a conditional attribute that has a default, and a required conditional child."""

    drive: str | None = attribute(dt.choice("drive", "hand", "motor"))
    speed: Literal["slow", "fast"] = attribute(default="slow", when={"drive": "motor"})
    brake: str | None = value(dt.NAME, when={"speed": "fast"}, required=True)
    oil: str | None = value(dt.NAME, when={"speed": ("slow", "fast")})
    axle: int | None = attribute(dt.UINT8, when={"drive": ("hand", "motor")})
    teeth: list[int] = values(dt.UINT8, tag="tooth", max=None)


@element("left")
class Left(Element):
    a: str | None = attribute(dt.NAME)


@element("right")
class Right(Element):
    b: str = attribute(dt.NAME, required=True)


@element("inner")
class InnerOne(Element):
    one: str = attribute(dt.STRING, required=True)


@element("inner")
class InnerTwo(Element):
    two: int | None = text(dt.UINT8)


@element("hinge")
class Hinge(Element):
    """Children of several tags in one field, repeated children chosen by a sibling, two separate discriminators."""

    make: str | None = attribute(dt.STRING)
    finish: Literal["matt", "shiny"] | None = attribute()
    inner: list[InnerOne | InnerTwo] = children(by="make", cases={"one": InnerOne, "two": InnerTwo}, max=2)
    polish: str | None = value(dt.STRING, when={"finish": "shiny"})
    side: Left | Right = child(required=True)


@element("puzzle", rules=(OneOf("tall", "wide", "heaps"),))
class Puzzle(Element):
    tall: bool = flag()
    wide: int | None = value(dt.UINT8)
    heaps: list[str] = values(dt.NAME, tag="heap")
    pieces: list[Piece] = children()
    only_x: XPiece | None = child("favourite")
    locks: list[Lock] = children()
    gears: list[Gear] = children(max=3)
    hinges: list[Hinge] = children()
    odd: int | None = value(dt.HEX16)
    even: int | str | None = attribute(dt.either(dt.UINT8, dt.choice("even", "auto", "none")))
    ratio: float | None = attribute(dt.DECIMAL)


FULL = """\
<puzzle even='auto' ratio='1.5'>
  <heap>q</heap>
  <heap>n</heap>
  <piece mode='a' type='x' x='n' weight='4'/>
  <piece mode='b' type='x' x='n'/>
  <piece mode='a'>
    <hole/>
    <left>q</left>
    <right>q</right>
  </piece>
  <piece mode='c' type='y' weight='4'/>
  <favourite mode='b' type='x' x='n'/>
  <lock kind='c'>
    <key>k</key>
  </lock>
  <lock kind='a' code='n'>
    <digit>4</digit>
    <digit>9</digit>
  </lock>
  <lock kind='b'>
    <guard/>
  </lock>
  <gear drive='motor' speed='fast'>
    <brake>n</brake>
    <oil>n</oil>
  </gear>
  <gear drive='motor' speed='slow' axle='4'>
    <oil>n</oil>
    <tooth>4</tooth>
    <tooth>4</tooth>
  </gear>
  <gear>
  </gear>
  <hinge make='one' finish='shiny'>
    <inner one='n'/>
    <inner one='n'/>
    <polish>n</polish>
    <left a='n'/>
  </hinge>
  <hinge make='two' finish='matt'>
    <inner>4</inner>
    <inner/>
    <right b='n'/>
  </hinge>
  <hinge make='other'>
    <right b='n'/>
  </hinge>
  <odd>0x0003</odd>
</puzzle>
"""
