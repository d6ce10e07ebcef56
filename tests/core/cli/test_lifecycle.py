"""Commands that start, stop and pause domains, and their messages, which are virsh's."""

from __future__ import annotations

import json

import pytest

from polyvisor.operations.lifecycle import ShutdownMode


def test_a_domain_is_started_and_stopped(run):
    assert run("start", "mail").out == "Domain 'mail' started\n"
    assert run("domstate", "mail").out == "running\n"
    assert run("suspend", "mail").out == "Domain 'mail' suspended\n"
    assert run("domstate", "mail", "--reason").out == "paused (user)\n"
    assert run("resume", "mail").out == "Domain 'mail' resumed\n"
    assert run("destroy", "mail").out == "Domain 'mail' destroyed\n"
    assert run("domstate", "mail").out == "shut off\n"


def test_options_reach_the_driver(run, machine):
    run("start", "mail", "--paused", "--force-boot")
    run("destroy", "mail", "--graceful")
    run("shutdown", "web", "--mode", "agent,acpi")
    assert machine.calls == [
        ("start", {"paused": True, "force_boot": True}),
        ("destroy", {"graceful": True}),
        ("shutdown", (ShutdownMode.AGENT, ShutdownMode.ACPI)),
    ]


def test_a_program_learns_the_new_id(run):
    assert json.loads(run("start", "mail", "--json").out) == {
        "message": "Domain 'mail' started",
        "name": "mail",
        "uuid": "00000000-0000-4000-8000-000000000002",
        "id": 7,
    }


def test_an_option_the_driver_lacks_is_not_ignored(run, machine):
    outcome = run("start", "mail", "--reset-nvram")
    assert outcome.status == 4
    assert "no option 'reset_nvram'" in outcome.err
    assert run("domstate", "mail").out == "shut off\n"


def test_starting_what_runs_fails_and_says_why(run):
    outcome = run("start", "web")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "error: domain 'web' is running\nhint: destroy it first\n"


def test_autostart_is_set_and_cleared(run):
    assert run("autostart", "mail").out == "Domain 'mail' marked as autostarted\n"
    assert run("list", "--all", "--autostart", "--name").out == "web\nmail\n"
    assert run("autostart", "mail", "--disable").out == "Domain 'mail' unmarked as autostarted\n"


def test_an_unknown_way_to_shut_down_is_refused_with_those_there_are(run, machine):
    outcome = run("shutdown", "web", "--mode", "polite")
    assert outcome.status == 2
    assert "acpi, agent, initctl, signal, paravirt" in outcome.err
    assert machine.calls == []


def test_a_description_is_written_read_and_removed(run, machine):
    assert run("desc", "web").out == "No description for domain: web\n"
    assert run("desc", "web", "sells", "shoes").out == "Domain description updated successfully\n"
    assert run("desc", "web").out == "sells shoes\n"
    assert run("desc", "web", "").status == 0
    assert run("desc", "web").out == "No description for domain: web\n"
    assert run("desc", "web", "--title", "--config", "--live", "Shop").out == "Domain title updated successfully\n"
    assert machine.calls[-1] == ("set_metadata", "both")


def test_metadata_is_written_read_and_removed(run):
    uri = "http://example.org/app"
    assert run("metadata", "web", uri).status == 5
    assert run("metadata", "web", uri, "--set", "<a/>").status == 2  # without a prefix
    assert run("metadata", "web", uri, "--key", "app", "--set", "<a/>").out == "Metadata modified\n"
    assert run("metadata", "web", uri).out == "<a/>\n"
    assert run("metadata", "web", uri, "--remove").out == "Metadata removed\n"


@pytest.mark.parametrize("other", ["--config", "--live"])
def test_current_excludes_the_others(run, other):
    outcome = run("desc", "web", "--current", other, "text")
    assert outcome.status == 2
    assert f"Options --current and {other} are mutually exclusive" in outcome.err
