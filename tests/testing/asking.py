"""The suite, run inside this process on a driver that is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import polyvisor.testing.conformance
from polyvisor.plugins import Plugins
from polyvisor.testing.target import Target

SUITE = Path(polyvisor.testing.conformance.__file__).parent


class Outcomes:
    """What came of each test, by its node id below the suite's directory."""

    def __init__(self, wanted: Callable[[pytest.Item], bool] | None = None) -> None:
        self.wanted = wanted
        self.found: dict[str, str] = {}
        self.why: dict[str, str] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        config.option.tbstyle = "native"  # to quote the source of every frame takes seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.wanted is not None:
            items[:] = filter(self.wanted, items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("conformance/")[2]
        if report.outcome != "passed" or name not in self.found:
            self.found[name] = report.outcome
        if report.outcome == "failed":
            self.why[name] = str(report.longrepr)


class Asked:
    """What ``--polyvisor-target`` names while the suite runs."""

    target: Target


def named_target(scratch: Path) -> Target:
    return Asked.target


def ask(
    driver: object,
    target: Target,
    tests: Iterable[str] = ("",),
    wanted: Callable[[pytest.Item], bool] | None = None,
) -> Outcomes:
    """Run ``tests`` (node ids below the suite's directory, all of them by default) on ``driver``."""
    plugins = Plugins(find=lambda group: [])
    plugins.register_driver(driver)
    Asked.target = replace(target, plugins=plugins)
    outcomes = Outcomes(wanted)
    quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no", "--import-mode=importlib"]
    places = [f"--rootdir={SUITE}", "-c", "/dev/null", f"--polyvisor-target={__name__}:named_target"]
    code = pytest.main([*quiet, *places, *(str(SUITE / test) for test in tests)], plugins=[outcomes])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), code
    return outcomes
