"""The names that the page for users of libvirt-python promises are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import polyvisor
from polyvisor import errors
from polyvisor.objects.connection import Connection
from polyvisor.objects.domain import Domain
from polyvisor.objects.snapshots import Snapshot

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from-libvirt.md"
OWNERS = {
    "connection": Connection,
    "domain": Domain,
    "snapshot": Snapshot,
    "polyvisor": polyvisor,
    "polyvisor.errors": errors,
}
ROWS = re.findall(r"^\| `(?:libvirt|conn|dom)\..*?\| (.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
NAMES = [name for row in ROWS for name in re.findall(r"`([\w.]+)((?:\([^)]*\))?)`", row)]


def test_the_table_is_read():
    assert len(ROWS) > 30


@pytest.mark.parametrize(("name", "call"), NAMES, ids=[name for name, _ in NAMES])
def test_the_name_is_there(name, call):
    owner, _, attribute = name.rpartition(".")
    found = getattr(OWNERS[owner], attribute)
    if isinstance(found, property):
        assert not call, f"{name} is no method"
