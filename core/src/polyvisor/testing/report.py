"""What the suite found of a driver: a table in the terminal, and a JSON file for programs.

The JSON document is an object:

``format``
    1; raised when a key changes its meaning or goes.
``driver``, ``uri``, ``polyvisor``, ``hooks``
    who was asked, and with which version of the product and of the hook contract (``"1.0"``).
``totals``
    the four counts below over all tests, and ``capabilities`` and ``filled``: how many there are and how many the
    driver has.
``capabilities``
    by name, in the order of the contract, an object:

    - ``filled``: whether the driver has all operations of the capability;
    - ``operations``: each by name, with whether the driver has it;
    - ``passed``, ``failed``, ``skipped``, ``unsupported``: how many tests that need the capability ended so.
      ``skipped`` are tests that a limit of the hypervisor excluded, ``unsupported`` those that something the driver
      lacks excluded;
    - ``refused``: for what is not filled, whether the proof passed that it is refused by name; null when no proof ran.
``tests``
    every test that ran: ``test``, ``outcome`` (one of the four), ``seconds``, ``capabilities``, ``reason`` (of a
    skip, else empty).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor import __version__
from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import HOOKS_VERSION
from polyvisor.testing.needs import parse_need

if TYPE_CHECKING:
    from polyvisor.testing.bench import Bench

FORMAT = 1
OUTCOMES = ("passed", "failed", "skipped", "unsupported")
_DRIVER, _NEEDS, PROVES = "polyvisor_driver", "polyvisor_needs", "polyvisor_proves"
"""Names of the properties that tests carry to the report; properties also travel between processes of a run."""


def note_driver(item: pytest.Item, bench: Bench) -> None:
    """Have the report know which driver a test asks and what it has."""
    item.user_properties.append((_DRIVER, [bench.driver.name, bench.target.uri, sorted(bench.driver.implements)]))


def note_needs(item: pytest.Item, wanted: list[str]) -> None:
    """Have the report know what a test needs; what is noted later counts instead."""
    capabilities = [need.operation.capability for text in wanted for need in parse_need(text)]
    item.user_properties.append((_NEEDS, list(dict.fromkeys(capabilities))))


@dataclass
class Outcome:
    """How one test ended; ``proves`` is the operation whose refusal it proves."""

    test: str
    outcome: str = "passed"
    seconds: float = 0.0
    capabilities: list[str] = field(default_factory=list)
    reason: str = ""
    proves: str = ""


class Report:
    """Collects outcomes while pytest runs."""

    def __init__(self) -> None:
        self.driver = ""
        self.uri = ""
        self.implements: frozenset[str] = frozenset()
        self.outcomes: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if _NEEDS not in properties:
            return  # not a test of a driver
        self._meet(properties)
        name = report.nodeid.rpartition("polyvisor/testing/conformance/")[2]
        found = self.outcomes.setdefault(name, Outcome(name))
        found.seconds += report.duration
        found.capabilities = list(properties[_NEEDS])  # type: ignore[call-overload]
        found.proves = str(properties.get(PROVES, ""))
        if report.failed:
            found.outcome = "failed"
        elif report.skipped and found.outcome != "failed":
            found.outcome, found.reason = _excluded(report)

    def _meet(self, properties: dict[str, Any]) -> None:
        if not self.driver and _DRIVER in properties:
            self.driver, self.uri, implements = properties[_DRIVER]
            self.implements = frozenset(implements)

    def as_dict(self) -> dict[str, Any]:
        """The document that the module describes."""
        capabilities = self._capabilities()
        tests = [found for found in self.outcomes.values() if found.proves not in self.implements]
        counts = Counter(found.outcome for found in tests)
        return {
            "format": FORMAT,
            "driver": self.driver,
            "uri": self.uri,
            "polyvisor": __version__,
            "hooks": f"{HOOKS_VERSION[0]}.{HOOKS_VERSION[1]}",
            "totals": {
                **{name: counts[name] for name in OUTCOMES},
                "capabilities": len(capabilities),
                "filled": sum(found["filled"] for found in capabilities.values()),
            },
            "capabilities": capabilities,
            "tests": [
                {
                    "test": found.test,
                    "outcome": found.outcome,
                    "seconds": round(found.seconds, 4),
                    "capabilities": found.capabilities,
                    "reason": found.reason,
                }
                for found in tests
            ],
        }

    def _capabilities(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for operation in every().values():
            row = found.setdefault(
                operation.capability, {"filled": True, "operations": {}, **dict.fromkeys(OUTCOMES, 0), "refused": None}
            )
            filled = operation.name in self.implements
            row["operations"][operation.name] = filled
            row["filled"] = row["filled"] and filled
        for outcome in self.outcomes.values():
            for capability in outcome.capabilities:
                found[capability][outcome.outcome] += 1
            if outcome.proves and outcome.proves not in self.implements:
                row = found[every()[outcome.proves].capability]
                row["refused"] = outcome.outcome == "passed" and row["refused"] is not False
        return found


def _excluded(report: pytest.TestReport) -> tuple[str, str]:
    from polyvisor.testing.bench import UNSUPPORTED

    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    return ("unsupported" if reason.startswith(UNSUPPORTED) else "skipped"), reason.removeprefix(UNSUPPORTED)


_REPORT: pytest.StashKey[Report] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    if _REPORT not in config.stash:
        config.stash[_REPORT] = Report()
        config.pluginmanager.register(config.stash[_REPORT], "polyvisor-report")


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--polyvisor-report")
    if file and not hasattr(session.config, "workerinput"):  # of processes that share the work, the first writes
        text = json.dumps(session.config.stash[_REPORT].as_dict(), indent=1, ensure_ascii=False)
        Path(file).write_text(text + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash[_REPORT].as_dict()
    if not found["tests"]:
        return
    terminalreporter.write_sep("=", f"conformance of the {found['driver']} driver")
    for line in _table(found):
        terminalreporter.write_line(line)


def _table(found: dict[str, Any]) -> list[str]:
    """A row for each capability that the driver has, and one line for the others."""
    columns = ("passed", "failed", "skipped", "unsupported")
    rows = [(name, row) for name, row in found["capabilities"].items() if any(row["operations"].values())]
    width = max((len(name) for name, _ in rows), default=10)
    lines = [f"{'capability':<{width}}  {'  '.join(columns)}"]
    for name, row in rows:
        figures = "  ".join(f"{row[column] or '-':>{len(column)}}" for column in columns)
        lines.append(f"{name:<{width}}  {figures}{'' if row['filled'] else '   in part'}".rstrip())
    others = [row["refused"] for row in found["capabilities"].values() if not any(row["operations"].values())]
    totals = found["totals"]
    lines.append(
        f"{totals['filled']} of {totals['capabilities']} capabilities filled; of {len(others)} others "
        f"{others.count(True)} are proved to be refused, {others.count(False)} are not refused as they ought to be"
    )
    lines.append(", ".join(f"{totals[column]} {column}" for column in columns))
    return lines
