"""Datatypes accept the same texts in Python, in RELAX NG and in XSD, and give the values they promise."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from polyvisor.documents import Element, element, relaxng, text, xsd
from polyvisor.documents import datatypes as dt

STANDARD = {
    name: found for name, found in vars(dt).items() if isinstance(found, dt.Datatype) and not name.startswith("_")
}


@cache
def judges(name: str) -> tuple[Any, Any]:
    """A grammar and a schema for ``<holder>`` with a text of the datatype."""
    cls = type("Holder", (Element,), {"held": text(STANDARD[name], required=True), "__annotations__": {"held": Any}})
    holder = element("holder")(cls)
    schema = xmlschema.XMLSchema11(xsd(holder).decode().partition("?>")[2])
    return etree.RelaxNG(etree.fromstring(relaxng(holder))), schema


def libxml2_follows(sample: str) -> bool:
    """Whether the installed libxml2 reads numbers so written: before 2.14 it knows no sign before unsigned ones and no
    more than 24 digits."""
    return etree.LIBXML_VERSION >= (2, 14) or not re.search(r"^\s*[+-]\d|\d{25}", sample)


CORNERS = [
    "", " ", "0", "00", "1", "+1", "-0", "-1", " 7 ", "7\n", "1.5", ".5", "5.", ".", "1e3", "255", "256", "65535",
    "65536", "4294967295", "4294967296", "18446744073709551615", "18446744073709551616", "9" * 40, "0x0", "0x",
    "0xffff", "0x10000", "0XaB", "x", "yes", "no", "on", "off", "Yes", "a b", "a-b_c.d+e", "ü", "٣", "/", "/a b",
    "a/", "0-3,8,^2", "1-", ",1", "::", "::1", "fe80::1", "1:2:3:4:5:6:7:8", "1::2::3", "1:2", "::ffff:1.2.3.4",
    "1.2.3.4", "1.2.3.256", "52:54:00:12:34:56", "52:54:00:12:34", "52-54-00-12-34-56",
    "6695eb01-f6a4-8304-79aa-97f2502e193f", "6695eb01f6a4830479aa97f2502e193f",
    "6695eb01-f6a4-8304-79aa97f2502e193f", "http://h/p?q#f", "http:", "//h", "YWJj", "YWI=", "YQ==", "=", "KiB",
    "bytes", "kb", "Xib", "MiB ",
]  # fmt: skip


@pytest.mark.parametrize("name", STANDARD)
def test_python_and_both_schemas_accept_the_same_texts(name: str) -> None:
    grammar, schema = judges(name)
    for sample in CORNERS:
        node = etree.Element("holder")
        node.text = sample
        said = STANDARD[name].accepts(sample)
        assert said == grammar.validate(node) or not libxml2_follows(sample), sample
        assert said == schema.is_valid(node), sample


@pytest.mark.parametrize("name", ["IPV6", "HEX16", "CPUSET", "UUID", "UNIT", "DECIMAL", "UINT8"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_they_agree_on_texts_near_the_edge(name: str, data: st.DataObject) -> None:
    sample = data.draw(st.text("0123456789abfxABF:.,-^+ kKiBbytes", max_size=24))
    node = etree.Element("holder")
    node.text = sample
    assert STANDARD[name].accepts(sample) == judges(name)[0].validate(node) or not libxml2_follows(sample)


@pytest.mark.parametrize("name", STANDARD)
def test_patterns_keep_to_what_python_and_schemas_read_alike(name: str) -> None:
    waiting = [STANDARD[name]]
    while waiting:
        datatype = waiting.pop()
        waiting += datatype.members
        if datatype.pattern:
            assert not re.search(r"\(\?|\\[dDwWsSbB]|[*+?}][?+]|(?<![\\\[])[$^]", datatype.pattern), datatype.pattern
            assert not re.search(r"\{[0-9]*,?[0-9]{3,}\}", datatype.pattern), "libxml2 unrolls counts"


@pytest.mark.parametrize(
    ("datatype", "given_text", "python", "written"),
    [
        (dt.HEX16, "0x1F", 31, "0x001f"),
        (dt.HEX16, "31", 31, "0x001f"),
        (dt.hexadecimal(1, pattern="[0-7]", maximum=7), "0x7", 7, "0x7"),
        (dt.UINT, " 42 ", 42, "42"),
        (dt.INT, "-3", -3, "-3"),
        (dt.DECIMAL, "1.50", 1.5, "1.5"),
        (dt.DECIMAL, "3", 3.0, "3"),
        (dt.DECIMAL, "0.00001", 0.00001, "0.00001"),
        (dt.DECIMAL, "123456789.25", 123456789.25, "123456789.25"),
        (dt.BOOL, "yes", True, "yes"),
        (dt.ONOFF, "off", False, "off"),
        (dt.UUID, "6695EB01F6A4830479AA97F2502E193F", "6695eb01-f6a4-8304-79aa-97f2502e193f", None),
        (dt.MAC, "52:54:00:AB:CD:EF", "52:54:00:ab:cd:ef", None),
        (dt.either(dt.UINT8, dt.ONOFF), "on", True, "on"),
        (dt.either(dt.UINT8, dt.ONOFF), "7", 7, "7"),
    ],
)
def test_texts_become_values_and_values_texts(
    datatype: dt.Datatype, given_text: str, python: object, written: str | None
) -> None:
    assert datatype.accepts(given_text)
    assert datatype.parse(given_text) == python
    assert datatype.format(python) == (written or python)
    assert datatype.accepts(datatype.format(python))


@pytest.mark.parametrize(
    ("datatype", "said"),
    [
        (dt.UINT8, "a whole number from 0 to 255"),
        (dt.number("age", 0, 17), "a whole number from 0 to 17"),
        (dt.number("n", -1), "a whole number, at least -1"),
        (dt.choice("c", "a", "b", "c"), "'a', 'b' or 'c'"),
        (dt.either(dt.UINT8, dt.ONOFF), "a whole number from 0 to 255 or 'on' or 'off'"),
        (dt.HEX8, "a number from 0x00 to 0xff"),
    ],
)
def test_datatypes_describe_themselves(datatype: dt.Datatype, said: str) -> None:
    assert datatype.describe == said
