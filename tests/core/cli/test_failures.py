"""How commands end: statuses, errors for people and for programs, pipes that close, interrupts."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from polyvisor import errors
from polyvisor.cli.failure import Status, status_of
from polyvisor.cli.shell import Shell


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["list"], Status.OK),
        (["start", "web"], Status.FAILED),
        (["start"], Status.USAGE),
        (["-c", "no uri", "list"], Status.CONNECTION),
        (["-c", "nosuch:///", "list"], Status.CONNECTION),
        (["-c", "fake:///down", "list"], Status.CONNECTION),
        (["reboot", "web"], Status.UNSUPPORTED),
        (["start", "web", "--paused", "--bypass-cache"], Status.UNSUPPORTED),
        (["domstate", "nosuch"], Status.NOT_FOUND),
        (["-r", "destroy", "web"], Status.DENIED),
        (["reset", "web"], Status.DEFECT),
    ],
)
def test_the_status_tells_what_kind_of_failure_it_was(run, words, status):
    outcome = run(*words)
    assert outcome.status == status
    assert outcome.err.startswith("error: ") or status is Status.OK


def test_every_error_has_a_status_other_than_success():
    assert all(status_of(error("x")) is not Status.OK for error in errors.CODES.values())
    assert status_of(errors.UnknownScheme("x")) is Status.CONNECTION
    assert status_of(errors.InvalidDocument("x")) is Status.INVALID_DOCUMENT


def test_an_error_is_json_for_programs(run):
    outcome = run("--json", "domstate", "nosuch")
    assert json.loads(outcome.err) == {
        "error": {
            "code": "no-such-domain",
            "message": "there is no domain nosuch",
            "operation": "lookup_domain",
            "target": "nosuch",
            "driver": "fake",
        },
        "status": 5,
    }


def test_the_faults_of_a_document_are_told_line_by_line(capsys):
    from polyvisor.cli.failure import report
    from polyvisor.documents.faults import Fault

    faults = [Fault("/domain/devices/disk/@typ", 12, "unknown attribute 'typ'", nearest="type")]
    assert report(errors.InvalidDocument("a.xml is no domain", faults=faults), as_json=False) == 6
    assert capsys.readouterr().err == (
        "error: a.xml is no domain\n  line 12: /domain/devices/disk: unknown attribute 'typ'; did you mean 'type'?\n"
    )


def test_a_defect_says_how_to_learn_more_and_debug_shows_where(run):
    outcome = run("reset", "web")
    assert "broke in reset: KeyError" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in run("-d", "debug", "reset", "web").err


@pytest.mark.parametrize(
    ("words", "environ", "coloured"),
    [([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False)],
)
def test_colours_appear_on_terminals_unless_they_are_not_wanted(environment, words, environ, coloured):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "polyvisor.cli", *words, "domstate", "nosuch"]
    subprocess.run(command, stderr=theirs, env={**environment, **environ}, timeout=30, check=False)
    os.close(theirs)
    told = os.read(ours, 65536)
    os.close(ours)
    assert told.startswith(b"\x1b[" if coloured else b"error: there is no domain nosuch")


def test_colours_appear_nowhere_else(run):
    assert "\x1b" not in run("domstate", "nosuch").err


def test_a_reader_that_leaves_early_is_no_error(execute, environment):
    script = (
        "from polyvisor.cli import main; import polyvisor.cli.output as output\n"
        "output.table = lambda *a, **k: 'x' * 1_000_000\n"
        "main(['list'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == Status.PIPE_CLOSED


def test_output_that_cannot_be_written_is_a_failure(execute):
    with open("/dev/full", "w") as full:
        outcome = execute("list", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert outcome.status == Status.FAILED
    assert "No space left on device" in outcome.err


def test_a_closed_standard_output_is_a_failure(environment):
    command = f"{sys.executable} -m polyvisor.cli list >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, timeout=30)
    assert done.returncode == Status.FAILED
    assert "standard output is closed" in done.stderr


def test_an_interrupt_ends_quietly_with_130(run, monkeypatch):
    def interrupted(self, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(Shell, "domain", interrupted)
    outcome = run("domstate", "web")
    assert (outcome.status, outcome.out, outcome.err.strip()) == (130, "", "")


def test_names_that_the_locale_cannot_write_are_escaped(execute, environment):
    outcome = execute("domname", "größe", env={**environment, "PYTHONIOENCODING": "iso8859-7"})
    assert outcome.err == "error: there is no domain gr\\xf6\\xdfe\n"


def test_debug_levels_are_names_or_virshs_numbers(run):
    quiet, loud = run("-d", "4", "list"), run("-d", "0", "list")
    assert quiet.err == ""
    assert "polyvisor" in loud.err


def test_a_configuration_file_that_is_wrong_is_told(run, tmp_path, monkeypatch):
    (tmp_path / "p.toml").write_text("[lgo]\n")
    monkeypatch.setenv("POLYVISOR_CONFIG", str(tmp_path / "p.toml"))
    outcome = run("list")
    assert outcome.status == Status.USAGE
    assert f"{tmp_path}/p.toml: unknown key 'lgo'" in outcome.err


def test_an_alias_names_a_connection(run, tmp_path, monkeypatch):
    (tmp_path / "p.toml").write_text('[uri_aliases]\nlab = "fake:///lab"\n')
    monkeypatch.setenv("POLYVISOR_CONFIG", str(tmp_path / "p.toml"))
    assert run("-c", "lab", "uri").out == "fake:///lab\n"
    assert os.environ["POLYVISOR_DEFAULT_URI"] == run("uri").out.strip()
