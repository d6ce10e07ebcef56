"""A driver is asked about what it has and about nothing else, whatever it leaves out."""

from __future__ import annotations

import pytest
from asking import ask

from polyvisor.errors import UnsupportedOperation
from polyvisor.spi import hookimpl
from polyvisor_test.conformance import target
from polyvisor_test.driver import TestDriver

ASKED = ["test_lifecycle.py", "test_listing.py", "test_documents.py", "test_events.py", "test_autostart.py"]
LEAN = {
    "no states": ["domain_state", "domain_info"],
    "no documents": ["domain_config", "list_domains"],
    "no lives": ["start", "destroy", "create"],
    "no definitions": ["define", "undefine"],
    "no lookup": ["lookup_domain"],
}


def without(*operations):
    """The in-memory driver without some of its operations."""
    return type("Lean", (TestDriver,), dict.fromkeys(operations))()


@pytest.mark.parametrize("gone", LEAN)
def test_what_is_left_out_excludes_tests_and_fails_none(gone):
    outcomes = ask(without(*LEAN[gone]), target, ASKED)
    assert outcomes.why == {}
    assert {"passed", "skipped"} <= set(outcomes.found.values())


def test_an_option_that_is_left_out_excludes_tests_and_fails_none():
    class Plain(TestDriver):
        @hookimpl
        def start(self, session, domain):
            return super().start(session, domain, False, False, False)

    outcomes = ask(Plain(), target, ["test_lifecycle.py", "test_saving.py"])
    assert outcomes.why == {}
    assert outcomes.found["test_lifecycle.py::test_a_guest_may_begin_paused"] == "skipped"


def test_a_driver_that_refuses_what_it_has_is_not_excused():
    class Unwilling(TestDriver):
        @hookimpl
        def suspend(self, session, domain):
            raise UnsupportedOperation("not today", operation="suspend")

    outcomes = ask(Unwilling(), target, ["test_lifecycle.py"])
    assert outcomes.found["test_lifecycle.py::test_calls_lead_from_state_to_state[suspend when running]"] == "failed"
