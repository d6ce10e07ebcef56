"""What a service manager calls when the host comes up and before it goes down."""

from __future__ import annotations

import json

import pytest

import polyvisor


def test_only_what_is_marked_and_does_not_run_is_started(run, machine):
    assert run("guests-start").out == ""
    run("autostart", "mail")
    assert run("guests-start", "fake:///default").out == "Domain 'mail' started\n"
    assert run("guests-start", "fake:///default").out == ""
    assert [call for call in machine.calls if call[0] == "start"] == [("start", {"paused": False, "force_boot": False})]


def test_several_connections_may_be_named_and_one_that_is_down_does_not_keep_the_others_back(run):
    run("autostart", "mail")
    outcome = run("guests-start", "fake:///down", "fake:///default")
    assert outcome.status == 1
    assert outcome.out == "Domain 'mail' started\n"
    assert outcome.err == "fake:///down: the hypervisor does not answer (start it)\n"


def test_a_program_is_told_of_each_domain_and_each_failure(run):
    run("autostart", "mail")
    answer = json.loads(run("guests-start", "--json", "fake:///down", "fake:///default").out)
    assert answer["started"] == [
        {"uri": "fake:///default", "name": "mail", "uuid": "00000000-0000-4000-8000-000000000002"}
    ]
    assert [(row["uri"], row["code"]) for row in answer["failed"]] == [("fake:///down", "connect-failed")]


def test_the_connection_may_be_the_one_of_the_command_line(run):
    run("autostart", "mail")
    assert run("-c", "fake:///default", "guests-start").out == "Domain 'mail' started\n"


def test_without_a_connection_every_hypervisor_is_seen_to_that_is_found(run, machine, monkeypatch):
    from polyvisor.spi import hookimpl

    @hookimpl
    def probe_uri(self):
        return "fake:///default"

    plugin = __import__("polyvisor_fake_driver").FakeDriver
    monkeypatch.setattr(plugin, "probe_uri", probe_uri, raising=False)
    monkeypatch.setenv("POLYVISOR_BLOCK", "qemu,lxc")
    run("autostart", "mail")
    assert run("guests-start").out == "Domain 'mail' started\n"


def test_a_read_only_connection_starts_nothing(run):
    run("autostart", "mail")
    outcome = run("-r", "guests-start", "fake:///default")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("mail: ")


def test_domains_that_go_are_told_of(run, machine):
    machine.obedient = True
    run("start", "mail")
    outcome = run("guests-stop", "fake:///default")
    assert sorted(outcome.out.splitlines()) == ["Domain 'mail' shut down", "Domain 'web' shut down"]
    assert outcome.status == 0
    assert run("guests-stop", "fake:///default").out == ""


def test_a_domain_that_stays_is_told_of_when_the_time_is_over(run, machine):
    outcome = run("guests-stop", "fake:///default", "--timeout", "0")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("web: still running 0 s after it was asked to shut down")
    assert run("domstate", "web").out == "running\n"


def test_a_domain_that_stays_may_be_stopped_at_once(run, machine):
    outcome = run("guests-stop", "fake:///default", "--timeout", "0", "--destroy")
    assert (outcome.status, outcome.out) == (0, "Domain 'web' destroyed\n")


def test_a_mark_for_once_is_used_up():
    pytest.importorskip("polyvisor_test", reason="the driver `test` is not installed")
    from polyvisor.cli.boot import Tally, _marked, _start
    from polyvisor.cli.shell import Shell

    with polyvisor.open("test:///default") as connection:
        domain = connection.domain("test")
        domain.destroy()
        domain.set_autostart_once(True)
        tally = Tally(Shell())
        ((found, once),) = _marked(connection, tally)
        assert once
        _start(found, once, tally)
        assert domain.is_active
        assert not domain.autostart_once()
        assert tally.failed == []
