"""libvirt's capabilities have a counterpart here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from polyvisor.operations.catalogue import every
from polyvisor.operations.vocabulary import LIBVIRT_CAPABILITIES

MATRIX = Path(__file__).parents[4] / "shared" / "reference" / "driver_matrix.csv"


def test_each_of_them_is_served_by_capabilities_that_are_declared():
    declared = {operation.capability for operation in every().values()}
    assert {
        name: ours for name, ours in LIBVIRT_CAPABILITIES.items() if not ours or not declared.issuperset(ours)
    } == {}


def test_each_of_ours_serves_one_of_them():
    served = {capability for ours in LIBVIRT_CAPABILITIES.values() for capability in ours}
    assert {operation.capability for operation in every().values()} - served == set()


def test_a_capability_of_the_same_name_is_the_first_to_serve():
    declared = {operation.capability for operation in every().values()}
    for name, ours in LIBVIRT_CAPABILITIES.items():
        if name in declared:
            assert ours[0] == name


def test_none_of_them_is_missing():
    if not MATRIX.exists():
        pytest.skip("the matrix of libvirt's drivers is not beside this checkout")
    with MATRIX.open(newline="") as rows:
        theirs = {row["capability"] for row in csv.DictReader(rows) if row["table"] == "hypervisor"}
    assert set(LIBVIRT_CAPABILITIES) == theirs
