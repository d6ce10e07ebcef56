"""Tables and listings line up whatever the names; JSON has plain data whatever the records."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from polyvisor.cli.output import as_json, listing, plain, printable, settings, table, width, yes
from polyvisor.operations.records import DomainRef, DomainRow, DomainState, StateInfo
from polyvisor.units import GiB

REF = DomainRef("web", UUID(int=1), 3)


def test_columns_are_as_wide_as_their_widest_cell():
    text = table(("Id", "Name"), [("1", "a"), ("1000", "long name")])
    assert text == " Id     Name\n-------------------\n 1      a\n 1000   long name"


def test_wide_and_combining_characters_count_as_the_terminal_shows_them():
    lines = table(("Name", "State"), [("日本", "on"), ("cafe\u0301", "on"), ("abcd", "on")]).splitlines()[2:]
    assert [width(line.partition("on")[0]) for line in lines] == [8, 8, 8]


def test_an_empty_table_has_heads_or_nothing():
    assert table(("Id", "Name"), []) == " Id   Name\n------------"
    assert table(("Id", "Name"), [], heading=False) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [("größe", "größe"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("two\nlines", "two\\nlines"), ("\u202eevil", "\\u202eevil")],
)
def test_a_name_cannot_move_the_cursor(text, shown):
    assert printable(text) == shown
    assert shown in table(("Name",), [(text,)])


def test_listings_put_values_in_one_column():
    assert listing({"Id": 1, "Long name": "x"}) == "Id:          1\nLong name:   x"
    assert listing({"Id": ""}, margin=15) == "Id:"
    assert settings({"a": True, "quite_a_long_name": 3}) == "a              : yes\nquite_a_long_name: 3"


def test_records_become_plain_data():
    row = DomainRow(REF, DomainState.RUNNING, memory_kib=4)
    found = plain({"row": row, 3: {DomainState.PAUSED}, "size": GiB(1), "set": frozenset({2, 1}), "none": None})
    assert found["row"]["ref"] == {"name": "web", "uuid": "00000000-0000-0000-0000-000000000001", "id": 3}
    assert found["row"]["state"] == "running"
    assert (found["3"], found["size"], found["set"], found["none"]) == (["paused"], 2**30, [1, 2], None)
    assert json.loads(as_json(found)) == found


def test_json_keeps_letters_as_they_are_and_may_be_one_line():
    assert as_json({"name": "größe"}, indent=None) == '{"name": "größe"}'
    assert json.loads(as_json(StateInfo(DomainState.SHUT_OFF, "saved"))) == {"state": "shut off", "reason": "saved"}


def test_truths_are_words():
    assert [yes(True), yes(False), yes(None)] == ["yes", "no", "-"]
