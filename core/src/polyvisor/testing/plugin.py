"""The pytest plugin: three options, and nothing more until one of them is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from polyvisor.testing.target import Target


class HookSpecs:
    """The hook that a ``conftest.py`` may implement."""

    @pytest.hookspec(firstresult=True)
    def pytest_polyvisor_target(self, scratch: Path) -> Target | None:
        """The hypervisor to be asked; ``scratch`` is a fresh directory for its own use. None: go on looking."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(HookSpecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("polyvisor", "conformance of hypervisor drivers")
    group.addoption("--polyvisor-uri", metavar="URI", help="ask the driver that serves this URI")
    group.addoption(
        "--polyvisor-target",
        metavar="MODULE:ATTRIBUTE",
        help="what the suite has to know about the hypervisor: a polyvisor.testing.Target or a function returning one",
    )
    group.addoption("--polyvisor-report", metavar="FILE", help="write what was found as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--polyvisor-uri") or config.getoption("--polyvisor-target"):
        activate(config)


def activate(config: pytest.Config) -> None:
    """Bring the fixtures and the report; does nothing the second time."""
    for module in ("fixtures", "equipment", "report"):
        config.pluginmanager.import_plugin(f"polyvisor.testing.{module}")
