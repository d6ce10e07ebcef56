"""What is shown to driver authors does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.errors import AccessDenied
from polyvisor.operations.catalogue import every
from polyvisor.plugins import Plugins

PAGE = Path(__file__).parents[2] / "docs" / "driver-authors.md"
DOMAIN = "<domain type='test'><name>{}</name><memory>65536</memory><os><type>hvm</type></os></domain>"


def shown(name: str) -> dict[str, Any]:
    """What the block of the page that defines ``name`` defines."""
    blocks = [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]
    (block,) = (block for block in blocks if f"class {name}" in block)
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_a_driver_of_guests_on_this_host_inherits_two_dozen_operations():
    plugins = Plugins()
    loaded = plugins.register_driver(shown("AcmeDriver")["AcmeDriver"]())
    assert len(loaded.implements) in range(24, 28) and {"connect", "define", "list_domains"} <= loaded.implements
    assert plugins.verify(loaded, every()) == []


def test_what_the_session_of_such_a_driver_has_to_say_is_what_the_page_says():
    session = shown("AcmeSession")["AcmeSession"]
    said = re.search(r"Says: (.*?)\.", session.__doc__)
    assert said and set(said[1].split(", ")) == session.__abstractmethods__


def test_the_naming_rule_holds_for_every_driver():
    names = shown("NamingRule")
    plugins = Plugins()
    plugins.register_extension(names["NamingRule"]())
    with polyvisor.open("test:///default", plugins=plugins, configuration=Configuration()) as connection:
        assert connection.define(DOMAIN.format("team-web")).name == "team-web"
        with pytest.raises(AccessDenied, match="naming rule"):
            connection.define(DOMAIN.format("web"))
        assert [row.name for row in connection.list_domains()] == ["test", "team-web"]
