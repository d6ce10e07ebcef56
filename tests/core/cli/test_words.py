"""virsh's rules of options and bare words, usage errors, help and completion."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from polyvisor.cli.command import REGISTRY
from polyvisor.cli.vocabulary import MODULES


@pytest.mark.parametrize(
    "words",
    [
        ["desc", "web", "two", "words"],
        ["desc", "--domain", "web", "two", "words"],
        ["desc", "--domain=web", "two", "words"],
        ["desc", "two", "words", "--domain", "web"],
        ["desc", "web", "--new-desc", "two", "words"],
        ["desc", "web", "--live", "two", "--", "words"],
    ],
)
def test_a_bare_word_fills_the_next_datum_without_a_value(run, machine, words):
    assert run(*words).status == 0
    assert "two words" in machine.texts.values()


def test_what_stands_behind_two_dashes_is_no_option(run, machine):
    run("desc", "web", "--", "--title")
    assert "--title" in machine.texts.values()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["start"], "command 'start' requires <domain> option"),
        (["domid", "web", "mail"], "unexpected data 'mail'"),
        (["domid", "web", "--domain", "web"], "unexpected data 'web'"),
        (["start", "web", "--bogus"], "No such option"),
        (["domainlist"], "unknown command: 'domainlist'"),
        (["dominf", "web"], "did you mean 'dominfo'?"),
        (["-d", "loud", "list"], "'loud'"),
        (["nodecpustats", "--cpu", "first"], "'first' is not a valid integer"),
    ],
)
def test_a_command_line_without_sense_is_refused_with_status_2(run, words, complaint):
    outcome = run(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert complaint in outcome.err
    assert "--help" in outcome.err


def test_usage_errors_are_json_for_programs(run):
    outcome = run("--json", "start")
    error = json.loads(outcome.err)
    assert (outcome.status, error["status"], error["error"]["code"]) == (2, 2, "usage")


def test_without_a_command_the_help_is_shown(run):
    outcome = run()
    assert outcome.status == 2
    assert "Host and hypervisor:" in outcome.out


def test_help_comes_in_three_ways_and_names_the_data(run):
    first, *others = [run("start", "--help"), run("start", "-h"), run("help", "start")]
    assert others == [first, first]
    assert "polyvisor start <domain> [OPTIONS]" in first.out
    assert run("help", "nothing").status == 2


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_command_in_the_vocabulary_exists_and_explains_itself(run, name):
    import_module(f"polyvisor.cli.{MODULES[name]}")
    command = REGISTRY[name]
    assert command.name == name
    assert len(command.help.split("\n\n")[1]) > 5
    assert all(option.help for option in command.params), [option.name for option in command.params if not option.help]
    assert run(name, "--help").status == 0


def test_no_command_is_left_out_of_the_vocabulary():
    for module in set(MODULES.values()):
        import_module(f"polyvisor.cli.{module}")
    assert set(REGISTRY) <= set(MODULES)


def complete(execute, environment, line):
    """What bash would be offered for ``line``, whose last word is incomplete."""
    words = line.split(" ")
    settings = {"_POLYVISOR_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    script = "import sys; sys.argv = ['polyvisor']; from polyvisor.cli import main; main()"
    outcome = execute(script=script, env={**environment, **settings})
    return [offer.partition(",")[2] for offer in outcome.out.split()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("polyvisor domstate -", ["--domain", "--reason", "--json", "-h", "--help"]),
        ("polyvisor domu", ["domuuid"]),
        ("polyvisor start --pa", ["--paused", "--pass-fds"]),
        ("polyvisor start ", ["web", "mail"]),
        ("polyvisor start --paused m", ["mail"]),
        ("polyvisor start --domain w", ["web"]),
        ("polyvisor -c fake:///down start ", []),
        ("polyvisor set-lifecycle-action web cr", ["crash"]),
        ("polyvisor driv", ["drivers", "driver"]),
        ("polyvisor driver n", ["new"]),
        ("polyvisor driver new acme --li", ["--licence", "--license"]),
    ],
)
def test_the_shell_completes_commands_options_and_domains(execute, environment, line, offered):
    assert complete(execute, environment, line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(run, shell):
    outcome = run("completion", shell)
    assert outcome.status == 0
    assert "_POLYVISOR_COMPLETE" in outcome.out
