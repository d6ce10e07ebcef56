"""Commands that plugins bring."""

from __future__ import annotations

import pytest

SOURCE = """
import click

@click.group()
def group():
    "What only this hypervisor has."

@group.command()
@click.argument("name")
@click.pass_obj
def measure(shell, name):
    "Say how long a name is."
    shell.data({"length": len(name)}, f"{name} has {len(name)} letters")

@group.command()
@click.argument("name")
@click.pass_obj
def about(shell, name):
    shell.print(shell.domain(name).name)

broken = "no command"
"""


@pytest.fixture
def bringing(site, tmp_path, environment, monkeypatch):
    """Install a distribution that brings commands."""

    def bring(points: str) -> None:
        (tmp_path / "polyvisor_bringing.py").write_text(SOURCE)
        info = tmp_path / "bringing-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bringing\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[polyvisor.commands]\n{points}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return bring


def test_a_plugin_brings_a_group_of_commands(bringing, invoke) -> None:
    bringing("gauge = polyvisor_bringing:group")
    found = invoke("gauge", "measure", "rope")
    assert (found.status, found.out) == (0, "rope has 4 letters\n")


def test_its_commands_speak_json_and_reach_domains_by_the_shell(bringing, invoke, machine) -> None:
    bringing("gauge = polyvisor_bringing:group")
    assert invoke("--json", "gauge", "measure", "rope").data == {"length": 4}
    refused = invoke("gauge", "about", "nobody")
    assert refused.status != 0
    assert "nobody" in refused.err


def test_help_lists_them_with_who_brought_them(bringing, invoke) -> None:
    bringing("gauge = polyvisor_bringing:group")
    shown = invoke("--help").out
    assert "Brought by plugins" in shown
    assert "gauge" in shown and "of bringing" in shown


def test_a_typing_error_is_compared_with_them_too(bringing, invoke) -> None:
    bringing("gauge = polyvisor_bringing:group")
    assert "did you mean 'gauge'" in invoke("gaugee").err


def test_a_plugin_cannot_replace_a_command(bringing, invoke, machine) -> None:
    bringing("list = polyvisor_bringing:group")
    assert invoke("list", "--all").status == 0


def test_what_is_blocked_brings_no_commands(bringing, invoke, monkeypatch) -> None:
    bringing("gauge = polyvisor_bringing:group")
    monkeypatch.setenv("POLYVISOR_BLOCK", "bringing")
    assert "unknown command" in invoke("gauge", "measure", "rope").err


@pytest.mark.parametrize("value", ["polyvisor_bringing:broken", "polyvisor_bringing:nothing", "polyvisor_no_module:x"])
def test_a_broken_command_is_told_with_its_distribution(bringing, invoke, value: str) -> None:
    bringing(f"gauge = {value}")
    found = invoke("gauge")
    assert found.status != 0
    assert "bringing" in found.err and "Traceback" not in found.err
