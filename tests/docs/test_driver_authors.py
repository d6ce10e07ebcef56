"""The extension shown to driver authors does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.errors import AccessDenied
from polyvisor.plugins import Plugins
from polyvisor.spi import hookimpl

PAGE = Path(__file__).parents[2] / "docs" / "driver-authors.md"
DOMAIN = "<domain type='test'><name>{}</name><memory>65536</memory><os><type>hvm</type></os></domain>"


def test_the_naming_rule_holds_for_every_driver():
    (block,) = (part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:])
    names = {"hookimpl": hookimpl, "AccessDenied": AccessDenied}
    exec(compile(block, str(PAGE), "exec"), names)
    plugins = Plugins()
    plugins.register_extension(names["NamingRule"]())
    with polyvisor.open("test:///default", plugins=plugins, configuration=Configuration()) as connection:
        assert connection.define(DOMAIN.format("team-web")).name == "team-web"
        with pytest.raises(AccessDenied, match="naming rule"):
            connection.define(DOMAIN.format("web"))
        assert [row.name for row in connection.list_domains()] == ["test", "team-web"]
