"""Elements that drivers bring: read, written, checked and diagnosed like the rest, and refused without them."""

from __future__ import annotations

import pytest
from catalogue import FULL, MAPS, Atlas, Catalogue, Item, Sheet
from lxml import etree

from polyvisor.documents import Element, attribute, diagnose, element, gate, read, relaxng, write
from polyvisor.documents import datatypes as dt
from polyvisor.documents.grammar import merge
from polyvisor.errors import InvalidDocument

ATLAS = f"<m:atlas xmlns:m='{MAPS}' scale='s'><m:publisher>p</m:publisher><m:sheet number='3'/></m:atlas>"


def with_atlas(atlas: str = ATLAS) -> str:
    return f"<catalogue><name>n</name>{atlas}<item><title>t</title></item></catalogue>"


@element("stamp", namespace="urn:example:stamps", prefix="st", extends="catalogue")
class Stamp(Element):
    ink: str = attribute(dt.NAME, required=True)


def test_a_contributed_element_is_refused_where_nobody_brings_it() -> None:
    with pytest.raises(InvalidDocument, match="belongs to no installed driver"):
        read(with_atlas(), Catalogue)


def test_it_reads_where_a_driver_brings_it() -> None:
    made = read(with_atlas(), Catalogue, contributions=[Atlas])
    assert made.extra == [Atlas(scale="s", publisher="p", sheets=[Sheet(number=3)])]


def test_it_is_written_with_its_prefix_declared_at_the_root() -> None:
    made = Catalogue(name="n", items=[Item(title="t")], extra=[Atlas(sheets=[Sheet(number=3)])])
    xml = write(made)
    assert xml.startswith(f"<catalogue xmlns:maps='{MAPS}'>\n")
    assert "  <maps:atlas>\n    <maps:sheet number='3'/>\n  </maps:atlas>\n" in xml
    assert read(xml, Catalogue, contributions=[Atlas]) == made


@pytest.mark.parametrize(
    ("atlas", "said"),
    [
        (ATLAS.replace("scale", "scael"), "unknown attribute 'scael'; did you mean 'scale'?"),
        (ATLAS.replace("'3'", "'three'"), "'number' cannot be 'three'"),
        (ATLAS.replace("m:sheet", "m:shet"), "did you mean"),
        (ATLAS + ATLAS, "duplicate <m:atlas>"),
        (f"<m:sheet xmlns:m='{MAPS}' number='1'/>", "<m:sheet> does not belong in <catalogue>"),
        (f"<m:globe xmlns:m='{MAPS}'/>", "unknown element <m:globe>"),
        (ATLAS.replace("m:publisher", "publisher"), "publisher"),
    ],
)
def test_its_faults_are_found_by_gate_and_diagnosis(atlas: str, said: str) -> None:
    xml = with_atlas(atlas)
    assert not gate(Catalogue, [Atlas]).validate(etree.fromstring(xml))
    found = diagnose(xml, Catalogue, contributions=[Atlas])
    assert said in str(found[0])


def test_a_shipped_grammar_is_extended_without_emitting_it_again() -> None:
    merged = etree.RelaxNG(etree.fromstring(merge(relaxng(Catalogue), Catalogue, [Atlas, Stamp])))
    assert merged.validate(etree.fromstring(with_atlas()))
    assert merged.validate(etree.fromstring(with_atlas(ATLAS + "<s:stamp xmlns:s='urn:example:stamps' ink='i'/>")))
    assert merged.validate(etree.fromstring(FULL))
    assert not merged.validate(etree.fromstring(with_atlas("<s:stamp xmlns:s='urn:example:stamps'/>")))


def test_order_never_matters_for_them_either() -> None:
    stamp = "<s:stamp xmlns:s='urn:example:stamps' ink='i'/>"
    xml = f"<catalogue>{stamp}<item><title>t</title></item>{ATLAS}<name>n</name></catalogue>"
    made = read(xml, Catalogue, contributions=[Atlas, Stamp])
    assert [type(extra) for extra in made.extra] == [Stamp, Atlas]


def test_contributions_make_gates_of_their_own() -> None:
    assert gate(Catalogue) is gate(Catalogue)
    assert gate(Catalogue, [Atlas, Stamp]) is gate(Catalogue, (Stamp, Atlas))
    assert gate(Catalogue, [Atlas]) is not gate(Catalogue)
