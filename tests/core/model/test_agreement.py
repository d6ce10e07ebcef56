"""Documents of every kind but domains: what is read is written alike, and all judges are of one opinion."""

from __future__ import annotations

import copy
import random
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import polyvisor_schemas
from polyvisor import model
from polyvisor.documents import diagnose
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain import Domain

KINDS = sorted({path.stem.partition("-")[0] for path in Path(__file__).parent.glob("*/samples/*.xml")})


def test_what_is_complete_is_written_as_it_was_read(document):
    found = model.complete(document.kind, model.parse(document.kind, document.xml))
    assert model.format(found, secure=True) == document.xml


def test_what_is_written_reads_as_an_equal_document(document):
    found = model.parse(document.kind, document.xml)
    assert model.parse(document.kind, model.format(found, secure=True)) == found


def test_the_samples_agree_with_themselves(document):
    model.check(document.kind, model.parse(document.kind, document.xml))


def test_completing_twice_is_completing_once(document):
    once = model.complete(document.kind, model.parse(document.kind, document.xml))
    assert model.complete(document.kind, once.copy()) == once


FROM_ELSEWHERE = ("polyvisor.model.domain", "polyvisor.model.capabilities")
"""Modules whose elements have tests of their own."""


def test_together_the_samples_have_every_field(documents):
    """So that the tests above are about all of the vocabulary."""
    seen: set[tuple[str, str]] = set()
    said: set[tuple[str, str]] = set()
    for sample in documents:
        for element in model.parse(sample.kind, sample.xml).walk():
            if type(element).__module__.startswith(FROM_ELSEWHERE) or isinstance(element, Domain):
                continue
            for field in type(element).fields():
                # elements of filters are named for their protocols, which share most of their fields
                place = (sample.kind if sample.kind == "nwfilter" else element.tag, field.attr)
                said.add(place)
                value = getattr(element, field.attr)
                if value != [] and value != field.default:
                    seen.add(place)
    assert said - seen <= HELD_BY_OTHERS


HELD_BY_OTHERS = {
    ("network", "extensions"),
    ("pool", "extensions"),
    ("device", "free_extents"),
    ("volume", "source"),
    ("volume", "physical"),
    ("target", "timestamps"),
    ("backingStore", "timestamps"),
    ("domain", "type"),
    ("cpu", "migratable"),
    ("cpu", "deprecated_features"),
    ("cpu", "cache"),
    ("cpu", "maxphysaddr"),
    ("cpu", "numa"),
}
"""What a complete request does not have (it is the host's to tell), and what the tests of domains are about."""


# -- the judges agree ----------------------------------------------------------------------------------------------


@cache
def relaxng(kind: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(polyvisor_schemas.path(f"{kind}.rng")))


def mutants(documents: Any) -> Iterator[tuple[str, Any]]:
    """Each sample changed at a few places, always the same ones."""
    dice = random.Random(5)
    for sample in documents:
        whole = etree.fromstring(sample.xml.encode())
        for _ in range(20):
            mutant = copy.deepcopy(whole)
            change(mutant, dice)
            yield sample.kind, mutant


VALUES = ("", "zz", "0", "-1", "no", "block", "0x1", "/a", "$A[@1]", "10.0.0.1", "::1")


def change(tree: Any, dice: random.Random) -> None:
    nodes = [each for each in tree.iter(etree.Element) if each is not tree]
    node = dice.choice(nodes)
    match dice.randrange(8):
        case 0:
            node.getparent().remove(node)
        case 1:
            node.addnext(copy.deepcopy(node))
        case 2:
            node.set("bogus", "1")
        case 3 if node.attrib:
            del node.attrib[dice.choice(list(node.attrib))]
        case 4 if node.attrib:
            node.set(dice.choice(list(node.attrib)), dice.choice(VALUES))
        case 5:
            node.text = dice.choice(["stray", "", "-1", "/a", "0x1"])
        case 6:
            tree.set("type", dice.choice(["dir", "rbd", "zz", "kvm"]))
        case _:
            node.tag = dice.choice(["bogus", *(each.tag for each in nodes)])


def test_diagnosis_finds_a_fault_exactly_where_the_grammar_refuses(documents):
    for kind, tree in mutants(documents):
        text = etree.tostring(tree)
        assert bool(diagnose(text, model.root(kind))) is not relaxng(kind).validate(tree), text.decode()


def test_the_xsd_agrees_with_the_grammar(documents):
    xmlschema = pytest.importorskip("xmlschema", reason="the second opinion needs the package xmlschema")
    kinds = {sample.kind for sample in documents} - WITH_DOMAINS
    schemas = {kind: xmlschema.XMLSchema11(str(polyvisor_schemas.path(f"{kind}.xsd"))) for kind in kinds}
    for kind, tree in mutants(documents):
        if kind in kinds:
            assert schemas[kind].is_valid(tree) is relaxng(kind).validate(tree), etree.tostring(tree).decode()


WITH_DOMAINS = {"domainsnapshot", "domaincheckpoint"}
"""Kinds whose schemas hold that of domains, which has its own test and is slow to build."""


@pytest.mark.skipif(shutil.which("jing") is None, reason="the third opinion needs jing")
@pytest.mark.parametrize("kind", KINDS)
def test_jing_agrees_with_libxml2(tmp_path, documents, kind):
    files = {}
    for number, (_, tree) in enumerate(mutants([sample for sample in documents if sample.kind == kind])):
        file = tmp_path / f"{number}.xml"
        file.write_bytes(etree.tostring(tree))
        files[str(file)] = relaxng(kind).validate(tree)
    command = ["jing", "-i", str(polyvisor_schemas.path(f"{kind}.rng")), *files]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    refused = {line.split(":")[0] for line in found.stdout.splitlines()} & files.keys()  # some messages have lines
    assert refused == {file for file, valid in files.items() if not valid}


def test_damaged_documents_are_refused_or_read_and_nothing_else(documents):
    for kind, tree in mutants(documents):
        try:
            found = model.parse(kind, etree.tostring(tree))
            model.check(kind, model.complete(kind, found))
        except InvalidDocument as error:
            assert error.faults, etree.tostring(tree).decode()
            continue
        again = model.format(found)
        assert model.format(model.parse(kind, again)) == again
