"""The suite asks about every operation there is, in enough ways."""

from __future__ import annotations

from collections import Counter

import pytest
from asking import ask

from polyvisor.operations.catalogue import every
from polyvisor.testing.needs import needs_of, parse_need
from polyvisor_test.conformance import target
from polyvisor_test.driver import TestDriver

GENERAL = {"test_unsupported", "test_permissions", "test_contract", "test_calls"}
"""Modules that ask the same of every operation."""


@pytest.fixture(scope="module")
def items():
    """Every test of the suite; none is run."""
    found = []
    ask(TestDriver(), target, wanted=lambda item: found.append(item) or item.name == "test_closing_twice_is_harmless")
    return found


def module(item):
    return item.module.__name__.rpartition(".")[2]


def test_every_operation_has_tests_of_its_own(items):
    asked = Counter(
        need.operation.name
        for item in items
        if module(item) not in GENERAL
        for text in needs_of(item)
        for need in parse_need(text)
    )
    assert [name for name in every() if not asked[name]] == []


def test_there_are_hundreds_of_different_tests(items):
    functions = {(module(item), item.originalname) for item in items if module(item) not in GENERAL}
    assert len(functions) >= 250
    assert len(items) >= 1000
