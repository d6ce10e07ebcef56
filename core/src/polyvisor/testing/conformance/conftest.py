"""Whoever collects the suite gets its fixtures, with or without an option on the command line."""

from __future__ import annotations

import pytest

from polyvisor.testing.plugin import activate


def pytest_configure(config: pytest.Config) -> None:
    activate(config)
