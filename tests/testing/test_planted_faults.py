"""The suite catches every fault that was planted, by the name of the test that is about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asking import ask
from faults import FAULTS

from polyvisor_test.conformance import target
from polyvisor_test.driver import TestDriver

CATCHERS = list(dict.fromkeys(test for fault in FAULTS for test in fault.caught_by))
IMPATIENT = replace(target, patience=0.2, boot_seconds=0.2)
"""A fault is often that something never happens: there is no need to wait long for it."""


def test_there_are_enough_of_them():
    assert len(FAULTS) >= 30
    assert len({fault.__name__ for fault in FAULTS}) == len(FAULTS)


def test_the_tests_that_catch_them_pass_for_the_driver_without_faults():
    outcomes = ask(TestDriver(), target, CATCHERS)
    assert outcomes.found == dict.fromkeys(CATCHERS, "passed"), outcomes.why


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_caught(fault):
    outcomes = ask(fault(), IMPATIENT, fault.caught_by)
    assert outcomes.found == dict.fromkeys(fault.caught_by, "failed")
