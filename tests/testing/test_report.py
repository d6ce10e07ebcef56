"""The report tells of each capability what became of the tests that need it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from polyvisor.operations.catalogue import every
from polyvisor.testing.report import FORMAT, OUTCOMES

CONFTEST = """
from polyvisor.errors import InvalidState
from polyvisor.plugins import Plugins
from polyvisor.spi import hookimpl
from polyvisor.testing import Target
from polyvisor_test.conformance import GUEST
from polyvisor_test.driver import TestDriver


class Sleepless(TestDriver):
    name = "sleepless"
    schemes = ("sleepless",)
    pm_suspend = pm_wakeup = None

    @hookimpl
    def resume(self, session, domain):
        raise InvalidState("it cannot")


def pytest_polyvisor_target(scratch):
    plugins = Plugins(find=lambda group: [])
    plugins.register_driver(Sleepless())
    return Target("sleepless:///default", document=GUEST, shared=False, plugins=plugins, patience=0.2)
"""
ASKED = ["test_lifecycle", "test_unsupported"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The report on a driver that lacks two operations and has one wrong, and what the terminal showed."""
    place = tmp_path_factory.mktemp("report")
    (place / "conftest.py").write_text(CONFTEST)
    modules = [f"polyvisor.testing.conformance.{name}" for name in ASKED]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--polyvisor-report", "report.json"]
    done = subprocess.run([*command, "--pyargs", *modules], cwd=place, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    return json.loads((place / "report.json").read_text()), done.stdout


@pytest.fixture
def report(told):
    return told[0]


def test_it_says_who_was_asked(report):
    assert (report["format"], report["driver"], report["uri"]) == (FORMAT, "sleepless", "sleepless:///default")
    assert report["hooks"].count(".") == 1 and report["polyvisor"]


def test_it_has_every_capability_in_order(report):
    capabilities = list(dict.fromkeys(operation.capability for operation in every().values()))
    assert list(report["capabilities"]) == capabilities


def test_it_counts_each_test_for_each_capability_that_it_needs(report):
    for outcome in OUTCOMES:
        tests = [found for found in report["tests"] if found["outcome"] == outcome]
        assert report["totals"][outcome] == len(tests)
        for name, row in report["capabilities"].items():
            assert row[outcome] == sum(name in found["capabilities"] for found in tests)


def test_it_tells_what_failed(report):
    row = report["capabilities"]["domain.resume"]
    assert row["filled"] and row["failed"] >= 2
    assert report["capabilities"]["domain.reset"]["failed"] == 0


def test_it_tells_what_is_not_there_and_whether_that_is_refused(report):
    row = report["capabilities"]["domain.pm-suspend"]
    assert row["operations"] == {"pm_suspend": False}
    assert (row["filled"], row["passed"], row["refused"]) == (False, 0, True)
    assert row["unsupported"] >= 1
    assert report["capabilities"]["domain.start"]["refused"] is None


def test_it_gives_the_reason_of_what_was_left_out(report):
    reasons = {found["reason"] for found in report["tests"] if found["outcome"] == "unsupported"}
    assert any("domain.pm-suspend" in reason for reason in reasons)
    assert all(found["reason"] == "" for found in report["tests"] if found["outcome"] == "passed")


def test_the_terminal_has_a_table(told):
    report, shown = told
    assert "conformance of the sleepless driver" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("domain.resume ")]
    row = report["capabilities"]["domain.resume"]
    assert line.split()[1:3] == [str(row["passed"]), str(row["failed"])]
    assert f"{report['totals']['filled']} of {report['totals']['capabilities']} capabilities filled" in shown
