"""The drivers of this workspace pass the conformance suite, run as the author of any other driver runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from polyvisor_lxc.conformance import SAVES

DRIVERS = {
    "test": ["--polyvisor-uri", "test:///default"],
    "qemu": ["--polyvisor-target", "polyvisor_qemu.conformance:target"],
    "lxc": ["--polyvisor-target", "polyvisor_lxc.conformance:target"],
}
SUITE = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "polyvisor.testing.conformance"]


NEEDED = {"qemu": ("qemu-system-x86_64",), "lxc": ("lxc-start", "busybox")}
LIVE = [pytest.param(name, marks=pytest.mark.live) for name in NEEDED]


@pytest.fixture(scope="module", params=["test", *LIVE])
def asked(request, tmp_path_factory):
    """The report on one driver, and what the terminal showed."""
    for program in NEEDED.get(request.param, ()):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if request.param == "lxc" and os.geteuid() != 0:
        pytest.skip("containers of these tests need root")
    place = tmp_path_factory.mktemp(request.param)
    report = place / "report.json"
    command = [*SUITE, *DRIVERS[request.param], "--polyvisor-report", str(report), f"--basetemp={place / 'tmp'}"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert report.exists(), done.stdout + done.stderr
    return json.loads(report.read_text()), done.stdout


def test_nothing_fails(asked):
    report, shown = asked
    failed = [f"{found['test']}: {found['reason']}" for found in report["tests"] if found["outcome"] == "failed"]
    assert not failed, "\n".join(failed)
    assert " failed" not in shown.splitlines()[-1], shown


def test_what_a_driver_lacks_is_proved_to_be_refused(asked):
    report, _ = asked
    lacking = {name: found for name, found in report["capabilities"].items() if not found["filled"]}
    lacking.pop("connect.uri-probe", None)  # asked before there is a connection
    assert lacking
    assert [name for name, found in lacking.items() if found["refused"] is not True] == []


def test_every_capability_that_is_filled_was_asked_about(asked):
    report, _ = asked
    filled = {name: found for name, found in report["capabilities"].items() if found["filled"]}
    assert [name for name, found in filled.items() if not found["passed"] and name not in SAVES] == []


def test_there_are_enough_questions(asked):
    report, _ = asked
    assert report["totals"]["passed"] >= 250
