"""The conformance suite asks the driver, on a simulated host and on a host of a simulated vCenter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def report(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the suite found."""
    place = tmp_path_factory.mktemp("conformance")
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={place / 'tmp'}"]
    command += ["--pyargs", "polyvisor.testing.conformance", "--polyvisor-uri", server.uri(path)]
    command += ["--polyvisor-report", str(place / "report.json")]
    environment = {**os.environ, "POLYVISOR_ESX_PASSWORD": server.password}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert (place / "report.json").exists(), done.stdout + done.stderr
    return json.loads((place / "report.json").read_text())


def outcomes(report: Any, outcome: str) -> set[str]:
    """The names of tests that ended so."""
    return {found["test"].rpartition("::")[2] for found in report["tests"] if found["outcome"] == outcome}


def test_nothing_fails(report: Any) -> None:
    failed = outcomes(report, "failed")  # errors count as failures
    assert not failed, "\n".join(sorted(failed))


def test_much_was_asked(report: Any) -> None:
    assert len(outcomes(report, "passed")) > 1000
    assert sum(found["filled"] for found in report["capabilities"].values()) >= 90


def test_what_the_driver_lacks_is_refused(report: Any) -> None:
    lacking = {name: found for name, found in report["capabilities"].items() if not found["filled"]}
    lacking.pop("connect.uri-probe", None)  # asked before there is a connection
    assert [name for name, found in lacking.items() if found["refused"] is not True] == []
