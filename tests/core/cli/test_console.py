"""The console: in pipes, on a terminal (a pseudo-terminal here), and how each ends."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time

import pytest

from polyvisor.cli.console import escape_byte, shown
from polyvisor.errors import InvalidArgument

CONSOLE = [sys.executable, "-m", "polyvisor.cli", "-c", "fake:///default", "console", "web"]


def read_until(descriptor, wanted, seconds=20):
    """What arrives until ``wanted`` is in it, within ``seconds``."""
    heard, deadline = b"", time.monotonic() + seconds
    while wanted not in heard:
        left = deadline - time.monotonic()
        assert left > 0 and select.select([descriptor], [], [], left)[0], f"{wanted!r} is not in {heard!r}"
        heard += os.read(descriptor, 65536)
    return heard


@pytest.fixture
def terminal(environment):
    """A console command on a terminal of its own: the terminal's other end, the command, its error output."""
    ours, theirs = pty.openpty()
    started = []

    def start(*words):
        process = subprocess.Popen(
            [*CONSOLE, *words], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment
        )
        started.append(process)
        return ours, theirs, process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()
    os.close(ours)
    os.close(theirs)


def test_in_a_pipe_input_goes_in_and_output_comes_out_until_the_guest_is_gone(execute):
    outcome = execute(*CONSOLE[3:], input="hello\npoweroff\n")
    assert outcome.status == 0
    assert outcome.out == "login: hello\npoweroff\n"
    assert "Connected to domain 'web'\nEscape character is ^]\n" in outcome.err


def test_the_escape_character_ends_it_in_a_pipe_too_and_what_stood_before_it_arrives(environment):
    process = subprocess.Popen(
        CONSOLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0
    )
    with process:
        process.stdin.write(b"abc\n")
        assert b"abc" in read_until(process.stdout.fileno(), b"abc\n")
        process.stdin.write(b"\x1dnever sent")
        assert process.wait(20) == 0
        assert b"never" not in process.stdout.read()


def test_a_console_without_input_still_prints(environment):
    with subprocess.Popen(
        CONSOLE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert read_until(process.stdout.fileno(), b"login: ") == b"login: "
        process.terminate()
        process.wait(20)


def test_on_a_terminal_every_key_goes_to_the_guest_and_the_terminal_is_put_back(terminal):
    ours, theirs, process = terminal()
    before = termios.tcgetattr(theirs)
    read_until(ours, b"login: ")
    assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    os.write(ours, b"\x03x")
    read_until(ours, b"\x03x")
    os.write(ours, b"\x1d")
    assert process.wait(20) == 0
    assert termios.tcgetattr(theirs) == before


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGHUP"])
def test_a_signal_puts_the_terminal_back(terminal, signal_name):
    import signal

    number = getattr(signal, signal_name)
    ours, theirs, process = terminal()
    before = termios.tcgetattr(theirs)
    read_until(ours, b"login: ")
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert termios.tcgetattr(theirs) == before


def test_a_guest_that_goes_away_puts_the_terminal_back(terminal):
    ours, theirs, process = terminal()
    before = termios.tcgetattr(theirs)
    read_until(ours, b"login: ")
    os.write(ours, b"poweroff\r")
    assert process.wait(20) == 0
    assert termios.tcgetattr(theirs) == before


def test_another_escape_character_can_be_chosen(terminal):
    ours, _, process = terminal("--escape", "^A")
    read_until(ours, b"login: ")
    os.write(ours, b"\x1dq")
    read_until(ours, b"\x1dq")
    os.write(ours, b"\x01")
    assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("text", "byte"), [("^]", b"\x1d"), ("^a", b"\x01"), ("^A", b"\x01"), ("~", b"~"), ("^?", b"\x7f")]
)
def test_an_escape_character_is_written_as_virsh_writes_it(text, byte):
    assert escape_byte(text) == byte
    assert shown(byte) == text.upper()


@pytest.mark.parametrize("text", ["", "ab", "^1", "ü", "^^^"])
def test_what_is_no_escape_character_is_refused(text):
    with pytest.raises(InvalidArgument):
        escape_byte(text)


def test_a_domain_that_does_not_run_has_no_console(execute):
    outcome = execute("console", "mail", input="")
    assert outcome.status == 1
    assert outcome.err == "error: domain 'mail' is not running\n"


def test_start_with_console_starts_paused_connects_and_lets_go(execute):
    outcome = execute("-d", "debug", "start", "mail", "--console", input="poweroff\n")
    assert outcome.status == 0
    assert outcome.out == "Domain 'mail' started\nlogin: poweroff\n"
    calls = [line.split(": ")[1].split()[0] for line in outcome.err.splitlines() if "polyvisor.audit" in line]
    assert calls == ["lookup_domain", "start", "open_console", "resume"]
