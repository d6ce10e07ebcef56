"""The schemas that ship: fresh, and of one opinion with each other and with the diagnosis."""

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
from polyvisor.model import emit

HERE = Path(__file__).parent


def test_the_shipped_schemas_are_what_the_declarations_give():
    assert emit.stale(polyvisor_schemas.path("")) == []


def test_a_stale_schema_is_noticed_and_mended(tmp_path):
    assert emit.main(["--into", str(tmp_path), "--check"]) == 1
    assert emit.main(["--into", str(tmp_path)]) == 0
    assert emit.main(["--into", str(tmp_path), "--check"]) == 0
    (tmp_path / "domain.rng").write_text("<grammar/>")
    assert emit.stale(tmp_path) == ["domain.rng"]


def test_every_kind_ships_all_its_schemas():
    kinds = (*model.kinds(), *model.FAMILIES)
    assert set(polyvisor_schemas.names()) == {f"{kind}.{suffix}" for kind in kinds for suffix in ("json", "rng", "xsd")}


def documents() -> list[bytes]:
    files = [*sorted((HERE / "samples").glob("*.xml")), *sorted((HERE / "broken").glob("*.xml"))]
    return [text for text in (file.read_bytes() for file in files) if well_formed(text) and b"<!DOCTYPE" not in text]


def well_formed(text: bytes) -> bool:
    try:
        etree.fromstring(text)
    except etree.XMLSyntaxError:
        return False
    return True


def mutants() -> Iterator[bytes]:
    """Each sample changed at a few places, always the same ones."""
    dice = random.Random(11)
    for file in sorted((HERE / "samples").glob("*.xml")):
        whole = etree.fromstring(file.read_bytes())
        for _ in range(25):
            mutant = copy.deepcopy(whole)
            change(mutant, dice)
            yield etree.tostring(mutant)


def change(tree: Any, dice: random.Random) -> None:
    node = dice.choice([each for each in tree.iter() if each is not tree])
    match dice.randrange(6):
        case 0:
            node.getparent().remove(node)
        case 1:
            node.addnext(copy.deepcopy(node))
        case 2:
            node.set("bogus", "1")
        case 3 if node.attrib:
            del node.attrib[dice.choice(list(node.attrib))]
        case 4 if node.attrib:
            node.set(dice.choice(list(node.attrib)), "zz")
        case _:
            node.tag = "bogus"


@cache
def relaxng() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(polyvisor_schemas.path("domain.rng")))


def test_diagnosis_finds_a_fault_exactly_where_the_grammar_refuses():
    root = model.root("domain")
    for text in [*documents(), *mutants()]:
        valid = relaxng().validate(etree.fromstring(text))
        assert bool(diagnose(text, root)) is not valid, text.decode()


def test_the_xsd_agrees_with_the_grammar():
    xmlschema = pytest.importorskip("xmlschema", reason="the second opinion needs the package xmlschema")
    xsd = xmlschema.XMLSchema11(str(polyvisor_schemas.path("domain.xsd")))
    for text in [*documents(), *mutants()]:
        tree = etree.fromstring(text)
        if tree.tag != "domain":
            continue
        assert xsd.is_valid(tree) is relaxng().validate(tree), text.decode()


@pytest.mark.skipif(shutil.which("jing") is None, reason="the third opinion needs jing")
def test_jing_agrees_with_libxml2(tmp_path):
    files = []
    for number, text in enumerate([*documents(), *mutants()]):
        file = tmp_path / f"{number}.xml"
        file.write_bytes(text)
        files.append(str(file))
    found = subprocess.run(
        ["jing", "-i", str(polyvisor_schemas.path("domain.rng")), *files], capture_output=True, text=True, check=False
    )
    refused = {line.split(":")[0] for line in found.stdout.splitlines()}
    expected = {file for file in files if not relaxng().validate(etree.parse(file))}
    assert refused == expected
