"""Documents nobody would write, grown at random from the declarations: whatever the gate lets through, everything
else can read, complete, write in each notation, and read again as the same."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from polyvisor import model
from polyvisor.documents import Element, fields
from polyvisor.documents.binding import Bound, Target, root_target
from polyvisor.documents.classes import spec_of
from polyvisor.documents.conditions import environment, holds, targets
from polyvisor.documents.datatypes import Datatype

FUZZ = Path(__file__).parents[3] / "fuzz" / "documents.py"
WORDS = ("a", "vda", "eth0", "x-1.2", "/a/b", "52:54:00:12:34:56", "6f0c1d1e-30c8-5d0a-9d1e-2a0c3f1b2a3c", "1", "0x1f",
         "0-3,^2", "192.0.2.1", "2001:db8::1", "TiB", "yes", "2026-01-01T00:00:00", "é < & \"'", "a\nb")  # fmt: skip
DEEPEST = 6


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_documents", FUZZ)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fuzz = load()


class Growth:
    """One random document."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.likely = chance.choice((0.05, 0.15, 0.3))

    def root(self, cls: type[Element]) -> etree._Element:
        return self.element(root_target(cls), 0)

    def element(self, target: Target, depth: int) -> etree._Element:
        cls = self.chance.choice(target.classes)
        node = etree.Element(target.tag)
        spec = spec_of(cls)
        for name, text in self.chosen(cls).items():
            node.set(name, text)
        for bound in spec.attributes.values():
            if bound.xml not in node.attrib and self.wanted(bound, node):
                node.set(bound.xml, self.text(bound.datatype))
        if spec.text is not None:
            node.text = self.text(spec.text.datatype)
        for bound in self.chance.sample(spec.fields, len(spec.fields)):
            if bound.is_element and (self.wanted(bound, node) if depth < DEEPEST else bound.required):
                self.child(spec, bound, node, depth)
        return node

    def chosen(self, cls: type[Element]) -> dict[str, str]:
        """The attributes that make an element one of a class."""
        family = cls.declaration.family
        if family is None or not cls.declaration.keys:
            return {}
        key = self.chance.choice(cls.declaration.keys)
        bounds = [spec_of(cls).by_name[name] for name in family.declaration.by]
        texts = {bound.xml: bound.text(value) for bound, value in zip(bounds, key, strict=True)}
        return {name: text for name, text in texts.items() if text is not None}

    def wanted(self, bound: Bound, node: etree._Element) -> bool:
        """Mostly what is allowed and required, now and then what is not."""
        if self.chance.random() < 0.003:
            return self.chance.random() < 0.5
        return bound.required or self.chance.random() < self.likely

    def child(self, spec, bound: Bound, node: etree._Element, depth: int) -> None:
        seen = environment(spec, node.attrib)
        if bound.kind == fields.RAW or (not holds(bound, seen) and self.chance.random() < 0.99):
            return
        options = targets(bound, seen)
        for _ in range(self.chance.choice((1, 1, 2)) if bound.kind in fields.LISTS else 1):
            if options:
                node.append(self.element(self.chance.choice(options), depth + 1))
            elif bound.kind != fields.CHILD and bound.kind != fields.CHILDREN:
                child = etree.SubElement(node, bound.xml)
                child.text = None if bound.datatype is None else self.text(bound.datatype)

    def text(self, datatype: Datatype | None) -> str:
        if datatype is None:
            return "text"
        if datatype.members:
            return self.text(self.chance.choice(datatype.members))
        if datatype.enumeration:
            return self.chance.choice(list(datatype.enumeration))
        if datatype.numeric:
            least, most = datatype.implied_range
            bounds = [bound for bound in (datatype.minimum, datatype.maximum, least, most) if bound is not None]
            return str(self.chance.choice([*bounds, 0, 1, 7, 255]))
        words = self.chance.sample(WORDS, len(WORDS))
        return next((word for word in words if datatype.accepts(word)), "1")


@pytest.mark.parametrize("kind", fuzz.every_kind())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_what_grows_is_refused_or_comes_back_the_same(kind, seed):
    chance = random.Random(seed)
    root = chance.choice(model.roots(kind))
    grown = Growth(chance).root(root)
    fuzz.judge_text(kind, etree.tostring(grown))


@pytest.mark.parametrize("kind", model.kinds())
def test_much_of_what_grows_is_valid(kind):
    """Or the test above would test refusing only."""
    from polyvisor.documents import diagnose

    grown = [Growth(random.Random(seed)).root(model.root(kind)) for seed in range(60)]
    assert sum(not diagnose(tree, model.root(kind)) for tree in grown) >= 3
