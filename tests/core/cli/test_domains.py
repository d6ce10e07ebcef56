"""Commands that find domains and say what they do: virsh's output, JSON beside it."""

from __future__ import annotations

import json

import pytest

ALL = """\
 Id   Name   State
-----------------------
 1    web    running
 -    mail   shut off

"""


def test_list_shows_what_runs_in_virshs_layout(run):
    outcome = run("list")
    assert outcome.out == " Id   Name   State\n----------------------\n 1    web    running\n\n"
    assert (outcome.status, outcome.err) == (0, "")


def test_list_all_shows_the_others_too(run):
    assert run("list", "--all").out == ALL


def test_quiet_leaves_out_heads_and_the_line_after(run):
    assert run("-q", "list", "--all").out == " 1   web    running\n -   mail   shut off\n"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--inactive"], ["mail"]),
        (["--all"], ["web", "mail"]),
        (["--state-running"], ["web"]),
        (["--state-shutoff"], ["mail"]),
        (["--state-shutoff", "--state-running"], ["web", "mail"]),
        (["--state-paused"], []),
        (["--state-other"], []),
        (["--all", "--autostart"], ["web"]),
        (["--all", "--no-autostart"], ["mail"]),
        (["--all", "--autostart", "--no-autostart"], ["web", "mail"]),
        (["--all", "--with-managed-save"], ["mail"]),
        (["--all", "--without-managed-save"], ["web"]),
        (["--all", "--transient"], []),
    ],
)
def test_list_chooses(run, options, names):
    assert run("list", "--name", *options).out.split() == names


def test_list_asks_the_driver_only_for_what_it_prints(run, machine):
    run("list", "--all")
    run("list", "--all", "--title", "--autostart")
    assert machine.calls == [("list_domains", set()), ("list_domains", {"title", "autostart"})]


def test_list_prints_identities_in_virshs_order(run):
    assert run("list", "--name", "--uuid").out == "00000000-0000-4000-8000-000000000001 web\n"
    assert run("list", "--id", "--all").out == "1\n-\n"


def test_list_marks_saved_domains_and_adds_titles(run):
    assert " -    mail   saved" in run("list", "--all", "--managed-save").out.splitlines()
    lines = run("list", "--title").out.splitlines()
    assert lines[::2] == [" Id   Name   State     Title", " 1    web    running   Shop"]


def test_list_as_json_has_facts_not_words(run):
    found = json.loads(run("--json", "list", "--all").out)
    assert found[1] == {
        "id": None,
        "name": "mail",
        "uuid": "00000000-0000-4000-8000-000000000002",
        "state": "shut off",
        "reason": "shutdown",
        "persistent": True,
        "autostart": False,
        "managed_save": True,
    }
    assert json.loads(run("list", "--all", "--json").out) == found


def test_table_and_name_exclude_each_other(run):
    outcome = run("list", "--table", "--name")
    assert outcome.status == 2
    assert "Options --table and --name are mutually exclusive" in outcome.err


def test_dominfo_prints_virshs_lines(run):
    assert run("dominfo", "web").out == (
        "Id:             1\n"
        "Name:           web\n"
        "UUID:           00000000-0000-4000-8000-000000000001\n"
        "OS Type:        hvm\n"
        "State:          running\n"
        "CPU(s):         2\n"
        "CPU time:       12.3s\n"
        "Max memory:     2048 KiB\n"
        "Used memory:    1024 KiB\n"
        "Persistent:     yes\n"
        "Autostart:      enable\n"
        "Managed save:   no\n\n"
    )


def test_dominfo_of_a_domain_that_does_not_run_has_no_id_and_no_cpu_time(run):
    lines = run("dominfo", "mail").out.splitlines()
    assert lines[0] == "Id:             -"
    assert not any(line.startswith("CPU time") for line in lines)


@pytest.mark.parametrize("word", ["web", "1", "00000000-0000-4000-8000-000000000001"])
def test_a_domain_is_meant_by_name_id_or_uuid(run, word):
    assert run("domname", word).out == "web\n"
    assert run("domid", word).out == "1\n"
    assert run("domuuid", word).out == "00000000-0000-4000-8000-000000000001\n"


def test_domstate_gives_its_reason_when_asked(run):
    assert run("domstate", "web").out == "running\n"
    assert run("domstate", "--reason", "mail").out == "shut off (shutdown)\n"
    assert json.loads(run("domstate", "mail", "--json").out) == {"state": "shut off", "reason": "shutdown"}


def test_domcontrol_says_for_how_long(run):
    assert run("domcontrol", "web").out == "occupied (1.500s)\n"
