"""JSON and YAML as text: what is read is what was typed, and nothing but data is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyvisor.documents.notations import MAX_YAML_SIZE, READERS, WRITERS, guess, read_json, read_yaml, write_yaml
from polyvisor.errors import HostError, InvalidDocument


@pytest.fixture(autouse=True, scope="module")
def yaml():
    return pytest.importorskip("yaml")


LEGAL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=40).filter(
    lambda text: all(char in "\t\n\r" or char >= " " for char in text)
)
"""Texts that XML can hold."""
SCALARS = LEGAL | st.booleans() | st.integers(-(2**63), 2**64)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LEGAL, inner, max_size=4))


@pytest.mark.parametrize("notation", ["json", "yaml"])
@given(data=DATA)
def test_what_is_written_is_read_as_it_was(notation, data):
    assert READERS[notation](WRITERS[notation](data)).data == data


@given(data=DATA)
def test_what_is_written_means_the_same_to_any_reader_of_yaml(data):
    import yaml

    assert yaml.safe_load(write_yaml(data)) == data


TYPED = "yes no on off y ~ 0755 0x1f 1_000 1.10 1e3 .inf 52:54:00:12:34:56 2020-01-01 = << +5 -0x1".split()


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize("libyaml", [True, False])
def test_unquoted_yaml_stays_what_was_typed(monkeypatch, yaml, libyaml, text):
    if not libyaml:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read_yaml(f"a: {text}").data == {"a": text}
    assert read_yaml(f"{text}: a" if text != "<<" else "'<<': a").data == {text: "a"}


def test_true_false_null_and_whole_numbers_are_such():
    assert read_yaml("[true, false, null, 0, 12, -3, 'true', \"7\"]").data == [
        True,
        False,
        None,
        0,
        12,
        -3,
        "true",
        "7",
    ]


def test_lines_of_yaml_are_known():
    source = read_yaml("a:\n  b:\n  - 1\n  - c: 2\n")
    assert source.lines["a", "b"] == 2
    assert source.lines["a", "b", 1, "c"] == 4


def test_an_alias_is_what_its_anchor_was():
    assert read_yaml("a: &x {b: 1}\nc: [*x, *x]").data == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


def test_an_alias_bomb_takes_no_room():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    data = read_yaml("\n".join(lines)).data
    assert data["a39"][0] is data["a39"][9]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "tag"),
        ("a: !!binary aGk=", 1, "tag"),
        ("!!set {a, b}", 1, "tag"),
        ("a: 1\na: 2", 2, "twice"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: &x [*x]", 1, "stands for nothing yet"),
        ("a: *x", 1, "x"),
        ("? [a]\n: b", 1, "key"),
        ("a: [1", None, "not YAML"),
        ("a:\tb: c", 1, "not YAML"),
        ("", None, "nothing"),
        ("[" * 1000, None, ""),
        ("- " * 3000 + "a", 1, "deep"),
        ("a: \x01", None, "not YAML"),
        ("x" * (MAX_YAML_SIZE + 1), None, "bytes"),
        (b"a: \xff", 1, "UTF-8"),
    ],
)
@pytest.mark.parametrize("libyaml", [True, False])
def test_hostile_or_broken_yaml_is_refused(monkeypatch, yaml, libyaml, text, line, reason):
    if not libyaml:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    with pytest.raises(InvalidDocument) as caught:
        read_yaml(text)
    (fault,) = caught.value.faults
    assert reason in fault.message
    assert line is None or fault.line == line


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"a": 1,\n "a": 2}', None, "twice"),
        ('{"a": NaN}', None, "NaN"),
        ('{\n"a": }', 2, "not JSON"),
        ("[" * 200_000, None, "deep"),
        ("[" + "1" * 10_000 + "]", None, "not JSON"),
        (b'{"a": "\xff"}', 1, "UTF-8"),
    ],
)
def test_hostile_or_broken_json_is_refused(text, line, reason):
    with pytest.raises(InvalidDocument) as caught:
        read_json(text)
    (fault,) = caught.value.faults
    assert reason in fault.message
    assert fault.line == line


@pytest.mark.parametrize("text", ["!" * 5000 + " a", "a: *" + "x" * 5000, "? " + "k" * 900 + "\n? " + "k" * 900 + "\n"])
def test_what_is_refused_is_told_in_few_words(text):
    with pytest.raises(InvalidDocument) as caught:
        read_yaml(text)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "content", "notation"),
    [
        ("a.yml", b"{}", "yaml"),
        ("a.JSON", b"x", "json"),
        ("-", b"\xef\xbb\xbf \n<a/>", "xml"),
        ("-", b' {"a": 1}', "json"),
        ("-", b"domain:\n", "yaml"),
        ("web.v2", b"<a/>", "xml"),
        ("-", "<a/>".encode("utf-16"), "xml"),
    ],
)
def test_the_notation_follows_from_name_or_content(name, content, notation):
    assert guess(content, name) == notation


def test_without_pyyaml_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(HostError) as caught:
        read_yaml("a: 1")
    assert "polyvisor[yaml]" in caught.value.hint
