"""Kinds of documents, found and loaded by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from polyvisor import model
from polyvisor.errors import InvalidArgument


def test_every_kind_has_a_class_with_schemas_of_its_own_name():
    for kind in model.kinds():
        assert model.root(kind).declaration.kind == kind


def test_an_unknown_kind_says_which_there_are():
    with pytest.raises(InvalidArgument, match=r"'domane'.*domain"):
        model.root("domane")


def test_no_document_is_imported_before_it_is_asked_for():
    code = "import sys, polyvisor.model; print([name for name in sys.modules if name.startswith('polyvisor.model.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
