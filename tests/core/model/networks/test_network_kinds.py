"""Documents of networks, ports, filters, bindings, interfaces and secrets: read, completed, written, judged."""

from __future__ import annotations

import copy
import random
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from lxml import etree

import polyvisor_schemas
from polyvisor import model
from polyvisor.documents import diagnose
from polyvisor.errors import InvalidDocument

KINDS = ("interface", "network", "networkport", "nwfilter", "nwfilterbinding", "secret")


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


def test_together_the_samples_have_every_field(documents):
    """So that the tests here are about all of the vocabulary."""
    known: set[tuple[str, str]] = set()
    seen: set[tuple[str, str]] = set()
    for sample in documents:
        for element in model.parse(sample.kind, sample.xml).walk():
            for field in type(element).fields():
                place = (sample.kind if sample.kind == "nwfilter" else element.tag, field.attr)
                known.add(place)
                if getattr(element, field.attr) not in (None, []):
                    seen.add(place)
    assert known - seen == {("network", "extensions")}


# -- the judges agree ----------------------------------------------------------------------------------------------


@cache
def relaxng(kind: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(polyvisor_schemas.path(f"{kind}.rng")))


def mutants(documents: Any) -> Iterator[tuple[str, Any]]:
    """Each sample changed at a few places, always the same ones."""
    dice = random.Random(7)
    for sample in documents:
        whole = etree.fromstring(sample.xml.encode())
        for _ in range(25):
            mutant = copy.deepcopy(whole)
            change(mutant, dice)
            yield sample.kind, mutant


def change(tree: Any, dice: random.Random) -> None:
    node = dice.choice([each for each in tree.iter(etree.Element) if each is not tree])
    match dice.randrange(7):
        case 0:
            node.getparent().remove(node)
        case 1:
            node.addnext(copy.deepcopy(node))
        case 2:
            node.set("bogus", "1")
        case 3 if node.attrib:
            del node.attrib[dice.choice(list(node.attrib))]
        case 4 if node.attrib:
            node.set(dice.choice(list(node.attrib)), dice.choice(["", "zz", "0", "-1", "$A[@1]", "10.0.0.1", "::1"]))
        case 5:
            node.text = "stray"
        case _:
            node.tag = "bogus"


def test_diagnosis_finds_a_fault_exactly_where_the_grammar_refuses(documents):
    for kind, tree in mutants(documents):
        text = etree.tostring(tree)
        assert bool(diagnose(text, model.root(kind))) is not relaxng(kind).validate(tree), text.decode()


def test_the_xsd_agrees_with_the_grammar(documents):
    xmlschema = pytest.importorskip("xmlschema", reason="the second opinion needs the package xmlschema")
    schemas = {kind: xmlschema.XMLSchema11(str(polyvisor_schemas.path(f"{kind}.xsd"))) for kind in KINDS}
    for kind, tree in mutants(documents):
        assert schemas[kind].is_valid(tree) is relaxng(kind).validate(tree), etree.tostring(tree).decode()


@pytest.mark.skipif(shutil.which("jing") is None, reason="the third opinion needs jing")
@pytest.mark.parametrize("kind", KINDS)
def test_jing_agrees_with_libxml2(tmp_path, documents, kind):
    files = {}
    for number, (of, tree) in enumerate(mutants(documents)):
        if of == kind:
            file = tmp_path / f"{number}.xml"
            file.write_bytes(etree.tostring(tree))
            files[str(file)] = relaxng(kind).validate(tree)
    command = ["jing", "-i", str(polyvisor_schemas.path(f"{kind}.rng")), *files]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    refused = {line.split(":")[0] for line in found.stdout.splitlines()}
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
