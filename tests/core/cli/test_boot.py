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
        ((found, once, _),) = _marked(connection, tally)
        assert once
        _start(found, once, tally)
        assert domain.is_active
        assert not domain.autostart_once()
        assert tally.failed == []


# -- in order -------------------------------------------------------------------------------------------------


@pytest.fixture
def waited(monkeypatch) -> list[float]:
    """How long was waited, without waiting."""
    found: list[float] = []
    monkeypatch.setattr("polyvisor.cli.boot.time.sleep", found.append)
    return found


@pytest.fixture
def three(run, machine):
    """Three domains that are off and start with the host."""
    from dataclasses import replace
    from uuid import uuid4

    for row in list(machine.rows.values()):
        if row.state.active:
            run("destroy", row.ref.name)
    row = next(iter(machine.rows.values()))
    ref = replace(row.ref, name="files", uuid=uuid4())
    machine.rows[ref.uuid] = replace(row, ref=ref)
    names = sorted(row.ref.name for row in machine.rows.values())
    assert len(names) >= 3
    for name in names[:3]:
        run("autostart", name)
    return names[:3]


def started(outcome) -> list[str]:
    return [line.split("'")[1] for line in outcome.out.splitlines()]


def test_domains_start_by_their_order_and_then_by_name(run, three, waited):
    first, second, third = three
    run("autostart", third, "--order", "-1")
    assert started(run("guests-start", "fake:///default")) == [third, first, second]
    assert waited == [0.0, 0.0]


def test_the_next_domain_waits_as_long_as_the_one_before_says(run, three, waited):
    first, _, third = three
    run("autostart", first, "--delay", "2.5")
    run("autostart", third, "--order", "7", "--delay", "9")
    assert started(run("guests-start", "--delay", "1", "fake:///default")) == three
    assert waited == [2.5, 1.0], "nobody waits after the last"


def test_an_order_and_a_delay_are_kept_until_others_are_given(run, three, machine):
    from polyvisor.operations.startplace import NAMESPACE, StartPlace, read_start_place

    name = three[0]
    run("autostart", name, "--order", "3", "--delay", "4")
    run("autostart", name, "--order", "5")
    run("autostart", name, "--disable")
    run("autostart", name)
    (kept,) = [text for key, text in machine.texts.items() if key[2] == NAMESPACE]
    assert read_start_place(kept) == StartPlace(5, 4.0)


def test_one_whose_document_says_it_wrongly_starts_and_is_told_of(run, three, machine, waited):
    from polyvisor.operations.configuration import MetadataKind
    from polyvisor.operations.startplace import NAMESPACE

    uuid = next(row.ref.uuid for row in machine.rows.values() if row.ref.name == three[0])
    machine.texts[uuid, MetadataKind.ELEMENT, NAMESPACE] = f'<start xmlns="{NAMESPACE}" order="soon"/>'
    outcome = run("guests-start", "fake:///default")
    assert started(outcome) == three
    assert outcome.status == 1
    assert "does not say when a guest starts" in outcome.err


@pytest.mark.parametrize("words", [("--order", "soon"), ("--delay", "-1"), ("--disable", "--order", "1")])
def test_what_is_no_order_is_refused(run, three, words):
    assert run("autostart", three[0], *words).status != 0
