"""One declaration, four judges: the RELAX NG gate, the XSD, the diagnosis, and jing where it is installed."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import catalogue
import puzzle
import pytest
import xmlschema
from hypothesis import given, settings
from lxml import etree
from mutations import OPERATIONS, Damage, Damager, damages

from polyvisor import documents
from polyvisor.documents.diagnosis import explain

MODELS = {"catalogue": (catalogue.Catalogue, catalogue.FULL), "puzzle": (puzzle.Puzzle, puzzle.FULL)}


@cache
def schema(name: str) -> Any:
    text = documents.xsd(MODELS[name][0]).decode()
    return xmlschema.XMLSchema11(text.partition("?>")[2])


@cache
def damager(name: str) -> Damager:
    return Damager(MODELS[name][1])


@pytest.mark.parametrize("name", MODELS)
def test_what_is_valid_is_valid_to_all(name: str) -> None:
    root, xml = MODELS[name]
    documents.check(xml, root)
    assert explain(etree.fromstring(xml), root) == []
    assert schema(name).is_valid(xml)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=120, deadline=None)
@given(steps=damages)
def test_gate_schema_and_diagnosis_agree_on_damaged_documents(name: str, steps: list[Damage]) -> None:
    root, _ = MODELS[name]
    xml = damager(name)(steps)
    tree = etree.fromstring(xml)
    accepted = documents.gate(root).validate(tree)
    faults = explain(tree, root)
    assert accepted == (not faults), faults
    assert accepted == schema(name).is_valid(xml)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=120, deadline=None)
@given(steps=damages)
def test_whatever_the_gate_accepts_reads_and_writes_back(name: str, steps: list[Damage]) -> None:
    root, _ = MODELS[name]
    xml = damager(name)(steps)
    if not documents.gate(root).validate(etree.fromstring(xml)):
        return
    read = documents.read(xml, root)
    written = documents.write(read, secure=True)
    assert documents.read(written, root) == read
    assert documents.write(documents.read(written, root), secure=True) == written


@pytest.mark.skipif(shutil.which("jing") is None, reason="jing is not installed")
@pytest.mark.parametrize("name", MODELS)
def test_jing_says_what_libxml2_says(name: str, tmp_path: Path) -> None:
    root, xml = MODELS[name]
    dice = random.Random(name)
    steps = [
        [(dice.choice(OPERATIONS), *(dice.randrange(10_000) for _ in range(3))) for _ in range(dice.randint(1, 3))]
        for _ in range(300)
    ]
    samples = [xml, *(damager(name)(several) for several in steps)]  # type: ignore[arg-type]
    (tmp_path / "grammar.rng").write_bytes(documents.relaxng(root))
    for number, sample in enumerate(samples):
        (tmp_path / f"{number}.xml").write_text(sample, encoding="utf-8")
    files = [f"{number}.xml" for number in range(len(samples))]
    said = subprocess.run(["jing", "grammar.rng", *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "grammar.rng" not in said.stdout, said.stdout
    refused = {int(number) for number in re.findall(r"(\d+)\.xml:\d", said.stdout)}
    gate = documents.gate(root)
    accepted = {number for number, sample in enumerate(samples) if gate.validate(etree.fromstring(sample))}
    assert accepted == set(range(len(samples))) - refused
    assert 0 in accepted
    assert len(accepted) < len(samples)


def test_order_of_elements_never_matters() -> None:
    dice = random.Random(3)
    for root, xml in MODELS.values():
        tree = etree.fromstring(xml)
        for node in tree.iter(etree.Element):
            shuffled = list(node)
            dice.shuffle(shuffled)
            node[:] = shuffled
        assert explain(tree, root) == []
        documents.check(tree, root)
        assert schema("catalogue" if root is catalogue.Catalogue else "puzzle").is_valid(etree.tostring(tree))
